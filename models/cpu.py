"""The host's application core: one thing at a time, first come first served.

Costs are a host profile (`models.profiles`). Received packets are processed on a core of their own (see
`models.link.schedule_head`).
"""

from __future__ import annotations

from models.state import Host

WARM_FOR = 2_000_000
"""A host stays warm this long, ns."""


def cold_after(h: Host, idle: int) -> int:
    """Extra ns after being idle for so long: `cold_ns` for each doubling beyond 2 ms, six at most."""
    extra = 0
    if h.cold_ns:
        limit = WARM_FOR
        for _ in range(6):
            if idle > limit:
                extra += h.cold_ns
            limit <<= 1
    return extra


def cold(h: Host, now: int) -> int:
    """Extra ns because the host has been idle until now."""
    return cold_after(h, now - h.active_at)


def timer_wake_ns(h: Host, slept: int) -> int:
    """From the end of a thread's own sleep to the thread running: the timer's interrupt, the switch, cold caches."""
    return h.irq_ns + h.wake_ns + cold_after(h, slept)


def work(h: Host, now: int, ns: int) -> int:
    """Occupy the core for `ns` from when it is free; returns when the work is done."""
    if ns == 0:
        return max(now, h.app_busy)
    h.app_busy = max(now, h.app_busy) + ns
    h.app_ns += ns
    return h.app_busy
