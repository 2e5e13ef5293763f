# SPDX-License-Identifier: BSD-3-Clause
"""Scenario replay-window with a given order of arrival, against a window that is kept as a set."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from conftest import Cli

import ipseclab as lab
from ipseclab import core
from ipseclab.campaign import FILE_NAME, Campaign
from ipseclab.errors import LabError

WINDOWS = [32, 64, 256, 1024]


def measure(path: Path, window: int, **parameters: str) -> dict[str, float]:
    row = lab.run(
        "replay-window", network="trace", arrivals=str(path), window=str(window), **parameters
    )
    prefix = "metric."
    return {
        name[len(prefix) :]: float(str(value))
        for name, value in row.items()
        if name.startswith(prefix)
    }


def too_old(numbers: Iterable[int], window: int) -> int:
    """RFC 4303, section 3.4.3, by the letter: left of the window's left edge."""
    top = late = 0
    for number in numbers:
        top = max(top, number)
        late += number <= top - window
    return late


def shuffled(count: int, reach: int, lost: float) -> list[int]:
    """Numbers, most of which come up to so many places late."""
    draw = random.Random(f"{count} {reach}")
    there = [number for number in range(1, count + 1) if draw.random() >= lost]
    there[0], there[-1] = 1, count
    return sorted(there, key=lambda number: number + draw.uniform(0, reach))


def write(path: Path, numbers: Iterable[int]) -> Path:
    path.write_text("# order\n\n" + "".join(f"{n}\n" for n in numbers), encoding="ascii")
    return path


@pytest.mark.parametrize("window", WINDOWS)
def test_the_window_drops_what_a_set_would_drop(tmp_path: Path, window: int) -> None:
    numbers = shuffled(5000, 400, 0.05)
    row = measure(write(tmp_path / "order", numbers), window)
    assert row["sent_packets"] == 5000
    assert row["lost_in_network"] == 5000 - len(numbers)
    assert row["arrived_packets"] == row["fresh_packets"] == len(numbers)
    assert row["drop_inbound_replay_too_old"] == too_old(numbers, window)
    assert row["delivered_packets"] == len(numbers) - too_old(numbers, window)


def test_a_trace_may_begin_with_any_number(tmp_path: Path) -> None:
    numbers = shuffled(300, 100, 0.0)
    rows = [
        measure(write(tmp_path / f"from-{first}", (n + first - 1 for n in numbers)), 32)
        for first in (1, 4_000_000_000)
    ]
    assert rows[0] == rows[1]
    assert rows[0]["drop_inbound_replay_too_old"] == too_old(numbers, 32) > 0


def test_what_a_capture_shows_comes_out_again(tmp_path: Path, cli: Cli) -> None:
    """A network with a spread of delays, captured at gateway B and played again from that."""
    given = {"network": "uniform", "spread": "2ms", "loss": "0.02", "packets": "3000"}
    words = [f"--{name}={value}" for name, value in given.items()]
    words += ["--pcap", "--out"]
    assert cli("run", "replay-window", *words, str(tmp_path)).returncode == 0
    shown = cli("arrivals", str(next(tmp_path.rglob("gateway-b.pcap"))))
    assert shown.returncode == 0, shown.stderr
    numbers = [int(line) for line in shown.stdout.splitlines() if not line.startswith("#")]
    assert numbers != sorted(numbers)
    order = tmp_path / "order"
    order.write_text(shown.stdout, encoding="ascii")
    row = measure(order, 64)
    with Campaign(tmp_path / FILE_NAME, create=False) as campaign:
        recorded = campaign.frame("replay-window").iloc[0]
    for name in ("drop_inbound_replay_too_old", "delivered_packets", "reordered_packets"):
        assert row[name] == recorded[f"metric.{name}"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1\n2\n2\n", "order:3: 2 has arrived before"),
        ("1\ntwo\n", "order:2: no sequence number"),
        ("1\n-2\n", "order:2: no sequence number"),
        ("1\n99999999999999999999\n", "order:2: no sequence number"),
        ("# nothing\n", "order:1: no sequence number in the whole file"),
        ("1\n20000000\n", "span more than 10000000"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "order"
    path.write_text(text, encoding="ascii")
    with pytest.raises(LabError, match=why):
        measure(path, 64)


def test_a_file_that_changed_is_another_run(tmp_path: Path) -> None:
    path = write(tmp_path / "order", [1, 2, 3])
    typed = {"network": "trace", "arrivals": str(path)}
    canonical = core.check_parameters("replay-window", typed)
    assert canonical["arrivals"].startswith(f"{path}@")
    assert core.check_parameters("replay-window", canonical) == canonical
    write(path, [1, 3, 2])
    with pytest.raises(LabError, match="has another content now"):
        core.check_parameters("replay-window", canonical)
    assert core.check_parameters("replay-window", typed) != canonical


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "order", [1, 2, 3])
    with pytest.raises(LabError, match="arrivals: missing; network=trace needs a file"):
        lab.run("replay-window", network="trace")
    with pytest.raises(LabError, match="arrivals: only with network=trace"):
        lab.run("replay-window", arrivals=str(path))
    with pytest.raises(LabError, match="cannot be read"):
        measure(tmp_path / "nowhere", 64)
    with pytest.raises(LabError, match="constant spacing"):
        measure(path, 64, spacing="poisson")
