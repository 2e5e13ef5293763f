# SPDX-License-Identifier: BSD-3-Clause
"""Recorded sessions and kernel verdicts through the core, and that damage is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import VECTORS, Cli, read_json

from ipseclab.errors import LabError, Unsupported
from ipseclab.verify import verify
from ipseclab.verify_window import verify_window

pytestmark = pytest.mark.core

CAPTURES = VECTORS / "captures"
SESSIONS = sorted(path.stem for path in CAPTURES.glob("*.json"))
WINDOWS = sorted((VECTORS / "linux-esp").glob("replay-*.json"))
MAIN = "aes128gcm16-x25519"
CERTIFICATES = "certs-fragmented-ecp256"


def test_all_recordings_are_there() -> None:
    assert len(SESSIONS) == 13
    assert len(WINDOWS) == 10


@pytest.mark.parametrize("name", SESSIONS)
def test_session(name: str) -> None:
    secrets = read_json(CAPTURES / f"{name}.json")
    tally = verify(CAPTURES / f"{name}.pcap", CAPTURES / f"{name}.json")
    assert tally.differences == []
    assert tally.total["IKE messages"] == len(secrets["ike_messages"])
    assert tally.total.get("inner packets", 0) == len(secrets["esp_packets"])
    assert tally.total.get("IKE SAs", 0) == len(secrets["ike_sas"])
    assert tally.total.get("Child SAs", 0) == len(secrets["child_sas"])


def test_what_is_counted_in_the_main_session() -> None:
    tally = verify(CAPTURES / f"{MAIN}.pcap", CAPTURES / f"{MAIN}.json")
    assert tally.total["IKE SA keys"] == 10
    assert tally.total["Child SA keys"] == 6
    assert tally.total["SKEYSEED"] == 2
    assert tally.total["AUTH verified"] == 2
    assert tally.total["DH public values"] == 8


def test_a_wrong_shared_key_fails_as_recorded() -> None:
    name = "authentication-failed"
    tally = verify(CAPTURES / f"{name}.pcap", CAPTURES / f"{name}.json")
    assert tally.total["AUTH refused, as recorded"] == 1
    assert "AUTH verified" not in tally.total


def test_what_is_counted_with_certificates() -> None:
    tally = verify(CAPTURES / f"{CERTIFICATES}.pcap", CAPTURES / f"{CERTIFICATES}.json")
    assert tally.total["AUTH verified"] == 2
    assert tally.total["certificate chains trusted"] == 2
    assert tally.total["certificates of the identity"] == 2
    assert tally.total["AlgorithmIdentifiers"] == 2
    assert tally.total["IKE fragments opened"] == 6


def swap_ca(secrets: Any) -> None:
    """The certificate of a leaf is no CA of the other one."""
    secrets["auth"]["ca"] = secrets["auth"]["cert_a"]


def change_fragment(secrets: Any) -> None:
    secrets["ike_messages"][3]["plaintext"] = flip(secrets["ike_messages"][3]["plaintext"])


def change_joined(secrets: Any) -> None:
    secrets["ike_messages"][4]["reassembled"] = flip(secrets["ike_messages"][4]["reassembled"])


def change_identifier(secrets: Any) -> None:
    auth = secrets["ike_sas"][0]["auth_r"]
    auth["algorithm_identifier"] = flip(auth["algorithm_identifier"])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (swap_ca, "certificate chains trusted"),
        (change_fragment, "IKE fragment plaintexts"),
        (change_joined, "IKE plaintexts"),
        (change_identifier, "AlgorithmIdentifiers"),
    ],
)
def test_differences_with_certificates_are_named(tmp_path: Path, change: Any, what: str) -> None:
    secrets = damaged_secrets(tmp_path, change, CERTIFICATES)
    tally = verify(CAPTURES / f"{CERTIFICATES}.pcap", secrets)
    assert any(f" {what}:" in line for line in tally.differences)
    assert tally.agree[what] == tally.total[what] - 1


def test_unknown_authentication_is_unsupported_by_name(tmp_path: Path, cli: Cli) -> None:
    def change(secrets: Any) -> None:
        secrets["auth"]["kind"] = "eap"

    path = damaged_secrets(tmp_path, change)
    done = cli("verify", CAPTURES / f"{MAIN}.pcap", "--secrets", path)
    assert done.returncode == 127
    assert done.stderr.startswith("ipseclab: unsupported: ")
    assert "eap" in done.stderr


def test_exit_codes_and_last_line(cli: Cli) -> None:
    done = cli("verify", CAPTURES / f"{MAIN}.pcap", "--secrets", CAPTURES / f"{MAIN}.json")
    assert done.returncode == 0, done.stderr
    agree, of, total, word = done.stdout.strip().splitlines()[-1].split()[-4:]
    assert (of, word) == ("of", "agree")
    assert agree == total and int(total) > 150


def damaged_secrets(tmp_path: Path, change: Any, name: str = MAIN) -> Path:
    secrets = read_json(CAPTURES / f"{name}.json")
    change(secrets)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(secrets))
    return path


def flip(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def change_psk(secrets: Any) -> None:
    secrets["auth"]["psk_hex"] = "00"


def change_private(secrets: Any) -> None:
    value = secrets["ike_sas"][0]["dh"]["private_i"]
    secrets["ike_sas"][0]["dh"]["private_i"] = value[:20] + flip(value[20:30]) + value[30:]


def change_inner(secrets: Any) -> None:
    secrets["esp_packets"][3]["inner"] = flip(secrets["esp_packets"][3]["inner"])


def change_plaintext(secrets: Any) -> None:
    secrets["ike_messages"][2]["plaintext"] = flip(secrets["ike_messages"][2]["plaintext"])


def change_name(secrets: Any) -> None:
    secrets["ike_messages"][0]["payloads"][0] = "KE"


def change_key(secrets: Any) -> None:
    keys = secrets["child_sas"][1]["keys"]
    keys["encr_i"] = flip(keys["encr_i"])


def forget_packet(secrets: Any) -> None:
    del secrets["esp_packets"][0]


def forget_message(secrets: Any) -> None:
    del secrets["ike_messages"][-1]


def invent_packet(secrets: Any) -> None:
    secrets["esp_packets"].append({**secrets["esp_packets"][0], "frame": 999})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (change_psk, "AUTH verified"),
        (change_private, "DH public values"),
        (change_inner, "inner packets"),
        (change_plaintext, "IKE plaintexts"),
        (change_name, "payload chains parsed"),
        (change_key, "Child SA keys"),
        (forget_packet, "ESP packets opened"),
        (forget_message, "IKE messages"),
        (invent_packet, "ESP packets opened"),
    ],
)
def test_differences_are_named(tmp_path: Path, change: Any, what: str) -> None:
    tally = verify(CAPTURES / f"{MAIN}.pcap", damaged_secrets(tmp_path, change))
    assert any(f" {what}:" in line and line.startswith("frame ") for line in tally.differences)
    assert tally.agree[what] < tally.total[what]


def test_a_flipped_bit_in_an_esp_packet_is_found(tmp_path: Path, cli: Cli) -> None:
    octets = bytearray((CAPTURES / f"{MAIN}.pcap").read_bytes())
    secrets = read_json(CAPTURES / f"{MAIN}.json")
    packet = secrets["esp_packets"][0]
    mark = bytes.fromhex(packet["spi"]) + packet["seq"].to_bytes(4, "big")
    octets[octets.index(mark) + 20] ^= 1
    path = tmp_path / "damaged.pcap"
    path.write_bytes(octets)
    done = cli("verify", path, "--secrets", CAPTURES / f"{MAIN}.json")
    assert done.returncode == 1
    assert f"frame {packet['frame']}: ESP packets opened: got icv, expected none" in done.stdout


def keep_private_values(secrets: Any) -> None:
    """Only the format's other daemons keep them."""
    for end in "ab":
        secrets[end]["software"] = "another daemon"


