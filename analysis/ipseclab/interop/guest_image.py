# SPDX-License-Identifier: BSD-3-Clause
"""The machine of peers with a kernel of their own: Debian's, with their daemons, booted and saved.

Made once, of Debian's kernel package (fetched, never installed) and of programs of this machine,
into a folder of the user's cache ($XDG_CACHE_HOME/ipseclab, by default ~/.cache/ipseclab).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ipseclab import BUILD_FOLDER

PACKAGES = ("qemu-system-x86", "busybox-static", "iproute2", "kmod", "cpio", "iputils-ping")
_KERNEL = "linux-image-cloud-amd64"
_NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "depmod": "kmod",
    "cpio": "cpio",
    "ping": "iputils-ping",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
}
# What these depend on is found, but nothing says that seqiv and echainiv need drbg.
_MODULES = """
    virtio_pci virtio_net virtio_console
    esp4 esp6 xfrm_user xfrm_algo xfrm4_tunnel xfrm6_tunnel tunnel4 af_key udp_tunnel
    authenc authencesn gcm ccm ctr cmac xcbc seqiv echainiv drbg jitterentropy_rng ecb
    chacha20poly1305 chacha_generic poly1305_generic ghash-generic sha512_generic
    aesni-intel ghash-clmulni-intel sha256-ssse3 sha512-ssse3 sha1-ssse3 chacha-x86_64
    poly1305-x86_64 cryptd crypto_simd
"""
_STRONGSWAN = Path("/usr/lib/ipsec")
_LIBRARIES = ("libcharon.so.0", "libstrongswan.so.0", "libvici.so.0")
# No list of dependencies shows what pthread_cancel loads, nor iked's provider of OpenSSL.
_UNLISTED = (
    "/lib/x86_64-linux-gnu/libgcc_s.so.1",
    "/usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so",
)
_FOLDERS = (
    "bin sbin proc sys dev etc tmp run root usr/sbin usr/bin usr/lib/ssl var etc/swanctl empty"
)
# openiked installed, or unpacked by build-tools/unpack-peer.sh.
_IKED_FOLDERS = (Path("/usr/sbin"), BUILD_FOLDER / "peers" / "openiked" / "usr" / "sbin")
_IKED_PROGRAMS = ("iked", "ikectl")
_USERS = "root:x:0:0:root:/root:/bin/sh\n_iked:x:983:983::/empty:/bin/false\n"
_GROUPS = "root:x:0:\n_iked:x:983:\n"
_MEMORY = 192  # MiB; the file system is in it
# Freed pages are cleared, so that they take no room in the saved state.
_ARGUMENTS = "console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 init_on_free=1"
# The emulated card leaves nothing to the host: real checksums, no packet larger than the MTU.
_CARD = (
    "virtio-net-pci,netdev=n0,mac=52:54:00:00:00:01,csum=off,guest_csum=off,gso=off,host_tso4=off,"
    "host_tso6=off,host_ufo=off,guest_tso4=off,guest_tso6=off,guest_ufo=off,mrg_rxbuf=off,romfile="
)
_BOOT = 120.0  # seconds
_TIMEOUT = 600  # seconds for the slowest step, the download
_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ImageFault(Exception):
    """Why there is no image; one line."""


@dataclass(frozen=True)
class Image:
    """What qemu boots."""

    kernel: Path
    ramdisk: Path
    state: Path  # of the machine when its shell was ready; a guest goes on from there
    release: str  # of the kernel, as in "6.1.0-56-cloud-amd64 (6.1.192-2)"


def missing() -> str:
    """Which programs are not there, with the packages that bring them; empty when all are."""
    absent = {name: package for name, package in _NEEDED.items() if _which(name) is None}
    if not absent:
        return ""
    return f"no {', '.join(absent)}: apt-get install {' '.join(sorted(set(absent.values())))}"


#: Open files that say which images this process uses; their locks end with it.
_used: dict[Path, TextIO] = {}


def _keep(folder: Path) -> None:
    if folder not in _used:
        mark = (folder / "used").open("w")
        fcntl.flock(mark, fcntl.LOCK_SH)
        _used[folder] = mark


def _remove_unused(cache: Path) -> None:
    """Images of other recipes, but not those that another process works with."""
    for other in cache.glob("linux-peer-*"):
        with (other / "used").open("w") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(other)


def prepare(plugins: Sequence[str]) -> Image:
    """The image with these plugins of strongSwan; made when it is not there. ImageFault."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ipseclab"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two runs may begin at once
            folder = cache / f"linux-peer-{_recipe(plugins)}"
            if not folder.is_dir():
                _remove_unused(cache)
                _make(folder, plugins)
            _keep(folder)
    except OSError as error:
        raise ImageFault(f"the image cannot be written: {error}") from None
    release = (folder / "release").read_text(encoding="utf-8").strip()
    return Image(folder / "vmlinuz", folder / "ramdisk.gz", folder / "state", release)


