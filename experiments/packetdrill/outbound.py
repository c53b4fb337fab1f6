"""What the model sent against what the script expects.

An expected packet is what TCP hands down, so the segments of one skb count as one; like packetdrill, several packets in
a row may stand for one expected packet, if they are all as large, the last aside. Its PSH is then that of the last.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from experiments.packetdrill.handshake import options_text, same_options
from experiments.packetdrill.script import Option, Segment
from models.constants import FIN_FLAG, PSH_FLAG
from sim.bench import Sent

FIRST = 1
"""The sequence number of the first byte, counted from the SYN."""


def joined(held: Sent, p: Sent) -> Sent:
    """Two packets in a row as one."""
    return replace(held, at=p.at, len=held.len + p.len, flags=p.flags)


def take(pending: deque[Sent], length: int) -> Sent:
    """The next packet, with those behind it as far as the script's packet of `length` bytes reaches."""
    got = pending.popleft()
    each = got.len
    while pending and 0 < got.len < length:
        p = pending[0]
        last = got.len + p.len >= length
        if p.seq != got.end or p.ack != got.ack or p.sacks != got.sacks or (p.len != each and not last):
            break
        got = joined(got, pending.popleft())
    return got


def flags_of(p: Sent) -> str:
    """As a script writes them."""
    return ("F" if p.flags & FIN_FLAG else "") + ("P" if p.flags & PSH_FLAG else "") + "."


def options_of(p: Sent, timestamps: bool) -> tuple[Option, ...]:
    """The options on a packet of an established connection (`tcp_established_options`)."""
    found: list[Option] = []
    if timestamps:
        found += [Option("nop"), Option("nop"), Option("TS", (p.tsval, p.tsecr))]
    if p.sacks:
        edges = tuple(edge + FIRST for block in p.sacks for edge in block)
        found += [Option("nop"), Option("nop"), Option("sack", edges)]
    return tuple(found)


def text(p: Sent, timestamps: bool, scale: int) -> str:
    """The packet as a script would have it."""
    options = options_text(options_of(p, timestamps))
    shown = f" <{options}>" if options else ""
    start = p.seq + FIRST
    return f"{flags_of(p)} {start}:{start + p.len}({p.len}) ack {p.ack + FIRST} win {p.win >> scale}{shown}"


def differences(expected: Segment, p: Sent, timestamps: bool, scale: int) -> list[str]:
    """In what the packet is not as expected, by field."""
    found = []
    if set(expected.flags) != set(flags_of(p)):
        found.append("flags")
    if expected.seq != p.seq + FIRST:
        found.append("seq")
    if expected.length != p.len:
        found.append("length")
    if expected.ack is not None and expected.ack != p.ack + FIRST:
        found.append("ack")
    if expected.win is not None and expected.win != p.win >> scale:
        found.append("win")
    if not same_options(expected.options, options_of(p, timestamps)):
        found.append("options")
    return found
