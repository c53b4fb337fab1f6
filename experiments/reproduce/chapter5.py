"""Chapter 5, an unrelated platform: its rates and stations as systems of queues in tandem, its canary, its alerts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from experiments.reproduce.measuring import MS, scenario
from experiments.reproduce.rows import Finding, Value, row
from experiments.rollout.canary import Design, outcome, size
from experiments.rollout.pools import gather
from experiments.statistics import Estimate, estimate
from experiments.systems import file
from models import analytic
from sim.tandem import Outcome, simulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PIPELINE = "event-pipeline"
EVENTS_A_DAY = 4.2e9
SECOND = 1_000_000_000


@cache
def systems(name: str, *settings: str, seeds: int = 3) -> tuple[Outcome, ...]:
    """Replications of a system under settings."""
    system = file.load(name, settings)
    return tuple(simulate(system, seed) for seed in range(seeds))


def over(outcomes: tuple[Outcome, ...], measure: Callable[[Outcome], float]) -> Estimate:
    """An estimate over replications."""
    return estimate([measure(outcome) for outcome in outcomes])


def percentile(percent: float) -> Callable[[Outcome], float]:
    """Of latency, ms."""
    return lambda outcome: float(np.percentile(outcome.latency_ns, percent)) / MS


def mean_wait(outcome: Outcome) -> float:
    """Mean wait at the first station, in service times."""
    passage = outcome.passages[0]
    return float(passage.causes["queueing"].mean()) / passage.station.service


# ---- the pipeline ----------------------------------------------------------------------------------------------------


@row("5.01", "preset", "An event bus of 4.2 thousand million events a day", "no peak factor is given")
def event_rate() -> Finding:
    rate = over(systems(PIPELINE), lambda o: o.offered / (o.system.duration / SECOND))
    values = (Value("events a second, 4.2e9 / 86,400", EVENTS_A_DAY / 86_400), Value("simulated", rate))
    return Finding("HOLDS", "it is the source of the system event-pipeline; a peak would be higher.", values)


@row(
    "5.02",
    "preset",
    "End to end, broker to inventory, P99 is 87 ms",
    "delays are lognormal; three processors; 79 % load",
)
def end_to_end() -> Finding:
    def at(spread: float) -> Estimate:
        settings = [f"station.{name}.delay_spread={spread}" for name in ("broker", "processor", "connector")]
        return over(systems(PIPELINE, *settings), percentile(99))

    spreads = (0.2, 0.4, 0.55, 0.8)
    values = (
        Value("mean", over(systems(PIPELINE), lambda o: float(o.latency_ns.mean()) / MS), "ms"),
        *(Value(f"delays vary by {100 * s:.0f} %: P99", at(s), "ms") for s in spreads),
    )
    reason = "the stations' means add up to 39 ms; what P99 is depends on how their delays vary, which no one says."
    return Finding("HOLDS IF", reason, values, condition="the stations' delays vary by about 55 %")


@row("5.03", "preset", "Database writes fall by 63 %, oversold items from 0.17 to 0.0023 %")
def oversold() -> Finding:
    values = (Value("ratio of the two shares", 0.17 / 0.0023),)
    return Finding("CANNOT SAY", "neither is a latency, and nothing about their cause is given.", values)


@row("5.04", "preset", "A broker: 128 MB/s, 3.2 ms, recovers in [lost]", "8 servers of 0.1 ms, 3.1 ms of delay")
def broker() -> Finding:
    def mean(outcome: Outcome) -> float:
        return sum(float(ns.mean()) for ns in outcome.passages[0].causes.values()) / MS

    values = (
        Value("128 MB/s over the given events: bytes an event", 128e6 / (EVENTS_A_DAY / 86_400), "B"),
        Value("mean time at the broker", over(systems(PIPELINE), mean), "ms"),
    )
    return Finding("HOLDS", "rate and latency fit together; the recovery time is lost and stays open.", values)


@row(
    "5.05",
    "preset",
    "A processor: 24,000 events a second, 14 ms, recovers in 5.3 s",
    "three instances; an outage of 5.3 s",
)
def processor() -> Finding:
    with_outage = systems(PIPELINE, 'station.processor.outages=[["2s", "5.3s"]]', "duration=20s", seeds=2)
    two = systems(PIPELINE, "station.processor.servers=2", "duration=8s", seeds=2)
    values = (
        Value("instances needed at 48,611 a second", EVENTS_A_DAY / 86_400 / 24_000),
        Value("with two instances, P99 after 8 s", over(two, percentile(99)), "ms"),
        Value("three, one outage of 5.3 s: events late by more than 100 ms", over(with_outage, late), "%"),
    )
    reason = "two are overloaded, three carry it at 68 %; after an outage the backlog needs twice its length to drain."
    return Finding("HOLDS IF", reason, values, condition="there are at least three of them")


def late(outcome: Outcome) -> float:
    """Percent of messages later than 100 ms."""
    return float((outcome.latency_ns > 100 * MS).mean()) * 100


@row(
    "5.06",
    "preset",
    "A database connector: 8,600 operations a second, 22 ms, recovers in 12 s",
    "79 % load; one outage",
)
def connector() -> Finding:
    settings = (
        'station.connector.outages=[["5s", "12s"]]',
        "duration=70s",
        "arrivals.rate=6800",
        "station.broker.keep=1",
    )
    outcomes = systems(PIPELINE, *settings, "station.processor.keep=1", seeds=2)

    def forgotten(outcome: Outcome) -> float:
        slow = outcome.arrived[outcome.left - outcome.arrived > 200 * MS]
        return float(slow.max()) / SECOND - 17

    values = (
        Value("after an outage of 12 s, until messages are no longer late", over(outcomes, forgotten), "s"),
        Value("on paper: 12 s x load / (1 - load)", 12 * 0.79 / 0.21, "s"),
    )
    reason = "at 79 % load the backlog of 12 s takes 45 s to drain: recovery is not over when the station is back."

    def draw(axes: Axes) -> None:
        outcome = outcomes[0]
        axes.plot(outcome.arrived / SECOND, (outcome.left - outcome.arrived) / SECOND, linewidth=0.8)
        axes.axvspan(5, 17, alpha=0.15, color="tab:red", label="outage")
        axes.set(xlabel="arrival, s", ylabel="latency, s", title="A connector at 79 % after an outage of 12 s")
        axes.legend(frameon=False)

    return Finding("HOLDS IF", reason, values, condition='"recovers" means that the station is back', draw=draw)


# ---- rollout, alerts, overload ---------------------------------------------------------------------------------------


@row(
    "5.07",
    "experiment",
    "A canary of 0.5 % of the traffic finds defects",
    "1,000 connections; Nagle, and more link spikes",
)
def canary() -> Finding:
    base = ("workload.messages=400", "client.nodelay=true", "network.up.spikes.delay=60ms")
    usual = "network.up.spikes.probability=0.4%"
    defects = {
        "Nagle": (usual, "client.nodelay=false"),
        "half as many spikes again": ("network.up.spikes.probability=0.6%",),
    }
    design = Design(connections=1_000, share=0.005, drift=(1.0,) * 12, tolerance=0.0)
    values = []
    for name, change in defects.items():
        arms = {"A": scenario("telemetry", *base, usual), "B": scenario("telemetry", *base, *change)}
        pools = gather(arms, (1.0,), range(30))
        result, _ = outcome(pools, design, "B", 200, 0)
        values.append(Value(f"{name}: rolled back in 12 windows", 100 * result.shares["rolled back"], "%"))
        values.append(Value(f"{name}: messages the canary needs", float(size(pools, design).messages or 0)))
    reason = "a gross defect shows in the first window; a small rise of P99 needs far more messages than 0.5 % gives."
    return Finding("HOLDS IF", reason, tuple(values), condition="the defect is gross, or the canary runs long enough")


@row(
    "5.08",
    "preset",
    "It found a bulk write whose timeout was too short",
    "4,000 operations of 0.1 ms beside a load of 92 %",
)
def bulk_timeout() -> Finding:
    took = over(systems("checkpoint", seeds=2), bulk_time)
    values = (Value("4,000 operations take, instead of 0.4 s", took, "s"),)
    return Finding(
        "CANNOT SAY", "neither the batch nor its timeout is given; a timeout must allow for the load beside it.", values
    )


@row("5.09", "preset", "eBPF and Prometheus feed an alert matrix of four dimensions")
def alerts() -> Finding:
    return Finding("CANNOT SAY", "the dimensions are not named.")


@row(
    "5.10",
    "mechanism",
    "More than 15 % of the time in garbage collection, for three minutes, is critical",
    "300 ms every 2 s",
)
def pauses() -> Finding:
    def at(pause: str, every: str) -> Estimate:
        settings = (f"station.service.pause={pause}", f"station.service.pause_every={every}")
        return over(systems("gc-pauses", *settings, seeds=3), percentile(99))

    values = tuple(
        Value(f"pauses of {pause} every {every}: P99", at(pause, every), "ms")
        for pause, every in (("15ms", "100ms"), ("300ms", "2s"), ("3s", "20s"))
    )
    reason = "15 % is 15 %, but P99 follows the length of a pause: the alert should look at that."
    return Finding("HOLDS IF", reason, values, condition="pauses are long; the same share in short ones hurts little")


@row("5.11", "preset", "Time to detect falls from 47 to 6.8 minutes; 83 % of alerts lead to a line of code")
def detection() -> Finding:
    return Finding("CANNOT SAY", "nothing about the faults, the alerts or the people is given.")


@row(
    "5.12",
    "preset",
    "A flash sale of ten million users meets the memory's bandwidth",
    "ten times the load for five seconds",
)
def flash_sale() -> Finding:
    outcomes = systems("overload-spike", seeds=2)
    values = (
        Value("longest wait", over(outcomes, lambda o: float(o.latency_ns.max()) / SECOND), "s"),
        Value("on paper: spike x (10 - 2) / 2", 5 * 8 / 2, "s"),
    )
    reason = "no rate or capacity is given; what any such spike does to a queue is shown by the system overload-spike."
    return Finding("CANNOT SAY", reason, values)


# ---- the device ------------------------------------------------------------------------------------------------------


@row(
    "5.13",
    "experiment",
    "A state store at 92 % of its device's random I/O makes checkpoints time out",
    "exponential services",
)
def checkpoint() -> Finding:
    outcomes = systems("checkpoint", seeds=2)
    bare = systems("checkpoint", "station.device.bulk=0", "duration=200s", seeds=3)
    values = (
        Value("mean wait, in service times", over(bare, mean_wait)),
        Value("on paper, M/M/1: 0.92 / 0.08", analytic.mm1_wait(0.92, 1)),
        Value("a checkpoint of 0.4 s takes", over(outcomes, bulk_time), "s"),
    )
    reason = "beside a load of 92 % anything takes 1 / 0.08 = 12.5 times as long; a timeout of ten times that fails."
    return Finding("HOLDS", reason, values)


@row(
    "5.14", "experiment", "37 % less I/O, or a device 4.2 times as fast, cures it", "the same checkpoint, scaled alike"
)
def remedies() -> Finding:
    less = ("arrivals.rate=5796", "station.device.bulk=2520")
    faster = ("station.device.service=23.81us",)
    values: list[Value] = []
    for name, settings, load in (("37 % less I/O", less, 0.58), ("4.2 times as fast", faster, 0.92 / 4.2)):
        bare = systems("checkpoint", *settings, "station.device.bulk=0")
        values.append(Value(f"{name}: load", load))
        values.append(Value(f"{name}: mean wait, in service times", over(bare, mean_wait)))
        values.append(Value(f"{name}: a checkpoint takes", over(systems("checkpoint", *settings), bulk_time), "s"))
    return Finding(
        "HOLDS", "waits fall from 11.5 service times to 1.4 and to 0.3: both leave the steep part.", tuple(values)
    )


def bulk_time(outcome: Outcome) -> float:
    """Mean time of a bulk job, s."""
    return float(outcome.passages[0].bulk_ns.mean()) / SECOND


# ---- hops and costs --------------------------------------------------------------------------------------------------


@row(
    "5.15",
    "preset",
    "A proxy with a policy filter handles 28,000 requests a second per node; hot updates take [lost]",
    "one core",
)
def proxy() -> Finding:
    def added(rate: int) -> Estimate:
        outcomes = systems("extra-hop", f"arrivals.rate={rate}", "station.service.servers=24", "duration=3s")
        return over(outcomes, lambda o: sum(float(ns.mean()) for ns in o.passages[0].causes.values()) / MS)

    values = tuple(
        Value(f"{rate:,} requests a second: added on average", added(rate), "ms") for rate in (14_000, 22_400, 26_600)
    )
    reason = "28,000 a second are 35.7 us each at saturation, where waits have no bound; at half of it a hop is cheap."
    return Finding("HOLDS IF", reason, values, condition="28,000 is the limit and not the operating point")


@row("5.16", "preset", "Masking encrypts a field of every event in the stream processor", "2 us of CPU an event")
def masking() -> Finding:
    def at(service: str) -> Estimate:
        return over(
            systems(PIPELINE, f"station.processor.service={service}"),
            lambda o: float(o.passages[1].causes["queueing"].mean()) / 1e3,
        )

    values = (
        Value("wait at the processor, as it is", at("41.667us"), "us"),
        Value("with 2 us more of work", at("43.667us"), "us"),
    )
    return Finding("CANNOT SAY", "no cost is given; a few microseconds an event matter only near saturation.", values)


@row("5.17", "preset", "Keys rotate every 72 h +- 3 min")
def rotation() -> Finding:
    return Finding("CANNOT SAY", "nothing in the path of a message depends on it.")


@row("5.18", "preset", "Test selection cuts a build from 14 min 23 s to 3 min 17 s")
def builds() -> Finding:
    return Finding("CANNOT SAY", "not a latency of messages; the ratio is as stated.", (Value("ratio", 863 / 197),))


@row("5.19", "preset", "which saves 217 core-hours a day")
def core_hours() -> Finding:
    values = (Value("builds a day that would take, on one core", 217 * 3600 / (863 - 197)),)
    return Finding("HOLDS IF", "217 hours over 666 s a build.", values, condition="1,173 single-core builds run a day")


@row("5.20", "preset", "Technical debt: an adapter costs $218,000 a year, a report takes 4.2 minutes")
def debt() -> Finding:
    return Finding("CANNOT SAY", "nothing to simulate is described.")
