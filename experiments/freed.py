"""A message in its run, and what freed it: which ACK, kept back for how long, where the run was traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.constants import (
    FREED_ACK,
    FREED_LATER_WRITE,
    FREED_OPTION,
    FREED_PACING,
    FREED_QDISC,
    FREED_TIMER,
    FREED_WRITE,
)
from models.state import CAUSES, PACING, QUEUE_CAUSES
from sim.scenario import Host, Scenario

if TYPE_CHECKING:
    from sim import Run

HELD = CAUSES[PACING : PACING + QUEUE_CAUSES]
"""Causes that hold a message in the send queue: something then frees it."""

FREED = {
    FREED_WRITE: "its own write()",
    FREED_LATER_WRITE: "a later write(), which completed the segment or overrode the hold",
    FREED_ACK: "an ACK",
    FREED_TIMER: "a retransmission or probe timer",
    FREED_PACING: "the pacing timer",
    FREED_QDISC: "a packet leaving the shaper",
    FREED_OPTION: "a socket option (NODELAY, or the cork taken out)",
}
"""What a message's `freed` says."""

ROUND_OFF = 100_000  # ns a host may take to turn an arriving ACK into the segment it frees


@dataclass(frozen=True)
class Case:
    """One message in its run: what the sentences are made from."""

    scenario: Scenario
    row: Any
    segments: Any | None
    sender: str
    receiver: str
    leg: bool = False  # of a transaction: the request or the reply alone

    @property
    def host(self) -> Host:
        """The sending host."""
        return self.scenario.server if self.sender == "server" else self.scenario.client

    @property
    def peer(self) -> Host:
        """The receiving host."""
        return self.scenario.client if self.sender == "server" else self.scenario.server

    @property
    def transaction(self) -> bool:
        """Request and reply in one row: both directions are in it."""
        return self.scenario.workload.kind == "request-response" and not self.leg


def case_of(run: Run, index: int) -> Case:
    """The message of that index with what is known about it."""
    matches = (run.messages["index"] == index).nonzero()[0]
    if not len(matches):
        raise KeyError(index)
    sender = run.scenario.workload.sender
    receiver = "client" if sender == "server" else "server"
    return Case(run.scenario, run.messages[matches[0]], segments_of(run), sender, receiver)


def segments_of(run: Run) -> Any | None:
    """The packets of a traced run, else None."""
    trace = getattr(run, "trace", None)
    segments = getattr(trace, "segments", None)
    return segments if segments is not None and len(segments) else None


# ---- what freed it ---------------------------------------------------------------------------------------------------


def freed_by(case: Case) -> str:
    """What let the message's last byte out of the send queue, as precisely as is known."""
    ack = freeing_ack(case)
    if ack is not None:
        return _the_ack(case, ack)
    return "" if case.transaction else FREED.get(int(case.row["freed"]), "")


def freeing_ack(case: Case) -> Any | None:
    """The packet that freed the message, if an ACK did and the run was traced."""
    freed_by_ack = case.transaction or int(case.row["freed"]) == FREED_ACK
    return last_ack(case, freed_at(case)) if freed_by_ack else None


def held_ns(case: Case) -> int:
    """How long something held the message in the send queue."""
    return sum(int(case.row[f"{cause}_ns"]) for cause in HELD)


def freed_at(case: Case) -> int:
    """When the last byte was first sent (of a transaction: the request's)."""
    if not case.transaction:
        return int(case.row["first_sent_ns"])
    sent = data_segments(case)
    if sent is None or not len(sent):
        return int(case.row["accepted_ns"])
    inside = sent[(sent["tx"] >= case.row["call_ns"]) & (sent["tx"] <= case.row["first_sent_ns"])]
    return int(inside["tx"].max()) if len(inside) else int(case.row["accepted_ns"])


def data_segments(case: Case) -> Any | None:
    """Packets with data from the message's sender."""
    if case.segments is None:
        return None
    way = 0 if case.sender == "client" else 1
    return case.segments[(case.segments["direction"] == way) & (case.segments["len"] > 0)]


def last_ack(case: Case, at: int) -> Any | None:
    """The packet from the peer that arrived just before `at`, if one did."""
    if case.segments is None:
        return None
    way = 1 if case.sender == "client" else 0
    back = case.segments[(case.segments["direction"] == way) & (case.segments["drop"] == 0)]
    near = back[(back["due"] <= at) & (back["due"] >= at - ROUND_OFF)]
    return near[near["due"].argmax()] if len(near) else None


def _the_ack(case: Case, ack: Any) -> str:
    when = milliseconds_of(int(ack["due"]) - int(case.row["intended_ns"]))
    text = f"the {case.receiver}'s ACK that arrived {when} in"
    delay = ack_delay(case, ack)
    if delay is None:
        return text
    held = f"{milliseconds_of(delay)} after the data it acknowledges had arrived" if delay >= ROUND_OFF else "at once"
    return f"{text}; the {case.receiver} had sent it {held}"


def ack_delay(case: Case, ack: Any) -> int | None:
    """How long the peer kept an ACK back: from the arrival of the last byte it covers; None when that is not known."""
    data = acknowledged(case, ack)
    return None if data is None else int(ack["tx"] - data["due"])


def acknowledged(case: Case, ack: Any) -> Any | None:
    """The packet that brought the last byte an ACK covers, or None when it is not known."""
    sent = data_segments(case)
    if sent is None:
        return None
    brought = sent[(sent["seq"] + sent["len"] == ack["ack"]) & (sent["drop"] == 0) & (sent["due"] <= ack["tx"])]
    return brought[brought["due"].argmin()] if len(brought) else None


def first_arrivals(segments: Any, way: int) -> dict[int, int]:
    """When the first packet arrived that ends at an offset of the stream of one direction, by that offset; ns."""
    came = segments[(segments["direction"] == way) & (segments["len"] > 0) & (segments["drop"] == 0)]
    latest_first = came[came["due"].argsort(kind="stable")[::-1]]
    return dict(zip((latest_first["seq"] + latest_first["len"]).tolist(), latest_first["due"].tolist(), strict=True))


def milliseconds_of(ns: int) -> str:
    """A time or duration to the microsecond: 1,132.000 ms."""
    return f"{ns / 1e6:,.3f} ms"
