# SPDX-License-Identifier: BSD-3-Clause
"""Scenario path-mtu: what each strategy delivers, against sizes that were reckoned by hand."""

from __future__ import annotations

import math

import pytest

import ipseclab as lab
from ipseclab.errors import LabError

STRATEGIES = ["outer-fragments", "inner-fragments", "pmtud", "probing", "lmap", "aggfrag"]
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


def test_what_a_round_trip_sends_is_cut_by_the_router_and_the_rest_by_the_gateway() -> None:
    row = measure(strategy="lmap", packets=100, rate="1kpps", delay="5.2ms", icmp_filter=1)
    assert (row["reassembled_packets"], row["lost_packets"]) == (11, 0)
    assert (row["notifications_told"], row["path_mtu_falls"]) == (1, 1)
    assert row["gateway_path_mtu"] == 1396  # 20 and the largest multiple of 8
    assert row["convergence_s"] == pytest.approx(2 * 0.0052, rel=0.01)
    # 11 as 1396 and 80; then 1342 leave 1320 and 60 octets: 1340 and 80 with their headers.
    pieces = [(size + 2 + 3) // 4 * 4 + IP + 32 for size in (IP + 1320, IP + 60)]
    ike = row["frame_octets"] - 11 * (1396 + IP + 1456 - 1396) - 89 * sum(pieces)
    assert 0 < ike < 150  # the answer to the notification


INNER_FRAGMENTS = ["all-ports", "opaque", "stateful", "none"]


@pytest.mark.parametrize("rule", INNER_FRAGMENTS)
def test_later_fragments_meet_selectors_that_name_ports(rule: str) -> None:
    fragments = {"strategy": "inner-fragments", "inner_fragments": rule, "packets": 100}
    row = measure(**fragments, delay="12ms")
    assert row == measure(**fragments, delay="12ms", sized=True)
    # The first is too large for the path until the report; then each is in two pieces.
    cut = 99
    early = 3 if rule == "opaque" else 0  # that are sent within 24 ms, until the Child SA is there
    lost = cut if rule == "none" else early
    assert row["lost_packets"] == 1 + lost
    assert row["frames"] == 2 * cut - lost + (2 if rule == "opaque" else 0) // 2
    assert row["sa_pairs"] == (2 if rule == "opaque" else 1)
    assert row["fragments_noted"] == (cut if rule == "stateful" else 0)
    assert row["drop_outbound_fragment_unknown"] == (cut if rule == "none" else 0)
    assert row["drop_outbound_acquire_pending"] == early


def test_over_tcp_port_selectors_leave_whole_segments_alone() -> None:
    tcp = {"transport": "tcp", "strategy": "pmtud", "packets": 50}
    rows = [measure(**tcp, inner_fragments=rule) for rule in INNER_FRAGMENTS]
    assert all(row["lost_packets"] == 0 for row in rows)
    assert all(row["sa_pairs"] == 1 for row in rows)


def test_packets_that_share_esp_packets_all_fit_once_the_path_is_known() -> None:
    row = measure(strategy="aggfrag", packets=1000, rate="1kpps", delay="5.2ms")
    # One ESP packet in twelve milliseconds or so is still too long; then 1342 octets fit in each.
    assert row["gateway_path_mtu"] == 1400
    assert 0 < row["lost_packets"] <= 12
    assert row["reports_to_host"] == 0
    assert row["frames"] == pytest.approx(row["delivered_packets"] * 1400 / 1342, abs=15)
    assert row["octets_per_payload"] == pytest.approx(1400 / 1342 * 1400 / 1372, rel=0.01)


def test_aggfrag_has_a_black_hole_where_reports_are_filtered() -> None:
    row = measure(strategy="aggfrag", packets=200, icmp_filter=1)
    assert (row["delivered_packets"], row["gateway_path_mtu"]) == (0, 1500)


def test_what_is_never_whole_is_told_of_when_that_is_asked_for() -> None:
    filtered = {
        "strategy": "lmap",
        "packets": 50,
        "fragment_filter": 1,
        "reassembly_timeout": "100ms",
    }
    row = measure(**filtered)
    assert (row["delivered_packets"], row["notifications_told"]) == (0, 0)
    assert row["frames_lost"] == 50
    # Unless that is asked for: what is sent in 100 ms and a round trip, every 10 ms, is lost.
    row = measure(**filtered, unfinished="told", delay="5.2ms")
    assert (row["lost_packets"], row["notifications_told"]) == (12, 1)


def test_as_the_draft_writes_its_condition_nothing_is_learnt() -> None:
    never_whole = {
        "strategy": "lmap",
        "packets": 50,
        "fragment_filter": 1,
        "reassembly_timeout": "100ms",
        "unfinished": "told",
    }
    row = measure(**never_whole, condition="draft")
    assert row["lost_packets"] == 50
    assert row["notifications_heard"] == row["notifications_told"] > 0
    assert row["gateway_path_mtu"] == 1500


def test_a_notification_that_names_no_sa_lowers_all() -> None:
    two_paths = {
        "strategy": "lmap",
        "packets": 100,
        "child_sas": 2,
        "path_mtu": "1500B",
        "later_mtu": "1280B",
        "change": "alternating",
        "change_at": "10ms",
    }
    rows = {name: measure(**two_paths, binding=name) for name in ("ike-sa", "child-sa")}
    assert rows["ike-sa"]["path_mtu_falls"] == 2
    assert rows["child-sa"]["path_mtu_falls"] == 1
    # Packets 1, 3, 5, ... are always in two pieces; 0 and what is sent within the round trip of
    # the notification about 1 are as their own path has them, later ones as they were told.
    assert rows["child-sa"]["frames"] - 1 == 50 + 2 * 50  # and the answer of IKE
    assert rows["ike-sa"]["frames"] - 1 == 2 + 2 * 98
    assert all(row["lost_packets"] == 0 for row in rows.values())


@pytest.mark.parametrize("interval", ["0s", "500ms"])
@pytest.mark.parametrize("child_sas", [1, 2, 8])
def test_each_child_sa_has_an_interval_and_all_share_the_window_of_ike(
    child_sas: int, interval: str
) -> None:
    endless = {"path_mtu": "1396B", "size": "1346B", "overhead": "draft"}
    row = measure(
        strategy="lmap", packets=160, tell_interval=interval, child_sas=child_sas, **endless
    )
    assert row["sa_pairs"] == child_sas
    # Packets each 10 ms; an answer takes 20 ms and more, so that every third one finds none open.
    of_each = math.ceil(160 / child_sas / math.ceil(50 / child_sas))
    assert row["notifications_told"] == (54 if interval == "0s" else child_sas * of_each)


def test_a_packet_beyond_emtu_r_is_told_of_once_and_the_next_ones_fit() -> None:
    row = measure(strategy="lmap", packets=100, emtu_r="1300B", delay="5ms", rate="1kpps")
    assert row["lost_packets"] == row["drop_inbound_too_big"] == 11
    assert (row["notifications_told"], row["gateway_path_mtu"]) == (1, 1300)
    black_hole = measure(strategy="outer-fragments", packets=100, emtu_r="1300B")
    assert black_hole["lost_packets"] == black_hole["drop_inbound_too_big"] == 100


@pytest.mark.parametrize(("join_time", "rate"), [(1, 150), (4, 120)])
def test_a_busy_core_delivers_what_joining_leaves(join_time: int, rate: int) -> None:
    """Two pieces: cutting before ESP pays when joining one costs more than half of opening."""
    packets = 40000
    row = {
        strategy: measure(
            strategy=strategy,
            rate=f"{rate}kpps",
            packets=packets,
            delay="100us",
            open_time="4us",
            join_time=f"{join_time}us",
            sized=True,
        )
        for strategy in ("outer-fragments", "lmap")
    }
    enough, scarce = ("outer-fragments", "lmap") if join_time == 1 else ("lmap", "outer-fragments")
    assert row[enough]["lost_packets"] == 0
    assert row[scarce]["drop_inbound_engine_full"] > 0
    if scarce == "outer-fragments":  # what the core has time for, and the queue at the end
        capacity = packets / rate * 1000 / (4 + 2 * join_time)
        assert row[scarce]["delivered_packets"] == pytest.approx(capacity + 1024, abs=10)


def test_a_floor_bounds_what_an_attack_leaves_behind() -> None:
    attack = {"path_mtu": "100B", "later_mtu": "1500B", "change_at": "50ms", "rate": "200pps"}
    for floor in (68, 576):
        row = measure(strategy="lmap", floor=f"{floor}B", packets=100, **attack)
        assert row["gateway_path_mtu"] == max(floor, 100)
        assert row["lost_packets"] == 0


def test_a_path_mtu_that_grows_is_used_when_the_old_one_has_aged() -> None:
    for lifetime, expected in (("1s", 1500), ("600s", 1276)):
        row = measure(
            strategy="lmap",
            path_mtu="1280B",
            later_mtu="1500B",
            change_at="1.5s",
            lifetime=lifetime,
            packets=400,
        )
        assert row["gateway_path_mtu"] == expected


def test_a_probe_timer_that_is_too_short_is_refused_where_there_are_probes() -> None:
    with pytest.raises(LabError, match="probe_timer"):
        measure(strategy="probing", probe_timer="20ms")
    assert measure(probe_timer="20ms", packets=10)["probes"] == 0


def test_engines_do_not_work_on_aggfrag() -> None:
    with pytest.raises(LabError, match="open_time"):
        measure(strategy="aggfrag", open_time="1us")


def test_frames_that_were_lost_before_the_first_packet_do_not_count() -> None:
    row = measure(strategy="outer-fragments", path_mtu="1500B", packets=1, loss="0.5")
    assert row["frames_lost"] == 1 - row["delivered_packets"]


TCP = {"transport": "tcp", "packets": 300, "rate": "1kpps"}


@pytest.mark.parametrize("strategy", ["pmtud", "probing", "clamping"])
def test_tcp_counts_the_same_sized_and_real(strategy: str) -> None:
    rows = [
        measure(strategy=strategy, loss="0.01", icmp_filter="0.5", sized=sized, **TCP)
        for sized in (False, True)
    ]
    assert rows[0] == rows[1]
    assert rows[0]["delivered_packets"] == 300


def test_tcp_learns_the_tunnel_mtu_by_reports() -> None:
    row = measure(strategy="pmtud", quote="528B", **TCP)
    assert row["final_size"] == tunnel_mtu(1400, in_udp=False)
    assert row["delivered_packets"] == 300
    # The ten segments of the first window do not fit gateway A's link. The one that is sent anew
    # fits that, and not the router's; gateway A tells of it when it comes again, after a second.
    assert row["router_too_large"] == 1
    assert row["reports_to_host"] == 10 + 1
    assert 1 < row["convergence_s"] < 1.1
    wide = measure(strategy="pmtud", path_mtu="1500B", **TCP)
    assert wide["final_size"] == tunnel_mtu(1500, in_udp=False)
    assert wide["convergence_s"] < 0.1  # one report, no timeout


def test_tcp_stalls_in_a_black_hole_unless_it_probes_or_is_clamped() -> None:
    black_hole = {**TCP, "icmp_filter": 1, "packets": 3000}
    stalled = measure(strategy="pmtud", **black_hole)
    assert (stalled["delivered_packets"], stalled["lost_packets"]) == (0, 3000)
    probing = measure(strategy="probing", **black_hole)
    assert probing["lost_packets"] == 0
    largest = tunnel_mtu(1400, in_udp=False)
    assert largest - 8 < probing["final_size"] <= largest
    assert probing["probes"] > 0
    assert probing["convergence_s"] > 3  # after timeouts of 1 and 2 seconds
    clamped = measure(strategy="clamping", **black_hole)
    assert clamped["lost_packets"] == 0
    assert clamped["final_size"] == 1200 + 2 * IP
    assert (clamped["router_too_large"], clamped["convergence_s"]) == (0, 0)


def test_tcp_survives_losses_while_the_window_of_the_peer_is_full() -> None:
    """ns-3 3.37 by itself sends a segment of no octets then, and crashes."""
    row = measure(
        transport="tcp",
        strategy="clamping",
        mss_limit="536B",
        link_rate="10Mbps",
        delay="50ms",
        rate="2kpps",
        packets=2000,
        sized=True,
    )
    assert row["frames_lost"] > 0
    assert row["delivered_packets"] == 2000


def test_an_mss_that_is_clamped_too_little_helps_nobody() -> None:
    for limit, delivered in ((tunnel_mtu(1400, in_udp=False) - 40, 300), (1400 - 40, 0)):
        row = measure(strategy="clamping", mss_limit=f"{limit}B", icmp_filter=1, **TCP)
        assert row["delivered_packets"] == delivered


@pytest.mark.parametrize(
    "wrong",
    [
        {"transport": "tcp", "strategy": "lmap"},
        {"strategy": "clamping"},
        {"transport": "tcp", "small_share": "0.5"},
    ],
)
def test_what_does_not_go_together_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(LabError, match=r"strategy|small_share"):
        measure(**wrong)
