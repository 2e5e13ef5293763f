# SPDX-License-Identifier: BSD-3-Clause
"""Counts how many of how many things agree, and remembers what does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ipseclab.screen import TitledTable


def shorten(value: object) -> str:
    """A value for an error line: octets in hex, long ones cut."""
    text = value.hex() if isinstance(value, (bytes, bytearray)) else str(value)
    return text if len(text) <= 48 else f"{text[:45]}... ({len(text)} characters)"


@dataclass
class Tally:
    """Agreements by kind, in the order in which kinds first came up."""

    agree: dict[str, int] = field(default_factory=dict)
    total: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what a reader should know; no difference

    def check(self, what: str, where: str, got: object, expected: object) -> bool:
        """Counts one comparison; a difference is remembered with the place and both values."""
        same = got == expected
        self.count(what, same)
        if not same:
            self.differences.append(
                f"{where}: {what}: got {shorten(got)}, expected {shorten(expected)}"
            )
        return same

    def fail(self, what: str, where: str, why: str) -> None:
        """Counts something that could not even be compared."""
        self.count(what, False)
        self.differences.append(f"{where}: {what}: {why}")

    def count(self, what: str, same: bool) -> None:
        self.agree[what] = self.agree.get(what, 0) + same
        self.total[what] = self.total.get(what, 0) + 1

    @property
    def all_agree(self) -> bool:
        return not self.differences

    def sums(self) -> tuple[int, int]:
        """How many of how many."""
        return sum(self.agree.values()), sum(self.total.values())

    def table(self, title: str) -> TitledTable:
        table = TitledTable("what", "agree/total", heading=title)
        table.columns[1].justify = "right"
        for what, total in self.total.items():
            table.add_row(what, f"{self.agree[what]}/{total}")
        return table


def merge(tallies: Iterable[Tally]) -> Tally:
    """One tally of several."""
    merged = Tally()
    for tally in tallies:
        for what, total in tally.total.items():
            merged.agree[what] = merged.agree.get(what, 0) + tally.agree[what]
            merged.total[what] = merged.total.get(what, 0) + total
        merged.differences += tally.differences
        merged.notes += tally.notes
    return merged
