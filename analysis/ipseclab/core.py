# SPDX-License-Identifier: BSD-3-Clause
"""The one place where the compiled core is imported."""

from __future__ import annotations

import hashlib
import importlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ipseclab import BUILD_FOLDER, profiles
from ipseclab.errors import BuildMissing, LabError

if TYPE_CHECKING:
    from ipseclab._core import ScenarioInfo


def load() -> ModuleType:
    """The module ``ipseclab._core``; raises BuildMissing with one line that says what to do."""
    try:
        return importlib.import_module("ipseclab._core")
    except ModuleNotFoundError as error:
        if error.name != "ipseclab._core":
            raise
        raise BuildMissing(
            f"the simulator is not built: no _core module in {BUILD_FOLDER}/python/ipseclab; "
            "run `make build` in the checkout, or set IPSECLAB_BUILD"
        ) from None
    except ImportError as error:
        raise BuildMissing(f"the built simulator does not load: {error}; build again") from None


@cache
def scenario_info(name: str) -> ScenarioInfo:
    """What the core says of one scenario; LabError names all when there is none of that name."""
    known: list[ScenarioInfo] = load().scenarios()
    for info in known:
        if info["name"] == name:
            return info
    names = ", ".join(info["name"] for info in known)
    raise LabError(f"scenario '{name}' is unknown; there are: {names}")


def check_parameters(scenario: str, typed: dict[str, str]) -> dict[str, str]:
    """All parameters in canonical spelling; LabError is the core's one line about a bad one."""
    core = load()
    scenario_info(scenario)
    try:
        checked: dict[str, str] = core.check_parameters(scenario, profiles.expand(scenario, typed))
    except core.ParameterError as error:
        raise LabError(str(error)) from None
    return checked


def parameter_values(scenario: str, typed: dict[str, str]) -> dict[str, float | str]:
    """All parameters as numbers in SI units; LabError is the core's one line about a bad one."""
    core = load()
    try:
        values: dict[str, float | str] = core.parameter_values(
            scenario, profiles.expand(scenario, typed)
        )
    except core.ParameterError as error:
        raise LabError(str(error)) from None
    return values


def libraries() -> list[Path]:
    """The files of this build that the process has mapped: the core and the libraries it uses."""
    origin = Path(str(load().__file__)).resolve()
    found = {origin}
    # An installed package has the libraries beside the core.
    roots = (f"{BUILD_FOLDER.resolve()}/", f"{origin.parent}/")
    for line in Path("/proc/self/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith(roots):
            found.add(Path(fields[5]))
    return sorted(found)


@cache
def identity() -> str:
    """SHA-256 over everything that decides what a run gives: this build and what it runs on."""
    digest = hashlib.sha256()
    for library in libraries():
        digest.update(library.read_bytes())
    versions = load().versions()
    digest.update(f"ns-3 {versions['ns3']}, {versions['openssl']}".encode())
    return digest.hexdigest()
