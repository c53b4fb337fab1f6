"""What the peer's SACK blocks say: which skbs arrived out of order, which twice, and whether the network reorders.

Skbs are marked in sequence order; one that a block covers in part is cut at a segment boundary, and one that follows a
SACKed one is joined to it, as Linux does: the join gives its overhead back to the send buffer.

Linux: `tcp_sacktag_write_queue()`, `tcp_sacktag_walk()`, `tcp_sacktag_one()`, `tcp_check_dsack()`, `tcp_dsack_seen()`,
`tcp_is_sackblock_valid()`, `tcp_match_skb_to_sack()`, `tcp_shift_skb_data()`, `tcp_check_sack_reordering()` in
tcp_input.c. RFC 2018, RFC 2883.
"""

from __future__ import annotations

from models.constants import (
    CA_LOSS,
    EVER_OR_NOW_RETRANS,
    EVER_RETRANS,
    FLAG_DATA_SACKED,
    FLAG_DSACK_TLP,
    FLAG_DSACKING_ACK,
    FLAG_ORIG_SACK_ACKED,
    LOST,
    RETRANS,
    SACKED,
)
from models.fragment import fragment, inherit_end, move_payload, rtx_free, seglen
from models.inflight import highest_sack_seq
from models.rack import rack_advance
from models.rate import rate_skb_delivered
from models.skbuff import ts_unlink
from models.state import Endpoint, Range

TAGS = SACKED | LOST | RETRANS
"""TCPCB_TAGBITS"""
NONE = -1
"""No such block"""


# ---- reordering -------------------------------------------------------------------------------------------------


