# SPDX-License-Identifier: BSD-3-Clause
"""The simulated network between two real hosts; the hosts are two ends of socket pairs here."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from ipseclab import core
from ipseclab.isolation import isolated

pytestmark = pytest.mark.core

_BROADCAST = b"\xff" * 6
_ARP, _IPV4 = 0x0806, 0x0800
_EXPERIMENT = 253  # protocol number (RFC 3692)
_DF = 0x4000


def _checksum(octets: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class _Host:
    """A host that knows Ethernet, ARP and a little IPv4, at the end of a socket pair."""

    link: socket.socket
    mac: bytes
    address: str
    router: str
    router_mac: bytes = b""

    def send(self, ether_type: int, body: bytes, to: bytes = _BROADCAST) -> None:
        self.link.send((to + self.mac + struct.pack(">H", ether_type) + body).ljust(60, b"\0"))

    def _arp(self, operation: int, target_mac: bytes, target: bytes) -> bytes:
        own = self.mac + socket.inet_aton(self.address)
        return struct.pack(">HHBBH", 1, _IPV4, 6, 4, operation) + own + target_mac + target

    def receive(self) -> bytes:
        """The next IPv4 packet; questions of ARP are answered on the way."""
        while True:
            frame = self.link.recv(2048)
            (ether_type,) = struct.unpack(">H", frame[12:14])
            body = frame[14:]
            if ether_type == _IPV4:
                return body[: struct.unpack(">H", body[2:4])[0]]
            if ether_type == _ARP and body[6:8] == b"\0\1" and self._is_mine(body[24:28]):
                self.send(_ARP, self._arp(2, body[8:14], body[14:18]), body[8:14])

    def _is_mine(self, address: bytes) -> bool:
        return address == socket.inet_aton(self.address)

    def find_router(self) -> None:
        self.send(_ARP, self._arp(1, bytes(6), socket.inet_aton(self.router)))
        while True:
            frame = self.link.recv(2048)
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2":
                self.router_mac = frame[22:28]
                return

    def send_packet(self, to: str, octets: int, flags: int = 0) -> bytes:
        """An IPv4 packet of that many octets; its payload."""
        payload = bytes(i % 251 for i in range(octets - 20))
        addresses = socket.inet_aton(self.address) + socket.inet_aton(to)
        head = struct.pack(">BBHHHBBH", 0x45, 0, octets, 7, flags, 64, _EXPERIMENT, 0)
        check = struct.pack(">H", _checksum(head + addresses))
        self.send(_IPV4, head[:10] + check + addresses + payload, self.router_mac)
        return payload


def _network(sockets: list[int], end: int, options: dict[str, Any]) -> dict[str, Any]:
    """Runs until the descriptor `end` has something to read."""
    control = socket.socket(fileno=end)
    control.setblocking(False)

    def stop() -> bool:
        try:
            return len(control.recv(1)) >= 0
        except BlockingIOError:
            return False

    given = {"delay": 0.0, "loss": 0.0, "reorder_share": 0.0, "hold": 0.0, "mtu": 1500}
    ports = list(zip(sockets, ("192.0.2.254", "198.51.100.254"), strict=True))
    done: dict[str, Any] = core.load().run_realtime_network(
        ports, **{**given, **options}, seed=1, run=1, stop=stop
    )
    return done


class _Session:
    """The network in a process, two hosts in this one."""

    def __init__(self, **options: Any) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
        self._end, control = socket.socketpair()
        self.report: dict[str, Any] = {}
        far = [far for _, far in pairs]

        def run() -> None:
            numbers = [far_end.fileno() for far_end in far]
            self.report = isolated(_network, numbers, control.fileno(), options)

        self._thread = threading.Thread(target=run)
        self._thread.start()
        for near, _ in pairs:
            near.settimeout(20)
        self.a = _Host(pairs[0][0], b"\x02\0\0\0\xaa\1", "192.0.2.1", "192.0.2.254")
        self.b = _Host(pairs[1][0], b"\x02\0\0\0\xbb\1", "198.51.100.2", "198.51.100.254")

    def __enter__(self) -> _Session:
        self.a.find_router()
        self.b.find_router()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.send(b"x")
        self._thread.join(30)
        assert not self._thread.is_alive()


def test_packets_cross_and_large_ones_are_cut_or_refused() -> None:
    with _Session(mtu=1280) as network:
        payload = network.a.send_packet("198.51.100.2", 1280, _DF)
        packet = network.b.receive()
        assert packet[20:] == payload
        assert packet[8] == 62  # TTL: two routers
        assert _checksum(packet[:20]) == 0

        payload = network.a.send_packet("198.51.100.2", 1281)
        first, second = network.b.receive(), network.b.receive()
        assert first[20:] + second[20:] == payload

        network.a.send_packet("198.51.100.2", 1281, _DF)
        icmp = network.a.receive()
        assert socket.inet_ntoa(icmp[12:16]) == "192.0.2.254"
        assert icmp[9] == 1
        assert icmp[20:22] == b"\3\4"  # fragmentation needed
        assert struct.unpack(">H", icmp[26:28]) == (1280,)
    report = network.report
    assert (report["offered"], report["delivered"], report["too_large"]) == (3, 3, 1)
    assert (report["lost"], report["in_flight"], report["queue_dropped"]) == (0, 0, 0)
    assert report["lag"]["samples"] > 0


def test_lost_packets_are_counted() -> None:
    with _Session(loss=1.0) as network:
        for _ in range(5):
            network.a.send_packet("198.51.100.2", 100)
        # ARP is no business of the link: an answer after them says that all five have been seen.
        network.a.find_router()
    assert network.report["offered"] == network.report["lost"] == 5
    assert network.report["delivered"] == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"loss": 1.5}, "probability"),
        ({"reorder_share": -0.1}, "share"),
        ({"mtu": 67}, "MTU"),
        ({"delay": -1.0}, "delays"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], complaint: str) -> None:
    reading, writing = socket.socketpair()
    with reading, writing, pytest.raises(ValueError, match=complaint):
        isolated(_network, [reading.fileno(), writing.fileno()], reading.fileno(), options)


def test_what_the_stop_function_raises_comes_out() -> None:
    def run() -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
        ports = [(far.detach(), f"192.0.{i}.254") for i, (_, far) in enumerate(pairs)]

        def stop() -> bool:
            raise ArithmeticError("enough")

        core.load().run_realtime_network(
            ports, delay=0, loss=0, reorder_share=0, hold=0, mtu=1500, seed=1, run=1, stop=stop
        )

    with pytest.raises(ArithmeticError, match="enough"):
        isolated(run)
