# SPDX-License-Identifier: BSD-3-Clause
"""From observations to a verdict; knows nothing of scenarios, files or runs.

A case of a claim holds, fails, or stays open.  All intervals of a claim hold together (Bonferroni
over its cases); steps of a sweep that ought to be monotone are tested with Holm's correction.  One
case that fails refutes the claim; it is confirmed when every case holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ipseclab import statistics
from ipseclab.expressions import Expression
from ipseclab.statistics import Estimate, Floats

CONFIRMED = "confirmed"
REFUTED = "refuted"
INCONCLUSIVE = "inconclusive"
UNSUPPORTED = "unsupported"

HOLDS = "holds"
FAILS = "fails"
OPEN = "open"
FITTED = "fitted"  # not judged

ALPHA = 0.01  # probability that any interval of a claim misses the truth
RESOLUTION = 0.01  # what "zero" means for a share, unless the claim says otherwise
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Samples:
    """What the runs of one arm gave, in the order of their numbers."""

    events: Floats  # counted events, or the values of a metric that is no share
    totals: Floats | None = None  # what the events were counted among
    correlation_length: float = 0.0  # in packets, see statistics.pooled_ratio
    interval: str = "t"

    @property
    def per_run(self) -> Floats:
        """One value per run; a run without any observation has no share and counts as zero."""
        if self.totals is None:
            return self.events
        return np.divide(
            self.events, self.totals, out=np.zeros_like(self.events), where=self.totals > 0
        )

    def estimate(self, confidence: float) -> Estimate | None:
        """None without any observation."""
        if self.totals is not None:
            return statistics.share(self.events, self.totals, confidence, self.correlation_length)
        if self.interval == "bootstrap":
            return statistics.bootstrap_mean(self.events, confidence)
        return statistics.mean(self.events, confidence)


@dataclass(frozen=True)
class Observation:
    """One case of a claim with its samples."""

    label: str  # the parameters that tell it from the claim's other cases
    values: Mapping[str, float | str]  # all parameters, SI units
    arms: tuple[Samples, ...]
    published: float | None = None
    fitted: bool = False  # the model was fitted to the published value


@dataclass(frozen=True)
class Finding:
    """What one case says."""

    label: str
    estimate: Estimate | None
    expected: str
    outcome: str
    target: float | None = None  # where a number is expected

    @property
    def deviation(self) -> str:
        """Of the value from a target other than 0, in percent."""
        if self.estimate is None or not self.target:
            return ""
        return f"{100.0 * (self.estimate.value / self.target - 1.0):+.1f} %"

    @property
    def numbers(self) -> str:
        """Value and interval, short."""
        if self.estimate is None:
            return "no observation"
        low, high = f"{self.estimate.low:.4g}", f"{self.estimate.high:.4g}"
        return f"{self.estimate.value:.4g} [{low}, {high}]"


@dataclass(frozen=True)
class Judgement:
    """The verdict and what it rests on."""

    verdict: str
    findings: tuple[Finding, ...]

    def precise(self, precision: float) -> bool:
        """Whether every interval but those around zero is that narrow, relative to its value."""
        return all(
            finding.estimate is not None
            and (
                finding.estimate.value == 0.0
                or finding.estimate.half_width <= precision * abs(finding.estimate.value)
            )
            for finding in self.findings
            if finding.outcome != FITTED
        )


def _zero(case: Observation, estimate: Estimate, resolution: float) -> tuple[str, str]:
    samples = case.arms[0]
    expected = f"0 (resolution {resolution:g})" if samples.totals is not None else "0"
    if np.any(samples.events != 0.0):
        return expected, FAILS  # a single event is proof enough
    # A share is zero as far as so many observations can tell; other metrics in every run.
    if samples.totals is None:
        return expected, HOLDS if estimate.runs > 1 else OPEN
    return expected, HOLDS if estimate.high <= resolution else OPEN


def _not_zero(case: Observation, estimate: Estimate, resolution: float) -> tuple[str, str]:
    zero = _zero(case, estimate, resolution)[1]
    if case.arms[0].totals is None and zero == FAILS:
        return "not 0", OPEN if estimate.contains(0.0) else HOLDS
    return "not 0", {HOLDS: FAILS, FAILS: HOLDS, OPEN: OPEN}[zero]


def _band(expect: Mapping[str, Any], target: float) -> float:
    relative = float(expect.get("relative", 0.0)) * abs(target)
    return max(relative, float(expect.get("absolute", 0.0)))


def _equals(estimate: Estimate, target: float, band: float) -> tuple[str, str]:
    """Equality: refuted when the target is outside, confirmed when the interval is narrow too."""
    expected = f"{target:.5g} ± {band:.2g}"
    margin = _ROUNDING * max(1.0, abs(target))
    if not estimate.low - margin <= target <= estimate.high + margin:
        return expected, FAILS
    return expected, HOLDS if _within(estimate, target, band) else OPEN


def _close(estimate: Estimate, target: float, band: float) -> tuple[str, str]:
    """Equivalence: all of the interval inside the tolerance, or all of it outside."""
    expected = f"{target:.5g} ± {band:.2g}"
    if _within(estimate, target, band):
        return expected, HOLDS
    apart = estimate.low > target + band or estimate.high < target - band
    return expected, FAILS if apart else OPEN


def _within(estimate: Estimate, target: float, band: float) -> bool:
    margin = band + _ROUNDING
    return estimate.low >= target - margin and estimate.high <= target + margin


def _ratio(estimate: Estimate, expect: Mapping[str, Any]) -> tuple[str, str]:
    low = float(expect.get("at_least", -math.inf))
    high = float(expect.get("at_most", math.inf))
    expected = f"ratio in [{low:g}, {high:g}]"
    if estimate.low >= low and estimate.high <= high:
        return expected, HOLDS
    return expected, FAILS if estimate.high < low or estimate.low > high else OPEN


def _pairs(case: Observation, confidence: float) -> Estimate:
    arm, against = case.arms
    return statistics.paired_ratio(arm.per_run, against.per_run, confidence)


def _judge_case(
    expect: Mapping[str, Any],
    expression: Callable[[str], Expression],
    case: Observation,
    confidence: float,
) -> Finding:
    paired = expect["kind"] == "ratio_of_arms"
    estimate = _pairs(case, confidence) if paired else case.arms[0].estimate(confidence)
    if estimate is None:
        return Finding(case.label, None, "", OPEN)
    resolution = float(expect.get("resolution", RESOLUTION))
    target: float | None = None
    match expect["kind"]:
        case "zero":
            expected, outcome = _zero(case, estimate, resolution)
        case "not_zero":
            expected, outcome = _not_zero(case, estimate, resolution)
        case "zero_while":
            below = expression("x")(case.values) < expect["below"]
            expected, outcome = (_zero if below else _not_zero)(case, estimate, resolution)
        case "equals_formula":
            target = expression("formula")(case.values)
            expected, outcome = _equals(estimate, target, _band(expect, target))
        case "equals_table":
            assert case.published is not None
            target = case.published * expression("scale")(case.values)
            expected, outcome = _close(estimate, target, _band(expect, target))
        case "ratio_of_arms":
            expected, outcome = _ratio(estimate, expect)
        case kind:
            raise ValueError(f"no rule for {kind}")
    return Finding(case.label, estimate, expected, FITTED if case.fitted else outcome, target)


def _steps(
    expect: Mapping[str, Any], x: Expression, cases: Sequence[Observation]
) -> list[tuple[Observation, Observation]]:
    """Neighbours in x, among cases that differ in nothing else."""
    groups: dict[tuple[object, ...], list[Observation]] = {}
    for case in cases:
        others = tuple(value for name, value in case.values.items() if name not in x.names)
        groups.setdefault(others, []).append(case)
    steps: list[tuple[Observation, Observation]] = []
    for group in groups.values():
        steps += pairwise(sorted(group, key=lambda case: x(case.values)))
    return steps


def _judge_monotone(
    expect: Mapping[str, Any], x: Expression, cases: Sequence[Observation], alpha: float
) -> list[Finding]:
    right, wrong = ("greater", "less")
    if expect["direction"] == "decreasing":
        right, wrong = wrong, right
    steps = _steps(expect, x, cases)
    differences = [b.arms[0].per_run - a.arms[0].per_run for a, b in steps]
    # Each kind of error gets half: to refute needs one false step among all, hence Holm; to confirm
    # needs all of them to be right, so none is made more likely by there being many.
    against = statistics.holm(
        [statistics.paired_p_value(d, wrong) for d in differences], alpha / 2.0
    )
    findings = []
    for (a, b), difference, broken in zip(steps, differences, against, strict=True):
        sure = statistics.paired_p_value(difference, right) <= alpha / 2.0
        equal = difference.size > 1 and not np.any(difference)
        outcome = FAILS if broken else HOLDS if sure or equal else OPEN
        estimate = statistics.mean(difference, 1.0 - alpha / len(steps))
        expected = "change >= 0" if right == "greater" else "change <= 0"
        findings.append(Finding(f"{a.label} -> {b.label}", estimate, expected, outcome))
    return findings


def judge(
    expect: Mapping[str, Any],
    expression: Callable[[str], Expression],
    cases: Sequence[Observation],
    alpha: float = ALPHA,
) -> Judgement:
    """The verdict of one look.

    :param expression: gives the expectation's expression of a key
    :param alpha: error of this look, over all cases together
    """
    if expect["kind"] == "monotone":
        findings = _judge_monotone(expect, expression("x"), cases, alpha)
    else:
        confidence = 1.0 - alpha / max(1, sum(not case.fitted for case in cases))
        findings = [_judge_case(expect, expression, case, confidence) for case in cases]
    outcomes = [finding.outcome for finding in findings if finding.outcome != FITTED]
    if FAILS in outcomes:
        verdict = REFUTED
    elif outcomes and all(outcome == HOLDS for outcome in outcomes):
        verdict = CONFIRMED
    else:
        verdict = INCONCLUSIVE
    return Judgement(verdict, tuple(findings))
