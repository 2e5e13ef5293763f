# SPDX-License-Identifier: BSD-3-Clause
"""The peer ``linux``: its image, its guest, and that it says what it needs."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import TextIO

import pytest

from ipseclab.interop import cell, guest_image, matrix, sandbox
from ipseclab.interop.cases import CASES
from ipseclab.interop.cell import PASS
from ipseclab.interop.linux import Linux
from ipseclab.interop.settings import Pair
from ipseclab.interop.strongswan import StrongSwan


def test_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"qemu-system-x86_64", "cpio"}
    found = guest_image._which
    monkeypatch.setattr(
        guest_image, "_which", lambda name: None if name in gone else (found(name) or "/bin/true")
    )
    said = guest_image.missing()
    assert said == "no qemu-system-x86_64, cpio: apt-get install cpio qemu-system-x86"


def test_an_image_that_cannot_be_made_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("apt-cache", "apt-get"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho no network here >&2\nexit 100\n", encoding="ascii")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(guest_image, "_recipe", lambda plugins: "0123")
    with pytest.raises(guest_image.ImageFault, match="no network here"):
        guest_image.prepare(["openssl"])
    assert [path.name for path in (tmp_path / "cache" / "ipseclab").iterdir()] == ["lock"]


def test_an_image_is_made_once_and_removed_when_nobody_uses_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Path] = []

    def make(folder: Path, plugins: object) -> None:
        made.append(folder)
        folder.mkdir()
        (folder / "release").write_text("6.1.0 (6.1.1-1)\n", encoding="utf-8")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(guest_image, "_make", make)
    used: dict[Path, TextIO] = {}
    monkeypatch.setattr(guest_image, "_used", used)
    recipe = "1"
    monkeypatch.setattr(guest_image, "_recipe", lambda plugins: recipe)
    first = guest_image.prepare(["openssl"])
    assert guest_image.prepare(["openssl"]) == first
    assert first.release == "6.1.0 (6.1.1-1)"
    assert first.kernel.parent.parent == tmp_path / "ipseclab"
    recipe = "2"
    guest_image.prepare(["openssl"])
    assert [folder.name for folder in made] == ["linux-peer-1", "linux-peer-2"]
    assert made[0].exists()
    while used:  # as when this process ends
        used.popitem()[1].close()
    recipe = "3"
    guest_image.prepare(["openssl"])
    assert [folder.exists() for folder in made] == [False, False, True]


def test_the_kernel_does_esp_and_nothing_in_user_space(tmp_path: Path) -> None:
    assert "kernel-libipsec" not in Linux.plugins
    assert Linux.plugins.split() == [
        name for name in StrongSwan.plugins.split() if name != "kernel-libipsec"
    ]
    peer = Linux(sandbox.Sandbox(tmp_path), "none", Pair(), tmp_path)
    peer._files = tmp_path / "charon"
    peer._files.mkdir()
    peer._write_configuration()
    text = (tmp_path / "charon" / "swanctl" / "swanctl.conf").read_text(encoding="utf-8")
    assert "encap = no" in text
    assert "mode = tunnel" in text


@pytest.mark.core
@pytest.mark.skipif(bool(matrix.obstacle()), reason="needs root")
def test_a_real_kernel_answers_and_goes(tmp_path: Path) -> None:
    why = Linux.missing()
    if why:
        pytest.skip(why)
    case = next(case for case in CASES if case.name == "handshake-node-began")
    result = cell.run(case, Linux, tmp_path / "cell", threading.Event())
    assert (result.verdict, result.reason) == (PASS, "")
    assert "proto esp" in (tmp_path / "cell" / "xfrm.txt").read_text(encoding="utf-8")
    mine = f"ipseclab-{os.getpid()}-"
    assert not [name for name in sandbox.namespaces() if name.startswith(mine)]
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(tmp_path) not in running.stdout
