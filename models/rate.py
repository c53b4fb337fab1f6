"""Delivery-rate samples: how many segments were delivered, in how much time.

Every skb remembers, when it is sent, how much had been delivered by then. When it is acknowledged the difference is
what the network delivered in between; the time is the longer of the sending and the acknowledging phase, so that
neither bursts nor compressed ACKs inflate the rate. A sample taken while the application had too little to send says
nothing about the network and is marked `app_limited`.

Only BBR and policies read the rate. Without them (`Endpoint.sampling` 0) no more is kept than the loss detection asks
for: how much had been delivered when the skb left.

Linux: tcp_rate.c. draft-cheng-iccrg-delivery-rate-estimation.
"""

from __future__ import annotations

from models.constants import SACKED
from models.inflight import packets_in_flight
from models.state import Endpoint

SMALLEST_SKB = 577
"""SKB_TRUESIZE(1): with less than this in the qdisc, nothing is queued there."""


def sent_after(us1: int, us2: int, seq1: int, seq2: int) -> int:
    """Was the first of two skbs sent later? Within a microsecond, the higher sequence (`tcp_skb_sent_after`)."""
    return 1 if us1 > us2 or (us1 == us2 and seq1 > seq2) else 0


def rate_skb_sent(e: Endpoint, now: int, i: int) -> None:
    """Skb `i` leaves: remember what had been delivered. With nothing in flight a new sample interval begins."""
    k = e.skb[i]
    k.tx_delivered = e.delivered
    if e.sampling == 0:
        return
    if e.packets_out == 0:
        e.first_tx = now // 1000
        e.delivered_at = now
    k.tx_first_tx = e.first_tx
    k.tx_delivered_at = e.delivered_at
    k.tx_app_limited = e.app_limited


def rate_skb_delivered(e: Endpoint, i: int, sent: int) -> None:
    """Skb `i`, sent at `sent` (us), was (S)ACKed: if it is the one sent last so far, the sample is its."""
    k = e.skb[i]
    if k.tx_delivered == 0:
        return
    if e.rs_prior_delivered == 0 or sent_after(sent, e.first_tx, k.end, e.rs_last_end_seq):
        e.rs_prior_delivered = k.tx_delivered
        e.rs_last_end_seq = k.end
        e.first_tx = sent
        if e.sampling:
            e.rs_prior_mstamp = k.tx_delivered_at
            e.rs_app_limited = k.tx_app_limited
            e.rs_interval = max(sent - k.tx_first_tx, 0)
    if k.sacked & SACKED:
        k.tx_delivered = 0  # it has had its say; its cumulative ACK counts for nothing


def rate_gen(e: Endpoint, now: int, delivered: int, lost: int, reneging: int) -> None:
    """The sample this ACK gives; `rs_interval` -1 when it gives none (`tcp_rate_gen`)."""
    if e.delivered > e.app_limited:
        e.app_limited = 0
    if delivered:
        e.delivered_at = now
    e.rs_acked_sacked = delivered
    e.rs_losses = lost
    if e.rs_prior_delivered == 0 or reneging:
        e.rs_delivered = -1
        e.rs_interval = -1
        return
    e.rs_delivered = e.delivered - e.rs_prior_delivered
    e.rs_interval = max(e.rs_interval, now // 1000 - e.rs_prior_mstamp // 1000)
    if e.rs_interval < e.min_rtt_v0:
        e.rs_interval = -1
        return
    if e.rs_app_limited and e.rs_delivered * e.rate_interval < e.rate_delivered * e.rs_interval:
        return  # it is no record, and says nothing about the network
    e.rate_delivered = e.rs_delivered
    e.rate_interval = e.rs_interval


def rate_check_app_limited(e: Endpoint) -> None:
    """Is it the application that keeps the pipe from being full? Until all this is delivered, samples are marked."""
    if e.write_seq - e.snd_nxt >= e.mss or e.wmem_qdisc >= SMALLEST_SKB or e.lost_out > e.retrans_out:
        return
    in_flight = packets_in_flight(e)
    if in_flight < e.cwnd:
        e.app_limited = max(e.delivered + in_flight, 1)
