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
id = "t.1"
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
        ("replications = 5", "replications = 0", "replications"),
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
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(LabError) as caught:
        claims.load(path)
    assert str(caught.value).startswith(f"{path}: claim t.1: {key}: ")


def test_other_faults(tmp_path: Path) -> None:
    for text in ("no toml", "other = 1", GOOD + GOOD, "claim = 3"):
        with pytest.raises(LabError, match=r"claims\.toml"):
            claims.load(write(tmp_path, text))


def test_every_topic_has_claims_of_its_own() -> None:
    written = claims.load_all()
    assert len(written) >= 3
    for claim in written:
        assert claim.id.startswith(f"{claim.path.parent.name}.")
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
