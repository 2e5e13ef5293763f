# SPDX-License-Identifier: BSD-3-Clause
"""``ipseclab interop --between A B``: its options, and what it prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ipseclab.errors import EXIT_DIFFERS, EXIT_OK, LabError

if TYPE_CHECKING:
    from ipseclab.interop.between import Plan

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_OPTIONS: tuple[Decorator, ...] = (
    click.option("--delay", metavar="TIME", help="One way, of the network between.  [0ms]"),
    click.option("--loss", type=float, help="Share of the packets that are lost.  [0]"),
    click.option("--reorder", type=float, help="Share of the packets that are held back.  [0]"),
    click.option("--hold", metavar="TIME", help="For how long they are held back.  [10ms]"),
    click.option("--mtu", type=int, help="Octets of an IP packet on the link between.  [1500]"),
    click.option("--rate", metavar="RATE", help="Packets in the tunnel.  [1kpps]"),
    click.option("--packets", type=click.IntRange(min=1), help="How many.  [2000]"),
    click.option("--octets", type=int, help="UDP payload of each.  [200]"),
    click.option(
        "--seed", type=click.IntRange(1, 2**32 - 1), help="ns-3 seed of the network.  [1]"
    ),
)


def between_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --between and the options that go with it."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return click.option(
        "--between",
        nargs=2,
        metavar="A B",
        help="Two daemons, and between them a simulated network: measures replay loss.",
    )(function)


def refuse_strays(given: dict[str, Any]) -> None:
    """LabError for options that are nothing without --between."""
    stray = [name for name, value in given.items() if value is not None]
    if stray:
        raise LabError(f"--{stray[0]} needs --between A B")


def _seconds(name: str, typed: str) -> float:
    return _quantity(name, "time", typed, 0.0, 60.0, "20ms")


def _quantity(
    name: str, kind: str, typed: str, minimum: float, maximum: float, example: str
) -> float:
    from ipseclab import core

    module = core.load()
    try:
        value: float = module.parse_quantity(
            f"--{name}", kind, typed, minimum=minimum, maximum=maximum, example=example
        )
    except module.ParameterError as error:
        raise LabError(str(error)) from None
    return value


def plan_of(peers: tuple[str, str], given: dict[str, Any]) -> Plan:
    """What was typed, in SI units; LabError for a mistake."""
    from ipseclab.interop.between import Plan
    from ipseclab.interop.realtime_network import Impairment

    typed = {name: value for name, value in given.items() if value is not None}
    for name in ("delay", "hold"):
        if name in typed:
            typed[name] = _seconds(name, typed[name])
    if "rate" in typed:
        typed["rate"] = _quantity("rate", "packet-rate", typed["rate"], 1.0, 20e3, "1kpps")
    stream = {name: typed.pop(name) for name in ("rate", "packets", "octets") if name in typed}
    plan = Plan(peers, Impairment(**typed), **stream)
    plan.check()
    return plan


def perform(peers: tuple[str, str], given: dict[str, Any], out: Path) -> int:
    """Measures and prints; exit 1 when the model judged a packet otherwise than the daemon."""
    from ipseclab import screen
    from ipseclab.interop import between

    folder = out / f"between-{'-'.join(peers)}"
    result = between.run(plan_of(peers, given), folder)
    console = screen.console()
    for line in _lines(result):
        console.print(line, markup=False, highlight=False)
    console.print(str(folder / between.FILE), soft_wrap=True, markup=False)
    return EXIT_DIFFERS if result["differing"] else EXIT_OK


def _lines(result: dict[str, Any]) -> list[str]:
    packets, daemon, model = result["packets"], result["daemon"], result["model"]
    lag = result["network"]["lag"]
    return [
        f"{' and '.join(result['parameters']['peers'])} across a simulated network",
        f"ESP packets: {packets['sent']} sent, {packets['lost']} lost, "
        f"{packets['arrived']} arrived, {packets['unread']} unread by the daemon, "
        f"the latest {packets['latest']} behind",
        f"daemon: {daemon['delivered']} delivered, {daemon['replays']} dropped as replays: "
        f"replay loss {daemon['replay_loss']:.4%}",
        f"model, window {result['window']}, same order: {model['opened']} opened, "
        f"{model['too_old']} too old, {model['duplicate']} duplicates: "
        f"replay loss {model['replay_loss']:.4%}",
        f"packets judged differently: {len(result['differing'])}",
        f"clock lag: {lag['mean'] * 1e3:.2f} ms mean, {lag['largest'] * 1e3:.1f} ms at most",
    ]
