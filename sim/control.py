"""Control ticks: at fixed times between two events the policy looks, decides and sets.

A tick comes when everything up to and including its time has happened. What it sets acts at that very time, or `dead
time` later, again behind all that happens then. The loop only knows `tick_at`; so every driver gives the same run.
"""

from __future__ import annotations

from collections import deque
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.application import wake_writer
from models.holds import blame as blame_holder
from models.http2_senders import deal
from models.sources import enter_due
from models.state import CAUSES, INF, QUEUE_CAUSES, WRITER_CAUSES, Clock, Endpoint, Path
from sim import loop
from sim.distribution import PER_MILLE
from sim.errors import Problem, ScenarioError, SimulationLimit
from sim.policy import PolicyFunction, blame, file_name, said
from sim.scenario import Policy, Scenario
from sim.tick import Change, End, Tick

if TYPE_CHECKING:
    from sim.engine import Engine
    from sim.table import Rows

IDLE_TICKS = 1_000
"""So many ticks in a row with nothing left to happen end the run."""
MOST_TICKS = 200_000
"""A row of each is kept."""

SETTINGS = ("framer_buffer", "sk_sndbuf", "nodelay", "notsent_lowat", "paused")
READINGS = (
    "wmem_queued", "buffered", "queued", "pending", "notsent", "in_flight", "cwnd", "srtt_ns", "degraded",
    "delivery_rate_bps",
)  # fmt: skip
RECEIVER = ("window_updates", "rcv_wnd")
WINDOW = ("number", "now_ns", "offered", "sent", "delivered", "bytes")
LATENCIES = ("mean_ns", "p50_ns", "p90_ns", "p99_ns", "max_ns")
NONE = -1
"""A latency of a window that delivered nothing."""
HELD = CAUSES[: WRITER_CAUSES + QUEUE_CAUSES]
"""What can hold data back at its sender."""
ZERO = (0,) * len(HELD)
COLUMNS = (*WINDOW, *LATENCIES, *READINGS, *RECEIVER, *SETTINGS, *(f"{cause}_ns" for cause in HELD))
TICK = np.dtype([(name, np.int64) for name in COLUMNS])
"""One tick as `Run.ticks` keeps it: the window, readings before the policy, the sender's settings after it, and how
long since the last tick each cause held something back."""


class Control:
    """The policy of one run, and what it needs to be called: a window of deliveries, a queue of changes under way."""

    def __init__(self, engine: Engine, policy: Policy, function: PolicyFunction) -> None:
        self.engine = engine
        self.s = engine.s
        self.policy = policy
        self.function = function
        self.memory: dict[str, Any] = {}
        self.window_ns = policy.window or policy.every
        self.deliveries = Deliveries(engine.scenario)
        self.marks: deque[tuple[int, int, int]] = deque([(0, 0, 0)])  # (time, offered, sent) at ticks
        self.number = 0
        self.ran = [list(ZERO)]
        self.next_tick = 0
        self.under_way: deque[tuple[int, Change]] = deque()
        self.idle = 0
        self.rows: list[tuple[int, ...]] = []
        server, client = End(self.s.b, self.s.ba, self.change), End(self.s.a, self.s.ab, self.change)
        main = engine.scenario.workload.sender
        sender, receiver = (client, server) if main == "client" else (server, client)
        self.ends = {"server": server, "client": client, "sender": sender, "receiver": receiver}
        self.sender = self.s.a if main == "client" else self.s.b

    def change(self, change: Change) -> None:
        """A setting was assigned: carry it out now, or when the dead time is over."""
        if self.policy.dead_time and self.number:
            self.under_way.append((self.s.now + self.policy.dead_time, change))
        else:
            change(self.s.now)

    def start(self) -> None:
        """Tick 0, before the first event: initial settings."""
        self.look()
        self.next_tick = self.policy.every
        self.schedule()

    def tick(self) -> None:
        """The loop has come to `tick_at`: first the settings that are due, then the policy."""
        s = self.s
        nothing_left = loop.next_event(s) >= INF
        now = s.now = s.tick_at
        while self.under_way and self.under_way[0][0] <= now:
            self.under_way.popleft()[1](now)
        if now == self.next_tick:
            self.look()
            self.next_tick += self.policy.every
        settle(s)
        self.idle = self.idle + 1 if nothing_left else 0
        self.schedule()

    def schedule(self) -> None:
        """When the loop is to stop next."""
        due = min(self.next_tick, self.under_way[0][0]) if self.under_way else self.next_tick
        self.s.tick_at = INF if due > self.s.until or self.idle >= IDLE_TICKS else due

    def look(self) -> None:
        """Call the policy. Whatever it raises becomes a ScenarioError that names file, line and tick."""
        if self.number == MOST_TICKS:
            at = f"{self.s.now / 1e9:.3f} s of simulated time"
            raise SimulationLimit(f"{MOST_TICKS:,} control ticks by {at}: give a longer `every`")
        tick = self.observe()
        readings = [int(getattr(tick.sender, name)) for name in READINGS]
        readings += [int(getattr(tick.receiver, name)) for name in RECEIVER]
        try:
            self.function(tick)
        except Exception as error:
            file = file_name(self.policy)
            where = f"at tick {tick.number}, {tick.now_ns / 1e9:.3f} s of simulated time"
            raise ScenarioError([Problem(blame(error, file), f"{said(error)}, {where}")]) from error
        settings = [int(getattr(tick.sender, name)) for name in SETTINGS]
        window = [getattr(tick, name) for name in WINDOW]
        latencies = [NONE if (x := getattr(tick, name)) != x else int(x) for name in LATENCIES]
        self.rows.append((*window, *latencies, *readings, *settings, *(tick.held[cause] for cause in HELD)))
        self.number += 1

    def observe(self) -> Tick:
        """The readings of this moment and of the window that ends now."""
        now, w = max(self.s.now, 0), self.sender.w
        if self.number and w.layered:
            deal(self.sender, now)
        elif self.number:
            enter_due(self.sender, now)
        for name in ("a", "b"):
            self.engine.drain(name)
        start = max(0, now - self.window_ns)
        while len(self.marks) > 1 and self.marks[1][0] <= start:
            self.marks.popleft()
        _, offered, sent = self.marks[0]
        self.marks.append((now, w.entered, w.called))
        span = max(now - start, 1)
        held = self.held(now)
        latency, size = self.deliveries.within(start, now)
        found = quantiles(latency)
        return Tick(
            number=self.number,
            now_ns=now,
            window_ns=now - start,
            offered=w.entered - offered,
            sent=w.called - sent,
            delivered=len(latency),
            bytes=size,
            offered_rate=(w.entered - offered) * 1e9 / span,
            rate=len(latency) * 1e9 / span,
            throughput_bps=size * 8e9 / span,
            mean_ns=nan(found["mean"]),
            p50_ns=nan(found["p50"]),
            p90_ns=nan(found["p90"]),
            p99_ns=nan(found["p99"]),
            max_ns=nan(found["max"]),
            held=held,
            **self.ends,
            memory=self.memory,
        )

    def held(self, now: int) -> dict[str, int]:
        """How long since the last tick each cause held something back, ns, on the clock where it did so longest."""
        before, self.ran = self.ran, clock_readings(self.sender, now)
        since = [[b - a for a, b in zip(*pair, strict=True)] for pair in zip_longest(before, self.ran, fillvalue=ZERO)]
        return {cause: max(ns) for cause, *ns in zip(HELD, *since, strict=True)}

    @property
    def ticks(self) -> NDArray[Any]:
        """Every tick so far, as `TICK` rows."""
        return np.array(self.rows, TICK)