def iked_programs() -> list[Path]:
    """iked and ikectl, if there are both."""
    found = (
        [folder / name for name in _IKED_PROGRAMS]
        for folder in _IKED_FOLDERS
        if all((folder / name).exists() for name in _IKED_PROGRAMS)
    )
    return next(found, [])


def machine(folder: Path) -> list[str]:
    """qemu with the image of a folder; to be completed by what c, n0 and the console are."""
    return [
        "qemu-system-x86_64",
        *("-nodefaults", "-no-user-config", "-no-reboot"),
        # Never kvm: where it is offered to a nested machine it may hang.
        *("-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "1", "-m", str(_MEMORY)),
        *("-display", "none", "-kernel", str(folder / "vmlinuz")),
        *("-initrd", str(folder / "ramdisk.gz"), "-append", _ARGUMENTS),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=c,name=control"),
        *("-device", _CARD),
    ]


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SEARCH}")


def _recipe(plugins: Sequence[str]) -> str:
    """Names what the image is made of: this recipe and the programs that go in."""
    digest = hashlib.sha256()
    daemons = (_STRONGSWAN / "charon", _STRONGSWAN / _LIBRARIES[1], *iked_programs())
    for file in (Path(__file__), _init_file(), *daemons):
        digest.update(file.read_bytes())
    # A saved machine is for the emulator that saved it.
    emulator = Path(str(_which("qemu-system-x86_64"))).stat()
    digest.update(f"{emulator.st_size} {emulator.st_mtime_ns} {' '.join(plugins)}".encode())
    return digest.hexdigest()[:16]


def _init_file() -> Path:
    return Path(__file__).with_name("guest_init")


