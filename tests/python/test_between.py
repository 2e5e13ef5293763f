# SPDX-License-Identifier: BSD-3-Clause
"""Two daemons across a simulated network: what is read, what is judged, and a recorded order."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import dpkt
import pytest
from conftest import VECTORS, Cli

from ipseclab.errors import LabError
from ipseclab.interop import arrivals, between, matrix, sandbox
from ipseclab.interop.realtime_network import Impairment
from ipseclab.interop.strongswan import StrongSwan

RECORDED = VECTORS / "interop" / "libipsec-replay.json"

needs_charon = pytest.mark.skipif(
    bool(matrix.obstacle() or StrongSwan.missing()), reason="needs root and strongSwan"
)

# As charon 5.9.8 writes it.
LOG = """\
06[CHD] encryption initiator key => 20 bytes @ 0x7fa65c00c0f0
06[CHD]    0: 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF  .."3DUfw........
06[CHD]   16: 01 02 03 04                                      ....
06[CHD] encryption responder key => 20 bytes @ 0x7fa65c00c110
06[CHD]    0: FF 99 08 31 F9 66 47 EC 0A BE B7 0D 0E 29 7C 92  _..1.fG......)|.
06[CHD]   16: 7B 52 F1 68                                      {R.h
05[ESP] ESP sequence number verification failed:
05[ESP]   src 192.0.2.1, dst 198.51.100.2, SPI 52d7af23 [seq 18]
05[ESP] ESP sequence number verification failed:
05[ESP]   src 192.0.2.1, dst 198.51.100.2, SPI 00000001 [seq 19]
"""


def _packet(number: int, data: int, identification: int) -> bytes:
    esp = struct.pack(">II", 0xABCD, number) + bytes(data)
    udp = struct.pack(">HHHH", 4500, 4500, 8 + len(esp), 0) + esp
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), identification, 0, 64, 17, 0)
    return head + bytes([192, 0, 2, 1, 198, 51, 100, 2]) + udp


def _cut(packet: bytes, at: int) -> tuple[bytes, bytes]:
    """Two fragments, the first with so many octets of payload."""
    head, body = packet[:20], packet[20:]
    first = head[:2] + struct.pack(">H", 20 + at) + head[4:6] + b"\x20\x00" + head[8:]
    rest = struct.pack(">H", 20 + len(body) - at)
    last = head[:2] + rest + head[4:6] + struct.pack(">H", at // 8) + head[8:]
    return first + body[:at], last + body[at:]


def _capture(path: Path, packets: list[bytes]) -> Path:
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for at, packet in enumerate(packets):
            writer.writepkt((bytes(12) + b"\x08\x00" + packet).ljust(60, b"\0"), ts=float(at))
    return path


def test_fragments_are_joined_in_any_order(tmp_path: Path) -> None:
    whole = _packet(7, 1000, 1)
    first, last = _cut(_packet(8, 1000, 2), 512)
    early, late = _cut(_packet(9, 1000, 3), 512)
    lonely, _ = _cut(_packet(10, 1000, 4), 512)
    path = _capture(tmp_path / "x.pcap", [last, late, whole, lonely, early, first])
    found = list(arrivals.read(path))
    assert [(one.number, one.time) for one in found] == [(7, 2.0), (9, 4.0), (8, 5.0)]
    assert {one.spi for one in found} == {0xABCD}
    assert found[0].packet == whole
    assert [len(one.packet) for one in found] == [len(whole)] * 3


def test_ike_and_other_packets_are_left_out(tmp_path: Path) -> None:
    ike = _packet(1, 100, 1)
    ike = ike[:28] + bytes(4) + ike[32:]
    other = _packet(1, 100, 1)
    other = other[:20] + struct.pack(">HH", 500, 500) + other[24:]
    assert not list(arrivals.read(_capture(tmp_path / "x.pcap", [ike, other])))


def test_lateness() -> None:
    assert arrivals.latest([1, 2, 3]) == 0
    assert arrivals.latest([1, 5, 2, 6, 3]) == 3


def test_keys_and_replays_of_the_log() -> None:
    key = between.logged_key(LOG, "encryption initiator key")
    assert key.hex() == "00112233445566778899aabbccddeeff01020304"
    with pytest.raises(LabError, match="integrity"):
        between.logged_key(LOG, "integrity initiator key")
    assert between.logged_replays(LOG, 0x52D7AF23) == {18}


@pytest.mark.core
@pytest.mark.parametrize(
    ("late", "verdict"), [(127, "none"), (128, "replay-too-old"), (0, "replay-duplicate")]
)
def test_model_at_the_edge_of_the_window(late: int, verdict: str) -> None:
    top = 1000
    numbers = [top, top - late]
    assert arrivals.replay(numbers, between.WINDOWS["strongswan"]) == ["none", verdict]


@pytest.mark.core
def test_model_judges_a_recorded_order_as_the_daemon_did() -> None:
    recorded: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    numbers = recorded["arrivals"]["numbers"]
    dropped = set(recorded["arrivals"]["dropped"])
    window = recorded["window"]
    assert recorded["daemon"]["replays"] == len(dropped)
    # The order is one that tells windows apart: late by one less than the window, and by it.
    top, lateness = 0, set()
    for number in numbers:
        lateness.add(top - number)
        top = max(top, number)
    assert {window - 1, window} <= lateness
    verdicts = arrivals.replay(numbers, window)
    judged = {
        number for number, verdict in zip(numbers, verdicts, strict=True) if verdict != "none"
    }
    assert judged == dropped
    for other in (window - 1, window + 1):
        verdicts = arrivals.replay(numbers, other)
        assert sum(verdict != "none" for verdict in verdicts) != len(dropped)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--delay", "20ms"], "--delay needs --between"),
        (["--between", "strongswan", "racoon"], "racoon"),
        (["--between", "strongswan", "strongswan", "--delay", "20"], "--delay"),
        (["--between", "strongswan", "strongswan", "--loss", "1"], "--loss"),
        (["--between", "strongswan", "strongswan", "--mtu", "100"], "--mtu"),
        (["--between", "strongswan", "strongswan", "--octets", "3"], "--octets"),
    ],
)
@pytest.mark.core
def test_mistakes(cli: Cli, words: list[str], complaint: str) -> None:
    done = cli("interop", *words)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_root_it_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "require_root", lambda: "needs root")
    assert between.missing(between.Plan(("strongswan", "strongswan"))) == "needs root"


@needs_charon
@pytest.mark.core
def test_two_daemons_across_the_network(tmp_path: Path) -> None:
    network = Impairment(delay=5e-3, loss=0.05, reorder=0.2, hold=0.2, mtu=1280)
    plan = between.Plan(("strongswan", "strongswan"), network, rate=1000.0, packets=600)
    result = between.run(plan, tmp_path)
    packets, daemon = result["packets"], result["daemon"]
    assert packets["sent"] == plan.packets == packets["lost"] + packets["arrived"]
    assert packets["arrived"] == daemon["delivered"] + daemon["replays"] + packets["unread"]
    assert packets["lost"] > 0 and packets["latest"] > 0
    assert result["differing"] == []
    assert result["network"]["lag"]["samples"] > 0
    assert result["provenance"]["daemons"]["strongswan-charon"]
    assert json.loads((tmp_path / between.FILE).read_text(encoding="utf-8")) == result
    mine = f"ipseclab-{os.getpid()}-"
    assert not [name for name in sandbox.namespaces() if name.startswith(mine)]
