# SPDX-License-Identifier: BSD-3-Clause
"""ipseclab: simulated IPsec gateways with real IKEv2 and ESP, for scripts and notebooks.

Built-in scenarios, each run in a worker process:

    import ipseclab as lab
    frame = lab.sweep("replay-window", window=[64, 1024], rate="1Mpps", runs=8)

Topologies of one's own, see ``lab.Network``; ``lab.isolated`` calls a function in a worker process.

The compiled core is part of an installed package.  In a checkout it is looked up in
``$IPSECLAB_BUILD/python/ipseclab``, or in the ``build`` folder.  Importing the package needs no
build; the first use of the core does.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipseclab._core import VERDICTS, Event
    from ipseclab.api import run, scenarios, sweep
    from ipseclab.errors import LabError, RunsFailed
    from ipseclab.isolation import WorkerCrashed, isolated
    from ipseclab.network import (
        Exponential,
        Gateway,
        Host,
        Link,
        Network,
        Result,
        Router,
        Traffic,
        TrafficResult,
        Tunnel,
        TwoPoint,
        Uniform,
    )

__all__ = [
    "VERDICTS",
    "Event",
    "Exponential",
    "Gateway",
    "Host",
    "LabError",
    "Link",
    "Network",
    "Result",
    "Router",
    "RunsFailed",
    "Traffic",
    "TrafficResult",
    "Tunnel",
    "TwoPoint",
    "Uniform",
    "WorkerCrashed",
    "isolated",
    "run",
    "scenarios",
    "sweep",
]

# Imported on first use: a worker process must start fast.
_HOMES = {
    **dict.fromkeys(("VERDICTS", "Event"), "_core"),
    **dict.fromkeys(("run", "scenarios", "sweep"), "api"),
    **dict.fromkeys(("LabError", "RunsFailed"), "errors"),
    **dict.fromkeys(("WorkerCrashed", "isolated"), "isolation"),
}

VERSION = "0.1.0"  # of pyproject.toml, too
PROJECT_ROOT = Path(__file__).resolve().parents[2]
# Scenarios' files and recorded sessions: in the checkout, or part of an installed package.
_INSTALLED = Path(__file__).resolve().parent / "data"
DATA_ROOT = _INSTALLED if _INSTALLED.is_dir() else PROJECT_ROOT
BUILD_FOLDER = Path(os.environ.get("IPSECLAB_BUILD") or PROJECT_ROOT / "build")
__path__.append(str(BUILD_FOLDER / "python" / "ipseclab"))


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ipseclab' has no attribute {name!r}")
    home = _HOMES.get(name, "network")
    if home == "_core":
        from ipseclab import core

        return getattr(core.load(), name)
    return getattr(import_module(f"ipseclab.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
