# SPDX-License-Identifier: BSD-3-Clause
"""Ranges in a grid: ``0.1ms..10ms:5`` stands for five values."""

from __future__ import annotations

import re

import numpy as np

from ipseclab import core, units
from ipseclab.errors import LabError

_RANGE = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+):(?P<count>\d+)(?::(?P<steps>log|lin))?")
_SYNTAX = "write LOW..HIGH:COUNT, with :lin for equal steps (0.1ms..10ms:5)"
_WHOLE = ("count", "octets")
MAXIMUM = 10_000


def _number(scenario: str, name: str, typed: str) -> float:
    """The value of one end in SI units; the core checks unit and range."""
    value = core.parameter_values(scenario, {name: typed})[name]
    if isinstance(value, str):
        raise LabError(f"{name}: a choice or a file has no range; list its values: a,b")
    return value


def _between(scenario: str, name: str, text: str) -> list[str]:
    found = _RANGE.fullmatch(text)
    if not found:
        raise LabError(f"{name}={text}: {_SYNTAX}")
    count = int(found["count"])
    if not 2 <= count <= MAXIMUM:
        raise LabError(f"{name}={text}: {count} values; a range has 2 to {MAXIMUM}")
    low, high = (_number(scenario, name, found[end]) for end in ("low", "high"))
    if low >= high:
        raise LabError(f"{name}={text}: the first end must be less than the last")
    linear = found["steps"] == "lin"
    if low <= 0 and not linear:
        raise LabError(f"{name}={text}: equal ratios cannot start at {low:g}; add :lin")
    info = next(p for p in core.scenario_info(scenario)["parameters"] if p["name"] == name)
    steps = np.linspace(low, high, count) if linear else np.geomspace(low, high, count)
    inner = [float(value) for value in steps[1:-1]]
    if info["quantity"] in _WHOLE:
        between = [f"{round(value)}{info['unit']}" for value in inner]
    else:
        between = [units.typed(float(f"{value:.4g}"), info["unit"]) for value in inner]
    return [found["low"], *between, found["high"]]


def expand(scenario: str, name: str, text: str) -> list[str]:
    """The values of ``V1,V2,...``, each of which may be a range, as typed.

    The steps of a range have equal ratios, or equal differences with ``:lin``.  Its ends are kept
    as they are; values between them have four significant digits, counts none after the point.
    """
    values: list[str] = []
    for part in text.split(","):
        values += _between(scenario, name, part) if ".." in part else [part]
    return values
