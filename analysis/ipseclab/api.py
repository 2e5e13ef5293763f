# SPDX-License-Identifier: BSD-3-Clause
"""What a script uses: runs and sweeps as functions that return DataFrames."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ipseclab import plan, provenance, work
from ipseclab.campaign import FILE_NAME, Campaign
from ipseclab.runner import execute

Value = str | int | float


def _frame(jobs: Sequence[plan.Job], workers: int, folder: Path) -> pd.DataFrame:
    work.check_folder(folder)
    build = provenance.collect()
    with Campaign(folder / FILE_NAME) as campaign:
        missing = campaign.missing(jobs, build.code_identity)
        execute(campaign, missing, build, workers, lambda outcome: None)
        return campaign.frame(jobs[0].scenario)


def sweep(
    scenario: str,
    *,
    runs: int = 1,
    seed: int = 1,
    first_run: int = 1,
    sized: bool = False,
    jobs: int = 2,
    out: str | Path | None = None,
    **parameters: Value | Sequence[Value],
) -> pd.DataFrame:
    """Runs every combination of the parameters' values; one row per run.

    :param parameters: as on the command line, with units; a list stands for each of its values
    :param out: folder of the campaign, which is resumed; None: a temporary one
    """
    grid = {
        plan.parameter_name(name): [str(v) for v in value]
        if isinstance(value, Sequence) and not isinstance(value, str)
        else [str(value)]
        for name, value in parameters.items()
    }
    points = plan.make_points(scenario, {}, grid)
    todo = plan.make_jobs(scenario, points, plan.Replications(runs, first_run, seed, sized))
    if out is not None:
        return _frame(todo, jobs, Path(out))
    with tempfile.TemporaryDirectory(prefix="ipseclab-") as folder:
        return _frame(todo, jobs, Path(folder))


def run(
    scenario: str, *, seed: int = 1, run: int = 1, sized: bool = False, **parameters: Value
) -> Mapping[str, object]:
    """The row of one run: its identity, ``parameter.NAME`` and ``metric.NAME``."""
    checked = plan.make_points(
        scenario, {plan.parameter_name(name): str(value) for name, value in parameters.items()}, {}
    )
    todo = plan.make_jobs(scenario, checked, plan.Replications(1, run, seed, sized))
    with tempfile.TemporaryDirectory(prefix="ipseclab-") as folder:
        row: dict[str, object] = _frame(todo, 1, Path(folder)).iloc[0].to_dict()
    return row
