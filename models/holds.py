"""Whose fault is a held segment: the round trip, or the peer's delayed ACK?

While the data that holds the head of the send queue is on its way, the hold is Nagle's (or the congestion window's).
Once it has arrived and the peer is delaying its ACK, the hold is the delayed ACK's. When the ACK leaves, the rest is
the way back.
"""

from __future__ import annotations

from models.clocks import switch
from models.constants import MINSHALL
from models.state import CWND, DELAYED_ACK, NAGLE, PACING, Endpoint


def holder(e: Endpoint) -> int:
    """The ACK number that would release the head."""
    if e.held_by == CWND:
        return e.snd_una + 1
    if e.nagle_rule == MINSHALL:
        return e.snd_sml
    return e.snd_nxt


def blame(e: Endpoint, peer: Endpoint, now: int) -> None:
    """Run `delayed_ack` instead of the gate's own reason while the peer sits on the ACK that would open it."""
    if e.held_by != NAGLE and e.held_by != CWND:
        return
    needed = holder(e)
    delayed = peer.rcv_nxt >= needed and peer.rcv_wup < needed and peer.ack_sched
    switch(e.clock, now, (DELAYED_ACK if delayed else e.held_by) - PACING)
