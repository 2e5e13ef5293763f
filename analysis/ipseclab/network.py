# SPDX-License-Identifier: BSD-3-Clause
"""Topologies that a script describes: hosts, routers, gateways, links, tunnels, traffic, probes.

    import ipseclab as lab

    net = lab.Network(seed=1, run=1)
    a, b = net.host("a"), net.host("b")
    ga, r, gb = net.gateway("ga"), net.router("r"), net.gateway("gb", window=64)
    net.link(a, ga)
    net.link(ga, r, rate="10Gbps", delay="1ms")
    net.link(r, gb, extra_delay=lab.TwoPoint("1ms", fast_share=0.3))
    net.link(gb, b)
    net.tunnel(ga, gb)
    stream = net.traffic(a, b, rate="100kpps", payload="1000B", packets=20000)
    result = net.run()
    print(result[stream].loss, result[gb]["inbound_drops"])

Quantities are strings with units, or numbers in SI units: seconds, packets or bits per second,
octets.

A Network is a description and costs nothing; ``run`` builds it in ns-3, runs it and takes it down.
So there may be many in one process, one of them running at a time, and the same one may run again.
``run`` works in the calling process; ``lab.isolated(function)`` calls a function that describes and
runs a network in a worker process, whose crash is an exception here.
"""

from __future__ import annotations

import operator
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from ipseclab import core
from ipseclab.errors import LabError

if TYPE_CHECKING:
    from ipseclab import _core
    from ipseclab._core import Event, GatewayCounters, LinkCounts, TunnelOutput

Quantity = str | float
EventName = Literal[
    "sa-installed",
    "sa-rekeyed",
    "sa-removed",
    "ike-established",
    "ike-closed",
    "packet-dropped",
]
Suite = Literal[
    "aes128gcm16",
    "aes256gcm16",
    "chacha20poly1305",
    "aes128cbc-sha256",
    "aes256cbc-sha256",
    "aes256cbc-sha512",
]

KeyExchange = Literal["modp2048", "modp3072", "modp4096", "ecp256", "ecp384", "ecp521", "x25519"]

_SI = {
    "time": "s",
    "packet-rate": "pps",
    "bit-rate": "bps",
    "octets": "B",
    "count": "",
    "number": "",
}


@dataclass(frozen=True)
class _Unit:
    """What a quantity may be."""

    quantity: str
    minimum: float
    maximum: float
    example: str = ""

    def read(self, name: str, value: Quantity | SupportsFloat) -> float:
        """In SI units; LabError is one line with the name, unit and range."""
        if isinstance(value, str):
            typed = value
        else:
            number = float(value)
            shown = repr(int(number)) if number.is_integer() else repr(number)
            typed = f"{shown}{_SI[self.quantity]}"
        loaded = core.load()
        try:
            parsed: float = loaded.parse_quantity(
                name,
                self.quantity,
                typed,
                minimum=self.minimum,
                maximum=self.maximum,
                example=self.example,
            )
        except loaded.ParameterError as error:
            raise LabError(str(error)) from None
        return parsed


_TIME = _Unit("time", 0, 1e6, "10ms")
_BIT_RATE = _Unit("bit-rate", 1e3, 1e13, "10Gbps")
_PACKET_RATE = _Unit("packet-rate", 1e-3, 1e8, "100kpps")
_PAYLOAD = _Unit("octets", 8, 1472, "1000B")
_SHARE = _Unit("number", 0, 1)
_PACKETS = _Unit("count", 1, 1e8)
_QUEUE = _Unit("count", 1, 4294967295)
_WINDOW = _Unit("count", 0, 65536)
_LIFETIME = _Unit("time", 0, 1e8, "1h")
_LIMIT = _Unit("count", 0, 2**53)
_SEED = _Unit("count", 1, 4294967295)
_RUN = _Unit("count", 0, 2**53)
_STREAM = _Unit("count", 0, 2**53)


@dataclass(frozen=True)
class TwoPoint:
    """Extra delay of two unequal paths: 0 with probability ``fast_share``, else ``spread``."""

    spread: Quantity  #: time
    fast_share: float = 0.5

    def _model(self) -> _core.DelayModel:
        spread = _TIME.read("spread", self.spread)
        share = _SHARE.read("fast_share", self.fast_share)
        model: _core.DelayModel = core.load().DelayModel.two_point(spread, share)
        return model


