# SPDX-License-Identifier: BSD-3-Clause
"""The closed forms against every row of independently made tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import VECTORS, read_json
from scipy import stats

import ipseclab
from ipseclab import descriptions, theory

TABLES = VECTORS / "replay-theory"
ROUNDING = 0.51e-6  # the tables have six digits


def rows(*names: str) -> list[dict[str, Any]]:
    return [row for name in names for row in read_json(TABLES / f"{name}.json")["rows"]]


def distribution(row: dict[str, Any]) -> Any:
    if row["distribution"] != "truncated-normal":
        return theory.delay_distribution(row["distribution"], row["spread"])
    low = -row["mu"] / row["sigma"]
    return stats.truncnorm(low, np.inf, loc=row["mu"], scale=row["sigma"])


INDEPENDENT = rows("exponential", "uniform", "truncated-normal", "loss")


def test_tables_are_whole() -> None:
    assert (len(INDEPENDENT), len(rows("two-path"))) == (71, 45)


@pytest.mark.parametrize("row", INDEPENDENT, ids=str)
def test_independent_delays(row: dict[str, Any]) -> None:
    loss = float(theory.independent_delays(row["window"], distribution(row), row["loss"]))
    assert loss == pytest.approx(row["formula"], abs=ROUNDING)
    # Two digits of the standard error are given, and 71 rows are looked at.
    assert abs(loss - row["simulation"]) <= 4 * row["se"] + ROUNDING


@pytest.mark.parametrize("row", rows("two-path"), ids=str)
def test_two_paths(row: dict[str, Any]) -> None:
    p = row["fast_share"]
    both = float(theory.two_paths(row["window"], row["spread"], p))
    assert both / (1 - p) == pytest.approx(row["formula"], abs=ROUNDING)
    assert abs(both / (1 - p) - row["simulation"]) <= 4 * row["se"] + ROUNDING


def test_several_windows_at_once_are_the_same_as_each_alone() -> None:
    windows = np.array([0, 32, 64, 100, 512])
    delay = theory.delay_distribution("uniform", 200.5)
    together = theory.independent_delays(windows, delay, 0.1)
    alone = [float(theory.independent_delays(int(w), delay, 0.1)) for w in windows]
    assert together == pytest.approx(alone, abs=1e-14)


def test_formulas_meet_where_every_other_packet_is_lost_or_no_window_is_kept() -> None:
    values: dict[str, float | str] = {
        "spacing": "constant",
        "rate": 1e5,
        "spread": 7.055e-4,
        "loss": 0.0,
        "fast_share": 0.3,
        "dummies": 0.0,
    }
    scenario = descriptions.load("replay-window")
    for network in ("two-path", "uniform", "exponential", "ordered"):
        for window in (0, 2**16):
            found = scenario.predict({**values, "network": network, "window": window})
            assert found == pytest.approx(0.0, abs=1e-12)
        together = scenario.predict({**values, "network": network, "window": 32, "spread": 0.0})
        assert together == 0.0


def test_a_window_above_uniform_delays_loses_nothing() -> None:
    # The first loss needs a delay of the window or more: P = 0 exactly from W = b on.
    delay = theory.delay_distribution("uniform", 50.5)
    assert theory.independent_delays([51, 64], delay) == pytest.approx([0, 0], abs=1e-15)
    assert theory.independent_delays([50], delay)[0] > 0


def test_a_long_spread_does_not_cut_the_product_off() -> None:
    # 1 - W/b - sqrt(pi/(2b)) + 5/(6b) is good to about 1e-5 for b - W > 4 sqrt(b).
    b, window = 50000.0, 10000
    expected = 1 - window / b - np.sqrt(np.pi / (2 * b)) + 5 / (6 * b)
    found = float(theory.independent_delays(window, theory.delay_distribution("uniform", b)))
    assert found == pytest.approx(expected, abs=1e-5)


def test_only_constant_spacing_has_a_theory() -> None:
    values: dict[str, float | str] = {"spacing": "poisson", "network": "uniform"}
    assert descriptions.load("replay-window").predict(values) is None


def test_a_tie_is_a_whole_number_of_packets_in_spite_of_floating_point() -> None:
    rate_spread = 1e5 * 510e-6
    assert rate_spread > 51
    assert theory.two_paths([51, 50], rate_spread, 0.3) == pytest.approx([0, 0.7 * 0.3])


@pytest.mark.core
@pytest.mark.parametrize(("spread", "lost"), [("510us", False), ("520us", True)])
def test_the_simulator_breaks_ties_as_the_formula_does(spread: str, lost: bool) -> None:
    """51 packets: a fast one and the slow one sent 51 before it arrive at the same instant."""
    row = ipseclab.run("replay-window", window=51, spread=spread, packets=3000)
    assert (float(str(row["metric.replay_loss_ratio"])) > 0) is lost
