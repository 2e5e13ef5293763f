# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels of scripted networks: suites, lifetimes, crypto modes, captures that open again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from conftest import Cli

import ipseclab as lab
from ipseclab import session
from ipseclab.errors import LabError
from ipseclab.network import KeyExchange, Suite

pytestmark = pytest.mark.core

SUITES = get_args(Suite)


def line(
    *, sized: bool = False, packets: int = 300, rate: str = "10kpps", **tunnel: Any
) -> tuple[lab.Network, lab.Gateway, lab.Gateway, lab.Traffic]:
    """Two sites, a link that reorders and loses."""
    net = lab.Network(seed=5, run=2, sized=sized)
    a, b = net.host("a"), net.host("b")
    ga, gb = net.gateway("ga", window=32), net.gateway("gb", window=32)
    net.link(a, ga)
    net.link(ga, gb, delay="1ms", extra_delay=lab.Uniform("5ms"), loss=0.02)
    net.link(gb, b)
    net.tunnel(ga, gb, **tunnel)
    return net, ga, gb, net.traffic(a, b, packets=packets, rate=rate, payload="200B")


def counted(result: lab.Result) -> dict[str, float]:
    return result.row()


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("esn", [False, True])
def test_sized_counts_as_real_does(suite: Suite, esn: bool) -> None:
    """With several rekeyings, loss, and late packets that the window refuses."""
    rows = []
    for sized in (False, True):
        net, _, gb, stream = line(sized=sized, suite=suite, esn=esn, rekey_packets=100)
        result = net.run("10s")
        assert 0 < len(result[stream].delivered) < 300
        assert sum(result[gb]["inbound_drops"].values()) > 0
        rows.append(counted(result))
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("suite", "length"),
    [
        ("aes128gcm16", 8 + 8 + 232 + 16),
        ("chacha20poly1305", 8 + 8 + 232 + 16),
        ("aes128cbc-sha256", 8 + 16 + 240 + 16),
        ("aes256cbc-sha512", 8 + 16 + 240 + 32),
    ],
)
def test_packets_are_as_long_as_their_suite_says(tmp_path: Path, suite: Suite, length: int) -> None:
    """RFC 4303, section 2: SPI and number, IV, 228 octets and trailer padded, ICV."""
    net, *_ = line(suite=suite)
    net.run(captures=tmp_path)
    _, esp = session.sorted_frames(tmp_path / "ga.ga-gb.pcap")
    assert {len(frame.octets) for frame in esp} == {length}


def test_rekeying_is_told_and_loses_nothing() -> None:
    net = lab.Network()
    a, b = net.host("a"), net.host("b")
    ga, gb = net.gateway("ga"), net.gateway("gb")
    for ends in ((a, ga), (ga, gb), (gb, b)):
        net.link(*ends, delay="1ms")
    net.tunnel(ga, gb, rekey_after="100ms", ike_rekey_after="450ms")
    stream = net.traffic(a, b, packets=1000, rate="1kpps", payload="100B")
    events: list[lab.Event] = []
    for kind in ("sa-installed", "sa-rekeyed", "sa-removed", "ike-established"):
        net.on(kind, lambda time, event: events.append(event))  # type: ignore[arg-type]
    result = net.run("1.05s")
    assert result[stream].loss == 0
    mine = [event for event in events if event.gateway == "ga"]
    installed = [event for event in mine if event.kind == "sa-installed"]
    rekeyed = [event for event in mine if event.kind == "sa-rekeyed"]
    assert len(rekeyed) == len(installed) - 1 >= 8
    known = {installed[0].spi_inbound}  # both ends begin at once now and then: no simple chain
    for new, told in zip(installed[1:], rekeyed, strict=True):
        assert (told.spi_inbound, told.time) == (new.spi_inbound, new.time)
        assert told.replaces in known and told.spi_inbound not in known
        known.add(new.spi_inbound)
    assert rekeyed[0].time - installed[0].time == pytest.approx(0.1, abs=0.01)
    assert len([event for event in mine if event.kind == "ike-established"]) >= 3


def test_a_packet_limit_rekeys() -> None:
    net, *_ = line(rekey_packets=100)
    rekeyed: list[float] = []
    net.on("sa-rekeyed", lambda time, event: rekeyed.append(time))
    net.run("10s")
    assert len(rekeyed) >= 4  # at both ends, after 100 and 200 packets


