# SPDX-License-Identifier: BSD-3-Clause
"""libreswan's pluto, driven by whack; its ESP is the kernel's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ipseclab import BUILD_FOLDER
from ipseclab.interop import suites
from ipseclab.interop.peer import IkeSa, Peer, ping_command, ping_fault, require_programs
from ipseclab.interop.sandbox import CellFault, ip

_INSTALLED = Path("/usr/libexec/ipsec")
# The package conflicts with strongSwan's, so it may lie unpacked beside it.
_UNPACKED = BUILD_FOLDER / "peers" / "libreswan" / "usr" / "libexec" / "ipsec"
_CIPHERS = {
    "aes128gcm16": "aes_gcm128",
    "aes256gcm16": "aes_gcm256",
    "chacha20poly1305": "chacha20_poly1305",
    "aes128": "aes128",
    "aes256": "aes256",
}
_GROUPS = {
    "modp2048": "dh14",
    "modp3072": "dh15",
    "modp4096": "dh16",
    "ecp256": "dh19",
    "ecp384": "dh20",
    "ecp521": "dh21",
    "x25519": "dh31",
}
_BY_CERTIFICATE = "leftcert=peer\n    leftsendcert=always\n    authby="
_AUTH = {
    "psk": "authby=secret",
    "rsa": f"{_BY_CERTIFICATE}rsasig",  # "rsa-sha2" is RSASSA-PSS alone
    "ecdsa": f"{_BY_CERTIFICATE}ecdsa",
}
_CONF = """\
config setup
    uniqueids=yes
    virtual-private=

conn lab
    ikev2=insist
    {auth}
    left={address}
    leftid=@{identity}
    leftsubnet={inner}/32
    right={other_address}
    rightid=@{other_identity}
    rightsubnet={remote_inner}/32
    ike={ike}
    esp={esp}
    pfs=yes
    encapsulation=yes
    rekey=no
    mobike=no
    dpddelay={dpd:g}
    dpdtimeout=30
    # No route scripts; else "ipsec _updown" may even be strongSwan's.
    leftupdown=%disabled
    auto=add
"""
_STATE = re.compile(r'#(\d+): "lab"\S* (STATE_V2_\w+)')


def ike_proposal(proposal: str) -> str:
    """An IKE proposal in libreswan's spelling."""
    found = suites.words(proposal)
    digest = (found.get("prf") or found["integrity"]).removeprefix("prf").replace("sha", "sha2_")
    return f"{_CIPHERS[found['cipher']]}-{digest}-{_GROUPS[found['group']]}"


def esp_proposal(proposal: str) -> str:
    """An ESP proposal in libreswan's spelling."""
    found = suites.words(proposal)
    integrity = found.get("integrity", "").replace("sha", "-sha2_")
    group = f";{_GROUPS[found['group']]}" if "group" in found else ""
    return f"{_CIPHERS[found['cipher']]}{integrity}{group}"


def read_states(text: str) -> tuple[IkeSa, ...]:
    """What ``whack --showstates`` says; it has numbers of its own in the place of SPIs."""
    names = {"STATE_V2_ESTABLISHED_IKE_SA": "ESTABLISHED"}
    found = dict(_STATE.findall(text))
    return tuple(
        IkeSa(int(number), 0, names.get(state, state), initiator=False)
        for number, state in found.items()
        if "CHILD" not in state
    )


def kernel_esp() -> str:
    """Why this kernel cannot have an ESP SA; empty when it can."""
    add = ["ip", "xfrm", "state", "add", "src", "192.0.2.1", "dst", "192.0.2.2", "proto", "esp"]
    key = "0x" + 20 * "00"
    rest = ["spi", "0x100", "aead", "rfc4106(gcm(aes))", key, "128"]
    tried = subprocess.run(
        ["unshare", "--net", *add, *rest], capture_output=True, text=True, check=False
    )
    return "" if tried.returncode == 0 else "this kernel has no ESP, which pluto needs"


