# SPDX-License-Identifier: BSD-3-Clause
"""strongSwan's charon with ESP in user space (kernel-libipsec), driven by swanctl."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipseclab.interop import half_open
from ipseclab.interop.peer import ChildSa, IkeSa, Peer, ping, require_programs
from ipseclab.interop.sandbox import CellFault, Process, ip

_CHARON = "/usr/lib/ipsec/charon"
_STRANGER = "192.0.2.3"
_PLUGINS = Path("/usr/lib/ipsec/plugins")
# kernel-libipsec before kernel-netlink: it supplies ESP, kernel-netlink then addresses and routes.
_LOAD = (
    "random nonce openssl curve25519 chapoly gcm aes ctr ccm cmac xcbc sha1 sha2 hmac kdf drbg gmp "
    "pem pkcs1 pkcs8 x509 pubkey constraints revocation kernel-libipsec kernel-netlink "
    "socket-default vici updown"
)
_CONF = """\
charon {{
    load_modular = no
    load = {load}
    install_virtual_ip = no
    retransmit_timeout = 1.0
    retransmit_tries = 3
    retransmit_base = 1.5
    half_open_timeout = 10
    fragment_size = {fragment_size}
    {cookies}
    plugins {{
        vici {{ socket = unix://{vici} }}
    }}
    filelog {{
        log {{
            path = {folder}/charon.log
            flush_line = yes
            default = 1
            # The keys too, for whoever looks into a cell.
            ike = 4
            chd = 4
        }}
    }}
}}
"""
_CONNECTION = """\
connections {{
    lab {{
        version = 2
        local_addrs = {local}
        remote_addrs = {remote}
        proposals = {ike}
        encap = {encap}
        mobike = no
        rekey_time = 0
        reauth_time = 0
        dpd_delay = {dpd}
        childless = {childless}
        send_cert = always
        local {{
            auth = {auth}
            {certificate}
            id = {identity}
        }}
        remote {{
            auth = {auth}
            id = {other_identity}
        }}
        children {{
            net {{
                local_ts = {inner}/32
                remote_ts = {remote_inner}/32
                esp_proposals = {esp}
                mode = {mode}
                rekey_time = 0
                start_action = none
            }}
        }}
    }}
}}
secrets {{
    ike-lab {{
        id-1 = {identity}
        id-2 = {other_identity}
        secret = "{psk}"
    }}
}}
"""


def parse_raw(text: str) -> dict[str, Any]:
    """A message that swanctl --raw prints: sections in braces, lists in brackets, name=value."""
    tokens = re.findall(r"[{}\[\]]|[^\s{}\[\]]+", text)
    place = iter(tokens)

    def items() -> list[str]:
        found = []
        for token in place:
            if token == "]":
                break
            found.append(token)
        return found

    def section() -> dict[str, Any]:
        found: dict[str, Any] = {}
        name = ""
        for token in place:
            if token == "}":
                break
            if token == "{":
                found[name] = section()
            elif token == "[":
                found[name.rstrip("=")] = items()
            elif "=" in token and not token.endswith("="):
                key, _, found[key] = token.partition("=")
            else:
                name = token
        return found

    return section()


def read_sas(text: str) -> tuple[IkeSa, ...]:
    """What ``swanctl --list-sas --raw`` says."""
    found = []
    for line in text.splitlines():
        if line.startswith("list-sa event"):
            event = parse_raw(line.removeprefix("list-sa event").strip().removeprefix("{"))
            found += [_ike_sa(sa) for sa in event.values() if isinstance(sa, dict)]
    return tuple(found)


def _ike_sa(sa: dict[str, Any]) -> IkeSa:
    children = sa.get("child-sas", {}).values()
    return IkeSa(
        spi_i=int(sa["initiator-spi"], 16),
        spi_r=int(sa["responder-spi"], 16),
        state=sa["state"],
        initiator=sa.get("initiator") == "yes",
        suite=_suite(sa, ("encr-alg", "encr-keysize", "integ-alg", "prf-alg", "dh-group")),
        children=tuple(_child_sa(child) for child in children),
    )


def _child_sa(child: dict[str, Any]) -> ChildSa:
    return ChildSa(
        spi_in=int(child.get("spi-in", "0"), 16),
        spi_out=int(child.get("spi-out", "0"), 16),
        state=child["state"],
        octets_in=int(child.get("bytes-in", 0)),
        octets_out=int(child.get("bytes-out", 0)),
        suite=_suite(child, ("encr-alg", "encr-keysize", "integ-alg", "dh-group", "esn")),
    )


def _suite(sa: dict[str, Any], names: tuple[str, ...]) -> str:
    return "/".join(str(sa[name]) for name in names if name in sa)


class StrongSwan(Peer):
    """Debian's strongSwan."""

    name = "strongswan"
    packages: tuple[str, ...] = (
        "strongswan-charon",
        "strongswan-swanctl",
        "libcharon-extra-plugins",
        "libstrongswan-extra-plugins",
        "libstrongswan-standard-plugins",
    )
    plugins = _LOAD

    @classmethod
    def missing(cls) -> str:
        if not Path(_CHARON).exists() or shutil.which("swanctl") is None:
            return f"no charon or swanctl: apt-get install {' '.join(cls.packages)}"
        needed = {"kernel-libipsec": cls.packages[2], "gcm": cls.packages[4]}
        for plugin, package in needed.items():
            if not (_PLUGINS / f"libstrongswan-{plugin}.so").exists():
                return f"charon has no {plugin}: apt-get install {package}"
        return require_programs("ping") or ("" if Path("/dev/net/tun").exists() else "no TUN")

    @classmethod
    def lacks(cls, feature: str) -> str:
        if feature.startswith("esp:") and feature.endswith("-esn"):
            return "kernel-libipsec has no extended sequence numbers"
        reasons = {
            "transport": "kernel-libipsec has tunnel mode only",
            "native-esp": "kernel-libipsec sends ESP in UDP only",
        }
        return reasons.get(feature, "")

    @property
    def vici(self) -> Path:
        """The socket on which charon takes commands."""
        return self.sandbox.sockets / self.end.identity  # a sandbox may have two daemons

    def start(self) -> None:
        self._files = self.folder / "charon"
        (self._files / "run").mkdir(parents=True)
        self._write_configuration()
        for address in (f"{self.end.address}/24", f"{self.end.inner}/32"):
            device = "eth0" if address.endswith("/24") else "lo"
            ip("-n", self.namespace, "addr", "add", address, "dev", device)
        # Its pid file is always /run/charon.pid.
        self._process: Process = self.sandbox.start(
            self.namespace,
            "charon",
            [_CHARON],
            environment={"STRONGSWAN_CONF": str(self._files / "strongswan.conf")},
            mounts=[f"mount --bind {self._files}/run /run"],
        )
        self.sandbox.wait("socket of charon", self.vici.is_socket, timeout=20.0)
        self._swanctl("--load-all")
        if self.end.cookies:
            self._open_halves()

    def _open_halves(self, device: str = "lo", prefix: int = 32) -> None:
        """A half-open IKE SA of a stranger, which reaches the threshold for cookies."""
        ip("-n", self.namespace, "addr", "add", f"{_STRANGER}/{prefix}", "dev", device)
        program = [sys.executable, "-P", half_open.__file__]
        done = self.sandbox.run(self.namespace, [*program, _STRANGER, self.end.address, "1"])
        if done.returncode != 0:
            raise CellFault("charon does not answer a stranger's IKE_SA_INIT")

    def _write_configuration(self) -> None:
        end, other = self.end, self.pair.other(self.end)
        conf = _CONF.format(
            load=self.plugins,
            folder=self._files,
            vici=self.vici,
            fragment_size=end.fragment_size,
            # Counts half-open IKE SAs; 0 would mean never.
            cookies="cookie_threshold = 1" if end.cookies else "",
        )
        (self._files / "strongswan.conf").write_text(conf, encoding="utf-8")
        folder = self._files / "swanctl"
        for name in ("x509", "x509ca", "private", "rsa", "ecdsa", "pubkey", "pkcs8"):
            (folder / name).mkdir(parents=True)
        if end.auth != "psk":
            source = self.folder / "certificates"
            shutil.copy(source / "ca.pem", folder / "x509ca" / "ca.pem")
            shutil.copy(source / "peer.pem", folder / "x509" / "peer.pem")
            shutil.copy(source / "peer.key", folder / "private" / "peer.key")
        connection = _CONNECTION.format(
            local=end.address,
            remote=f"{other.address},{_STRANGER}" if end.cookies else other.address,
            ike=",".join(end.ike),
            esp=",".join(end.esp),
            encap="yes" if self.encapsulates else "no",
            mode="transport" if end.transport else "tunnel",
            dpd=f"{end.dpd:g}s",
            childless="force" if end.childless else "allow",
            auth="psk" if end.auth == "psk" else "pubkey",
            certificate="" if end.auth == "psk" else "certs = peer.pem",
            identity=end.identity,
            other_identity=other.identity,
            inner=end.inner,
            remote_inner=end.remote_inner,
            psk=end.psk,
        )
        (folder / "swanctl.conf").write_text(connection, encoding="utf-8")

    def initiate(self) -> None:
        what = ("--ike", "lab") if self.end.childless else ("--child", "net")
        self._swanctl("--initiate", *what, "--timeout", "10", may_fail=True)

    def create_child(self) -> None:
        self._swanctl("--initiate", "--child", "net", "--timeout", "10")

    def rekey_child(self) -> None:
        self._swanctl("--rekey", "--child", "net")

    def rekey_ike(self) -> None:
        self._swanctl("--rekey", "--ike", "lab")

    def terminate_child(self) -> None:
        self._swanctl("--terminate", "--child", "net", "--timeout", "5")

    def terminate(self) -> None:
        self._swanctl("--terminate", "--ike", "lab", "--timeout", "5")

    def list(self) -> tuple[IkeSa, ...]:
        return read_sas(self._swanctl("--list-sas", "--raw"))

    def ping(self, count: int, octets: int) -> str:
        return ping(self.sandbox, self.namespace, self.end, count, octets)

    def stop(self) -> None:
        self.sandbox.forget(self._process)

    def _swanctl(self, *words: str, may_fail: bool = False) -> str:
        status, said = self._execute(
            ["swanctl", *words, "--uri", f"unix://{self.vici}"],
            {
                "SWANCTL_DIR": str(self._files / "swanctl"),
                "STRONGSWAN_CONF": str(self._files / "strongswan.conf"),
            },
        )
        with (self._files / "swanctl.log").open("a", encoding="utf-8") as log:
            log.write(f"$ swanctl {' '.join(words)}\n{said}")
        if status != 0 and not may_fail:
            raise CellFault(f"swanctl {words[0]} failed: {' '.join(said.split()[-30:])}")
        return said

    def _execute(self, command: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
        """Exit status and output of a command where charon runs."""
        done = self.sandbox.run(self.namespace, command, environment=environment)
        return done.returncode, done.stdout
