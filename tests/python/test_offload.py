# SPDX-License-Identifier: BSD-3-Clause
"""Scenario offload: profiles, counters in both crypto modes, sensitivity."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import ipseclab as lab
from ipseclab import calibrate, claims, core, profiles, sensitivity
from ipseclab.errors import LabError

ALL = profiles.names("offload")


@pytest.mark.parametrize("name", ALL)
def test_every_profile_fits_the_scenario(name: str) -> None:
    profile = profiles.load("offload", name)
    checked = core.check_parameters("offload", {"profile": name})
    expected = core.check_parameters("offload", profile.parameters())
    assert checked == expected
    assert all(value.source for value in profile.values)


def test_what_is_typed_goes_before_the_profile() -> None:
    checked = core.check_parameters("offload", {"profile": "vpp-skx-aesgcm", "clock": "3"})
    assert (checked["clock"], checked["packet_cycles"]) == ("3", "756")


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(LabError, match=r"'vpp' is none of offload; there are: 6wind, "):
        core.check_parameters("offload", {"profile": "vpp"})


def test_a_number_without_a_source_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "x"\n[[value]]\nparameter = "clock"\nvalue = "3"\nmark = "read"\n')
    with pytest.raises(LabError, match=r"mine.toml:2: .*source"):
        profiles.read(path)


def test_hardware_windows_are_small() -> None:
    with pytest.raises(LabError, match="window: a NIC that does everything has 32, 64, 128"):
        core.check_parameters(
            "offload", {"architecture": "inline-full", "side": "inbound", "window": "512"}
        )


def test_caches_of_many_cores_are_bounded() -> None:
    with pytest.raises(LabError, match=r"cores: their caches .* 1 GiB in all; got 256 cores"):
        core.check_parameters("offload", {"memory_cycles": "190", "l3": "256MiB", "cores": "256"})


@pytest.mark.parametrize(
    "parameters",
    [
        {"profile": "vpp-skx-aesgcm", "side": "both"},
        {"profile": "vpp-skx-caches", "side": "both", "sas": 30, "flows": 30, "traffic": "random"},
        {"profile": "qat", "side": "both", "rate": "4Mpps", "batch": 8},
        {"profile": "cx7-packet-offload", "side": "both", "sas": 20, "flows": 40, "rate": "50Mpps"},
        {"profile": "aws-vpn"},
        {
            "profile": "xfrm-epyc9135",
            "cores": 4,
            "dispatch": "round-robin",
            "side": "both",
            "window": 64,
            "stall_gap": "1ms",
            "stall_length": "100us",
        },
    ],
)
def test_both_crypto_modes_count_alike(parameters: dict[str, str | int]) -> None:
    rows = [lab.run("offload", packets=2000, sized=sized, **parameters) for sized in (False, True)]
    counts = [
        {name: value for name, value in row.items() if name.startswith("metric.")} for row in rows
    ]
    assert counts[0] == counts[1]
    assert float(str(counts[0]["metric.delivered_packets"])) > 0


def test_memory_is_waited_for_where_caches_are_too_small() -> None:
    def cycles(**parameters: str | int) -> float:
        """Of a packet, on average, on a core of 2.1 GHz that is not busy."""
        row = lab.run(
            "offload",
            profile="vpp-skx-caches",
            rate="100kpps",
            traffic="random",
            packets=4000,
            flows=400,
            **parameters,
        )
        return float(str(row["metric.delay_mean_s"])) * 2.1e9

    one = cycles(sas=1)
    assert one == pytest.approx(756 + 0.64 * 360, rel=0.02)  # all lines in the first cache
    # 100 SAs have 3713 lines: each comes from memory once, and then from the second cache, but
    # for the share that the first has with its 512. Ten lines of an SA come side by side.
    waits, lines = 36 / 10 + 2, 100 * (36 + 1) + 13
    once = (100 * waits + 13) * (190 - 14) / 4000
    expected = one + waits * (14 - 4) * (1 - 512 / lines) + once
    assert cycles(sas=100) == pytest.approx(expected, rel=0.02)
    # In a list of 400 an SA is on average behind 200 lines, most of them in the first cache.
    assert cycles(sas=400, lookup="list") > cycles(sas=400) + 190 * 4


def test_a_run_repeats_bit_for_bit() -> None:
    def row() -> dict[str, object]:
        found = lab.run(
            "offload",
            profile="xfrm-epyc9135",
            packets=2000,
            spacing="poisson",
            stall_gap="1ms",
            stall_length="100us",
        )
        return {name: value for name, value in found.items() if name.startswith("metric.")}

    assert row() == row()


def test_order_restored_costs_delay_and_loses_nothing() -> None:
    def measure(ordered: str) -> tuple[float, float]:
        row = lab.run(
            "offload",
            cores=8,
            dispatch="round-robin",
            packet_cycles=2100,
            rate="1Mpps",
            window=64,
            queue=4096,
            stall_gap="5ms",
            stall_length="500us",
            ordered=ordered,
        )
        return (
            float(str(row["metric.replay_loss_ratio"])),
            float(str(row["metric.delay_mean_s"])),
        )

    loose, ordered = measure("off"), measure("on")
    assert loose[0] > 0.0
    assert ordered[0] == 0.0
    assert ordered[1] > loose[1]


def test_sensitivity_varies_each_number_of_the_hardware_at_every_point() -> None:
    claim = next(claim for claim in claims.load_all() if claim.id == "offload.O5")
    names = sensitivity.numbers(claim)
    assert {"nic_rate", "nic_contexts", "nic_fetch"} <= set(names)
    assert not {"sas", "flows", "rate", "profile"} & set(names)
    half = next(v for v in sensitivity.variants(claim) if v.parameter == "nic_contexts")
    found = [core.parameter_values("offload", arm)["nic_contexts"] for arm in half.points()]
    assert sorted(set(found)) == [500.0, 549.0]
    fields = {field.name for field in dataclasses.fields(claims.Claim)} - {"id"}
    assert all(getattr(half, name) == getattr(claim, name) for name in fields)


def _report(entries: dict[str, float]) -> str:
    return json.dumps(
        {
            "benchmarks": [
                {"run_name": name, "aggregate_name": "median", "cpu_time": time}
                for name, time in entries.items()
            ]
        }
    )


def test_a_calibration_is_the_line_through_the_medians() -> None:
    times = {f"seal+open/model/{length}": 2.0 * (300.0 + 0.5 * length) for length in (64, 1400)}
    medians = calibrate.medians(_report({**times, "window/64": 3.0}))
    found = calibrate.fit(medians, "a processor")
    assert (found.packet, found.octet) == (pytest.approx(300.0), pytest.approx(0.5))
    assert found.deviation == pytest.approx(0.0, abs=1e-9)


def test_a_calibration_is_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "this-machine.toml"
    path.write_text(calibrate.fit({64: 1000.0, 1400: 2000.0}, 'the "best"').toml())
    marks = {value.parameter: value.mark for value in profiles.read(path).values}
    assert marks["octet_cycles"] == "measured"
    assert (marks["clock"], marks["packet_cycles"]) == ("assumed", "derived")
    checked = core.check_parameters("offload", {"profile": str(path)})
    assert float(checked["packet_cycles"]) == pytest.approx(500 - 64 * 500 / 1336, rel=1e-3)


def test_a_walk_within_half_of_a_cache_is_its_latency(tmp_path: Path) -> None:
    walks = {1 << 14: 1.0, 1 << 16: 3.0, 1 << 18: 4.0, 1 << 20: 9.0, 1 << 28: 90.0}
    report = _report({f"chase/{octets}": time for octets, time in walks.items()})
    memory = calibrate.fit_memory(calibrate.medians(report, "chase"), [32 << 10, 1 << 20])
    assert memory is not None
    assert memory.caches == ((32 << 10, 1.0), (1 << 20, 4.0))
    path = tmp_path / "this-machine.toml"
    path.write_text(calibrate.fit({64: 1000.0, 1400: 2000.0}, "x", memory).toml())
    checked = core.parameter_values("offload", {"profile": str(path)})
    assert (checked["l1"], checked["l2"], checked["l3"]) == (32 << 10, 1 << 20, 0)
    assert (checked["l2_cycles"], checked["memory_cycles"]) == (4.0, 90.0)
    flat = 500 - 64 * 500 / 1336
    assert checked["packet_cycles"] == pytest.approx(flat - (36 / 10 + 2) * 1.0, rel=1e-3)


def test_the_system_tells_its_caches(tmp_path: Path) -> None:
    for index, (kind, size) in enumerate(
        [("Data", "48K"), ("Instruction", "32K"), ("Unified", "2048K"), ("Unified", "300M")]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        (folder / "type").write_text(kind + "\n")
        (folder / "size").write_text(size + "\n")
    assert calibrate.cache_sizes(tmp_path) == [48 << 10, 2 << 20, 300 << 20]


def test_one_length_is_no_line() -> None:
    with pytest.raises(LabError, match="too few lengths"):
        calibrate.fit({64: 1000.0}, "")
