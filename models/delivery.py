"""A message is delivered: the application has read its last byte, and its slot can be used again."""

from __future__ import annotations

from models.clocks import number_of, on_wire
from models.constants import REPLIES
from models.ledger import NEVER, close_ledger
from models.state import INF, Endpoint, Message, Writer
from models.tally import MESSAGES, tally_message, tally_transaction, tally_wait

ALL = INF


def deliver(e: Endpoint, peer: Endpoint, runnable: int, now: int, most: int) -> int:
    """Up to `most` messages of `peer` that e holds entirely; its application could have read from `runnable` on."""
    w = peer.w
    n = 0
    while w.done < w.ordered and n < most:
        m = w.m[on_wire(w, w.done)]
        if m.end > e.copied_seq:
            break
        close_ledger(m, runnable, e.r.reads, now)
        count(e, w, number_of(w, w.done), m)
        w.done += 1
        n += 1
    if w.layered:
        retire(w)
    if n and w.starved:
        w.need = 1
    return n


def count(e: Endpoint, w: Writer, number: int, m: Message) -> None:
    """The message, which the writer `w` sent and `e` has read, enters the tally that asks for it."""
    if w.tally.on == MESSAGES:
        tally_message(w.tally, number, m)
        if w.tally.watch and number + 1 < w.made:
            due = w.m[(number + 1) & w.mask].t_due
            tally_wait(w.tally, due, m.t_read - due)
    elif w.mode == REPLIES:
        tally_transaction(e.w.tally, number, e.w.m[number & e.w.mask], m)


def retire(w: Writer) -> None:
    """Messages of several streams are read in another order than they were called: slots go back in the ring's."""
    while w.retired < w.entered and w.m[w.retired & w.mask].t_read != NEVER:
        w.retired += 1
