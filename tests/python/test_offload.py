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


@pytest.mark.parametrize(
    "parameters",
    [
        {"profile": "vpp-skx-aesgcm", "side": "both"},
        {"profile": "qat", "side": "both", "rate": "4Mpps"},
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
    assert {value.mark for value in profiles.read(path).values} == {"measured"}
    checked = core.check_parameters("offload", {"profile": str(path)})
    assert float(checked["packet_cycles"]) == pytest.approx(500 - 64 * 500 / 1336, rel=1e-3)


def test_one_length_is_no_line() -> None:
    with pytest.raises(LabError, match="too few lengths"):
        calibrate.fit({64: 1000.0}, "")