def check_sack_reordering(e: Endpoint, low: int) -> None:
    """Data from `low` on, never retransmitted, arrived behind later data: by how many segments?"""
    high = highest_sack_seq(e)
    if low >= high:
        return
    distance = high - low
    if distance > e.reordering * e.mss:
        e.reordering = min((distance + e.mss - 1) // e.mss, e.reorder_max)
    e.reord_seen += 1


# ---- duplicates -------------------------------------------------------------------------------------------------


def dsack_seen(e: Endpoint, start: int, end: int) -> int:
    """The peer got [start, end) twice: how many segments are that? 0 if it can hardly be our doing."""
    if start >= end or end - start > e.max_window:
        return 0
    dup_segs = 1
    if end - start > e.mss:
        dup_segs = (end - start + e.mss - 1) // e.mss
    elif e.tlp_high_seq and e.tlp_high_seq == end:
        e.ack_flag |= FLAG_DSACK_TLP
    e.dsack_dups += dup_segs
    if e.dsack_dups > e.total_retrans:
        return 0
    if e.reord_seen and e.ack_flag & FLAG_DSACK_TLP == 0:
        e.dsack_seen = 1
    e.ack_flag |= FLAG_DSACKING_ACK
    e.sack_delivered += dup_segs
    return dup_segs


def check_dsack(e: Endpoint, ack: int, prior_una: int, nsack: int, s0: int, e0: int, s1: int, e1: int) -> int:
    """Is the first block a duplicate: below the ACK, or inside the second block? Returns 1 if so (RFC 2883)."""
    below = s0 < ack
    inside = nsack > 1 and e0 <= e1 and s0 >= s1
    if not (below or inside):
        return 0
    dup_segs = dsack_seen(e, s0, e0)
    if dup_segs == 0:
        return 0
    if e.undo_marker and e.undo_retrans > 0 and e.undo_marker <= e0 <= prior_una:
        e.undo_retrans = max(0, e.undo_retrans - dup_segs)
    return 1


# ---- blocks -----------------------------------------------------------------------------------------------------


def block_valid(e: Endpoint, dup: int, start: int, end: int) -> int:
    """A block must lie in what is outstanding; a duplicate may reach down to `undo_marker`."""
    if end > e.snd_nxt or start >= end or start >= e.snd_nxt:
        return 0
    if start > e.snd_una:
        return 1
    if dup == 0 or e.undo_marker == 0 or end > e.snd_una:
        return 0
    if start + 1 >= e.undo_marker:
        return 1
    if end < e.undo_marker:
        return 0
    return 1 if start >= end - e.max_window else 0


def put_block(r: Range, start: int, end: int) -> None:
    """Write a block."""
    r.start = start
    r.end = end


def add_block(e: Endpoint, n: int, start: int, end: int, dup: int, prior_una: int) -> int:
    """Insert a useful block among the `n` there, in sequence order. Returns where, or NONE."""
    if block_valid(e, dup, start, end) == 0 or end <= prior_una:
        return NONE
    j = n
    while j > 0 and e.blocks[j - 1].start > start:
        put_block(e.blocks[j], e.blocks[j - 1].start, e.blocks[j - 1].end)
        j -= 1
    put_block(e.blocks[j], start, end)
    return j


# ---- marking ----------------------------------------------------------------------------------------------------


def sacktag_duplicate(e: Endpoint, sacked: int, start: int, end: int, pcount: int) -> None:
    """A retransmitted skb was reported as a duplicate: one retransmission less to hold against the network."""
    if e.undo_marker and e.undo_retrans > 0 and end >= e.undo_marker:
        e.undo_retrans = max(0, e.undo_retrans - pcount)
    if sacked & SACKED:
        e.ack_reord = min(e.ack_reord, start)


def sacktag_original(e: Endpoint, start: int, end: int, sent: int) -> None:
    """An skb never retransmitted was SACKed: a hole that filled by itself is reordering, and its RTT is a sample."""
    if start < highest_sack_seq(e):
        e.ack_reord = min(e.ack_reord, start)
    if end <= e.high_seq:
        e.ack_flag |= FLAG_ORIG_SACK_ACKED
    if e.sack_first < 0:
        e.sack_first = sent
    e.sack_last = sent


def sacktag_one(e: Endpoint, now: int, sacked: int, start: int, end: int, dup: int, pcount: int, sent: int) -> int:
    """[start, end), `pcount` segments with the marks `sacked`, sent at `sent` (us), arrived: count it.

    Returns its new marks.
    """
    if dup and sacked & EVER_OR_NOW_RETRANS:
        sacktag_duplicate(e, sacked, start, end, pcount)
    if end <= e.snd_una:
        return sacked
    if sacked & SACKED == 0:
        rack_advance(e, now, sacked, end, sent)
        if sacked & RETRANS:
            if sacked & LOST:
                sacked &= ~(LOST | RETRANS)
                e.lost_out -= pcount
                e.retrans_out -= pcount
        else:
            if sacked & EVER_OR_NOW_RETRANS == 0:
                sacktag_original(e, start, end, sent)
            if sacked & LOST:
                sacked &= ~LOST
                e.lost_out -= pcount
        sacked |= SACKED
        e.ack_flag |= FLAG_DATA_SACKED
        e.sacked_out += pcount
        e.sack_delivered += pcount
    if dup and sacked & RETRANS:
        sacked &= ~RETRANS
        e.retrans_out -= pcount
    return sacked


def sacktag_skb(e: Endpoint, now: int, i: int, dup: int) -> None:
    """The whole of skb `i` arrived."""
    k = e.skb[i]
    sent = k.sent // 1000
    k.sacked = sacktag_one(e, now, k.sacked, k.seq, k.end, dup, k.pcount, sent)
    rate_skb_delivered(e, i, sent)
    if k.sacked & SACKED:
        ts_unlink(e, i)
    if k.seq >= highest_sack_seq(e):
        e.sacked_hint = k.next


def match_skb(e: Endpoint, i: int, start: int, end: int) -> int:
    """Does [start, end) cover skb `i`? 1 yes, 0 no, -1 less than a segment of it.

    If it covers part of several segments the skb is cut, at a segment boundary, and the answer is for what is left.
    """
    k = e.skb[i]
    if start <= k.seq and end >= k.end:
        return 1
    if k.pcount == 1 or k.end <= start:
        return 0
    mss = k.gso_size
    head_in = 1 if start <= k.seq else 0
    if head_in:
        cut = end - k.seq
        if cut < mss:
            return -1
    else:
        cut = max(start - k.seq, mss)
    if cut > mss:
        whole = cut // mss * mss
        if head_in == 0 and whole < cut:
            whole += mss
        cut = whole
    if cut >= k.end - k.seq and head_in == 0:
        return 0
    if fragment(e, i, cut, mss) == 0:
        return -1
    return head_in


# ---- joining ----------------------------------------------------------------------------------------------------


def shift(e: Endpoint, now: int, i: int, pcount: int, length: int, mss: int, dup: int) -> int:
    """Move the first `length` bytes of skb `i`, `pcount` segments, to the SACKed skb before it. 1: all of it."""
    k = e.skb[i]
    p = k.prev
    b = e.skb[p]
    sent = k.sent // 1000
    sacktag_one(e, now, k.sacked, k.seq, k.seq + length, dup, pcount, sent)
    rate_skb_delivered(e, i, sent)
    move_payload(b, k, length)
    b.pcount += pcount
    k.pcount -= pcount
    if b.gso_size == 0:
        b.gso_size = mss
    if k.pcount <= 1:
        k.gso_size = 0
    if k.seq < k.end:
        b.sacked |= k.sacked & EVER_RETRANS
        return 0
    if e.retransmit_hint == i:
        e.retransmit_hint = p
    inherit_end(b, k)
    if e.sacked_hint == i:
        e.sacked_hint = k.next
    b.tx_delivered = 0
    rtx_free(e, i)
    return 1


def only_sacked(e: Endpoint, i: int) -> int:
    """Has skb `i` arrived, with nothing of it still in the network?"""
    return 1 if e.skb[i].sacked & TAGS == SACKED else 0


def joinable(e: Endpoint, i: int, start: int, end: int) -> int:
    """Bytes of skb `i` that [start, end) covers from its beginning, in whole segments; 0 none, -1 leave it alone."""
    k = e.skb[i]
    if start <= k.seq and end >= k.end:
        return k.end - k.seq
    if k.end <= start or k.pcount == 1:
        return -1
    if start > k.seq:
        return 0
    if end - k.seq < k.gso_size:
        return -1
    return (end - k.seq) // k.gso_size * k.gso_size


def shift_skb(e: Endpoint, now: int, i: int, start: int, end: int, dup: int) -> int:
    """Join what [start, end) covers of skb `i` to the SACKed skb before it (`tcp_shift_skb_data`).

    Returns the skb to go on behind: that one; `i` itself when there is nothing to do; 0 when it must be marked instead.
    """
    k = e.skb[i]
    p = k.prev
    retransmission_in_flight = dup == 0 and k.sacked & (LOST | RETRANS) == RETRANS
    if retransmission_in_flight or k.end <= e.snd_una or p == 0:
        return 0
    if only_sacked(e, p) == 0 or e.skb[p].eor:
        return 0
    length = joinable(e, i, start, end)
    if length < 0:
        return i
    mss = seglen(k)
    if length == 0 or seglen(e.skb[p]) != mss or k.seq + length <= e.snd_una:
        return 0
    pcount = k.pcount if length == k.end - k.seq else length // mss
    if shift(e, now, i, pcount, length, mss, dup):
        join_next(e, now, p, mss)
    return p


def join_next(e: Endpoint, now: int, p: int, mss: int) -> None:
    """The hole behind skb `p` is filled: join it with what follows, if that arrived in segments of the same size."""
    i = e.skb[p].next
    if i == 0 or only_sacked(e, i) == 0 or e.skb[p].eor:
        return
    k = e.skb[i]
    if seglen(k) == mss:
        shift(e, now, i, k.pcount, k.end - k.seq, mss, 0)


# ---- walking ----------------------------------------------------------------------------------------------------


def find_skb(e: Endpoint, i: int, seq: int) -> int:
    """The skb that holds `seq`; `i` if that lies behind it already; 0 if there is none (`tcp_sacktag_skip`)."""
    if i and e.skb[i].seq > seq:
        return i
    if i == 0:
        i = e.rtx_head
    while i and e.skb[i].end <= seq:
        i = e.skb[i].next
    if i and e.skb[i].seq > seq:
        return 0
    return i


def covered_by(e: Endpoint, now: int, i: int, start: int, end: int, dup: int) -> int:
    """Join skb `i` if it can be, else see whether [start, end) covers it.

    Returns what to do next, as `match_skb` does; 2 when it has been joined to the skb before it.
    """
    if dup == 0 and e.skb[i].sacked & SACKED:
        return 0  # an earlier ACK said so (Linux remembers that in recv_sack_cache)
    p = e.skb[i].prev
    joined = shift_skb(e, now, i, start, end, dup)
    if joined == 0:
        return match_skb(e, i, start, end)
    return 2 if joined == p else 0


def sacktag_walk(e: Endpoint, now: int, i: int, start: int, end: int, dup: int, dup_start: int, dup_end: int) -> int:
    """Mark what [start, end) covers, from skb `i` on; what [dup_start, dup_end) covers of it is a duplicate.

    Returns the skb behind.
    """
    while i and e.skb[i].seq < end:
        k = e.skb[i]
        before = k.prev
        is_dup = dup
        covered = 0
        if k.seq < dup_end:
            covered = match_skb(e, i, dup_start, dup_end)
            if covered == 1:
                is_dup = 1
        if covered != 1:
            covered = covered_by(e, now, i, start, end, is_dup)
        if covered == 2:
            i = e.skb[before].next
            continue
        if covered < 0:
            break
        if covered:
            sacktag_skb(e, now, i, is_dup)
        i = k.next
    return i


def sacktag_blocks(e: Endpoint, now: int, n: int, first: int) -> None:
    """Walk the `n` blocks in order; the one at `first` reports a duplicate."""
    i = 0
    for b in range(n):
        r = e.blocks[b]
        dup = 1 if b == first else 0
        dup_start = 0
        dup_end = 0
        if b + 1 == first:
            dup_start = e.blocks[first].start
            dup_end = e.blocks[first].end
        if r.start >= highest_sack_seq(e):
            i = e.sacked_hint
            if i == 0:
                break
        i = find_skb(e, i, r.start)
        i = sacktag_walk(e, now, i, r.start, r.end, dup, dup_start, dup_end)


def sacktag_write_queue(
    e: Endpoint,
    now: int,
    ack: int,
    prior_una: int,
    nsack: int,
    s0: int,
    e0: int,
    s1: int,
    e1: int,
    s2: int,
    e2: int,
) -> None:
    """Work the packet's SACK blocks in. What they did is left in `ack_flag`, `sack_delivered`, `sack_first/last`."""
    e.ack_reord = e.snd_nxt
    if e.sacked_out == 0:
        e.sacked_hint = e.rtx_head
    found_dup = check_dsack(e, ack, prior_una, nsack, s0, e0, s1, e1)
    if e.packets_out == 0:
        return
    n = 0
    first = add_block(e, n, s0, e0, found_dup, prior_una)
    if first >= 0:
        n += 1
    if nsack > 1:
        at = add_block(e, n, s1, e1, 0, prior_una)
        if at >= 0:
            n += 1
            if at <= first:
                first += 1
    if nsack > 2:
        at = add_block(e, n, s2, e2, 0, prior_una)
        if at >= 0:
            n += 1
            if at <= first:
                first += 1
    if found_dup == 0:
        first = NONE
    sacktag_blocks(e, now, n, first)
    if e.ca_state != CA_LOSS or e.undo_marker:
        check_sack_reordering(e, e.ack_reord)
