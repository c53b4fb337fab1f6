"""The host's application core: one thing at a time, first come first served.

Costs are a host profile (`models.profiles`). Received packets are processed on a core of their own (see
`models.link.schedule_head`).
"""

from __future__ import annotations

from models.state import Host


WARM_FOR = 2_000_000
"""A host stays warm this long, ns."""


def cold(h: Host, now: int) -> int:
    """Extra ns because the host has been idle: `cold_ns` for each doubling of the idle time beyond 2 ms, six at most."""
    extra = 0
    if h.cold_ns:
        limit = WARM_FOR
        for _ in range(6):
            if now - h.active_at > limit:
                extra += h.cold_ns
            limit <<= 1
    return extra


def work(h: Host, now: int, ns: int) -> int:
    """Occupy the core for `ns` from when it is free; returns when the work is done."""
    if ns == 0:
        return max(now, h.app_busy)
    h.app_busy = max(now, h.app_busy) + ns
    h.app_ns += ns
    return h.app_busy
