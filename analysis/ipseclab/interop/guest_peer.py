# SPDX-License-Identifier: BSD-3-Clause
"""What peers inside the emulated machine have in common, whatever daemon they run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ipseclab.interop import guest_image
from ipseclab.interop.guest import Guest
from ipseclab.interop.peer import (
    Peer,
    ping_command,
    ping_fault,
    told_mtu,
    whole_ping_command,
)


class GuestPeer(Peer):
    """A daemon on a kernel of its own, whose ESP it uses."""

    cuts_inside = True
    plugins: str  # of strongSwan, which every image has

    @classmethod
    def missing_image(cls) -> str:
        """Why there is no machine to boot; empty when there is one."""
        why = guest_image.missing()
        if why:
            return why
        try:
            guest_image.prepare(cls.plugins.split())
        except guest_image.ImageFault as fault:
            return f"no image for the emulator: {fault}"
        return ""

    def boot(self, files: Path) -> None:
        """Starts the machine with a copy of the daemon's files and the addresses of this end."""
        image = guest_image.prepare(self.plugins.split())
        self._guest = Guest(self.sandbox, self.namespace, image, self.folder)
        self._guest.put_folder(files)
        end, other = self.end, self.pair.other(self.end)
        self._guest.check(f"ip addr add {end.address}/24 dev eth0")
        self._guest.check(f"ip link set eth0 mtu {self.pair.mtu} up")
        if end.inner != end.address:
            # The answer to an inner packet goes into the tunnel on its way to this gateway.
            way = f"{end.remote_inner} via {other.address} src {end.inner}"
            self._guest.check(f"ip addr add {end.inner}/32 dev lo; ip route add {way}")

    def ping(self, count: int, octets: int) -> str:
        command = shlex.join(ping_command(self.end, count, octets))
        return ping_fault(self._guest.run(command, timeout=10.0 + count)[1], count)

    def told(self, octets: int) -> int | None:
        command = shlex.join(whole_ping_command(self.end, octets))
        return told_mtu(self._guest.run(command, timeout=15.0)[1])

    def switch_off(self, log: Path) -> None:
        """Keeps the daemon's log and the kernel's view of its SAs."""
        log.write_bytes(self._guest.get(log))
        said = self._guest.run("ip -s xfrm state; ip xfrm policy; cat /proc/net/xfrm_stat")[1]
        (self.folder / "xfrm.txt").write_text(said, encoding="utf-8")
        self._guest.stop()

    def execute(self, command: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
        """Exit status and output of a command in the guest."""
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
        return self._guest.run(f"{settings} {shlex.join(command)}".strip(), timeout=45.0)
