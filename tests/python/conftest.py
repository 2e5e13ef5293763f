# SPDX-License-Identifier: BSD-3-Clause
"""What the Python tests share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipseclab import core
from ipseclab.errors import BuildMissing

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors"

# A run of a fraction of a second: few packets and a small rate x spread.
SMALL = {"packets": "400", "spread": "0.1055ms", "window": "32", "fast_share": "0.3"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that are marked as needing the core are skipped without a build."""
    try:
        core.load()
    except BuildMissing as error:
        skip = pytest.mark.skip(reason=str(error))
        for item in items:
            if item.get_closest_marker("core"):
                item.add_marker(skip)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "core: needs the compiled core")


def small_arguments(**changes: str) -> list[str]:
    """The options of a small run."""
    words: list[str] = []
    for name, value in {**SMALL, **changes}.items():
        words += [f"--{name}", value]
    return words


def environment() -> dict[str, str]:
    """The package and this build, from any working directory."""
    paths = [str(ROOT / "analysis"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "COLUMNS": "160"}


def default_interrupt() -> None:
    """A test runner in the background ignores Ctrl-C, and children would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs the command line in an empty folder."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ipseclab", *map(str, arguments)],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
