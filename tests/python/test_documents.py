# SPDX-License-Identifier: BSD-3-Clause
"""Pages name all that there is: commands, options and exit codes; attributes of ns-3 objects."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

from ipseclab import errors
from ipseclab.cli import cli

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_and_option(name: str) -> None:
    assert re.search(rf"^## `{name}[ `]", PAGE, re.MULTILINE), f"docs/cli.md lacks {name}"
    options = [option for parameter in cli.commands[name].params for option in parameter.opts]
    long = [option for option in options if option.startswith("--")]
    assert [option for option in long if option not in PAGE] == []


def test_every_exit_code() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    described = set(map(int, re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)))
    assert codes <= described


def test_every_attribute() -> None:
    """Under the type that has it."""
    page = (ROOT / "docs" / "ipsec.rst").read_text(encoding="utf-8")
    section = page[page.index("Attributes\n===") : page.index("Traces\n===")]
    entries = re.findall(r"^(``ns3::.*)\n((?:  .*\n)+)", section, re.MULTILINE)
    described = {
        name: set(re.findall(r"``(\w+)``", text))
        for types, text in entries
        for name in re.findall(r"ns3::(\w+)", types)
    }
    for source in sorted((ROOT / "ns3-module").glob("*.cc")):
        text = source.read_text(encoding="utf-8")
        for block in re.split(r"\bTypeId\(\"ns3::", text)[1:]:
            name = block[: block.index('"')]
            attributes = set(re.findall(r"AddAttribute\(\s*\"(\w+)\"", block))
            assert attributes <= described.get(name, set()), f"docs/ipsec.rst lacks some of {name}"
