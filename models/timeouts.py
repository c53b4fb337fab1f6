"""The retransmit timer has fired: RTO, tail loss probe, RACK's reordering wait, or a zero-window probe.

Linux: `tcp_write_timer_handler()`, `tcp_retransmit_timer()`, `tcp_probe_timer()` in tcp_timer.c;
`tcp_send_loss_probe()`, `tcp_send_probe0()`, `tcp_write_wakeup()` in tcp_output.c;
`tcp_rack_reo_timeout()` in tcp_recovery.c.
"""

from __future__ import annotations

from models.congestion import cc_has_control
from models.constants import (
    CA_RECOVERY,
    FREED_TIMER,
    INFINITE_SSTHRESH,
    NAGLE_OFF,
    TIMER_NONE,
    TIMER_PROBE0,
    TIMER_REO,
    TIMER_RTO,
    TIMER_TLP,
)
from models.fragment import fragment, set_tso_segs
from models.give_up import give_up, retransmits_timed_out
from models.inflight import packets_in_flight
from models.output import fits_window, new_data_sent, stamp_first_transmission, window_end, write_xmit
from models.prr import cwnd_reduction
from models.rack import rack_detect_loss
from models.rearm import probe0_when, rearm_rto, reset_unpaced, reset_xmit_timer
from models.recovery import enter_loss, enter_recovery
from models.retransmit import in_host_queue, retransmit_skb, retransmit_unaccounted, xmit_retransmit_queue
from models.rtt import unbacked_rto
from models.state import INF, Endpoint, Link
from models.transmit import current_mss, send_window_probe, transmit_skb

THIN_SEGMENTS = 4
THIN_RETRIES = 6
"""TCP_THIN_LINEAR_RETRIES"""


# ---- RTO --------------------------------------------------------------------------------------------------------


def back_off(e: Endpoint) -> None:
    """Twice the timeout; for a thin stream (TCP_THIN_LINEAR_TIMEOUTS) the first six times the same again."""
    in_initial_slow_start = e.ssthresh >= INFINITE_SSTHRESH
    is_thin = e.packets_out < THIN_SEGMENTS and not in_initial_slow_start
    if e.thin_linear and is_thin and e.retransmits <= THIN_RETRIES:
        e.backoff = 0
        e.rto = min(max(unbacked_rto(e), e.rto_min), e.rto_max)
    else:
        e.backoff += 1
        e.rto = min(e.rto << 1, e.rto_max)


def rto_timer(e: Endpoint, l: Link, now: int) -> None:
    """The head has been out too long: everything a round trip old is lost, and the head leaves again."""
    if e.packets_out == 0:
        return
    if e.snd_wnd and retransmits_timed_out(e, now):
        give_up(e)
        return
    enter_loss(e, now)
    if e.snd_wnd:  # else the retransmission is a window probe, which does not count
        e.retransmits += 1
        e.rtos += 1
    retransmit_skb(e, l, now, e.rtx_head, 1)
    back_off(e)
    reset_unpaced(e, now, TIMER_RTO, e.rto)


# ---- tail loss probe --------------------------------------------------------------------------------------------


def probe_with_new_data(e: Endpoint, l: Link, now: int) -> int:
    """Nagle and the congestion window do not hold a probe. Returns 1 if something left."""
    before = e.packets_out
    write_xmit(e, l, now, NAGLE_OFF, 2, FREED_TIMER)
    return 1 if e.packets_out > before else 0


def probe_with_last_segment(e: Endpoint, l: Link, now: int) -> int:
    """Retransmit the last segment. Returns 1 if it left."""
    i = e.rtx_tail
    k = e.skb[i]
    if in_host_queue(e, i):
        e.tsq_throttled = 1
        return 0
    mss = current_mss(e)
    front = (k.pcount - 1) * mss
    if k.pcount > 1 and k.end - k.seq > front:
        i = fragment(e, i, front, mss)
        if i == 0:
            return 0
    return retransmit_unaccounted(e, l, now, i, 1)


