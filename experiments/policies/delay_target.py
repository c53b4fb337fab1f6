"""A send buffer that holds what the path delivers in its own round trip and a tolerated delay: no positive feedback.

The buffer follows rate x (1.5 x least RTT + `delay`). A queue lengthens neither factor: the rate of a full link is the
link's, and the least RTT is that of the empty path. While the buffer is what limits the rate there is no queue, and the
rule makes it larger at every tick, until the link is full. 1.5, because a writer that found no room sleeps until a
third of the buffer is free: with less, a buffer that limits the rate would shrink instead of grow.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Duration, Size

SLEEP = 1.5


def delay_target(
    tick: Tick, delay: Duration = 50_000_000, smallest: Size = 16_384, largest: Size = 4 << 20, memory: int = 10
) -> None:
    """delay: queueing tolerated in the send buffer and behind it, ns. memory: ticks a rate is remembered for."""
    end = tick.sender
    if not tick.delivered:
        return
    rates = tick.memory.setdefault("rates", [])
    rates.append(tick.throughput_bps / 8e9)  # bytes a ns
    del rates[:-memory]
    payload = max(rates) * (SLEEP * end.min_rtt_ns + delay)
    outstanding = end.notsent + end.in_flight
    charged = end.wmem_queued / outstanding if outstanding else 1.5  # memory a payload byte costs
    end.sndbuf = min(max(payload * charged / 2, smallest), largest)  # the kernel doubles it
