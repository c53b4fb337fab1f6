"""A token-bucket shaper at the sender (tc-tbf), with the feedback TCP takes from it.

Packets that wait here are charged to `wmem_qdisc` (sk_wmem_alloc), which is what autocorking and TCP small queues look
at. Tokens are counted in ns of sending time, as in the kernel. A super-packet (GSO) that the bucket can hold waits and
leaves as one; a larger one is cut first.

Linux: net/sched/sch_tbf.c `tbf_enqueue()`, `tbf_dequeue()`; completion: `tcp_wfree()`.
"""

from __future__ import annotations

from models.constants import ERR_PACKETS
from models.limits import stop
from models.link import NANOBITS, link_send, next_slot
from models.state import INF, PACKETS, Endpoint, Link, Packet, Qdisc


def qdisc_slot(q: Qdisc) -> int:
    """Where the next packet is to be written."""
    if q.len == 0:
        q.head = 0
    return (q.head + q.len) & (PACKETS - 1)


def copy_packet(to: Packet, p: Packet) -> None:
    """Field by field: assigning a record would alias it in plain Python."""
    to.seq = p.seq
    to.len = p.len
    to.ack = p.ack
    to.wnd = p.wnd
    to.flags = p.flags
    to.tsval = p.tsval
    to.tsecr = p.tsecr
    to.nsack = p.nsack
    to.dsack = p.dsack
    to.s0 = p.s0
    to.e0 = p.e0
    to.s1 = p.s1
    to.e1 = p.e1
    to.s2 = p.s2
    to.e2 = p.e2
    to.iplen = p.iplen
    to.retrans = p.retrans
    to.tx = p.tx


def packet_time(q: Qdisc, length: int) -> int:
    """ns of tokens a packet costs."""
    return length * NANOBITS // q.rate


def head_length(q: Qdisc) -> int:
    """IP bytes that leave together: the head, and what belongs to the same super-packet."""
    total = 0
    for j in range(q.q[q.head].behind + 1):
        total += q.q[(q.head + j) & (PACKETS - 1)].iplen
    return total


def schedule_qdisc(q: Qdisc, now: int) -> None:
    """When the head will have the tokens it needs."""
    if q.len == 0:
        q.next = INF
        return
    full = packet_time(q, q.burst)
    have = min(full, q.tokens + now - q.stamp)
    q.next = max(now, now + packet_time(q, head_length(q)) - have)


def begin_unit(q: Qdisc, length: int, segments: int) -> None:
    """The next `segments` packets, `length` IP bytes in all, are one super-packet if the bucket can hold it."""
    q.unit = segments if segments > 1 and length <= q.burst else 0


def qdisc_send(e: Endpoint, p: Packet, now: int) -> None:
    """Offer the packet just written into `qdisc_slot`."""
    q = e.qd
    p.behind = max(q.unit - 1, 0)
    q.unit = p.behind
    if q.bytes + p.iplen > q.limit:
        q.dropped += 1
        return
    q.bytes += p.iplen
    q.len += 1
    e.wmem_qdisc += p.truesize
    if q.len >= PACKETS:
        stop(e, ERR_PACKETS)
    elif q.q[q.head].behind + 1 == q.len:
        schedule_qdisc(q, now)


def dequeue_one(e: Endpoint, l: Link, now: int) -> None:
    """Hand the packet at the head to the link, release its memory."""
    q = e.qd
    p = q.q[q.head]
    to = l.q[next_slot(l)]
    copy_packet(to, p)
    q.bytes -= p.iplen
    e.wmem_qdisc -= p.truesize
    q.head = (q.head + 1) & (PACKETS - 1)
    q.len -= 1
    link_send(l, to, now)


def qdisc_dequeue(e: Endpoint, l: Link, now: int) -> None:
    """Let the head go, all of its super-packet, and take its tokens."""
    q = e.qd
    full = packet_time(q, q.burst)
    q.tokens = min(full, q.tokens + now - q.stamp) - packet_time(q, head_length(q))
    q.stamp = now
    for _ in range(q.q[q.head].behind + 1):
        dequeue_one(e, l, now)
    schedule_qdisc(q, now)
