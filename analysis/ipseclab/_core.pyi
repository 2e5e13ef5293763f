# SPDX-License-Identifier: BSD-3-Clause
"""The compiled core: scenarios over ns-3, and the protocol model without it.

Octets are ``bytes`` in network order. Numbers of transforms, groups and payloads are those of the
IANA registry "IKEv2 Parameters". Everything that can be wrong raises; nothing returns an error
value unless it says so.
"""

from collections.abc import Callable
from typing import TypedDict

import numpy as np
import numpy.typing as npt

class ParameterError(ValueError):
    """A bad parameter; the message is one line with its name, unit and range."""

class UnsupportedError(ValueError):
    """An algorithm that the model has not got; the message names it."""

class ParseError(ValueError):
    """Octets that are no IKEv2 message or payload chain; the message is the closed reason."""

class OpenError(ValueError):
    """A protected message that did not open; the message is the closed reason."""

class ParameterInfo(TypedDict):
    name: str
    quantity: (
        str  # "count", "number", "time", "packet-rate", "bit-rate", "octets", "choice", "file"
    )
    unit: str  # SI unit of minimum and maximum: "s", "pps", "bps", "B", ""
    default: str  # as typed, with unit
    minimum: float
    maximum: float
    zero_means: str  # not empty: 0 is legal beside the range
    choices: list[str]
    doc: str

class MetricInfo(TypedDict):
    name: str
    unit: str
    doc: str

class ScenarioInfo(TypedDict):
    name: str
    title: str
    parameters: list[ParameterInfo]
    metrics: list[MetricInfo]

class RunOutput(TypedDict):
    metrics: dict[str, int | float]
    files: list[str]

class Versions(TypedDict):
    ns3: str
    openssl: str
    compiler: str
    cxx_standard: int
    build_type: str

def versions() -> Versions: ...
def scenarios() -> list[ScenarioInfo]: ...
def check_parameters(scenario: str, typed: dict[str, str]) -> dict[str, str]:
    """All parameters in canonical spelling, defaults filled in. Raises ParameterError."""

def parameter_values(scenario: str, typed: dict[str, str]) -> dict[str, float | str]:
    """All parameters as numbers in SI units (choices as words). Raises ParameterError."""

def run(
    scenario: str,
    typed: dict[str, str],
    *,
    seed: int,
    run: int,
    output_folder: str = "",
    sized: bool = False,
) -> RunOutput:
    """One run. ns-3 has one simulator per process: call it once per process."""

# --- the protocol model ---

class IkeHeader(TypedDict):
    initiator_spi: int
    responder_spi: int
    next_payload: int
    exchange: int
    exchange_name: str
    flags: int
    message_id: int
    length: int

class Payload(TypedDict, total=False):
    type: int
    name: str  # "SA", "KE", "NONCE", "N(NAT_DETECTION_SOURCE_IP)", ... as in the recorded sessions
    critical: bool
    octets: bytes  # the payload body serialised again, without its generic header
    group: int  # KE
    data: bytes  # KE, NONCE, ID, AUTH, CERT, N, V
    id_type: int  # IDi, IDr
    method: int  # AUTH
    notify: int  # N
    protocol: int  # N, D
    spi: bytes  # N
    spis: list[bytes]  # D
    proposals: list[Proposal]  # SA
    fragment: tuple[int, int]  # SKF: number, total

class Transform(TypedDict):
    type: int
    id: int
    key_bits: int  # 0 without

class Proposal(TypedDict):
    number: int
    protocol: int
    spi: bytes
    transforms: list[Transform]

def parse_ike(datagram: bytes) -> tuple[IkeHeader, list[Payload]]:
    """A whole message without non-ESP marker. Raises ParseError."""

def parse_payloads(first: int, octets: bytes) -> list[Payload]:
    """An inner chain. Raises ParseError."""

def serialize_payloads(first: int, octets: bytes) -> bytes:
    """Parses an inner chain and serialises it again. Raises ParseError."""

