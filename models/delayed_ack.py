"""Delayed ACK: acknowledge now, with the next data, on the next read, or when a timer runs out?

RFC 1122 section 4.2.3.2: an ACK may be delayed, but less than 0.5 s, and at least every second full-sized segment must
be acknowledged. What Linux makes of it decides the latency of small messages:

* Quick-ACK credit. A new connection acknowledges its first segments at once (16 credits at most), and gets fresh
  credit after a gap longer than the RTO and after every duplicate.
* Interactive ("pingpong") mode. Answering with data within ATO of receiving some enters it; then credit is not used and
  only the timer, two segments, or the next answer acknowledge. When the timer fires, the mode is left.
* More than one receive-MSS of unacknowledged data, with a window that would advance: acknowledge at once.
* ACK on read. A reader that empties the socket acknowledges a pushed small segment, unless interactive. This is why a
  one-way stream to a prompt reader never meets the 40 ms timer.
* The timer: ATO, 40 ms at least, adapted to the gaps between segments, 200 ms at most; on the jiffy grid.

In the order of time: `data_received` notes a segment, `ack_check` acknowledges it now or calls `delay_ack`, which arms
`delack_timer`; meanwhile `ack_on_read` may come first. Any packet sent carries the ACK and clears what was pending, and
data sent within ATO of receiving some enters interactive mode: `event_ack_sent` and `event_data_sent` in
models/transmit.py.

Other systems differ in constants of one simpler rule, `classic_check` (models/systems.py has them): every second
segment at once, or every second full-sized one; else a timer of a fixed length, or the next beat of one for all.

Linux: `tcp_event_data_recv()`, `tcp_measure_rcv_mss()`, `__tcp_ack_snd_check()` in tcp_input.c;
`tcp_send_delayed_ack()` in tcp_output.c; `tcp_delack_timer_handler()` in tcp_timer.c; `__tcp_cleanup_rbuf()` in tcp.c.
"""

from __future__ import annotations

from models.constants import PSH_FLAG
from models.receive_window import (
    __tcp_select_window,
    tcp_grow_window,
    tcp_rcv_rtt_measure,
    tcp_receive_window,
    update_scaling_ratio,
)
from models.state import INF, Endpoint, Link
from models.timers import expiry, jiffies, lasted, usecs_to_jiffies
from models.transmit import TIMESTAMPS, send_ack

MAX_QUICKACKS = 16  # TCP_MAX_QUICKACKS
MSS_DEFAULT = 536  # TCP_MSS_DEFAULT
MIN_MSS = 88  # TCP_MIN_MSS
BARE_HEADER = 20
ACK_THRESHOLD = 3  # TCP_FASTRETRANS_THRESH


def increase_quickack(e: Endpoint) -> None:
    """Credit for up to half a window of segments, 2 at least, 16 at most; never less than there is."""
    credit = e.rcv_wnd // (2 * e.rcv_mss)
    if credit == 0:
        credit = 2
    e.quick = max(e.quick, min(credit, MAX_QUICKACKS))


def enter_quickack_mode(e: Endpoint) -> None:
    """Acknowledge at once for a while: something was received twice, or outside the window."""
    increase_quickack(e)
    e.pingpong = 0
    e.ato = e.delack_min


def in_pingpong(e: Endpoint) -> int:
    """Is the connection interactive?"""
    return 1 if e.pingpong >= e.pingpong_thresh else 0


def measure_rcv_mss(e: Endpoint, length: int, flags: int, truesize: int) -> None:
    """Learn the peer's segment size, and remember whether a small segment was pushed since the last ACK."""
    last = e.last_seg_size
    e.last_seg_size = 0
    if length >= e.rcv_mss:
        if length != e.rcv_mss:
            update_scaling_ratio(e, length, truesize)
        e.rcv_mss = min(length, e.advmss)
        if flags & PSH_FLAG:
            e.ack_pushed = 1
        return
    whole = length + BARE_HEADER + e.timestamps * TIMESTAMPS
    if whole >= MIN_MSS + BARE_HEADER and (whole >= MSS_DEFAULT + BARE_HEADER or flags & PSH_FLAG == 0):
        e.last_seg_size = length
        if length == last:
            e.rcv_mss = length
            return
    if e.ack_pushed:
        e.ack_pushed2 = 1
    e.ack_pushed = 1


