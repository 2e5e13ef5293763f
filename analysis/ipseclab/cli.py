# SPDX-License-Identifier: BSD-3-Clause
"""The command line.  Every mistake is answered by one line on standard error."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ipseclab import plan
from ipseclab.cli_claims import claims_command, sensitivity_command
from ipseclab.cli_interop import interop_command
from ipseclab.errors import (
    EXIT_DIFFERS,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_STORAGE,
    EXIT_USAGE,
    LabError,
    RunsFailed,
    Unsupported,
)

_POSITIVE = click.IntRange(min=1)
_SEED = click.IntRange(1, 2**32 - 1)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _campaign_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every command that runs something has."""
    options: Sequence[Decorator] = (
        click.option("--runs", type=_POSITIVE, default=1, help="Independent runs of each point."),
        click.option("--seed", type=_SEED, default=1, help="ns-3 seed."),
        click.option("--first-run", type=_POSITIVE, default=1, help="ns-3 number of the first."),
        click.option("--out", type=click.Path(path_type=Path), help="Default: out/SCENARIO."),
        click.option("--sized", is_flag=True, help="Right lengths instead of real encryption."),
        click.option("--plot", is_flag=True, help="Figure as PNG and SVG."),
        click.option("--jobs", type=_POSITIVE, default=2, help="Runs at the same time."),
        click.option("--dask", metavar="ADDRESS", default="", help="Run on a Dask cluster."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _typed_parameters(words: Sequence[str]) -> dict[str, str]:
    """``--name value`` and ``--name=value``, dashes and underscores alike."""
    typed: dict[str, str] = {}
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("--") or len(word) < 3:
            raise LabError(f"'{word}' is no parameter; write --NAME VALUE")
        name, equals, value = word[2:].partition("=")
        if not equals:
            found = next(waiting, None)
            if found is None:
                raise LabError(f"--{name}: its value is missing")
            value = found
        plan.add_once(typed, plan.parameter_name(name), value)
    return typed


def _check_names(scenario: str, names: Sequence[str]) -> None:
    """Unknown parameters first: no value of another one is worth a word before."""
    from ipseclab import core, profiles

    known = [parameter["name"] for parameter in core.scenario_info(scenario)["parameters"]]
    if profiles.names(scenario):
        known.append(profiles.PARAMETER)
    for name in names:
        if name not in known:
            raise LabError(f"{name}: no parameter of {scenario}; there are: {', '.join(known)}")


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from ipseclab import provenance

        click.echo(provenance.version_line())
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Version, revision, ns-3 and OpenSSL.",
)
def cli() -> None:
    """Simulates IPsec gateways and measures what the working group argues about."""


@cli.command("list")
def list_command() -> int:
    """Scenarios with parameters and metrics, and claims."""
    from ipseclab import listing, screen

    listing.show(screen.console())
    return EXIT_OK


@cli.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
    options_metavar="[--PARAMETER VALUE]... [OPTIONS]",
)
@click.argument("scenario")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
@_campaign_options
@click.option("--pcap", is_flag=True, help="Captures and keys of the first run.")
def run_command(
    scenario: str,
    words: tuple[str, ...],
    runs: int,
    seed: int,
    first_run: int,
    out: Path | None,
    sized: bool,
    plot: bool,
    jobs: int,
    dask: str,
    pcap: bool,
) -> int:
    """One point of a SCENARIO; `ipseclab list` names the parameters."""
    typed = _typed_parameters(words)
    _check_names(scenario, list(typed))
    points = plan.make_points(scenario, typed, {})
    todo = plan.make_jobs(scenario, points, plan.Replications(runs, first_run, seed, sized))
    from ipseclab import descriptions, screen, tables, work  # a second: after mistakes in words

    if pcap and not descriptions.load(scenario).captures:
        raise LabError(f"--pcap: {scenario} writes no captures")
    folder = out or Path("out") / scenario
    console = screen.console()
    outcomes = work.perform(
        console,
        folder,
        todo,
        jobs,
        title=scenario,
        resume=_again(),
        captures=folder / "captures" if pcap else None,
        dask=dask,
    )
    for point in work.points_of(folder, todo):
        console.print(tables.point_table(f"{scenario}, {point.runs} run(s)", scenario, point))
    written = [Path(name) for outcome in outcomes for name in outcome.files]
    code = _finish(console, folder, scenario, plot, outcomes, written)
    _show_tshark(console, [path for path in written if path.suffix == ".pcap"], sized=sized)
    return code


