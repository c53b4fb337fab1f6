"""Nagle's algorithm: may a small segment leave while earlier data is unacknowledged?

John Nagle's rule (RFC 896, RFC 1122 section 4.2.3.4, RFC 9293 section 3.7.4): while *any* data is unacknowledged, hold
a segment smaller than the MSS. It comes back when everything is acknowledged, or when later writes have filled it.

Linux uses Greg Minshall's variant (draft-minshall-nagle-01): only an unacknowledged *small* segment holds the next
small one. Full segments in flight do not, so the tail of a large write leaves at once if no earlier tail is waiting.
macOS asks only about the *last* segment sent: if that was full, a small one may follow it.

TCP_NODELAY (NAGLE_OFF) disables the rule. TCP_CORK (NAGLE_CORK) holds every small segment, in flight or not.
NAGLE_PUSH is a one-shot permission: setting TCP_NODELAY grants it, and so does being in the middle of the queue,
where a segment has no chance to grow.

Linux: `tcp_nagle_test()`, `tcp_nagle_check()`, `tcp_minshall_check()`, `tcp_minshall_update()` in tcp_output.c. macOS:
TF_MAXSEGSNT in XNU's `tcp_output()`.
"""

from __future__ import annotations

from models.constants import LAST_SEGMENT, NAGLE_CORK, NAGLE_PUSH, RFC896
from models.state import Endpoint


def small_segment_unacked(e: Endpoint) -> int:
    """Minshall's question: is the last sub-MSS segment sent still unacknowledged?"""
    return 1 if e.snd_una < e.snd_sml <= e.snd_nxt else 0


def holds_partial(e: Endpoint, nonagle: int) -> int:
    """Would a sub-MSS segment be held now?"""
    if nonagle & NAGLE_CORK:
        return 1
    data_in_flight = e.packets_out > 0
    if nonagle or not data_in_flight:
        return 0
    if e.nagle_rule == RFC896:
        return 1
    if e.nagle_rule == LAST_SEGMENT:
        return 1 if e.snd_sml == e.snd_nxt else 0
    return small_segment_unacked(e)


def nagle_holds(e: Endpoint, length: int, mss: int, fin: int, nonagle: int) -> int:
    """Must the segment of `length` bytes at the head of the send queue wait? `mss` is that of the moment."""
    is_small = length < mss
    is_last_word = fin or nonagle & NAGLE_PUSH
    if not is_small or is_last_word:
        return 0
    return holds_partial(e, nonagle)


def minshall_update(e: Endpoint, length: int, segments: int, mss: int, end: int) -> None:
    """An skb was sent: if any of its segments was small, remember where it ended."""
    if length < segments * mss:
        e.snd_sml = end
