"""Python asserts over the socket's state: names, numbers, comparisons and arithmetic, nothing else.

A script is somebody else's text, so its code is not run but evaluated over its syntax tree.
"""

from __future__ import annotations

import ast
import operator
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

CONSTANTS = {
    "TCP_CA_Open": 0,
    "TCP_CA_Disorder": 1,
    "TCP_CA_CWR": 2,
    "TCP_CA_Recovery": 3,
    "TCP_CA_Loss": 4,
}

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv, ast.Mod: operator.mod, ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
}  # fmt: skip
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.Not: operator.not_}


class NotUnderstood(Exception):
    """The code does more than assert, or asks for something the model does not know."""


def failures(code: str, known: Mapping[str, int]) -> list[str]:
    """The asserts that do not hold, each with the values of its names."""
    try:
        tree = ast.parse(textwrap.dedent(code).strip(" \n;\\"))
    except SyntaxError as error:
        raise NotUnderstood(f"this is not Python: {error.msg}") from error
    names = CONSTANTS | dict(known)
    found: list[str] = []
    for statement in tree.body:
        if not isinstance(statement, ast.Assert):
            raise NotUnderstood("only asserts are understood")
        if not _value(statement.test, names):
            found.append(f"{ast.unparse(statement.test)}: {_shown(statement.test, names)}")
    return found


def _shown(test: ast.expr, names: Mapping[str, int]) -> str:
    """What its variables are."""
    used = sorted({n.id for n in ast.walk(test) if isinstance(n, ast.Name) and n.id not in CONSTANTS})
    return ", ".join(f"{name} is {names[name]}" for name in used)


def _value(node: ast.expr, names: Mapping[str, int]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            if node.id not in names:
                raise NotUnderstood(f"the model has no {node.id}")
            return names[node.id]
        case ast.Tuple():
            return tuple(_value(v, names) for v in node.elts)
        case ast.UnaryOp() if type(node.op) in UNARY:
            return UNARY[type(node.op)](_value(node.operand, names))
        case ast.BinOp() if type(node.op) in BINARY:
            return BINARY[type(node.op)](_value(node.left, names), _value(node.right, names))
        case ast.BoolOp():
            values = (_value(v, names) for v in node.values)
            return all(values) if isinstance(node.op, ast.And) else any(values)
        case ast.Compare():
            return _compare(node, names)
    raise NotUnderstood(f"{ast.unparse(node)} is not understood")


def _compare(node: ast.Compare, names: Mapping[str, int]) -> bool:
    left = _value(node.left, names)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, names)
        if type(op) not in COMPARE:
            raise NotUnderstood(f"{ast.unparse(node)} is not understood")
        if not COMPARE[type(op)](left, right):
            return False
        left = right
    return True
