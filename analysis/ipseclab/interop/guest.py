# SPDX-License-Identifier: BSD-3-Clause
"""A virtual machine in a namespace, whose shell takes commands; its processor is emulated."""

from __future__ import annotations

import base64
import gzip
import io
import re
import secrets
import shlex
import tarfile
import time
from pathlib import Path

from ipseclab.interop.guest_image import Image, machine
from ipseclab.interop.sandbox import CellFault, Sandbox, ip

_START = 60.0  # seconds
BRIDGE = "br0"  # joins the guest and eth0 of the namespace
_CHUNK = 2000  # octets of a command line


class Guest:
    """A kernel whose eth0 is the eth0 of a namespace. It ends with the sandbox."""

    def __init__(self, sandbox: Sandbox, namespace: str, image: Image, folder: Path) -> None:
        self._sandbox = sandbox
        self._number = 0
        for words in (
            ("link", "add", BRIDGE, "type", "bridge"),
            ("tuntap", "add", "tap0", "mode", "tap"),
            ("link", "set", "tap0", "master", BRIDGE),
            ("link", "set", "eth0", "master", BRIDGE),
            ("link", "set", "tap0", "up"),
            ("link", "set", BRIDGE, "up"),
        ):
            ip("-n", namespace, *words)
        self._process = sandbox.start(
            namespace, "qemu", _command(image, folder / "console.log"), piped=True
        )
        # It wakes up in the past, and with the random numbers of every other guest.
        noise = base64.b64encode(secrets.token_bytes(64)).decode()
        wake = f"date -s @{time.time():.0f}; echo {noise} | base64 -d > /dev/urandom"
        self.check(wake, _START)

    def run(self, command: str, timeout: float = 30.0) -> tuple[int, str]:
        """Exit status and output of a shell command of one line."""
        self._number += 1
        done = re.compile(rf"@@DONE {self._number} (\d+)\n")
        before = len(self._said())
        self._process.write(f"{self._number} {command}")
        self._sandbox.wait(
            f"end of {command.split()[0]} in the guest",
            lambda: done.search(self._said()) is not None,
            timeout,
        )
        said = self._said()[before:]
        found = done.search(said)
        assert found is not None
        return int(found.group(1)), said[: found.start()]

    def check(self, command: str, timeout: float = 30.0) -> str:
        """The output of a command; CellFault when it fails."""
        status, output = self.run(command, timeout)
        if status != 0:
            raise CellFault(f"in the guest, {command}: {' '.join(output.split())[-200:]}")
        return output

    def put_folder(self, folder: Path) -> None:
        """Copies a small folder to the same place in the guest."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(folder, str(folder).lstrip("/"), filter=_plain)
        text = base64.b64encode(packed.getvalue()).decode()
        self.check(": > /tmp/folder")
        for at in range(0, len(text), _CHUNK):
            self.check(f"echo {text[at : at + _CHUNK]} >> /tmp/folder")
        self.check("base64 -d /tmp/folder | tar -xz -C /")

    def get(self, path: Path) -> bytes:
        """A file of the guest."""
        packed = self.check(f"gzip -c {shlex.quote(str(path))} | base64")
        return gzip.decompress(base64.b64decode(packed))

    def stop(self) -> None:
        """Switches it off."""
        self._sandbox.forget(self._process)

    def _said(self) -> str:
        return self._process.log.read_text(encoding="utf-8", errors="replace").replace("\r", "")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files and folders only: a socket is nothing to copy."""
    return member if member.isfile() or member.isdir() else None


def _command(image: Image, console: Path) -> list[str]:
    return [
        *machine(image.state.parent),
        *("-chardev", "stdio,id=c,signal=off", "-serial", f"file:{console}"),
        *("-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=off"),
        *("-incoming", f"exec:cat {shlex.quote(str(image.state))}"),
    ]
