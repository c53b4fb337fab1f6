"""A message is delivered: the application has read its last byte, and its slot can be used again."""

from __future__ import annotations

from models.constants import REPLIES
from models.ledger import close_ledger
from models.slots import release
from models.state import INF, SLOTS, Endpoint, Message, Writer
from models.tally import MESSAGES, tally_message, tally_transaction, tally_wait

ALL = INF
UNDRAINED = 4_096  # messages that may lie read before the driver is asked to take them


def deliver(e: Endpoint, peer: Endpoint, runnable: int, now: int, most: int) -> int:
    """Up to `most` messages of `peer` that e holds entirely; its application could have read from `runnable` on."""
    w = peer.w
    n = 0
    while w.done < w.ordered and n < most:
        m = w.m[w.slot[w.done & SLOTS]]
        if m.end > e.copied_seq:
            break
        close_ledger(m, runnable, e.r.reads, now)
        count(e, w, m)
        w.done += 1
        n += 1
    if n and w.keep == 0:
        release(peer, e)
        if w.mode == REPLIES:
            release(e, peer)
    elif w.done - w.drained >= UNDRAINED:
        w.need = 1
    if n and w.done == w.total:
        w.need = 1  # that was the last: the driver sees whether the run is over
    return n


def count(e: Endpoint, w: Writer, m: Message) -> None:
    """The message, which the writer `w` sent and `e` has read, enters the tally that asks for it."""
    if w.tally.on == MESSAGES:
        tally_message(w.tally, m)
        if w.tally.watch and m.number + 1 < w.total:
            tally_wait(w.tally, m.next_due, m.t_read - m.next_due)
    elif w.mode == REPLIES:
        tally_transaction(e.w.tally, e.w.m[e.w.slot[m.number & SLOTS]], m)