@dataclass(frozen=True)
class Uniform:
    """Extra delay between 0 and ``maximum``, each equally likely."""

    maximum: Quantity  #: time

    def _model(self) -> _core.DelayModel:
        seconds = _TIME.read("maximum", self.maximum)
        model: _core.DelayModel = core.load().DelayModel.uniform(seconds)
        return model


@dataclass(frozen=True)
class Exponential:
    """Exponentially distributed extra delay."""

    mean: Quantity  #: time

    def _model(self) -> _core.DelayModel:
        seconds = _TIME.read("mean", self.mean)
        model: _core.DelayModel = core.load().DelayModel.exponential(seconds)
        return model


#: A delay model in Python: seconds of extra delay for the packet with this index (from 0, all
#: packets of the link in both directions, IKE too) at this simulated time (seconds).
DelayFunction = Callable[[int, float], float]
ExtraDelay = TwoPoint | Uniform | Exponential | DelayFunction


def _delay_model(extra: ExtraDelay | None) -> _core.DelayModel:
    if isinstance(extra, TwoPoint | Uniform | Exponential):
        return extra._model()
    if extra is None:
        none: _core.DelayModel = core.load().DelayModel()
        return none
    if not callable(extra):
        raise LabError(f"extra_delay: {extra!r} is no delay model and cannot be called")
    function = extra
    model: _core.DelayModel = core.load().DelayModel.custom(
        lambda index, now: float(function(index, now))
    )
    return model


# ---- what a network is made of


@dataclass(frozen=True)
class _Element:
    """Something in a network, known by its name."""

    network: Network
    name: str

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


@dataclass(frozen=True, repr=False)
class Node(_Element):
    """A host, router or gateway."""

    @property
    def address(self) -> str:
        """The IPv4 address of the node's first link, as the network is described so far."""
        address: str = _described(self.network._core.address_of, self.name)
        return address


@dataclass(frozen=True, repr=False)
class Host(Node):
    """Where traffic begins and ends."""


@dataclass(frozen=True, repr=False)
class Router(Node):
    """Forwards."""


@dataclass(frozen=True, repr=False)
class Gateway(Node):
    """Protects what lies behind it: IKEv2 and ESP in tunnel mode."""

    @property
    def protected(self) -> str:
        """The IPv4 network behind the gateway."""
        protected: str = _described(self.network._core.protected_by, self.name)
        return protected

    @property
    def counters(self) -> GatewayCounters:
        """Packets so far, in a callback; after the run they are ``result[gateway]``."""
        return self.network._core.counts_of(self.name)

    def close(self) -> None:
        """In a callback: deletes the IKE SAs of this gateway, and with them its Child SAs."""
        self.network._core.close(self.name)


@dataclass(frozen=True, repr=False)
class Link(_Element):
    """A point-to-point link."""

    def set_loss(self, probability: float) -> None:
        """In a callback: from now on each packet is lost with this probability (0 to 1)."""
        self.network._core.set_loss(self.name, _SHARE.read("loss", probability))

    def set_delay(self, delay: Quantity) -> None:
        """In a callback: from now on packets take this time, extra delay apart."""
        self.network._core.set_delay(self.name, _TIME.read("delay", delay))


@dataclass(frozen=True, repr=False)
class Tunnel(_Element):
    """An IKE SA and Child SAs between two gateways."""

    def initiate(self) -> None:
        """In a callback: the first gateway begins an IKE exchange."""
        self.network._core.initiate(self.name)


@dataclass(frozen=True, repr=False)
class Traffic(_Element):
    """A stream of numbered UDP packets."""


# ---- what is left of a run


@dataclass(frozen=True)
class TrafficResult:
    """What became of a stream."""

    sent: npt.NDArray[np.float64]  #: time (s) of packet i + 1
    delivered: npt.NDArray[np.void]  #: ``time`` (s) and ``number`` (from 1) in order of arrival
    delivered_octets: int  #: of UDP payload

    @property
    def loss(self) -> float:
        """Share of packets that were sent and not delivered; 0 when none was sent."""
        return 1 - len(self.delivered) / len(self.sent) if len(self.sent) else 0.0

    @property
    def delays(self) -> npt.NDArray[np.float64]:
        """One-way delay (s) of each delivered packet, in order of arrival."""
        first: npt.NDArray[np.float64] = self.sent[self.delivered["number"].astype(np.int64) - 1]
        delays: npt.NDArray[np.float64] = self.delivered["time"] - first
        return delays


