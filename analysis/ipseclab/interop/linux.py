# SPDX-License-Identifier: BSD-3-Clause
"""A real Linux kernel as the ESP peer: Debian's, emulated, with strongSwan on its XFRM inside."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ipseclab.interop import guest_image
from ipseclab.interop.guest import BRIDGE
from ipseclab.interop.guest_peer import GuestPeer
from ipseclab.interop.strongswan import StrongSwan

_CHARON = "/usr/lib/ipsec/charon"
# A socket file is not yet a daemon that listens.
_WAIT = (
    "i=0; until swanctl --stats --uri unix://{socket} >/dev/null 2>&1 || [ $i -ge 30 ]; "
    "do usleep 100000; i=$((i + 1)); done; cat /tmp/charon.out; [ $i -lt 30 ]"
)
# By default swanctl tries all plugins that there are, most of which the guest has not got.
_SWANCTL = "swanctl {\n    load = random openssl pem pkcs1 pkcs8 x509 pubkey\n}\n"


class Linux(GuestPeer, StrongSwan):
    """The kernel's own ESP, as IP protocol 50 where there is no NAT."""

    name = "linux"
    packages = (*StrongSwan.packages, *guest_image.PACKAGES)
    plugins = StrongSwan.plugins.replace("kernel-libipsec ", "")
    encapsulates = False

    @classmethod
    def missing(cls) -> str:
        return StrongSwan.missing() or cls.missing_image()

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
        self.boot(self._files)
        conf, socket = (
            shlex.quote(str(path)) for path in (self._files / "strongswan.conf", self.vici)
        )
        self._guest.check(f"export STRONGSWAN_CONF={conf}; {_CHARON} >/tmp/charon.out 2>&1 3>&- &")
        self._guest.check(f"export STRONGSWAN_CONF={conf}; {_WAIT.format(socket=socket)}")
        self._swanctl("--load-all")
        if self.end.cookies:
            self._open_halves(BRIDGE, 24)

    def stop(self) -> None:
        self.switch_off(self._files / "charon.log")

    def _execute(self, command: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
        return self.execute(command, environment)
