"""The receive queue and the memory it is charged with.

Small messages cost more than their bytes: a received packet owns a slab and a `struct sk_buff`, 832 to 2304 bytes. A
later segment that fits into what the last one left free is copied there and costs nothing. When the account is
overdrawn Linux squeezes the queues, and drops only then. (net/core/skbuff.c, tcp_input.c, tcp.c)
"""

from __future__ import annotations

from models.constants import ERR_READS
from models.limits import stop
from models.receive_window import tcp_rcv_space_adjust, tcp_win_from_space
from models.state import READS, Endpoint

CACHE_LINE = 64  # SKB_DATA_ALIGN
HEADROOM = 64  # NET_SKB_PAD, which the device driver reserves
SHARED_INFO = 320  # struct skb_shared_info, at the end of every buffer
SKB_STRUCT = 256  # struct sk_buff
SMALL_HEAD = 384  # skb_small_head_cache objects are this much larger than MAX_TCP_HEADER
PAGE_PAYLOAD = 4096 - SHARED_INFO  # SKB_MAX_ORDER(0, 0)


def head_truesize(e: Endpoint, size: int) -> int:
    """truesize of an skb whose linear buffer has `size` usable bytes: __alloc_skb(), kmalloc_reserve().

    The shared info lies behind the bytes, and both come from the small-head cache or a power-of-two slab.
    """
    need = ((size + CACHE_LINE - 1) & -CACHE_LINE) + SHARED_INFO
    head = e.max_header + SMALL_HEAD
    if need > head:
        head = 1024
        while head < need:
            head <<= 1
    return head + SKB_STRUCT


def received_truesize(e: Endpoint, iplen: int) -> int:
    """truesize of the skb of one received IP packet, all of it in the linear buffer: tun_alloc_skb(), most drivers."""
    return head_truesize(e, HEADROOM + iplen)


def received_room(truesize: int, iplen: int) -> int:
    """skb_tailroom() of that skb: what a later segment may be copied into."""
    return truesize - SKB_STRUCT - SHARED_INFO - HEADROOM - iplen


def queue_skb(e: Endpoint, start: int, end: int, truesize: int, room: int) -> None:
    """Bytes [start, end), in an skb with `room` left, are the last that can be read."""
    if e.rq_len >= READS - 1:
        stop(e, ERR_READS)
        return
    k = e.rq[(e.rq_head + e.rq_len) & (READS - 1)]
    k.start = start
    k.end = end
    k.truesize = truesize
    k.room = room
    e.rq_len += 1


def tcp_queue_rcv(e: Endpoint, start: int, end: int, iplen: int, truesize: int) -> int:
    """Queue an in-order segment for the reader; 1 if it fitted into the tail of the last skb. tcp_try_coalesce()"""
    e.rcv_nxt = end
    if e.rq_len:
        tail = e.rq[(e.rq_head + e.rq_len - 1) & (READS - 1)]
        if tail.end == start and tail.room >= end - start:
            tail.end = end
            tail.room -= end - start
            return 1
    queue_skb(e, start, end, truesize, received_room(truesize, iplen))
    e.rmem_alloc += truesize
    return 0


def tcp_copy_received(e: Endpoint, now: int, size: int) -> int:
    """Copy up to `size` bytes to the reader, skb by skb, each freed when it is used up. tcp_recvmsg_locked()"""
    left = size
    while left > 0 and e.rq_len:
        k = e.rq[e.rq_head]
        used = min(k.end - e.copied_seq, left)
        e.copied_seq += used
        left -= used
        tcp_rcv_space_adjust(e, now)
        if e.copied_seq < k.end:
            break
        e.rmem_alloc -= k.truesize
        e.rq_head = (e.rq_head + 1) & (READS - 1)
        e.rq_len -= 1
    return size - left


def tcp_clamp_window(e: Endpoint) -> None:
    """The buffer is overdrawn: take what it holds as its size while that is allowed, else fall back to two segments."""
    e.quick = 0
    if e.rcvbuf < e.rmem_max and not e.rcvbuf_locked:
        e.rcvbuf = min(e.rmem_alloc, e.rmem_max)
    if e.rmem_alloc > e.rcvbuf:
        e.rcv_ssthresh = min(e.window_clamp, 2 * e.advmss)


def tcp_try_rmem_schedule(e: Endpoint, seq: int) -> int:
    """May a segment that starts at `seq` be queued? 0 yes, -1 no. tcp_try_rmem_schedule(), tcp_prune_queue()

    On the way it squeezes the queues, and drops out-of-order data above `seq` before it refuses.
    """
    if e.rmem_alloc <= e.rcvbuf:
        return 0
    tcp_clamp_window(e)
    if e.rmem_alloc > e.rcvbuf:
        _collapse_ofo_queue(e)
        _collapse_receive_queue(e)
    if e.rmem_alloc > e.rcvbuf:
        _prune_ofo_queue(e, seq)
    return 0 if e.rmem_alloc <= e.rcvbuf else -1


def _collapse_receive_queue(e: Endpoint) -> None:
    """Copy bloated skbs into page-sized ones, from the first that is worth it. tcp_collapse()"""
    start = e.copied_seq
    i = 0
    while i < e.rq_len:
        k = e.rq[(e.rq_head + i) & (READS - 1)]
        if k.start < start or tcp_win_from_space(e, k.truesize) > k.end - k.start:
            break
        start = k.end
        i += 1
    if i == e.rq_len:
        return
    for j in range(i, e.rq_len):
        e.rmem_alloc -= e.rq[(e.rq_head + j) & (READS - 1)].truesize
    e.rq_len = i
    while start < e.rcv_nxt:
        size = min(PAGE_PAYLOAD, e.rcv_nxt - start)
        k = e.rq[(e.rq_head + e.rq_len) & (READS - 1)]
        k.start = start
        k.end = start + size
        k.truesize = head_truesize(e, size)
        k.room = k.truesize - SKB_STRUCT - SHARED_INFO - size
        e.rmem_alloc += k.truesize
        e.rq_len += 1
        start += size


def _collapse_ofo_queue(e: Endpoint) -> None:
    """The same for every out-of-order range that gains by it. tcp_collapse_ofo_queue()"""
    for i in range(e.ooo_len):
        k = e.ooo[i]
        size = k.end - k.start
        squeezed = size // PAGE_PAYLOAD * head_truesize(e, PAGE_PAYLOAD)
        if size % PAGE_PAYLOAD:
            squeezed += head_truesize(e, size % PAGE_PAYLOAD)
        if squeezed < k.truesize:
            e.rmem_alloc -= k.truesize - squeezed
            k.truesize = squeezed


def _prune_ofo_queue(e: Endpoint, seq: int) -> None:
    """Drop out-of-order data from its end, at least 1/8 of the buffer, never below `seq`. tcp_prune_ofo_queue()"""
    goal = e.rcvbuf >> 3
    pruned = 0
    while e.ooo_len and seq <= e.ooo[e.ooo_len - 1].start:
        k = e.ooo[e.ooo_len - 1]
        e.rmem_alloc -= k.truesize
        e.ooo_len -= 1
        pruned += k.truesize
        if pruned >= goal and e.rmem_alloc <= e.rcvbuf:
            break
    if pruned:
        e.nsack = 0
