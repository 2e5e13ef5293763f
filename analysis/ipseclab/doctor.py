# SPDX-License-Identifier: BSD-3-Clause
"""What is here, what is missing, and what it would be good for."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil

from rich.table import Table

from ipseclab import BUILD_FOLDER, core, provenance
from ipseclab.errors import BuildMissing

_PACKAGES = {
    "numpy": "theory",
    "scipy": "theory and intervals",
    "pandas": "tables and CSV",
    "matplotlib": "figures",
    "statsmodels": "intervals",
    "rich": "terminal output",
    "click": "command line",
    "Jinja2": "reports",
    "dpkt": "verify: reads captures",
    "pytest": "make test",
}
_TOOLS = {
    "cmake": "building",
    "ninja": "building",
    "g++": "building",
    "clang++-14": "fuzz targets",
    "clang-format": "style of C++ sources",
    "tshark": "looking into captures, and its test",
    "git": "provenance: the code's revision",
}


def _package(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def examine() -> tuple[Table, bool]:
    """A table of everything, and whether simulations can run."""
    table = Table("what", "found", "needed for")
    usable = True
    table.add_row("python", platform.python_version(), "everything in analysis/")
    try:
        for name, value in core.load().versions().items():
            table.add_row(name.replace("_", " "), str(value), f"the build in {BUILD_FOLDER}")
    except BuildMissing as error:
        usable = False
        table.add_row("simulator", f"[red]MISSING[/]: {error}", "every run, verify")
    for name, purpose in _PACKAGES.items():
        found = _package(name)
        usable = usable and (bool(found) or name == "pytest")
        table.add_row(f"python: {name}", found or "[red]MISSING[/]", purpose)
    for name, purpose in _TOOLS.items():
        table.add_row(name, shutil.which(name) or "[yellow]missing[/]", purpose)
    root = os.geteuid() == 0
    table.add_row("root", "yes" if root else "no", "installing packages (or sudo); nothing else")
    cores = len(os.sched_getaffinity(0))
    table.add_row("processors", f"{cores}: {provenance.host_cpu()}", "--jobs")
    return table, usable
