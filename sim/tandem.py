"""Systems of queues in tandem: what happens to a message in front of and behind its connection.

A coarse companion of the TCP model for whole paths (broker, processor, connector): `simulate(system, seed)` draws
arrivals and services from named streams, passes every message through the stations and keeps each one's ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from models.tandem import BulkJobs, Queue, RunningTime, Stop, serve
from sim.draws import stream
from sim.errors import Problem, ScenarioError, SimulationLimit
from sim.units import Duration, PositiveDuration

Ints = NDArray[np.int64]
Probability = Annotated[float, "probability"]
Positive = Annotated[int, "positive"]
Factor = Annotated[float, "factor"]
Law = Literal["fixed", "exponential", "lognormal"]

SECOND = 1_000_000_000
LARGEST = 20_000_000
"""Messages one run may have."""

CAUSES = ("queueing", "outage", "service", "delay")


@dataclass(frozen=True)
class Arrivals:
    """Messages come at `rate` a second; a spike multiplies it for a while."""

    rate: Factor = 100.0
    law: Literal["poisson", "periodic"] = "poisson"
    spike_at: Duration = 0
    spike_length: Duration = 0
    spike_factor: Factor = 1.0


@dataclass(frozen=True)
class Station:
    """Equal servers with one queue. `delay` is time that occupies nobody, such as a hop or a poll."""

    name: str = "station"
    servers: Positive = 1
    service: Duration = 1_000_000  # mean
    law: Law = "exponential"
    spread: Factor = 1.0  # lognormal: standard deviation over mean
    delay: Duration = 0  # mean
    delay_law: Law = "fixed"
    delay_spread: Factor = 1.0
    keep: Probability = 1.0  # share of the messages that go on to the next station
    outages: tuple[tuple[Duration, Duration], ...] = ()  # (start, length)
    pause_every: Duration = 0  # stop-the-world pauses, at a drawn phase
    pause: Duration = 0
    bulk_every: Duration = 0  # a bulk job (checkpoint, compaction) that shares the servers ...
    bulk: int = 0  # ... of so many operations ...
    bulk_depth: Positive = 1  # ... so many of them at a time


@dataclass(frozen=True)
class System:
    """Stations in the order in which a message passes them."""

    name: str = "unnamed"
    title: str = ""
    assumptions: tuple[str, ...] = ()  # what no source gives, said aloud
    duration: PositiveDuration = 10 * SECOND
    warmup: Duration = 0  # messages that arrive earlier are served but not counted
    arrivals: Arrivals = Arrivals()
    station: tuple[Station, ...] = ()


@dataclass(frozen=True)
class Passage:
    """What a station did: ns of each of `CAUSES` for the messages that came to it, how busy it was, its bulk jobs."""

    station: Station
    causes: dict[str, Ints]
    utilisation: float
    bulk_ns: Ints  # how long each bulk job took, from when it was due


@dataclass(frozen=True)
class Outcome:
    """One replication. `arrived` and `left` are the messages that came through to the end, in ns."""

    system: System
    seed: int
    offered: int
    arrived: Ints
    left: Ints
    passages: tuple[Passage, ...]

    @property
    def latency_ns(self) -> Ints:
        """From arrival to leaving the last station, after the warm-up."""
        counted = self.arrived >= self.system.warmup
        latency: Ints = (self.left - self.arrived)[counted]
        return latency


def simulate(system: System, seed: int = 0) -> Outcome:
    """Pass every message through every station. Raises ScenarioError, SimulationLimit for more than `LARGEST`."""
    check(system)
    came = arrivals(system, seed)
    offered = len(came)
    at, passages = came, []
    for station in system.station:
        order = np.argsort(at, kind="stable")
        came, at = came[order], at[order]
        done, passage = pass_station(station, at, seed, system.duration)
        passages.append(passage)
        going_on = kept(station, len(at), seed)
        came, at = came[going_on], done[going_on]
    return Outcome(system, seed, offered, came, at, tuple(passages))


def check(system: System) -> None:
    """Every mistake at once."""
    problems = []
    if not system.station:
        problems.append(Problem("station", "there is none", "write a [[station]] for each queue a message passes"))
    for index, station in enumerate(system.station):
        if station.pause_every and station.pause >= station.pause_every:
            cure = "make the pause shorter than its interval"
            problems.append(Problem(f"station.{index}.pause", "nothing would ever run", cure))
        if station.pause and station.outages:
            cure = "give either outages or pauses"
            problems.append(Problem(f"station.{index}.outages", "a station has pauses and outages", cure))
        outages = sorted(station.outages)
        if any(start + length > later for (start, length), (later, _) in pairwise(outages)):
            problems.append(Problem(f"station.{index}.outages", "two overlap", "write them as one"))
    if system.arrivals.rate <= 0:
        problems.append(Problem("arrivals.rate", "no messages come", "give messages a second, like 100"))
    if problems:
        raise ScenarioError(problems)
    expected = system.arrivals.rate * system.duration / SECOND
    if expected > LARGEST:
        raise SimulationLimit(f"{expected:,.0f} messages, and a system carries at most {LARGEST:,}: lower the duration")


# ---- draws -----------------------------------------------------------------------------------------------------------


def arrivals(system: System, seed: int) -> Ints:
    """Times, sorted."""
    a = system.arrivals
    gap = SECOND / a.rate
    n = int(system.duration * max(1.0, a.spike_factor) / gap)
    if a.law == "poisson":
        gaps = stream(seed, "system/arrivals").exponential(1.0, n + 8 * int(n**0.5) + 8)
    else:
        gaps = np.ones(n)
    due = spiked(np.cumsum(gaps) * gap, a)
    came: Ints = due[due < system.duration].astype(np.int64)
    return came


def spiked(steady: NDArray[np.float64], a: Arrivals) -> NDArray[np.float64]:
    """Arrivals at a steady rate, moved closer together where the rate is `spike_factor` times as high."""
    factor = a.spike_factor
    if not a.spike_length or factor == 1:
        return steady
    within = np.clip(steady - a.spike_at, 0, a.spike_length * factor)
    result: NDArray[np.float64] = steady - within + within / factor
    return result


def times(law: Law, mean: int, spread: float, n: int, rng: np.random.Generator) -> Ints:
    """n durations of a law, ns."""
    if law == "fixed" or mean == 0:
        return np.full(n, mean, np.int64)
    if law == "exponential":
        return np.rint(rng.exponential(mean, n)).astype(np.int64)
    sigma2 = float(np.log1p(spread**2))
    drawn: Ints = np.rint(mean * np.exp(rng.normal(-sigma2 / 2, sigma2**0.5, n))).astype(np.int64)
    return drawn


def kept(station: Station, n: int, seed: int) -> NDArray[np.bool_]:
    """Which messages go on."""
    going_on: NDArray[np.bool_] = stream(seed, f"system/{station.name}/keep").random(n) < station.keep
    return going_on


def stops(station: Station, horizon: int, seed: int) -> list[Stop]:
    """When the station stands still."""
    if station.pause and station.pause_every:
        phase = int(stream(seed, f"system/{station.name}/pause").random() * station.pause_every)
        return [(t, t + station.pause) for t in range(phase, horizon, station.pause_every)]
    return [(start, start + length) for start, length in sorted(station.outages)]


# ---- stations --------------------------------------------------------------------------------------------------------


def pass_station(station: Station, at: Ints, seed: int, duration: int) -> tuple[Ints, Passage]:
    """When each message leaves, for sorted arrivals, and what the station did."""
    n, name = len(at), f"system/{station.name}"
    work = times(station.law, station.service, station.spread, n, stream(seed, f"{name}/service"))
    delay = times(station.delay_law, station.delay, station.delay_spread, n, stream(seed, f"{name}/delay"))
    horizon = 2 * duration + int(work.sum()) // station.servers
    queue = Queue(station.servers, RunningTime(stops(station, horizon, seed)))
    jobs = bulk_jobs(station, duration, stream(seed, f"{name}/bulk"))
    visits = serve(at.tolist(), work.tolist(), queue, jobs)
    done = np.array([t for t, _ in visits], np.int64)
    waited = np.array([ns for _, ns in visits], np.int64)
    causes = {"queueing": waited, "outage": done - at - waited - work, "service": work, "delay": delay}
    took = np.array(jobs.took if jobs else (), np.int64)
    busy = int(work.sum()) + len(took) * station.bulk * station.service
    return done + delay, Passage(station, causes, busy / (station.servers * duration), took)


def bulk_jobs(station: Station, duration: int, rng: np.random.Generator) -> BulkJobs | None:
    """The station's bulk jobs; their operations take what a message's service takes."""
    if not (station.bulk and station.bulk_every):
        return None

    def works() -> Iterator[int]:
        while True:
            yield from times(station.law, station.service, station.spread, 4_096, rng).tolist()

    return BulkJobs(station.bulk_every, station.bulk, station.bulk_depth, duration, works().__next__)
