# SPDX-License-Identifier: BSD-3-Clause
"""The page about the command line names every command, option and exit code."""

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
