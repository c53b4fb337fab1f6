"""The receiver's out-of-order queue, the SACK blocks it reports and the duplicates it admits to (DSACK).

The queue is an ordered array of ranges, each with the memory its skbs are charged.

RFC 2018, RFC 2883. Linux: `tcp_data_queue_ofo()`, `tcp_ofo_queue()`, `tcp_sack_new_ofo_skb()`,
`tcp_sack_maybe_coalesce()`, `tcp_sack_remove()`, `tcp_dsack_set()`, `tcp_dsack_extend()` in tcp_input.c.
"""

from __future__ import annotations

from models.constants import ERR_RANGES
from models.limits import stop
from models.receive_queue import queue_skb
from models.state import RANGES, Endpoint

SACK_BLOCKS = 4  # TCP_NUM_SACKS


def dsack_set(e: Endpoint, start: int, end: int) -> None:
    """Report [start, end) as a duplicate in the next ACK."""
    e.dsack = 1
    e.dsack_start = start
    e.dsack_end = end


def dsack_extend(e: Endpoint, start: int, end: int) -> None:
    """Report it together with the duplicate noted already, if they touch."""
    if e.dsack == 0:
        dsack_set(e, start, end)
    elif start <= e.dsack_end and e.dsack_start <= end:
        e.dsack_start = min(e.dsack_start, start)
        e.dsack_end = max(e.dsack_end, end)


def copy_block(e: Endpoint, to: int, of: int) -> None:
    """sack[to] = sack[of], field by field."""
    a = e.sack[to]
    b = e.sack[of]
    a.start = b.start
    a.end = b.end


def block_to_front(e: Endpoint, i: int) -> None:
    """The block that changed last is reported first."""
    b = e.sack[i]
    start = b.start
    end = b.end
    while i > 0:
        copy_block(e, i, i - 1)
        i -= 1
    front = e.sack[0]
    front.start = start
    front.end = end


def coalesce_blocks(e: Endpoint) -> None:
    """The first block may now touch others: swallow them."""
    i = 1
    while i < e.nsack:
        a = e.sack[0]
        b = e.sack[i]
        if b.start <= a.end and a.start <= b.end:
            a.start = min(a.start, b.start)
            a.end = max(a.end, b.end)
            e.nsack -= 1
            for j in range(i, e.nsack):
                copy_block(e, j, j + 1)
        else:
            i += 1


def sack_new(e: Endpoint, start: int, end: int) -> None:
    """[start, end) arrived out of order: extend a block or make a new first one."""
    for i in range(e.nsack):
        b = e.sack[i]
        if start <= b.end and b.start <= end:
            b.start = min(b.start, start)
            b.end = max(b.end, end)
            block_to_front(e, i)
            coalesce_blocks(e)
            return
    if e.nsack < SACK_BLOCKS:
        e.nsack += 1
    i = e.nsack - 1
    while i > 0:
        copy_block(e, i, i - 1)
        i -= 1
    front = e.sack[0]
    front.start = start
    front.end = end


def sack_remove(e: Endpoint) -> None:
    """Blocks that rcv_nxt has passed are history."""
    if e.ooo_len == 0:
        e.nsack = 0
        return
    i = 0
    while i < e.nsack:
        if e.rcv_nxt >= e.sack[i].start:
            e.nsack -= 1
            for j in range(i, e.nsack):
                copy_block(e, j, j + 1)
        else:
            i += 1


def insert_range(e: Endpoint, at: int, start: int, end: int, truesize: int) -> None:
    """A new range at position `at`."""
    if e.ooo_len >= RANGES:
        stop(e, ERR_RANGES)
        return
    j = e.ooo_len
    while j > at:
        a = e.ooo[j]
        b = e.ooo[j - 1]
        a.start = b.start
        a.end = b.end
        a.truesize = b.truesize
        j -= 1
    r = e.ooo[at]
    r.start = start
    r.end = end
    r.truesize = truesize
    e.ooo_len += 1


def remove_range(e: Endpoint, at: int) -> None:
    """Drop the range at position `at`."""
    e.ooo_len -= 1
    for j in range(at, e.ooo_len):
        a = e.ooo[j]
        b = e.ooo[j + 1]
        a.start = b.start
        a.end = b.end
        a.truesize = b.truesize


def note_overlap(e: Endpoint, start: int, end: int) -> int:
    """Report what of [start, end) is here already; 1 when all of it is."""
    for i in range(e.ooo_len):
        r = e.ooo[i]
        if r.start <= start and end <= r.end:
            dsack_set(e, start, end)
            return 1
        low = max(start, r.start)
        high = min(end, r.end)
        if low < high:
            dsack_extend(e, low, high)
    return 0


def queue_out_of_order(e: Endpoint, start: int, end: int, truesize: int) -> int:
    """Keep [start, end) until the hole before it is filled; 0 when it was all here already."""
    if e.ooo_len and note_overlap(e, start, end):
        sack_new(e, start, end)
        return 0
    e.rcv_ooopack += 1
    e.rmem_alloc += truesize
    at = 0
    while at < e.ooo_len and e.ooo[at].end < start:
        at += 1
    low = start
    high = end
    size = truesize
    while at < e.ooo_len and e.ooo[at].start <= high:
        r = e.ooo[at]
        low = min(low, r.start)
        high = max(high, r.end)
        size += r.truesize
        remove_range(e, at)
    insert_range(e, at, low, high, size)
    sack_new(e, start, end)
    return 1


def take_in_order(e: Endpoint) -> None:
    """rcv_nxt has advanced: move what now follows it from the out-of-order queue to the receive queue."""
    while e.ooo_len and e.ooo[0].start <= e.rcv_nxt:
        r = e.ooo[0]
        if r.start < e.rcv_nxt:
            dsack_extend(e, r.start, min(r.end, e.rcv_nxt))
        if r.end > e.rcv_nxt:
            queue_skb(e, e.rcv_nxt, r.end, r.truesize, 0)
            e.rcv_nxt = r.end
        else:
            e.rmem_alloc -= r.truesize
        remove_range(e, 0)
