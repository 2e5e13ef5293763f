# SPDX-License-Identifier: BSD-3-Clause
"""Hardware as data: named sets of a scenario's parameters, each number with its source.

``scenarios/NAME/profiles/PROFILE.toml``, or a file of one's own, is read against a schema; what is
typed besides a profile goes before what the profile says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ipseclab import DATA_ROOT
from ipseclab.claim_file import TomlFile
from ipseclab.errors import LabError

PARAMETER = "profile"  # its name where parameters are typed
SCHEMA = "profile.schema.json"


@dataclass(frozen=True)
class Value:
    """One number of a profile."""

    parameter: str
    value: str  # as typed, with its unit
    mark: str  # read, derived, fitted, assumed or measured
    source: str


@dataclass(frozen=True)
class Profile:
    """One file."""

    name: str
    path: Path
    title: str
    values: tuple[Value, ...]

    def parameters(self) -> dict[str, str]:
        """Everything that it sets."""
        return {value.parameter: value.value for value in self.values}


def folder(scenario: str) -> Path:
    """Where the profiles of a scenario are."""
    return DATA_ROOT / "scenarios" / scenario / "profiles"


@cache
def names(scenario: str) -> tuple[str, ...]:
    """All profiles of a scenario; most scenarios have none."""
    return tuple(sorted(path.stem for path in folder(scenario).glob("*.toml")))


def read(path: Path) -> Profile:
    """One file; LabError names file, line and key of a fault."""
    file = TomlFile(path)
    file.check(SCHEMA)
    values = tuple(Value(**entry) for entry in file.document["value"])
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value.parameter in seen:
            raise file.fault(["value", index, "parameter"], f"'{value.parameter}' is given twice")
        seen.add(value.parameter)
    return Profile(path.stem, path, file.document["title"], values)


@cache
def load(scenario: str, name: str) -> Profile:
    """A profile of a scenario, or any file by its path; LabError names all that there are."""
    if name.endswith(".toml"):
        return read(Path(name))
    known = names(scenario)
    if name not in known:
        raise LabError(
            f"{PARAMETER}: '{name}' is none of {scenario}; there are: {', '.join(known) or 'none'}"
        )
    return read(folder(scenario) / f"{name}.toml")


def expand(scenario: str, typed: Mapping[str, str]) -> dict[str, str]:
    """The parameters that are typed, on top of those of the profile that is typed among them."""
    rest = {name: value for name, value in typed.items() if name != PARAMETER}
    if PARAMETER not in typed:
        return rest
    return {**load(scenario, typed[PARAMETER]).parameters(), **rest}
