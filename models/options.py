"""Socket options set on a live connection: what setsockopt() does then and there.

Each is a verb of the socket. A change that makes sending or writing possible sends, or wakes the writer, at once.

Linux: `__tcp_sock_set_nodelay()`, `__tcp_sock_set_cork()`, TCP_NOTSENT_LOWAT of `do_tcp_setsockopt()` in tcp.c;
SO_SNDBUF of `sk_setsockopt()` in core/sock.c; `tcp_set_congestion_control()` and `tcp_reinit_congestion_control()` in
tcp_cong.c. TCP_QUICKACK is in models/delayed_ack.py, the receive buffer in models/receive_window.py.
"""

from __future__ import annotations

from models.congestion import cc_init
from models.constants import FREED_OPTION, NAGLE_CORK, NAGLE_OFF, NAGLE_PUSH
from models.output import push_pending
from models.send_queue import uncork
from models.sndbuf import writeable
from models.state import Endpoint, Link

SOCK_MIN_SNDBUF = 4608  # twice (2,048 and the overhead of an skb)


def set_nodelay(e: Endpoint, l: Link, now: int, on: int) -> None:
    """TCP_NODELAY: setting it pushes what is queued, even if corked; clearing it holds nothing that is on its way."""
    if on:
        e.nonagle |= NAGLE_OFF | NAGLE_PUSH
        push_pending(e, l, now, e.nonagle, FREED_OPTION)
    else:
        e.nonagle &= ~NAGLE_OFF


def set_cork(e: Endpoint, l: Link, now: int, on: int) -> None:
    """TCP_CORK: clearing it pushes what is queued, subject to Nagle."""
    if on:
        e.nonagle |= NAGLE_CORK
    else:
        uncork(e, l, now, FREED_OPTION)


def write_space(e: Endpoint) -> None:
    """`sk_stream_write_space()`: a limit was lifted, perhaps for a writer that sleeps."""
    if e.nospace and writeable(e):
        e.nospace = 0
        e.wake = 1


def set_sndbuf(e: Endpoint, value: int) -> None:
    """SO_SNDBUF: doubled, and final: the kernel does not tune it any more. Data beyond a smaller limit stays queued."""
    e.sndbuf = max(2 * value, SOCK_MIN_SNDBUF)
    e.sndbuf_locked = 1
    write_space(e)


def set_notsent_lowat(e: Endpoint, value: int) -> None:
    """TCP_NOTSENT_LOWAT: bytes that may be queued and unsent."""
    e.notsent_lowat = value
    write_space(e)


def set_congestion(e: Endpoint, now: int, cc: int) -> None:
    """TCP_CONGESTION: the new control starts afresh from the window there is; asking for the one in use does nothing.

    Pacing that BBR turned on stays on under its successor, at that one's rate.
    """
    if cc == e.cc:
        return
    e.cc = cc
    e.prior_ssthresh = 0
    cc_init(e, now)
