"""Admission: may the sender take up its next message, or does its own limiter hold it back?

Three things can refuse a message, asked in this order: the sender is paused; too much is queued in front of the socket
(water marks: nothing from `high` bytes on until fewer than `low` are left; gRPC's isReady() is high = low); no token is
left in its bucket. While less than half of the tokens are left a sender may also back off, each time twice as long.

What has come due waits here in order, without bound, or up to `limit` messages: beyond them the oldest is answered at
once with a degraded message of a few bytes, which needs no token.

The bucket is the virtual-scheduling form of the token bucket (ITU-T I.371, GCRA): `used_until` says when all tokens
spent will be back, so nothing needs to be counted while time passes.
"""

from __future__ import annotations

from models.constants import WAITS_FOR_OPENING, WAITS_FOR_TOKEN
from models.sources import enter_due
from models.state import COMING, INF, Endpoint, Gate, Message, Writer


def missing(g: Gate, now: int) -> int:
    """ns until the bucket is full."""
    return max(0, g.used_until - now)


def token_at(g: Gate, now: int) -> int:
    """When there is a token: 0 now, else that time."""
    wait = missing(g, now) - (g.burst - 1) * g.every
    return now + wait if wait > 0 else 0


def back_off(g: Gate, now: int) -> int:
    """Until when to wait because fewer than half of the tokens are left; 0: no more. Every wait is twice the last."""
    if 2 * missing(g, now) <= g.burst * g.every:
        g.delay = 0
        g.backed_until = 0
        return 0
    if g.backed_until == 0:
        g.delay = min(max(2 * g.delay, g.backoff), g.backoff_max)
        g.backed_until = now + g.delay
    return g.backed_until if g.backed_until > now else 0


def refusal(g: Gate, now: int) -> int:
    """0: open. Else when to ask again; INF: when something opens it."""
    if g.paused or g.above:
        return INF
    if g.every == 0:
        return 0
    again = back_off(g, now) if g.backoff else 0
    if again == 0:
        again = token_at(g, now)
        if again:
            g.backed_until = 0
    return again


def overflows(w: Writer) -> int:
    """Do more due messages wait than may?"""
    return 1 if w.gate.limit and w.entered - w.called > w.gate.limit else 0


def degrade(g: Gate, m: Message) -> None:
    """The message is answered with a few bytes."""
    if m.size > g.degraded_size:
        m.size = g.degraded_size
        g.degraded += 1


def next_overflow(w: Writer) -> int:
    """When one more message comes due than may wait, as far as that is known; INF."""
    i = w.called + w.gate.limit
    return w.arrival[i & COMING].due if w.gate.limit and i < w.made else INF


def refused_until(e: Endpoint, m: Message, now: int) -> int:
    """0: the next message, `m`, may be taken up. Else when to ask again; INF: when something opens the gate."""
    w = e.w
    g = w.gate
    if g.passed > w.called:
        return 0
    enter_due(e, now)
    again = 0
    if overflows(w):
        degrade(g, m)
    else:
        again = refusal(g, now)
        if again:
            g.waiting = WAITS_FOR_OPENING if again == INF else WAITS_FOR_TOKEN
            return min(again, next_overflow(w))
        if g.every:
            g.used_until = max(g.used_until, now) + g.every
        g.backed_until = 0
    g.passed = w.called + 1
    g.waiting = 0
    return 0


def note_level(w: Writer, now: int) -> None:
    """What is queued in front of the socket has changed: the application goes on when it has fallen below the mark."""
    g = w.gate
    queued = w.quota - w.quota_left
    if queued >= g.high:
        g.above = 1
    elif queued < g.low and g.above:
        g.above = 0
        if g.waiting == WAITS_FOR_OPENING:
            w.app_at = now


def knock(w: Writer, now: int) -> None:
    """The gate was set anew: a message it holds back asks again."""
    g = w.gate
    g.on = 1 if g.paused or g.high or g.every or g.limit else 0
    if g.high == 0:
        g.above = 0
    if g.waiting:
        g.waiting = 0
        w.app_at = now
