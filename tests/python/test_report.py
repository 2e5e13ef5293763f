# SPDX-License-Identifier: BSD-3-Clause
"""The page in a real browser, and figures that do not change by themselves."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Cli
from matplotlib import image

from ipseclab import claims_json

pytestmark = pytest.mark.core

SWEEP = (
    *("sweep", "replay-window", "--set", "packets=400", "--grid", "spread=0.1055ms,1.0055ms"),
    *("--grid", "window=32..256:4", "--runs", "2", "--out", "s"),
)
WIDTH = 1200
# Written into a copy of the page: what the browser made of it.
PROBE = """<script>addEventListener("load", () => {
  const found = {
    images: [...document.images].map(i => [i.naturalWidth, i.naturalHeight]),
    boxes: [...document.images].map(i => { const b = i.getBoundingClientRect();
      return [b.left + scrollX, b.top + scrollY, b.width, b.height].map(Math.round); }),
    links: [...document.links].map(a => [a.getAttribute("href"),
      document.getElementById(a.hash.slice(1)) !== null]),
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
  const out = document.createElement("pre");
  out.id = "probe"; out.hidden = true; out.textContent = JSON.stringify(found);
  document.body.append(out);
});</script>"""
CLAIMS = [
    {
        "id": "replay-window.X1",
        "document": "RFC 4303",
        "section": "3.4.3",
        "statement": "Something <b>bold</b>.",
        "verdict": "refuted",
        "detail": "0.7 of 12345 packets",
    }
]


def chromium(folder: Path, page: Path, *options: str) -> str:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium (apt-get install chromium)")
    flags = (
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={folder / 'profile'}", f"--window-size={WIDTH},2400"),
    )
    command = [program, *flags, *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture
def page(cli: Cli, tmp_path: Path) -> Path:
    """A copy of a page, claims included, with the probe."""
    done = cli(*SWEEP)
    assert done.returncode == 0, done.stderr
    (tmp_path / "s" / claims_json.FILE_NAME).write_text(json.dumps(CLAIMS))
    assert cli("report", "s").returncode == 0
    text = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert "Something &lt;b&gt;bold&lt;/b&gt;." in text
    copy = tmp_path / "probed.html"
    copy.write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    return copy


def test_the_page_in_a_browser(page: Path, tmp_path: Path) -> None:
    dom = chromium(tmp_path, page, "--dump-dom")
    probe = re.search(r'<pre id="probe"[^>]*>(.*?)</pre>', dom, re.DOTALL)
    assert probe, dom[-2000:]
    found: dict[str, Any] = json.loads(html.unescape(probe.group(1)))
    assert len(found["images"]) == 1 and min(found["images"][0]) > 100
    assert {link for link, _ in found["links"]} == {"#claims", "#replay-window", "#provenance"}
    assert all(there for _, there in found["links"])
    assert found["overflow"] <= 0  # wide tables scroll by themselves
    shot = tmp_path / "page.png"
    chromium(tmp_path, page, f"--screenshot={shot}", "--hide-scrollbars")
    left, top, width, height = found["boxes"][0]
    pixels = image.imread(shot)[top : top + height, left : left + width, :3]
    ink = (pixels < 0.9).any(axis=2)
    assert 0.005 < ink.mean() < 0.5  # axes and curves, on white
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_a_foreign_claims_file_is_one_line(cli: Cli, tmp_path: Path) -> None:
    assert cli(*SWEEP).returncode == 0
    before = (tmp_path / "s" / "report.html").read_bytes()
    for text in ("no JSON", "[1, 2]", '{"other": 1}', "3"):
        (tmp_path / "s" / claims_json.FILE_NAME).write_text(text)
        done = cli("report", "s")
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert "claims.json" in done.stderr
    assert (tmp_path / "s" / "report.html").read_bytes() == before


def test_figures_are_the_same_octets_every_time(cli: Cli, tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        done = cli(*SWEEP, "--plot")
        assert done.returncode == 0, done.stderr
        names = ("replay-window.svg", "replay-window.png")
        made.append([(tmp_path / "s" / name).read_bytes() for name in names])
        for name in names:
            (tmp_path / "s" / name).unlink()
    assert made[0] == made[1]
    assert made[0][0].startswith(b"<?xml") and made[0][1].startswith(b"\x89PNG")


def test_claims_alone_make_a_page(cli: Cli, tmp_path: Path) -> None:
    judged = cli("claims", "--id", "replay-window.R4", "--quick", "--out", "c")
    assert judged.returncode == 0 and "c/claims.json" in judged.stdout, judged.stderr
    [row] = json.loads((tmp_path / "c" / "claims.json").read_text())["claims"]
    assert (row["id"], row["verdict"], row["effort"]) == ("replay-window.R4", "confirmed", "quick")
    assert row["command"].startswith("./ipseclab claims --id replay-window.R4 --quick")
    assert "expected 1" in row["detail"] and row["replications"] == 4
    # A second claim joins the first.
    assert cli("claims", "--id", "esp-core.C3", "--quick", "--out", "c").returncode == 0
    rows = json.loads((tmp_path / "c" / "claims.json").read_text())["claims"]
    assert [row["id"] for row in rows] == ["esp-core.C3", "replay-window.R4"]

    assert cli("report", "c").returncode == 0  # claims and their campaign
    both = (tmp_path / "c" / "report.html").read_text()
    assert 'id="claims"' in both and 'id="replay-window"' in both
    (tmp_path / "only").mkdir()
    shutil.copy(tmp_path / "c" / "claims.json", tmp_path / "only")
    assert cli("report", "only").returncode == 0
    only = (tmp_path / "only" / "report.html").read_text()
    assert "2 confirmed" in only and 'id="replay-window"' not in only


def test_a_folder_with_nothing_to_report_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "missing"):
        done = cli("report", folder)
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert "campaign.sqlite" in done.stderr and "claims.json" in done.stderr
        assert "report.html" not in done.stdout


def test_what_is_beside_the_measure_is_in_page_table_and_figure(cli: Cli, tmp_path: Path) -> None:
    small = ("--set", "packets=200", "--sized", "--runs", "2", "--out", "s")
    done = cli("sweep", "path-mtu", "--grid", "strategy=pmtud,outer-fragments", *small)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("convergence", "payload"))
    page = html.unescape((tmp_path / "s" / "report.html").read_text())
    names = "delivered, convergence, octets per payload octet"
    assert f"path-mtu: {names}, simulation" in page  # for those who do not see the picture
    assert f"From top to bottom: {names}. Markers" in page
    assert page.count("<th>convergence</th>") == 1
    assert page.count("<td>0.02 s<br><small>0.02 s .. 0.02 s</small></td>") == 1  # of pmtud
    assert page.count("<td>0 s<br><small>0 s .. 0 s</small></td>") == 1


def test_curves_over_the_same_places_share_a_picture(cli: Cli, tmp_path: Path) -> None:
    small = ("--set", "packets=400", "--grid", "window=32,64,128", "--out", "s")
    for esn, spread in (("on", "0.1055ms"), ("off", "0.2055ms"), ("off", "0.3055ms")):
        more = ("--set", f"esn={esn}", "--set", f"spread={spread}")
        assert cli("sweep", "replay-window", *more, *small).returncode == 0
    page = html.unescape((tmp_path / "s" / "report.html").read_text())
    assert page.count("<figure>") == 1
    assert len(re.findall(r"\./ipseclab sweep [^\n<]*", page)) == 3


def test_points_that_are_no_grid_are_repeated_curve_by_curve(cli: Cli, tmp_path: Path) -> None:
    small = ("--set", "packets=400", "--set", "spread=0.1055ms", "--out", "s")
    assert cli("sweep", "replay-window", "--grid", "window=32,64", *small).returncode == 0
    more = ("--set", "esn=on", "--grid", "window=32")
    assert cli("sweep", "replay-window", *more, *small).returncode == 0
    page = html.unescape((tmp_path / "s" / "report.html").read_text())
    commands = re.findall(r"\./ipseclab sweep [^\n<]*", page)
    assert len(commands) == 2
    assert "--grid window=32,64" in commands[0] and "esn=off" in commands[0]
    assert "window=32" in commands[1] and "esn=on" in commands[1]
    assert page.count("<figure>") == 1  # the lone point is in the table only
    assert "<figcaption>packets=400, spread=105.5us. Markers" in page
