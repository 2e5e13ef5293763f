# SPDX-License-Identifier: BSD-3-Clause
"""The command ``ipseclab interop``."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import click

from ipseclab.cli_between import between_options, perform, refuse_strays
from ipseclab.errors import EXIT_DIFFERS, EXIT_OK


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@click.command("interop")
@click.option("--peer", "peers", multiple=True, help="Only this daemon; may be repeated.")
@click.option("--case", "cases", multiple=True, help="Only this case, or those that begin so.")
@click.option("--quick", is_flag=True, help="Some cases of each kind: a minute or two.")
@click.option("--list", "only_list", is_flag=True, help="Names the cases and runs nothing.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/interop"))
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), help="JUnit XML, once more."
)
@click.option("--jobs", type=click.IntRange(min=1), default=2, help="Cells at the same time.")
@between_options
def interop_command(
    peers: tuple[str, ...],
    cases: tuple[str, ...],
    quick: bool,
    only_list: bool,
    out: Path,
    junit: Path | None,
    jobs: int,
    between: tuple[str, str] | None,
    **network: Any,
) -> int:
    """The simulated gateway against real IKE daemons; needs root.  Exit 1: a cell failed."""
    from ipseclab import files, screen
    from ipseclab.interop import matrix, report
    from ipseclab.interop.cases import CASES
    from ipseclab.interop.cell import FAIL, Result

    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    if between:
        return perform(between, network, out)
    refuse_strays(network)
    chosen = matrix.find_cases([case for case in CASES if case.quick or not quick], cases)
    adapters = matrix.find_peers(peers)
    if only_list:
        for case in chosen:
            click.echo(f"{case.name}: {case.title}")
        return EXIT_OK
    out.mkdir(parents=True, exist_ok=True)
    console = screen.console()

    def tell(result: Result) -> None:
        if console.is_terminal and result.seconds:
            console.print(f"{result.peer} {result.case}: {result.verdict}", markup=False)

    results = matrix.run(adapters, chosen, out.resolve(), jobs, tell)
    report.show(console, results)
    for path in report.write(out, results):
        console.print(str(path), soft_wrap=True, markup=False)
    if junit:
        files.write(junit, report.as_junit(results))
    return EXIT_DIFFERS if any(result.verdict == FAIL for result in results) else EXIT_OK
