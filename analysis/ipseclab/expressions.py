# SPDX-License-Identifier: BSD-3-Clause
"""Arithmetic that a claim may contain: names, numbers, operators and a few functions.

An expression is parsed by Python's own parser and walked; nothing else of Python is reachable.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from ipseclab.errors import LabError

_LONGEST = 500  # characters; a claim that needs more is no claim
_LARGEST_EXPONENT = 1000.0

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
Function = Callable[..., float]
FUNCTIONS: dict[str, Function] = {
    "min": min,
    "max": max,
    "ceil": math.ceil,
    "floor": math.floor,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
}


class Expression:
    """A checked expression; LabError says what is wrong with it."""

    def __init__(self, text: str, functions: Mapping[str, Function] = FUNCTIONS) -> None:
        self.text = text
        self._functions = functions
        if len(text) > _LONGEST:
            raise LabError(f"'{text[:40]}...' is longer than {_LONGEST} characters")
        try:
            self._root = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise LabError(f"'{text}' is no expression") from None
        self.names: frozenset[str] = frozenset(self._check(self._root))

    @property
    def quotient(self) -> tuple[Expression, Expression] | None:
        """Both sides of an outermost division."""
        if isinstance(self._root, ast.BinOp) and isinstance(self._root.op, ast.Div):
            left, right = ast.unparse(self._root.left), ast.unparse(self._root.right)
            return Expression(left, self._functions), Expression(right, self._functions)
        return None

    def _check(self, node: ast.expr) -> set[str]:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return set()
        if isinstance(node, ast.Name):
            return {node.id}
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return self._check(node.left) | self._check(node.right)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            return self._check(node.operand)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            if node.func.id not in self._functions:
                known = ", ".join(self._functions)
                raise LabError(f"'{node.func.id}' in '{self.text}' is none of {known}")
            return set().union(*(self._check(argument) for argument in node.args))
        raise LabError(f"'{self.text}': only names, numbers, + - * / ** and functions are allowed")

    def __call__(self, values: Mapping[str, float | str]) -> float:
        """The value; LabError when a name is unknown, is no number, or there is no result."""
        try:
            result = float(self._value(self._root, values))
        except (ArithmeticError, ValueError, TypeError) as error:
            raise LabError(f"'{self.text}' has no value here: {error}") from None
        if not math.isfinite(result):
            raise LabError(f"'{self.text}' has no finite value here")
        return result

    def _value(self, node: ast.expr, values: Mapping[str, float | str]) -> float:
        if isinstance(node, ast.Constant):
            return float(node.value)  # _check let only numbers pass
        if isinstance(node, ast.Name):
            value = values.get(node.id)
            if not isinstance(value, (int, float)):
                raise LabError(f"'{node.id}' in '{self.text}' is no number here")
            return value
        if isinstance(node, ast.BinOp):
            left, right = self._value(node.left, values), self._value(node.right, values)
            if isinstance(node.op, ast.Pow) and abs(right) > _LARGEST_EXPONENT:
                raise LabError(f"'{self.text}': an exponent is beyond {_LARGEST_EXPONENT:g}")
            result = _BINARY[type(node.op)](left, right)
            if isinstance(result, complex):
                raise LabError(f"'{self.text}' has no real value here")
            return result
        if isinstance(node, ast.UnaryOp):
            return _UNARY[type(node.op)](self._value(node.operand, values))
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        arguments = [self._value(argument, values) for argument in node.args]
        return self._functions[node.func.id](*arguments)
