"""The pool of socket buffers of one endpoint and its three lists, all by index; index 0 means "none".

Send queue and retransmit queue (`sk_write_queue`, `tcp_rtx_queue`) share `prev`/`next`; `tprev`/`tnext` order the
transmitted ones by time of sending (`tsorted_sent_queue`), which is what RACK walks.
"""

from __future__ import annotations

from models.constants import ERR_SKBS
from models.limits import stop
from models.state import SKBS, Endpoint


def skb_alloc(e: Endpoint) -> int:
    """A free slot, or 0 (and `err`) when the pool is empty."""
    i = e.skb_free
    if i:
        e.skb_free = e.skb[i].next
        return i
    if e.skb_top + 1 >= SKBS:
        stop(e, ERR_SKBS)
        return 0
    e.skb_top += 1
    return e.skb_top


def skb_free(e: Endpoint, i: int) -> None:
    """Give a slot back; it must be off all lists."""
    e.skb[i].next = e.skb_free
    e.skb_free = i


def sq_append(e: Endpoint, i: int) -> None:
    """To the tail of the send queue."""
    k = e.skb[i]
    k.in_rtx = 0
    k.prev = e.sq_tail
    k.next = 0
    if e.sq_tail:
        e.skb[e.sq_tail].next = i
    else:
        e.sq_head = i
    e.sq_tail = i


def sq_insert_after(e: Endpoint, i: int, after: int) -> None:
    """Into the send queue, behind `after`."""
    k = e.skb[i]
    a = e.skb[after]
    k.in_rtx = 0
    k.prev = after
    k.next = a.next
    if a.next:
        e.skb[a.next].prev = i
    else:
        e.sq_tail = i
    a.next = i


def sq_unlink(e: Endpoint, i: int) -> None:
    """Out of the send queue."""
    k = e.skb[i]
    if k.prev:
        e.skb[k.prev].next = k.next
    else:
        e.sq_head = k.next
    if k.next:
        e.skb[k.next].prev = k.prev
    else:
        e.sq_tail = k.prev


def sq_pop(e: Endpoint) -> None:
    """The head of the send queue leaves it."""
    k = e.skb[e.sq_head]
    e.sq_head = k.next
    if k.next:
        e.skb[k.next].prev = 0
    else:
        e.sq_tail = 0


def rtx_append(e: Endpoint, i: int) -> None:
    """To the tail of the retransmit queue."""
    k = e.skb[i]
    k.in_rtx = 1
    k.prev = e.rtx_tail
    k.next = 0
    if e.rtx_tail:
        e.skb[e.rtx_tail].next = i
    else:
        e.rtx_head = i
    e.rtx_tail = i


def rtx_insert_after(e: Endpoint, i: int, after: int) -> None:
    """Into the retransmit queue, behind `after`."""
    k = e.skb[i]
    a = e.skb[after]
    k.in_rtx = 1
    k.prev = after
    k.next = a.next
    if a.next:
        e.skb[a.next].prev = i
    else:
        e.rtx_tail = i
    a.next = i


def rtx_unlink(e: Endpoint, i: int) -> None:
    """Out of the retransmit queue."""
    k = e.skb[i]
    if k.prev:
        e.skb[k.prev].next = k.next
    else:
        e.rtx_head = k.next
    if k.next:
        e.skb[k.next].prev = k.prev
    else:
        e.rtx_tail = k.prev


def ts_append(e: Endpoint, i: int) -> None:
    """To the tail of the time-ordered list: it was sent last."""
    k = e.skb[i]
    k.tprev = e.ts_tail
    k.tnext = 0
    if e.ts_tail:
        e.skb[e.ts_tail].tnext = i
    else:
        e.ts_head = i
    e.ts_tail = i


def ts_insert_after(e: Endpoint, i: int, after: int) -> None:
    """Into the time-ordered list, behind `after`."""
    k = e.skb[i]
    a = e.skb[after]
    k.tprev = after
    k.tnext = a.tnext
    if a.tnext:
        e.skb[a.tnext].tprev = i
    else:
        e.ts_tail = i
    a.tnext = i


def ts_unlink(e: Endpoint, i: int) -> None:
    """Out of the time-ordered list (a no-op for an skb that is not on it)."""
    k = e.skb[i]
    if k.tprev:
        e.skb[k.tprev].tnext = k.tnext
    elif e.ts_head == i:
        e.ts_head = k.tnext
    else:
        return
    if k.tnext:
        e.skb[k.tnext].tprev = k.tprev
    else:
        e.ts_tail = k.tprev
    k.tprev = 0
    k.tnext = 0
