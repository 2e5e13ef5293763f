# SPDX-License-Identifier: BSD-3-Clause
"""Scenario antireplay-subspaces: both crypto modes, every way to number, what overtakes."""

from __future__ import annotations

import pytest

import ipseclab as lab
from ipseclab import theory
from ipseclab.errors import LabError

NUMBERS = ["32bit", "esn", "sub32", "sub64", "eesp"]
SCENARIO = "antireplay-subspaces"


def measure(**parameters: str | int | bool) -> dict[str, float]:
    row = lab.run(SCENARIO, **parameters)
    prefix = "metric."
    return {
        name[len(prefix) :]: float(str(value))
        for name, value in row.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize("numbers", NUMBERS)
def test_sized_and_real_count_the_same(numbers: str) -> None:
    rows = [
        measure(numbers=numbers, packets=2000, forged=1, spread="1.0005ms", sized=sized)
        for sized in (False, True)
    ]
    assert rows[0] == rows[1]
    assert rows[0]["drop_inbound_icv"] >= 1


@pytest.mark.parametrize("numbers", ["32bit", "esn"])
def test_one_space_loses_what_two_paths_lose(numbers: str) -> None:
    row = measure(numbers=numbers, spread="0.6605ms", packets=50000)
    expected = theory.two_paths(64, 66.05, 0.3)
    assert row["replay_loss_ratio"] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("numbers", ["sub32", "sub64", "eesp"])
def test_windows_are_as_many_as_classes(numbers: str) -> None:
    row = measure(numbers=numbers, classes=5, subspaces=8, packets=2000)
    assert (row["subspaces_used"], row["windows"]) == (5, 5)
    assert row["replay_lost"] == 0
    assert row["delivered_packets"] == 2000


def test_a_hash_finds_the_windows_that_an_array_finds() -> None:
    array, hashed = (
        measure(index=index, classes=5, subspaces=8, packets=2000, forged=1, spread="1.0005ms")
        for index in ("array", "hash")
    )
    assert hashed.pop("window_octets") > array.pop("window_octets")
    assert hashed == array


def test_a_small_field_has_room_for_few() -> None:
    with pytest.raises(LabError, match="subspaces: 257 do not fit into a 32-bit field"):
        lab.run(SCENARIO, numbers="sub32", subspaces=257)
