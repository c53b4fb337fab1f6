"""Putting segments on the wire: every packet that leaves TCP leaves here, and every one carries an ACK.

That is why data sent in the other direction acknowledges for free (piggybacking), and why a reply within ATO of the
last received data marks the connection interactive ("pingpong"), which is what arms the delayed-ACK timer.

Linux: `__tcp_transmit_skb()`, `tcp_event_ack_sent()`, `tcp_event_data_sent()`, `tcp_dec_quickack_mode()`,
`tcp_established_options()`, `__tcp_send_ack()`, `tcp_xmit_probe_skb()` in tcp_output.c.
"""

from __future__ import annotations

from models.congestion import cc_event
from models.constants import ACK_FLAG, EVENT_TX_START, FIN_FLAG, PSH_FLAG
from models.fragment import payload
from models.link import link_send, next_slot
from models.qdisc import begin_unit, qdisc_send, qdisc_slot
from models.rate import rate_skb_sent
from models.receive_window import tcp_select_window
from models.skbuff import ts_append, ts_unlink
from models.state import INF, Endpoint, Link, Packet, Skb
from models.timers import jiffies, timestamp

HEADERS = 40
"""IPv4 (20) and TCP without options (20)."""
TIMESTAMPS = 12
"""TCPOLEN_TSTAMP_ALIGNED"""
PURE_ACK_TRUESIZE = 2
UNPACED_SEGMENTS = 10
"""Internal pacing exempts the first data segments of a connection, as sch_fq did."""


def sack_option_bytes(e: Endpoint) -> int:
    """TCP option bytes the SACK blocks to report take (tcp_established_options)."""
    if e.nsack + e.dsack == 0 or e.sack_ok == 0:
        return 0
    return 4 + 8 * min(3, e.nsack + e.dsack)


def current_mss(e: Endpoint) -> int:
    """`tcp_current_mss()`: a segment is smaller while this end reports holes."""
    return e.mss - sack_option_bytes(e)


def write_sack_blocks(e: Endpoint, p: Packet) -> None:
    """The duplicate first, then the holes' far sides, most recent first; a DSACK is reported once."""
    p.dsack = e.dsack
    p.nsack = min(3, e.nsack + e.dsack)
    n = 0
    if e.dsack:
        p.s0 = e.dsack_start
        p.e0 = e.dsack_end
        n = 1
        e.dsack = 0
    for i in range(p.nsack - n):
        r = e.sack[i]
        if i + n == 0:
            p.s0 = r.start
            p.e0 = r.end
        elif i + n == 1:
            p.s1 = r.start
            p.e1 = r.end
        else:
            p.s2 = r.start
            p.e2 = r.end


def event_ack_sent(e: Endpoint) -> None:
    """The packet carries an ACK: it costs a quick-ACK credit if one was due, and clears whatever was pending."""
    if e.compressed_ack:
        e.compressed_ack = 0
        e.comp_at = INF
    if e.ack_sched:
        if e.quick > 0:
            e.quick -= 1
            if e.quick == 0:
                e.ato = e.delack_min
        e.ack_sched = 0
    e.ack_pushed = 0
    e.ack_pushed2 = 0
    e.ack_now = 0
    e.delack_at = INF


def event_data_sent(e: Endpoint, now: int) -> None:
    """Data left: a reply within ATO of the last received data makes the connection interactive."""
    if e.packets_out + e.retrans_out == e.sacked_out + e.lost_out:
        cc_event(e, now, EVENT_TX_START)
    j = jiffies(e.host, now)
    e.lsndtime = j
    if j - e.lrcvtime < e.ato and e.pingpong < 255:
        e.pingpong += 1


def put_packet(
    e: Endpoint, l: Link, now: int, seq: int, length: int, flags: int, retrans: int, truesize: int, wnd: int
) -> None:
    """One IP packet into the qdisc or onto the link."""
    if e.qd.rate:
        p = e.qd.q[qdisc_slot(e.qd)]
    else:
        p = l.q[next_slot(l)]
    p.seq = seq
    p.len = length
    p.flags = flags | ACK_FLAG
    p.ack = e.rcv_nxt
    p.wnd = wnd
    p.tsval = timestamp(e.host, now)
    p.tsecr = e.ts_recent
    p.retrans = retrans
    p.tx = now
    p.truesize = truesize
    p.iplen = length + HEADERS + e.timestamps * TIMESTAMPS
    p.nsack = 0
    p.dsack = 0
    if e.sack_ok and e.nsack + e.dsack:
        p.iplen += sack_option_bytes(e)
        write_sack_blocks(e, p)
    if e.qd.rate:
        qdisc_send(e, p, now)
    else:
        link_send(l, p, now + e.host.wire_ns)


def send_ack(e: Endpoint, l: Link, now: int) -> None:
    """A packet with an ACK and nothing else (`tcp_send_ack`)."""
    wnd = tcp_select_window(e)
    event_ack_sent(e)
    e.pure_acks += 1
    put_packet(e, l, now, e.snd_nxt, 0, 0, 0, PURE_ACK_TRUESIZE, wnd)


def send_window_probe(e: Endpoint, l: Link, now: int) -> None:
    """A segment the peer must answer: one byte below snd_una, no data (`tcp_xmit_probe_skb`)."""
    wnd = tcp_select_window(e)
    event_ack_sent(e)
    e.window_probes += 1
    put_packet(e, l, now, e.snd_una - 1, 0, 0, 0, PURE_ACK_TRUESIZE, wnd)


def pace(e: Endpoint, length: int, credit: int) -> None:
    """When the next skb may leave, under internal pacing: this one left `credit` ns later than it might have.

    `tcp_update_skb_after_send()`
    """
    if e.pacing_rate and e.data_segs_out >= UNPACED_SEGMENTS:
        took = length * 1_000_000_000 // e.pacing_rate
        e.wstamp += took - min(took // 2, credit)


def stamp(e: Endpoint, k: Skb, now: int, length: int) -> None:
    """Skb `k` leaves now, or as soon as internal pacing allows."""
    prior = e.wstamp
    e.wstamp = max(prior, now)
    k.sent = e.wstamp
    if e.pacing_on:
        pace(e, length, k.sent - prior)


def transmit_skb(e: Endpoint, l: Link, now: int, i: int) -> None:
    """Send skb `i`, first time or again: all its segments, at once.

    Several of them end with a PSH; it is the packet's, not the skb's, and is gone when part of it is sent again.
    """
    k = e.skb[i]
    length = payload(k)
    rate_skb_sent(e, now, i)
    wnd = tcp_select_window(e)
    event_ack_sent(e)
    event_data_sent(e, now)
    e.data_segs_out += k.pcount
    stamp(e, k, now, length)
    if k.in_rtx:
        ts_unlink(e, i)
    ts_append(e, i)
    e.host.app_ns += e.host.tx_ns
    if e.qd.rate:
        begin_unit(e.qd, length + k.pcount * (HEADERS + e.timestamps * TIMESTAMPS + sack_option_bytes(e)), k.pcount)
    psh = k.psh
    share = k.truesize
    seq = k.seq
    if k.pcount > 1:
        psh = 1
        share //= k.pcount
        for _ in range(k.pcount - 1):
            put_packet(e, l, now, seq, k.gso_size, 0, k.in_rtx, share, wnd)
            seq += k.gso_size
    put_packet(e, l, now, seq, k.seq + length - seq, psh * PSH_FLAG + k.fin * FIN_FLAG, k.in_rtx, share, wnd)
