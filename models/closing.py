"""Closing one direction: the FIN, which takes the sequence number behind the last byte.

It rides on the last unsent segment if there is one, and neither Nagle nor cork holds it. A FIN received is answered
like data by an end that may still send, at once by one that has closed itself.

Linux: `tcp_send_fin()` in tcp_output.c, `tcp_fin()` in tcp_input.c. RFC 9293 section 3.6.
"""

from __future__ import annotations

from models.constants import FREED_WRITE, NAGLE_OFF
from models.out_of_order import dsack_set
from models.output import push_pending
from models.receive_queue import tcp_try_rmem_schedule
from models.send_queue import entail
from models.state import Endpoint, Link, Packet


def send_fin(e: Endpoint, l: Link, now: int) -> None:
    """The application has nothing more to send: shutdown(SHUT_WR), or close() with everything read."""
    i = e.sq_tail
    if i == 0:
        i = entail(e, now)
        if i == 0:
            return
    e.skb[i].fin = 1
    e.skb[i].end += 1
    e.write_seq += 1
    e.fin_sent = 1
    push_pending(e, l, now, NAGLE_OFF, FREED_WRITE)


def fin_received(e: Endpoint, p: Packet) -> int:
    """Packet `p`, whose data has been seen to, carries a FIN. Returns 1 if it is an old one, to be answered quickly.

    One behind a hole is not remembered; its retransmission will do. What lies behind it is dropped.
    """
    at = p.seq + p.len
    if at < e.rcv_nxt:
        if p.len == 0:
            dsack_set(e, p.seq, at + 1)
        return 1
    if at == e.rcv_nxt:
        if tcp_try_rmem_schedule(e, at) < 0:
            e.nomem = 1
            e.ack_now = 1
        e.rcv_nxt += 1
        e.dsack = 0
        e.nsack = 0
        e.ooo_len = 0
        e.fin_seen = 1
        e.ack_sched = 1
        if e.fin_sent:
            e.ack_now = 1
        else:
            e.pingpong = e.pingpong_thresh
    return 0
