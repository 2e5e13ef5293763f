# SPDX-License-Identifier: BSD-3-Clause
"""Verdicts on data whose truth is known: how often they are wrong, against what is promised.

Every bound on a count is a quantile of the binomial distribution at the promised rate, so that a
correct engine fails a test with probability 1e-4; the generators have fixed seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ipseclab import statistics, verdicts
from ipseclab.expressions import Expression
from ipseclab.statistics import Looks
from ipseclab.verdicts import Observation, Samples

SEED = 20240601
SURE = 1e-4
N = 2000  # packets of a run
CLUSTER = 20  # packets that share their fate


def shares(generator: np.random.Generator, truth: float, runs: int) -> Samples:
    """Losses in blocks."""
    events = generator.binomial(N // CLUSTER, truth, runs) * float(CLUSTER)
    return Samples(events, np.full(runs, float(N)), CLUSTER)


def case(samples: Samples, x: float = 0.0, published: float | None = None) -> Observation:
    return Observation(f"x={x:g}", {"x": x}, (samples,), published)


def judge(expect: dict[str, Any], cases: list[Observation], alpha: float = 0.01) -> str:
    def expression(key: str) -> Expression:
        return Expression(str(expect.get(key, "1")))

    return verdicts.judge(expect, expression, cases, alpha).verdict


def at_most(count: int, trials: int, rate: float) -> bool:
    """Whether a count does not contradict a probability of at most this."""
    return count <= stats.binom.ppf(1.0 - SURE, trials, rate)


def at_least(count: int, trials: int, rate: float) -> bool:
    return count >= stats.binom.ppf(SURE, trials, rate)


def count(trials: int, verdict: str, make: Callable[[np.random.Generator], str]) -> int:
    generator = np.random.default_rng(SEED)
    return sum(make(generator) == verdict for _ in range(trials))


# ---- intervals ----


def covered(trials: int, make: Callable[[np.random.Generator], bool]) -> int:
    generator = np.random.default_rng(SEED)
    return sum(make(generator) for _ in range(trials))


def test_student_covers_what_it_promises() -> None:
    def one(generator: np.random.Generator) -> bool:
        return statistics.mean(generator.normal(3.0, 2.0, 6), 0.9).contains(3.0)

    found = covered(1000, one)
    assert at_least(found, 1000, 0.9) and at_most(found, 1000, 0.9)


def test_bootstrap_covers_the_mean_of_a_skewed_quantity() -> None:
    """BCa is right in the limit; with 60 runs 2 % less than promised are allowed for."""

    def one(generator: np.random.Generator) -> bool:
        values = generator.gamma(2.0, 1.0, 60)
        return statistics.bootstrap_mean(values, 0.9, resamples=999).contains(2.0)

    found = covered(300, one)
    assert at_least(found, 300, 0.88) and at_most(found, 300, 0.92)


def arms(generator: np.random.Generator, ratio: float, runs: int) -> tuple[Any, Any]:
    """Two arms that share most of their randomness."""
    common = generator.normal(10.0, 3.0, runs)
    return ratio * common + generator.normal(0.0, 0.3, runs), common


def test_fieller_covers_the_ratio_of_paired_arms() -> None:
    def one(generator: np.random.Generator) -> bool:
        return statistics.paired_ratio(*arms(generator, 0.7, 6), 0.9).contains(0.7)

    found = covered(1000, one)
    assert at_least(found, 1000, 0.9) and at_most(found, 1000, 0.9)


def test_pairs_are_sharper_than_separate_arms() -> None:
    arm, against = arms(np.random.default_rng(SEED), 1.0, 10)
    paired = statistics.paired_difference(arm, against, 0.95)
    alone = statistics.mean(arm, 0.95)
    assert paired.half_width < alone.half_width / 3.0


def test_ratio_without_a_denominator_has_no_bounds() -> None:
    zero = statistics.paired_ratio(np.ones(4), np.zeros(4), 0.95)
    assert (zero.low, zero.high) == (-np.inf, np.inf)
    unsure = statistics.paired_ratio(np.ones(4), np.array([-1.0, 1.0, 2.0, -1.0]), 0.95)
    assert (unsure.low, unsure.high) == (-np.inf, np.inf)
    same = statistics.paired_ratio(np.array([1.0, 2.0]), np.array([2.0, 4.0]), 0.95)
    assert (same.value, same.low, same.high) == (0.5, 0.5, 0.5)


# ---- false verdicts ----

FORMULA = {"kind": "equals_formula", "formula": "x", "absolute": 0.2}
TABLE = {"kind": "equals_table", "absolute": 0.05}
TRUTHS = (0.1, 0.3, 0.5, 0.8)


def test_a_true_formula_is_rarely_refuted_and_often_confirmed() -> None:
    """Over a family of points: the promise is for all of them together."""

    def one(generator: np.random.Generator) -> str:
        return judge(FORMULA, [case(shares(generator, p, 8), p) for p in TRUTHS], 0.05)

    assert at_most(count(300, verdicts.REFUTED, one), 300, 0.05)
    assert count(300, verdicts.CONFIRMED, one) > 250


def test_a_false_formula_is_refuted() -> None:
    def one(generator: np.random.Generator) -> str:
        truths = (*TRUTHS[:-1], 0.95)
        cases = [case(shares(generator, p, 8), x) for p, x in zip(truths, TRUTHS, strict=True)]
        return judge(FORMULA, cases)

    assert count(100, verdicts.REFUTED, one) == 100


@pytest.mark.parametrize("truth", [0.36, 0.24])
def test_a_value_outside_the_tolerance_is_rarely_confirmed(truth: float) -> None:
    def one(generator: np.random.Generator) -> str:
        return judge(TABLE, [case(shares(generator, truth, 30), published=0.3)], 0.1)

    assert at_most(count(300, verdicts.CONFIRMED, one), 300, 0.1)


def test_what_was_fitted_decides_nothing() -> None:
    generator = np.random.default_rng(SEED)
    right = case(shares(generator, 0.3, 200), published=0.3)
    wrong = replace(case(shares(generator, 0.6, 200), published=0.3), fitted=True)
    assert judge(TABLE, [right]) == verdicts.CONFIRMED
    assert judge(TABLE, [right, wrong]) == verdicts.CONFIRMED
    assert judge(TABLE, [right, replace(wrong, fitted=False)]) == verdicts.REFUTED
    assert judge(TABLE, [wrong]) == verdicts.INCONCLUSIVE
    alone, together = (
        verdicts.judge(TABLE, lambda key: Expression("1", {}), cases).findings
        for cases in ([right], [right, wrong])
    )
    assert together[0].estimate == alone[0].estimate
    assert [finding.outcome for finding in together] == [verdicts.HOLDS, verdicts.FITTED]
    assert together[1].deviation.startswith("+10")


def test_a_small_ratio_is_rarely_taken_for_zero() -> None:
    def one(generator: np.random.Generator) -> str:
        return judge({"kind": "zero", "resolution": 0.02}, [case(shares(generator, 0.03, 8))])

    assert at_most(count(300, verdicts.CONFIRMED, one), 300, 0.01)


def test_few_packets_do_not_prove_zero() -> None:
    nothing = Samples(np.zeros(2), np.full(2, 50.0), 10.0)
    assert judge({"kind": "zero"}, [case(nothing)]) == verdicts.INCONCLUSIVE
    assert judge({"kind": "not_zero"}, [case(nothing)]) == verdicts.INCONCLUSIVE
    plenty = Samples(np.zeros(2), np.full(2, 5e4), 10.0)
    assert judge({"kind": "zero"}, [case(plenty)]) == verdicts.CONFIRMED
    assert judge({"kind": "not_zero"}, [case(plenty)]) == verdicts.REFUTED


def test_one_event_refutes_zero() -> None:
    samples = Samples(np.array([0.0, 1.0]), np.full(2, 1e6))
    assert judge({"kind": "zero"}, [case(samples)]) == verdicts.REFUTED
    assert judge({"kind": "not_zero"}, [case(samples)]) == verdicts.CONFIRMED


def test_zero_while_wants_both_sides() -> None:
    expect = {"kind": "zero_while", "x": "x", "below": 1}
    none = Samples(np.zeros(2), np.full(2, 5e4))
    some = Samples(np.array([3.0, 4.0]), np.full(2, 5e4))
    assert judge(expect, [case(none, 0.5), case(some, 1.0)]) == verdicts.CONFIRMED
    assert judge(expect, [case(none, 0.5), case(none, 1.0)]) == verdicts.REFUTED
    assert judge(expect, [case(some, 0.5), case(some, 1.0)]) == verdicts.REFUTED


def sweep(generator: np.random.Generator, slope: float, runs: int = 8) -> list[Observation]:
    """Runs with common randomness over six points."""
    common = generator.normal(0.0, 5.0, runs)
    return [
        case(Samples(common + slope * x + generator.normal(0.0, 0.2, runs)), float(x))
        for x in range(6)
    ]


MONOTONE = {"kind": "monotone", "x": "x", "direction": "increasing"}


def test_a_flat_sweep_is_rarely_refuted_or_confirmed() -> None:
    """Holm's correction over the steps; without it some step of five would seem to fall."""

    def one(generator: np.random.Generator) -> str:
        return judge(MONOTONE, sweep(generator, 0.0), 0.1)

    assert at_most(count(100, verdicts.REFUTED, one), 100, 0.1)
    assert at_most(count(100, verdicts.CONFIRMED, one), 100, 0.1)