class CipherSuite:
    """What protects one direction of an SA. Raises UnsupportedError."""

    def __init__(self, encryption: int, key_bits: int, integrity: int = 0) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def keying_material(self) -> int: ...
    @property
    def integrity_key_length(self) -> int: ...

class OpenedMessage(TypedDict):
    first_inner: int
    plaintext: bytes
    payloads: list[Payload]

def open_ike(
    datagram: bytes, suite: CipherSuite, key: bytes, integrity_key: bytes = b""
) -> OpenedMessage:
    """Opens the SK payload of a whole message. Raises OpenError, ParseError."""

class OpenedFragment(TypedDict):
    number: int  # from 1
    total: int
    first_inner: int  # 0 but in fragment 1
    plaintext: bytes

def open_ike_fragment(
    datagram: bytes, suite: CipherSuite, key: bytes, integrity_key: bytes = b""
) -> OpenedFragment:
    """Opens one SKF payload (RFC 7383) on its own. Raises OpenError, ParseError."""

def key_exchange_public(group: int, private: bytes) -> bytes:
    """The KE payload's octets for a known private value. Raises UnsupportedError, ValueError."""

def key_exchange_agree(group: int, private: bytes, peer_public: bytes) -> bytes:
    """The shared secret. Raises UnsupportedError, ValueError."""

def skeyseed(prf: int, nonce_i: bytes, nonce_r: bytes, shared: bytes) -> bytes: ...
def rekey_skeyseed(
    prf: int, old_sk_d: bytes, shared: bytes, nonce_i: bytes, nonce_r: bytes
) -> bytes: ...
def derive_ike_keys(
    suite: CipherSuite,
    prf: int,
    skeyseed: bytes,
    nonce_i: bytes,
    nonce_r: bytes,
    spi_i: int,
    spi_r: int,
) -> dict[str, bytes]:
    """sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr."""

def derive_child_keys(
    prf: int, suite: CipherSuite, sk_d: bytes, shared: bytes, nonce_i: bytes, nonce_r: bytes
) -> dict[str, bytes]:
    """encr_i, integ_i, encr_r, integ_r."""

def signed_octets(
    prf: int,
    real_message: bytes,
    peer_nonce: bytes,
    sk_p: bytes,
    id_body: bytes,
    int_auth: bytes = b"",
) -> bytes: ...
def shared_key_auth(prf: int, secret: bytes, signed: bytes) -> bytes: ...
def certificates_from_pem(text: str) -> list[bytes]:
    """All certificates of a PEM text in DER. Raises ValueError."""

def certificate_names(certificate: bytes, id_type: int, identity: bytes) -> bool:
    """Whether a DER certificate is one of the identity of an ID payload. Raises ValueError."""

def check_chain(leaf: bytes, others: list[bytes], anchors: list[bytes], unix_time: int) -> str:
    """Why a chain is not trusted at that time; "none" when it is. Raises ValueError."""

def verify_signature(certificate: bytes, method: int, auth: bytes, signed: bytes) -> bool:
    """Is the data of an AUTH payload (methods 1, 9 to 11, 14) a signature? Raises ValueError."""

class SequenceScheme:
    """Numbers in subspaces, or Sub SAs of EESP: their keying material is then a root key."""

    @staticmethod
    def sub32(id_bits: int, subspaces: int) -> SequenceScheme: ...
    @staticmethod
    def sub64(subspaces: int) -> SequenceScheme: ...
    @staticmethod
    def eesp(sub_sas: int) -> SequenceScheme: ...
    def join(self, subspace: int, counter: int) -> int:
        """The whole number, as seal takes it and open gives it."""

class OutboundSa:
    def __init__(
        self,
        spi: int,
        suite: CipherSuite,
        key: bytes,
        integrity_key: bytes = b"",
        *,
        esn: bool = False,
        source: str = "192.0.2.1",
        destination: str = "192.0.2.2",
        transport: bool = False,
        scheme: SequenceScheme | None = None,
        udp: tuple[int, int] | None = None,
    ) -> None: ...
    def seal(self, inner: bytes, number: int, tfc_length: int = 0) -> bytes:
        """The ESP packet for an IP packet, with a number of the caller's choice."""

