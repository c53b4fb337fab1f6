"""The window this end offers, and the memory it promises with it.

A receiver may hold `rcvbuf` bytes of socket buffers, overhead included. `scaling_ratio` says which part of that is
payload, `window_clamp` is the window that follows, `rcv_ssthresh` the part of it offered so far: it grows as segments
prove that they are worth their memory. Dynamic right-sizing raises `rcvbuf` when the reader drains more in a round trip
than it ever did. (Linux 6.18, tcp_input.c and tcp_output.c)
"""

from __future__ import annotations

from models.constants import INITIAL_WINDOW
from models.state import INF, Endpoint
from models.timers import timestamp

RATIO_SHIFT = 8  # TCP_RMEM_TO_WIN_SCALE
DEFAULT_RATIO = 128  # half of an skb is payload, until a segment has been measured
MAX_WSCALE = 14
MAX_UNSCALED = 65535
TIMESTAMP_OPTION = 12  # TCPOLEN_TSTAMP_ALIGNED
SOCK_MIN_RCVBUF = 2304
CORE_RMEM_MAX = 4_194_304  # net.core.rmem_max


# ---- payload and the memory it takes ----------------------------------------------------------------------------


def tcp_win_from_space(e: Endpoint, space: int) -> int:
    """Payload bytes that `space` bytes of socket memory can be expected to hold. May be negative."""
    return (space * e.scaling_ratio) >> RATIO_SHIFT


def tcp_space_from_win(e: Endpoint, win: int) -> int:
    """Socket memory that `win` bytes of payload need: the inverse of `tcp_win_from_space`."""
    return (win << RATIO_SHIFT) // e.scaling_ratio


def tcp_full_space(e: Endpoint) -> int:
    """The window an empty receive buffer is good for."""
    return tcp_win_from_space(e, e.rcvbuf)


def tcp_space(e: Endpoint) -> int:
    """The window that what is free of the receive buffer is good for. Negative when it is overdrawn."""
    return tcp_win_from_space(e, e.rcvbuf - e.rmem_alloc)


def tcp_receive_window(e: Endpoint) -> int:
    """What is left of the window offered last."""
    return max(e.rcv_wup + e.rcv_wnd - e.rcv_nxt, 0)


# ---- opening ------------------------------------------------------------------------------------------------------


def set_rcvbuf(e: Endpoint, value: int) -> None:
    """SO_RCVBUF before the handshake: doubled for the overhead, and no more autotuning. __sock_set_rcvbuf()"""
    e.rcvbuf = max(2 * min(value, CORE_RMEM_MAX), SOCK_MIN_RCVBUF)
    e.rcvbuf_locked = 1


def set_rcvlowat(e: Endpoint, value: int) -> None:
    """SO_RCVLOWAT also makes room for twice the low-water mark. tcp_set_rcvlowat()"""
    lowat = min(value, (e.rcvbuf if e.rcvbuf_locked else e.rmem_max) >> 1)
    e.r.lowat = max(lowat, 1)
    space = tcp_space_from_win(e, lowat)
    if not e.rcvbuf_locked and space > e.rcvbuf:
        e.rcvbuf = space
        if 0 < e.window_clamp < lowat:
            e.window_clamp = lowat


def tcp_select_initial_window(e: Endpoint) -> None:
    """Window and window scale of the SYN or SYN-ACK. tcp_select_initial_window(), tcp_connect_init()

    The window is a multiple of the MSS as known then: the SYN cannot count on timestamps yet, the SYN-ACK can. The
    scale covers what autotuning may ever reach.
    """
    e.scaling_ratio = DEFAULT_RATIO
    full = tcp_full_space(e)
    clamp = MAX_UNSCALED << MAX_WSCALE
    if e.rcvbuf_locked:
        clamp = full
    mss = e.advmss if e.server else e.advmss + e.timestamps * TIMESTAMP_OPTION
    space = min(full, clamp)
    if space > mss:
        space -= space % mss
    e.rcv_wnd = space
    e.rcv_ssthresh = space
    reach = min(max(space, e.rmem_max, CORE_RMEM_MAX), clamp)
    e.rcv_wscale = 0
    while e.wscale_ok and e.rcv_wscale < MAX_WSCALE and reach >> (e.rcv_wscale + 16):
        e.rcv_wscale += 1
    e.window_clamp = min(MAX_UNSCALED << e.rcv_wscale, clamp)


