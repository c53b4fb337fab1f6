"""isReady() and a token bucket decide about every message: pause, full speed, or exponential back-off.

Not ready (`ready` bytes or more queued in front of the socket; gRPC says 32 KiB): pause. Ready and at least half of the
tokens left: full speed. Ready and fewer: back off, each wait twice the last. With a `limit` for what may wait, the
oldest beyond it is answered with a degraded message; without, messages wait without bound, under overload without end.

Rows 4.09, 4.10, 4.11, 4.12, 4.13, 4.14 of the source.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Duration, Size


def is_ready(
    tick: Tick,
    rate: float = 1_000,
    burst: int = 100,
    ready: Size = 32_768,
    backoff: Duration = 1_000_000,
    backoff_max: Duration = 64_000_000,
    limit: int = 0,
    degraded_size: Size = 16,
) -> None:
    """rate, burst: tokens a second and in the bucket. backoff, backoff_max: ns. limit: messages; 0 = none."""
    if tick.number == 0:
        tick.sender.admit(
            rate=rate, burst=burst, high=ready, low=ready, backoff=backoff, backoff_max=backoff_max, limit=limit,
            degraded_size=degraded_size,
        )  # fmt: skip
