"""Copies of the compiled loop for what most connections have in common.

Much of what a rule asks is how the connection was set up: is this HTTP/2, is there a shaper, may a probe be sent? The
answer is the same for every message, and for most connections. So the program is compiled once for any connection and
once for each family, with what its members have in common put in for the questions; the entry looks which copy serves
a connection, each time the driver calls it. Results are the same whichever it is, only the speed is not.

What members have in common is found, not listed: the fields that no rule writes, where these scenarios agree.
"""

from __future__ import annotations

import dis
import re
import types
from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import attrgetter

from models.profiles import HOSTS
from models.state import Path, Record, Tally
from sim.compiled import dtype, kinds, offset
from sim.engine import PlainEngine
from sim.plain import fields
from sim.scenario import Direction, Framing, Host, Network, Scenario, Workload
from sim.stack import with_stack

Place = tuple[int, int]
"""A field: the size of the record it lies in, which tells its type, and where."""
Known = dict[Place, int]

ONE = Scenario(workload=Workload(messages=1))
PATH = Direction(rate=10_000_000, delay=5_000_000, queue=100_000, loss=0.01)
OTHER = Scenario(
    workload=Workload(messages=1, sender="client", size=1_000, arrivals="sleeper", granularity=1_000_000),
    reverse=Workload(messages=1, framing=Framing(buffer=16_384)),
    server=Host(nodelay=False, sndbuf=65_536, rcvbuf=65_536),
    client=Host(reader="polling"),
    network=Network(up=PATH, down=replace(PATH, rate=1, delay=1)),
)
"""Another connection, which differs in what users vary: messages, buffers, options, the path."""

IDEAL = (ONE, OTHER)
"""Bytes over TCP between hosts whose own work takes no time."""
REAL = (*IDEAL, *(replace(s, server=replace(s.server, profile=p)) for s in IDEAL for p in HOSTS))
"""The same between any hosts."""
STREAMS = tuple(with_stack(s, "grpc-go@1.63") for s in IDEAL)
GRPC = (
    *STREAMS,
    *(replace(s, server=replace(s.server, profile=profile)) for s in STREAMS for profile in HOSTS),
    *(replace(s, server=replace(s.server, http2=replace(s.server.http2, bdp="off"))) for s in STREAMS),
    *(replace(s, workload=replace(s.workload, framing=replace(s.workload.framing, buffer=4_096))) for s in STREAMS),
)
"""Messages on HTTP/2 streams of one connection, as grpc-go writes them."""
FAMILIES = (IDEAL, REAL, GRPC)

READ = re.compile(
    r"  (?P<at>%\S+) = getelementptr inbounds \[(?P<size>\d+) x i8\], ptr %\S+, i32 0, i32 (?P<offset>\d+)\n"
    r"  (?P<field>%\S+) = bitcast ptr (?P=at) to ptr\n"
    r"  (?P<value>%\S+) = load i64, ptr (?P=field), align 1\n"
)
"""How Numba reads a field of a record."""


def written(rules: Iterable[types.FunctionType]) -> set[str]:
    """The names of all fields that a rule may write."""
    return {i.argval for rule in rules for i in dis.get_instructions(rule) if i.opname == "STORE_ATTR"}


def records(kind: type[Record] = Path, at: int = 0, name: str = "") -> Iterator[tuple[type[Record], int, str]]:
    """Each record of the state that is no element of an array: its type, where it lies, what it is called (`.a.w`)."""
    yield kind, at, name
    for field, type_ in fields(kind).items():
        if isinstance(type_, type) and issubclass(type_, Record):
            yield from records(type_, at + offset(kind, field), f"{name}.{field}")


def settings(rules: Iterable[types.FunctionType]) -> Iterator[tuple[Place, int, str]]:
    """Each integer that no rule writes: its field, where it lies in the state, what it is called (`.a.w.layered`).

    What the driver sets for itself is none: how far to go, what to count and keep.
    """
    driven = written(rules) | {"keep", "drawn"}
    excepted = {Path, Tally, *(kind for kind, in_array in kinds().items() if in_array)}
    for kind, at, name in records():
        for field, type_ in fields(kind).items():
            if type_ is int and field not in driven and kind not in excepted:
                place = dtype(kind).itemsize, offset(kind, field)
                yield place, at + place[1], f"{name}.{field}"


def agreed(rules: Iterable[types.FunctionType], family: Iterable[Scenario]) -> Known:
    """The settings that have one value in every record of their type, at both ends, in all scenarios of a family."""
    found: dict[Place, set[int]] = {}
    paths = [PlainEngine(scenario, seed=0).s for scenario in family]
    for place, _, name in settings(rules):
        read = attrgetter(name.removeprefix("."))
        found.setdefault(place, set()).update(read(path) for path in paths)
    return {place: values.pop() for place, values in found.items() if len(values) == 1}


def with_known(ir: str, known: Known) -> str:
    """The program where what is known need not be read."""

    def constant(m: re.Match[str]) -> str:
        value = known.get((int(m["size"]), int(m["offset"])))
        return m[0] if value is None else f"  {m['value']} = add i64 {value}, 0\n"

    return READ.sub(constant, ir)


def chooser(rules: Iterable[types.FunctionType], families: dict[str, Known], other: str, symbol: str) -> str:
    """LLVM's text of `symbol(state, budget)`: it calls the copy of the first family that the state belongs to."""
    where = list(settings(rules))
    lines = [f"define i64 @{symbol}(ptr %state, i64 %budget) {{", "entry:"]
    for copy, known in families.items():
        belongs = f"%{copy}.differs.0"
        lines.append(f"  {belongs} = add i64 0, 0")
        for n, (place, at, _) in enumerate((s for s in where if s[0] in known), 1):
            lines += [
                f"  %{copy}.at.{n} = getelementptr i8, ptr %state, i64 {at}",
                f"  %{copy}.is.{n} = load i64, ptr %{copy}.at.{n}, align 8",
                f"  %{copy}.off.{n} = xor i64 %{copy}.is.{n}, {known[place]}",
                f"  %{copy}.differs.{n} = or i64 %{copy}.off.{n}, {belongs}",
            ]
            belongs = f"%{copy}.differs.{n}"
        lines += [
            f"  %{copy} = icmp eq i64 {belongs}, 0",
            f"  br i1 %{copy}, label %{copy}.in, label %{copy}.out",
            f"{copy}.in:",
            f"  %{copy}.r = call i64 @{copy}(ptr %state, i64 %budget)",
            f"  ret i64 %{copy}.r",
            f"{copy}.out:",
        ]
    lines += [f"  %r = call i64 @{other}(ptr %state, i64 %budget)", "  ret i64 %r", "}"]
    declared = [f"declare i64 @{name}(ptr, i64)" for name in (*families, other)]
    return "\n".join([*declared, *lines, ""])
