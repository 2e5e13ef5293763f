# SPDX-License-Identifier: BSD-3-Clause
"""The command ``ipseclab claims``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ipseclab.errors import EXIT_DIFFERS, EXIT_OK, LabError, RunsFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipseclab.baseline import Change
    from ipseclab.claims import Claim
    from ipseclab.judging import Effort, Result

_FILE = click.Path(path_type=Path, dir_okay=False)


def _precision(text: str | None) -> float | None:
    """``5%`` or ``0.05``."""
    if text is None:
        return None
    number, percent, rest = text.partition("%")
    try:
        value = float(number) / (100.0 if percent else 1.0)
    except ValueError:
        value = 0.0
    if rest or not 0.0 < value < 1.0:
        raise LabError(f"--precision {text}: write a share between 0 and 1, as 5% or 0.05")
    return value


def _chosen(topic: str | None, ids: tuple[str, ...]) -> tuple[list[Claim], list[Claim]]:
    """The claims to judge, and all."""
    from ipseclab import claims

    everything = claims.load_all()
    known = {claim.id for claim in everything}
    for name in ids:
        if name not in known:
            raise LabError(f"--id {name}: no such claim; there are: {', '.join(sorted(known))}")
    chosen = [
        claim
        for claim in everything
        if topic in (None, claim.topic, claim.path.parent.name) and (not ids or claim.id in ids)
    ]
    if not chosen:
        topics = sorted({claim.topic for claim in everything} | {c.scenario for c in everything})
        raise LabError(f"--topic {topic}: no claims; there are: {', '.join(topics)}")
    return chosen, everything


@click.command("claims")
@click.option("--topic", help="Only the claims of one topic or scenario.")
@click.option("--id", "ids", multiple=True, help="Only this claim; may be repeated.")
@click.option("--quick", "effort", flag_value="quick", help="Few runs: for every change.")
@click.option("--full", "effort", flag_value="full", help="Up to 200 runs, 5%: for papers.")
@click.option("--precision", metavar="P%", help="Half width at which runs end, of the value.")
@click.option("--max-runs", type=click.IntRange(min=2), help="Cap of the runs of a point.")
@click.option("--seed", type=click.IntRange(1, 2**32 - 1), default=1, help="ns-3 seed.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, help="Runs at the same time.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out/claims"),
    show_default=True,
    help="Folder of the runs and of claims.json, which `report` reads.",
)
@click.option("--junit", type=_FILE, help="Verdicts as JUnit XML.")
@click.option("--html", type=_FILE, help="Verdicts as one page.")
@click.option("--baseline", type=_FILE, help="Recorded verdicts; exit 1 when one differs.")
@click.option("--update-baseline", is_flag=True, help="Writes the file of --baseline.")
@click.option("--points", is_flag=True, help="Also every point, with what was expected.")
@click.option("--index", "list_index", is_flag=True, help="Lists all claims of the documents.")
def claims_command(
    topic: str | None,
    ids: tuple[str, ...],
    effort: str | None,
    precision: str | None,
    max_runs: int | None,
    seed: int,
    jobs: int,
    out: Path,
    junit: Path | None,
    html: Path | None,
    baseline: Path | None,
    update_baseline: bool,
    points: bool,
    list_index: bool,
) -> int:
    """Judges what documents claim.  A refuted claim is a finding: exit 0."""
    if list_index:
        return _show_index(topic)
    share = _precision(precision)
    chosen, everything = _chosen(topic, ids)
    from ipseclab import judging, work  # takes a second: not before a mistake is found

    wanted = judging.Effort(effort or "standard", seed, share, max_runs)
    if (baseline or update_baseline) and not wanted.plain:
        raise LabError("a baseline holds for seed 1 without --precision and --max-runs")
    known = frozenset(claim.id for claim in everything)
    keeper = _Baseline(baseline, update_baseline, wanted, known)
    work.check_folder(out)
    return _judge(chosen, wanted, jobs, out, junit, html, keeper, points)


def _show_index(topic: str | None) -> int:
    from ipseclab import claims, claims_index, screen

    index = claims_index.load()
    wrong = claims_index.disagreements(index, claims.load_all())
    if wrong:
        raise LabError(wrong[0])
    if topic is not None and topic not in {found.name for found in index.topics}:
        names = ", ".join(found.name for found in index.topics)
        raise LabError(f"--topic {topic}: not in the index; there are: {names}")
    claims_index.show(screen.console(), index, topic)
    return EXIT_OK


class _Baseline:
    """Reads before anything runs, so that a fault costs no time; compares or writes after."""

    def __init__(
        self, path: Path | None, update: bool, effort: Effort, known: frozenset[str]
    ) -> None:
        from ipseclab import DATA_ROOT, baseline

        self._path = path or DATA_ROOT / "scenarios" / "verdicts.toml"
        self._active = path is not None
        self._update = update
        self._effort = effort
        self.known = known
        self._records = baseline.load(self._path) if self._active and not update else []

    def finish(self, results: Sequence[Result]) -> list[Change]:
        from ipseclab import baseline, provenance

        revision = provenance.collect().revision[:12]
        if self._update:
            baseline.update(self._path, self._effort.name, results, revision, self.known)
            click.echo(self._path)
            return []
        if not self._active:
            return []
        return baseline.compare(self._records, self._effort.name, results, revision, self.known)


def _judge(
    chosen: Sequence[Claim],
    effort: Effort,
    jobs: int,
    out: Path,
    junit: Path | None,
    html: Path | None,
    keeper: _Baseline,
    points: bool,
) -> int:
    from ipseclab import claims_json, claims_report, judging, screen

    console = screen.console()
    resume = shlex.join(["./ipseclab", *sys.argv[1:]])
    results = judging.judge_all(console, out, chosen, effort, jobs, resume)
    changes = keeper.finish(results)
    if points:
        claims_report.show_points(console, results)
    claims_report.show(console, results, effort)
    claims_report.write_json(out / claims_json.FILE_NAME, results, effort, keeper.known)
    click.echo(out / claims_json.FILE_NAME)
    if junit:
        claims_report.write_junit(junit, results, changes)
        click.echo(junit)
    if html:
        claims_report.write_html(html, results, changes, effort)
        click.echo(html)
    for change in changes:
        console.print(f"CHANGED: {change.message}", markup=False, soft_wrap=True)
    failed = [result for result in results if result.failed_runs]
    if failed:
        raise RunsFailed(f"claim {failed[0].claim.id}: {failed[0].reason}")
    return EXIT_DIFFERS if changes else EXIT_OK


@click.command("sensitivity")
@click.argument("claim_id", metavar="CLAIM")
@click.option("--jobs", type=click.IntRange(min=1), default=2, help="Runs at the same time.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("out/claims"), show_default=True
)
def sensitivity_command(claim_id: str, jobs: int, out: Path) -> int:
    """Judges a claim with each of its numbers at half and at one and a half of its value."""
    chosen, _ = _chosen(None, (claim_id,))
    from ipseclab import judging, screen, sensitivity, work

    work.check_folder(out)
    console = screen.console()
    again = shlex.join(["./ipseclab", *sys.argv[1:]])
    effort = judging.Effort("quick")
    console.print(sensitivity.examine(console, out, chosen[0], effort, jobs, again))
    return EXIT_OK
