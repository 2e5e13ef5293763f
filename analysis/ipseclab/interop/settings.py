# SPDX-License-Identifier: BSD-3-Clause
"""What both ends of a cell are told.  Every adapter translates it into its daemon's own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Algorithms in strongSwan's spelling, transforms with a dash between.
DEFAULT_IKE = "aes128gcm16-prfsha256-x25519"
DEFAULT_ESP = "aes128gcm16"
PRE_SHARED_KEY = "interop only, at least 32 octets"
PEER, NODE = "peer", "node"
PEER_ADDRESS, NODE_ADDRESS = "192.0.2.1", "192.0.2.2"  # outer


@dataclass(frozen=True)
class End:
    """One end of the tunnel."""

    identity: str  # FQDN
    address: str  # outer
    inner: str  # the address behind this end, on the end itself
    remote_inner: str  # what it takes to be behind the other end
    ike: tuple[str, ...] = (DEFAULT_IKE,)  # proposals, best first
    esp: tuple[str, ...] = (DEFAULT_ESP,)
    auth: str = "psk"  # or the kind of its key: "ecdsa", "rsa", "ed25519"
    psk: str = PRE_SHARED_KEY
    fragment_size: int = 1280  # octets of an IKE datagram above which it is cut (RFC 7383)
    dpd: float = 0.0  # seconds of silence before a liveness check; 0: none
    childless: bool = False  # RFC 6023
    cookies: bool = False  # demand one from every initiator
    transport: bool = False  # transport instead of tunnel mode
    options: dict[str, Any] = field(default_factory=dict)  # words for one adapter only


@dataclass(frozen=True)
class Pair:
    """The two ends of one cell."""

    node: End = End("node.example", NODE_ADDRESS, "10.2.0.1", "10.1.0.1")
    peer: End = End("peer.example", PEER_ADDRESS, "10.1.0.1", "10.2.0.1")
    mtu: int = 1500  # of the link between them, octets of IP

    def other(self, end: End) -> End:
        """The opposite end."""
        return self.peer if end is self.node else self.node
