"""`--set table.key=value`: TOML where it is TOML, bare words and quantities without quotes, lists of either."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sim.errors import Problem, ScenarioError

Overrides = Sequence[str] | Mapping[str, object]

_SETTING = re.compile(r"\s*[\w-]+(\.[\w-]+)*\s*=.*", re.DOTALL)
_CURE = "write it like --set workload.size=1KiB"


def table_of(overrides: Overrides) -> dict[str, Any]:
    """Dotted settings as one nested table. Raises ScenarioError for text that is no setting or two that collide."""
    if isinstance(overrides, Mapping):
        pairs = list(overrides.items())
    else:
        wrong = [Problem(f"--set {o}", "is no setting", _CURE) for o in overrides if not _SETTING.fullmatch(o)]
        if wrong:
            raise ScenarioError(wrong)
        pairs = list(_read(overrides))
    table: dict[str, Any] = {}
    for key, value in pairs:
        *above, last = key.split(".")
        inner: Any = table
        for step in above:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or isinstance(inner.get(last), dict):
            cure = "set a key, or keys inside it, not both"
            raise ScenarioError([Problem(f"--set {key}", "contradicts another --set", cure)])
        inner[last] = value
    return table


def flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted names: `server.nodelay = true` and `"server.nodelay" = true` are the same."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(flattened(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _read(overrides: Iterable[str]) -> Iterator[tuple[str, object]]:
    for override in overrides:
        key, _, text = override.partition("=")
        yield key.strip(), value_of(text)


def value_of(text: str) -> object:
    """The value behind the `=`: `1KiB`, `on-idle`, `true`, `[64B, 128B]`, `{delay=200ms}`, or any TOML value."""
    text = text.strip()
    try:
        parsed = tomllib.loads(f"value = {text}")
        if len(parsed) == 1 and isinstance(parsed["value"], str | int | float | list | dict):
            return parsed["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        pass
    if text[:1] == "[" and text[-1:] == "]":
        return [value_of(part) for part in _parts(text[1:-1])]
    if text[:1] == "{" and text[-1:] == "}":
        return dict(_read(_parts(text[1:-1])))
    return text


def _parts(text: str) -> list[str]:
    """Split at the commas outside brackets and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for at, char in enumerate(text):
        quoted ^= char == '"'
        depth += 0 if quoted else (char in "[{") - (char in "]}")
        if char == "," and depth == 0 and not quoted:
            parts.append(text[start:at])
            start = at + 1
    return [p for p in (*parts, text[start:]) if p.strip()]
