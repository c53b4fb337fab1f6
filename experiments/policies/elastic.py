"""Double the buffer when the P99 is high under load, halve it when both are low: the rule as proposed.

P99 > 200 ms and rate > 0.8 of the capacity: double, up to `largest`. P99 < 50 ms and rate < 0.3 of it: halve, down to
`smallest`. Between the two nothing changes. Beware of its positive feedback: where a link is full, a larger send buffer
is a longer queue, so the P99 that made it grow grows with it, until `largest` is reached. `delay-target` has none.

Rows 4.01, 4.02, 4.03, 4.04 of the source.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Duration, Size


def elastic(
    tick: Tick,
    buffer: str = "sndbuf",
    capacity: float = 1_000,
    smallest: Size = 4_096,
    largest: Size = 1 << 20,
    high: Duration = 200_000_000,
    low: Duration = 50_000_000,
) -> None:
    """buffer: "sndbuf" or "framer_buffer". capacity: messages a second. high, low: P99, ns."""
    size = getattr(tick.sender, buffer)
    if tick.p99_ns > high and tick.rate > 0.8 * capacity:
        setattr(tick.sender, buffer, min(2 * size, largest))
    elif tick.p99_ns < low and tick.rate < 0.3 * capacity:
        setattr(tick.sender, buffer, max(size // 2, smallest))
