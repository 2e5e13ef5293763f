# SPDX-License-Identifier: BSD-3-Clause
"""ipseclab: runs, sweeps, statistics, figures and reports over the simulated IPsec gateways.

    import ipseclab as lab
    frame = lab.sweep("replay-window", window=[64, 1024], rate="1Mpps", runs=8)

The compiled core is looked up in ``$IPSECLAB_BUILD/python/ipseclab``, or in the ``build`` folder of
the checkout.  Importing the package needs no build; the first use of the core does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipseclab.api import run, sweep

__all__ = ["run", "sweep"]

PROJECT_ROOT = Path(__file__).resolve().parents[2]
BUILD_FOLDER = Path(os.environ.get("IPSECLAB_BUILD") or PROJECT_ROOT / "build")
__path__.append(str(BUILD_FOLDER / "python" / "ipseclab"))


def __getattr__(name: str) -> Any:
    """The scripting interface is imported on first use: a worker process must start fast."""
    if name in __all__:
        from ipseclab import api

        return getattr(api, name)
    raise AttributeError(f"module 'ipseclab' has no attribute {name!r}")
