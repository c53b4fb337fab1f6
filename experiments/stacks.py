"""`stack = "grpc-go@1.63"` in a scenario file: the stack's values, below the keys written beside it or above it.

At the top level it holds for both hosts, in `[server]` or `[client]` for that one. Layers below the one that names the
stack lose their framing and HTTP/2 keys to it, since a stack is never half of another; keys of the same layer and of
those above it come before the stack's.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from experiments.dump import quantity_of
from experiments.layers import STREAMS, Document, Layer, Loc
from sim import stack
from sim.errors import Problem, ScenarioError
from sim.scenario import Framing, Host, Http2

HOSTS = ("server", "client")


def apply(document: Document) -> None:
    """Write out the stacks a document names, and take their names away."""
    for host in HOSTS:
        loc = _named(document, host)
        if loc is not None:
            _write_out(document, host, loc)
    for loc in (("stack",), *((host, "stack") for host in HOSTS)):
        _drop(document, loc)


def _named(document: Document, host: str) -> Loc | None:
    """The key whose stack `host` runs: that of the layer on top, or the host's own."""
    given = [loc for loc in (("stack",), (host, "stack")) if loc in document.origin]
    return max(given, key=lambda loc: (document.rank(loc), len(loc)), default=None)


def _write_out(document: Document, host: str, named: Loc) -> None:
    name = document.at(named)
    if not isinstance(name, str):
        problem = Problem(document.where(named), f"{name!r} is no name", 'write it like "grpc-go@1.63"')
        document.problems.append(problem)
        return
    try:
        values = list(stack.values(name))
    except ScenarioError as error:
        document.problems += [Problem(document.where(named), p.problem, p.cure) for p in error.problems]
        return
    places: dict[str, list[Loc]] = {
        stack.HOST: [(host,)],
        stack.HTTP2: [(host, "http2")],
        stack.FRAMING: [(stream, "framing") for stream in STREAMS if _sender(document, stream) == host],
    }
    rank, layer = document.rank(named), document.origin[named][0]
    for table in (*places[stack.HTTP2], *places[stack.FRAMING]):
        for key in list(document.at(table) or {}):
            if document.rank((*table, key)) < rank:
                _drop(document, (*table, key))
    for where, key, value in values:
        for table in places[where]:
            if document.rank((*table, key)) < rank:
                _set(document, (*table, key), as_written(where, key, value), layer, named)


def as_written(where: str, key: str, value: Any) -> Any:
    """A stack's value as a scenario file has it: quantities with their unit."""
    table = {stack.HOST: Host, stack.HTTP2: Http2, stack.FRAMING: Framing}[where]
    quantity = quantity_of(get_type_hints(table, include_extras=True)[key])
    return quantity.format(value) if quantity else value


def _sender(document: Document, stream: str) -> str:
    """Who sends a stream; "" if there is none."""
    if stream == "reverse" and "reverse" not in document.says:
        return ""
    return str(document.at((stream, "sender")) or "server")


def _set(document: Document, loc: Loc, value: Any, layer: Layer, named: Loc) -> None:
    table = document.says
    for step in loc[:-1]:
        table = table.setdefault(str(step), {})
    table[str(loc[-1])] = value
    document.origin[loc] = (layer, named)


def _drop(document: Document, loc: Loc) -> None:
    table = document.at(loc[:-1])
    if isinstance(table, dict):
        table.pop(str(loc[-1]), None)
    document.origin.pop(loc, None)
