# SPDX-License-Identifier: BSD-3-Clause
"""Scenario iptfs: packets in AGGFRAG payloads against closed forms, and against other decoders."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import environment

import ipseclab as lab
from ipseclab.errors import LabError

OUTER, ESP_HEADER, IV, TRAILER, ICV, HEADER = 20, 8, 8, 2, 16, 4
MODES = ["plain", "on-demand", "no-fragments", "constant"]


def measure(**parameters: str | int | bool) -> dict[str, float]:
    row = lab.run("iptfs", **parameters)
    prefix = "metric."
    return {
        name[len(prefix) :]: float(str(value))
        for name, value in row.items()
        if name.startswith(prefix)
    }


def capacity(path_mtu: int) -> int:
    """Octets of data blocks: what is encrypted is a multiple of 4."""
    encrypted = path_mtu - OUTER - ESP_HEADER - IV - ICV
    return encrypted // 4 * 4 - TRAILER - HEADER


def sealed(blocks: int) -> int:
    """Octets of an ESP packet that is as long as what it holds."""
    encrypted = (HEADER + blocks + TRAILER + 3) // 4 * 4
    return OUTER + ESP_HEADER + IV + encrypted + ICV


@pytest.mark.parametrize("mode", MODES)
def test_sized_and_real_count_the_same(mode: str) -> None:
    rows = [
        measure(
            mode=mode,
            size="900B",
            small_share="0.3",
            packets=500,
            loss="0.02",
            late_share="0.05",
            late_by="0.25ms",
            sized=sized,
        )
        for sized in (False, True)
    ]
    assert rows[0] == rows[1]
    assert 0 < rows[0]["lost_packets"] < 500


@pytest.mark.parametrize("size", [64, 577, 1442, 1443, 9000])
@pytest.mark.parametrize("path_mtu", [576, 1500, 1502])
def test_payloads_are_full(size: int, path_mtu: int) -> None:
    count = 300
    row = measure(
        size=f"{size}B", path_mtu=f"{path_mtu}B", rate="1Mpps", packets=count, wait="10ms"
    )
    full, rest = divmod(count * size, capacity(path_mtu))
    assert row["outer_packets"] == math.ceil(count * size / capacity(path_mtu))
    whole = sealed(capacity(path_mtu))
    assert path_mtu - 4 < whole <= path_mtu
    assert row["outer_octets"] == full * whole + (sealed(rest) if rest else 0)
    assert (row["lost_packets"], row["icmp_reports"]) == (0, 0)


def test_without_traffic_to_wait_for_aggregation_gains_nothing() -> None:
    row = measure(size="64B", rate="100pps", packets=50, wait="0s")
    assert (row["outer_packets"], row["outer_octets"]) == (50, 50 * sealed(64))
    # 1500 octets are a full ESP packet and a rest, as with fragments of IP.
    row = measure(size="1500B", rate="100pps", packets=50, wait="0s")
    assert row["outer_octets"] == 50 * (1500 + sealed(1500 - capacity(1500)))


def test_plain_esp_and_flag_d_have_an_mtu() -> None:
    for mode, largest in (("plain", 1446), ("no-fragments", 1442)):
        fits = measure(mode=mode, size=f"{largest}B", packets=20, wait="0s")
        assert (fits["delivered_packets"], fits["icmp_reports"]) == (20, 0)
        too_big = measure(mode=mode, size=f"{largest + 1}B", packets=20)
        assert (too_big["delivered_packets"], too_big["icmp_reports"]) == (0, 20)
        assert too_big["drop_outbound_too_big"] == 20


def test_whole_packets_waste_what_they_leave() -> None:
    # Two of 600 octets fit into 1442.
    row = measure(mode="no-fragments", size="600B", packets=100, rate="1Mpps")
    assert row["outer_packets"] == 50
    assert row["outer_octets"] == 50 * sealed(1200)


@pytest.mark.parametrize("window", [0, 1, 3, 8])
@pytest.mark.parametrize("delivery", ["in-order", "at-once"])
def test_the_window_is_in_payloads(window: int, delivery: str) -> None:
    for overtaken in (window, window + 1):
        row = measure(
            mode="constant",
            interval="1ms",
            rate="900pps",
            packets=300,
            reorder_window=window,
            delivery=delivery,
            late_share="0.02",
            late_by=f"{overtaken + 0.5}ms",
            drop_timer="200ms",
        )
        assert row["outer_reordered"] > 0 or overtaken == 0
        assert (row["aggfrag_late"] > 0) == (overtaken > window)
        assert (row["lost_packets"] > 0) == (overtaken > window)
        if delivery == "in-order":
            assert row["inner_reordered"] == 0


def test_in_order_waits_and_at_once_does_not() -> None:
    plan = {"size": "1442B", "rate": "1kpps", "loss": "0.02", "reorder_window": 64}
    in_order = measure(**plan, drop_timer="20ms")
    at_once = measure(**plan, drop_timer="20ms", delivery="at-once")
    assert in_order["lost_packets"] == at_once["lost_packets"] == in_order["outer_lost"] > 0
    assert in_order["added_delay_max"] == pytest.approx(20e-3, abs=1e-5)
    assert at_once["added_delay_max"] < 1e-5


def test_a_constant_rate_is_blind() -> None:
    """Times and sizes are those of the clock, for any traffic; queues are bounded."""
    for arrivals, rate in (("even", "100pps"), ("poisson", "5kpps"), ("even", "18kpps")):
        row = measure(
            mode="constant",
            interval="0.1ms",
            arrivals=arrivals,
            rate=rate,
            packets=500,
            queue="50000B",
            drop_timer="10ms",
        )
        assert row["outer_odd"] == 0
        assert row["outer_gap_s"] == pytest.approx(1e-4)
        assert row["outer_octets"] == 1500 * row["outer_packets"]
        assert row["lost_packets"] == row["drop_outbound_aggfrag_queue"]
        assert (row["lost_packets"] > 0) == (rate == "18kpps")


def test_a_rate_that_is_too_low_is_refused() -> None:
    with pytest.raises(LabError, match="interval"):
        measure(mode="constant", interval="1ms")


# ---- other decoders


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures of a run with large and small packets."""
    out = tmp_path_factory.mktemp("iptfs")
    words = ["run", "iptfs", "--size", "4000B", "--small-share", "0.5", "--packets", "200"]
    subprocess.run(
        [sys.executable, "-m", "ipseclab", *words, "--pcap", "--out", str(out)],
        env=environment(),
        check=True,
        capture_output=True,
    )
    return out / "captures"