def test_a_rising_sweep_is_confirmed_only_in_its_direction() -> None:
    cases = sweep(np.random.default_rng(SEED), 1.0)
    assert judge(MONOTONE, cases) == verdicts.CONFIRMED
    assert judge({**MONOTONE, "direction": "decreasing"}, cases) == verdicts.REFUTED
    one_dip = [*cases[:3], case(cases[1].arms[0], 3.0), *cases[4:]]
    assert judge(MONOTONE, one_dip) == verdicts.REFUTED


def test_ratio_of_arms() -> None:
    generator = np.random.default_rng(SEED)
    arm, against = (Samples(values) for values in arms(generator, 0.7, 10))
    pair = [Observation("pair", {}, (arm, against))]
    expect = {"kind": "ratio_of_arms"}
    assert judge({**expect, "at_most": 0.8}, pair) == verdicts.CONFIRMED
    assert judge({**expect, "at_least": 0.8}, pair) == verdicts.REFUTED
    assert judge({**expect, "at_most": 0.7}, pair) == verdicts.INCONCLUSIVE


# ---- repeated looks ----


def test_looks_double_and_share_the_error() -> None:
    assert Looks.plan(20, 200, 0.01) == Looks((20, 40, 80, 160, 200), 0.002)
    assert Looks.plan(20, 20, 0.01) == Looks((20,), 0.01)
    assert Looks.plan(20, 5, 0.01) == Looks((5,), 0.01)