def adapt_ato(e: Endpoint, j: int) -> None:
    """The delay to expect the next segment within, from the gap (jiffies) since the last one."""
    gap = j - e.lrcvtime
    if e.ato == 0:
        increase_quickack(e)
        e.ato = e.delack_min
    elif gap <= e.delack_min >> 1:
        e.ato = (e.ato >> 1) + (e.delack_min >> 1)
    elif gap < e.ato:
        e.ato = min(min((e.ato >> 1) + gap, usecs_to_jiffies(e.host, e.rto)), e.delack_cap)
    elif lasted(e.host, gap - 1, e.rto):
        increase_quickack(e)


def data_received(e: Endpoint, now: int, length: int, flags: int, truesize: int) -> None:
    """An in-order segment was queued: an ACK is due some time."""
    e.ack_sched = 1
    measure_rcv_mss(e, length, flags, truesize)
    tcp_rcv_rtt_measure(e, now)
    j = jiffies(e.host, now)
    adapt_ato(e, j)
    e.lrcvtime = j
    if length >= 128:
        tcp_grow_window(e, length, truesize)


def second_segment(e: Endpoint) -> int:
    """More than one receive-MSS is unacknowledged and the window would advance (or the reader wants more)."""
    if e.rcv_nxt - e.rcv_wup <= e.rcv_mss:
        return 0
    if e.rcv_nxt - e.copied_seq < e.r.lowat:
        return 1
    return 1 if __tcp_select_window(e) >= e.rcv_wnd else 0


def must_ack_now(e: Endpoint) -> int:
    """`__tcp_ack_snd_check()`'s three reasons not to delay."""
    quick = e.quick > 0 and in_pingpong(e) == 0
    return 1 if quick or e.ack_now or second_segment(e) else 0


def ack_check(e: Endpoint, l: Link, now: int) -> None:
    """A segment was processed and an ACK is still due: send it, compress it, or delay it."""
    if e.classic_ack:
        classic_check(e, l, now)
    elif must_ack_now(e):
        if e.owned:
            e.ack_deferred = 1
        else:
            send_ack(e, l, now)
    elif e.ooo_len == 0:
        delay_ack(e, l, now)
    else:
        duplicate_ack(e, l, now)


