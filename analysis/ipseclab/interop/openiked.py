# SPDX-License-Identifier: BSD-3-Clause
"""OpenBSD's iked as Debian has it, on a real kernel inside the emulator: it needs PF_KEY."""

from __future__ import annotations

import re
import shlex
import shutil

from ipseclab.interop import certificates, guest_image, suites
from ipseclab.interop.guest_peer import GuestPeer
from ipseclab.interop.linux import Linux
from ipseclab.interop.peer import ChildSa, IkeSa
from ipseclab.interop.sandbox import CellFault

_CIPHERS = {
    "aes128gcm16": "aes-128-gcm",
    "aes256gcm16": "aes-256-gcm",
    "chacha20poly1305": "chacha20-poly1305",
    "aes128": "aes-128",
    "aes256": "aes-256",
}
_GROUPS = {"x25519": "curve25519"}  # the others have the same name
_CONF = """\
set nomobike
{liveness}
ikev2 "lab" active {mode} esp \\
    from {inner} to {remote_inner} \\
    local {address} peer {other_address} \\
    {ike} \\
    {esp} \\
    srcid "{identity}" dstid "{other_identity}" \\
    ikelifetime 0 lifetime 0 \\
    {auth}
"""
_NO_WORDS = ("rekey_child-by-peer", "rekey_ike-by-peer", "terminate_child-by-peer")
# What openiked 7.2 was seen to do on Linux 6.1.
_LACKS = {
    "certificates:ed25519": "it has signatures by RSA and ECDSA keys only",
    "childless": "it has no childless IKE SAs",
    "cookie-by-peer": "it has no setting for cookies",
    "dpd-by-peer": "PF_KEY does not tell it when an SA was used last, so it never asks",
    "fragmentation": "its size of fragments is fixed",
    "esp:aes128-sha256": "it agrees to HMAC-SHA2-256 for ESP, then cannot give it to Linux",
    "rekey_ike-by-node-peer-began": "it does not answer the delete of an IKE SA that it began",
    "ts-mismatch": "it takes other selectors than it has, and answers with its own",
}
_SOCKET = "/run/iked.sock"
_START = (
    "cp -r {files}/etc/iked /etc/; chmod 600 {files}/iked.conf; "
    "/usr/sbin/iked -dvvST -f {files}/iked.conf -s {socket} > {files}/iked.log 2>&1 3>&- &"
)
# The last that it is told when it begins; what arrives before is lost.
_WAIT = (
    "i=0; until grep -q config_getmode {log} || [ $i -ge 100 ]; "
    "do usleep 100000; i=$((i + 1)); done; [ $i -lt 100 ] || tail -n 3 {log}; [ $i -lt 100 ]"
)
_SA = re.compile(r"^iked_sas: \S+ rspi 0x(\w+) ispi 0x(\w+) .*\] (\w+) ([ir])", re.MULTILINE)
_CHILD = re.compile(r"sa_childsas: (\S+) ESP 0x(\w+) (in|out) .* \((\w*)\) B=\S+ P=(\S+)")
_KERNEL_SA = re.compile(r"proto esp spi 0x(\w+)\(.*?lifetime current:\s+(\d+)\(bytes\)", re.DOTALL)


def _transforms(proposal: str) -> str:
    found = suites.words(proposal)
    parts = [f"enc {_CIPHERS[found['cipher']]}"]
    if "integrity" in found:
        parts.append(f"auth hmac-sha2-{found['integrity'].removeprefix('sha')}")
    if "group" in found:
        parts.append(f"group {_GROUPS.get(found['group'], found['group'])}")
    return " ".join(parts)


def ike_proposal(proposal: str) -> str:
    """An IKE proposal in the words of iked.conf."""
    found = suites.words(proposal)
    digest = (found.get("prf") or found["integrity"]).removeprefix("prf").removeprefix("sha")
    return f"ikesa {_transforms(proposal)} prf hmac-sha2-{digest}"


def esp_proposal(proposal: str) -> str:
    """An ESP proposal in the words of iked.conf."""
    found = suites.words(proposal)
    return f"childsa {_transforms(proposal)} {'esn' if found.get('esn') == 'esn' else 'noesn'}"