def tcp_init_buffer_space(e: Endpoint, now: int) -> None:
    """The handshake is done: clamp the window to the buffer, one segment held back. tcp_init_buffer_space()"""
    e.rcvq_time = now // 1000
    e.rcvq_seq = e.copied_seq
    e.rcv_rtt_last_tsecr = -INF  # the clock may read 0 here
    full = tcp_full_space(e)
    clamp = min(e.window_clamp, full)
    if clamp > 2 * e.advmss and clamp + e.advmss > full:
        clamp = max(2 * e.advmss, full - e.advmss)
    e.window_clamp = clamp
    e.rcv_ssthresh = min(e.rcv_ssthresh, clamp)
    e.rcvq_space = min(e.rcv_ssthresh, e.rcv_wnd, INITIAL_WINDOW * e.advmss)


# ---- the window in every ACK --------------------------------------------------------------------------------------


def __tcp_select_window(e: Endpoint) -> int:
    """The window to offer, bytes; 0 closes it. Less than half of the buffer free also ends quick ACKs.

    Silly-window avoidance (RFC 9293 section 3.8.6.2.2) is the zero below one segment or 1/16 of the buffer.
    """
    free = tcp_space(e)
    unit = 1 << e.rcv_wscale
    if e.shrink_window and e.rcv_wscale:
        return _select_shrinking_window(e, free & -unit)
    if scarce(e, free):
        e.quick = 0
        free &= -unit  # rounding up below must not promise what is not there
        if free < tcp_full_space(e) >> 4 or free < min(e.rcv_mss, full_window(e)):
            return 0
    free = min(free, e.rcv_ssthresh)
    if e.rcv_wscale:
        return (free + unit - 1) & -unit
    return _unscaled_window(e, free)


def full_window(e: Endpoint) -> int:
    """The largest window there may be."""
    return min(e.window_clamp, tcp_full_space(e))


def scarce(e: Endpoint, free: int) -> int:
    """Is less than half of the largest window free? Rarely is that of the clamp not."""
    return 1 if free < e.window_clamp >> 1 and free < tcp_full_space(e) >> 1 else 0


def _unscaled_window(e: Endpoint, free: int) -> int:
    """Without window scaling: a multiple of the MSS, moved only by whole segments."""
    full = full_window(e)
    mss = min(e.rcv_mss, full)
    if mss <= 0:
        return 0
    if e.rcv_wnd <= free - mss or e.rcv_wnd > free:
        return free - free % mss
    if mss == full and free > e.rcv_wnd + (full >> 1):
        return free
    return e.rcv_wnd


def _select_shrinking_window(e: Endpoint, free: int) -> int:
    """tcp_shrink_window=1: the window is what memory allows, even if that takes back a promise."""
    unit = 1 << e.rcv_wscale
    if scarce(e, free):
        e.quick = 0
        if free < tcp_full_space(e) >> 4 or free < min(e.rcv_mss, full_window(e)) or free < unit:
            return 0
    if free > e.rcv_ssthresh:
        return (e.rcv_ssthresh + unit - 1) & -unit
    return free


def tcp_select_window(e: Endpoint) -> int:
    """Choose the window of the packet about to leave, note it, and return it as the peer will read it, bytes.

    The right edge never moves back (RFC 9293 section 3.8.6) unless tcp_shrink_window allows it.
    """
    offered = tcp_receive_window(e)
    e.rcv_wup = e.rcv_nxt
    if e.nomem:
        e.nomem = 0
        e.rcv_wnd = 0
        return 0
    unit = 1 << e.rcv_wscale
    window = __tcp_select_window(e)
    if window < offered and not (e.shrink_window and e.rcv_wscale):
        window = (offered + unit - 1) & -unit
    e.rcv_wnd = window
    return min(window, MAX_UNSCALED << e.rcv_wscale)


# ---- growth: segments that are worth their memory -----------------------------------------------------------------


