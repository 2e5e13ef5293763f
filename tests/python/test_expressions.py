# SPDX-License-Identifier: BSD-3-Clause
"""Expressions in claims: arithmetic, and nothing else."""

from __future__ import annotations

import pytest

from ipseclab.errors import LabError
from ipseclab.expressions import Expression


def test_arithmetic() -> None:
    assert Expression("2 + 3 * 4 - 6 / 4")({}) == 12.5
    assert Expression("-2 ** 2 + +1")({}) == -3
    assert Expression("max(ceil(rate * spread), 64)")({"rate": 1e5, "spread": 1.0005e-3}) == 101
    assert Expression("exp(log(x))")({"x": 7.0}) == pytest.approx(7.0)
    assert Expression("rate * spread").names == {"rate", "spread"}


def test_quotient_is_the_outermost_division() -> None:
    quotient = Expression("(a + b) / (c - 1)").quotient
    assert quotient is not None
    assert quotient[0]({"a": 1.0, "b": 2.0}) == 3.0
    assert quotient[1]({"c": 5.0}) == 4.0
    assert Expression("a + b / c").quotient is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "__import__('os')",
        "open(1)",
        "rate.real",
        "rate[0]",
        "'text'",
        "True",
        "1 if x else 2",
        "[1, 2]",
        "lambda: 1",
        "x := 1",
        "a < b",
        "max(*x)",
        "max(x, key=abs)",
        "(max)(1)(2)",
        "1j",
        "a; b",
        "(" * 300 + "1" + ")" * 300,
        "1 +" * 1000 + "1",
    ],
)
def test_what_is_no_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(LabError):
        Expression(text)


@pytest.mark.parametrize(
    "text",
    ["1 / 0", "10 ** 400", "9 ** 9 ** 9 ** 9", "(-8) ** 0.5", "log(0)", "max(1)", "x", "name"],
)
def test_what_has_no_value_is_named(text: str) -> None:
    with pytest.raises(LabError):
        Expression(text)({"name": "two-path"})
