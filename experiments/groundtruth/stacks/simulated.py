"""A recorded setting as a scenario, and the same figures from its simulation.

The veth pair is a function call: no rate, no delay, what it costs is the host profile's. The relay between TUN devices
delays half the round trip each way, serialises at its rate, has the queue its experiment gave it, and keeps the order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Literal

from experiments.groundtruth.stacks.recorded import Setting
from sim.scenario import Direction, Host, Network, Scenario, Workload
from sim.stack import with_stack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sim.run import Driver
    from sim.run import Run as Simulation

MS = 1_000_000
SETTLED = 150 * MS
"""The recorder lets the connection settle this long before it asks for the stream."""
BUCKET = 20 * MS
AVERAGE = 5
"""FC: the rate is averaged over so many buckets."""
QUEUES = {("FC", 100.0): 2_000_000, ("S5", 10.0): 400_000, ("S5", 100.0): 4_000_000}
"""Bytes the relay's queue held, by experiment and rate."""
MOST_MESSAGES = 60_000
"""Of a stream that always has something to send, so many are simulated: rates and write sizes have settled by then."""


def scenario(setting: Setting, messages: int) -> Scenario:
    """What was set, as a scenario with `messages` messages."""
    way = Direction()
    if setting.net == "tun":
        queue = QUEUES.get((setting.experiment, setting.rate_mbit), 0)
        way = Direction(rate=round(setting.rate_mbit * 1e6), delay=round(setting.rtt_ms * MS / 2), queue=queue)
    sender: Literal["client", "server"] = "client" if setting.up else "server"
    interval = round(setting.interval_ms * MS)
    workload = Workload(
        arrivals="periodic" if setting.paced else "greedy", sender=sender, size=setting.size, messages=messages,
        interval=interval or MS, offset=interval, burst=setting.burst, streams=setting.streams,
    )  # fmt: skip
    host = Host(congestion="reno")
    made = Scenario(
        name=setting.experiment, workload=workload, server=host, client=host, network=Network(way, way),
        lead=SETTLED + round(setting.rtt_ms * MS), warmup=0,
    )  # fmt: skip
    return _tuned(with_stack(made, setting.profile), setting)


def _tuned(made: Scenario, setting: Setting) -> Scenario:
    """The stack as it was configured."""
    framing = made.workload.framing
    if setting.buffer is not None:
        framing = replace(framing, buffer=setting.buffer)
    hosts = {}
    for name in ("server", "client"):
        host: Host = getattr(made, name)
        http2 = replace(
            host.http2, stream_window=setting.stream_window, connection_window=setting.connection_window,
            bdp=host.http2.bdp if setting.bdp else "off",
        )  # fmt: skip
        hosts[name] = replace(host, nodelay=setting.nodelay, http2=http2)
    server = replace(hosts["server"], sndbuf=setting.sndbuf)
    return replace(made, workload=replace(made.workload, framing=framing), server=server, client=hosts["client"])


@dataclass(frozen=True)
class Figures:
    """What a setting came out as: us, bytes a second, write() calls a message, ms.

    A band is what a run of so many messages may show as that percentile: the 95 % interval of its rank.
    """

    mean: float
    p50: float
    p99: float
    p50_band: tuple[float, float]
    p99_band: tuple[float, float]
    throughput: float
    writes: float
    writes_range: tuple[float, float]
    steady: float | None = None
    t90_ms: float | None = None


def simulated(setting: Setting, recorded: int, seeds: Sequence[int], driver: Driver) -> Figures:
    """The figures of a setting over seeds (timer phases are drawn), where `recorded` messages were sent."""
    from sim import simulate

    made = scenario(setting, recorded if setting.paced else min(recorded, MOST_MESSAGES))
    return figures([simulate(made, seed, driver=driver) for seed in seeds], setting)


def figures(runs: Sequence[Simulation], setting: Setting) -> Figures:
    """The recorder's figures of simulations: latency from the call, the ceil(p n)-th value as percentile."""
    import numpy as np

    each = [run.messages["read_ns"] - run.messages["call_ns"] for run in runs]
    pooled = np.sort(np.concatenate(each)) / 1000
    n = len(each[0])
    writes = [(run.client if setting.up else run.server).writes / len(run.messages) for run in runs]
    settled = [settling(run.messages["read_ns"], setting) for run in runs] if setting.experiment == "FC" else []
    times = [t for _, t in settled if t is not None]
    return Figures(
        mean=float(pooled.mean()),
        p50=percentile(pooled, 0.50),
        p99=percentile(pooled, 0.99),
        p50_band=band(pooled, 0.50, n),
        p99_band=band(pooled, 0.99, n),
        throughput=median(rate(run, setting) for run in runs),
        writes=median(writes),
        writes_range=(min(writes), max(writes)),
        steady=median(steady for steady, _ in settled) if settled else None,
        t90_ms=median(times) if times else None,
    )


def percentile(ordered: NDArray[np.float64], p: float) -> float:
    """The ceil(p n)-th of n values."""
    return float(ordered[max(0, math.ceil(p * len(ordered)) - 1)])


def band(ordered: NDArray[np.float64], p: float, n: int) -> tuple[float, float]:
    """Between which values percentile p of n messages of this distribution lies, 95 times in 100."""
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return percentile(ordered, max(p - half, 0.0)), percentile(ordered, min(p + half, 1.0))


def rate(run: Simulation, setting: Setting) -> float:
    """Payload bytes a second; of a stream that is simulated in part (S4), that of its second half."""
    rows = run.messages
    first = len(rows) // 2 if setting.experiment == "S4" else 0
    began = int(rows["read_ns"][first - 1]) if first else int(rows["call_ns"].min())
    return (len(rows) - first) * setting.size / ((int(rows["read_ns"].max()) - began) / 1e9)


def settling(read_ns: NDArray[np.int64], setting: Setting) -> tuple[float, float | None]:
    """The rate a stream settles at, bytes a second, and the ms until its moving average reaches 90 % of that.

    Counted from the client's request, half a round trip before the stream begins.
    """
    import numpy as np

    since = read_ns + round(setting.rtt_ms * MS / 2)
    buckets = np.bincount((since // BUCKET).astype(np.int64)) * setting.size
    moving = np.convolve(buckets, np.ones(AVERAGE), "valid") / (AVERAGE * BUCKET / 1e9)
    tail = buckets[len(buckets) // 2 : int(len(buckets) * 0.95)]
    steady = float(tail.sum()) / max(1e-9, len(tail) * BUCKET / 1e9)
    reached = np.flatnonzero(moving >= 0.9 * steady)
    return steady, float(reached[0] * BUCKET / MS) if len(reached) else None
