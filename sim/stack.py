"""A stack's values in a scenario: on the host that runs it, and on the streams that host sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from models.facts import Unknown, Value, resolve
from models.stacks import STACKS
from sim.errors import Problem, ScenarioError
from sim.scenario import Framing, Host, Http2, Scenario, Workload

HOST, HTTP2, FRAMING = "host", "http2", "framing"


def values(name: str) -> Iterator[tuple[str, str, Value]]:
    """What the stack `name` or `name@version` sets, as (HOST | HTTP2 | FRAMING, key, value). Raises ScenarioError."""
    try:
        facts = resolve(STACKS, name, "stack")
    except Unknown as error:
        problem, _, cure = str(error).partition(": ")
        raise ScenarioError([Problem("stack", problem, cure)]) from None
    for key, fact in facts.items():
        table, dot, inner = key.partition(".")
        yield (table, inner, fact.value) if dot else (HOST, key, fact.value)


def _table(name: str, table: str) -> dict[str, Any]:
    return {key: value for where, key, value in values(name) if where == table}


def framing(name: str) -> Framing:
    """How the stack frames and flushes."""
    return Framing(**_table(name, FRAMING))


def host(name: str, base: Host) -> Host:
    """`base` running the stack."""
    return replace(base, http2=Http2(**_table(name, HTTP2)), **_table(name, HOST))


def with_stack(scenario: Scenario, both: str = "", *, server: str = "", client: str = "") -> Scenario:
    """`scenario` with a stack on both hosts, or one on each: host keys, HTTP/2 keys, the framing of what they send.

    The scenario's other values stay; set what is to differ from the stack afterwards, with `dataclasses.replace`.
    """
    for name, stack in (("server", server or both), ("client", client or both)):
        if not stack:
            continue
        changes: dict[str, Any] = {name: host(stack, getattr(scenario, name))}
        for key in ("workload", "reverse"):
            stream: Workload | None = getattr(scenario, key)
            if stream is not None and stream.sender == name:
                changes[key] = replace(stream, framing=framing(stack))
        scenario = replace(scenario, **changes)
    return scenario