class InboundSa:
    """profile: "rfc4303", "linux-bitmap" or "linux-legacy"; window 0: no check.

    sized: packets of that crypto mode, with right lengths and nothing encrypted.
    """

    def __init__(
        self,
        spi: int,
        suite: CipherSuite,
        key: bytes,
        integrity_key: bytes = b"",
        *,
        esn: bool = False,
        window: int = 64,
        profile: str = "rfc4303",
        top: int = 0,
        transport: bool = False,
        scheme: SequenceScheme | None = None,
        sized: bool = False,
    ) -> None: ...
    def open(self, packet: bytes, outer_header_length: int = 20) -> tuple[str, int, bytes]:
        """Name of the drop reason ("none" when opened), number as guessed, inner packet or b""."""

    @property
    def top(self) -> int: ...

# --- a simulated network between two real hosts, in real time ---

class ClockLag(TypedDict):
    """How late the simulator's clock was against the machine's, in seconds."""

    samples: int
    largest: float
    mean: float

class RealtimeReport(TypedDict):
    """IPv4 packets and fragments on the link in the middle, both ways: offered = lost + delivered +
    in_flight."""

    duration: float  # seconds
    offered: int
    lost: int
    delivered: int
    in_flight: int
    too_large: int  # had DF: not offered, answered by ICMP
    queue_dropped: int
    lag: ClockLag

def clamp_mss(packet: bytes, limit: int) -> bytes:
    """The IP packet, with the MSS of a TCP SYN lowered to the limit."""

def run_realtime_network(
    ports: list[tuple[int, str]],
    *,
    delay: float,
    loss: float,
    reorder_share: float,
    hold: float,
    mtu: int,
    seed: int,
    run: int,
    stop: Callable[[], bool],
) -> RealtimeReport:
    """Until ``stop``, which is asked every 10 ms; once in a process. Two ports: a descriptor of
    Ethernet frames, which is closed at the end, and the simulated router's address in the /24
    there; times in seconds. Raises ValueError, and what ``stop`` raises."""

# --- networks that a script describes; seconds, packets or bits per second, octets ---

class TopologyError(ValueError):
    """A topology that cannot be built; the message is one line that names the node or link."""

VERDICTS: tuple[str, ...]
"""Names of the codes in the column ``verdict`` of ESP arrivals; 0 is "none": opened."""

def parse_quantity(
    name: str, quantity: str, typed: str, *, minimum: float, maximum: float, example: str
) -> float:
    """In SI units. As in ParameterInfo, no "choice" or "file". Raises ParameterError."""

def uniform_draws(*, seed: int, run: int, stream: int, count: int) -> npt.NDArray[np.float64]: ...

class DelayModel:
    """How the extra delay of a packet is drawn; without arguments: none."""

    def __init__(self) -> None: ...
    @staticmethod
    def two_point(seconds: float, fast_share: float) -> DelayModel: ...
    @staticmethod
    def uniform(seconds: float) -> DelayModel: ...
    @staticmethod
    def exponential(seconds: float) -> DelayModel: ...
    @staticmethod
    def custom(function: Callable[[int, float], float]) -> DelayModel: ...

class Event:
    """What a callback of Network.on is told."""

    @property
    def kind(self) -> str:
        """As in Network.on: "sa-installed", "packet-dropped", ..."""
    @property
    def time(self) -> float:
        """Simulated seconds."""
    @property
    def gateway(self) -> str:
        """Name of the gateway where it happened."""
    @property
    def tunnel(self) -> str:
        """Name of the tunnel; empty for a packet."""
    @property
    def spi_inbound(self) -> int:
        """Of an ESP SA; of an IKE SA the initiator's."""
    @property
    def spi_outbound(self) -> int:
        """Of an ESP SA; of an IKE SA the responder's."""
    @property
    def replaces(self) -> int:
        """Inbound SPI of the ESP SA that was rekeyed; 0 of other events."""

    @property
    def number(self) -> int:
        """Sequence number of a dropped ESP packet, as the receiver took it to be; 0 without."""
    @property
    def reason(self) -> str:
        """Of a drop or a close; "none" for an SA that was deleted on purpose."""
    @property
    def outbound(self) -> bool:
        """Whether a dropped packet was on its way out."""

