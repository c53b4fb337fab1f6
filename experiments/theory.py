"""Closed forms beside the simulation: what `tinygram theory` prints.

Every case is a scenario simple enough for pencil and paper (`models.analytic`), run as any other scenario is, and a
tolerance that says how far the formula's own simplifications may be off. Hosts cost nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from experiments.observe.sampler import sampled
from models import analytic
from sim import Problem, Run, ScenarioError, build, simulate
from sim.scenario import Direction, Framing, Host, Http2, Network, Scenario, Workload

MS = 1_000_000
SECOND = 1_000_000_000
HEADERS = build.HEADERS + build.TIMESTAMPS
"""IPv4 and TCP with timestamps, bytes."""
MSS = 1_448
IDEAL = Host()
NODELAY = Host(nodelay=True)


@dataclass(frozen=True)
class Case:
    """One formula with its numbers; `theory` and what `measure` takes from the run are in ns, bit/s or bytes."""

    name: str
    title: str
    formula: str
    theory: float
    unit: str  # "ms", "Mbit/s" or "MB"
    tolerance: float  # relative
    scenario: Scenario
    measure: Callable[[Run], float]
    seeds: int = 1


@dataclass(frozen=True)
class Outcome:
    """A case and what the simulation gave."""

    case: Case
    simulated: float

    @property
    def difference(self) -> float:
        """Simulation against formula, relative."""
        return self.simulated / self.case.theory - 1

    @property
    def holds(self) -> bool:
        """Is the difference within the case's tolerance?"""
        return abs(self.difference) <= self.case.tolerance

    def as_dict(self) -> dict[str, object]:
        """For JSON, values in ns, bit/s or bytes."""
        case = self.case
        return {
            "name": case.name, "title": case.title, "formula": case.formula, "theory": case.theory,
            "simulated": self.simulated, "difference": self.difference, "tolerance": case.tolerance,
            "holds": self.holds,
        }  # fmt: skip


def outcomes(cases: Iterable[Case]) -> Iterator[Outcome]:
    """Each case, run."""
    for case in cases:
        values = [case.measure(simulate(case.scenario, seed)) for seed in range(case.seeds)]
        yield Outcome(case, sum(values) / len(values))


def chosen(names: Sequence[str]) -> list[Case]:
    """The cases of these names, or all. Raises ScenarioError for a name there is not."""
    known = list(cases())
    there = list(dict.fromkeys(case.name for case in known))
    wrong = [
        Problem(name, "no such closed form", f"there are: {', '.join(there)}") for name in names if name not in there
    ]
    if wrong:
        raise ScenarioError(wrong)
    return [case for case in known if not names or case.name in names]


def cases() -> Iterator[Case]:
    """All of them, from the simplest."""
    yield lone_message()
    yield from nagle_and_acks()
    yield full_segments_only()
    yield two_writes_and_a_read()
    yield from windows_and_buffers()
    yield from one_queue()
    yield token_bucket()
    yield full_pipe()


# ---- what they measure -----------------------------------------------------------------------------------------------


def steady(run: Run, column: str = "latency_ns") -> float:
    """Mean over the middle half of the messages, ns: neither the start nor what the end of the stream leaves held."""
    values = run.messages[column]
    quarter = len(values) // 4
    return float(values[quarter : len(values) - quarter].mean())


def held(run: Run) -> float:
    """Mean wait in the send queue for Nagle's sake, ns, over the middle half of the messages."""
    return steady(run, "nagle_ns") + steady(run, "delayed_ack_ns")


