# SPDX-License-Identifier: BSD-3-Clause
"""Runs a plan into a campaign folder; what ``run``, ``sweep`` and ``demo`` have in common."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ipseclab import figures, provenance, report
from ipseclab.campaign import FILE_NAME, Campaign, Outcome, refuse_foreign
from ipseclab.errors import Interrupted, LabError, Stopped
from ipseclab.plan import Job
from ipseclab.points import Point, summarise
from ipseclab.progress import SweepProgress
from ipseclab.runner import execute


def check_folder(folder: Path) -> None:
    """LabError unless the folder can hold a campaign; only looks."""
    for path in (folder, *folder.parents):
        if path.exists():
            if not path.is_dir():
                raise LabError(f"--out {folder}: {path} is not a folder")
            break
    refuse_foreign(folder / FILE_NAME)


def perform(
    console: Console,
    folder: Path,
    jobs: Sequence[Job],
    workers: int,
    *,
    title: str,
    resume: str,
    captures: Path | None = None,
    dask: str = "",
    plain_progress: bool = False,
) -> list[Outcome]:
    """Runs the jobs that are missing in the folder's campaign.

    :param resume: the command line that goes on after Ctrl-C
    :param captures: where the first run writes its captures; it is then made in any case
    :param dask: address of a Dask scheduler that gets the runs without captures
    :param plain_progress: a line now and then where the output is no terminal
    """
    check_folder(folder)
    build = provenance.collect()
    with Campaign(folder / FILE_NAME) as campaign:
        missing = campaign.missing(jobs, build.code_identity)
        there = len(jobs) - len(missing)
        if there:
            console.print(f"{there} of {len(jobs)} runs are in {campaign.path} already")
        others = campaign.runs_of_other_code({job.scenario for job in jobs}, build.code_identity)
        if others:
            console.print(f"{others} runs of other code are kept apart")
        captured = [jobs[0]] if captures else []
        rest = [job for job in missing if job not in captured]
        outcomes: list[Outcome] = []
        total = max(1, len(captured) + len(rest))

        def kept() -> str:
            left = len(campaign.missing(jobs, build.code_identity))
            return f"{len(jobs) - left} of {len(jobs)} runs are kept; resume: {resume}"

        try:
            with SweepProgress(console, title, total, plain_lines=plain_progress) as progress:
                if captures:
                    captures.mkdir(parents=True, exist_ok=True)
                    outcomes += execute(campaign, captured, build, 1, progress, str(captures))
                outcomes += execute(campaign, rest, build, workers, progress, dask=dask)
        except Stopped as error:
            error.args = (f"{error}; {kept()}",)
            raise
        except KeyboardInterrupt:
            # A second Ctrl-C must not tear the one line that says how to go on.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            raise Interrupted(f"interrupted: {kept()}") from None
    return outcomes


def points_of(folder: Path, jobs: Sequence[Job]) -> list[Point]:
    """The points of exactly these jobs, as the campaign has them, with this code."""
    scenario = jobs[0].scenario
    identity = provenance.collect().code_identity
    with Campaign(folder / FILE_NAME, create=False) as campaign:
        frame = campaign.frame(scenario)
    wanted = {(job.parameters, job.seed, job.run, job.mode) for job in jobs}
    names = [column for column in frame.columns if column.startswith("parameter.")]
    keep = [
        (
            tuple(sorted((name.partition(".")[2], row[name]) for name in names)),
            row["seed"],
            row["run"],
            row["mode"],
        )
        in wanted
        for _, row in frame.iterrows()
    ]
    return summarise(frame[keep], scenario, identity)


def write_results(folder: Path, scenario: str, *, plot: bool) -> list[Path]:
    """CSV, report, and the figure when asked for, of everything in the campaign; the paths."""
    csv = folder / "metrics.csv"
    with Campaign(folder / FILE_NAME, create=False) as campaign:
        campaign.export_csv(scenario, csv)
        points = summarise(campaign.frame(scenario), scenario, campaign.latest_code(scenario))
    paths = [folder / FILE_NAME, csv, report.write(folder)]
    figure = figures.make(scenario, points) if plot else None
    return paths + (figures.save(figure, folder / scenario) if figure else [])
