# SPDX-License-Identifier: BSD-3-Clause
"""Scenario dscp-split: losses and latencies behind queues, against what was reckoned by hand."""

from __future__ import annotations

import pytest

import ipseclab as lab
from ipseclab.errors import LabError

MECHANISMS = ["one-sa", "split", "notify", "ts-dscp", "round-robin", "subspaces", "sub-sas"]
SEALED_BITS = 8 * (2 + 20 + 8 + 8 + 1032 + 16)  # PPP, IP, ESP, IV, 1030 padded to 4, ICV


def measure(**parameters: str | int | float | bool) -> dict[str, float]:
    row = lab.run("dscp-split", **parameters)
    prefix = "metric."
    return {
        name[len(prefix) :]: float(str(value))
        for name, value in row.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_sized_and_real_count_the_same(mechanism: str) -> None:
    rows = [measure(mechanism=mechanism, packets=2000, sized=sized) for sized in (False, True)]
    assert rows[0] == rows[1]
    assert rows[0]["queue_drops"] > 0


@pytest.mark.parametrize("queue", ["priority", "drr", "dualpi2", "fifo"])
def test_queues_before_numbering_reorder_nothing(queue: str) -> None:
    behind, before = (
        measure(queue=queue, place=place, window=0, packets=8000) for place in ("behind", "before")
    )
    assert before["gap_max"] == 0
    assert behind["gap_max"] == 0 if queue == "fifo" else behind["gap_max"] > 64
    # The bottleneck carries as many packets in either place.
    assert before["queue_drops"] == pytest.approx(behind["queue_drops"], rel=0.1)
    assert before["top_latency_s"] == pytest.approx(behind["top_latency_s"], rel=0.1)


def test_the_link_sends_what_it_can_and_the_queue_drops_the_rest() -> None:
    row = measure(window=0, packets=20000)
    capacity = 1e7 / SEALED_BITS
    filled = 100 + capacity * 20000 / 1400
    assert row["delivered_packets"] == pytest.approx(filled, abs=30)
    assert row["top_queue_drops"] == 0
    # The packet on the link, half of it on average, its own time, and the path.
    assert row["top_latency_s"] == pytest.approx(0.005 + 1.5 / capacity, rel=0.15)
    # A full queue of class 0, which gets what the highest class leaves.
    assert row["low_latency_s"] == pytest.approx(100 / (capacity - 0.3 * 1400), rel=0.1)


def test_a_trickle_of_the_highest_class_costs_what_the_closed_form_says() -> None:
    share, window = 0.01, 64
    row = measure(fast_share=share, packets=200000, window=window, sized=True)
    free = measure(fast_share=share, packets=200000, window=0, sized=True)
    overtake = 1400 * (free["low_latency_s"] - free["top_latency_s"])
    expected = 1 - (1 - share) ** (int(overtake) - window + 1)
    # 1500 packets of the trickle in the time that counts: four standard errors.
    assert row["low_replay_loss_ratio"] == pytest.approx(expected, abs=0.06)
    assert 0.3 < expected < 0.6


def test_one_outer_dscp_ends_loss_and_priority() -> None:
    copied, fixed = (measure(outer_dscp=outer, packets=8000) for outer in ("copied", "fixed"))
    assert copied["low_replay_loss_ratio"] > 0.9
    assert (fixed["replay_lost"], fixed["gap_max"]) == (0, 0)
    assert fixed["top_latency_s"] == pytest.approx(fixed["low_latency_s"], rel=0.01)
    assert copied["bits_of_dscp"] > 0.8
    assert fixed["bits_of_dscp"] == 0


def test_an_observer_tells_classes_of_split_sas_apart_behind_one_dscp() -> None:
    one, split = (
        measure(mechanism=mechanism, outer_dscp="fixed", packets=2000)
        for mechanism in ("one-sa", "notify")
    )
    assert one["bits_of_header"] == 0
    assert split["bits_of_header"] > 0.8


def test_hardware_refuses_what_it_has_no_room_for() -> None:
    row = measure(mechanism="notify", classes=8, sa_limit=3, packets=500)
    assert (row["sa_pairs"], row["refused_sas"]) == (3, 5)


def test_a_refused_traffic_selector_costs_one_exchange() -> None:
    datagrams = {
        (mechanism, responder): measure(
            mechanism=mechanism, responder=responder, classes=4, packets=500
        )["ike_datagrams"]
        for mechanism in ("notify", "ts-dscp")
        for responder in ("unaware", "refusing")
    }
    assert datagrams.pop(("ts-dscp", "refusing")) == 12  # once, not for each class
    assert set(datagrams.values()) == {10}


def test_a_responder_must_be_able_to_know_nothing() -> None:
    with pytest.raises(LabError, match="responder"):
        measure(mechanism="subspaces", responder="unaware")
