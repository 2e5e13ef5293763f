# SPDX-License-Identifier: BSD-3-Clause
"""A recorded session through the model: every key, message, packet and AUTH value.

The capture gives the facts: SPIs, nonces, public values, negotiated suites, identities and
certificates.  The secrets file gives private values, the pre-shared key or the CA that is
trusted, and what must come out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipseclab import core, expectations, keys, session, verify_keys
from ipseclab.errors import LabError, Unsupported
from ipseclab.keys import BadSecrets, ChildKeys, IkeKeys, Secrets
from ipseclab.tally import Tally
from ipseclab.verify_messages import Message, MessageReader

if TYPE_CHECKING:
    from ipseclab._core import Payload

_IKE_SA_INIT, _IKE_AUTH, _CREATE_CHILD_SA = 34, 35, 36
_PROTOCOL_IKE, _PROTOCOL_ESP = 1, 3
_SHARED_KEY_MIC = 2  # the AUTH method of a pre-shared key
_SIGNATURES = (1, 9, 10, 11, 14)  # AUTH methods: RSA, ECDSA, RFC 7427
_DIGITAL_SIGNATURE = 14
_AUTHENTICATION_FAILED = "N(AUTHENTICATION_FAILED)"


@dataclass
class _Verifier(MessageReader):
    child_sas: dict[int, ChildKeys] = field(default_factory=dict)
    init_messages: dict[tuple[int, int], tuple[bytes, bytes]] = field(default_factory=dict)
    requests: dict[tuple[object, ...], Message] = field(default_factory=dict)
    derived: set[tuple[str, int, int]] = field(default_factory=set)
    authenticated: set[tuple[int, int, str]] = field(default_factory=set)
    generations: dict[tuple[int, int], int] = field(default_factory=dict)

    def run(self) -> Tally:
        secrets = self.recorded.secrets
        frames = self.recorded.ike + self.recorded.esp
        expectations.compare_frame_of_file(self.tally, secrets, frames)
        expected = {entry["frame"]: entry for entry in self.recorded.secrets["ike_messages"]}
        for frame in self.recorded.ike:
            entry = expected.pop(frame.number, None)
            if entry is None:
                self.tally.fail("IKE messages", f"frame {frame.number}", "not in the secrets file")
            else:
                self._follow(self.read(frame, entry))
        for number in expected:
            self.tally.fail("IKE messages", f"frame {number}", "not in the capture")
        self._all_sas_derived()
        self._esp_packets()
        return self.tally

    # --- exchanges ---

    def _follow(self, message: Message | None) -> None:
        """A request waits for its response; a response finishes the exchange."""
        if message is None:
            return
        exchange = message.header["exchange"]
        init = exchange == _IKE_SA_INIT
        # The responder's SPI is in the response only.
        spis = message.spis[:1] if init else message.spis
        by_initiator = message.from_initiator != message.is_response
        key = (exchange, spis, by_initiator, message.header["message_id"])
        if not message.is_response:
            self.requests[key] = message
            return
        request = self.requests.get(key)
        if request is None:
            raise LabError(f"{message.where}: a response without its request in the capture")
        if init:
            self._ike_sa_init(request, message)
        elif exchange == _IKE_AUTH:
            self._ike_auth(request, message)
        elif exchange == _CREATE_CHILD_SA:
            self._create_child_sa(request, message)

    def _ike_sa_init(self, request: Message, response: Message) -> None:
        chosen = response.find("SA")
        if chosen is None or response.spis in self.ike_sas:
            return  # refused, a cookie or another group is asked for; or a retransmission
        proposal = keys.negotiated(chosen["proposals"][0])
        nonces = request.need("NONCE")["data"], response.need("NONCE")["data"]
        entry = self._secrets("ike_sas", *response.spis, 16, response)
        if entry is None:
            return
        self._compare_ike_sa(request, response, proposal, nonces, entry, None)
        shared = self._agree(request, response, entry)
        module = core.load()
        try:
            seed = module.skeyseed(proposal.prf, *nonces, shared)
        except module.UnsupportedError as error:
            raise Unsupported(str(error)) from None
        self.init_messages[response.spis] = request.frame.octets, response.frame.octets
        self._add_ike_sa(proposal, *response.spis, nonces, seed, entry, response.where)

    def _compare_ike_sa(
        self,
        request: Message,
        response: Message,
        chosen: keys.Negotiated,
        nonces: tuple[bytes, bytes],
        entry: Secrets,
        old: IkeKeys | None,
    ) -> None:
        what, where = "IKE SA facts", response.where
        exchanged = request.need("KE"), response.need("KE")
        ends = request.frame.source, request.frame.destination
        group = exchanged[1]["group"]
        expectations.compare_suite(self.tally, what, where, chosen, group, entry["suite"])
        expectations.compare_exchange(self.tally, what, where, entry, nonces, exchanged, ends)
        generation = self.generations.get((old.spi_i, old.spi_r), 0) + 1 if old else 0
        self.tally.check(what, f"{where} generation", generation, entry["generation"])
        rekeys = f"{old.spi_i:016x}" if old else None
        self.tally.check(what, f"{where} rekeys", rekeys, entry["rekeys"])

    def _add_ike_sa(
        self,
        proposal: keys.Negotiated,
        spi_i: int,
        spi_r: int,
        nonces: tuple[bytes, bytes],
        seed: bytes,
        entry: Secrets,
        where: str,
    ) -> None:
        module = core.load()
        try:
            derived = module.derive_ike_keys(
                proposal.suite, proposal.prf, seed, *nonces, spi_i, spi_r
            )
        except module.UnsupportedError as error:
            raise Unsupported(str(error)) from None
        self.tally.check("SKEYSEED", where, seed, keys.octets(entry, "skeyseed"))
        keys.compare_keys(self.tally, "IKE SA keys", where, derived, entry["keys"])
        self.ike_sas[spi_i, spi_r] = IkeKeys(spi_i, spi_r, proposal, *nonces, derived)
        self.derived.add(("ike_sas", spi_i, spi_r))

    def _ike_auth(self, request: Message, response: Message) -> None:
        sa = self.ike_sas.get(response.spis)
        if sa is None:
            return  # already counted: its messages did not open
        refused = response.find(_AUTHENTICATION_FAILED) is not None
        self._check_auth(request, sa, "i", good=not refused)
        if response.find("AUTH"):
            self._check_auth(response, sa, "r", good=True)
        if response.find("SA"):
            self._add_child(request, response, sa, sa.nonce_i, sa.nonce_r, b"")

    def _check_auth(self, message: Message, sa: IkeKeys, side: str, *, good: bool) -> None:
        module = core.load()
        auth, identity = message.need("AUTH"), message.need("IDi" if side == "i" else "IDr")
        if auth["method"] not in (_SHARED_KEY_MIC, *_SIGNATURES):
            raise Unsupported(f"AUTH method {auth['method']}")
        entry = self._secrets("ike_sas", sa.spi_i, sa.spi_r, 16, message)
        expected = entry.get(f"auth_{side}")
        if not expected:
            raise BadSecrets(f"ike_sas {entry['spi_i']}: auth_{side} is missing")
        self.authenticated.add((sa.spi_i, sa.spi_r, side))
        real = self.init_messages[sa.spi_i, sa.spi_r][0 if side == "i" else 1]
        nonce = sa.nonce_r if side == "i" else sa.nonce_i
        signed = module.signed_octets(
            sa.negotiated.prf, real, nonce, sa.keys[f"sk_p{side}"], identity["octets"]
        )
        where = f"{message.where} auth_{side}"
        wanted = keys.octets(expected, "signed_octets")
        self.tally.check("AUTH signed octets", where, signed, wanted)
        self.tally.check("AUTH methods", where, auth["method"], expected["method"])
        by_key = self.recorded.secrets["auth"]["kind"] == "psk"
        self.tally.check("AUTH methods", where, auth["method"] == _SHARED_KEY_MIC, by_key)
        end = self._end(message.frame.source)
        known = identity["data"].decode("utf-8", "replace")
        if identity["id_type"] in (2, 3):  # a name, RFC 7296, section 3.5
            self.tally.check("identities", where, known, end["id"])
        body = keys.octets(expected, "id_payload_body")
        self.tally.check("ID payload bodies", where, identity["octets"], body)
        self.tally.check("AUTH values read", where, auth["data"], keys.octets(expected, "data"))
        if auth["method"] == _SHARED_KEY_MIC:
            secret = keys.octets(self.recorded.secrets["auth"], "psk_hex")
            if secret is None:
                raise BadSecrets("auth.psk_hex is missing")
            verified = module.shared_key_auth(sa.negotiated.prf, secret, signed) == auth["data"]
        else:
            verified = self._check_signature(message, auth, identity, expected, signed)
        what = "AUTH verified" if good else "AUTH refused, as recorded"
        self.tally.check(what, where, verified, good)

    def _check_signature(
        self,
        message: Message,
        auth: Payload,
        identity: Payload,
        expected: Secrets,
        signed: bytes,
    ) -> bool:
        """The signature, and that its certificate is trusted and of that identity."""
        module = core.load()
        where = message.where
        if auth["method"] == _DIGITAL_SIGNATURE:
            got = auth["data"][1 : 1 + auth["data"][0]]
            wanted = keys.octets(expected, "algorithm_identifier")
            self.tally.check("AlgorithmIdentifiers", where, got, wanted)
        chain = [payload["data"] for payload in message.payloads if payload["name"] == "CERT"]
        try:
            anchors = module.certificates_from_pem(self.recorded.secrets["auth"]["ca"])
            if not chain:
                raise LabError(f"{where}: a signature without a certificate")
            secrets = self.recorded.secrets
            of_a = self._end(message.frame.source) is secrets["a"]
            own = module.certificates_from_pem(secrets["auth"]["cert_a" if of_a else "cert_b"])
            self.tally.check("certificates", where, chain[0], own[0] if own else None)
            reason = module.check_chain(chain[0], chain[1:], anchors, int(message.frame.time))
            self.tally.check("certificate chains trusted", where, reason, "none")
            named = module.certificate_names(chain[0], identity["id_type"], identity["data"])
            self.tally.check("certificates of the identity", where, named, True)
            verified: bool = module.verify_signature(chain[0], auth["method"], auth["data"], signed)
        except ValueError as error:
            raise LabError(f"{where}: {error}") from None
        return verified

    def _create_child_sa(self, request: Message, response: Message) -> None:
        chosen = response.find("SA")
        if chosen is None:
            return
        old = self.ike_sas[response.spis]
        nonces = request.need("NONCE")["data"], response.need("NONCE")["data"]
        if chosen["proposals"][0]["protocol"] == _PROTOCOL_IKE:
            self._rekey_ike_sa(request, response, old, nonces)
            return
        shared = b""
        if response.find("KE"):
            spis = self._child_spis(request, response)
            entry = self._secrets("child_sas", *spis, 8, response)
            if entry is None:
                return
            shared = self._agree(request, response, entry)
        self._add_child(request, response, old, *nonces, shared)

    def _rekey_ike_sa(
        self, request: Message, response: Message, old: IkeKeys, nonces: tuple[bytes, bytes]
    ) -> None:
        """RFC 7296, section 2.18: SKEYSEED with the old SA's PRF and SK_d."""
        proposal = keys.negotiated(response.need("SA")["proposals"][0])
        spis = self._child_spis(request, response)
        if spis in self.ike_sas:
            return
        entry = self._secrets("ike_sas", *spis, 16, response)
        if entry is None:
            return
        self._compare_ike_sa(request, response, proposal, nonces, entry, old)
        self.generations[spis] = self.generations.get((old.spi_i, old.spi_r), 0) + 1
        shared = self._agree(request, response, entry)
        seed = core.load().rekey_skeyseed(old.negotiated.prf, old.keys["sk_d"], shared, *nonces)
        self._add_ike_sa(proposal, *spis, nonces, seed, entry, response.where)

    def _add_child(
        self,
        request: Message,
        response: Message,
        ike: IkeKeys,
        nonce_i: bytes,
        nonce_r: bytes,
        shared: bytes,
    ) -> None:
        spi_i, spi_r = self._child_spis(request, response)
        if ("child_sas", spi_i, spi_r) in self.derived:
            return
        proposal = keys.negotiated(response.need("SA")["proposals"][0])
        if proposal.protocol != _PROTOCOL_ESP:
            raise Unsupported(f"a Child SA of protocol {proposal.protocol} (only 3, ESP)")
        entry = self._secrets("child_sas", spi_i, spi_r, 8, response)
        if entry is None:
            return
        self._compare_child(request, response, ike, proposal, (nonce_i, nonce_r), entry)
        derived = core.load().derive_child_keys(
            ike.negotiated.prf, proposal.suite, ike.keys["sk_d"], shared, nonce_i, nonce_r
        )
        keys.compare_keys(self.tally, "Child SA keys", response.where, derived, entry["keys"])
        self.derived.add(("child_sas", spi_i, spi_r))
        self.child_sas[spi_r] = ChildKeys(proposal, derived["encr_i"], derived["integ_i"])
        self.child_sas[spi_i] = ChildKeys(proposal, derived["encr_r"], derived["integ_r"])

    def _compare_child(
        self,
        request: Message,
        response: Message,
        ike: IkeKeys,
        chosen: keys.Negotiated,
        nonces: tuple[bytes, bytes],
        entry: Secrets,
    ) -> None:
        what, where = "Child SA facts", response.where
        ours, theirs = request.find("KE"), response.find("KE")
        ends = request.frame.source, request.frame.destination
        group = theirs["group"] if theirs else 0
        expectations.compare_suite(self.tally, what, where, chosen, group, entry["suite"])
        exchanged = (ours, theirs) if theirs else (None, None)
        expectations.compare_exchange(self.tally, what, where, entry, nonces, exchanged, ends)
        spis = int(entry["spi_i"], 16), int(entry["spi_r"], 16)
        facts = {
            "made_in_frame": response.frame.number,
            "ike_spi_i": f"{ike.spi_i:016x}",
            "began_by_ike_sa_role": "i" if request.from_initiator else "r",
            "esp_packets_in_capture": sum(f.spi in spis for f in self.recorded.esp),
        }
        for name, value in facts.items():
            self.tally.check(what, f"{where} {name}", value, entry[name])
        for name, end in zip(("TSi", "TSr"), ends, strict=True):
            got = expectations.selector(response.need(name))
            self.tally.check("traffic selectors", f"{where} {name}", got, self._end(end)["inner"])

    def _end(self, address: str) -> Secrets:
        """a or b of the secrets file; b when the address is neither's."""
        secrets = self.recorded.secrets
        mine: Secrets = secrets["a" if address.partition(":")[0] == secrets["a"]["outer"] else "b"]
        return mine

    @staticmethod
    def _child_spis(request: Message, response: Message) -> tuple[int, int]:
        """The new SPIs of the exchange's initiator and responder."""
        chosen = response.need("SA")["proposals"][0]
        for offered in request.need("SA")["proposals"]:
            if offered["number"] == chosen["number"]:
                return int.from_bytes(offered["spi"], "big"), int.from_bytes(chosen["spi"], "big")
        raise LabError(f"{response.where}: proposal {chosen['number']} was never offered")

    def _secrets(self, kind: str, spi_i: int, spi_r: int, digits: int, message: Message) -> Any:
        wanted = f"{spi_i:0{digits}x}", f"{spi_r:0{digits}x}"
        for entry in self.recorded.secrets[kind]:
            if (entry["spi_i"], entry["spi_r"]) == wanted:
                return entry
        why = f"no secrets for SPIs {wanted[0]}, {wanted[1]}"
        self.tally.fail("IKE SAs" if kind == "ike_sas" else "Child SAs", message.where, why)
        return None

    def _agree(self, request: Message, response: Message, entry: Secrets) -> bytes:
        ours, theirs = request.need("KE"), response.need("KE")
        return keys.shared_secret(ours, theirs, entry["dh"] or {}, response.where, self.tally)

    def _all_sas_derived(self) -> None:
        for kind, what in (("ike_sas", "IKE SAs"), ("child_sas", "Child SAs")):
            for entry in self.recorded.secrets[kind]:
                spis = int(entry["spi_i"], 16), int(entry["spi_r"], 16)
                where = f"{kind} {entry['spi_i']}"
                self.tally.check(what, where, (kind, *spis) in self.derived, True)
                for side in "ir":
                    if entry.get(f"auth_{side}") and (*spis, side) not in self.authenticated:
                        self.tally.fail("AUTH values read", where, f"no AUTH of {side} was seen")

    # --- ESP ---

    def _esp_packets(self) -> None:
        module = core.load()
        expected = {entry["frame"]: entry for entry in self.recorded.secrets["esp_packets"]}
        receivers: dict[int, Any] = {}
        for frame in self.recorded.esp:
            where = f"frame {frame.number}"
            entry = expected.pop(frame.number, None)
            child = self.child_sas.get(frame.spi)
            if entry is None or child is None:
                why = "not in the secrets file" if entry is None else "its SPI has no known keys"
                self.tally.fail("ESP packets opened", where, why)
                continue
            if frame.spi not in receivers:
                receivers[frame.spi] = module.InboundSa(
                    frame.spi,
                    child.negotiated.suite,
                    child.key,
                    child.integrity_key,
                    esn=child.negotiated.extended_sequence_numbers,
                    window=0,
                    profile="linux-legacy",
                )
            reason, number, inner = receivers[frame.spi].open(frame.packet, frame.outer_length)
            self.tally.check("ESP packets opened", where, reason, "none")
            self.tally.check(
                "ESP SPIs and numbers",
                where,
                (frame.spi, number),
                (int(entry["spi"], 16), entry["seq"]),
            )
            self.tally.check("inner packets", where, inner, keys.octets(entry, "inner"))
            if reason == "none":
                expectations.compare_packet(
                    self.tally, where, frame, child.negotiated, inner, entry
                )
        for number in expected:
            self.tally.fail("ESP packets opened", f"frame {number}", "not in the capture")


def verify(capture: Path, secrets: Path) -> Tally:
    """Compares everything; LabError for files that are no session, Unsupported names a feature."""
    own = verify_keys.read(secrets)
    if own is not None:
        return verify_keys.verify(capture, secrets, own)
    recorded = session.read(capture, secrets)
    expectations.require_format(secrets, recorded.secrets)
    kind = recorded.secrets["auth"].get("kind")
    if kind not in ("psk", "certificate"):
        raise Unsupported(f"authentication by {kind}")
    try:
        return _Verifier(recorded).run()
    except Unsupported:
        raise
    except BadSecrets as error:
        raise LabError(f"{secrets}: {error}") from None
    except LabError as error:
        raise LabError(f"{capture}: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LabError(
            f"{secrets}: not a session's secrets: {type(error).__name__}: {error}"
        ) from None
