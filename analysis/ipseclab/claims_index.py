# SPDX-License-Identifier: BSD-3-Clause
"""The index of every claim that was found in the documents: measured by a file, or why not yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ipseclab import DATA_ROOT
from ipseclab.claim_file import TomlFile
from ipseclab.claims import Claim

SCHEMA = "index.schema.json"
PATH = DATA_ROOT / "scenarios" / "claims-index.toml"
FILE, WAITING = "file", "waiting"


@dataclass(frozen=True)
class Entry:
    """One claim of the documents."""

    id: str
    statement: str
    state: str  # "file" or "waiting"
    reason: str = ""  # what is missing

    @property
    def topic(self) -> str:
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Topic:
    """What was read for one topic, and the names of the claims found in it."""

    name: str
    documents: str
    count: int
    ids: tuple[str, ...]

    @property
    def claims(self) -> list[str]:
        return [f"{self.name}.{name}" for name in self.ids]


@dataclass(frozen=True)
class Index:
    """All topics and all claims."""

    topics: tuple[Topic, ...]
    entries: tuple[Entry, ...]


def load(path: Path = PATH) -> Index:
    """The index; LabError names file, line and key of the first fault, a missing claim among them.

    Every id of a topic has exactly one entry, and every entry is an id of its topic.
    """
    file = TomlFile(path)
    file.check(SCHEMA)
    topics = tuple(
        Topic(table["name"], table["documents"], table["count"], tuple(table["ids"]))
        for table in file.document["topic"]
    )
    entries = tuple(Entry(**table) for table in file.document["claim"])
    listed = [name for topic in topics for name in topic.claims]
    written = [entry.id for entry in entries]
    for number, topic in enumerate(topics):
        if topic.count != len(topic.ids):
            raise file.fault(["topic", number, "count"], f"{len(topic.ids)} ids are listed")
        lost = [name for name in topic.claims if name not in written]
        if lost:
            raise file.fault(["topic", number, "ids"], f"{lost[0]} has no entry")
    for number, name in enumerate(written):
        if name not in listed:
            raise file.fault(["claim", number, "id"], "in the list of no topic")
        if name in written[:number]:
            raise file.fault(["claim", number, "id"], "given twice")
    return Index(topics, entries)


def disagreements(index: Index, claims: Sequence[Claim]) -> list[str]:
    """One line for each claim whose state does not say whether it has a file."""
    states = {entry.id: entry.state for entry in index.entries}
    written = {claim.id for claim in claims}
    lines = [
        f"{claim.path}:{claim.line}: claim {claim.id}: "
        + ("not in the index" if claim.id not in states else "waiting, says the index")
        for claim in claims
        if states.get(claim.id) != FILE
    ]
    return lines + [
        f"{name}: has a file, says the index, but there is none"
        for name, state in states.items()
        if state == FILE and name not in written
    ]


def show(console: Console, index: Index, topic: str | None = None) -> None:
    """The index as a table, with the states counted."""
    table = Table("claim", "state", "statement", "what is missing", title_justify="left")
    table.title = "claims of the documents"
    entries = [entry for entry in index.entries if topic in (None, entry.topic)]
    for entry in entries:
        table.add_row(entry.id, entry.state, entry.statement, entry.reason)
    console.print(table)
    counts = Table("topic", "claims", FILE, WAITING, "documents", title_justify="left")
    for column in counts.columns[1:4]:
        column.justify = "right"
    for found in index.topics:
        if topic in (None, found.name):
            states = [entry.state for entry in entries if entry.topic == found.name]
            row = (len(states), states.count(FILE), states.count(WAITING))
            counts.add_row(found.name, *map(str, row), found.documents)
    console.print(counts)
    states = [entry.state for entry in entries]
    console.print(
        f"{len(states)} claims: {states.count(FILE)} have a file, {states.count(WAITING)} wait"
    )
