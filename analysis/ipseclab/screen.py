# SPDX-License-Identifier: BSD-3-Clause
"""The terminal: its width, and tables whose titles stay in one piece."""

from __future__ import annotations

from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 160  # columns where the output is no terminal


class TitledTable(Table):
    """A table under a title that may be wider than it; rich would wrap the title inside."""

    def __init__(self, *headings: str, heading: str, **options: Any) -> None:
        super().__init__(*headings, **options)
        self.heading = heading

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The title over the whole width of the terminal, then the table."""
        yield Text(self.heading, style="table.title", overflow="fold")
        yield from super().__rich_console__(console, options)


def console(stderr: bool = False) -> Console:
    """A console that does not squeeze its tables when the output is a file or a pipe."""
    screen = Console(stderr=stderr, highlight=False)
    return (
        screen if screen.is_terminal else Console(stderr=stderr, highlight=False, width=_PIPE_WIDTH)
    )
