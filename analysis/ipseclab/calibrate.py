# SPDX-License-Identifier: BSD-3-Clause
"""The profile ``this-machine``: what a packet costs the real cipher of this build, measured here.

Google Benchmark times ESP of this build, sealed and opened, at several lengths. A straight line
through the medians gives the cost of a packet and of an octet; half of either is one direction's.
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
_CLOCK_GHZ = 1.0  # of the profile: one cycle is one nanosecond, whatever the processor does


@dataclass(frozen=True)
class Calibration:
    """Nanoseconds of one direction, and how far a measured time is from the line, at most."""

    packet: float
    octet: float
    deviation: float  # relative
    cpu: str

    def toml(self) -> str:
        """The profile."""
        source = (
            f"Google Benchmark of ESP with AES-128-GCM, {self.cpu}, "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}; "
            f"a line within {100.0 * self.deviation:.0f} % of each length"
        )
        rows = [
            ("architecture", "cores"),
            ("clock", f"{_CLOCK_GHZ:g}"),
            ("packet_cycles", f"{self.packet:.4g}"),
            ("octet_cycles", f"{self.octet:.4g}"),
        ]
        text = "# SPDX-License-Identifier: GPL-2.0-only\n"
        text += "#\n# ESP alone, no network stack. A cycle is a nanosecond here.\n\n"
        text += 'title = "ESP of this build on this machine, one core"\n'
        for parameter, value in rows:
            text += (
                f'\n[[value]]\nparameter = "{parameter}"\nvalue = "{value}"\n'
                f'mark = "measured"\nsource = {json.dumps(source)}\n'
            )
        return text


def fit(medians: dict[int, float], cpu: str) -> Calibration:
    """From nanoseconds of sealing and opening, by octets of the inner packet."""
    if len(medians) < 2:
        raise LabError("the benchmark gave too few lengths for a line")
    lengths = np.array(sorted(medians), dtype=np.float64)
    times = np.array([medians[int(length)] for length in lengths]) / 2.0
    octet, packet = np.polyfit(lengths, times, 1)
    line = packet + octet * lengths
    deviation = float(np.max(np.abs(line - times) / times))
    return Calibration(max(0.0, float(packet)), max(0.0, float(octet)), deviation, cpu)


def medians(report: str) -> dict[int, float]:
    """Nanoseconds by octets, from Google Benchmark's JSON."""
    found = {}
    for entry in json.loads(report)["benchmarks"]:
        if entry.get("aggregate_name") == "median" and entry["run_name"].startswith(_BENCHMARK):
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
        f"--benchmark_filter=^{_BENCHMARK.replace('+', '.')}/",
        f"--benchmark_out={report}",
        "--benchmark_out_format=json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{_PROGRAM.name} failed: {done.stderr.strip() or done.stdout.strip()}")
    calibration = fit(medians(report.read_text(encoding="utf-8")), _cpu())
    report.unlink()
    path.write_text(calibration.toml(), encoding="utf-8")
    return calibration
