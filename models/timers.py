"""The kernel's clock: jiffies and the timer wheel. Every 40 ms and 200 ms number is decided here.

Source: kernel/time/timer.c (`calc_index`, LVL_CLK_SHIFT 3, LVL_SIZE 64), `usecs_to_jiffies()`.
"""

from __future__ import annotations

from models.state import Host


def jiffies_at(h: Host, t: int) -> int:
    """The tick number at any time `t` (ns)."""
    return (t + h.phase) // h.tick


def jiffies(h: Host, now: int) -> int:
    """The tick number at `now` (ns), which never goes back: the latest one holds until its end."""
    if now >= h.tick_to:
        h.tick_no = jiffies_at(h, now)
        h.tick_to = (h.tick_no + 1) * h.tick - h.phase
    return h.tick_no


def timestamp(h: Host, t: int) -> int:
    """The RFC 7323 clock at t (ns): whole ms of the clock whose ticks are the jiffies (`tcp_time_stamp_ms()`)."""
    return (t + h.phase) // 1_000_000


def usecs_to_jiffies(h: Host, us: int) -> int:
    """Microseconds as jiffies, rounded up."""
    return (us * 1000 + h.tick - 1) // h.tick


def lasted(h: Host, n: int, us: int) -> int:
    """Are `n` jiffies as long as `us`, rounded up to jiffies? No division is needed to say so."""
    return 1 if n * h.tick >= us * 1000 else 0


def jiffies_to_usecs(h: Host, n: int) -> int:
    """Jiffies as microseconds."""
    return n * h.tick // 1000


def expiry(h: Host, expires: int, delta: int) -> int:
    """When (ns) a wheel timer set for jiffy `expires`, `delta` jiffies ahead, runs: always late, never early.

    Below 63 jiffies at the next tick behind it, then at multiples of 8, 64 and 512 jiffies.
    """
    if delta < 63:
        tick = expires + 1
    elif delta < 504:
        tick = ((expires >> 3) + 1) << 3
    elif delta < 4032:
        tick = ((expires >> 6) + 1) << 6
    else:
        tick = ((expires >> 9) + 1) << 9
    return tick * h.tick - h.phase + h.irq_ns


def tick_after(h: Host, now: int, d: int) -> int:
    """When (ns) a timer armed now for `d` jiffies fires. With HZ=250: 40 ms -> (40, 44] ms, 252 ms -> (252, 284] ms."""
    return expiry(h, jiffies(h, now) + d, d)