class GatewayCounters(TypedDict):
    """Packets of a gateway. ``outbound_in`` = sealed + bypassed + dropped, and inbound likewise;
    only "queue" counts packets a second time."""

    outbound_in: int
    sealed: int
    outbound_bypassed: int
    inbound_in: int
    opened: int
    inbound_bypassed: int
    sealed_octets: int  # of inner packets
    opened_octets: int
    outbound_drops: dict[str, int]  # by reason
    inbound_drops: dict[str, int]
    ike_datagrams_in: int
    ike_datagrams_out: int
    ike_retransmissions: int

class LinkCounts(TypedDict):
    """Packets on a link, both directions: offered = all others together."""

    offered: int
    queue_dropped: int
    lost: int
    arrived: int
    in_flight: int

class TunnelOutput(TypedDict):
    up: bool
    since: float  # simulated seconds when both ends had the first Child SA; 0 when never up
    fault: str  # why it never came up

class TrafficOutput(TypedDict):
    sent: npt.NDArray[np.float64]  # seconds, of packet i + 1
    delivered: npt.NDArray[np.void]  # time (s), number (from 1)
    delivered_octets: int

class Conservation(TypedDict):
    """Packets of all traffic: sent = all others together."""

    sent: int
    delivered: int
    dropped: int  # by gateways
    ip_dropped: int
    queue_dropped: int
    lost: int
    in_flight: int

class NetworkOutput(TypedDict):
    simulated_time: float
    events: int
    gateways: dict[str, GatewayCounters]
    links: dict[str, dict[str, LinkCounts]]  # by link, then "ike", "esp", "clear"
    tunnels: dict[str, TunnelOutput]
    traffic: dict[str, TrafficOutput]
    arrivals: dict[str, npt.NDArray[np.void]]  # time (s), number, spi, verdict
    conservation: Conservation
    files: list[str]

class Network:
    """Raises TopologyError for what cannot be described, RuntimeError when it comes too late."""

    def __init__(self, *, seed: int, run: int, sized: bool) -> None: ...
    def add_host(self, name: str) -> None: ...
    def add_router(self, name: str) -> None: ...
    def add_gateway(
        self, name: str, *, window: int, fast_path: bool, stream: int | None
    ) -> None: ...
    def add_link(
        self,
        name: str,
        a: str,
        b: str,
        *,
        rate: float,
        delay: float,
        extra_delay: DelayModel,
        loss: float,
        queue: int,
        stream: int | None,
    ) -> None: ...
    def add_tunnel(
        self,
        name: str,
        a: str,
        b: str,
        *,
        esn: bool,
        suite: str,
        key_exchanges: list[str],
        pfs: bool,
        rekey_after: float,
        rekey_packets: int,
        ike_rekey_after: float,
        initiate_at: float | None,
    ) -> None: ...
    def add_traffic(
        self,
        name: str,
        source: str,
        destination: str,
        *,
        rate: float,
        poisson: bool,
        payload: int,
        packets: int,
        start: float | None,
        stream: int | None,
    ) -> None: ...
    def add_probe(self, gateway: str) -> None: ...
    def on(self, event: str, listener: Callable[[Event], object]) -> None: ...
    def at(self, time: float, action: Callable[[], object]) -> None: ...
    def address_of(self, node: str) -> str: ...
    def protected_by(self, gateway: str) -> str: ...
    def run(self, until: float | None, captures: str) -> NetworkOutput: ...
    def now(self) -> float: ...
    def stop(self) -> None: ...
    def initiate(self, tunnel: str) -> None: ...
    def close(self, gateway: str) -> None: ...
    def set_loss(self, link: str, probability: float) -> None: ...
    def set_delay(self, link: str, delay: float) -> None: ...
    def counts_of(self, gateway: str) -> GatewayCounters: ...
