"""A packet arrives: the order in which Linux does things decides what piggybacks and what is acknowledged.

ACK field first, then the data, then our own pending data (which carries the ACK for free), then the decision whether an
ACK of its own is needed, and last the reader is woken.

Linux: `tcp_rcv_established()`, `tcp_data_queue()`, `tcp_send_dupack()`, `tcp_data_snd_check()` in tcp_input.c.
"""

from __future__ import annotations

from models.ack import tcp_ack
from models.closing import fin_received
from models.constants import FIN_FLAG, FREED_ACK
from models.delayed_ack import ack_check, data_received, enter_quickack_mode, measure_rcv_mss
from models.ledger import arrivals, in_order
from models.out_of_order import dsack_set, queue_out_of_order, sack_remove, take_in_order
from models.output import push_pending
from models.reader import data_ready
from models.receive_queue import received_truesize, tcp_queue_rcv, tcp_try_rmem_schedule
from models.receive_window import tcp_grow_window, tcp_rcv_rtt_measure_ts, tcp_rcvbuf_grow, tcp_receive_window
from models.sndbuf import check_space
from models.state import Endpoint, Link, Packet
from models.transmit import send_ack

NOTHING_NEW = 0
IN_SEQUENCE = 1
OUT_OF_SEQUENCE = 2


def in_sequence(e: Endpoint, p: Packet, now: int) -> int:
    """Queue data that begins at (or, partly old, before) rcv_nxt. 0 when there was no memory for it."""
    start = e.rcv_nxt
    if tcp_try_rmem_schedule(e, start) < 0:
        e.nomem = 1
        e.ack_now = 1
        e.ack_sched = 1
        if e.rq_len:
            return 0
    end = p.seq + p.len
    truesize = received_truesize(e, p.iplen)
    tcp_queue_rcv(e, start, end, p.iplen, truesize)
    data_received(e, now, end - start, p.flags, truesize)
    if e.ooo_len:
        take_in_order(e)
        if e.ooo_len == 0:
            e.ack_now = 1
    if e.nsack:
        sack_remove(e)
    return 1


def out_of_window(e: Endpoint) -> None:
    """Something the peer should not have sent, or sent twice: acknowledge quickly for a while."""
    enter_quickack_mode(e)
    e.ack_sched = 1


def queue_data(e: Endpoint, p: Packet, now: int) -> int:
    """`tcp_data_queue()`: old, in sequence, beyond the window, or out of order."""
    end = p.seq + p.len
    if end <= e.rcv_nxt:
        dsack_set(e, p.seq, end)
        out_of_window(e)
        return NOTHING_NEW
    if p.seq <= e.rcv_nxt:
        if p.seq < e.rcv_nxt:
            dsack_set(e, p.seq, e.rcv_nxt)
        if tcp_receive_window(e) == 0:
            out_of_window(e)
            return NOTHING_NEW
        return IN_SEQUENCE if in_sequence(e, p, now) else NOTHING_NEW
    if p.seq >= e.rcv_nxt + tcp_receive_window(e):
        out_of_window(e)
        return NOTHING_NEW
    if tcp_try_rmem_schedule(e, p.seq) < 0:
        return NOTHING_NEW
    truesize = received_truesize(e, p.iplen)
    measure_rcv_mss(e, p.len, p.flags, truesize)
    e.ack_sched = 1
    if queue_out_of_order(e, p.seq, end, truesize) == 0:
        return NOTHING_NEW
    e.rmem_alloc -= truesize  # tcp_data_queue_ofo() grows the window before it charges the segment
    tcp_grow_window(e, p.len, truesize)
    e.rmem_alloc += truesize
    tcp_rcvbuf_grow(e, e.rcvq_space)
    return OUT_OF_SEQUENCE


def unacceptable(e: Endpoint, p: Packet) -> int:
    """`tcp_sequence()`: entirely before the last ACK sent, or entirely beyond the window."""
    end = p.seq + p.len + (1 if p.flags & FIN_FLAG else 0)
    return 1 if end < e.rcv_wup or p.seq > e.rcv_nxt + tcp_receive_window(e) else 0


def duplicate(e: Endpoint, l: Link, p: Packet, now: int) -> None:
    """`tcp_send_dupack()`: an old or probing segment is answered at once, its ACK field is not looked at."""
    if p.len and p.seq < e.rcv_nxt:
        enter_quickack_mode(e)
        dsack_set(e, p.seq, min(p.seq + p.len, e.rcv_nxt))
    send_ack(e, l, now)


def data_snd_check(e: Endpoint, l: Link, now: int) -> None:
    """The ACK may have freed the send queue and room for a sleeping writer."""
    if e.sq_head:
        push_pending(e, l, now, e.nonagle, FREED_ACK)
    check_space(e, now)


def predicted(e: Endpoint, p: Packet, wnd: int) -> int:
    """Header prediction: a pure ACK without surprises, on a connection without holes, is not answered."""
    return 1 if p.wnd == wnd and p.nsack == 0 and p.seq == e.rcv_nxt and e.ooo_len == 0 else 0


def take_data(e: Endpoint, peer: Endpoint, p: Packet, now: int) -> int:
    """Queue the packet's data and stamp the messages it brought; what it was to the receiver."""
    tcp_rcv_rtt_measure_ts(e, now, p.len)
    hole = e.rcv_nxt
    kind = queue_data(e, p, now)
    if kind == NOTHING_NEW:
        return kind
    end = p.seq + p.len
    if e.rcv_nxt <= end:
        arrivals(peer, p, e.rcv_nxt, hole, now)
    else:  # it filled the hole before what had come out of order
        arrivals(peer, p, e.rcv_nxt, end, now)
        in_order(peer, e.rcv_nxt, end, now)
    return kind


def receive(e: Endpoint, l: Link, peer: Endpoint, way: Link, p: Packet, now: int) -> None:
    """Process packet `p`, which `way` brought from `peer`; `l` carries what e sends in return."""
    if p.seq != e.rcv_nxt and unacceptable(e, p):
        duplicate(e, l, p, now)
        return
    if p.ack > e.snd_nxt:
        return  # it acknowledges what was never sent
    wnd = e.snd_wnd
    if p.seq <= e.rcv_wup:
        e.ts_recent = p.tsval
    e.last_tsecr = p.tsecr
    if p.len == 0 or p.ack != e.snd_una or p.wnd != wnd or p.nsack:
        tcp_ack(e, l, now, p)
    fin = p.flags & FIN_FLAG
    if p.len == 0 and fin == 0:
        data_snd_check(e, l, now)
        if e.ack_sched and not predicted(e, p, wnd):
            ack_check(e, l, now)
        return
    kind = NOTHING_NEW
    if p.len and (fin == 0 or p.seq + p.len != e.rcv_nxt):  # else only the FIN is new
        kind = take_data(e, peer, p, now)
    if fin and fin_received(e, p):
        out_of_window(e)
    data_snd_check(e, l, now)
    if e.ack_sched:
        ack_check(e, l, now)
    if kind == IN_SEQUENCE:
        data_ready(e, way, now)
