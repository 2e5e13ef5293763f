# SPDX-License-Identifier: BSD-3-Clause
"""Numbers as people write them: with prefixes of the SI, and with separated thousands."""

from __future__ import annotations

_UP = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_DOWN = ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


def typed(value: float, unit: str) -> str:
    """A value in SI units as a parameter is typed: 10Mpps, 0.5ms, 1372B, 65536."""
    if not unit or value == 0:
        return f"{value:.15g}{unit}"
    steps = _DOWN if unit == "s" else (*_UP, (1.0, ""))
    if unit == "B":
        steps = ((1.0, ""),)  # 1372B, as in every description of a packet
    factor, prefix = next(
        ((factor, prefix) for factor, prefix in steps if abs(value) >= factor), steps[-1]
    )
    return f"{value / factor:.6g}{prefix}{unit}"


def thousands(value: float) -> str:
    """A whole number in groups of three, narrow spaces between (ISO 80000-1)."""
    return f"{value:,.0f}".replace(",", "\u202f")
