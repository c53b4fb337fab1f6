"""Reason clocks: why something waits, at every moment, so that waits can be summed exactly.

A clock runs one reason at a time and keeps the ns each reason has run. A message subtracts the readings when its wait
begins and adds them when it ends; what remains is its share of every reason, exclusive, exhaustive and exact.

Writer clocks count the first WRITER_CAUSES causes, the send-queue clock the QUEUE_CAUSES from PACING on. The slot
behind the last is "nothing waits".
"""

from __future__ import annotations

from models.state import PACING, QUEUE_CAUSES, WRITER_CAUSES, Clock, Message

NOTHING = WRITER_CAUSES
QUEUE_NOTHING = QUEUE_CAUSES


def switch(c: Clock, now: int, why: int) -> None:
    """From now on `why` is the reason."""
    if c.why != why:
        c.ran[c.why] += now - c.since
        c.since = now
        c.why = why


def begin_write_wait(c: Clock, m: Message, t: int) -> None:
    """The message waits on this writer clock from time t (not after now, not before the latest switch)."""
    for k in range(WRITER_CAUSES):
        m.x[k] -= c.ran[k]
    if c.why < WRITER_CAUSES:
        m.x[c.why] -= t - c.since


def end_write_wait(c: Clock, m: Message, now: int) -> None:
    """The message's wait on this writer clock is over."""
    for k in range(WRITER_CAUSES):
        m.x[k] += c.ran[k]
    if c.why < WRITER_CAUSES:
        m.x[c.why] += now - c.since


def begin_queue_wait(c: Clock, m: Message, now: int) -> None:
    """The message's last byte is in the send queue."""
    for k in range(QUEUE_CAUSES):
        m.x[PACING + k] -= c.ran[k]
    if c.why < QUEUE_CAUSES:
        m.x[PACING + c.why] -= now - c.since


def end_queue_wait(c: Clock, m: Message, now: int) -> None:
    """The message's last byte leaves for the first time."""
    for k in range(QUEUE_CAUSES):
        m.x[PACING + k] += c.ran[k]
    if c.why < QUEUE_CAUSES:
        m.x[PACING + c.why] += now - c.since


def override(own: Clock, shared: Clock, now: int, why: int) -> None:
    """From now on `own` runs `why` whatever the shared clock says; NOTHING: the shared clock's reason again.

    The readings of `own` stay comparable: they contain the shared clock's for as long as it was followed.
    """
    if own.why == why:
        return
    if own.why == NOTHING:
        add_reading(own, shared, now, 1)
    else:
        own.ran[own.why] += now - own.since
    if why == NOTHING:
        add_reading(own, shared, now, -1)
    own.since = now
    own.why = why


def add_reading(own: Clock, shared: Clock, now: int, sign: int) -> None:
    """Add the shared clock's reading, or take it away."""
    for k in range(WRITER_CAUSES):
        own.ran[k] += sign * shared.ran[k]
    if shared.why < WRITER_CAUSES:
        own.ran[shared.why] += sign * (now - shared.since)


def begin_own_wait(own: Clock, shared: Clock, m: Message, t: int) -> None:
    """The message waits on `own` over `shared` from time t (not after now, not before the latest switch of either)."""
    begin_write_wait(own, m, t)
    if own.why == NOTHING:
        begin_write_wait(shared, m, t)


def end_own_wait(own: Clock, shared: Clock, m: Message, now: int) -> None:
    """The message's wait on `own` over `shared` is over."""
    end_write_wait(own, m, now)
    if own.why == NOTHING:
        end_write_wait(shared, m, now)
