# SPDX-License-Identifier: BSD-3-Clause
"""Tables of what there is: scenarios, parameters, metrics, claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from ipseclab import claims, core, profiles, units
from ipseclab.screen import TitledTable

if TYPE_CHECKING:
    from ipseclab._core import ParameterInfo, ScenarioInfo


def _range(parameter: ParameterInfo) -> str:
    if parameter["choices"]:
        return " | ".join(parameter["choices"])
    if parameter["quantity"] == "file":
        return "a file"
    unit = parameter["unit"]
    low, high = units.typed(parameter["minimum"], unit), units.typed(parameter["maximum"], unit)
    text = f"{low} .. {high}"
    return f"{text}; 0: {parameter['zero_means']}" if parameter["zero_means"] else text


def _parameters(info: ScenarioInfo) -> TitledTable:
    table = TitledTable("parameter", "default", "range", "what", heading="parameters")
    for parameter in info["parameters"]:
        option = f"--{parameter['name'].replace('_', '-')}"
        table.add_row(option, parameter["default"], _range(parameter), parameter["doc"])
    return table


def _metrics(info: ScenarioInfo) -> TitledTable:
    table = TitledTable("metric", "unit", "what", heading="metrics")
    drops: dict[str, list[str]] = {}
    for metric in info["metrics"]:
        name = metric["name"]
        if name.startswith("drop_"):
            _, direction, reason = name.split("_", 2)
            drops.setdefault(direction, []).append(reason)
        else:
            table.add_row(name, metric["unit"], metric["doc"])
    for direction, reasons in drops.items():
        what = f"packets dropped {direction}; REASON: {', '.join(reasons)}"
        table.add_row(f"drop_{direction}_REASON", "1", what)
    return table


def _profiles(scenario: str) -> TitledTable:
    table = TitledTable("--profile", "what", "numbers", heading="profiles")
    for name in profiles.names(scenario):
        profile = profiles.load(scenario, name)
        table.add_row(name, profile.title, str(len(profile.values)))
    return table


def show(console: Console) -> None:
    """Everything that can be run, and the claims about it; `ipseclab claims` checks those."""
    written = claims.load_all()
    for info in core.load().scenarios():
        console.print(f"\n[bold]{info['name']}[/]: {info['title']}")
        console.print(_parameters(info))
        console.print(_metrics(info))
        if profiles.names(info["name"]):
            console.print(_profiles(info["name"]))
        table = TitledTable("claim", "document", "statement", heading="claims")
        for claim in written:
            if claim.scenario == info["name"]:
                table.add_row(claim.id, f"{claim.document}, {claim.section}", claim.statement)
        console.print(table)
