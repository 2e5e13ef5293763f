# SPDX-License-Identifier: BSD-3-Clause
"""Tables of what there is: scenarios, parameters, metrics, claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ipseclab import claims, core

if TYPE_CHECKING:
    from ipseclab._core import ParameterInfo, ScenarioInfo


def _range(parameter: ParameterInfo) -> str:
    if parameter["choices"]:
        return " | ".join(parameter["choices"])
    text = f"{parameter['minimum']:g} .. {parameter['maximum']:g}"
    return f"{text}; 0: {parameter['zero_means']}" if parameter["zero_means"] else text


def _parameters(info: ScenarioInfo) -> Table:
    table = Table(
        "parameter", "default", "range", "unit", "what", title="parameters", title_justify="left"
    )
    for parameter in info["parameters"]:
        option = f"--{parameter['name'].replace('_', '-')}"
        table.add_row(
            option, parameter["default"], _range(parameter), parameter["unit"], parameter["doc"]
        )
    return table


def _metrics(info: ScenarioInfo) -> Table:
    table = Table("metric", "unit", "what", title="metrics", title_justify="left")
    for metric in info["metrics"]:
        table.add_row(metric["name"], metric["unit"], metric["doc"])
    return table


def show(console: Console) -> None:
    """Everything that can be run, and the claims about it; `ipseclab claims` checks those."""
    written = claims.load_all()
    for info in core.load().scenarios():
        console.print(f"\n[bold]{info['name']}[/]: {info['title']}")
        console.print(_parameters(info))
        console.print(_metrics(info))
        table = Table("claim", "document", "statement", title="claims", title_justify="left")
        for claim in written:
            if claim.scenario == info["name"]:
                table.add_row(claim.id, f"{claim.document}, {claim.section}", claim.statement)
        console.print(table)
