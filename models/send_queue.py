"""The kernel's send queue: what write() does, when it blocks, when a blocked writer wakes.

A write appends to the last unsent skb while that has room; only when a *new* skb is needed is the send buffer checked.
An skb is charged its overhead plus its bytes and stays charged until its last byte is acknowledged, so small
NODELAY writes fill SO_SNDBUF about nine times as fast as the same bytes held back by Nagle.

A writer that finds no space pushes what it has copied past Nagle and past cork, then sleeps (see `models.sndbuf`).

Linux: `tcp_sendmsg_locked()`, `tcp_push()`, `tcp_should_autocork()`, `tcp_xmit_size_goal()` in tcp.c.
"""

from __future__ import annotations

from models.clocks import begin_queue_wait, end_write_wait, switch
from models.constants import FREED_LATER_WRITE, FREED_WRITE, NAGLE_CORK, NAGLE_PUSH
from models.output import gso_max_size, push_pending, write_xmit
from models.rate import rate_check_app_limited
from models.skbuff import skb_alloc, sq_append
from models.slow_start import slow_start_after_idle
from models.sndbuf import memory_free
from models.state import AUTOCORK, PACING, SLOTS, Endpoint, Link

MSS_DEFAULT = 536


def size_goal(e: Endpoint) -> int:
    """Bytes an skb may hold: as worked out when the largest window was offered."""
    if e.goal_window != e.max_window or e.goal_mss != e.mss:
        e.goal_window = e.max_window
        e.goal_mss = e.mss
        e.goal = work_out_goal(e)
    return e.goal


def work_out_goal(e: Endpoint) -> int:
    """Whole segments, at most half the largest window the peer ever offered."""
    largest = gso_max_size(e)
    if e.max_window > MSS_DEFAULT:
        largest = min(largest, max(e.max_window >> 1, 68 - 40))
    elif e.max_window:
        largest = min(largest, e.max_window)
    segments = min(largest // e.mss, e.gso_segs)
    return max(segments * e.mss, e.mss)


def forced_push(e: Endpoint) -> int:
    """Half a window has been written since the last push."""
    return 1 if e.write_seq > e.pushed_seq + (e.max_window >> 1) else 0


def mark_push(e: Endpoint, i: int) -> None:
    """PSH: the application's write ends here."""
    e.skb[i].psh = 1
    e.pushed_seq = e.write_seq


def entail(e: Endpoint, now: int) -> int:
    """A new empty skb at the tail; the place where an idle connection restarts its window. 0: pool exhausted."""
    i = skb_alloc(e)
    if i == 0:
        return 0
    k = e.skb[i]
    k.seq = e.write_seq
    k.end = e.write_seq
    k.truesize = e.skb_overhead
    k.pcount = 0
    k.psh = 0
    k.fin = 0
    k.eor = 0
    k.sacked = 0
    k.sent = 0
    k.tprev = 0
    k.tnext = 0
    sq_append(e, i)
    e.wmem_queued += e.skb_overhead
    e.nonagle &= ~NAGLE_PUSH
    slow_start_after_idle(e, now)
    return i


def autocorks(e: Endpoint, i: int) -> int:
    """Own data still waits in the local queue: let this segment grow until the transmit completion.

    sk_wmem_alloc counts from 1, so one queued skb of the same size is enough.
    """
    k = e.skb[i]
    if e.qd.rate == 0 or e.autocorking == 0 or e.rtx_head == 0 or e.wmem_qdisc + 1 <= k.truesize:
        return 0
    return 1 if k.end - k.seq < size_goal(e) and k.eor == 0 else 0


def push(e: Endpoint, l: Link, now: int, more: int, nonagle: int) -> None:
    """End of a write: mark it, and send what may be sent."""
    i = e.sq_tail
    if i == 0:
        return
    if more == 0 or forced_push(e):
        mark_push(e, i)
    if autocorks(e, i):
        if e.tsq_throttled == 0:
            e.autocorks += 1
            e.tsq_throttled = 1
        switch(e.clock, now, AUTOCORK - PACING)
        return
    if more:
        nonagle = NAGLE_CORK
    push_pending(e, l, now, nonagle, FREED_WRITE)


def accept(e: Endpoint, now: int) -> None:
    """Messages whose last byte is in the send queue now start to wait there."""
    w = e.w
    while w.accepted < w.framed:
        m = w.m[w.slot[w.accepted & SLOTS]]
        if m.end > e.write_seq:
            break
        m.t_acc = now
        if w.threads == 2:
            end_write_wait(w.framer_clock, m, now)
        else:
            end_write_wait(w.clock, m, now)
        begin_queue_wait(e.clock, m, now)
        w.accepted += 1


def filled(e: Endpoint, l: Link, now: int, i: int) -> None:
    """The skb is full and the write goes on: send without waiting for its end."""
    if forced_push(e):
        mark_push(e, i)
        accept(e, now)
        push_pending(e, l, now, NAGLE_PUSH, FREED_LATER_WRITE)
    elif i == e.sq_head:
        accept(e, now)
        write_xmit(e, l, now, NAGLE_PUSH, 1, FREED_LATER_WRITE)


def sendmsg(e: Endpoint, l: Link, now: int) -> int:
    """Copy `call_left` bytes into the send queue. 1: all copied. 0: no space, the writer must wait."""
    w = e.w
    if e.sampling and w.call_resumed == 0:
        rate_check_app_limited(e)
    goal = size_goal(e)
    while w.call_left > 0:
        i = e.sq_tail
        room = 0
        if i:
            k = e.skb[i]
            if k.eor == 0:
                room = goal - (k.end - k.seq)
        if room <= 0:
            i = 0
            if memory_free(e, 0):
                i = entail(e, now)
            if i == 0:
                wait_for_space(e, l, now)
                return 0
            room = goal
        n = min(room, w.call_left)
        append(e, i, n)
        if w.call_left > 0 and e.skb[i].end - e.skb[i].seq >= goal:
            filled(e, l, now, i)
    e.wmem_peak = max(e.wmem_peak, e.wmem_queued)
    accept(e, now)
    push(e, l, now, w.call_more, e.nonagle)
    return 1


def append(e: Endpoint, i: int, n: int) -> None:
    """n bytes of the write under way into skb `i`."""
    w = e.w
    k = e.skb[i]
    if w.copied == 0:
        k.psh = 0
    e.write_seq += n
    k.end += n
    k.truesize += n
    e.wmem_queued += n
    w.call_left -= n
    w.copied += n


def wait_for_space(e: Endpoint, l: Link, now: int) -> None:
    """Push what was copied (a blocked writer overrides Nagle and MSG_MORE), then sleep."""
    w = e.w
    e.nospace = 1
    e.wmem_peak = max(e.wmem_peak, e.wmem_queued)
    accept(e, now)
    if w.copied:
        push(e, l, now, 0, NAGLE_PUSH)
    w.blocked = 1
    w.call_resumed = 1
    w.t_blocked = now
    w.blocks += 1


def uncork(e: Endpoint, l: Link, now: int, cause: int) -> None:
    """setsockopt(TCP_CORK, 0) pushes what is queued, subject to Nagle."""
    e.nonagle &= ~NAGLE_CORK
    if e.nonagle & 1:
        e.nonagle |= NAGLE_PUSH
    push_pending(e, l, now, e.nonagle, cause)
