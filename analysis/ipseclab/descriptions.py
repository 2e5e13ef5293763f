# SPDX-License-Identifier: BSD-3-Clause
"""What a scenario's folder says about it: question, limits, measure, figure and theory.

``scenarios/NAME/scenario.toml`` is read against a schema; docs/adding-a-scenario.md explains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from ipseclab import DATA_ROOT, core, theory
from ipseclab.claim_file import Key, TomlFile
from ipseclab.errors import LabError
from ipseclab.expressions import FUNCTIONS, Expression, Function

FILE_NAME = "scenario.toml"
SCHEMA = "scenario.schema.json"
# What a formula may call.
FORMULA_FUNCTIONS: dict[str, Function] = {**FUNCTIONS, **theory.FORMULAS}

Values = Mapping[str, float | str]  # parameters in SI units


@dataclass(frozen=True)
class Drawn:
    """A measure that has a row of panels in the figure."""

    measure: str  # a metric or a share
    name: str  # in tables
    label: str  # of the y axis
    scale: str  # of the y axis: linear, log or symlog


@dataclass(frozen=True)
class Description:
    """The file of one scenario."""

    scenario: str
    path: Path
    question: str
    limits: tuple[str, ...]
    captures: bool  # whether a run can write captures and their keys
    warm_up: str
    shares: Mapping[str, str]  # metrics that are shares of counts
    correlation: str
    figure: Mapping[str, Any]
    theory: tuple[Mapping[str, Any], ...]

    @property
    def measure(self) -> str:
        """What the figure shows first, and theory is about: a metric or a share."""
        return str(self.figure["measure"])

    @property
    def name(self) -> str:
        """The measure's name in tables."""
        return str(self.figure["name"])

    @property
    def drawn(self) -> tuple[Drawn, ...]:
        """The measure, and those beside it: what the figure shows from top to bottom."""
        return tuple(
            Drawn(row["measure"], row["name"], row["label"], row.get("scale", "linear"))
            for row in (self.figure, *self.figure.get("beside", []))
        )

    @property
    def beside(self) -> tuple[Drawn, ...]:
        """What the figure shows below the measure."""
        return self.drawn[1:]

    @property
    def columns(self) -> list[str]:
        """Metrics that only the tables show."""
        return list(self.figure.get("columns", []))

    def share(self, measure: str) -> tuple[Expression, Expression] | None:
        """Counted events and what they are counted among; None for a plain metric."""
        return self.expression(measure).quotient

    def expression(self, measure: str) -> Expression:
        """A measure as an expression of metrics."""
        return Expression(self.shares.get(measure, measure), {})

    def correlation_length(self, values: Values) -> float:
        """How far, in packets, one packet's fate hangs together with another's.

        Used only where the runs cannot tell (none or all lost, a single run).
        """
        return Expression(self.correlation, FORMULA_FUNCTIONS)(values)

    @cached_property
    def curve(self) -> Expression | None:
        """The number that tells curves apart."""
        curve = self.figure.get("curve")
        return Expression(curve["value"], FORMULA_FUNCTIONS) if curve else None

    @cached_property
    def _formulas(self) -> list[tuple[Mapping[str, str | float], Expression]]:
        return [
            (rule.get("when", {}), Expression(rule["formula"], FORMULA_FUNCTIONS))
            for rule in self.theory
        ]

    def predict(self, values: Values) -> float | None:
        """What theory says about the measure; None where there is no theory."""
        for conditions, formula in self._formulas:
            if all(values.get(name) == value for name, value in conditions.items()):
                return formula(values)
        return None


@cache
def load(scenario: str) -> Description:
    """The description of a scenario; LabError names file, line and key of a fault."""
    path = DATA_ROOT / "scenarios" / scenario / FILE_NAME
    file = TomlFile(path)
    file.check(SCHEMA)
    document = file.document
    found = Description(
        scenario=scenario,
        path=path,
        question=document["question"],
        limits=tuple(document["limits"]),
        captures=document.get("captures", False),
        warm_up=document["warm_up"],
        shares=document.get("shares", {}),
        correlation=document.get("correlation", "0"),
        figure=document["figure"],
        theory=tuple(document.get("theory", [])),
    )
    _check_expressions(file, found)
    return found


def shares(scenario: str) -> Mapping[str, str]:
    """Metrics that are shares of counts; none of a scenario that there is not."""
    known = (DATA_ROOT / "scenarios" / scenario / FILE_NAME).exists()
    return load(scenario).shares if known else {}


def _check_expressions(file: TomlFile, found: Description) -> None:
    texts: list[tuple[Key, str, Mapping[str, Function]]] = [
        (["correlation"], found.correlation, FORMULA_FUNCTIONS),
        (["figure", "measure"], found.measure, {}),
    ]
    for index, drawn in enumerate(found.beside):
        texts.append((["figure", "beside", index, "measure"], drawn.measure, {}))
    for name, text in found.shares.items():
        texts.append((["shares", name], text, {}))
    for index, rule in enumerate(found.theory):
        texts.append((["theory", index, "formula"], rule["formula"], FORMULA_FUNCTIONS))
    if "curve" in found.figure:
        texts.append((["figure", "curve"], found.figure["curve"]["value"], FORMULA_FUNCTIONS))
    for key, text, functions in texts:
        try:
            Expression(text, functions)
        except LabError as error:
            raise file.fault(key, str(error)) from None


def check_against_core(found: Description) -> None:
    """LabError when the file names a parameter or metric that the scenario has not got."""
    info = core.scenario_info(found.scenario)
    parameters = {parameter["name"] for parameter in info["parameters"]}
    metrics = {metric["name"] for metric in info["metrics"]}
    figure = found.figure
    formulas = [Expression(rule["formula"], FORMULA_FUNCTIONS) for rule in found.theory]
    named = {
        *figure.get("x", []),
        *figure.get("x_labels", {}),
        *([figure["panel"]] if "panel" in figure else []),
        *(name for rule in found.theory for name in rule.get("when", {})),
        *(name for formula in formulas for name in formula.names),
        *Expression(found.correlation, FORMULA_FUNCTIONS).names,
        *(found.curve.names if found.curve else ()),
    }
    measured = {
        *found.columns,
        *found.shares,
        *(name for drawn in found.drawn for name in found.expression(drawn.measure).names),
        *(name for share in found.shares for name in found.expression(share).names),
    }
    for names, known, what in ((named, parameters, "parameter"), (measured, metrics, "metric")):
        for name in sorted(names - known):
            raise LabError(f"{found.path}: '{name}' is no {what} of {found.scenario}")