def delivered(run: Run) -> float:
    """Payload rate over the second half of the messages, bit/s."""
    half = run.messages[len(run.messages) // 2 :]
    elapsed = int(half["read_ns"][-1] - half["read_ns"][0])
    return float(half["size"][1:].sum() * 8 * SECOND / elapsed)


# ---- the cases -------------------------------------------------------------------------------------------------------


def path(rtt: int, rate: int = 0, queue: int = 0) -> Network:
    """A symmetric path."""
    way = Direction(delay=rtt // 2, rate=rate, queue=queue)
    return Network(up=way, down=way)


def stream(size: int, interval: int, messages: int, network: Network, server: Host = IDEAL) -> Scenario:
    """A periodic stream from server to client."""
    workload = Workload(size=size, interval=interval, messages=messages)
    return Scenario(workload=workload, network=network, server=server, warmup=0)


def lone_message() -> Case:
    """Nothing in the way."""
    rate, rtt, size = 10_000_000, 10 * MS, 512
    theory = analytic.serialisation(size + HEADERS, rate) + rtt // 2
    scenario = stream(size, 50 * MS, 100, path(rtt, rate), server=NODELAY)
    title = "A lone message: 512 B, 10 Mbit/s, RTT 10 ms"
    return Case("lone-message", title, "size/rate + RTT/2", theory, "ms", 1e-6, scenario, steady)


def nagle_and_acks() -> Iterator[Case]:
    """Small writes that leave with each ACK."""
    for size, interval, rtt in ((16, 10 * MS, 45 * MS), (32, 5 * MS, 80 * MS)):
        theory, _ = analytic.nagle_hold_by_ack(interval, rtt)
        title = f"Nagle, small writes: {size} B every {interval // MS} ms, RTT {rtt // MS} ms, mean hold"
        scenario = stream(size, interval, 2_000, path(rtt))
        yield Case("nagle-ack", title, "(RTT + gcd(T, RTT)) / 2", theory, "ms", 0.01, scenario, held)


def full_segments_only() -> Case:
    """Something is always unacknowledged, so by the rule of RFC 896 only full segments leave."""
    size, interval = 181, 3 * MS
    theory, _ = analytic.nagle_hold_by_mss(interval, size, MSS)
    scenario = stream(size, interval, 4_000, path(200 * MS), server=Host(nagle="rfc896"))
    title = "Nagle of RFC 896, always something in flight: 181 B every 3 ms, RTT 200 ms, mean hold"
    formula = "T x mean of ceil(r / size), r bytes short of a segment"
    return Case("nagle-mss", title, formula, theory, "ms", 0.001, scenario, held)


def two_writes_and_a_read() -> Case:
    """The classic, with a textbook receiver whose timer has one length."""
    rtt, timer = 10 * MS, 200 * MS
    workload = Workload(
        kind="request-response", sender="client", pieces=(100, 200), reply=(50,), think=5 * MS, messages=40
    )
    server = Host(os="rfc1122")
    scenario = Scenario(workload=workload, server=server, network=path(rtt), warmup=1)
    theory = analytic.write_write_read(rtt, timer)
    title = "write, write, read: RTT 10 ms, ACK timer 200 ms"
    return Case("write-write-read", title, "2 RTT + ACK delay", theory, "ms", 0.01, scenario, steady)


def windows_and_buffers() -> Iterator[Case]:
    """One window a round trip, and all that lies in front of a full link."""
    rtt, sndbuf = 20 * MS, 64 * 1024
    framing = Framing(kind="grpc", buffer=32 * 1024, flush="on-idle", quota=64 * 1024)
    workload = Workload(arrivals="greedy", size=1_024, messages=12_000, framing=framing)
    scenario = Scenario(
        workload=workload,
        server=replace(NODELAY, sndbuf=sndbuf),
        client=NODELAY,
        network=path(rtt, 100_000_000),
        warmup=0,
    )
    theory = analytic.sndbuf_limited_rate(sndbuf, rtt)
    title = "A send buffer too small for its path: 64 KiB, RTT 20 ms, 100 Mbit/s, rate"
    yield Case("sndbuf-rate", title, "1.5 SO_SNDBUF / RTT", theory, "Mbit/s", 0.2, scenario, delivered)

    for share, name in ((0.25, "a quarter, as grpc-go"), (0.5, "half, as C-core")):
        yield http2_windows(share, name, replace(NODELAY, sndbuf=1 << 20))

    rate, quota, framer = 10_000_000, 64 * 1024, 32 * 1024
    framing = Framing(kind="grpc", buffer=framer, flush="on-idle", quota=quota)
    workload = Workload(arrivals="greedy", size=1_024, messages=4_600, framing=framing)
    host = replace(NODELAY, sndbuf=128 * 1024)
    network = path(20 * MS, rate, queue=400_000)
    payload = rate * 1_448 // 1_500
    scenario = Scenario(workload=workload, server=host, client=NODELAY, network=network, warmup=0)
    theory = analytic.full_link_latency(quota, framer, host.sndbuf, payload)
    title = "A full link of 10 Mbit/s: quota 64 KiB, framer 32 KiB, SO_SNDBUF 128 KiB"
    formula = "(quota + framer + 1.5 SO_SNDBUF) / rate"
    yield Case("full-link", title, formula, theory, "ms", 0.2, scenario, steady)


def http2_windows(share: float, name: str, server: Host) -> Case:
    """A static window, of which the receiver keeps back what it has not yet returned.

    Messages must not divide the threshold: then the whole window comes back in time, and nothing is kept.
    """
    window, rtt = 65_535, 20 * MS
    windows = Http2(stream_window=window, connection_window=window, update_share=share)
    workload = Workload(arrivals="greedy", size=1_024, messages=6_000, framing=Framing(kind="grpc", quota=64 * 1024))
    network = path(rtt, 100_000_000)
    client = replace(NODELAY, http2=windows)
    scenario = Scenario(workload=workload, server=server, client=client, network=network, warmup=0)
    theory = analytic.window_limited_rate(window, rtt, round(window * share))
    title = f"HTTP/2 windows of 65,535 bytes, RTT 20 ms, returned by {name}: rate"
    return Case("http2-window", title, "(window - kept back) / RTT", theory, "Mbit/s", 0.1, scenario, delivered)


def one_queue() -> Iterator[Case]:
    """Poisson messages of one size or two at a serialiser."""
    rate, size = 1_000_000, 500
    host = replace(NODELAY, sndbuf=4_000_000)
    network = Network(down=Direction(rate=rate))
    for load in (0.5, 0.8):
        service = analytic.serialisation(size + HEADERS, rate)
        workload = Workload(arrivals="poisson", interval=round(service / load), size=size, messages=20_000)
        scenario = Scenario(workload=workload, server=host, network=network, warmup=0)
        theory = analytic.md1_wait(load, service)
        title = f"Poisson messages of one size at load {load}, mean wait"
        formula = "M/D/1: load S / (2 (1 - load))"
        yield Case("md1", title, formula, theory, "ms", 0.08, scenario, mean_queueing, seeds=4)
    yield unequal_messages(host, network, rate)


def unequal_messages(host: Host, network: Network, rate: int) -> Case:
    """Small and large ones, drawn."""
    import numpy as np

    load, rng = 0.6, np.random.default_rng(1)
    sizes = rng.choice([60, 1_400], 60_000, p=[0.7, 0.3])
    service = (sizes + HEADERS) * 8 * SECOND // rate
    gap = float(service.mean()) / load
    times = np.cumsum(rng.exponential(gap, len(sizes))).astype(np.int64)
    workload = Workload(arrivals="trace", trace=tuple(zip(times.tolist(), sizes.tolist(), strict=True)))
    scenario = Scenario(workload=workload, server=host, network=network, warmup=0)
    theory = analytic.mg1_wait(SECOND / gap, float(service.mean()), float((service.astype(float) ** 2).mean()))
    title = f"Poisson messages of two sizes at load {load}, mean wait"
    formula = "M/G/1: rate E[S2] / (2 (1 - load))"
    return Case("mg1", title, formula, theory, "ms", 0.08, scenario, mean_queueing)


def mean_queueing(run: Run) -> float:
    """Mean wait for the link, ns, of all messages."""
    return float(run.messages["queueing_ns"].mean())


def token_bucket() -> Case:
    """A burst through a shaper."""
    size, count, rate, burst = 1_448, 40, 10_000_000, 15_000
    workload = Workload(arrivals="bursts", burst=count, interval=1 * SECOND, size=size, messages=count * 10)
    host = replace(NODELAY, shaper_rate=rate, shaper_burst=burst, shaper_limit=4_000_000, gso_segments=1)
    scenario = Scenario(workload=workload, server=host, warmup=0)
    theory = analytic.token_bucket_delay(count * (size + HEADERS), burst, rate)
    title = "The last of a burst of 40 full segments through a bucket of 15 kB, 10 Mbit/s"
    return Case("token-bucket", title, "(burst - bucket) / rate", theory, "ms", 0.03, scenario, last_of_burst)


def last_of_burst(run: Run) -> float:
    """Latency of the slowest message of the last burst, ns."""
    return float(run.messages["latency_ns"][-40:].max())


def full_pipe() -> Case:
    """A paced stream with nothing in its way: what is in flight is what the path holds."""
    size, interval, rtt = 1_000, 1 * MS, 50 * MS
    theory = analytic.bandwidth_delay_product(size * 8 * SECOND // interval, rtt)
    scenario = stream(size, interval, 4_000, path(rtt), server=NODELAY)
    title = "8 Mbit/s of payload, RTT 50 ms: megabytes in flight"
    sampled_scenario = sampled(scenario, 7_300_000)  # no multiple of the interval
    return Case("bdp", title, "rate x RTT", theory, "MB", 0.02, sampled_scenario, in_flight)


def in_flight(run: Run) -> float:
    """Mean bytes sent and not yet acknowledged, over the middle half of the control ticks."""
    assert run.ticks is not None
    ticks = run.ticks["in_flight"]
    quarter = len(ticks) // 4
    return float(ticks[quarter : len(ticks) - quarter].mean())
