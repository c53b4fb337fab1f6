"""A stand-in for the simulator: closed formulas, instant, with a little noise from the seed.

The path carries the least of its rate, its send buffer per round trip, and 40 MB/s for each 4 KiB of write buffer.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace

from experiments.sweep.result import Result
from sim.errors import SimulationLimit
from sim.scenario import Scenario

BASE_BPS = 350_000.0
RTT_MS = 30.0


def capacity_bps(scenario: Scenario) -> float:
    """What the path carries, bit/s."""
    link = float(scenario.network.down.rate or 10**12)
    window = 1.5 * (scenario.server.sndbuf or 1 << 24) * 8 / (RTT_MS / 1e3)
    cpu = 2e6 + scenario.workload.framing.buffer * 1e4
    return min(link, window, cpu)


def measure(scenario: Scenario, seed: int) -> Result:
    """One fake run; a load of 666 meets a limit."""
    load = scenario.workload.load
    if load == 666:
        raise SimulationLimit("more than 8192 skbs: lower the load")
    offered = BASE_BPS * load
    carried = min(offered, capacity_bps(scenario))
    share = min(offered / capacity_bps(scenario), 0.999)
    noise = random.Random(f"{seed}/{load}").uniform(0.96, 1.04)
    queueing = 2 * share / (1 - share) * noise
    nagle = 0.0 if scenario.server.nodelay else RTT_MS * noise / (1 + load / 8)
    p99 = round((RTT_MS / 2 + queueing + nagle) * 1e6)
    messages = scenario.workload.messages or 2_000
    causes = {"propagation": RTT_MS / 2, "queueing": queueing / 3, "nagle": nagle / 2, "sndbuf": 0.0}
    return Result(
        messages=messages,
        undelivered=0,
        overloaded=int(offered > capacity_bps(scenario)),
        duration_ns=10**10,
        throughput_bps=carried * (1 + seed * 1e-5),
        offered_bps=offered,
        mean_ns=p99 // 3,
        p50_ns=p99 // 4,
        p90_ns=p99 // 2,
        p99_ns=p99,
        p999_ns=p99 * 2,
        max_ns=p99 * 3,
        writes=messages,
        segments=messages,
        acks=messages // 2,
        retransmits=0,
        cpu_server=share,
        cpu_client=share / 2,
        wmem_peak_bytes=4096,
        ledger=json.dumps({cause: round(ms * 1e6) * messages for cause, ms in causes.items()}),
        detail="{}",
        driver="fake",
        wall_ns=1_000,
    )


def scenario_at(load: float, **changes: object) -> Scenario:
    """A scenario at a load, its server's socket options changed."""
    scenario = Scenario()
    server = replace(scenario.server, **changes)  # type: ignore[arg-type]
    return replace(scenario, workload=replace(scenario.workload, load=load), server=server)