def _make(folder: Path, plugins: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="making-") as name:
        work = Path(name)
        package = _fetch_kernel(work)
        _run(["dpkg-deb", "-x", str(package), str(work / "kernel")])
        version = next((work / "kernel" / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
        # The package brings no modules.dep.
        _run(["depmod", "-b", str(work / "kernel"), version])
        made = work / "made"
        made.mkdir()
        shutil.copy(work / "kernel" / "boot" / f"vmlinuz-{version}", made / "vmlinuz")
        root = work / "root"
        _fill(root, work / "kernel" / "lib" / "modules" / version, plugins)
        pack = f"cd {root} && find . -print0 | cpio --null -o -H newc --quiet | gzip -1"
        _run(["sh", "-c", f"{pack} > {made / 'ramdisk.gz'}"])
        debian = package.name.split("_")[1]
        (made / "release").write_text(f"{version} ({debian})\n", encoding="utf-8")
        _boot_and_save(made)
        made.rename(folder)


def _boot_and_save(made: Path) -> None:
    """Boots once, and leaves the machine's state in a file when its shell is ready."""
    said = made.parent / "said"
    said.touch()
    command = [
        *("setpriv", "--pdeathsig", "KILL", *machine(made)),
        *("-chardev", f"file,id=c,path={said}", "-netdev", "hubport,id=n0,hubid=0"),
        *("-serial", "null", "-monitor", "stdio"),
    ]
    emulator = subprocess.Popen(
        command,
        cwd=made,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        limit = time.monotonic() + _BOOT
        while "@@READY" not in said.read_text(encoding="utf-8"):
            if emulator.poll() is not None or time.monotonic() > limit:
                raise ImageFault(f"the guest did not boot within {_BOOT:g} s")
            time.sleep(0.1)
        output, _ = emulator.communicate('migrate "exec:cat > state"\nquit\n', timeout=_BOOT)
    except subprocess.TimeoutExpired:
        raise ImageFault("the guest's state was not saved in time") from None
    finally:
        emulator.kill()
        emulator.wait()
    if emulator.returncode != 0 or not (made / "state").stat().st_size:
        raise ImageFault(f"the guest's state was not saved: {' '.join(output.split())[-200:]}")


def _fetch_kernel(work: Path) -> Path:
    shown = _run(["apt-cache", "depends", _KERNEL])
    real = re.search(r"Depends: (linux-image-[0-9]\S*)", shown)
    _run(["apt-get", "download", real.group(1) if real else _KERNEL], work)
    package = next(work.glob("linux-image-*.deb"), None)
    if package is None:
        raise ImageFault(f"apt-get download brought no {_KERNEL}")
    return package


def _fill(root: Path, modules: Path, plugins: Sequence[str]) -> None:
    """The guest's file system."""
    for name in _FOLDERS.split():
        (root / name).mkdir(parents=True, exist_ok=True)
    busybox = _which("busybox")
    assert busybox is not None
    shutil.copy(busybox, root / "bin" / "busybox")
    for applet in set(_run([busybox, "--list"]).split()) - {"busybox"}:
        (root / "bin" / applet).symlink_to("busybox")
    (root / "var" / "run").symlink_to("/run")
    # The kernel itself calls /sbin/modprobe for algorithms.
    (root / "sbin" / "modprobe").symlink_to("../bin/busybox")
    _add_modules(root, modules)
    for name in ("ip", "ping"):
        _add_program(root, Path(str(_which(name))), f"bin/{name}")
    _add_program(root, _STRONGSWAN / "charon", "usr/lib/ipsec/charon")
    _add_program(root, Path(str(_which("swanctl"))), "usr/sbin/swanctl")
    for program in iked_programs():
        _add_program(root, program, f"usr/sbin/{program.name}")
    parts = [_STRONGSWAN / name for name in _LIBRARIES]
    parts += [_STRONGSWAN / "plugins" / f"libstrongswan-{name}.so" for name in plugins]
    _add_libraries(root, parts)
    _add_libraries(root, [Path(name) for name in _UNLISTED])
    _copy(root, Path("/etc/ssl/openssl.cnf"), "usr/lib/ssl/openssl.cnf")
    (root / "etc" / "passwd").write_text(_USERS, encoding="ascii")
    (root / "etc" / "group").write_text(_GROUPS, encoding="ascii")
    shutil.copy(_init_file(), root / "init")
    (root / "init").chmod(0o755)


def _add_modules(root: Path, modules: Path) -> None:
    needs: dict[str, list[str]] = {}
    for line in (modules / "modules.dep").read_text(encoding="ascii").splitlines():
        path, _, others = line.partition(":")
        needs[_module_name(path)] = [path, *others.split()]
    target = root / "lib" / "modules" / modules.name
    for name in _MODULES.split():
        for path in needs.get(_module_name(name), []):  # absent: built into the kernel
            _copy(target, modules / path, path)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        _copy(target, modules / name, name)
    _run(["depmod", "-b", str(root), modules.name])


def _module_name(path: str) -> str:
    return Path(path).name.partition(".ko")[0].replace("-", "_")


def _add_program(root: Path, program: Path, to: str) -> None:
    (root / to).unlink(missing_ok=True)  # busybox's applet
    _copy(root, program, to)
    _add_libraries(root, _linked(program))


def _add_libraries(root: Path, libraries: Iterable[Path]) -> None:
    for library in libraries:
        if not (root / str(library).lstrip("/")).exists():
            _copy(root, library, str(library).lstrip("/"))
            _add_libraries(root, _linked(library))


def _linked(binary: Path) -> list[Path]:
    """The shared libraries of a binary, and its loader."""
    shown = subprocess.run(
        ["ldd", str(binary)], capture_output=True, text=True, check=False, timeout=_TIMEOUT
    )
    return [Path(name) for name in re.findall(r"(/[^ )]+)", shown.stdout) if Path(name) != binary]


def _copy(root: Path, source: Path, to: str) -> None:
    target = root / to
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _run(command: Sequence[str], folder: Path | None = None) -> str:
    program = _which(command[0]) or command[0]
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT,
        )
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.split())[-200:]
        raise ImageFault(f"{' '.join(command[:2])} failed: {said}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageFault(f"{' '.join(command[:2])}: {error}") from None
    return done.stdout