def read_sas(text: str, kernel: str) -> tuple[IkeSa, ...]:
    """What ``ikectl show sa`` says, with the octets of ``ip -s xfrm state``."""
    octets = {int(spi, 16): int(count) for spi, count in _KERNEL_SA.findall(kernel)}
    found = []
    for part in re.split(r"(?=^iked_sas: )", text, flags=re.MULTILINE):
        sa = _SA.search(part)
        if sa is None:
            continue
        listed = {
            place: (spi, way, flags, peer) for place, spi, way, flags, peer in _CHILD.findall(part)
        }
        children = []
        for spi, way, flags, peer in listed.values():
            if way == "in" and peer in listed:
                out = listed[peer][0]
                children.append(
                    ChildSa(
                        int(spi, 16),
                        int(out, 16),
                        "INSTALLED" if "L" in flags and "R" not in flags else f"({flags})",
                        octets.get(int(spi, 16), 0),
                        octets.get(int(out, 16), 0),
                    )
                )
        responder, initiator, state, role = sa.groups()
        found.append(
            IkeSa(
                int(initiator, 16), int(responder, 16), state, role == "i", children=tuple(children)
            )
        )
    return tuple(found)


class OpenIked(GuestPeer):
    """Debian's openiked. Its own hand rekeys by lifetimes only: ikectl has no word for it."""

    name = "openiked"
    packages = ("openiked", *Linux.packages)
    plugins = Linux.plugins
    esp = ("aes128-sha384",)
    encapsulates = False

    @classmethod
    def missing(cls) -> str:
        if not guest_image.iked_programs():
            return "no iked and ikectl: build-tools/unpack-peer.sh openiked"
        return Linux.missing()

    @classmethod
    def lacks(cls, feature: str) -> str:
        if feature.startswith(_NO_WORDS):
            return "ikectl has no word for it"
        proposal = feature.removeprefix("esp:")
        if feature == "pfs" or (proposal != feature and suites.is_combined(proposal)):
            return "it finds no ESP proposal with AES-GCM acceptable, whatever it is told"
        return _LACKS.get(feature, "")

    def start(self) -> None:
        files = self._files = self.folder / "iked"
        keys = files / "etc" / "iked"
        for name in ("private", "ca", "certs", "crls", "ocsp", "pubkeys/fqdn"):
            (keys / name).mkdir(parents=True)
        self._write_configuration()
        private, public = keys / "private" / "local.key", keys / "local.pub"
        if self.end.auth == "psk":
            certificates.make_key("ecdsa", private)  # it wants a key pair all the same
        else:
            source = self.folder / "certificates"
            shutil.copy(source / "ca.pem", keys / "ca" / "ca.crt")
            shutil.copy(source / "peer.pem", keys / "certs" / "peer.crt")
            shutil.copy(source / "peer.key", private)
        certificates.write_public(private, public)
        self.boot(files)
        socket = shlex.quote(_SOCKET)
        self._guest.check(_START.format(files=shlex.quote(str(files)), socket=socket))
        self._guest.check(_WAIT.format(log=shlex.quote(str(files / "iked.log"))))

    def _write_configuration(self) -> None:
        end, other = self.end, self.pair.other(self.end)
        text = _CONF.format(
            liveness=f"set dpd_check_interval {end.dpd:.0f}",
            mode="transport" if end.transport else "tunnel",
            inner=end.inner,
            remote_inner=end.remote_inner,
            address=end.address,
            other_address=other.address,
            ike=" ".join(ike_proposal(text) for text in end.ike),
            esp=" ".join(esp_proposal(text) for text in end.esp),
            identity=end.identity,
            other_identity=other.identity,
            auth=f'psk "{end.psk}"' if end.auth == "psk" else "rfc7427",
        )
        (self._files / "iked.conf").write_text(text, encoding="ascii")

    def initiate(self) -> None:
        self._ikectl("active")

    def create_child(self) -> None:
        raise CellFault("ikectl makes no Child SAs")

    def rekey_child(self) -> None:
        raise CellFault("ikectl rekeys nothing")

    def rekey_ike(self) -> None:
        raise CellFault("ikectl rekeys nothing")

    def terminate_child(self) -> None:
        raise CellFault("ikectl deletes IKE SAs only")

    def terminate(self) -> None:
        self._ikectl("reset", "id", f"FQDN/{self.pair.other(self.end).identity}")

    def list(self) -> tuple[IkeSa, ...]:
        return read_sas(self._ikectl("show", "sa"), self._guest.check("ip -s xfrm state"))

    def stop(self) -> None:
        self.switch_off(self._files / "iked.log")

    def _ikectl(self, *words: str) -> str:
        status, said = self.execute(["ikectl", "-s", _SOCKET, *words], {})
        with (self._files / "ikectl.log").open("a", encoding="utf-8") as log:
            log.write(f"$ ikectl {' '.join(words)}\n{said}")
        if status != 0:
            raise CellFault(f"ikectl {words[0]} failed: {' '.join(said.split()[-30:])}")
        return said
