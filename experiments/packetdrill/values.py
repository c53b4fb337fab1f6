"""Arguments of system calls: numbers, names, flags joined by `|`, lists, structures, and `...` for "whatever"."""

from __future__ import annotations

import re
from typing import Any

ANY = "..."

TOKEN = re.compile(r'\s*(?:(\.\.\.)|(0x[0-9a-fA-F]+|-?\d+)|([A-Za-z_]\w*)|("(?:[^"\\]|\\.)*")|([][(){},=|]))')

Tokens = list[str]


def parse_arguments(text: str) -> tuple[Any, ...]:
    """The arguments between a call's parentheses. ValueError where they make no sense."""
    tokens = _tokens(text)
    found = _items(tokens, "")
    if tokens:
        raise ValueError(f"{tokens[0]!r} is out of place")
    return tuple(found)


def _tokens(text: str) -> Tokens:
    found: Tokens = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        m = TOKEN.match(text, at)
        if m is None:
            raise ValueError(f"{text[at : at + 20]!r} is not understood")
        found.append(next(g for g in m.groups() if g is not None))
        at = m.end()
    return found


def _items(tokens: Tokens, closing: str) -> list[Any]:
    """Comma-separated values up to `closing`, which is taken too."""
    found: list[Any] = []
    while tokens and tokens[0] != closing:
        found.append(_value(tokens))
        if tokens and tokens[0] == ",":
            tokens.pop(0)
        elif tokens and tokens[0] != closing:
            raise ValueError(f"{tokens[0]!r} is out of place")
    if closing:
        if not tokens:
            raise ValueError(f"{closing!r} is missing")
        tokens.pop(0)
    return found


def _value(tokens: Tokens) -> Any:
    """One value; `name=value` and `name(...)=value` of a structure become a pair."""
    token = tokens.pop(0)
    if token == "[":
        return _items(tokens, "]")
    if token == "{":
        return _structure(_items(tokens, "}"))
    if token == ANY:
        return ANY
    if re.match(r"-?\d|0x", token):
        return int(token, 0)
    if token[0] == '"':
        return token[1:-1]
    if tokens and tokens[0] == "(":
        tokens.pop(0)
        _items(tokens, ")")
    if tokens and tokens[0] == "=":
        tokens.pop(0)
        return (token, _value(tokens))
    while tokens and tokens[0] == "|":
        tokens.pop(0)
        token += f"|{tokens.pop(0)}"
    return token


def _structure(items: list[Any]) -> Any:
    """Fields by name; without names, as they come."""
    if items and all(isinstance(i, tuple) for i in items):
        return dict(items)
    return items
