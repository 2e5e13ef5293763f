# SPDX-License-Identifier: BSD-3-Clause
"""Confidence intervals and tests over independent runs.

A run is one observation: ns-3's run numbers select independent substreams under one seed, and the
arms of a comparison use the same numbers, so that they meet the same randomness and are compared in
pairs.

Losses within a run are correlated: one late path delays many packets.  The binomial interval on the
pooled counts would be far too narrow.  E. L. Korn and B. I. Graubard, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data", Survey
Methodology 24(2), 1998, give the remedy: the exact interval of Clopper and Pearson on an effective
sample size that follows from the variance between the runs (the clusters) and from how well so few
runs can tell that variance.

Looking again after more runs would make errors more frequent than promised.  ``Looks`` fixes before
the first run how often and when there may be a look, and gives each look its part of the error
(Bonferroni): all intervals of all looks hold together, whenever one stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

Floats = npt.NDArray[np.float64]

_NO_VARIANCE = 1e-9  # of the binomial one: equal runs but for rounding, which tell nothing


@dataclass(frozen=True)
class Ratio:
    """A pooled ratio with its interval."""

    value: float
    low: float
    high: float
    confidence: float  # of this interval, 0..1
    effective_size: float  # observations that would carry as much if they were independent
    events: int
    total: int
    runs: int

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high


def _effective_size(
    events: Floats, totals: Floats, confidence: float, correlation_length: float
) -> float:
    total = float(totals.sum())
    ratio = float(events.sum()) / total
    # Each packet may hang together with that many before and after it.
    conservative = max(1.0, total / (1.0 + 2.0 * correlation_length))
    runs = len(totals)
    if runs < 2 or ratio in (0.0, 1.0):
        return conservative
    # The weighted mean with White's HC1 covariance is the ratio estimator over clusters.
    fit = WLS(events / totals, np.ones(runs), weights=totals).fit(cov_type="HC1")
    between = float(fit.cov_params()[0][0])
    independent = ratio * (1.0 - ratio) / total
    if between < _NO_VARIANCE * independent:
        return conservative
    tail = 0.5 + confidence / 2.0
    few_runs = float(stats.norm.ppf(tail) / stats.t.ppf(tail, runs - 1)) ** 2
    return min(total, total * independent / between * few_runs)


def pooled_ratio(
    events: Sequence[int],
    totals: Sequence[int],
    *,
    confidence: float = 0.95,
    correlation_length: float = 0.0,
    family: int = 1,
) -> Ratio | None:
    """The ratio of two counts over independent runs, with Korn and Graubard's interval.

    :param events: counted events of each run
    :param totals: observations of each run; runs without any are left out
    :param confidence: that all intervals of the family hold together
    :param correlation_length: upper bound, in observations, on how far one's outcome hangs together
        with another's; used where the runs cannot tell: a single run, none or all lost
    :param family: number of intervals that are to hold at once (Bonferroni)
    :return: None without any observation
    """
    total = np.asarray(totals, dtype=np.float64)
    event = np.asarray(events, dtype=np.float64)[total > 0]
    total = total[total > 0]
    if total.size == 0:
        return None
    single = 1.0 - (1.0 - confidence) / family
    ratio = float(event.sum() / total.sum())
    size = _effective_size(event, total, single, correlation_length)
    low, high = proportion_confint(ratio * size, size, alpha=1.0 - single, method="beta")
    return Ratio(
        value=ratio,
        low=0.0 if ratio == 0.0 else float(low),
        high=1.0 if ratio == 1.0 else float(high),
        confidence=single,
        effective_size=size,
        events=int(event.sum()),
        total=int(total.sum()),
        runs=int(total.size),
    )


@dataclass(frozen=True)
class Estimate:
    """A quantity with its interval."""

    value: float
    low: float
    high: float
    confidence: float  # of this interval, 0..1
    runs: int
    method: str  # in words

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def half_width(self) -> float:
        return max(self.high - self.value, self.value - self.low)


def share(
    events: Floats, totals: Floats, confidence: float, correlation_length: float
) -> Estimate | None:
    """The pooled ratio of ``pooled_ratio`` as an estimate."""
    ratio = pooled_ratio(
        events.tolist(),
        totals.tolist(),
        confidence=confidence,
        correlation_length=correlation_length,
    )
    if ratio is None:
        return None
    return Estimate(ratio.value, ratio.low, ratio.high, confidence, ratio.runs, "Korn-Graubard")


def mean(values: Floats, confidence: float) -> Estimate:
    """The mean over the runs with Student's interval; without bounds when there is one run only."""
    value = float(values.mean())
    if values.size < 2:
        return Estimate(value, -np.inf, np.inf, confidence, values.size, "one run")
    if np.ptp(values) == 0.0:
        return Estimate(value, value, value, confidence, values.size, "all runs equal")
    low, high = DescrStatsW(values).tconfint_mean(alpha=1.0 - confidence)
    return Estimate(value, float(low), float(high), confidence, values.size, "t")


