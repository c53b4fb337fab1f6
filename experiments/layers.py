"""A scenario document: layers of settings merged over one another, remembering where each value was written.

The lowest layer is the `base`, then the file, then `--set`. `[network]` shorthands are written out per direction in
each layer before it is merged, so that an override of one direction meets the base's value for both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sim.errors import Problem
from sim.scenario import Direction
from sim.units import DURATION

Table = dict[str, Any]
Loc = tuple[str | int, ...]

SHORTHANDS = frozenset({"rtt", *(f.name for f in fields(Direction))})  # keys of [network] itself
STREAMS = ("workload", "reverse")
SUPERSEDES = {  # a stream's key, set in one layer, takes these out of the layers below
    "size": ("sizes",),
    "sizes": ("size",),
    "capture": ("trace", "messages", "capture_port", "arrivals"),
    "trace": ("capture", "capture_port", "messages", "arrivals"),
    "arrivals": ("capture", "capture_port", "trace"),
}


@dataclass(frozen=True)
class Layer:
    """One source of settings: how messages call it, the folder its paths are relative to, what it says."""

    label: str
    folder: Path
    says: Table

    def place(self, loc: Loc) -> str:
        """Where the user wrote `loc`: `slow.toml: network.up.stalls[0]`."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
        return (self.label + "".join(steps).removeprefix(".")).rstrip(": ")


@dataclass
class Document:
    """The merged settings, and for every key the layer and the place it came from."""

    says: Table = field(default_factory=dict)
    origin: dict[Loc, tuple[Layer, Loc]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=lambda: [Layer("scenario", Path(), {})])

    def add(self, layer: Layer) -> None:
        """Put one more layer on top."""
        self.layers.append(layer)
        says, written, problems = _expand(layer)
        self.problems += problems
        for stream in STREAMS:
            for key in _keys(says.get(stream)):
                self._drop(stream, [old for old in SUPERSEDES.get(key, ()) if old not in says[stream]])
        if "name" in _keys(says.get("policy")) and says["policy"]["name"] != self.at(("policy", "name")):
            self._drop("policy", ["parameters", "source"])  # they were those of another policy
        self._merge(self.says, says, layer, written, ())

    def where(self, loc: Loc) -> str:
        """Where a key was written, or, for a key nobody wrote, where it would be."""
        for length in range(len(loc), 0, -1):
            if loc[:length] in self.origin:
                layer, place = self.origin[loc[:length]]
                return layer.place((*place, *loc[length:]))
        return self.layers[-1].place(loc)

    def at(self, loc: Loc) -> Any:
        """The value at `loc`, or None."""
        value: Any = self.says
        for step in loc:
            value = value.get(str(step)) if isinstance(value, dict) else None
        return value

    def rank(self, loc: Loc) -> int:
        """How far up the layer lies that wrote `loc`; -1 if none did."""
        return self.layers.index(self.origin[loc][0]) if loc in self.origin else -1

    def folder(self, loc: Loc) -> Path:
        """The folder a path at `loc` is relative to."""
        return self.origin[loc][0].folder if loc in self.origin else Path()

    def remove(self, loc: Loc) -> None:
        """Take out the value at `loc`, or the innermost table key on the way to it."""
        table = self.says
        for at, step in enumerate(loc):
            inner = table.get(str(step))
            if not isinstance(inner, dict) or at == len(loc) - 1:
                table.pop(str(step), None)
                return
            table = inner

    def _drop(self, table: str, keys: list[str]) -> None:
        for key in keys:
            if isinstance(self.says.get(table), dict):
                self.says[table].pop(key, None)
                self.origin.pop((table, key), None)

    def _merge(self, table: Table, says: Table, layer: Layer, written: dict[Loc, Loc], at: Loc) -> None:
        for key, value in says.items():
            loc = (*at, key)
            self.origin[loc] = (layer, _place(loc, written))
            if isinstance(value, dict):
                inner = table.get(key)
                table[key] = dict(inner) if isinstance(inner, dict) else {}
                self._merge(table[key], value, layer, written, loc)
            else:
                table[key] = value


def _keys(table: object) -> list[str]:
    return list(table) if isinstance(table, dict) else []


def _place(loc: Loc, written: dict[Loc, Loc]) -> Loc:
    """Where `loc`, perhaps inside a shorthand's table, was written."""
    for length in range(len(loc), 0, -1):
        if loc[:length] in written:
            return (*written[loc[:length]], *loc[length:])
    return loc


def _expand(layer: Layer) -> tuple[Table, dict[Loc, Loc], list[Problem]]:
    """A layer with `[network]` shorthands written out per direction, where each was written, and what was wrong."""
    network = layer.says.get("network")
    if not isinstance(network, dict):
        return layer.says, {}, []
    both = {key: value for key, value in network.items() if key in SHORTHANDS and key != "rtt"}
    ways = {key: value for key, value in network.items() if key not in SHORTHANDS}
    halves, problems = _halves(layer, network)
    written: dict[Loc, Loc] = {}
    for way in ("up", "down"):
        shared = both | ({"delay": halves[way]} if halves else {})
        own = ways.get(way, {})
        if not shared or not isinstance(own, dict):
            continue
        ways[way] = _over(shared, own)
        for key in shared.keys() - own.keys():
            written["network", way, key] = ("network", "rtt" if halves and key == "delay" else key)
    return layer.says | {"network": ways}, written, problems


def _halves(layer: Layer, network: Table) -> tuple[dict[str, str], list[Problem]]:
    """`rtt` as the delay of each direction."""
    if "rtt" not in network:
        return {}, []
    problems = []
    if "delay" in network:
        problems.append(Problem(layer.place(("network", "delay")), "contradicts rtt", "give rtt, or delay each way"))
    try:
        rtt = DURATION.parse(network["rtt"])
    except ValueError as error:
        problem, _, cure = str(error).partition(": ")
        return {}, [*problems, Problem(layer.place(("network", "rtt")), problem, cure)]
    return {"up": f"{rtt // 2}ns", "down": f"{rtt - rtt // 2}ns"}, problems


def _over(below: Table, above: Table) -> Table:
    """`above` merged over `below`, tables within tables too."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged
