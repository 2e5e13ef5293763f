# SPDX-License-Identifier: BSD-3-Clause
"""Scenario sub-sa: both crypto modes, and what cores, windows and paths make of number spaces."""

from __future__ import annotations

import pytest

import ipseclab as lab
from ipseclab import theory
from ipseclab.errors import LabError

FAN_OUTS = ["one", "several", "subspaces", "sub-sas"]


def measure(**parameters: str | int | bool) -> dict[str, float]:
    row = lab.run("sub-sa", **parameters)
    prefix = "metric."
    return {
        name[len(prefix) :]: float(str(value))
        for name, value in row.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize("fan_out", FAN_OUTS)
def test_sized_and_real_count_the_same(fan_out: str) -> None:
    rows = [measure(fan_out=fan_out, packets=4000, sized=sized) for sized in (False, True)]
    assert rows[0] == rows[1]
    assert rows[0]["sent_packets"] == 4000


def test_number_spaces_of_their_own_need_no_larger_window() -> None:
    """Two paths by turns of a coin: too far apart for one window, near enough for eight."""
    given: dict[str, str | int] = {
        "cores": 8,
        "core_rate": "0pps",
        "rate": "25kpps",
        "packets": 40000,
    }
    one = measure(fan_out="one", spread="0.5005ms", **given)
    assert one["replay_loss_ratio"] == pytest.approx(
        theory.two_paths(64, 200e3 * 0.5005e-3, 0.5), abs=0.03
    )
    for fan_out in ("several", "subspaces", "sub-sas"):
        assert measure(fan_out=fan_out, spread="0.5005ms", **given)["replay_lost"] == 0
    assert measure(fan_out="one", window=256, spread="0.5005ms", **given)["replay_lost"] == 0


def test_a_key_for_each_packet_is_kept_by_nobody() -> None:
    kept = measure(packets=2000, cores=8)
    made = measure(packets=2000, cores=8, keys="per-packet")
    assert (kept["keys"], made["keys"]) == (9, 2)
    # Of eight Sub SAs with equal traffic all but the first have keys that are derived.
    assert kept["key_derivations"] == 7
    assert made["key_derivations"] == pytest.approx(2000 * 7 / 8, rel=0.1)


def test_flows_that_cannot_fill_the_spaces_are_refused() -> None:
    with pytest.raises(LabError, match="flows: 4 cannot fill 8 number spaces"):
        measure(spaces=8, flows=4)
