# SPDX-License-Identifier: BSD-3-Clause
"""The terminal: its width, and tables whose titles, numbers and names stay in one piece."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 160  # columns where the output is no terminal
_HEADING_WIDTH = 10  # longer headings take several lines
_FRAME = 3  # columns around a cell: two spaces and a line


class TitledTable(Table):
    """A table under a title that may be wider than it; rich would wrap the title inside."""

    def __init__(self, *headings: str, heading: str, **options: Any) -> None:
        super().__init__(*headings, **options)
        self.heading = heading

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The title over the whole width of the terminal, then the table."""
        yield Text(self.heading, style="table.title", overflow="fold")
        yield from super().__rich_console__(console, options)


class WideTable:
    """Numbers, and what tells the rows apart.

    Columns that the terminal has no place for follow below, beside the same keys: rich would cut
    off what is written in them.
    """

    def __init__(
        self,
        heading: str,
        keys: Sequence[str],
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
    ) -> None:
        self.heading = heading
        self._keys = len(keys)
        self._headings = [
            "\n".join(textwrap.wrap(text, _HEADING_WIDTH, break_long_words=False))
            for text in (*keys, *columns)
        ]
        self._rows = rows

    def _width(self, column: int) -> int:
        lines = [*self._headings[column].splitlines(), *(row[column] for row in self._rows)]
        return _FRAME + max(map(cell_len, lines), default=0)

    def _parts(self, width: int) -> Iterator[list[int]]:
        """The columns of each table, at least one beside the keys."""
        keys = list(range(self._keys))
        space = width - 1 - sum(map(self._width, keys))
        part: list[int] = []
        for column in range(self._keys, len(self._headings)):
            if part and sum(map(self._width, [*part, column])) > space:
                yield keys + part
                part = []
            part.append(column)
        yield keys + part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The title over the whole width of the terminal, then as many tables as it takes."""
        yield Text(self.heading, style="table.title", overflow="fold")
        for part in self._parts(options.max_width):
            table = Table()
            for column in part:
                table.add_column(self._headings[column], justify="right", no_wrap=True)
            for row in self._rows:
                table.add_row(*(Text(row[column]) for column in part))
            yield table


def console(stderr: bool = False) -> Console:
    """A console that does not squeeze its tables when the output is a file or a pipe."""
    screen = Console(stderr=stderr, highlight=False)
    return (
        screen if screen.is_terminal else Console(stderr=stderr, highlight=False, width=_PIPE_WIDTH)
    )
