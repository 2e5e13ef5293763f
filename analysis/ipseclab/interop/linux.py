# SPDX-License-Identifier: BSD-3-Clause
"""A real Linux kernel as the ESP peer: Debian's, emulated, with strongSwan on its XFRM inside."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ipseclab.interop import guest_image
from ipseclab.interop.guest import BRIDGE, Guest
from ipseclab.interop.peer import ping_command, ping_fault
from ipseclab.interop.strongswan import StrongSwan

_CHARON = "/usr/lib/ipsec/charon"
# A socket file is not yet a daemon that listens.
_WAIT = (
    "i=0; until swanctl --stats --uri unix://{socket} >/dev/null 2>&1 || [ $i -ge 30 ]; "
    "do usleep 100000; i=$((i + 1)); done; cat /tmp/charon.out; [ $i -lt 30 ]"
)
# By default swanctl tries all plugins that there are, most of which the guest has not got.
_SWANCTL = "swanctl {\n    load = random openssl pem pkcs1 pkcs8 x509 pubkey\n}\n"


class Linux(StrongSwan):
    """The kernel's own ESP, as IP protocol 50 where there is no NAT."""

    name = "linux"
    packages = (*StrongSwan.packages, *guest_image.PACKAGES)
    plugins = StrongSwan.plugins.replace("kernel-libipsec ", "")
    encapsulates = False

    @classmethod
    def missing(cls) -> str:
        why = super().missing() or guest_image.missing()
        if why:
            return why
        try:
            guest_image.prepare(cls.plugins.split())
        except guest_image.ImageFault as fault:
            return f"no image for the emulator: {fault}"
        return ""

    @classmethod
    def lacks(cls, feature: str) -> str:
        return ""

    @property
    def vici(self) -> Path:
        return Path("/tmp/vici")  # the guest's own

    def start(self) -> None:
        self._files = self.folder / "charon"
        (self._files / "run").mkdir(parents=True)
        self._write_configuration()
        with (self._files / "strongswan.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SWANCTL)
        image = guest_image.prepare(self.plugins.split())
        self._guest = Guest(self.sandbox, self.namespace, image, self.folder)
        self._guest.put_folder(self._files)
        self._give_addresses()
        conf, socket = (
            shlex.quote(str(path)) for path in (self._files / "strongswan.conf", self.vici)
        )
        self._guest.check(f"export STRONGSWAN_CONF={conf}; {_CHARON} >/tmp/charon.out 2>&1 3>&- &")
        self._guest.check(f"export STRONGSWAN_CONF={conf}; {_WAIT.format(socket=socket)}")
        self._swanctl("--load-all")
        if self.end.cookies:
            self._open_halves(BRIDGE, 24)

    def _give_addresses(self) -> None:
        end, other = self.end, self.pair.other(self.end)
        self._guest.check(f"ip addr add {end.address}/24 dev eth0; ip link set eth0 up")
        if end.inner != end.address:
            # The answer to an inner packet goes into the tunnel on its way to this gateway.
            way = f"{end.remote_inner} via {other.address} src {end.inner}"
            self._guest.check(f"ip addr add {end.inner}/32 dev lo; ip route add {way}")

    def ping(self, count: int, octets: int) -> str:
        command = shlex.join(ping_command(self.end, count, octets))
        return ping_fault(self._guest.run(command, timeout=10.0 + count)[1], count)

    def stop(self) -> None:
        """Keeps charon's log and the kernel's view of its SAs."""
        log = self._guest.get(self._files / "charon.log")
        (self._files / "charon.log").write_bytes(log)
        said = self._guest.run("ip -s xfrm state; ip xfrm policy; cat /proc/net/xfrm_stat")[1]
        (self.folder / "xfrm.txt").write_text(said, encoding="utf-8")
        self._guest.stop()

    def _execute(self, command: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
        return self._guest.run(f"{settings} {shlex.join(command)}", timeout=45.0)
