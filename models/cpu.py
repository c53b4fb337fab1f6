"""The host's application core: one thing at a time, first come first served.

Costs are a host profile (`models.profiles`). Received packets are processed on a core of their own (see
`models.link.schedule_head`).
"""

from __future__ import annotations

from models.state import Host


def work(h: Host, now: int, ns: int) -> int:
    """Occupy the core for `ns` from when it is free; returns when the work is done."""
    if ns == 0:
        return max(now, h.app_busy)
    h.app_busy = max(now, h.app_busy) + ns
    h.app_ns += ns
    return h.app_busy
