"""Small buffers on short paths, large ones on long: a step in the measured RTT.

As proposed: below 50 ms a send buffer of 64 KiB and a write buffer of 8 KiB, else 256 KiB and 32 KiB. `hysteresis`
keeps an RTT near the threshold from toggling; beware that the send buffer itself lengthens the RTT it is chosen by.

Rows 3.02 of the source.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Duration

KIB = 1024


def rtt_threshold(tick: Tick, threshold: Duration = 50_000_000, hysteresis: float = 0.1, minimum: bool = False) -> None:
    """threshold: ns. minimum: judge by the least RTT seen (the path's own) instead of the smoothed one."""
    end = tick.sender
    rtt = end.min_rtt_ns if minimum else end.srtt_ns
    long = bool(tick.memory.get("long", rtt >= threshold))
    if rtt > threshold * (1 + hysteresis):
        long = True
    elif rtt < threshold * (1 - hysteresis):
        long = False
    if long != tick.memory.get("long"):
        end.sndbuf, end.framer_buffer = (256 * KIB, 32 * KIB) if long else (64 * KIB, 8 * KIB)
    tick.memory["long"] = long
