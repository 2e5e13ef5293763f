# SPDX-License-Identifier: BSD-3-Clause
"""Scenario per-resource-sa: SAs for single cores, from the command down to IKE."""

from __future__ import annotations

import pytest

import ipseclab as lab
from ipseclab.errors import LabError


def measure(**parameters: str | int | bool) -> dict[str, float]:
    row = lab.run("per-resource-sa", **parameters)
    prefix = "metric."
    return {
        name[len(prefix) :]: float(str(value))
        for name, value in row.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize("fallback", ["on", "off"])
def test_sized_and_real_count_the_same(fallback: str) -> None:
    rows = [
        measure(fallback=fallback, direction="both", packets=4000, sized=sized)
        for sized in (False, True)
    ]
    assert rows[0] == rows[1]
    assert rows[0]["sa_pairs"] == 9


def test_nothing_is_lost_with_an_sa_for_all() -> None:
    row = measure(resources=8, packets=5000)
    assert row["lost_without_sa"] == 0
    assert row["delivered_packets"] == row["sent_packets"]
    assert row["on_own_sa"] + row["on_shared_sa"] == row["sent_packets"]
    # One request at a time: 8 round trips of 2 ms.
    assert row["set_up_time_s"] == pytest.approx(8 * 0.002, rel=0.01)


def test_a_limit_leaves_the_other_cores_on_the_sa_for_all() -> None:
    row = measure(resources=8, limit=3, packets=20000)
    assert row["sa_pairs"] == 4
    assert row["refused_sas"] > 0
    assert row["lost_without_sa"] == 0
    assert row["on_own_sa"] / row["sent_packets"] == pytest.approx(3 / 8, rel=0.25)


def test_cores_that_share_an_sa_wait_for_each_other() -> None:
    """Half of a packet's time in the critical section: two cores' worth for any number."""

    def throughput(fan_out: str) -> float:
        row = measure(
            fan_out=fan_out, core_rate="50kpps", rate="400kpps", packets=40000, resources=8
        )
        return row["throughput_pps"]

    one = throughput("one")
    own = throughput("per-resource")
    assert one == pytest.approx(100e3, rel=0.02)
    assert own > 3 * one


def test_a_lifetime_shorter_than_a_rekeying_is_refused() -> None:
    with pytest.raises(LabError, match="lifetime: 5ms is too short"):
        measure(lifetime="5ms")
