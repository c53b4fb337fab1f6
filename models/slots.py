"""Where messages lie: those to come in a ring of arrivals, those under way in slots of a pool.

The slot that was freed last is handed out first. Few messages are under way most of the time, so their records stay in
the processor's nearest cache, whatever the capacity: message i is `w.m[w.slot[i & SLOTS]]`.

A message enters in time: the driver has drawn all that is due before any event happens (`Path.drawn_until`). UNDER_WAY
messages may be due and not yet read. One more ends the run: a sender that waited for a slot would be held up by the
simulator, not by anything it simulates.
"""

from __future__ import annotations

from models.constants import ERR_MESSAGES, REQUESTS
from models.ledger import open_ledger
from models.limits import stop
from models.state import AHEAD, COMING, SLOTS, UNDER_WAY, Endpoint, Writer

FEW = AHEAD >> 2
"""With no more arrivals than these to come, the driver draws."""


def make(w: Writer, t: int, root: int) -> None:
    """The next message is due at t; its transaction began at `root`."""
    p = w.arrival[w.made & COMING]
    p.due = t
    p.root = root
    w.made += 1


def enter(e: Endpoint) -> int:
    """The next message is due: give it a slot and an empty ledger. 0: too many are under way."""
    w = e.w
    if w.entered - w.done >= UNDER_WAY:
        stop(e, ERR_MESSAGES)
        return 0
    i = w.free
    if i:
        w.free = w.m[i].behind
    else:
        w.top += 1
        i = w.top
    number = w.entered
    w.entered = number + 1
    p = w.arrival[number & COMING]
    m = w.m[i]
    m.number = number
    m.t_due = p.due
    m.root = p.root
    m.size = p.size
    m.stall = p.stall
    m.next_due = w.arrival[(number + 1) & COMING].due
    open_ledger(m)
    return i


def finished_with(e: Endpoint, peer: Endpoint) -> int:
    """How many of e's messages nobody needs any more, in the order of the wire.

    They have been read, a request's reply too, and the framer has counted the write() calls they took.
    """
    w = e.w
    n = w.done
    if w.layered:
        n = min(n, w.framed - e.h2.finished)
    if w.mode == REQUESTS:
        n = min(n, peer.w.done)
    return n


def release(e: Endpoint, peer: Endpoint) -> None:
    """Free the slots of messages that nobody needs."""
    w = e.w
    n = finished_with(e, peer)
    while w.drained < n:
        i = w.slot[w.drained & SLOTS]
        w.m[i].behind = w.free
        w.free = i
        w.drained += 1