def settle(s: Path) -> None:
    """What `loop.fire` does behind every event, for changes that are none."""
    for e, peer in ((s.a, s.b), (s.b, s.a)):
        if e.wake:
            wake_writer(e, s.now)
        if e.sq_head:
            blame_holder(e, peer, s.now)


class Deliveries:
    """Messages by the time they were read, as far back as a window may reach."""

    def __init__(self, scenario: Scenario) -> None:
        self.transactions = scenario.workload.kind == "request-response"
        main = "a" if scenario.workload.sender == "client" else "b"
        self.measured = {"a": "b", "b": "a"}[main] if self.transactions else main
        empty = np.zeros(0, np.int64)
        self.read, self.latency, self.size = empty, empty, empty

    def add(self, name: str, rows: Rows) -> None:
        """Messages that endpoint `name` sent have been read. Of transactions the reply counts, from the request on."""
        if name == self.measured:
            since = rows["root" if self.transactions else "t_due"]
            self.read = np.concatenate((self.read, rows["t_read"]))
            self.latency = np.concatenate((self.latency, rows["t_read"] - since))
            self.size = np.concatenate((self.size, rows["size"]))

    def within(self, start: int, end: int) -> tuple[NDArray[np.int64], int]:
        """Latencies and bytes of what was read in (start, end]; what lies before is forgotten."""
        first, last = np.searchsorted(self.read, [start, end], side="right")
        self.read, self.latency, self.size = self.read[first:], self.latency[first:], self.size[first:]
        return self.latency[: last - first], int(self.size[: last - first].sum())


def clock_readings(e: Endpoint, now: int) -> list[list[int]]:
    """The sender's reason clocks, which run beside one another: of each the ns by cause of `HELD`, since the run began.

    The application's, that of its framer thread, that of queued HTTP/2 streams, each with the send queue's.
    """
    w = e.w
    writing = [w.clock, *([w.framer_clock] if w.threads == 2 else []), *([e.h2.queue_clock] if w.layered else [])]
    queue = [reading(e.clock, k, now) for k in range(QUEUE_CAUSES)]
    return [[reading(clock, k, now) for k in range(WRITER_CAUSES)] + queue for clock in writing]


def reading(clock: Clock, k: int, now: int) -> int:
    """How long reason k has run on one clock."""
    return clock.ran[k] + (now - clock.since if clock.why == k else 0)


def quantiles(latency: NDArray[np.int64]) -> dict[str, int | None]:
    """Mean, percentiles and maximum, exact; all None when there are none."""
    n = len(latency)
    if n == 0:
        return dict.fromkeys(("mean", *PER_MILLE, "max"))
    ranks = {name: -(-n * share // 1000) - 1 for name, share in PER_MILLE.items()}
    placed = np.partition(latency, sorted({*ranks.values(), n - 1}))
    percentiles = {name: int(placed[rank]) for name, rank in ranks.items()}
    return {"mean": round(float(latency.mean())), **percentiles, "max": int(placed[n - 1])}


def nan(value: int | None) -> float:
    """NaN for None."""
    return float("nan") if value is None else value