def test_one_private_value_of_each_side_is_enough(tmp_path: Path) -> None:
    def forget(secrets: Any) -> None:
        keep_private_values(secrets)
        for index, sa in enumerate(secrets["ike_sas"] + secrets["child_sas"]):
            if sa["dh"]:
                sa["dh"]["private_i" if index % 2 else "private_r"] = None

    assert verify(CAPTURES / f"{MAIN}.pcap", damaged_secrets(tmp_path, forget)).all_agree


def test_only_the_shared_secret_known_is_said(tmp_path: Path) -> None:
    def forget(secrets: Any) -> None:
        keep_private_values(secrets)
        secrets["ike_sas"][0]["dh"] |= {"private_i": None, "private_r": None}

    tally = verify(CAPTURES / f"{MAIN}.pcap", damaged_secrets(tmp_path, forget))
    assert tally.all_agree
    assert len(tally.notes) == 1 and "no DH private value" in tally.notes[0]


def test_no_secret_at_all_is_an_error(tmp_path: Path) -> None:
    def forget(secrets: Any) -> None:
        keep_private_values(secrets)
        secrets["ike_sas"][0]["dh"] |= {"private_i": None, "private_r": None, "shared": None}

    with pytest.raises(LabError, match=r"damaged.json: ike_sas\[0\].dh.shared"):
        verify(CAPTURES / f"{MAIN}.pcap", damaged_secrets(tmp_path, forget))


@pytest.mark.parametrize("path", WINDOWS, ids=lambda path: path.stem)
def test_kernel_verdicts(path: Path) -> None:
    tally = verify_window(path)
    assert tally.differences == []
    assert tally.sums()[1] == sum(len(v["packets"]) for v in read_json(path)["vectors"])


def damaged_verdicts(tmp_path: Path, change: Any) -> Path:
    recorded = read_json(VECTORS / "linux-esp" / "replay-bmp-64.json")
    change(recorded)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(recorded))
    return path


def test_a_wrong_verdict_is_found(tmp_path: Path, cli: Cli) -> None:
    def change(recorded: Any) -> None:
        recorded["vectors"][0]["packets"][5][2:4] = [0, "XfrmInStateSeqError+sa:replay"]

    done = cli("verify-window", damaged_verdicts(tmp_path, change))
    assert done.returncode == 1
    assert "in-order packet 5 number 0x6" in done.stdout


def test_verdicts_without_a_packet_prove_nothing(tmp_path: Path, cli: Cli) -> None:
    done = cli("verify-window", damaged_verdicts(tmp_path, lambda r: r.update(vectors=[])))
    assert done.returncode == 2
    assert "no recorded packet" in done.stderr


def test_unknown_suites_modes_and_counters_are_unsupported(tmp_path: Path) -> None:
    def suite(recorded: Any) -> None:
        recorded["suite"] = "rot13"

    def mode(recorded: Any) -> None:
        recorded["mode"] = "quantum"

    def counter(recorded: Any) -> None:
        recorded["vectors"][0]["packets"][0][3] = "XfrmInNoPols"

    for change, name in ((suite, "rot13"), (mode, "quantum"), (counter, "XfrmInNoPols")):
        with pytest.raises(Unsupported, match=name):
            verify_window(damaged_verdicts(tmp_path, change))
