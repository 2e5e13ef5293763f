# SPDX-License-Identifier: BSD-3-Clause
"""Shows how far a sweep is: a bar on a terminal; elsewhere nothing, or a line per tenth."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ipseclab.campaign import Outcome


class SweepProgress:
    """Counts outcomes; rate and time left follow from what has finished."""

    def __init__(
        self, console: Console, title: str, total: int, *, plain_lines: bool = False
    ) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._plain_lines = plain_lines and not console.is_terminal
        self._done = 0
        self._tenth = 0
        self._began = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total, rate="")

    def __enter__(self) -> SweepProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, outcome: Outcome) -> None:
        """Counts one outcome and tells of it when it failed."""
        self._done += 1
        if not outcome.ok:
            first = outcome.error.splitlines()[0]
            self._console.print(
                f"failed: run {outcome.job.run}: {first}\n  repeat it: {outcome.job.command()}",
                markup=False,
                soft_wrap=True,
            )
        rate = self._done / max(time.monotonic() - self._began, 1e-9)
        self._bar.update(self._task, completed=self._done, rate=f"{rate:.1f} runs/s")
        if self._plain_lines:
            self._plain(rate)

    def _plain(self, rate: float) -> None:
        tenth = 10 * self._done // self._total
        if tenth > self._tenth:
            self._tenth = tenth
            left = (self._total - self._done) / rate
            self._console.print(
                f"{self._title}: {self._done}/{self._total} runs, {rate:.1f} runs/s, "
                f"{left:.0f} s left"
            )
