# SPDX-License-Identifier: BSD-3-Clause
"""Confidence intervals for loss ratios over independent runs.

Losses within a run are correlated: one late path delays many packets.  The binomial interval on the
pooled counts would be far too narrow.  E. L. Korn and B. I. Graubard, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data", Survey
Methodology 24(2), 1998, give the remedy: the exact interval of Clopper and Pearson on an effective
sample size that follows from the variance between the runs (the clusters) and from how well so few
runs can tell that variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.proportion import proportion_confint

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
