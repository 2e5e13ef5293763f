# SPDX-License-Identifier: BSD-3-Clause
"""The compiled core: scenarios over ns-3, and the protocol model without it.

Octets are ``bytes`` in network order. Numbers of transforms, groups and payloads are those of the IANA
registry "IKEv2 Parameters". Everything that can be wrong raises; nothing returns an error value unless
it says so.
"""

from typing import TypedDict

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
    quantity: str  # "count", "number", "time", "packet-rate", "bit-rate", "octets", "choice"
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
    proposals: list["Proposal"]  # SA
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

def open_ike(datagram: bytes, suite: CipherSuite, key: bytes, integrity_key: bytes = b"") -> OpenedMessage:
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
def rekey_skeyseed(prf: int, old_sk_d: bytes, shared: bytes, nonce_i: bytes, nonce_r: bytes) -> bytes: ...
def derive_ike_keys(
    suite: CipherSuite, prf: int, skeyseed: bytes, nonce_i: bytes, nonce_r: bytes, spi_i: int, spi_r: int
) -> dict[str, bytes]:
    """sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr."""

def derive_child_keys(
    prf: int, suite: CipherSuite, sk_d: bytes, shared: bytes, nonce_i: bytes, nonce_r: bytes
) -> dict[str, bytes]:
    """encr_i, integ_i, encr_r, integ_r."""

def signed_octets(prf: int, real_message: bytes, peer_nonce: bytes, sk_p: bytes, id_body: bytes) -> bytes: ...
def shared_key_auth(prf: int, secret: bytes, signed: bytes) -> bytes: ...

def certificates_from_pem(text: str) -> list[bytes]:
    """All certificates of a PEM text in DER. Raises ValueError."""

def certificate_names(certificate: bytes, id_type: int, identity: bytes) -> bool:
    """Whether a DER certificate is one of the identity of an ID payload. Raises ValueError."""

def check_chain(leaf: bytes, others: list[bytes], anchors: list[bytes], unix_time: int) -> str:
    """Why a chain is not trusted at that time; "none" when it is. Raises ValueError."""

def verify_signature(certificate: bytes, method: int, auth: bytes, signed: bytes) -> bool:
    """Whether the data of an AUTH payload (methods 1, 9 to 11, 14) is a signature. Raises ValueError."""

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
    ) -> None: ...
    def seal(self, inner: bytes, number: int) -> bytes:
        """The outer IPv4 packet around an inner one, with a number of the caller's choice."""

class InboundSa:
    """profile: "rfc4303", "linux-bitmap" or "linux-legacy"; window 0: no check."""

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
    ) -> None: ...
    def open(self, packet: bytes, outer_header_length: int = 20) -> tuple[str, int, bytes]:
        """Name of the drop reason ("none" when opened), number as guessed, inner packet or b""."""

    @property
    def top(self) -> int: ...
