"""Water marks in front of the socket: no message from `high` queued bytes on until fewer than `low` are left.

Netty's WriteBufferWaterMark, 64 and 32 KiB: `isWritable()` turns false and true again, and a producer that heeds it
stops and goes on. It needs a stack that queues (workload.framing.quota, at least `high`).

Rows 2.12, 2.18 of the source.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Size


def water_marks(tick: Tick, high: Size = 65_536, low: Size = 32_768) -> None:
    """high, low: bytes."""
    if tick.number == 0:
        tick.sender.admit(high=high, low=low)