class Libreswan(Peer):
    """Debian's libreswan."""

    name = "libreswan"
    packages = ("libreswan", "libnss3-tools")
    data = False  # not tried on a kernel with ESP

    @classmethod
    def folder_of_programs(cls) -> Path:
        """Where pluto is, or would be installed."""
        return _UNPACKED if (_UNPACKED / "pluto").exists() else _INSTALLED

    @classmethod
    def missing(cls) -> str:
        if not (cls.folder_of_programs() / "pluto").exists():
            return (
                f"no pluto in {_INSTALLED}: apt-get install {' '.join(cls.packages)}; beside "
                "strongSwan: build-tools/unpack-peer.sh libreswan"
            )
        return require_programs("certutil", "pk12util")

    @classmethod
    def lacks(cls, feature: str) -> str:
        reasons = {
            "certificates:ed25519": "it has signatures by RSA and ECDSA keys only",
            "cookie-by-peer": "no adapter for its cookies",
            "childless": "it has no childless IKE SAs as initiator, and no word for them",
            "fragmentation": "its size of fragments is fixed",
        }
        if feature == "child":
            return kernel_esp()
        if feature == "begins:peer" and kernel_esp():
            return f"{kernel_esp()}: it drops what it began, untold"
        if feature == "dpd-by-peer" and kernel_esp():
            return f"{kernel_esp()}: it checks the liveness of Child SAs only"
        return reasons.get(feature, "")

    def start(self) -> None:
        files = self._files = self.folder / "pluto"
        for name in ("nss", "ipsec.d"):
            (files / name).mkdir(parents=True)
        self._write_configuration()
        ip("-n", self.namespace, "addr", "add", f"{self.end.address}/24", "dev", "eth0")
        ip("-n", self.namespace, "addr", "add", f"{self.end.inner}/32", "dev", "lo")
        self._fill_database(f"sql:{files / 'nss'}")
        programs = self.folder_of_programs()
        mounts = [f"mount --bind {self.sandbox.sockets} /run"]
        if programs != _INSTALLED:
            # pluto starts addconn by its installed name.
            below = f"lowerdir={programs.parent}:/usr/libexec"
            mounts.append(f"mount -t overlay overlay -o {below} /usr/libexec")
        options = [
            *("--config", f"{files / 'ipsec.conf'}", "--nofork", "--stderrlog", "--use-xfrm"),
            *("--rundir", f"{self.sandbox.sockets}", "--ipsecdir", f"{files / 'ipsec.d'}"),
            *("--nssdir", f"{files / 'nss'}", "--secretsfile", f"{files / 'ipsec.secrets'}"),
            *("--no-dnssec", "--nhelpers", "1"),
        ]
        self._process = self.sandbox.start(
            self.namespace, "pluto", [str(programs / "pluto"), *options], mounts=mounts
        )
        self.sandbox.wait("socket of pluto", self._control.is_socket)
        config = ["--config", f"{files / 'ipsec.conf'}", "--ctlsocket", str(self._control)]
        self._run(str(programs / "addconn"), *config, "lab")
        self._whack("--listen")

    def _fill_database(self, database: str) -> None:
        """NSS keeps keys and certificates under the nicknames "ca" and "peer"."""
        self._run("certutil", "-N", "-d", database, "--empty-password")
        if self.end.auth == "psk":
            return
        source = self.folder / "certificates"
        ca, bundle = str(source / "ca.pem"), str(self._files / "peer.p12")
        self._run("certutil", "-A", "-d", database, "-n", "ca", "-t", "CT,,", "-i", ca)
        self._run(
            *("openssl", "pkcs12", "-export", "-name", "peer", "-passout", "pass:"),
            *("-in", str(source / "peer.pem"), "-inkey", str(source / "peer.key")),
            *("-out", bundle),
        )
        self._run("pk12util", "-i", bundle, "-d", database, "-K", "", "-W", "")

    @property
    def _control(self) -> Path:
        return self.sandbox.sockets / "pluto.ctl"

    def _write_configuration(self) -> None:
        end, other = self.end, self.pair.other(self.end)
        conf = _CONF.format(
            auth=_AUTH[end.auth],
            address=end.address,
            identity=end.identity,
            inner=end.inner,
            other_address=other.address,
            other_identity=other.identity,
            remote_inner=end.remote_inner,
            ike=",".join(map(ike_proposal, end.ike)),
            esp=",".join(map(esp_proposal, end.esp)),
            dpd=end.dpd,
        )
        (self._files / "ipsec.conf").write_text(conf, encoding="utf-8")
        secrets = self._files / "ipsec.secrets"
        secrets.write_text(f'@{end.identity} @{other.identity} : PSK "{end.psk}"\n')
        secrets.chmod(0o600)

    def initiate(self) -> None:
        self._whack("--initiate", "--name", "lab", "--asynchronous")

    def create_child(self) -> None:
        self.initiate()

    def rekey_child(self) -> None:
        self._whack("--rekey-ipsec", "--name", "lab", "--asynchronous")

    def rekey_ike(self) -> None:
        self._whack("--rekey-ike", "--name", "lab", "--asynchronous")

    def terminate_child(self) -> None:
        raise CellFault("whack deletes IKE SAs only")

    def terminate(self) -> None:
        self._whack("--terminate", "--name", "lab")

    def list(self) -> tuple[IkeSa, ...]:
        return read_states(self._whack("--showstates"))

    def ping(self, count: int, octets: int) -> str:
        command = ping_command(self.end, count, octets)
        return ping_fault(self.sandbox.run(self.namespace, command).stdout, count)

    def stop(self) -> None:
        self.sandbox.forget(self._process)

    def _whack(self, *words: str) -> str:
        program = str(self.folder_of_programs() / "whack")
        return self._run(program, "--ctlsocket", str(self._control), *words)

    def _run(self, *command: str) -> str:
        done = self.sandbox.run(self.namespace, list(command))
        with (self._files / "commands.log").open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{done.stdout}")
        return done.stdout