@pytest.mark.parametrize("suite", SUITES)
def test_captures_open_again(cli: Cli, tmp_path: Path, suite: Suite) -> None:
    net, *_ = line(suite=suite, rekey_packets=100)
    result = net.run("10s", captures=tmp_path / "c")
    esp = result.links["ga-gb"]["esp"]
    assert len([file for file in result.files if file.endswith(".pcap")]) == 2
    for file in result.files:
        assert Path(file).is_file()
    for name, packets in (("ga.ga-gb", esp["offered"]), ("gb.ga-gb", esp["arrived"])):
        done = cli("verify", f"c/{name}.pcap", "--secrets", "c/secrets.json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{packets}/{packets}" in done.stdout  # ESP packets opened
        assert "AUTH values" in done.stdout


@pytest.mark.parametrize("pfs", [False, True])
def test_captures_with_additional_key_exchanges_open_again(
    cli: Cli, tmp_path: Path, pfs: bool
) -> None:
    methods: tuple[KeyExchange, ...] = ("x25519", "ecp256", "ecp384")
    net, *_ = line(key_exchanges=methods, pfs=pfs, rekey_packets=100, ike_rekey_after="50ms")
    net.run("0.2s", captures=tmp_path / "c")
    secrets = json.loads((tmp_path / "c" / "secrets.json").read_text())
    earlier = sorted(len(entry["earlier"]) for entry in secrets["ike_sas"])
    assert earlier[-1] == 2 and len(earlier) > 1 and not any(earlier[:-1])
    done = cli("verify", "c/ga.ga-gb.pcap", "--secrets", "c/secrets.json")
    assert done.returncode == 0, done.stdout + done.stderr
    for entry in secrets["ike_sas"]:
        for keys in entry["earlier"][:1]:
            keys["sk_pi"] = "00" * 32  # IntAuth, and so AUTH
    (tmp_path / "c" / "wrong.json").write_text(json.dumps(secrets))
    done = cli("verify", "c/ga.ga-gb.pcap", "--secrets", "c/wrong.json")
    assert done.returncode == 1
    assert done.stdout.count("DIFFERS") == 2


def test_key_exchanges_that_cannot_be_are_refused() -> None:
    bad: list[tuple[str, ...]] = [(), ("x25519", "x25519"), ("x448",)]
    for methods in bad:
        with pytest.raises(LabError, match=r"key.exchange"):
            line(key_exchanges=methods)


def test_damage_and_wrong_keys_are_noticed(cli: Cli, tmp_path: Path) -> None:
    net, *_ = line()
    net.run(captures=tmp_path / "c")
    good = (tmp_path / "c" / "gb.ga-gb.pcap").read_bytes()
    (tmp_path / "c" / "bad.pcap").write_bytes(good[:-20] + bytes([good[-20] ^ 1]) + good[-19:])
    done = cli("verify", "c/bad.pcap", "--secrets", "c/secrets.json")
    assert done.returncode == 1 and done.stdout.count("DIFFERS") == 1
    secrets = json.loads((tmp_path / "c" / "secrets.json").read_text())
    for change in ({"psk_hex": "00"}, {"esp_sas": secrets["esp_sas"][:1]}, {"ike_sas": []}):
        (tmp_path / "c" / "wrong.json").write_text(json.dumps({**secrets, **change}))
        done = cli("verify", "c/gb.ga-gb.pcap", "--secrets", "c/wrong.json")
        assert done.returncode == 1 and "DIFFERS" in done.stdout, change
    (tmp_path / "c" / "wrong.json").write_text('{"esp_sas": 3, "ike_sas": []}')
    done = cli("verify", "c/gb.ga-gb.pcap", "--secrets", "c/wrong.json")
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_tshark_opens_the_capture(tmp_path: Path) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("no tshark")
    net, _, _, stream = line()
    result = net.run(captures=tmp_path)
    done = subprocess.run(
        ["tshark", "-C", "ipseclab", "-r", str(tmp_path / "ga.ga-gb.pcap"), "-Y", "esp && udp"],
        env={"WIRESHARK_CONFIG_DIR": str(tmp_path / "wireshark"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == len(result[stream].sent)


def test_an_unknown_suite_is_named() -> None:
    with pytest.raises(LabError, match=r"aes512.*chacha20poly1305"):
        line(suite="aes512")