@dataclass(frozen=True)
class Result:
    """All that is left of a run, by name; ``result[element]`` is the same by element. Picklable."""

    seed: int
    run: int
    simulated_time: float  #: s
    wall_time: float  #: s
    events: int  #: that the simulator executed
    gateways: Mapping[str, GatewayCounters]
    links: Mapping[str, Mapping[str, LinkCounts]]  #: then by "ike", "esp" and "clear"
    tunnels: Mapping[str, TunnelOutput]
    traffic: Mapping[str, TrafficResult]
    #: Of probed gateways: ``time`` (s), ``number``, ``spi``, ``verdict`` (see VERDICTS).
    arrivals: Mapping[str, npt.NDArray[np.void]]
    conservation: Mapping[str, int]  #: of all traffic: sent = all others together
    files: Sequence[str]  #: captures and keys, absolute paths

    @overload
    def __getitem__(self, element: Gateway) -> GatewayCounters: ...
    @overload
    def __getitem__(self, element: Link) -> Mapping[str, LinkCounts]: ...
    @overload
    def __getitem__(self, element: Tunnel) -> TunnelOutput: ...
    @overload
    def __getitem__(self, element: Traffic) -> TrafficResult: ...
    def __getitem__(self, element: _Element) -> object:
        tables: dict[type[_Element], Mapping[str, object]] = {
            Gateway: self.gateways,
            Link: self.links,
            Tunnel: self.tunnels,
            Traffic: self.traffic,
        }
        if type(element) not in tables:
            raise KeyError(f"{element!r} has no results of its own")
        return tables[type(element)][element.name]

    def row(self) -> dict[str, float]:
        """All counters flat, as a row of a DataFrame: ``gb.inbound_drops.replay-too-old``."""
        row: dict[str, float] = {"seed": self.seed, "run": self.run, "events": self.events}
        row["simulated_time"] = self.simulated_time
        for table in (self.gateways, self.links, self.tunnels):
            _flatten(table, "", row)
        for name, traffic in self.traffic.items():
            row[f"{name}.sent"] = len(traffic.sent)
            row[f"{name}.delivered"] = len(traffic.delivered)
            row[f"{name}.delivered_octets"] = traffic.delivered_octets
        return row


