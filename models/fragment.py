"""Cutting and joining skbs: for the window, for a SACK that covers half of one, for a retransmission.

Payload is charged byte for byte, an skb without payload `skb_overhead`; so a cut costs one overhead, a join gives one
back.

Linux: `tcp_fragment()`, `tcp_set_skb_tso_segs()`, `tcp_adjust_pcount()`, `tcp_trim_head()`, `tcp_collapse_retrans()` in
tcp_output.c; `tcp_rtx_queue_unlink_and_free()` in include/net/tcp.h.
"""

from __future__ import annotations

from models.constants import EVER_RETRANS, LOST, RETRANS, SACKED
from models.skbuff import rtx_insert_after, rtx_unlink, skb_alloc, skb_free, sq_insert_after, ts_insert_after, ts_unlink
from models.state import Endpoint, Skb

FRAGMENT_ALLOWANCE = 2 * (65_536 + 576)
"""2 * SKB_TRUESIZE(GSO_LEGACY_MAX_SIZE): SACKs may not blow the queue up further than this."""


def payload(k: Skb) -> int:
    """Data bytes of an skb (`skb->len`): its FIN takes a sequence number, but is none of them."""
    return k.end - k.seq - k.fin


def set_tso_segs(k: Skb, mss: int) -> None:
    """How many segments the skb makes (`tcp_set_skb_tso_segs`)."""
    length = payload(k)
    if length <= mss:
        k.gso_size = 0
        k.pcount = 1
    else:
        k.gso_size = mss
        k.pcount = (length + mss - 1) // mss


def seglen(k: Skb) -> int:
    """Payload of its segments, the last aside (`tcp_skb_seglen`)."""
    return k.end - k.seq if k.pcount == 1 else k.gso_size


def adjust_pcount(e: Endpoint, sacked: int, fewer: int) -> None:
    """An skb with the marks `sacked` now makes `fewer` segments less."""
    e.packets_out -= fewer
    if sacked & SACKED:
        e.sacked_out -= fewer
    if sacked & RETRANS:
        e.retrans_out -= fewer
    if sacked & LOST:
        e.lost_out -= fewer


def may_fragment(e: Endpoint, i: int) -> int:
    """A retransmit queue that has grown out of all proportion is cut no further, except at its ends."""
    k = e.skb[i]
    if k.in_rtx == 0 or i == e.rtx_head or i == e.rtx_tail:
        return 1
    return 1 if e.wmem_queued >> 1 <= e.sndbuf + FRAGMENT_ALLOWANCE else 0


def copy_marks(b: Skb, k: Skb) -> None:
    """The rest `b` was sent when `k` was, and is marked as it is; PSH, FIN and EOR belong to the end."""
    b.sent = k.sent
    b.sacked = k.sacked
    b.tx_delivered = k.tx_delivered
    b.tx_delivered_at = k.tx_delivered_at
    b.tx_first_tx = k.tx_first_tx
    b.tx_app_limited = k.tx_app_limited
    b.psh = k.psh
    b.fin = k.fin
    b.eor = k.eor
    k.psh = 0
    k.fin = 0
    k.eor = 0


def link_behind(e: Endpoint, j: int, i: int) -> None:
    """Queue `j` behind `i`; in the time order too, if `i` is on it."""
    k = e.skb[i]
    if k.in_rtx == 0:
        sq_insert_after(e, j, i)
        return
    rtx_insert_after(e, j, i)
    if k.tprev or e.ts_head == i:
        ts_insert_after(e, j, i)


def fragment(e: Endpoint, i: int, length: int, mss: int) -> int:
    """Cut skb `i` behind `length` bytes, both parts in segments of `mss`. Returns the rest, 0 if it cannot be cut."""
    if may_fragment(e, i) == 0:
        return 0
    j = skb_alloc(e)
    if j == 0:
        return 0
    k = e.skb[i]
    b = e.skb[j]
    b.seq = k.seq + length
    b.end = k.end
    k.end = b.seq
    rest = b.end - b.seq
    b.truesize = e.skb_overhead + rest
    k.truesize -= rest
    e.wmem_queued += e.skb_overhead
    copy_marks(b, k)
    before = k.pcount
    set_tso_segs(k, mss)
    set_tso_segs(b, mss)
    b.tprev = 0
    b.tnext = 0
    link_behind(e, j, i)
    if e.snd_nxt >= b.end and before != k.pcount + b.pcount:
        adjust_pcount(e, k.sacked, before - k.pcount - b.pcount)
    return j


def trim_head(e: Endpoint, i: int, length: int) -> None:
    """Drop the first `length` bytes of an skb; they have been acknowledged."""
    k = e.skb[i]
    k.seq += length
    k.truesize -= length
    e.wmem_queued -= length
    if k.pcount > 1:
        set_tso_segs(k, k.gso_size)


def rtx_free(e: Endpoint, i: int) -> None:
    """Skb `i` leaves the retransmit queue for good; its memory is the application's again."""
    ts_unlink(e, i)
    rtx_unlink(e, i)
    e.wmem_queued -= e.skb[i].truesize
    skb_free(e, i)


def move_payload(k: Skb, b: Skb, n: int) -> None:
    """The first `n` bytes of `b` go to the end of `k`, and their charge with them (`skb_shift`)."""
    k.end += n
    k.truesize += n
    b.seq += n
    b.truesize -= n


def inherit_end(k: Skb, b: Skb) -> None:
    """`k` has taken over the end of `b`: what belongs to it moves along."""
    k.psh |= b.psh
    k.fin |= b.fin
    k.eor = b.eor
    k.sacked |= b.sacked & EVER_RETRANS


def collapse_next(e: Endpoint, i: int) -> None:
    """Join skb `i`, one segment, with the one behind it, to be retransmitted as one segment."""
    k = e.skb[i]
    j = k.next
    b = e.skb[j]
    if e.sacked_hint == j:
        e.sacked_hint = i
    if e.retransmit_hint == j:
        e.retransmit_hint = i
    move_payload(k, b, b.end - b.seq)
    inherit_end(k, b)
    adjust_pcount(e, b.sacked, b.pcount)
    rtx_free(e, j)
