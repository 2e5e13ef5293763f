# SPDX-License-Identifier: BSD-3-Clause
"""Which numbers a verdict hangs on: a claim judged again with each of them smaller and larger."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from ipseclab import core, judging, profiles, units
from ipseclab.claims import Case, Claim, Parameters
from ipseclab.screen import TitledTable

FACTORS = (0.5, 1.5)
# How long and with what is measured, and not what.
_PROCEDURE = frozenset({"packets", "link_rate", "rate", "payload", "flows"})
_WHOLE = ("count", "octets")


@dataclasses.dataclass(frozen=True)
class Varied(Claim):
    """A claim with one number of all its points multiplied."""

    parameter: str = ""
    factor: float = 1.0

    def cases(self) -> Iterator[Case]:
        for case in super().cases():
            yield Case(tuple(self._varied(arm) for arm in case.arms), case.published)

    def _varied(self, arm: Parameters) -> Parameters:
        value = float(core.parameter_values(self.scenario, arm)[self.parameter]) * self.factor
        info = _infos(self.scenario)[self.parameter]
        number = float(round(value)) if info.whole else float(f"{value:.6g}")
        return {**arm, self.parameter: units.typed(number, info.unit)}


@dataclasses.dataclass(frozen=True)
class _Info:
    unit: str
    whole: bool


def _infos(scenario: str) -> dict[str, _Info]:
    return {
        spec["name"]: _Info(spec["unit"], spec["quantity"] in _WHOLE)
        for spec in core.scenario_info(scenario)["parameters"]
        if spec["quantity"] not in ("choice", "file")
    }


def numbers(claim: Claim) -> list[str]:
    """The numbers of the hardware that the claim or its profiles set, and that are not zero."""
    varied = {
        *claim.expect.get("columns", []),
        *claim.expect.get("arm", {}),
        *claim.expect.get("against", {}),
        *(name for name, values in claim.plan.items() if len(values) > 1),
    }
    arms = list(claim.points())
    given = {name for arm in arms for name in profiles.expand(claim.scenario, arm)}
    values = [core.parameter_values(claim.scenario, arm) for arm in arms]
    return [
        name
        for name in _infos(claim.scenario)
        if name in given
        and name not in varied | _PROCEDURE
        and any(float(value[name]) > 0 for value in values)
    ]


def variants(claim: Claim) -> list[Varied]:
    """The claim with every number multiplied by every factor, one at a time."""
    fields: dict[str, Any] = {
        field.name: getattr(claim, field.name) for field in dataclasses.fields(Claim)
    }
    made = []
    for name in numbers(claim):
        for factor in FACTORS:
            fields["id"] = f"{claim.id}, {name} x {factor:g}"
            made.append(Varied(**fields, parameter=name, factor=factor))
    return made


def examine(
    console: Console, folder: Path, claim: Claim, effort: judging.Effort, workers: int, resume: str
) -> TitledTable:
    """A row for each number, with the verdicts."""
    varied = variants(claim)
    base, *results = judging.judge_all(console, folder, [claim, *varied], effort, workers, resume)
    verdicts = {
        (item.parameter, item.factor): result.verdict
        for item, result in zip(varied, results, strict=True)
    }
    table = TitledTable(
        "number",
        *(f"x {factor:g}" for factor in FACTORS),
        heading=f"{claim.id}: {base.verdict}; with one number changed:",
    )
    for name in numbers(claim):
        table.add_row(name, *(verdicts[name, factor] for factor in FACTORS))
    return table
