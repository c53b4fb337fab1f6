"""Where a message spent its time: one stay after the other from its intended time to its read, without a gap.

A stay lies in one place and is split by cause. All stays of a message together hold what its ledger holds, cause by
cause: a diagram made of them sums exactly, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from experiments.freed import HELD, Case, freed_at, freeing_ack
from models.state import CAUSES, WRITER_CAUSES

WRITE, FRAMER, QUEUE, WIRE, RECEIVER, READER = "write", "framer", "queue", "wire", "receiver", "reader"
PLACES = (WRITE, FRAMER, QUEUE, WIRE, RECEIVER, READER)
"""On the way: the application's call, the write buffer, the kernel, the link, the other kernel, the reader."""

WRITER = CAUSES[:WRITER_CAUSES]
IN_FRAMER = ("framer", "stream_window", "connection_window", "stream_limit", "scheduler")
"""Causes of the writer's clock that hold a message which has been handed over already."""

Part = tuple[str, int]


@dataclass(frozen=True)
class Stay:
    """A message's time in one place, split by cause, in order."""

    place: str
    start: int
    parts: tuple[Part, ...]

    @property
    def end(self) -> int:
        """When it goes on, ns."""
        return self.start + sum(ns for _, ns in self.parts)


def stays(case: Case) -> Iterator[Stay]:
    """Every stay of a message that went one way (not of request and reply in one), in order of time."""
    at = int(case.row["intended_ns"])
    for place, parts in _pieces(case):
        stay = Stay(place, at, tuple((cause, ns) for cause, ns in parts if ns))
        at = stay.end
        if stay.parts:
            yield stay


def _pieces(case: Case) -> Iterator[tuple[str, list[Part]]]:
    """Place and causes, in the order of the ledger's ten instants; `cpu`, spent in several, is what a leg lacks."""
    r = case.row
    yield from _written(case)
    yield QUEUE, list(in_order_of_time(case, _ns(r, HELD)))
    lost = int(r["sent_ns"] - r["first_sent_ns"])
    yield QUEUE, [("loss_recovery", lost)]
    into = int(r["on_link_ns"] - r["queueing_ns"])
    shaped = int(r["qdisc_ns"])
    yield QUEUE, [("qdisc", shaped), ("cpu", into - int(r["sent_ns"]) - shaped)]
    yield WIRE, _ns(r, ("queueing", "serialisation", "propagation", "jitter", "spike"))
    hole = int(r["loss_recovery_ns"]) - lost
    ordered = [("loss_recovery", hole), ("in_order", int(r["in_order_ns"]))]
    yield RECEIVER, _with_cpu(ordered, int(r["ordered_ns"] - r["arrived_ns"]))
    yield READER, _with_cpu(_ns(r, ("reader",)), int(r["read_ns"] - r["ordered_ns"]))


def _written(case: Case) -> Iterator[tuple[str, list[Part]]]:
    """Before the send queue. A write() that blocks holds the application, or what it handed over to a buffer before."""
    r = case.row
    parts = _ns(r, tuple(cause for cause in WRITER if cause != "cpu"))
    buffered: tuple[str, ...] = IN_FRAMER
    if r["returned_ns"] < r["accepted_ns"]:
        buffered += ("sndbuf",)
    before = [part for part in parts if part[0] not in buffered]
    room = int(r["accepted_ns"] - r["intended_ns"]) - sum(ns for cause, ns in parts if cause in buffered)
    yield WRITE, _with_cpu(before, room)
    yield FRAMER, [part for part in parts if part[0] in buffered]


def _ns(row: Any, causes: tuple[str, ...]) -> list[Part]:
    return [(cause, int(row[f"{cause}_ns"])) for cause in causes]


def _with_cpu(parts: list[Part], room: int) -> list[Part]:
    return [("cpu", room - sum(ns for _, ns in parts)), *parts]


def in_order_of_time(case: Case, held: list[Part]) -> tuple[Part, ...]:
    """What held the message, the delayed ACK where it ran: before the ACK's way back, which is its gate's again."""
    gates = [(cause, ns) for cause, ns in held if ns and cause != "delayed_ack"]
    delayed = sum(ns for cause, ns in held if cause == "delayed_ack")
    if not delayed:
        return tuple(gates)
    ack, way_back = freeing_ack(case), 0
    if ack is not None and gates:
        cause, ns = gates[-1]
        way_back = min(ns, max(0, freed_at(case) - int(ack["tx"])))
        gates[-1] = (cause, ns - way_back)
    after = [(gates[-1][0], way_back)] if way_back else []
    return tuple((cause, ns) for cause, ns in [*gates, ("delayed_ack", delayed), *after] if ns)
