# SPDX-License-Identifier: BSD-3-Clause
"""The intervals hold what they promise, on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ipseclab.statistics import pooled_ratio

SEED = 20240501


def clustered(generator: np.random.Generator, truth: float, runs: int, n: int, length: int) -> list:
    """Counts of runs whose outcomes come in blocks of equal ones."""
    blocks = generator.random((runs, n // length)) < truth
    return (blocks.sum(axis=1) * length).tolist()


@pytest.mark.parametrize(("truth", "length"), [(0.3, 1), (0.3, 50), (0.02, 10), (0.9, 200)])
def test_coverage_over_clustered_runs(truth: float, length: int) -> None:
    generator = np.random.default_rng(SEED)
    trials, runs, n = 600, 8, 10000
    covered = 0
    for _ in range(trials):
        events = clustered(generator, truth, runs, n, length)
        ratio = pooled_ratio(events, [n] * runs, confidence=0.95, correlation_length=length)
        assert ratio is not None
        covered += ratio.contains(truth)
    # Below 0.95 by more than chance (1 in 10^4) would be a broken promise.
    assert covered >= stats.binom.ppf(1e-4, trials, 0.95)


def test_the_plain_binomial_interval_would_fail_here() -> None:
    """What the effective size is for: without it the coverage is far from 95 percent."""
    generator = np.random.default_rng(SEED)
    covered = 0
    for _ in range(200):
        events = sum(clustered(generator, 0.3, 8, 10000, 50))
        low, high = stats.binomtest(events, 80000).proportion_ci(0.95)
        covered += low <= 0.3 <= high
    assert covered < 100


def test_no_losses_count_by_the_correlation_length() -> None:
    ratio = pooled_ratio([0] * 4, [1000] * 4, confidence=0.95, correlation_length=12)
    assert ratio is not None
    assert (ratio.value, ratio.low) == (0.0, 0.0)
    assert ratio.effective_size == pytest.approx(4000 / 25)
    # The exact bound for no event among 160: 1 - 0.025^(1/160).
    assert ratio.high == pytest.approx(1 - 0.025 ** (1 / 160))


def test_a_single_run_is_not_taken_for_independent_packets() -> None:
    ratio = pooled_ratio([300], [1000], correlation_length=12)
    assert ratio is not None
    assert ratio.effective_size == pytest.approx(1000 / 25)


def test_effective_size_never_exceeds_the_observations() -> None:
    # Runs that agree better than chance must not pretend to be more packets than there are.
    ratio = pooled_ratio([500, 501, 499, 500], [1000] * 4)
    assert ratio is not None
    assert ratio.effective_size <= 4000


def test_equal_runs_fall_back_to_the_conservative_size() -> None:
    ratio = pooled_ratio([500] * 4, [1000] * 4, correlation_length=2)
    assert ratio is not None
    assert ratio.effective_size == pytest.approx(800)


def test_a_family_is_wider_than_one() -> None:
    one = pooled_ratio([290, 310, 305], [1000] * 3, confidence=0.99)
    many = pooled_ratio([290, 310, 305], [1000] * 3, confidence=0.99, family=30)
    assert one is not None and many is not None
    assert many.low < one.low and many.high > one.high
    assert many.confidence == pytest.approx(1 - 0.01 / 30)


def test_all_lost_and_none_seen() -> None:
    every = pooled_ratio([10, 10], [10, 10])
    assert every is not None
    assert (every.value, every.high) == (1.0, 1.0)
    assert every.low < 1.0
    assert pooled_ratio([0, 0], [0, 0]) is None
    assert pooled_ratio([], []) is None