def _flatten(values: Mapping[Any, Any], prefix: str, row: dict[str, float]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            _flatten(value, f"{prefix}{name}.", row)
        elif not isinstance(value, str):
            row[f"{prefix}{name}"] = value


def _described(function: Callable[..., Any], *args: object, **options: object) -> Any:
    """Calls the core; its one line about a bad topology becomes a LabError."""
    try:
        return function(*args, **options)
    except core.load().TopologyError as error:
        raise LabError(str(error)) from None


# ---- the network


class Network:
    """A topology with its traffic, callbacks and actions.

    :param seed: ns-3 RngSeed, from 1
    :param run: ns-3 RngRun, the independent replication, from 0
    :param sized: ESP packets have the right lengths and are not encrypted; faster, same counts

    Elements draw from random streams of their own, which are given by the kind of element and the
    order of declaration.  Where two topologies differ and some draws must not, name the streams
    yourself (``stream=``), below 1000000: equal seed, run and stream make equal draws.

    What lies behind a gateway and is protected by it: the nodes that can reach no other gateway
    without passing it.
    """

    def __init__(self, seed: int = 1, run: int = 1, *, sized: bool = False) -> None:
        self.seed = int(_SEED.read("seed", seed))
        self.run_number = int(_RUN.read("run", run))
        self._core: _core.Network = core.load().Network(
            seed=self.seed, run=self.run_number, sized=sized
        )
        self._names: set[tuple[str, str]] = set()

    def __repr__(self) -> str:
        return f"<Network seed={self.seed} run={self.run_number}>"

    def _name(self, kind: str, chosen: str | None, a: _Element, b: _Element) -> str:
        name = plain = chosen or f"{a.name}-{b.name}"
        count = 1
        while chosen is None and (kind, name) in self._names:
            count += 1
            name = f"{plain}-{count}"
        self._names.add((kind, name))
        return name

    def _own(self, *elements: _Element) -> None:
        for element in elements:
            if element.network is not self:
                raise LabError(f"{element!r} belongs to another network")

    def host(self, name: str) -> Host:
        """Adds a host."""
        _described(self._core.add_host, name)
        return Host(self, name)

    def router(self, name: str) -> Router:
        """Adds a router."""
        _described(self._core.add_router, name)
        return Router(self, name)

    def gateway(
        self,
        name: str,
        *,
        window: int = 64,
        fast_path: bool = False,
        stream: int | None = None,
    ) -> Gateway:
        """Adds a gateway.

        :param window: replay window of what it receives, in packets; 0: no check
        :param fast_path: packets pass without the IPv4 stack; one link inside and one outside
        :param stream: random stream of its nonces, SPIs and keys
        """
        _described(
            self._core.add_gateway,
            name,
            window=int(_WINDOW.read("window", window)),
            fast_path=fast_path,
            stream=_stream(stream),
        )
        return Gateway(self, name)

    def link(
        self,
        a: Node,
        b: Node,
        *,
        rate: Quantity = "10Gbps",
        delay: Quantity = "0s",
        extra_delay: ExtraDelay | None = None,
        loss: float = 0.0,
        queue: int = 1000,
        stream: int | None = None,
        name: str | None = None,
    ) -> Link:
        """Adds a link between two nodes.

        :param rate: bits per second, each direction
        :param delay: time that every packet takes
        :param extra_delay: TwoPoint, Uniform, Exponential, or a function (index, time) -> seconds
        :param loss: probability that a packet is lost, 0 to 1
        :param queue: packets that wait at each end
        :param stream: random stream of extra delay; the next one is that of loss
        """
        self._own(a, b)
        chosen = self._name("link", name, a, b)
        _described(
            self._core.add_link,
            chosen,
            a.name,
            b.name,
            rate=_BIT_RATE.read("rate", rate),
            delay=_TIME.read("delay", delay),
            extra_delay=_delay_model(extra_delay),
            loss=_SHARE.read("loss", loss),
            queue=int(_QUEUE.read("queue", queue)),
            stream=_stream(stream),
        )
        return Link(self, chosen)

    def tunnel(
        self,
        a: Gateway,
        b: Gateway,
        *,
        esn: bool = False,
        suite: Suite = "aes128gcm16",
        key_exchanges: Sequence[KeyExchange] = ("x25519",),
        pfs: bool = False,
        rekey_after: Quantity | None = None,
        rekey_packets: int | None = None,
        ike_rekey_after: Quantity | None = None,
        initiate_at: Quantity | None = 0.0,
        name: str | None = None,
    ) -> Tunnel:
        """Adds a tunnel that protects what lies behind two gateways from each other's outside.

        :param esn: extended sequence numbers
        :param suite: of the IKE SA and of its Child SAs
        :param key_exchanges: of the IKE SA: the first, and additional ones (RFC 9370)
        :param pfs: Child SAs that are rekeyed have all of ``key_exchanges``, too
        :param rekey_after: age at which a Child SA is rekeyed; None: never.  With it or with
            ``ike_rekey_after`` there is always something left to happen: give ``run`` an end
        :param rekey_packets: packets of one direction after which a Child SA is rekeyed
        :param ike_rekey_after: age at which the IKE SA is rekeyed
        :param initiate_at: time at which ``a`` begins; None: when a packet needs the tunnel
        """
        self._own(a, b)
        chosen = self._name("tunnel", name, a, b)
        _described(
            self._core.add_tunnel,
            chosen,
            a.name,
            b.name,
            esn=esn,
            suite=suite,
            key_exchanges=list(key_exchanges),
            pfs=pfs,
            rekey_after=_LIFETIME.read("rekey_after", rekey_after or 0),
            rekey_packets=int(_LIMIT.read("rekey_packets", rekey_packets or 0)),
            ike_rekey_after=_LIFETIME.read("ike_rekey_after", ike_rekey_after or 0),
            initiate_at=None if initiate_at is None else _TIME.read("initiate_at", initiate_at),
        )
        return Tunnel(self, chosen)

    def traffic(
        self,
        source: Host,
        destination: Host,
        *,
        packets: int,
        rate: Quantity = "100kpps",
        payload: Quantity = "1000B",
        spacing: Literal["constant", "poisson"] = "constant",
        start: Quantity | None = None,
        stream: int | None = None,
        name: str | None = None,
    ) -> Traffic:
        """Adds a stream of UDP packets.

        :param rate: packets per second
        :param payload: octets of UDP payload of each packet
        :param start: time of the first packet; None: when the tunnel between the two is up, or 0
        :param stream: random stream of the gaps between Poisson packets
        """
        self._own(source, destination)
        if spacing not in ("constant", "poisson"):
            raise LabError(f'spacing: "{spacing}" is unknown; one of constant, poisson')
        chosen = self._name("traffic", name, source, destination)
        _described(
            self._core.add_traffic,
            chosen,
            source.name,
            destination.name,
            rate=_PACKET_RATE.read("rate", rate),
            poisson=spacing == "poisson",
            payload=int(_PAYLOAD.read("payload", payload)),
            packets=int(_PACKETS.read("packets", packets)),
            start=None if start is None else _TIME.read("start", start),
            stream=_stream(stream),
        )
        return Traffic(self, chosen)

    def probe(self, gateway: Gateway) -> None:
        """Keeps every ESP packet that reaches the gateway: ``result.arrivals[gateway.name]``."""
        self._own(gateway)
        _described(self._core.add_probe, gateway.name)

    def on(self, event: EventName, callback: Callable[[float, Event], object]) -> None:
        """Has ``callback(time, event)`` called at every event of a kind, at its simulated time.

        Kinds: "ike-established", "ike-closed", "sa-installed", "sa-rekeyed", "sa-removed" (Child
        SAs) and "packet-dropped".  The successor of a rekeyed SA is told as installed
        first.  An exception of the callback ends the run and is raised by ``run``.
        """
        _described(self._core.on, event, lambda told: callback(told.time, told))

    def at(self, time: Quantity, action: Callable[[], object]) -> None:
        """Has ``action()`` called at a simulated time; in a callback too, for a later time."""
        self._core.at(_TIME.read("time", time), action)

    def uniform(self, stream: int, count: int) -> npt.NDArray[np.float64]:
        """The first draws between 0 and 1 of one of ns-3's random streams, for this seed and run.

        For models in Python that repeat with seed and run, and share draws between arms.
        """
        draws: npt.NDArray[np.float64] = core.load().uniform_draws(
            seed=self.seed, run=self.run_number, stream=_stream(stream), count=count
        )
        return draws

    @property
    def now(self) -> float:
        """In a callback: simulated seconds."""
        return self._core.now()

    def stop(self) -> None:
        """In a callback: ends the run after this event."""
        self._core.stop()

    def run(self, until: Quantity | None = None, *, captures: str | Path | None = None) -> Result:
        """Builds the network, runs it in this process and takes it down.

        :param until: simulated time of the end; None: when nothing is left to happen
        :param captures: folder for a capture of every gateway's outside links
            (``GATEWAY.LINK.pcap``), a Wireshark profile with the keys, and ``secrets.json`` for
            ``ipseclab verify``

        Raises what a callback or delay model raised, LabError for a topology that cannot be built,
        and RuntimeError when a network runs in this process already.
        """
        end = None if until is None else _TIME.read("until", until)
        began = clock.perf_counter()
        output = _described(self._core.run, end, str(captures or ""))
        wall = clock.perf_counter() - began
        return Result(
            seed=self.seed,
            run=self.run_number,
            simulated_time=output["simulated_time"],
            wall_time=wall,
            events=output["events"],
            gateways=output["gateways"],
            links=output["links"],
            tunnels=output["tunnels"],
            traffic={name: TrafficResult(**t) for name, t in output["traffic"].items()},
            arrivals=output["arrivals"],
            conservation=output["conservation"],
            files=output["files"],
        )


def _stream(stream: SupportsIndex | None) -> int | None:
    return None if stream is None else int(_STREAM.read("stream", operator.index(stream)))
