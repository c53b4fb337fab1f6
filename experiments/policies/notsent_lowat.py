"""TCP_NOTSENT_LOWAT: the send buffer may be as large as it likes, but little of it unsent.

What is in flight is the congestion control's business, so throughput stays; what waits behind it in the kernel is
bounded, and the rest waits in the application, where it can still be dropped, merged or reordered.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Size


def notsent_lowat(tick: Tick, limit: Size = 16_384) -> None:
    """limit: bytes."""
    if tick.number == 0:
        tick.sender.notsent_lowat = limit
