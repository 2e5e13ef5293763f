# SPDX-License-Identifier: BSD-3-Clause
"""``ipseclab claims``: verdicts, what is written, the baseline, and the index."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, Cli

from ipseclab import api, baseline, claims, claims_index, judging, screen, theory
from ipseclab.baseline import Record
from ipseclab.claims_report import write_junit
from ipseclab.errors import LabError
from ipseclab.judging import Effort, Result
from ipseclab.statistics import pooled_ratio

SMALL = """
[[claim]]
id = "test.A1"
document = "RFC 4303"
section = "3.4.3"
statement = "A window of 32 refuses nothing while the spread is short."
plan = { scenario = "replay-window", window = 32, packets = 2000, payload = "12B", SPREAD }
measure = "replay_loss_ratio"
expect = { kind = "zero", resolution = 0.1 }
replications = 2
"""
QUIET, LOSSY = 'spread = ["50us", "0.1005ms"]', 'spread = "0.6005ms"'

# What was found in the documents; a claim disappears from here only by intent.
COUNTS = {
    "replay-window": 13,
    "esp-core": 7,
    "antireplay-subspaces": 8,
    "dscp-split": 11,
    "per-resource-sa": 10,
    "sub-sa": 10,
    "path-mtu": 19,
    "optimized-rekey": 9,
    "auth-announce": 6,
    "separate-transports": 11,
    "header-compression": 8,
    "iptfs": 8,
    "ikev2-core": 10,
    "hyperscale": 13,
    "offload": 9,
}


def results(folder: Path, text: str, effort: Effort) -> list[Result]:
    path = folder / "claims.toml"
    path.write_text(text)
    console = screen.console(stderr=True)
    return judging.judge_all(console, folder / "out", claims.load(path), effort, 2, "again")


@pytest.mark.core
def test_verdicts_and_their_changes(tmp_path: Path) -> None:
    effort = Effort("quick")
    [quiet] = results(tmp_path, SMALL.replace("SPREAD", QUIET), effort)
    assert (quiet.verdict, quiet.replications, quiet.seed, quiet.looks) == ("confirmed", 2, 1, 1)
    assert quiet.command == "./ipseclab claims --id test.A1 --quick --seed 1"
    assert [finding.label for finding in quiet.findings] == ["spread=50us", "spread=100.5us"]
    recorded = tmp_path / "verdicts.toml"
    known = frozenset({"test.A1"})
    baseline.update(recorded, "quick", [quiet], "abc", known)
    records = baseline.load(recorded)
    assert baseline.compare(records, "quick", [quiet], "def", known) == []

    [lossy] = results(tmp_path, SMALL.replace("SPREAD", LOSSY), effort)
    assert lossy.verdict == "refuted"
    [change] = baseline.compare(records, "quick", [lossy], "def", known)
    for part in ("test.A1: ", "from confirmed to refuted", "replay_loss_ratio at ", "abc..def"):
        assert part in change.message

    junit = tmp_path / "claims.xml"
    write_junit(junit, [lossy], [change])
    [case] = ElementTree.parse(junit).iter("testcase")
    assert case.find("failure").get("message") == change.message  # type: ignore[union-attr]
    names = {row.get("name"): row.get("value") for row in case.iter("property")}
    assert names["verdict"] == "refuted" and names["command"] == lossy.command
    write_junit(junit, [lossy], [])  # a finding is no failure
    assert list(ElementTree.parse(junit).iter("failure")) == []


@pytest.mark.core
def test_more_runs_until_the_verdict_is_clear(tmp_path: Path) -> None:
    """At two runs nothing is sure at this resolution; the looks go on, up to the cap."""
    text = SMALL.replace("SPREAD", QUIET).replace("0.1 }", "0.012 }")
    [once] = results(tmp_path, text, Effort("quick"))
    assert once.verdict == "inconclusive"
    [longer] = results(tmp_path, text, Effort("quick", max_runs=8))
    assert (longer.verdict, longer.replications, longer.looks) == ("confirmed", 8, 3)
    assert longer.command.endswith("--max-runs 8")


@pytest.mark.core
def test_what_the_build_has_not_got_is_unsupported(tmp_path: Path) -> None:
    text = SMALL.replace("SPREAD", "quantum = 1")
    [result] = results(tmp_path, text, Effort("quick"))
    assert result.verdict == "unsupported" and "quantum" in result.reason
    with pytest.raises(LabError, match=r"expect\.x: 'speed' is no parameter"):
        results(
            tmp_path,
            SMALL.replace("SPREAD", QUIET).replace(
                '"zero"', '"zero_while", x = "speed", below = 1'
            ),
            Effort("quick"),
        )


@pytest.mark.core
def test_a_measure_that_is_no_share_is_refused(tmp_path: Path) -> None:
    text = SMALL.replace("SPREAD", QUIET).replace(
        '"replay_loss_ratio"', '"sent_packets / ike_datagrams"'
    )
    with pytest.raises(LabError, match="is no share"):
        results(tmp_path, text, Effort("quick"))


@pytest.mark.core
def test_the_beginning_needs_no_warm_up(tmp_path: Path) -> None:
    """Runs so short that only the first 100 packets count lose what the stationary formula says.

    What overtakes a packet was sent after it, so the first packets lack nothing; the last lack
    overtakers, and the scenario leaves them out.
    """
    rate_spread = 60.5
    frame = api.sweep(
        "replay-window",
        runs=60,
        out=tmp_path,
        window=32,
        rate="100kpps",
        spread="0.605ms",
        packets=61 + 100,
        payload="12B",
        fast_share=0.02,
    )
    totals = frame["metric.fresh_packets"].tolist()
    assert totals == [100] * 60
    ratio = pooled_ratio(
        frame["metric.replay_lost"].tolist(),
        totals,
        confidence=0.99,
        correlation_length=rate_spread,
    )
    assert ratio is not None and ratio.high - ratio.low < 0.17
    assert ratio.contains(float(theory.two_paths(32, rate_spread, 0.02)))


@pytest.mark.core
def test_the_command(cli: Cli, tmp_path: Path) -> None:
    words = ("claims", "--id", "replay-window.R4", "--quick", "--out", "runs")
    recorded = ROOT / "scenarios" / "verdicts.toml"
    files = ("--junit", "c.xml", "--html", "c.html", "--baseline", recorded)
    done = cli(*words, *files)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "1 claims: 1 confirmed" in done.stdout
    page = (tmp_path / "c.html").read_text()
    assert "replay-window.R4" in page and "://" not in page
    [case] = ElementTree.parse(tmp_path / "c.xml").iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("replay-window", "replay-window.R4")

    changed = tmp_path / "changed.toml"
    text = recorded.read_text()
    head, found, tail = text.partition('effort = "quick"\nid = "replay-window.R4"\nverdict = "')
    assert found
    changed.write_text(head + found + tail.replace("confirmed", "refuted", 1))
    again = cli(*words, "--baseline", changed)
    assert again.returncode == 1
    assert "CHANGED: replay-window.R4: verdict changed from refuted to confirmed" in again.stdout


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--id", "nothing.R1"), "--id nothing.R1"),
        (("--topic", "nothing"), "--topic nothing"),
        (("--precision", "5"), "--precision 5"),
        (("--precision", "5%%"), "--precision"),
        (("--baseline", "missing.toml"), "missing.toml"),
        (("--quick", "--seed", "2", "--update-baseline"), "seed 1"),
        (("--index", "--topic", "nothing"), "not in the index"),
    ],
)
@pytest.mark.core
def test_mistakes_are_one_line(cli: Cli, tmp_path: Path, words: tuple[str, ...], part: str) -> None:
    done = cli("claims", *words)
    assert done.returncode == 2
    assert part in done.stderr and len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


# ---- baseline ----


def test_a_claim_without_record_and_a_record_without_claim(tmp_path: Path) -> None:
    records = [Record("quick", "gone.R1", "confirmed", "abc", ())]
    [change] = baseline.compare(records, "quick", [], "def", frozenset())
    assert change.id == "gone.R1" and "no such claim any more" in change.message
    assert baseline.compare(records, "full", [], "def", frozenset()) == []
    [claim] = claims.load(_written(tmp_path, SMALL.replace("SPREAD", QUIET)))
    result = Result(claim, "confirmed", (), 2, 1, 1, "again")
    [change] = baseline.compare(records, "quick", [result], "def", frozenset({"gone.R1"}))
    assert "no quick verdict is recorded" in change.message


def test_an_update_keeps_other_records(tmp_path: Path) -> None:
    [claim] = claims.load(_written(tmp_path, SMALL.replace("SPREAD", QUIET)))
    path = tmp_path / "verdicts.toml"
    result = Result(claim, "confirmed", (), 2, 1, 1, "again")
    known = frozenset({"test.A1", "test.A2"})
    other = replace(result, claim=replace(claim, id="test.A2"))
    baseline.update(path, "quick", [result, other], "abc", known)
    baseline.update(path, "full", [result], "def", known)
    baseline.update(path, "quick", [replace(result, verdict="refuted")], "fed", known)
    found = {(r.effort, r.id): (r.verdict, r.revision) for r in baseline.load(path)}
    assert found == {
        ("full", "test.A1"): ("confirmed", "def"),
        ("quick", "test.A1"): ("refuted", "fed"),
        ("quick", "test.A2"): ("confirmed", "abc"),
    }


def test_a_damaged_baseline_is_named(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.toml"
    head = '[[verdict]]\neffort = "quick"\nid = "a"\n'
    path.write_text(head + 'verdict = "perhaps"\nrevision = "r"\nfigures = []\n')
    with pytest.raises(LabError, match=r"verdicts\.toml:4: verdict a: verdict: 'perhaps'"):
        baseline.load(path)


def test_every_claim_has_a_quick_verdict() -> None:
    records = baseline.load(ROOT / "scenarios" / "verdicts.toml")
    recorded = {record.id for record in records if record.effort == "quick"}
    assert recorded == {claim.id for claim in claims.load_all()}


# ---- index ----


def test_the_index_is_complete() -> None:
    index = claims_index.load()
    counts = {topic.name: topic.count for topic in index.topics if topic.name != "closed-forms"}
    assert counts == COUNTS
    assert sum(counts.values()) == 152
    assert claims_index.disagreements(index, claims.load_all()) == []


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("count = 11", "count = 10", "count: 11 ids"),
        ('ids = ["R1", ', "ids = [", "count"),
        ('id = "replay-window.R2"', 'id = "replay-window.R20"', "replay-window.R2 has no entry"),
        ('id = "dscp-split.D2"', 'id = "dscp-split.D1"', "dscp-split.D2 has no entry"),
        (
            'reason = "scenario optimized-rekey: the optimised CREATE_CHILD_SA"\n',
            "",
            "reason: missing",
        ),
        ('state = "waiting"', 'state = "lost"', "state: 'lost' is none of"),
    ],
)
def test_faults_of_the_index_are_named(tmp_path: Path, old: str, new: str, part: str) -> None:
    text = claims_index.PATH.read_text()
    assert old in text
    path = tmp_path / "claims-index.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(LabError, match=part) as caught:
        claims_index.load(path)
    assert str(caught.value).startswith(f"{path}:")


def test_an_index_that_disagrees_with_the_files_is_noticed(tmp_path: Path) -> None:
    written = claims.load_all()
    index = claims_index.load()
    [lost] = claims_index.disagreements(index, written[1:])
    assert written[0].id in lost and "there is none" in lost
    stray = claims.load(_written(tmp_path, SMALL.replace("SPREAD", QUIET)))
    [line] = claims_index.disagreements(index, [*written, *stray])
    assert "test.A1: not in the index" in line


@pytest.mark.core
def test_the_index_is_printed(cli: Cli) -> None:
    done = cli("claims", "--index")
    assert done.returncode == 0
    written = len(claims.load_all())
    assert f"158 claims: {written} have a file, {158 - written} wait" in done.stdout


def _written(folder: Path, text: str) -> Path:
    path = folder / "claims.toml"
    path.write_text(text)
    return path
