# SPDX-License-Identifier: BSD-3-Clause
"""What this machine can do, what is missing, and for what."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ipseclab import BUILD_FOLDER, core, provenance
from ipseclab.errors import BuildMissing
from ipseclab.screen import TitledTable


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for."""

    group: str
    name: str
    found: str  # version, path or property; empty: missing
    purpose: str  # what it is needed for
    package: str = ""  # Debian package that brings it


_PACKAGES = {
    "numpy": ("theory", "python3-numpy"),
    "scipy": ("theory, intervals", "python3-scipy"),
    "pandas": ("tables, CSV", "python3-pandas"),
    "matplotlib": ("figures", "python3-matplotlib"),
    "statsmodels": ("intervals", "python3-statsmodels"),
    "rich": ("terminal output", "python3-rich"),
    "click": ("command line", "python3-click"),
    "Jinja2": ("report", "python3-jinja2"),
    "jsonschema": ("claims", "python3-jsonschema"),
    "dpkt": ("verify: reads captures", "python3-dpkt"),
    "distributed": ("--dask", "python3-distributed"),
    "pytest": ("make test", "python3-pytest"),
}
_TOOLS = {
    "cmake": ("make build", "cmake"),
    "ninja": ("make build", "ninja-build"),
    "g++": ("make build", "g++"),
    "git": ("provenance: the code's revision", "git"),
    "clang++": ("make test: fuzzing", "clang libclang-rt-14-dev"),
    "clang-format": ("make test: C++ format", "clang-format"),
    "mypy": ("make test: types", "mypy"),
    "ruff": ("make test: Python style (pipx install ruff)", ""),
    "tshark": ("looking into captures", "tshark"),
    "chromium": ("make test: reports in a browser", "chromium"),
}
# Where Debian puts them, beside the search path.
_PEERS = {
    "charon": (("/usr/lib/ipsec/charon", "charon-systemd"), "strongswan-charon"),
    "swanctl": (("swanctl",), "strongswan-swanctl"),
    "pluto": (("/usr/libexec/ipsec/pluto", "pluto"), "libreswan"),
    "iked": (("/usr/sbin/iked", "/usr/sbin/openiked", "iked"), "openiked"),
    "qemu": (("qemu-system-x86_64",), "qemu-system-x86"),
    "ip": (("ip",), "iproute2"),
}
_PEER = "talking to a real IKE daemon"
_PEER_PURPOSES = {
    "swanctl": "steering charon",
    "qemu": "peers with a kernel of their own",
    "ip": "virtual links to peers",
}


def _program(*names: str) -> str:
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return next((found for name in names if (found := shutil.which(name, path=path))), "")


def _package(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _ns3_flavour() -> str:
    """How the installed ns-3 was built, as far as configuring found out and its file names tell."""
    words = []
    cache = BUILD_FOLDER / "CMakeCache.txt"
    if cache.exists():
        text = cache.read_text(encoding="utf-8", errors="replace")
        if "IPSECLAB_NS3_LOGGING_ABSENT" in text:
            absent = "IPSECLAB_NS3_LOGGING_ABSENT:INTERNAL=0" not in text
            words.append("without logging" if absent else "with logging")
    for line in Path("/proc/self/maps").read_text().splitlines():
        name = Path(line.rpartition(" ")[2]).name
        found = re.fullmatch(r"libns3.*-core(?:-(\w+))?\.so.*", name)
        if found:
            words.append(f"{found.group(1) or 'release'} build")
            break
    return ", ".join(words)


def _namespaces() -> str:
    """Whether this user may make a network namespace; tried, in a process that ends at once."""
    unshare = shutil.which("unshare")
    if not unshare:
        return ""
    options = ["--net"] if os.geteuid() == 0 else ["--user", "--net"]
    done = subprocess.run(
        [unshare, *options, "true"], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    return " ".join(options).replace("--", "") if done.returncode == 0 else ""


def _simulator() -> Iterator[Finding]:
    purpose = "every run, verify"
    try:
        versions = core.load().versions()
    except BuildMissing as error:
        yield Finding("simulator", "core", "", f"{purpose} ({error})")
        return
    yield Finding("simulator", "core", str(BUILD_FOLDER), purpose)
    flavour = _ns3_flavour()
    ns3 = f"{versions['ns3']}{f' ({flavour})' if flavour else ''}"
    yield Finding("simulator", "ns-3", ns3, "simulation", "libns3-dev")
    yield Finding("simulator", "OpenSSL", versions["openssl"], "cryptography", "libssl-dev")
    compiler = f"{versions['compiler']}, C++{versions['cxx_standard']}, {versions['build_type']}"
    yield Finding("simulator", "compiler", compiler, "what built the core")


def examine() -> list[Finding]:
    """Everything that was looked for, in the order in which it is shown."""
    found = list(_simulator())
    found.append(Finding("Python", "python", platform.python_version(), "analysis"))
    for name, (purpose, package) in _PACKAGES.items():
        found.append(Finding("Python", name, _package(name), purpose, package))
    for name, (purpose, package) in _TOOLS.items():
        # `make test` asks the search path alone; what it cannot start is missing for it.
        place = shutil.which(name) or ""
        found.append(Finding("tools", name, place, purpose, package))
    for name, (places, package) in _PEERS.items():
        purpose = _PEER_PURPOSES.get(name, _PEER)
        found.append(Finding("peers", name, _program(*places), purpose, package))
    root = "yes" if os.geteuid() == 0 else ""
    found.append(Finding("machine", "root", root, "installing packages (or sudo), peers"))
    found.append(Finding("machine", "namespaces", _namespaces(), "peers apart from this host"))
    cores = f"{len(os.sched_getaffinity(0))}: {provenance.host_cpu()}"
    found.append(Finding("machine", "processors", cores, "--jobs"))
    return found


def as_json(findings: list[Finding]) -> str:
    """A list of objects with the fields of Finding."""
    return json.dumps([asdict(finding) for finding in findings], indent=1)


def show(console: Console, findings: list[Finding]) -> None:
    """One table, then a line for each purpose that something is missing for."""
    table = TitledTable(heading="What this machine has")
    for heading in ("", "what", "found", "needed for"):
        table.add_column(heading, no_wrap=heading == "what", overflow="fold")
    last = ""
    for finding in findings:
        group = "" if finding.group == last else finding.group
        if group and last:
            table.add_section()
        last = finding.group
        shown = escape(finding.found) or "[yellow]missing[/]"
        table.add_row(group, finding.name, shown, escape(finding.purpose))
    console.print(table)
    missing = [finding for finding in findings if not finding.found]
    for finding in missing:
        how = f" (apt-get install {finding.package})" if finding.package else ""
        text = f"missing: {finding.name}{how}: {finding.purpose}"
        console.print(text, markup=False, soft_wrap=True)
    if not missing:
        console.print("Nothing is missing.")