def _show_tshark(console: Any, captures: Sequence[Path], *, sized: bool) -> None:
    """The command that decrypts the last capture."""
    if captures:
        profile = shlex.quote(str(captures[-1].parent / "wireshark"))
        command = f"tshark -C ipseclab -r {shlex.quote(str(captures[-1]))}"
        what = "IKE decrypted (sized ESP is not in clear to tshark)" if sized else "Decrypted"
        console.print(f"{what}, packet by packet:", soft_wrap=True)
        line = f"  WIRESHARK_CONFIG_DIR={profile} {command}"
        console.print(line, soft_wrap=True, markup=False)


@cli.command("sweep")
@click.argument("scenario")
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=V1,V2,...",
    help="Every one of these values; LOW..HIGH:COUNT is a range, with :lin of equal steps.",
)
@click.option("--set", "fixed", multiple=True, metavar="NAME=VALUE", help="The same everywhere.")
@_campaign_options
def sweep_command(
    scenario: str,
    grid: tuple[str, ...],
    fixed: tuple[str, ...],
    runs: int,
    seed: int,
    first_run: int,
    out: Path | None,
    sized: bool,
    plot: bool,
    jobs: int,
    dask: str,
) -> int:
    """Every combination of the grids' values; what a campaign has already is not run again."""
    grids: dict[str, str] = {}
    constants: dict[str, str] = {}
    for word in grid:
        plan.add_once(grids, *plan.split_assignment(word, "--grid"))
    for word in fixed:
        plan.add_once(constants, *plan.split_assignment(word, "--set"))
    _check_names(scenario, [*constants, *grids])
    from ipseclab import ranges

    values = {name: ranges.expand(scenario, name, text) for name, text in grids.items()}
    points = plan.make_points(scenario, constants, values)
    todo = plan.make_jobs(scenario, points, plan.Replications(runs, first_run, seed, sized))
    from ipseclab import screen, tables, work  # takes a second: not before a mistake is found

    folder = out or Path("out") / scenario
    console = screen.console()
    outcomes = work.perform(console, folder, todo, jobs, title=scenario, resume=_again(), dask=dask)
    found = work.points_of(folder, todo)
    console.print(tables.points_table(f"{scenario}, sweep", scenario, found))
    console.print(tables.confidence_note())
    return _finish(console, folder, scenario, plot, outcomes, [])


def _again() -> str:
    return shlex.join(["./ipseclab", *sys.argv[1:]])


def _finish(
    console: Any,
    folder: Path,
    scenario: str,
    plot: bool,
    outcomes: Sequence[Any],
    written: Sequence[Path],
) -> int:
    """Writes and names the results; EXIT_DIFFERS when a run failed."""
    from ipseclab import work

    for path in [*work.write_results(folder, scenario, plot=plot), *written]:
        console.print(str(path), soft_wrap=True, markup=False)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    if failed:
        raise RunsFailed(
            f"{len(failed)} of {len(outcomes)} runs failed; the first: {failed[0].error}; "
            f"repeat it: {failed[0].job.command()}"
        )
    return EXIT_OK


@cli.command("demo")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/demo"), show_default=True)
@click.option("--jobs", type=_POSITIVE, default=2, help="Runs at the same time.")
def demo_command(out: Path, jobs: int) -> int:
    """Sweeps against theory, recorded sessions and verdicts against the model; 2-3 minutes."""
    from ipseclab import demo, screen

    return demo.demo(screen.console(), out, jobs)


_SHOWN_DIFFERENCES = 20


