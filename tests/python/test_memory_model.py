# SPDX-License-Identifier: BSD-3-Clause
"""What real ESP does to caches, as cachegrind counts it, against the model of memory.

Cachegrind executes the data planes with every access and two caches: a first one of 32 KiB and a
last one of 1 MiB. Each packet is sealed by a hub and opened at one of many sites, drawn at random.
Counts of two runs that differ in their packets only give what a packet does; they do not vary.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from typing import NamedTuple

import pytest

from ipseclab import BUILD_FOLDER, calibrate

PROGRAM = BUILD_FOLDER / "bin" / "count-sas"
LINES_OF_LAST = (1 << 20) // 64

pytestmark = [
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
    pytest.mark.skipif(not PROGRAM.exists(), reason="count-sas is not built"),
]


class Counts(NamedTuple):
    """Of one packet, sealed and opened."""

    instructions: float
    first: float  # data lines that the first cache did not have
    last: float  # nor the last


def _run(sas: int, packets: int, window: int) -> list[int]:
    command = ["valgrind", "--tool=cachegrind", "--cachegrind-out-file=/dev/null"]
    command += ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", f"--LL={1 << 20},16,64"]
    command += [str(PROGRAM), str(sas), str(packets), str(window)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = []
    for label in ("I +refs", "D1 +misses", "LLd misses"):
        match = re.search(rf"{label}: +([\d,]+)", done.stderr)
        assert match, done.stderr
        found.append(int(match[1].replace(",", "")))
    return found


@lru_cache
def _count(sas: int, window: int = 64) -> Counts:
    warm, packets = 3 * sas + 500, 4000
    before = _run(sas, warm, window)
    after = _run(sas, warm + packets, window)
    return Counts(*((b - a) / packets for a, b in zip(before, after, strict=True)))


def test_one_sa_waits_for_nothing() -> None:
    counts = _count(1)
    assert counts.first < 0.1
    assert counts.last < 0.1


@pytest.mark.parametrize("sas", [150, 400, 1000])
def test_the_last_cache_misses_what_a_stack_of_lines_does(sas: int) -> None:
    """LRU under random use: 1 - cache / lines. An SA has the lines that the first cache lacks."""
    counts = _count(sas)
    lines = counts.first
    expected = lines * max(0.0, 1.0 - LINES_OF_LAST / (sas * lines))
    assert counts.last == pytest.approx(expected, rel=0.1, abs=0.5)


def test_the_octets_of_an_sa_are_those_that_profiles_have() -> None:
    one_direction = _count(1000).first / 2.0 * 64.0
    assert one_direction == pytest.approx(calibrate.SA_OCTETS, rel=0.1)


def test_a_larger_window_is_more_memory_and_at_most_one_line_more() -> None:
    """A bitmap of 16 octets may share its line; all of a window of 4096 would be 8 lines."""
    small, large = _count(1000), _count(1000, 4096)
    assert -0.5 < large.first - small.first < 1.0
    assert -0.5 < large.last - small.last < 1.0
    assert large.instructions == pytest.approx(small.instructions, rel=0.01)


def test_a_thousand_sas_take_few_more_instructions_than_one() -> None:
    assert 1.0 < _count(1000).instructions / _count(1).instructions < 1.15