def bootstrap_mean(values: Floats, confidence: float, resamples: int = 9999) -> Estimate:
    """The mean with the bias-corrected and accelerated bootstrap interval, for skewed quantities.

    Its random numbers are fixed: the same runs give the same interval.
    """
    if values.size < 2 or np.ptp(values) == 0.0:
        return mean(values, confidence)
    result = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=confidence,
        n_resamples=resamples,
        method="BCa",
        random_state=np.random.default_rng(1),
    )
    low, high = result.confidence_interval
    return Estimate(float(values.mean()), float(low), float(high), confidence, values.size, "BCa")


def paired_difference(arm: Floats, against: Floats, confidence: float) -> Estimate:
    """The mean difference of two arms that ran with common random numbers."""
    return mean(arm - against, confidence)


def paired_ratio(arm: Floats, against: Floats, confidence: float) -> Estimate:
    """The ratio of the means of two paired arms with Fieller's interval.

    A ratio r is inside iff Student's interval of ``arm - r * against`` contains zero.  The bounds
    are where that interval begins and ceases to contain it; there are none when the denominator
    cannot be told from zero.
    """
    runs = int(arm.size)
    centre = float(against.mean())
    if centre == 0.0 or runs < 2:
        return Estimate(np.nan, -np.inf, np.inf, confidence, runs, "no denominator")
    value = float(arm.mean()) / centre
    if np.ptp(arm - value * against) <= 1e-12 * float(np.abs(arm).max()):
        return Estimate(value, value, value, confidence, runs, "all pairs equal")
    if mean(against, confidence).contains(0.0):
        return Estimate(value, -np.inf, np.inf, confidence, runs, "denominator may be zero")

    def outside(ratio: float) -> float:
        """Below zero where the ratio is inside."""
        difference = arm - ratio * against
        margin = stats.t.ppf(0.5 + confidence / 2.0, runs - 1) * stats.sem(difference)
        return float(abs(difference.mean()) - margin)

    bounds = []
    for direction in (-1.0, 1.0):
        step = max(abs(value), 1e-12) * 1e-3
        while outside(value + direction * step) < 0.0:
            step *= 2.0  # ends: the denominator is not zero, so the set of ratios is bounded
        bounds.append(float(optimize.brentq(outside, value, value + direction * step)))
    return Estimate(value, bounds[0], bounds[1], confidence, runs, "Fieller, paired")


def paired_p_value(differences: Floats, alternative: str) -> float:
    """Of Student's test that the mean difference is not ``greater`` or ``less`` than zero.

    Differences that are equal in all of several runs leave no doubt about their sign.
    """
    sign = 1.0 if alternative == "greater" else -1.0
    if differences.size < 2:
        return 1.0
    if np.ptp(differences) == 0.0:
        return 0.0 if sign * float(differences[0]) > 0.0 else 1.0
    return float(stats.ttest_1samp(differences, 0.0, alternative=alternative).pvalue)


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which hypotheses fall when all are to be right together with 1 - alpha."""
    if not p_values:
        return []
    return [bool(r) for r in multipletests(p_values, alpha=alpha, method="holm")[0]]


@dataclass(frozen=True)
class Looks:
    """The numbers of runs after which there is a look, and the error that each may make."""

    runs: tuple[int, ...]
    alpha: float  # of each look

    @staticmethod
    def plan(first: int, most: int, alpha: float) -> Looks:
        """Doubles from the first look to the last; the looks share alpha equally."""
        numbers = [min(first, most)]
        while numbers[-1] < most:
            numbers.append(min(2 * numbers[-1], most))
        return Looks(tuple(numbers), alpha / len(numbers))