def _show_tally(title: str, tally: Any) -> int:
    from ipseclab import screen

    console = screen.console()
    console.print(tally.table(title))
    for note in tally.notes:
        console.print(f"note: {note}", markup=False)
    for difference in tally.differences[:_SHOWN_DIFFERENCES]:
        console.print(f"DIFFERS: {difference}", markup=False, soft_wrap=True)
    if len(tally.differences) > _SHOWN_DIFFERENCES:
        console.print(f"and {len(tally.differences) - _SHOWN_DIFFERENCES} more that differ")
    agree, total = tally.sums()
    console.print(f"{title}: {agree} of {total} agree", markup=False, soft_wrap=True)
    return EXIT_OK if tally.all_agree else EXIT_DIFFERS


@cli.command("verify")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("--secrets", type=click.Path(path_type=Path), required=True, help="JSON file.")
def verify_command(capture: Path, secrets: Path) -> int:
    """A recorded session through the model; exit 127: something in it is unsupported."""
    from ipseclab.verify import verify

    return _show_tally(str(capture), verify(capture, secrets))


@cli.command("verify-window")
@click.argument("verdicts", type=click.Path(path_type=Path))
def verify_window_command(verdicts: Path) -> int:
    """Replay verdicts of a kernel, packet by packet, against the model's receiver."""
    from ipseclab.verify_window import verify_window

    return _show_tally(str(verdicts), verify_window(verdicts))


@cli.command("arrivals")
@click.argument("capture", type=click.Path(path_type=Path))
@click.option("--spi", help="Of the SA, as 0x1a2b3c4d; needed when there are several.")
def arrivals_command(capture: Path, spi: str | None) -> int:
    """Prints the sequence numbers of an SA in order of arrival, for `--network trace`."""
    from ipseclab import session

    numbers = session.arrivals(capture, spi)
    click.echo(f"# {capture.name}: ESP sequence numbers in order of arrival")
    click.echo("\n".join(map(str, numbers)))
    return EXIT_OK


@cli.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
def report_command(folder: Path) -> int:
    """Writes FOLDER/report.html again from the campaign in FOLDER."""
    from ipseclab import report

    click.echo(report.write(folder))
    return EXIT_OK


@cli.command("calibrate")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out/this-machine.toml"),
    show_default=True,
    help="The profile to write.",
)
def calibrate_command(out: Path) -> int:
    """Measures ESP of this build on this machine, and writes it as a profile."""
    from ipseclab import calibrate

    found = calibrate.measure(out)
    click.echo(
        f"{found.cpu}: {found.packet:.4g} ns for a packet and {found.octet:.4g} ns for an octet, "
        f"within {100.0 * found.deviation:.0f} % of each length"
    )
    click.echo(out)
    return EXIT_OK


@cli.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor_command(as_json: bool) -> int:
    """What this machine can do, and what is missing for what."""
    from ipseclab import doctor, screen

    found = doctor.examine()
    if as_json:
        click.echo(doctor.as_json(found))
    else:
        doctor.show(screen.console(), found)
    return EXIT_OK


cli.add_command(claims_command)
cli.add_command(sensitivity_command)
cli.add_command(interop_command)


def _complain(message: str) -> None:
    print(f"ipseclab: {' '.join(message.split())}", file=sys.stderr)


def _prepare_matplotlib() -> None:
    """Where the home folder takes no files, matplotlib would complain about it in every process."""
    if "MPLCONFIGDIR" in os.environ:
        return
    try:
        for variable, name in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache")):
            folder = Path(os.environ.get(variable) or Path.home() / name) / "matplotlib"
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError
    except (OSError, RuntimeError):
        folder = Path(tempfile.gettempdir()) / f"ipseclab-matplotlib-{os.getuid()}"
        os.environ["MPLCONFIGDIR"] = str(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code."""
    _prepare_matplotlib()
    try:
        code = cli.main(args=arguments, prog_name="ipseclab", standalone_mode=False)
    except Unsupported as error:
        _complain(f"unsupported: {error}")
        return error.exit_code
    except LabError as error:
        _complain(str(error))
        return error.exit_code
    except click.ClickException as error:
        _complain(error.format_message())
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return EXIT_INTERRUPTED
    except OSError as error:
        _complain(f"{error.filename or 'output'}: {error.strerror}")
        return EXIT_STORAGE
    return code if isinstance(code, int) else EXIT_OK
