# SPDX-License-Identifier: BSD-3-Clause
"""Claims: the files hold, and faults are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

from ipseclab import claims
from ipseclab.errors import LabError

GOOD = """
[[claim]]
id = "t.A1"
document = "RFC 4303"
section = "3.4.3"
statement = "Something."
plan = { scenario = "replay-window", window = [32, 64], rate = "100kpps" }
measure = "replay_loss_ratio"
expect = { kind = "zero" }
replications = 5
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "claims.toml"
    path.write_text(text)
    return path


def test_a_good_claim(tmp_path: Path) -> None:
    [claim] = claims.load(write(tmp_path, GOOD))
    assert list(claim.points()) == [
        {"window": "32", "rate": "100kpps"},
        {"window": "64", "rate": "100kpps"},
    ]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('section = "3.4.3"\n', "", "section"),
        ("replications = 5", 'replications = "5"', "replications"),
        ("replications = 5", "replications = 1", "replications"),
        ('id = "t.A1"', 'id = "t"', "id"),
        ("[32, 64]", "true", "plan.window"),
        ('measure = "replay_loss_ratio"', 'measure = "a + b"', "measure"),
        ('measure = "replay_loss_ratio"', 'measure = "__import__(1)"', "measure"),
        ('"zero"', '"zero_while", x = "rate.real", below = 1', "expect.x"),
        ('"zero"', '"equals_formula", formula = "1"', "expect"),
        ('"zero"', '"equals_formula", formula = "open(1)", absolute = 1', "expect.formula"),
        ('"zero"', '"monotone", x = "rate", direction = "up"', "expect.direction"),
        (
            '"zero"',
            '"ratio_of_arms", arm = {}, against = { esn = "on" }, at_most = 1',
            "expect.arm",
        ),
        ('"zero"', '"equals_table", columns = ["loss"], rows = [[1]], absolute = 1', "expect.rows"),
        ("replications = 5", "replications = 5\ncolour = 1", "colour"),
        ('kind = "zero"', 'kind = "perhaps"', "expect.kind"),
        ('kind = "zero"', 'kind = "zero_while", x = "rate"', "expect.below"),
        ('kind = "zero"', 'kind = "zero", below = 3', "expect.below"),
        ('scenario = "replay-window", ', "", "plan.scenario"),
        ("[32, 64]", "[]", "plan.window"),
        ("[32, 64]", "[[32]]", "plan.window"),
    ],
)
def test_faults_name_file_claim_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    """The line is that of the key, or of what it is missing in."""
    text = GOOD.replace(old, new)
    path = write(tmp_path, text)
    with pytest.raises(LabError) as caught:
        claims.load(path)
    place, owner, named, _ = str(caught.value).split(": ", 3)
    assert named == key
    assert owner in {"claim t.A1", "claim t"}
    file, _, line = place.rpartition(":")
    assert file == str(path)
    last = key.rpartition(".")[2]
    shown = text.splitlines()[int(line) - 1]
    assert last in shown or key.partition(".")[0] in shown or shown == "[[claim]]"
    if new and last in new:
        assert last in shown


def test_other_faults(tmp_path: Path) -> None:
    for text in ("no toml", "other = 1", GOOD + GOOD, "claim = 3"):
        with pytest.raises(LabError, match=r"claims\.toml"):
            claims.load(write(tmp_path, text))


def test_the_line_is_that_of_the_right_claim(tmp_path: Path) -> None:
    text = GOOD + GOOD.replace("t.A1", "t.A2").replace("replications = 5", "replications = 0")
    path = write(tmp_path, text)
    line = text.splitlines().index("replications = 0") + 1
    with pytest.raises(LabError, match=rf"claims\.toml:{line}: claim t\.A2: replications: "):
        claims.load(path)


def test_tables_and_arms_make_cases(tmp_path: Path) -> None:
    table = '"equals_table", columns = ["loss"], rows = [[0, 0.5], [0.1, 0.25]], absolute = 1'
    [claim] = claims.load(write(tmp_path, GOOD.replace('"zero"', table)))
    cases = list(claim.cases())
    assert len(cases) == 4
    assert cases[1].arms == ({"window": "32", "rate": "100kpps", "loss": "0.1"},)
    assert cases[1].published == 0.25
    assert not any(case.fitted for case in cases)
    [claim] = claims.load(write(tmp_path, GOOD.replace('"zero"', table + ", fitted = [[0.2, 9]]")))
    assert [(case.published, case.fitted) for case in claim.cases()][2] == (9.0, True)
    arms = '"ratio_of_arms", arm = { esn = "on" }, against = { esn = "off" }, at_most = 1'
    [claim] = claims.load(write(tmp_path, GOOD.replace('"zero"', arms)))
    assert [arm["esn"] for case in claim.cases() for arm in case.arms] == ["on", "off"] * 2


def test_every_topic_has_claims_of_its_own() -> None:
    written = claims.load_all()
    assert len(written) >= 3
    for claim in written:
        assert claim.scenario == claim.path.parent.name
        assert claim.path.is_relative_to(ROOT)


@pytest.mark.core
@pytest.mark.parametrize("claim", claims.load_all(), ids=lambda claim: claim.id)
def test_claims_name_what_exists(claim: claims.Claim) -> None:
    claims.check_against_core(claim)


@pytest.mark.core
@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("replay_loss_ratio", "no_metric", "measure"),
        ("[32, 64]", "[32, 3]", "window"),
        ("rate =", "rats =", "rats"),
        ('scenario = "replay-window"', 'scenario = "nowhere"', "nowhere"),
    ],
)
def test_what_does_not_exist_is_named(tmp_path: Path, old: str, new: str, word: str) -> None:
    [claim] = claims.load(write(tmp_path, GOOD.replace(old, new)))
    with pytest.raises(LabError, match=word):
        claims.check_against_core(claim)
