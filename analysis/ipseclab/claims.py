# SPDX-License-Identifier: BSD-3-Clause
"""Claims of documents, each written down so that runs can confirm or refute it.

A topic's ``claims.toml`` has a list ``[[claim]]``; docs/claims.md says how to write one.  Loading
checks everything that can be checked without running: keys, kinds, expressions, and that scenario,
parameters and metrics exist.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ipseclab import DATA_ROOT, core, descriptions
from ipseclab.claim_file import TomlFile
from ipseclab.descriptions import FORMULA_FUNCTIONS
from ipseclab.errors import LabError, Unsupported
from ipseclab.expressions import Expression

SCHEMA = "claims.schema.json"
_EXPRESSIONS = ("x", "formula", "scale")  # keys of an expectation

Parameters = dict[str, str]  # as typed, with units


@dataclass(frozen=True)
class Case:
    """One point of a claim: its arms (two where two are compared), and a published value."""

    arms: tuple[Parameters, ...]
    published: float | None = None
    fitted: bool = False  # the model was fitted to the published value, which so proves nothing


@dataclass(frozen=True)
class Claim:
    """One statement of a document and how it is measured."""

    id: str  # "<topic>.<name in the index>"
    document: str  # with the revision for a draft
    section: str
    statement: str  # in our own words
    limits: str  # what of it is not measured
    scenario: str
    plan: dict[str, list[str]]  # parameters, as typed, with units
    measure: str  # a metric or a share
    interval: str  # of a metric that is no share: "t" or "bootstrap"
    expect: dict[str, Any]
    replications: int
    quick: int  # replications of a quick check
    path: Path
    line: int

    @property
    def topic(self) -> str:
        return self.id.partition(".")[0]

    @property
    def kind(self) -> str:
        return str(self.expect["kind"])

    @cached_property
    def share(self) -> tuple[Expression, Expression] | None:
        """Counted events and what they are counted among; None for a plain metric."""
        return self._measured.quotient

    @cached_property
    def metrics(self) -> frozenset[str]:
        """The metrics that the measure is made of."""
        return self._measured.names

    @cached_property
    def _measured(self) -> Expression:
        shares = descriptions.shares(self.scenario)
        return Expression(shares.get(self.measure, self.measure), {})

    def expression(self, key: str, default: str = "1") -> Expression:
        """An expression of the expectation."""
        return Expression(str(self.expect.get(key, default)), FORMULA_FUNCTIONS)

    def cases(self) -> Iterator[Case]:
        """Every combination of the plan's values, with the rows of a table and the arms."""
        for values in itertools.product(*self.plan.values()):
            point = dict(zip(self.plan, values, strict=True))
            if self.kind == "ratio_of_arms":
                arms = (self.expect["arm"], self.expect["against"])
                yield Case(tuple({**point, **_typed(arm)} for arm in arms))
            elif self.kind == "equals_table":
                yield from self._rows(point)
            else:
                yield Case((point,))

    def _rows(self, point: Parameters) -> Iterator[Case]:
        for key in ("rows", "fitted"):
            for row in self.expect.get(key, []):
                columns = _typed(dict(zip(self.expect["columns"], row[:-1], strict=True)))
                yield Case(({**point, **columns},), float(row[-1]), fitted=key == "fitted")

    def points(self) -> Iterator[Parameters]:
        """The parameters of every arm of every case."""
        for case in self.cases():
            yield from case.arms


def _typed(values: Mapping[str, Any]) -> Parameters:
    return {name: str(value) for name, value in values.items()}


def _claim(file: TomlFile, index: int) -> Claim:
    table = file.document["claim"][index]
    plan = dict(table["plan"])
    scenario = plan.pop("scenario")
    lists = {name: v if isinstance(v, list) else [v] for name, v in plan.items()}
    replications = table["replications"]
    claim = Claim(
        **{key: table[key] for key in ("id", "document", "section", "statement", "measure")},
        limits=table.get("limits", ""),
        scenario=scenario,
        plan={name: [str(value) for value in values] for name, values in lists.items()},
        interval=table.get("interval", "t"),
        expect=table["expect"],
        replications=replications,
        quick=table.get("quick", min(replications, 4)),
        path=file.path,
        line=file.line(["claim", index]),
    )
    _check_meaning(file, index, claim)
    return claim


def _check_meaning(file: TomlFile, index: int, claim: Claim) -> None:
    """What a schema cannot say."""
    for name in ("measure", *(f"expect.{key}" for key in _EXPRESSIONS if key in claim.expect)):
        try:
            if name == "measure":
                _ = claim.metrics
            else:
                claim.expression(name.partition(".")[2])
        except LabError as error:
            raise file.fault(["claim", index, *name.split(".")], str(error)) from None
    if claim.share is None and claim.measure not in claim.metrics:
        raise file.fault(["claim", index, "measure"], "neither a metric nor a share a / b")
    columns = claim.expect.get("columns", [])
    overlays = [*columns, *claim.expect.get("arm", {}), *claim.expect.get("against", {})]
    for name in overlays:
        if name in claim.plan:
            raise file.fault(["claim", index, "plan", name], "given in the expectation too")
    for key in ("rows", "fitted"):
        for row in claim.expect.get(key, []):
            if len(row) != len(columns) + 1 or isinstance(row[-1], str):
                raise file.fault(
                    ["claim", index, "expect", key],
                    f"{row} is not {len(columns)} values and a number",
                )


def load(path: Path) -> list[Claim]:
    """The claims of one file; LabError names file, line, claim and key of the first fault."""
    file = TomlFile(path)
    file.check(SCHEMA)
    claims = [_claim(file, index) for index in range(len(file.document["claim"]))]
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        if claim.id in seen:
            raise file.fault(["claim", index, "id"], "given twice")
        seen.add(claim.id)
    return claims


def load_all(root: Path = DATA_ROOT) -> list[Claim]:
    """The claims of every scenario."""
    files = sorted((root / "scenarios").glob("*/claims.toml"))
    claims = [claim for path in files for claim in load(path)]
    for first, second in itertools.combinations(claims, 2):
        if first.id == second.id:
            raise LabError(
                f"{second.path}:{second.line}: claim {second.id}: id: given twice, "
                f"first in {first.path}:{first.line}"
            )
    return claims


def check_against_core(claim: Claim) -> None:
    """Unsupported unless the scenario, every point of the plan and the metrics exist.

    An expression of names that the parameters have not got is a mistake: LabError.
    """
    place = f"{claim.path}:{claim.line}: claim {claim.id}"
    try:
        info = core.scenario_info(claim.scenario)
        for point in claim.points():
            core.check_parameters(claim.scenario, point)
    except LabError as error:
        raise Unsupported(f"{place}: plan: {error}") from None
    missing = sorted(claim.metrics - {metric["name"] for metric in info["metrics"]})
    if missing:
        raise Unsupported(f"{place}: measure: '{missing[0]}' is no metric of {claim.scenario}")
    names = {parameter["name"] for parameter in info["parameters"]}
    for key in _EXPRESSIONS:
        unknown = sorted(claim.expression(key).names - names)
        if unknown:
            raise LabError(
                f"{place}: expect.{key}: '{unknown[0]}' is no parameter of {claim.scenario}"
            )
