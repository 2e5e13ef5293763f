# SPDX-License-Identifier: BSD-3-Clause
"""Every fact of a secrets file matters: changed or left out, verify does not say that all agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import VECTORS, Cli, read_json

from ipseclab import session
from ipseclab.errors import LabError
from ipseclab.verify import verify

pytestmark = pytest.mark.core

CAPTURES = VECTORS / "captures"
MAIN = "aes128gcm16-x25519"
# Free text, times and names of software; nothing else is ignored.
IGNORED = {"description", "notes", "time", "software", "spi_meaning"}


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = node.items() if isinstance(node, dict) else enumerate(node)
    for name, value in inside:
        if isinstance(value, (dict, list)) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name)


def altered(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str) and value:
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return "00"  # of null, empty text and empty lists


def agrees(tmp_path: Path, secrets: Any) -> bool:
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(secrets))
    try:
        return verify(CAPTURES / f"{MAIN}.pcap", path).all_agree
    except LabError as error:
        return error.exit_code == 0


@pytest.fixture
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The capture does not change during the sweep."""
    frames = session.sorted_frames(CAPTURES / f"{MAIN}.pcap")
    monkeypatch.setattr(session, "sorted_frames", lambda path: frames)


@pytest.mark.usefixtures("read_once")
@pytest.mark.parametrize("how", ["altered", "removed"])
def test_every_leaf_matters(tmp_path: Path, how: str) -> None:
    secrets = read_json(CAPTURES / f"{MAIN}.json")
    assert agrees(tmp_path, secrets)
    paths = [path for path in leaves(secrets) if not IGNORED & set(path)]
    assert len(paths) > 500
    unnoticed = []
    for path in paths:
        node = secrets
        for name in path[:-1]:
            node = node[name]
        last = path[-1]
        before = list(node) if isinstance(node, list) else dict(node)
        if how == "altered":
            node[last] = altered(node[last])
        else:
            del node[last]
        if agrees(tmp_path, secrets):
            unnoticed.append(path)
        node.clear()
        node.extend(before) if isinstance(node, list) else node.update(before)
    assert unnoticed == []


def test_a_capture_with_the_secrets_of_another_session_differs(cli: Cli) -> None:
    other = CAPTURES / "chacha20poly1305-x25519.json"
    done = cli("verify", CAPTURES / f"{MAIN}.pcap", "--secrets", other)
    assert done.returncode == 1, done.stderr
    assert "frame 1: spi_i: got 3596b1b7288a0841" in done.stdout


def test_a_missing_field_is_named_with_its_file(tmp_path: Path, cli: Cli) -> None:
    secrets = read_json(CAPTURES / f"{MAIN}.json")
    del secrets["child_sas"][1]["keys"]["encr_r"]
    path = tmp_path / "incomplete.json"
    path.write_text(json.dumps(secrets))
    done = cli("verify", CAPTURES / f"{MAIN}.pcap", "--secrets", path)
    assert done.returncode == 2
    assert f"{path}: child_sas[1].keys.encr_r is missing" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_private_value_needs_an_end_that_keeps_it(tmp_path: Path) -> None:
    secrets = read_json(CAPTURES / f"{MAIN}.json")
    secrets["ike_sas"][0]["dh"]["private_r"] = None
    assert not agrees(tmp_path, secrets)
    secrets["b"]["software"] = "another daemon"
    assert agrees(tmp_path, secrets)