def duplicate_ack(e: Endpoint, l: Link, now: int) -> None:
    """Out-of-order data waits: three duplicate ACKs at once, then at most one a millisecond (or 5 % of the RTT)."""
    if e.compressed_ack >= e.comp_sack_nr:
        send_ack(e, l, now)
        return
    if e.compressed_ack_rcv_nxt != e.rcv_nxt:
        e.compressed_ack_rcv_nxt = e.rcv_nxt
        e.dup_ack_counter = 0
    if e.dup_ack_counter < ACK_THRESHOLD:
        e.dup_ack_counter += 1
        send_ack(e, l, now)
        return
    e.compressed_ack += 1
    if e.comp_at != INF:
        return
    rtt = e.rcv_rtt
    if e.srtt and e.srtt < rtt:
        rtt = e.srtt
    e.comp_at = now + min(e.comp_sack_ns, rtt * 125 // 20)


def longest_delay(e: Endpoint) -> int:
    """Jiffies the ACK may wait: ATO, bounded by the RTT when that is known, by 200 ms, and by rto_min."""
    ato = e.ato
    if ato > e.delack_min:
        longest = e.host_hz // 2
        if in_pingpong(e) or e.ack_pushed:
            longest = e.delack_cap
        if e.srtt:
            longest = min(longest, max(usecs_to_jiffies(e.host, e.srtt >> 3), e.delack_min))
        ato = min(ato, longest)
    return min(ato, e.delack_max)


def delay_ack(e: Endpoint, l: Link, now: int) -> None:
    """`tcp_send_delayed_ack()`: arm the timer; an earlier deadline stands; one about to expire is anticipated."""
    j = jiffies(e.host, now)
    ato = longest_delay(e)
    expires = j + ato
    if e.delack_at != INF:
        if e.delack_expires <= j + (ato >> 2):
            send_ack(e, l, now)
            return
        if e.delack_expires <= expires:
            return
    e.delack_expires = expires
    e.delack_at = expiry(e.host, expires, ato)


def delack_timer(e: Endpoint, l: Link, now: int) -> None:
    """The timer fired: a missed chance to piggyback inflates ATO, or ends interactive mode."""
    e.delack_at = INF
    if e.compressed_ack:
        compressed_ack_timer(e, l, now)
        return
    if e.ack_sched == 0:
        return
    if in_pingpong(e):
        e.pingpong = 0
        e.ato = e.delack_min
    else:
        e.ato = min(min(e.ato << 1, usecs_to_jiffies(e.host, e.rto)), e.delack_cap)
    send_ack(e, l, now)
    e.acks_by_timer += 1


def compressed_ack_timer(e: Endpoint, l: Link, now: int) -> None:
    """The hrtimer of compressed duplicate ACKs."""
    e.comp_at = INF
    if e.compressed_ack:
        e.compressed_ack = 0
        send_ack(e, l, now)


def read_owes_ack(e: Endpoint) -> int:
    """Data was received and read: is its ACK due now?"""
    if e.classic_ack:
        return 1 if e.rmem_alloc == 0 and e.ack_read and e.ack_pushed else 0
    if e.rcv_nxt - e.rcv_wup > e.rcv_mss:
        return 1
    if e.rmem_alloc:
        return 0
    return 1 if e.ack_pushed2 or (e.ack_pushed and in_pingpong(e) == 0) else 0


def read_owes_window(e: Endpoint) -> int:
    """Has what was read made room for twice the window the peer knows of?"""
    window = tcp_receive_window(e)
    if 2 * window > e.window_clamp:
        return 0
    offer = __tcp_select_window(e)
    return 1 if offer and offer >= 2 * window else 0


def ack_on_read(e: Endpoint, l: Link, now: int) -> None:
    """`__tcp_cleanup_rbuf()`: the application has read something; does that owe the peer an ACK or a window?"""
    if (e.ack_sched and read_owes_ack(e)) or read_owes_window(e):
        send_ack(e, l, now)


def release_socket(e: Endpoint, l: Link, now: int) -> None:
    """The read() is over: segments it kept on the backlog are acknowledged with one ACK (`tcp_release_cb`)."""
    if e.ack_deferred:
        e.ack_deferred = 0
        if e.ack_sched:
            send_ack(e, l, now)


def set_quickack(e: Endpoint, l: Link, now: int, on: int) -> None:
    """setsockopt(TCP_QUICKACK): not sticky, the next answer within ATO undoes it."""
    if on == 0:
        e.pingpong = e.pingpong_thresh
        return
    e.pingpong = 0
    if e.ack_sched:
        e.ack_pushed = 1
        ack_on_read(e, l, now)


def must_ack_classic(e: Endpoint) -> int:
    """The classic rule's reasons not to delay: a gap or a duplicate, the start, a count, a push."""
    new_data = e.rcv_nxt > e.unacked_to
    if e.ack_now or e.ooo_len or not new_data:
        return 1
    if e.ack_start > 0:
        e.ack_start -= 1
        return 1
    if e.ack_segments and e.unacked_segs >= e.ack_segments:
        return 1
    if e.ack_push and e.ack_pushed:
        return 1
    return 1 if e.ack_full and e.rcv_nxt - e.rcv_wup >= e.ack_full * e.rcv_mss + e.ack_beyond else 0


def classic_deadline(e: Endpoint, now: int) -> int:
    """When the timer armed now fires: after its length, or at that many beats of the host's heartbeat."""
    if e.delack_grid == 0:
        return now + e.delack_ns
    beats = (now + e.host.phase) // e.delack_grid + e.delack_ns // e.delack_grid
    return beats * e.delack_grid - e.host.phase


def classic_check(e: Endpoint, l: Link, now: int) -> None:
    """RFC 1122's receiver, and with other constants BSD's, macOS's and Windows': a count, else a timer."""
    if e.rcv_wup != e.unacked_from:
        e.unacked_from = e.rcv_wup
        e.unacked_segs = 0
    e.unacked_segs += 1
    if must_ack_classic(e):
        send_ack(e, l, now)
    elif e.delack_at == INF:
        e.delack_at = classic_deadline(e, now)
    e.unacked_to = e.rcv_nxt


def min_rto_jiffies(e: Endpoint) -> int:
    """The shortest RTO as jiffies, two at least."""
    return max(usecs_to_jiffies(e.host, e.rto_min), 2)


def set_delack_limits(e: Endpoint) -> None:
    """TCP_DELACK_MIN (40 ms), TCP_DELACK_MAX (200 ms) and `tcp_delack_max()` in this host's jiffies."""
    e.host_hz = 1_000_000_000 // e.host.tick
    e.delack_min = max(e.host_hz // 25, 1) if e.host_hz >= 100 else 4
    e.delack_cap = e.host_hz // 5
    e.delack_max = min(e.delack_cap, min_rto_jiffies(e) - 1)
