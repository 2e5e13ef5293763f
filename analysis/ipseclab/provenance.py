# SPDX-License-Identifier: BSD-3-Clause
"""Where a result comes from: the code, its libraries and the machine."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ipseclab import PROJECT_ROOT, VERSION, core
from ipseclab.errors import BuildMissing


@dataclass(frozen=True)
class Provenance:
    """Everything about one build on one machine that a result depends on."""

    code_identity: str  # SHA-256 over what was built, and the versions of ns-3 and OpenSSL
    revision: str  # git commit, "unknown" outside a checkout
    dirty: bool  # the checkout had changes that are in no commit
    ns3: str
    openssl: str
    compiler: str
    cxx_standard: int
    build_type: str
    python: str
    host_cpu: str


def _git(*arguments: str) -> str | None:
    if not (PROJECT_ROOT / "sources.json").is_file():
        return None  # installed; a checkout around it would be another project's
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def host_cpu() -> str:
    """The model name of the first processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


@cache
def collect() -> Provenance:
    """The provenance of what this process would run."""
    versions = core.load().versions()
    return Provenance(
        code_identity=core.identity(),
        revision=_git("rev-parse", "HEAD") or "unknown",
        dirty=bool(_git("status", "--porcelain", "--untracked-files=no")),
        ns3=versions["ns3"],
        openssl=versions["openssl"],
        compiler=versions["compiler"],
        cxx_standard=versions["cxx_standard"],
        build_type=versions["build_type"],
        python=platform.python_version(),
        host_cpu=host_cpu(),
    )


def version_line() -> str:
    """Which ipseclab this is and what it runs on; without the core when it is not built."""
    line = f"ipseclab {VERSION}"
    revision = _git("rev-parse", "--short=12", "HEAD")
    if revision:
        line += f" ({revision})"
    try:
        versions = core.load().versions()
    except BuildMissing:
        return f"{line}, not built"
    return f"{line}, ns-3 {versions['ns3']}, OpenSSL {versions['openssl']}"
