# SPDX-License-Identifier: BSD-3-Clause
"""Reads a TOML file against a JSON Schema; a fault is named by file, line and key."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipseclab.errors import LabError

if TYPE_CHECKING:
    import jsonschema

_SCHEMAS = Path(__file__).parent / "schemas"
Key = list[str | int]


class TomlFile:
    """The text of a file and what it says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._text = path.read_text(encoding="utf-8")
            self.document: dict[str, Any] = tomllib.loads(self._text)
        except OSError as error:
            raise LabError(f"{path}: {error.strerror}") from None
        except ValueError as error:
            raise LabError(f"{path}: not TOML: {error}") from None

    def line(self, key: Key) -> int:
        """The line where a key stands, else where the nearest thing around it does, from 1."""
        lines = self._text.splitlines()
        start, end = 0, len(lines)
        below = 0  # where the keys of the table around begin
        for position, part in enumerate(key):
            if isinstance(part, int):
                if position != 1:
                    continue  # an item of an inline list
                header = re.compile(rf"\s*\[\[\s*{re.escape(str(key[0]))}\s*\]\]")
                tables = [n for n, line in enumerate(lines) if header.match(line)]
                if part < len(tables):
                    start = tables[part]
                    below = start + 1
                    end = tables[part + 1] if part + 1 < len(tables) else len(lines)
            elif position > 0 or not _in_list(key):
                pattern = re.compile(rf"""(^|[\s{{,."'\[]){re.escape(part)}["']?\s*(=|\.|\])""")
                found = (n for n in range(below, end) if pattern.search(lines[n]))
                start = below = next(found, start)
        return start + 1

    def fault(self, key: Key, why: str) -> LabError:
        """An error about a key, for the caller to raise."""
        named = key[2:] if _in_list(key) else key
        name = ".".join(str(part) for part in named if not isinstance(part, int))
        return LabError(f"{self.path}:{self.line(key)}: {self._owner(key)}{name or key[-1]}: {why}")

    def _owner(self, key: Key) -> str:
        if not _in_list(key):
            return ""
        index = int(key[1])
        table = self.document[str(key[0])][index]
        name = table.get("id", index + 1) if isinstance(table, dict) else index + 1
        return f"{key[0]} {name}: "

    def check(self, schema_name: str) -> None:
        """LabError about the first fault, in the order of the file."""
        import jsonschema  # not for the processes of single runs, which read no file

        schema = json.loads((_SCHEMAS / schema_name).read_text(encoding="utf-8"))
        faults = [
            _explained(error)
            for error in jsonschema.Draft202012Validator(schema).iter_errors(self.document)
        ]
        if faults:
            key, why = min(faults, key=lambda fault: self.line(fault[0]))
            raise self.fault(key or [schema_name], why)


def _in_list(key: Key) -> bool:
    """Whether the key lies in one of several tables of the same name."""
    return len(key) > 1 and isinstance(key[1], int)


def _explained(error: jsonschema.ValidationError) -> tuple[Key, str]:
    """The key that a validation error is about, and what is wrong with it."""
    key: Key = list(error.absolute_path)
    instance, wanted = error.instance, error.validator_value
    if error.validator == "required":
        return [*key, next(name for name in wanted if name not in instance)], "missing"
    if error.validator == "additionalProperties":
        known = set(error.schema.get("properties", {}))
        return [*key, next(name for name in instance if name not in known)], "unknown key"
    if error.validator == "anyOf" and all("required" in option for option in wanted):
        names = " or ".join(option["required"][0] for option in wanted)
        return key, f"needs {names}"
    if error.validator == "anyOf":
        return key, "not a value or a list of values"
    if error.validator == "enum":
        return key, f"'{instance}' is none of {', '.join(wanted)}"
    if error.validator == "type":
        return key, f"wrong type {type(instance).__name__}"
    return key, error.message
