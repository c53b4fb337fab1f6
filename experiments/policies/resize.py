"""Change the write buffer once, at a given time, and pay for it: the lock and the copy into the new one.

grpc-go and x/net cannot (their buffer is fixed per transport); this shows what it would be worth.

Rows 3.05, 4.08 of the source.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Duration, Size


def resize(
    tick: Tick, at: Duration = 1_000_000_000, to: Size = 131_072, lock: Duration = 2_000, copy: float = 0.1
) -> None:
    """at: not before this time, ns. to: bytes. lock: ns of the core. copy: ns of the core a byte of the new buffer."""
    if tick.now_ns >= at and not tick.memory:
        tick.memory["done"] = True
        tick.sender.work(lock + round(copy * to))
        tick.sender.framer_buffer = to
