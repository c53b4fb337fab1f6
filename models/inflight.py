"""How much is under way: the counts every loss and congestion rule starts from.

Linux: `tcp_left_out()`, `tcp_packets_in_flight()` in include/net/tcp.h.
"""

from __future__ import annotations

from models.state import Endpoint


def left_out(e: Endpoint) -> int:
    """Segments that have left the network: SACKed, or thought lost."""
    return e.sacked_out + e.lost_out


def packets_in_flight(e: Endpoint) -> int:
    """Segments sent, neither acknowledged nor thought lost; retransmissions count again."""
    return e.packets_out - e.sacked_out - e.lost_out + e.retrans_out


def highest_sack_seq(e: Endpoint) -> int:
    """Everything from here on has not been SACKed."""
    if e.sacked_out == 0:
        return e.snd_una
    if e.sacked_hint == 0:
        return e.snd_nxt
    return e.skb[e.sacked_hint].seq