def first_verdict(values: Any, looks: Looks, alpha: float) -> str:
    """What a sequential check says of a formula that is true: mean 0."""
    expect = {"kind": "equals_formula", "formula": "0", "absolute": 1e-6}
    for runs in looks.runs:
        verdict = judge(expect, [case(Samples(values[:runs]))], alpha)
        if verdict != verdicts.INCONCLUSIVE:
            return verdict
    return verdict


def test_repeated_looks_keep_the_promise_and_naive_ones_would_not() -> None:
    looks = Looks.plan(4, 128, 0.05)
    trials = 600

    def honest(generator: np.random.Generator) -> str:
        return first_verdict(generator.normal(0.0, 1.0, 128), looks, looks.alpha)

    def naive(generator: np.random.Generator) -> str:
        return first_verdict(generator.normal(0.0, 1.0, 128), looks, 0.05)

    assert at_most(count(trials, verdicts.REFUTED, honest), trials, 0.05)
    assert not at_most(count(trials, verdicts.REFUTED, naive), trials, 0.05)


def test_precision_is_relative_and_spares_zero() -> None:
    expect = {"kind": "equals_formula", "formula": "10", "absolute": 5}
    values = np.array([9.9, 10.1, 10.0, 10.0])
    judgement = verdicts.judge(expect, lambda key: Expression("10"), [case(Samples(values))], 0.05)
    half = judgement.findings[0].estimate.half_width  # type: ignore[union-attr]
    assert judgement.precise(half / 10.0 * 1.01)
    assert not judgement.precise(half / 10.0 * 0.99)
    zeros = verdicts.judge(expect, lambda key: Expression("0"), [case(Samples(np.zeros(3)))], 0.05)
    assert zeros.precise(0.01)