def inner_packets(payloads: list[bytes]) -> Iterator[bytes]:
    """AGGFRAG after the text of RFC 9347, with nothing of the model: sub-type 0, no losses."""
    partial = b""
    for payload in payloads:
        assert payload[:2] == b"\0\0"
        offset = int.from_bytes(payload[2:4], "big")
        blocks = payload[4:]
        partial += blocks[:offset]
        if offset > len(blocks):
            continue
        if partial:
            assert int.from_bytes(partial[2:4], "big") == len(partial)
            yield partial
        partial = b""
        blocks = blocks[offset:]
        while blocks and blocks[0] >> 4 == 4:
            length = int.from_bytes(blocks[2:4], "big") if len(blocks) >= 4 else len(blocks) + 1
            if length > len(blocks):
                partial = blocks
                break
            yield blocks[:length]
            blocks = blocks[length:]
        assert not any(blocks) or partial
    assert not partial


def test_scapy_opens_what_an_independent_decoder_puts_together(captures: Path) -> None:
    pytest.importorskip("scapy", reason="needs Debian's python3-scapy")
    from scapy.layers.inet import IP
    from scapy.layers.ipsec import ESP, SecurityAssociation
    from scapy.utils import RawPcapReader

    secrets = json.loads((captures / "secrets.json").read_text())
    keys = {int(sa["spi"], 16): bytes.fromhex(sa["encr"]) for sa in secrets["esp_sas"]}
    payloads = []
    for frame in RawPcapReader(str(captures / "gateway-a.pcap")):
        packet = IP(frame[0][2:])  # behind the PPP header
        if ESP in packet and packet.src == "192.0.2.1":
            spi = packet[ESP].spi
            sa = SecurityAssociation(
                ESP, spi=spi, crypt_algo="AES-GCM", crypt_key=keys[spi], auth_algo="NULL"
            )
            opened = sa.decrypt(packet)
            assert opened.proto == 144
            payloads.append(bytes(opened.payload))
    packets = list(inner_packets(payloads))
    assert [int.from_bytes(packet[28:36], "big") for packet in packets] == list(range(200))
    assert {len(packet) for packet in packets} == {64, 4000}
    assert len(payloads) == math.ceil(sum(map(len, packets)) / capacity(1500))


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_decrypts_the_same(captures: Path) -> None:
    """tshark 4.0 knows no AGGFRAG: it shows what is decrypted, down to next header 144."""
    done = subprocess.run(
        [
            *("tshark", "-C", "ipseclab", "-r", str(captures / "gateway-a.pcap")),
            *("-Y", "esp.icv_good == 1 and ip.src == 192.0.2.1"),
            *("-T", "fields", "-e", "esp.decrypted_data"),
        ],
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(captures / "wireshark")},
        capture_output=True,
        text=True,
        check=True,
    )
    texts = [bytes.fromhex(line.replace(":", "")) for line in done.stdout.split()]
    assert {text[-1] for text in texts} == {144}
    packets = list(inner_packets([text[: -2 - text[-2]] for text in texts]))
    assert [int.from_bytes(packet[28:36], "big") for packet in packets] == list(range(200))
