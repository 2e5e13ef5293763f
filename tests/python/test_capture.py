# SPDX-License-Identifier: BSD-3-Clause
"""What tshark sees in a capture of a run: everything decrypted, nothing malformed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, environment, small_arguments

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The campaign folder of one captured run."""
    out = tmp_path_factory.mktemp("capture")
    subprocess.run(
        [
            *(sys.executable, "-m", "ipseclab", "run", "replay-window"),
            *(*small_arguments(), "--pcap", "--out", str(out)),
        ],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return out


def tshark(folder: Path, capture: str, display_filter: str, *fields: str) -> list[list[str]]:
    """The fields of the frames that pass the filter."""
    words = ["tshark", "-C", "ipseclab", "-r", str(folder / "captures" / capture)]
    for preference in ("ip.check_checksum", "udp.check_checksum"):
        words += ["-o", f"{preference}:TRUE"]
    words += ["-Y", display_filter, "-T", "fields", "-E", "separator=;"]
    for field in fields or ("frame.number",):
        words += ["-e", field]
    done = subprocess.run(
        words,
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(folder / "captures" / "wireshark")},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split(";") for line in done.stdout.splitlines()]


CAPTURES = ("gateway-a.pcap", "gateway-b.pcap")


@pytest.mark.parametrize("capture", CAPTURES)
def test_nothing_is_malformed_and_all_checksums_are_good(folder: Path, capture: str) -> None:
    frames = tshark(folder, capture, "frame")
    assert len(frames) > 300
    assert tshark(folder, capture, "_ws.malformed or _ws.unreassembled") == []
    assert tshark(folder, capture, 'ip.checksum.status == "Bad"') == []
    assert tshark(folder, capture, 'udp.checksum.status == "Bad"') == []
    good = tshark(folder, capture, 'ip.checksum.status == "Good"')
    assert len(good) == len(frames)


@pytest.mark.parametrize("capture", CAPTURES)
def test_ike_payloads_are_decrypted(folder: Path, capture: str) -> None:
    exchanges = tshark(folder, capture, "isakmp", "isakmp.exchangetype")
    assert [row[0] for row in exchanges[:4]] == ["34", "34", "35", "35"]
    # AUTH (39) and the selectors (44, 45) are inside the encrypted payload only.
    for inner in ("isakmp.auth.method", "isakmp.ts.type", "isakmp.id.type"):
        assert len(tshark(folder, capture, f"isakmp.exchangetype == 35 and {inner}")) == 2


@pytest.mark.parametrize("capture", CAPTURES)
def test_every_esp_packet_opens_and_shows_its_inner_packet(folder: Path, capture: str) -> None:
    packets = tshark(folder, capture, "esp")
    assert len(packets) > 300
    assert len(tshark(folder, capture, "esp.icv_good == 1")) == len(packets)
    assert len(tshark(folder, capture, "esp and udp")) == len(packets)


def test_the_capture_has_every_packet_of_the_metrics(folder: Path) -> None:
    database = sqlite3.connect(folder / "campaign.sqlite")
    [(sealed, arrived)] = database.execute(
        "SELECT json_extract(metrics, '$.sealed_packets'),"
        " json_extract(metrics, '$.arrived_packets') FROM runs"
    )
    database.close()
    assert len(tshark(folder, "gateway-a.pcap", "esp")) == sealed
    assert len(tshark(folder, "gateway-b.pcap", "esp")) == arrived


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ipseclab", *map(str, words)],
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
    )


CAPTURED = sorted(
    file.parent.name
    for file in (ROOT / "scenarios").glob("*/scenario.toml")
    if tomllib.loads(file.read_text(encoding="utf-8")).get("captures")
)


@pytest.mark.parametrize("scenario", CAPTURED)
def test_every_scenario_makes_good_captures(tmp_path: Path, scenario: str) -> None:
    done = run("run", scenario, "--packets", "500", "--pcap", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    for capture in CAPTURES:
        assert len(tshark(tmp_path, capture, "frame")) > 40
        if scenario != "antireplay-subspaces":  # tshark cannot know how these packets are laid out
            assert tshark(tmp_path, capture, "_ws.malformed") == []
        for checksum in ("ip", "udp"):
            assert tshark(tmp_path, capture, f'{checksum}.checksum.status == "Bad"') == []


def test_a_sized_capture_opens_as_what_it_is(tmp_path: Path) -> None:
    done = run("run", "replay-window", *small_arguments(), "--sized", "--pcap", "--out", tmp_path)
    assert done.returncode == 0 and "IKE decrypted" in done.stdout
    capture, secrets = (tmp_path / "captures" / n for n in ("gateway-b.pcap", "secrets.json"))
    good = run("verify", capture, "--secrets", secrets)
    assert good.returncode == 0 and "400/400" in good.stdout
    secrets.write_text(secrets.read_text().replace('"sized"', '"real"'))
    bad = run("verify", capture, "--secrets", secrets)
    assert bad.returncode == 1 and "0/400" in bad.stdout
    assert bad.stdout.count("DIFFERS") == 20 and "and 380 more that differ" in bad.stdout


def test_what_cannot_be_captured_or_opened_says_so(tmp_path: Path) -> None:
    done = run("run", "offload", "--pcap", "--out", tmp_path / "offload")
    assert done.returncode == 2
    assert done.stderr == "ipseclab: --pcap: offload writes no captures\n"
    assert not (tmp_path / "offload").exists()
    out = tmp_path / "subspaces"
    run("run", "antireplay-subspaces", "--packets", "200", "--pcap", "--out", out)
    captures = out / "captures"
    done = run("verify", captures / "gateway-b.pcap", "--secrets", captures / "secrets.json")
    assert done.returncode == 127 and "sequence numbers of transform 1024" in done.stderr
