"""The send buffer: when there is room, when a sleeping writer wakes, when the kernel enlarges it.

A new skb may be queued while less than SO_SNDBUF (doubled, overhead included) is charged. A writer that found no room
sleeps until a third of the buffer is free. Only writers that hit the limit make the kernel enlarge it (autotuning), and
only if SO_SNDBUF was never set.

Linux: `sk_stream_memory_free()`, `sk_stream_write_space()`, `sk_stream_wait_memory()` in core/stream.c;
`tcp_check_space()`, `tcp_new_space()`, `tcp_should_expand_sndbuf()`, `tcp_sndbuf_expand()` in tcp_input.c.
"""

from __future__ import annotations

from models.congestion import cc_sndbuf_expand
from models.constants import INITIAL_WINDOW
from models.inflight import packets_in_flight
from models.state import Endpoint

SHARED_INFO = 320
SK_BUFF = 256
TIMESTAMPS = 12


def memory_free(e: Endpoint, wake: int) -> int:
    """May another skb be queued? `wake` 1 asks for a writer that slept: half of NOTSENT_LOWAT must be free."""
    if e.wmem_queued >= e.sndbuf:
        return 0
    return 1 if (e.write_seq - e.snd_nxt) << wake < e.notsent_lowat else 0


def writeable(e: Endpoint) -> int:
    """Is it worth waking a writer? A third of the send buffer must be free."""
    return 1 if e.sndbuf - e.wmem_queued >= e.wmem_queued >> 1 and memory_free(e, 1) else 0


def sndbuf_expand(e: Endpoint) -> None:
    """Autotuning: room for two (BBR: three) windows of skbs at their worst-case size."""
    per_mss = e.mss + e.timestamps * TIMESTAMPS + e.max_header + SHARED_INFO
    size = 1
    while size < per_mss:
        size <<= 1
    segments = max(max(INITIAL_WINDOW, e.cwnd), e.reordering + 1)
    wanted = cc_sndbuf_expand(e) * segments * (size + SK_BUFF)
    if e.sndbuf < wanted:
        e.sndbuf = min(wanted, e.wmem_max)


def check_space(e: Endpoint, now: int) -> None:
    """A skb was acknowledged or sent: is there room for the sleeping writer? `wake` tells the loop to wake it.

    The buffer is enlarged only at a moment when the congestion window is not full, which in the middle of a burst it
    may not be.
    """
    if e.nospace == 0:
        return
    if e.sndbuf_locked == 0 and packets_in_flight(e) < e.cwnd:
        sndbuf_expand(e)
        e.cwnd_stamp = now
    if writeable(e):
        e.nospace = 0
        e.wake = 1
