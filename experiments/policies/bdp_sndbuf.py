"""A send buffer of so many bandwidth-delay products, as the kernel itself measures both.

The product of the largest delivery rate of late (tcpi_delivery_rate) and the least RTT is what keeps the path busy;
`gain` covers what the kernel charges for overhead and the time from ACK to ACK. What autotuning gives is two congestion
windows, and a congestion window includes the queue.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Size


def bdp_sndbuf(
    tick: Tick, gain: float = 2.0, smallest: Size = 16_384, largest: Size = 4 << 20, memory: int = 10
) -> None:
    """gain: bandwidth-delay products asked of SO_SNDBUF. memory: ticks a rate is remembered for."""
    rates = tick.memory.setdefault("rates", [])
    rates.append(tick.sender.delivery_rate_bps)
    del rates[:-memory]
    product = max(rates) / 8e9 * tick.sender.min_rtt_ns
    if product:
        tick.sender.sndbuf = min(max(gain * product, smallest), largest)
