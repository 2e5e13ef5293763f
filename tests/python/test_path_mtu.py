# SPDX-License-Identifier: BSD-3-Clause
"""Scenario path-mtu: what each strategy delivers, against sizes that were reckoned by hand."""

from __future__ import annotations

import pytest

import ipseclab as lab
from ipseclab.errors import LabError

STRATEGIES = ["outer-fragments", "inner-fragments", "pmtud", "probing"]
IP, UDP = 20, 8


def measure(**parameters: str | int | bool) -> dict[str, float]:
    row = lab.run("path-mtu", **parameters)
    prefix = "metric."
    return {
        name[len(prefix) :]: float(str(value))
        for name, value in row.items()
        if name.startswith(prefix)
    }


def tunnel_mtu(path_mtu: int, in_udp: bool) -> int:
    """SPI 4, number 4, IV 8, trailer 2, ICV 16; what is encrypted is a multiple of 4."""
    encrypted = path_mtu - IP - (UDP if in_udp else 0) - 4 - 4 - 8 - 16
    return encrypted // 4 * 4 - 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_sized_and_real_count_the_same(strategy: str) -> None:
    rows = [
        measure(strategy=strategy, packets=500, loss="0.05", icmp_filter="0.5", sized=sized)
        for sized in (False, True)
    ]
    assert rows[0] == rows[1]
    assert 0 < rows[0]["lost_packets"] < 500


@pytest.mark.parametrize("path_mtu", [576, 577, 1000, 1280, 1399, 1400, 1401, 1402, 1403])
@pytest.mark.parametrize("encapsulation", ["esp", "udp"])
def test_a_host_learns_the_tunnel_mtu(path_mtu: int, encapsulation: str) -> None:
    row = measure(path_mtu=f"{path_mtu}B", encapsulation=encapsulation, quote="528B", packets=20)
    assert row["final_size"] == tunnel_mtu(path_mtu, encapsulation == "udp")
    # One that the router reports, one that the gateway reports; none is sent within the 20 ms.
    assert (row["lost_packets"], row["router_too_large"], row["reports_to_host"]) == (2, 1, 1)


def test_what_fits_is_left_alone() -> None:
    for strategy in ("outer-fragments", "inner-fragments", "pmtud"):
        row = measure(strategy=strategy, path_mtu="1456B", packets=100)  # 1400 + 20 + 34 + 2
        assert (row["frames"], row["frame_octets"]) == (100, 145600), strategy
        assert (row["lost_packets"], row["convergence_s"]) == (0, 0)


def test_fragments_cost_what_their_headers_do() -> None:
    outer = measure(strategy="outer-fragments", packets=100)
    assert (outer["frames"], outer["reassembled_packets"]) == (200, 100)
    assert outer["frame_octets"] == 100 * (1456 + IP)
    assert outer["final_size"] == 1400
    inner = measure(strategy="inner-fragments", packets=100)
    assert (inner["lost_packets"], inner["reassembled_packets"]) == (1, 0)
    # 1346 leave 1320 of 8 octets each, and 60 more: 1340 and 80 with their headers.
    pieces = [(size + 2 + 3) // 4 * 4 + IP + 32 for size in (IP + 1320, IP + 60)]
    assert inner["frame_octets"] == 99 * sum(pieces)


def test_probing_needs_no_report_and_takes_three_timers_for_each_failure() -> None:
    row = measure(strategy="probing", icmp_filter=1, path_mtu="1280B", probe_timer="500ms")
    # 1200 passes. 1400 fails, then halves: 1300, 1250 fail, 1225 passes, 1237, 1231, 1228 fail.
    assert row["final_size"] == 1225
    assert row["probes"] == 2 + 6 * 3
    assert row["lost_packets"] == 0
    assert row["router_reports"] == 0


def test_a_probe_timer_that_is_too_short_is_refused() -> None:
    with pytest.raises(LabError, match="probe_timer"):
        measure(probe_timer="20ms")
