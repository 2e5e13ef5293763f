#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints the tables of the README beside it: ``loss``, ``costs`` or ``bulk``."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence

import pandas as pd

import ipseclab as lab

SCENARIO = "dscp-split"
# What each row of the table of costs varies.
ANSWERS: dict[str, dict[str, str | int]] = {
    "one-sa, window 64": {},
    "one-sa, window 2048": {"window": 2048},
    "one-sa, fixed outer DSCP": {"outer_dscp": "fixed"},
    "one-sa, queues before": {"place": "before"},
    "split": {"mechanism": "split"},
    "notify": {"mechanism": "notify"},
    "ts-dscp": {"mechanism": "ts-dscp"},
    "round-robin, 4 spaces": {"mechanism": "round-robin", "spaces": 4},
    "subspaces": {"mechanism": "subspaces"},
    "sub-sas": {"mechanism": "sub-sas"},
}


def show(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in Markdown."""
    for row in (heading, ["---"] * len(heading), *rows):
        print("| " + " | ".join(row) + " |")


def quotient(frame: pd.DataFrame, count: str, total: str) -> float:
    """Pooled over runs; 0 of nothing."""
    of = float(frame[f"metric.{total}"].sum())
    return float(frame[f"metric.{count}"].sum()) / of if of else 0.0


def loss() -> None:
    windows = ["32", "64", "128", "192", "256", "512"]
    mechanisms = ["one-sa", "round-robin", "notify", "sub-sas"]
    queues = ["priority", "drr", "dualpi2"]
    frame = lab.sweep(
        SCENARIO, window=windows, mechanism=mechanisms, queue=queues, runs=2, sized=True
    )
    rows = [
        [
            f"`{queue}`, {mechanism}",
            *(
                f"{quotient(runs, 'low_replay_lost', 'low_fresh_packets'):.3g}"
                for window in windows
                if len(runs := chosen[chosen["parameter.window"] == window])
            ),
        ]
        for (queue, mechanism), chosen in frame.groupby(
            ["parameter.queue", "parameter.mechanism"], sort=False
        )
    ]
    show(["replay loss of class 0, window", *windows], rows)


def costs() -> None:
    names = ["sa_pairs", "unaligned_classes", "ike_datagrams", "window_octets"]
    rows = []
    for answer, parameters in ANSWERS.items():
        frame = lab.sweep(SCENARIO, classes=4, queue="drr", sized=True, **parameters)
        lost = quotient(frame, "replay_lost", "fresh_packets")
        latency = 1e3 * frame["metric.top_latency_s"].mean()
        others = [f"{frame[f'metric.{name}'].mean():g}" for name in names]
        rows.append([answer, f"{lost:.3g}", f"{latency:.1f}", *others])
    heading = ["answer", "replay loss, all", "highest class [ms]", "SA pairs", "unaligned classes"]
    show([*heading, "IKE datagrams", "windows [octets]"], rows)


def bulk() -> None:
    windows, rates = ["0", "32", "64", "128", "256"], ["10Mbps", "20Mbps", "100Mbps"]
    delays = {"5ms": 10, "10ms": 20, "40ms": 80}  # one-way, and the round trip in ms
    frame = lab.sweep(
        SCENARIO,
        bulk="cubic",
        queue="dualpi2",
        fast_share=1,
        rate="500pps",
        spacing="poisson",
        reverse=0,
        delay=list(delays),
        packets=10000,
        link_rate=rates,
        window=windows,
        runs=2,
        sized=True,
    )
    rows = []
    for rate, delay in itertools.product(rates, delays):
        cells = []
        for window in windows:
            runs = frame[
                (frame["parameter.link_rate"] == rate)
                & (frame["parameter.delay"] == delay)
                & (frame["parameter.window"] == window)
            ]
            refused = quotient(runs, "low_replay_lost", "low_fresh_packets")
            cells.append(f"{runs['metric.bulk_goodput_bps'].mean() / 1e6:.1f}, {refused:.2%}")
        rows.append([f"{rate}, {delays[delay]} ms", *cells])
    show(["link and round trip, window", *windows], rows)


if __name__ == "__main__":
    {"loss": loss, "costs": costs, "bulk": bulk}[sys.argv[1]]()
