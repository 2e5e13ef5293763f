# SPDX-License-Identifier: BSD-3-Clause
"""What a script uses: runs and sweeps of the built-in scenarios, always in worker processes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ipseclab import core, plan, provenance, ranges, work
from ipseclab.campaign import FILE_NAME, Campaign
from ipseclab.errors import RunsFailed
from ipseclab.runner import execute

if TYPE_CHECKING:
    from ipseclab._core import ScenarioInfo

Value = str | int | float


def scenarios() -> list[ScenarioInfo]:
    """The built-in scenarios with their parameters, metrics and units."""
    known: list[ScenarioInfo] = core.load().scenarios()
    return known


def _typed(scenario: str, name: str, value: Value) -> str:
    """As on the command line; a number gets the SI unit of its parameter."""
    if isinstance(value, str):
        return value
    units = {spec["name"]: spec["unit"] for spec in core.scenario_info(scenario)["parameters"]}
    number = float(value)
    shown = repr(int(number)) if number.is_integer() else repr(number)
    return shown + units.get(name, "")


def _grid(scenario: str, parameters: Mapping[str, Value | Iterable[Value]]) -> dict[str, list[str]]:
    grid = {}
    for typed, value in parameters.items():
        name = plan.parameter_name(typed)
        several = isinstance(value, Iterable) and not isinstance(value, str)
        values: Iterable[Value] = value if several else [value]  # type: ignore[list-item, assignment]
        words = [_typed(scenario, name, v) for v in values]
        grid[name] = [v for word in words for v in ranges.expand(scenario, name, word)]
    return grid


def _jobs(
    scenario: str, grid: Mapping[str, list[str]], replications: plan.Replications
) -> list[plan.Job]:
    return plan.make_jobs(scenario, plan.make_points(scenario, {}, grid), replications)


def _frame(jobs: Sequence[plan.Job], workers: int, folder: Path, dask: str = "") -> pd.DataFrame:
    work.check_folder(folder)
    build = provenance.collect()
    with Campaign(folder / FILE_NAME) as campaign:
        missing = campaign.missing(jobs, build.code_identity)
        execute(campaign, missing, build, workers, lambda outcome: None, dask=dask)
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
    dask: str = "",
    **parameters: Value | Iterable[Value],
) -> pd.DataFrame:
    """Runs every combination of the parameters' values; one row per run.

    Columns: ``parameter.NAME`` as typed, ``metric.NAME`` in the unit that ``scenarios()`` says,
    ``run``, ``seed``, ``status`` and ``error`` of a run that failed.

    :param runs: independent replications of each combination: run numbers from ``first_run``
    :param seed: ns-3 RngSeed
    :param sized: ESP packets have the right lengths and are not encrypted; faster, same counts
    :param jobs: processes at a time
    :param out: folder of the campaign, which is resumed; None: a temporary one
    :param dask: address of a Dask scheduler whose workers make the runs
    :param parameters: strings with units as on the command line, or numbers in SI units (seconds,
        packets or bits per second, octets); a list, range or array stands for each of its values,
        "0.1ms..10ms:5" for five
    """
    replications = plan.Replications(runs, first_run, seed, sized)
    todo = _jobs(scenario, _grid(scenario, parameters), replications)
    if out is not None:
        return _frame(todo, jobs, Path(out), dask)
    with tempfile.TemporaryDirectory(prefix="ipseclab-") as folder:
        return _frame(todo, jobs, Path(folder), dask)


def run(
    scenario: str, *, seed: int = 1, run: int = 1, sized: bool = False, **parameters: Value
) -> Mapping[str, object]:
    """One run, as a row of ``sweep``.  Raises RunsFailed with its error when it failed."""
    jobs = _jobs(scenario, _grid(scenario, parameters), plan.Replications(1, run, seed, sized))
    with tempfile.TemporaryDirectory(prefix="ipseclab-") as folder:
        row: dict[str, object] = _frame(jobs, 1, Path(folder)).iloc[0].to_dict()
    if row["status"] != "ok":
        raise RunsFailed(f"the run failed: {row['error']}")
    return row
