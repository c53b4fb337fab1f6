"""The connection as the workload finds it: handshake done, nothing sent yet.

Both ends have one RTT sample from the handshake, an initial window of ten segments, and the windows they announced.

Linux: `tcp_connect_init()`, `tcp_openreq_init_rwin()`, `tcp_init_transfer()`, `tcp_finish_connect()`,
`tcp_create_openreq_child()`, `tcp_init_buffer_space()`.
"""

from __future__ import annotations

from models.clocks import NOTHING, QUEUE_NOTHING
from models.congestion import cc_init, cc_update_pacing_rate
from models.constants import BBR, INFINITE_SSTHRESH
from models.delayed_ack import set_delack_limits
from models.link import serialisation_ns
from models.receive_window import tcp_init_buffer_space, tcp_select_initial_window, tcp_select_window
from models.rtt import rtt_handshake, rtt_init
from models.sndbuf import sndbuf_expand
from models.state import INF, Endpoint, Link, Path
from models.timers import jiffies, timestamp

SYN_LENGTH = 60
ACK_LENGTH = 52
MSS_DEFAULT = 536
MIN_MSS = 88
MAX_UNSCALED = 65_535


def no_deadlines(e: Endpoint) -> None:
    """Nothing is going to happen at this end."""
    e.timer_at = INF
    e.delack_at = INF
    e.comp_at = INF
    e.pace_at = INF
    e.qd.next = INF
    e.r.at = INF
    e.w.flush_at = INF
    e.w.write_at = INF
    e.w.app_at = INF
    e.clock.why = QUEUE_NOTHING
    e.w.clock.why = NOTHING
    e.w.framer_clock.why = NOTHING


def one_way(l: Link, length: int, work: int) -> int:
    """ns from the sending to the receiving TCP on an idle path."""
    return work + serialisation_ns(l, length) + l.delay


def established(e: Endpoint, now: int, rtt_us: int) -> None:
    """Socket state at the end of the handshake, at `now`, which may be before time 0."""
    e.host.tick_to = now
    set_delack_limits(e)
    e.cwnd = e.initcwnd
    e.cwnd_clamp = INFINITE_SSTHRESH
    e.ssthresh = INFINITE_SSTHRESH
    e.reordering = 3
    e.rcv_mss = max(MIN_MSS, min(min(e.advmss, e.mss), min(e.rcv_wnd // 2, MSS_DEFAULT)))
    e.reo_wnd_steps = 1
    e.cwnd_stamp = now
    e.lsndtime = jiffies(e.host, now)
    e.lrcvtime = jiffies(e.host, now)
    e.delivered = 1
    e.delivered_at = now
    e.first_tx = now // 1000
    e.wstamp = now
    rtt_init(e, now)
    rtt_handshake(e, now, rtt_us)
    if e.sndbuf_locked == 0:
        sndbuf_expand(e)
    tcp_init_buffer_space(e, now)
    cc_init(e, now)
    cc_update_pacing_rate(e)
    if e.cc == BBR:
        e.pacing_on = 1
    e.r.waiting = 1


def connect(s: Path, lead: int) -> None:
    """Begin to establish the connection `lead` ns before time 0, early enough to have done so by then."""
    no_deadlines(s.a)
    no_deadlines(s.b)
    s.ab.next = INF
    s.ba.next = INF
    tcp_select_initial_window(s.a)
    tcp_select_initial_window(s.b)
    up = s.a.host.wire_ns + s.ab.rx_ack_ns
    down = s.b.host.wire_ns + s.ba.rx_ack_ns
    syn = one_way(s.ab, SYN_LENGTH, up)
    syn_ack = one_way(s.ba, SYN_LENGTH, down)
    ack = one_way(s.ab, ACK_LENGTH, up)
    opened = syn + syn_ack - max(lead, syn + syn_ack + ack)
    established(s.a, opened, (syn + syn_ack) // 1000)
    established(s.b, opened + ack, (syn_ack + ack) // 1000)
    announced = tcp_select_window(s.a)
    s.a.snd_wnd = min(s.b.rcv_wnd, MAX_UNSCALED)
    s.b.snd_wnd = announced
    s.a.max_window = s.a.snd_wnd
    s.b.max_window = announced
    s.ab.idx = 2
    s.ba.idx = 1
    s.a.ts_recent = timestamp(s.b.host, opened - one_way(s.ba, SYN_LENGTH, down))
    s.b.ts_recent = timestamp(s.a.host, opened)
