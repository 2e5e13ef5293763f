# SPDX-License-Identifier: BSD-3-Clause
"""Scenario dscp-hub: SAs, messages and events of a hub against the number of its sites."""

from __future__ import annotations

import pytest

import ipseclab as lab

EXCHANGES_OF_IKE_SA = 2


def measure(**parameters: str | int | float | bool) -> dict[str, float]:
    row = lab.run("dscp-hub", **parameters)
    prefix = "metric."
    return {
        name[len(prefix) :]: float(str(value))
        for name, value in row.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize("mechanism", ["one-sa", "split", "notify", "ts-dscp"])
def test_sized_and_real_count_the_same(mechanism: str) -> None:
    rows = [
        measure(mechanism=mechanism, sites=20, packets=3000, sized=sized) for sized in (False, True)
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("classes", [4, 8])
@pytest.mark.parametrize(("mechanism", "askers"), [("one-sa", 0), ("notify", 1), ("split", 2)])
def test_pairs_and_messages_are_those_of_each_class(
    classes: int, mechanism: str, askers: int
) -> None:
    row = measure(mechanism=mechanism, classes=classes, sites=50, packets=100, sized=True)
    requests = askers * (classes - 1)
    assert row["sa_pairs"] == 50 * (1 + requests)
    assert row["ike_datagrams"] == 50 * 2 * (EXCHANGES_OF_IKE_SA + requests)
    # Exchanges one after the other; what both ask for crosses.
    rounds = EXCHANGES_OF_IKE_SA + (classes - 1 if askers else 0)
    assert row["site_set_up_median_s"] == pytest.approx(rounds * 0.010, rel=0.02)


def test_events_of_a_site_do_not_depend_on_how_many_there_are() -> None:
    events = [
        measure(sites=sites, packets=1, sized=True)["events"] for sites in (100, 200, 400, 800)
    ]
    steps = [(events[i + 1] - events[i]) / (100 * 2**i) for i in range(3)]
    assert steps == pytest.approx([steps[0]] * 3, rel=0.005)


def test_a_heavy_site_loses_with_one_sa_and_not_with_one_for_each_class() -> None:
    one, split = (measure(mechanism=mechanism, sized=True) for mechanism in ("one-sa", "notify"))
    assert one["replay_lost"] > 100
    assert (split["replay_lost"], one["top_replay_lost"]) == (0, 0)
    assert one["queue_drops"] == split["queue_drops"] > 0


def test_a_storm_that_a_queue_does_not_hold_is_repeated() -> None:
    row = measure(sites=300, packets=100, queue_limit=50, link_rate="20Mbps", rate="1kpps")
    assert row["ike_drops"] > 0
    assert row["sa_pairs"] == 300 * 4
    assert row["site_set_up_longest_s"] > 1