def tcp_set_window_clamp(e: Endpoint, clamp: int) -> None:
    """A new ceiling, and `rcv_ssthresh` with it: down at once, up to what is on offer already."""
    clamp = max(clamp, SOCK_MIN_RCVBUF // 2)
    if clamp < e.window_clamp:
        e.rcv_ssthresh = min(e.rcv_ssthresh, clamp)
    elif clamp > e.window_clamp:
        e.rcv_ssthresh = max(e.rcv_ssthresh, min(e.rcv_wnd, clamp))
    e.window_clamp = clamp


def update_scaling_ratio(e: Endpoint, payload: int, truesize: int) -> None:
    """A segment larger than any before shows what share of its memory is payload. tcp_measure_rcv_mss()"""
    ratio = max((payload << RATIO_SHIFT) // truesize, 1)
    if ratio != e.scaling_ratio:
        e.scaling_ratio = ratio
        tcp_set_window_clamp(e, tcp_full_space(e))
        e.rcvq_space = min(e.rcvq_space, e.window_clamp)


def tcp_grow_window(e: Endpoint, payload: int, truesize: int) -> None:
    """Raise `rcv_ssthresh` by two segments for a segment of 128 bytes or more; each raise is a quick-ACK credit."""
    room = min(e.window_clamp, tcp_space(e)) - e.rcv_ssthresh
    if room <= 0:
        return
    if tcp_win_from_space(e, truesize) <= payload:
        incr = 2 * e.advmss
    else:
        incr = _grow_for_overhead(e, payload, truesize)
    if incr:
        e.rcv_ssthresh += min(room, max(incr, 2 * payload))
        e.quick |= 1


def _grow_for_overhead(e: Endpoint, payload: int, truesize: int) -> int:
    """A segment with much overhead may open a small window, not a large one. __tcp_grow_window()"""
    need = tcp_win_from_space(e, truesize) >> 1
    window = tcp_win_from_space(e, e.rmem_max) >> 1
    while e.rcv_ssthresh <= window:
        if need <= payload:
            return 2 * e.rcv_mss
        need >>= 1
        window >>= 1
    return 0


# ---- dynamic right-sizing -----------------------------------------------------------------------------------------


def _rcv_rtt_update(e: Endpoint, sample: int, win_dep: int) -> None:
    """The smallest round trip the receiver has seen, us << 3. tcp_rcv_rtt_update()

    Larger samples count only with timestamps, and only while no unread data explains them.
    """
    old = e.rcv_rtt
    if old == 0 or sample << 3 < old:
        e.rcv_rtt = sample << 3
    elif not win_dep and e.rcv_nxt == e.copied_seq:
        e.rcv_rtt = old - (old >> 3) + sample


def tcp_rcv_rtt_measure(e: Endpoint, now: int) -> None:
    """Without timestamps: a round trip is what it takes to receive one window."""
    if e.rcv_rtt_time and e.rcv_nxt < e.rcv_rtt_seq:
        return
    us = now // 1000
    if e.rcv_rtt_time:
        _rcv_rtt_update(e, max(us - e.rcv_rtt_time, 1), 1)
    e.rcv_rtt_seq = e.rcv_nxt + e.rcv_wnd
    e.rcv_rtt_time = us


def tcp_rcv_rtt_measure_ts(e: Endpoint, now: int, payload: int) -> None:
    """With timestamps: the age of the echo on a full segment, in whole milliseconds; call before queueing it."""
    if e.timestamps == 0 or e.last_tsecr == e.rcv_rtt_last_tsecr:
        return
    e.rcv_rtt_last_tsecr = e.last_tsecr
    if payload >= e.rcv_mss:
        age = timestamp(e.host, now) - e.last_tsecr
        if age > 0:
            _rcv_rtt_update(e, age * 1000, 0)


def tcp_rcvbuf_grow(e: Endpoint, copied: int) -> None:
    """Make room for what the sender may send in the next round trips; `copied` is what was read in the last.

    Twice that, as the measurement is one round trip late, and more while the sender still accelerates.
    """
    before = e.rcvq_space
    e.rcvq_space = copied
    if e.rcvbuf_locked:
        return
    rcvwin = copied << 1
    rcvwin += (rcvwin * (copied - before) // before) << 1
    if e.ooo_len:
        rcvwin += e.ooo[e.ooo_len - 1].end - e.rcv_nxt
    rcvbuf = min(tcp_space_from_win(e, rcvwin), e.rmem_max)
    if rcvbuf > e.rcvbuf:
        e.rcvbuf = rcvbuf
        e.window_clamp = tcp_full_space(e)


def tcp_rcv_space_adjust(e: Endpoint, now: int) -> None:
    """Once a round trip: did the reader drain more than it ever did? Called for every skb it copies from.

    tcp_rcv_space_adjust()
    """
    us = now // 1000
    if e.rcv_rtt == 0 or us - e.rcvq_time < e.rcv_rtt >> 3:
        return
    unread = e.rcv_nxt - e.copied_seq
    copied = e.copied_seq - e.rcvq_seq - unread
    if copied > e.rcvq_space:
        tcp_rcvbuf_grow(e, copied)
    e.rcvq_seq = e.copied_seq
    e.rcvq_time = us
