# SPDX-License-Identifier: BSD-3-Clause
"""From what a user typed to a list of runs; everything is checked before anything is written."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ipseclab import core
from ipseclab.errors import LabError


@dataclass(frozen=True)
class Job:
    """One run of one scenario; the fields are its identity, together with the code's."""

    scenario: str
    parameters: tuple[tuple[str, str], ...]  # canonical spelling, sorted by name
    seed: int  # ns-3 RngSeed
    run: int  # ns-3 RngRun: the independent replication
    sized: bool  # sized crypto mode instead of real

    @property
    def mode(self) -> str:
        return "sized" if self.sized else "real"

    def command(self) -> str:
        """The command line that makes this run again."""
        words = ["./ipseclab", "run", self.scenario]
        for name, value in self.parameters:
            if value:  # no file
                words += [f"--{name.replace('_', '-')}", value]
        words += ["--seed", str(self.seed), "--first-run", str(self.run)]
        if self.sized:
            words.append("--sized")
        return shlex.join(words)


@dataclass(frozen=True)
class Replications:
    """Which run numbers of which seed, and in which crypto mode."""

    runs: int = 1
    first_run: int = 1
    seed: int = 1
    sized: bool = False


def parameter_name(typed: str) -> str:
    """The name as the core knows it; dashes and underscores mean the same."""
    return typed.replace("-", "_")


def split_assignment(typed: str, option: str) -> tuple[str, str]:
    """The name and the value of ``name=value``."""
    name, equals, value = typed.partition("=")
    if not equals or not name or not value:
        raise LabError(f"{option} {typed}: write name=value")
    return parameter_name(name), value


def add_once(typed: dict[str, str], name: str, value: str) -> None:
    """Adds a parameter that must not have been given before."""
    if name in typed:
        raise LabError(f"{name}: given twice")
    typed[name] = value


def make_points(
    scenario: str, fixed: Mapping[str, str], grid: Mapping[str, Sequence[str]]
) -> list[dict[str, str]]:
    """The canonical parameters of every point of a grid, each checked, without repetitions."""
    points: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for values in itertools.product(*grid.values()):
        typed = dict(fixed)
        for name, value in zip(grid, values, strict=True):
            add_once(typed, name, value)
        checked = core.check_parameters(scenario, typed)
        points[tuple(sorted(checked.items()))] = checked
    return list(points.values())


def make_jobs(
    scenario: str, points: Sequence[Mapping[str, str]], replications: Replications
) -> list[Job]:
    """All runs of all points; the runs of one number come first, so that a sweep fills evenly."""
    numbers = range(replications.first_run, replications.first_run + replications.runs)
    return [
        Job(
            scenario,
            tuple(sorted(point.items())),
            replications.seed,
            number,
            replications.sized,
        )
        for number in numbers
        for point in points
    ]