def loss_probe_timer(e: Endpoint, l: Link, now: int) -> None:
    """`tcp_send_loss_probe()`: new data if there is some and the window takes it, else the last segment again."""
    if e.tlp_high_seq == 0:  # one probe an episode
        e.tlp_retrans = 0
        sent = 0
        if e.sq_head and fits_window(e, e.sq_head, current_mss(e)):
            sent = probe_with_new_data(e, l, now)
        elif e.rtx_tail == 0:
            e.timer = TIMER_NONE
            return
        elif probe_with_last_segment(e, l, now):
            sent = 1
            e.tlp_retrans = 1
        if sent:
            e.tlp_high_seq = e.snd_nxt
            e.tlps += 1
            e.timer = TIMER_NONE  # so that RTO counts from now
    rearm_rto(e, now)


# ---- RACK's reordering wait -------------------------------------------------------------------------------------


def reo_timer(e: Endpoint, l: Link, now: int) -> None:
    """`tcp_rack_reo_timeout()`: the doubtful segments have had their time."""
    in_flight = packets_in_flight(e)
    lost = e.lost
    rack_detect_loss(e, now)
    if in_flight != packets_in_flight(e):
        if e.ca_state != CA_RECOVERY:
            enter_recovery(e, now)
            if cc_has_control(e) == 0:
                cwnd_reduction(e, 1, e.lost - lost, 0)
        xmit_retransmit_queue(e, l, now)
    if e.timer != TIMER_RTO:
        rearm_rto(e, now)


# ---- zero-window probe ------------------------------------------------------------------------------------------


def push_head(e: Endpoint, l: Link, now: int) -> None:
    """Send as much of the send queue's head as the window takes, whatever held it: this ends a cork."""
    i = e.sq_head
    k = e.skb[i]
    mss = current_mss(e)
    room = window_end(e) - k.seq
    e.pushed_seq = max(e.pushed_seq, k.end)
    if room < k.end - k.seq or k.end - k.seq > mss:
        if fragment(e, i, min(room, mss), mss) == 0:
            return
    elif k.pcount == 0:
        set_tso_segs(k, mss)
    k.psh = 1
    transmit_skb(e, l, now, i)
    new_data_sent(e, i, now, 0)
    stamp_first_transmission(e, k.end, now, FREED_TIMER)


def needs_probe(e: Endpoint) -> int:
    """Is there something to send and nothing in flight that will bring an ACK?"""
    return 1 if e.packets_out == 0 and e.sq_head else 0


def write_wakeup(e: Endpoint, l: Link, now: int) -> None:
    """Send something the peer must answer: data if the window takes any, else a probe."""
    if e.skb[e.sq_head].seq < window_end(e):
        push_head(e, l, now)
    else:
        send_window_probe(e, l, now)


def probe0_expired(e: Endpoint, l: Link, now: int) -> None:
    """`tcp_probe_timer()`, `tcp_send_probe0()`: nothing moves, so ask, and ask again later."""
    if needs_probe(e) == 0:
        e.probes_out = 0
        return
    if e.probes_out >= e.retries2:
        give_up(e)
        return
    write_wakeup(e, l, now)
    if needs_probe(e) == 0:
        e.probes_out = 0
        e.backoff = 0
        return
    e.probes_out += 1
    if e.backoff < e.retries2:
        e.backoff += 1
    reset_xmit_timer(e, now, TIMER_PROBE0, probe0_when(e))


# ---- the timer --------------------------------------------------------------------------------------------------


def retransmit_timer(e: Endpoint, l: Link, now: int) -> None:
    """The timer of endpoint `e` has fired; what it sends goes onto `l`."""
    e.timer_at = INF
    what = e.timer
    if what == TIMER_REO:
        reo_timer(e, l, now)
    elif what == TIMER_TLP:
        loss_probe_timer(e, l, now)
    elif what == TIMER_RTO:
        e.timer = TIMER_NONE
        rto_timer(e, l, now)
    elif what == TIMER_PROBE0:
        e.timer = TIMER_NONE
        probe0_expired(e, l, now)
