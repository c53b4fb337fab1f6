"""A scenario as TOML text that loads back to the same scenario."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from experiments import policies
from experiments.recordings import messages, packaged_captures
from sim.scenario import Direction, Framing, Network, Policy, Scenario, Workload
from sim.units import DURATION, SIZE, Quantity


def dump(scenario: Scenario) -> str:
    """TOML text of `scenario`: what differs from the defaults, with units. `loads` gives the same scenario back."""
    return "\n".join(_table(scenario, Scenario(), ())).strip() + "\n"


def _table(record: Any, default: Any, path: tuple[str, ...]) -> Iterator[str]:
    """The lines of one table and the tables inside it."""
    if isinstance(record, Network) and record.up == record.down:
        yield from _table(record.up, Direction(), path)
        return
    hints = get_type_hints(type(record), include_extras=True)
    lines: list[str] = []
    inner: list[tuple[str, Any, Any]] = []
    for f in fields(record):
        value, usual = getattr(record, f.name), getattr(default, f.name)
        if value is None or (f.name in {"trace", "source"} and _packaged(record)):
            continue
        if is_dataclass(value) and not isinstance(value, type):
            inner.append((f.name, value, type(value)() if usual is None else usual))
        elif value != usual or _spelt_out(record, f.name, path):
            if isinstance(record, Policy) and f.name == "parameters":
                value = policies.written(record).items()
            lines.append(f"{f.name} = {_value(value, hints[f.name], f.name)}")
    if lines and path:
        yield f"\n[{'.'.join(path)}]"
    yield from lines
    for name, value, usual in inner:
        yield from _table(value, usual, (*path, name))


def _packaged(record: Workload | Policy) -> bool:
    """Its trace, or its source, is one every installation has."""
    if isinstance(record, Policy):
        return record.name in policies.names() and record.source == policies.text(record.name)
    workload = record
    path = packaged_captures().get(workload.capture)
    return path is not None and workload.trace == messages(path, workload.capture_port)


def _spelt_out(record: object, key: str, path: tuple[str, ...]) -> bool:
    """Keys that must be written though they have their usual value: their default depends on other keys."""
    if isinstance(record, Workload) and key == "sender":
        return record.kind == "request-response" or path == ("reverse",)
    return isinstance(record, Framing) and record.flush == "timer" and key == "flush_after"


def _value(value: Any, hint: Any, key: str) -> str:
    if key in {"sysctls", "parameters"}:
        return "{ " + ", ".join(f"{name} = {_scalar(setting)}" for name, setting in value) + " }"
    if key == "trace":
        return "[\n" + "".join(f'    ["{DURATION.format(at)}", "{SIZE.format(size)}"],\n' for at, size in value) + "]"
    if key == "stalls":
        return "[" + ", ".join(f'["{DURATION.format(a)}", "{DURATION.format(b)}"]' for a, b in value) + "]"
    kind = quantity_of(hint)
    if isinstance(value, tuple):
        return "[" + ", ".join(_scalar(kind.format(v) if kind else v) for v in value) + "]"
    return _scalar(kind.format(value) if kind else value)


def quantity_of(hint: Any) -> Quantity | None:
    """The quantity a field holds, alone, in a list or optionally."""
    if get_origin(hint) is Annotated:
        mark = get_args(hint)[1]
        return mark if isinstance(mark, Quantity) else None
    return next((kind for part in get_args(hint) if (kind := quantity_of(part)) is not None), None)


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
