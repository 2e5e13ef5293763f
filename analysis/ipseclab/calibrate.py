# SPDX-License-Identifier: BSD-3-Clause
"""The profile ``this-machine``: what a packet costs the real cipher of this build, measured here.

Google Benchmark times ESP of this build, sealed and opened, at several lengths. A straight line
through the medians gives the cost of a packet and of an octet; half of either is one direction's.
It also walks at random through several amounts of memory: what a line takes in half of a cache is
that cache's latency, and what it takes in the largest amount is that of memory.
"""

from __future__ import annotations

import json
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipseclab import BUILD_FOLDER
from ipseclab.errors import BuildMissing, LabError

NAME = "this-machine"
_PROGRAM = BUILD_FOLDER / "bin" / "bench-model"
_BENCHMARK = "seal+open/model"
_WALK = "chase"
_LINE = 64
SA_OCTETS = 2304  # that a packet touches of an SA: tests/python/test_memory_model.py
_PARALLEL = 10  # lines at once
_WAITS_OF_A_PACKET = SA_OCTETS / _LINE / _PARALLEL + 2  # for the SA, and for what leads to it
_LARGEST_CACHE = 1 << 28
_CLOCK_GHZ = 1.0  # of the profile: one cycle is one nanosecond, whatever the processor does


@dataclass(frozen=True)
class Memory:
    """Octets of each cache of a core and nanoseconds that a line of it takes; then of memory."""

    caches: tuple[tuple[int, float], ...]
    memory: float
    walked: int  # octets

    def rows(self, cpu: str) -> list[tuple[str, str, str, str]]:
        """Parameters of the scenario, with values, marks and sources."""
        walk = f"random walk through {self.walked >> 20} MiB, {cpu}"
        found = [
            ("memory_cycles", f"{self.memory:.4g}", "measured", walk),
            (
                "sa_octets",
                f"{SA_OCTETS}B",
                "read",
                "of every build: 36 lines (tests/python/test_memory_model.py)",
            ),
            (
                "parallel_lines",
                f"{_PARALLEL}",
                "assumed",
                "usual for the processors of these years",
            ),
        ]
        for level in range(3):
            octets, latency = self.caches[level] if level < len(self.caches) else (0, 0.0)
            size = f"{min(octets, _LARGEST_CACHE)}B"
            found += [
                (f"l{level + 1}", size, "read", f"what the system says of {cpu}"),
                (f"l{level + 1}_cycles", f"{latency:.4g}", "measured", f"random walk, {cpu}"),
            ]
        return found


@dataclass(frozen=True)
class Calibration:
    """Nanoseconds of one direction, and how far a measured time is from the line, at most."""

    packet: float
    octet: float
    deviation: float  # relative
    cpu: str
    memory: Memory | None = None

    def toml(self) -> str:
        """The profile."""
        source = (
            f"Google Benchmark of ESP with AES-128-GCM, {self.cpu}, "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}; "
            f"a line within {100.0 * self.deviation:.0f} % of each length"
        )
        # The packets that were timed found everything in the first cache.
        first = self.memory.caches[0][1] if self.memory and self.memory.caches else 0.0
        packet = max(0.0, self.packet - first * _WAITS_OF_A_PACKET)
        rows = [
            ("architecture", "cores", "measured", source),
            ("clock", f"{_CLOCK_GHZ:g}", "assumed", "a cycle is a nanosecond in this file"),
            ("packet_cycles", f"{packet:.4g}", "derived", f"less what memory takes; {source}"),
            ("octet_cycles", f"{self.octet:.4g}", "measured", source),
        ]
        rows += self.memory.rows(self.cpu) if self.memory else []
        text = "# SPDX-License-Identifier: GPL-2.0-only\n"
        text += "#\n# ESP alone, no network stack. A cycle is a nanosecond here.\n\n"
        text += 'title = "ESP of this build on this machine, one core"\n'
        for parameter, value, mark, origin in rows:
            text += (
                f'\n[[value]]\nparameter = "{parameter}"\nvalue = "{value}"\n'
                f'mark = "{mark}"\nsource = {json.dumps(origin)}\n'
            )
        return text


def cache_sizes(folder: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> list[int]:
    """Octets of the data caches of the first processor, as the system tells them; small first."""
    found = []
    for index in folder.glob("index*"):
        if (index / "type").read_text(encoding="ascii").strip() != "Instruction":
            size = (index / "size").read_text(encoding="ascii").strip()
            unit = {"K": 1 << 10, "M": 1 << 20}.get(size[-1], 1)
            found.append(int(size.rstrip("KM")) * unit)
    return sorted(found)[:3]


def fit_memory(walks: dict[int, float], sizes: list[int]) -> Memory | None:
    """From nanoseconds of a step by octets that were walked through; nothing without walks."""
    if not walks:
        return None
    caches = []
    for size in sizes:
        inside = [octets for octets in walks if octets <= size // 2]
        if inside:
            caches.append((size, walks[max(inside)]))
    largest = max(walks)
    return Memory(tuple(caches), walks[largest], largest)


def fit(medians: dict[int, float], cpu: str, memory: Memory | None = None) -> Calibration:
    """From nanoseconds of sealing and opening, by octets of the inner packet."""
    if len(medians) < 2:
        raise LabError("the benchmark gave too few lengths for a line")
    lengths = np.array(sorted(medians), dtype=np.float64)
    times = np.array([medians[int(length)] for length in lengths]) / 2.0
    octet, packet = np.polyfit(lengths, times, 1)
    line = packet + octet * lengths
    deviation = float(np.max(np.abs(line - times) / times))
    return Calibration(max(0.0, float(packet)), max(0.0, float(octet)), deviation, cpu, memory)


def medians(report: str, benchmark: str = _BENCHMARK) -> dict[int, float]:
    """Nanoseconds by octets, from Google Benchmark's JSON."""
    found = {}
    for entry in json.loads(report)["benchmarks"]:
        if entry.get("aggregate_name") == "median" and entry["run_name"].startswith(benchmark):
            found[int(entry["run_name"].rpartition("/")[2])] = float(entry["cpu_time"])
    return found


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def measure(path: Path) -> Calibration:
    """Runs the benchmark and writes the profile."""
    if not _PROGRAM.exists():
        raise BuildMissing(f"{_PROGRAM} is not built: run `make bench`, or build bench-model")
    report = path.with_suffix(".json")
    report.parent.mkdir(parents=True, exist_ok=True)
    command = [
        str(_PROGRAM),
        f"--benchmark_filter=^({_BENCHMARK.replace('+', '.')}|{_WALK})/",
        f"--benchmark_out={report}",
        "--benchmark_out_format=json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{_PROGRAM.name} failed: {done.stderr.strip() or done.stdout.strip()}")
    text = report.read_text(encoding="utf-8")
    memory = fit_memory(medians(text, _WALK), cache_sizes())
    calibration = fit(medians(text), _cpu(), memory)
    report.unlink()
    path.write_text(calibration.toml(), encoding="utf-8")
    return calibration
