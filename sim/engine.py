"""A run in progress: draws go in, events happen, finished messages come out.

`Engine` is what both worlds share; `PlainEngine` holds slotted objects, `CompiledEngine` one NumPy record. They differ
in how arrivals are put in and messages taken out, and in who runs the loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from models.constants import ERR_MESSAGES, SCHEDULED
from models.slots import finished_with
from models.sources import resume
from models.state import (
    AHEAD,
    ARRIVALS,
    CAUSES,
    COMING,
    DRAWS,
    INF,
    SIZE_CLASSES,
    SLICES,
    SLOTS,
    UNDER_WAY,
    Endpoint,
    Histogram,
    Link,
    Path,
    Tally,
    Writer,
)
from models.tally import LOW_BITS
from sim import loop
from sim.build import Luck, PacketDraws, Sources, begin, build
from sim.distribution import Distribution, Ints, bucket_index
from sim.draws import Messages
from sim.errors import SimulationLimit
from sim.plain import Lazy, new
from sim.scenario import Scenario
from sim.table import Rows
from sim.view import cleared, view

if TYPE_CHECKING:
    from sim.compiled import States
    from sim.control import Control
    from sim.outlet import Outlet

STAMPS = (
    "number", "t_due", "root", "size", "t_call", "t_acc", "t_ret", "t_first", "t_sent", "t_svc", "t_done", "t_arr",
    "t_ord", "t_read", "read_no", "writes", "retrans", "freed", "stream",
)  # fmt: skip
ROW = np.dtype([(name, np.int64) for name in STAMPS] + [("x", np.int64, (len(CAUSES),))])
"""What is kept of a finished message, when messages are kept at all."""

CHUNK = 1 << 16
LIMITS = {
    1: "the send queue needs more than 8,191 socket buffers",
    2: "more than 8,191 packets are on one link or in one qdisc",
    ERR_MESSAGES: f"more than {UNDER_WAY:,} messages are due and not yet read",
    4: "more than 8,191 received segments are unread",
    6: "more than 65,534 HTTP/2 frames are written and not yet read",
    7: "more than 4,094 HTTP/2 control frames wait to be written",
    5: "more than 2,047 separate holes in the out-of-order queue",
}
CURE = "lower the load, the buffers or the link's queue"
CURES = {ERR_MESSAGES: "lower the load, ask for fewer messages, or set time_limit"}


def distribution(h: Histogram, index: Ints, value: Ints, count: Ints) -> Distribution:
    """A histogram's buckets and what else it knows."""
    return Distribution(index, value, count, (h.high << LOW_BITS) + h.total, h.least if len(count) else 0)


def used_buckets(h: Histogram) -> Rows:
    """The buckets of a compiled histogram from the least value's to the largest's."""
    buckets: Rows = cast(Any, h.bucket).array
    return buckets[bucket_index(h.least) : bucket_index(h.most) + 1]


def emptied(states: States) -> States:
    """States that served before, with no values left in their histograms and no HTTP/2 streams."""
    for i in range(len(states)):
        s = cast(Path, view(states, i))
        streams = max(s.a.h2.nstreams, s.b.h2.nstreams)
        for h2 in (s.a.h2, s.b.h2) if streams else ():
            cast(Any, h2.stream).array[:streams] = 0
        for t in (s.a.w.tally, s.b.w.tally):
            for h in (t.startup, t.closed, *(t.steady[k] for k in range(SIZE_CLASSES))):
                used_buckets(h)[...] = 0
    return states


class Engine:
    """One replication of a scenario."""

    s: Path

    def __init__(self, scenario: Scenario, seed: int, keep: bool, luck: Luck | None) -> None:
        self.scenario = scenario
        self.seed = seed
        self.keep = keep
        self.sources: Sources = build(self.s, scenario, seed, luck)
        self.rows: dict[str, list[Rows]] = {"a": [], "b": []}
        self.handed = {"a": 0, "b": 0}  # on HTTP/2 streams, where what is read early waits in `behind`
        self.behind: dict[str, Rows] = {"a": np.zeros(0, ROW), "b": np.zeros(0, ROW)}
        self.control: Control | None = None
        self.outlet: Outlet | None = None
        if keep:
            self.take_finished()
        self.refill()
        for e in (self.s.a, self.s.b):
            if e.w.total:
                begin(e)

    # ---- what the two worlds do differently

    def put_arrivals(self, e: Endpoint, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn arrivals into their ring from `at` on."""
        raise NotImplementedError

    def put_draws(self, l: Link, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn packet fates into ring slots from `at` on."""
        raise NotImplementedError

    def take_messages(self, w: Writer, first: int, last: int) -> Rows:
        """Copy messages first..last-1, as they were read, and free their slots."""
        raise NotImplementedError

    def distribution(self, h: Histogram) -> Distribution:
        """What a histogram of the state holds."""
        raise NotImplementedError

    def slices(self, t: Tally) -> tuple[Ints, Ints]:
        """`n` and `least` of the slices of a tally."""
        raise NotImplementedError

    def run_loop(self, budget: int) -> int:
        """Take up to `budget` events; returns `sim.loop`'s status."""
        raise NotImplementedError

    # ---- draws in, messages out

    def take_finished(self) -> None:
        """Somebody wants the messages: those that have been read stay until they are drained."""
        self.s.a.w.keep = self.s.b.w.keep = 1

    def refill(self) -> None:
        """Drain what is finished, then draw: so many ahead, and all that is due up to the next event."""
        for name in ("a", "b"):
            e = getattr(self.s, name)
            self.drain(name)
            self.fill_arrivals(e, getattr(self.sources, name))
        self.s.drawn_until = min(self.drawn_until(self.s.a.w), self.drawn_until(self.s.b.w))
        self.fill_draws(self.s.ab, self.sources.ab)
        self.fill_draws(self.s.ba, self.sources.ba)

    def drain(self, name: str) -> None:
        """Where somebody wants the messages, take those that have been read and that no rule needs any more."""
        e, peer = (self.s.a, self.s.b) if name == "a" else (self.s.b, self.s.a)
        if e.w.keep:
            self.take(name, e.w, finished_with(e, peer))

    def take(self, name: str, w: Writer, last: int) -> None:
        """Take messages out of their slots, up to the one that was read as number `last`."""
        if last <= w.drained:
            return
        rows = self.take_messages(w, w.drained, last)
        w.drained = last
        if self.control is not None:
            self.control.deliveries.add(name, rows)
        self.hand_out(name, self.in_order(name, rows) if w.layered else rows)

    def in_order(self, name: str, rows: Rows) -> Rows:
        """Messages of several streams are read in another order than they are sent: those that have none missing."""
        rows = np.concatenate((self.behind[name], rows))
        rows = rows[np.argsort(rows["number"])]
        first = self.handed[name]
        n = int(np.sum(rows["number"] == first + np.arange(len(rows))))
        self.handed[name] += n
        self.behind[name] = rows[n:]
        return rows[:n]

    def hand_out(self, name: str, rows: Rows) -> None:
        """Messages that endpoint `name` sent have been read, in the order in which they were sent."""
        if self.keep:
            self.rows[name].append(rows)
        if self.outlet is not None and len(rows):
            self.outlet.add(name, rows)

    def fill_arrivals(self, e: Endpoint, source: Messages | None) -> None:
        """Draw arrivals, and let a sender that waited for them go on."""
        w = e.w
        now = min(self.s.next_at, self.s.tick_at)
        n = AHEAD - (w.drawn - w.entered)
        w.need = 0
        while w.drawn < w.total and (n > 0 or self.drawn_until(w) <= now < INF):
            at = w.drawn & COMING
            k = min(n if n > 0 else AHEAD, w.total - w.drawn, ARRIVALS - at, ARRIVALS - (w.drawn - w.entered))
            if k == 0:
                e.err = ERR_MESSAGES
                return
            if source is None:
                block = (np.zeros(k, np.int64), np.full(k, w.size, np.int64), np.zeros(k, np.int64))
            else:
                block = source.fill(k)
            self.put_arrivals(e, at, block)
            w.drawn += k
            n -= k
        if w.total:
            resume(e, self.s.now)

    def drawn_until(self, w: Writer) -> int:
        """What comes due before this has been drawn."""
        if w.mode != SCHEDULED or w.drawn == w.total:
            return INF
        return int(w.arrival[(w.drawn - 1) & COMING].due)

    def fill_draws(self, l: Link, source: PacketDraws) -> None:
        """Draw the fate of the packets to come."""
        if not l.random:
            return
        n = l.idx + DRAWS - l.drawn
        while n > 0:
            at = l.drawn & (DRAWS - 1)
            k = min(n, DRAWS - at)
            self.put_draws(l, at, source.fill(k))
            l.drawn += k
            n -= k
        l.need = 0

    # ---- running

    def check(self, status: int) -> None:
        """A capacity was hit: say which."""
        if status == loop.LIMIT:
            err = self.s.a.err or self.s.b.err or self.s.ab.err or self.s.ba.err
            what = LIMITS.get(err, f"limit {err}")
            raise SimulationLimit(
                f"{what} at {self.s.now / 1e9:.3f} s of simulated time (seed {self.seed}); {CURES.get(err, CURE)}"
            )

    def tick(self) -> None:
        """The loop has stopped for the policy."""
        if self.control is not None:
            self.control.tick()

    def run(self) -> None:
        """To the end."""
        while True:
            status = self.run_loop(CHUNK)
            self.check(status)
            if status == loop.REFILL:
                self.refill()
            elif status == loop.TICK:
                self.tick()
            elif status == loop.DONE:
                break
        self.finish()

    def finish(self) -> None:
        """The run is over: take all that has been read, also behind messages of other streams that have not."""
        for name in ("a", "b"):
            w = getattr(self.s, name).w
            if w.keep:
                self.take(name, w, w.done)
                self.hand_out(name, self.behind[name])

    def messages(self, name: str) -> Rows:
        """All finished messages endpoint `name` sent."""
        parts = self.rows[name]
        return np.concatenate(parts) if parts else np.zeros(0, ROW)


class PlainEngine(Engine):
    """The loop in plain Python."""

    def __init__(
        self, scenario: Scenario, seed: int, keep: bool = True, checked: bool = False, luck: Luck | None = None
    ) -> None:
        self.s = new(Path, checked)
        super().__init__(scenario, seed, keep, luck)

    def put_arrivals(self, e: Endpoint, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn arrivals into their ring from `at` on."""
        for i, (due, size, stall) in enumerate(zip(*(column.tolist() for column in block), strict=True), at):
            p = e.w.arrival[i]
            p.due = p.root = due
            p.size = size
            p.stall = stall

    def put_draws(self, l: Link, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn packet fates into ring slots from `at` on."""
        for i, (lost, jitter, spike) in enumerate(zip(*(column.tolist() for column in block), strict=True), at):
            d = l.draw[i]
            d.lost = lost
            d.jitter = jitter
            d.spike = spike

    def take_messages(self, w: Writer, first: int, last: int) -> Rows:
        """Copy messages first..last-1, as they were read, and free their slots."""
        rows = []
        for slot in (w.slot[i & SLOTS] for i in range(first, last)):
            m = w.m[slot]
            rows.append((*(getattr(m, stamp) for stamp in STAMPS), tuple(m.x)))
            m.behind, w.free = w.free, slot
        return np.array(rows, ROW)

    def distribution(self, h: Histogram) -> Distribution:
        """What a histogram of the state holds."""
        touched = cast(Lazy, h.bucket)
        index = sorted(touched)
        columns = index, [touched[i].top for i in index], [touched[i].count for i in index]
        return distribution(h, *(np.array(column, np.int64) for column in columns))

    def slices(self, t: Tally) -> tuple[Ints, Ints]:
        """`n` and `least` of the slices of a tally."""
        parts = [t.slice[i] for i in range(SLICES)]
        return np.array([part.n for part in parts], np.int64), np.array([part.least for part in parts], np.int64)

    def run_loop(self, budget: int) -> int:
        """Take up to `budget` events; returns `sim.loop`'s status."""
        return loop.run(self.s, budget)


class CompiledEngine(Engine):
    """The loop compiled by Numba, over one record."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        keep: bool = True,
        luck: Luck | None = None,
        memory: States | None = None,
    ) -> None:
        from sim import compiled

        self.states = compiled.allocate(1) if memory is None else cleared(emptied(memory))
        self.entry = compiled.entry()
        self.s = cast(Path, view(self.states, 0))
        super().__init__(scenario, seed, keep, luck)

    def put_arrivals(self, e: Endpoint, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn arrivals into their ring from `at` on."""
        due, size, stall = block
        part = cast(Any, e.w.arrival).array[at : at + len(due)]
        part["due"] = due
        part["root"] = due
        part["size"] = size
        part["stall"] = stall

    def put_draws(self, l: Link, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn packet fates into ring slots from `at` on."""
        lost, jitter, spike = block
        part = cast(Any, l.draw).array[at : at + len(lost)]
        part["lost"] = lost
        part["jitter"] = jitter
        part["spike"] = spike

    def take_messages(self, w: Writer, first: int, last: int) -> Rows:
        """Copy messages first..last-1, as they were read, and free their slots."""
        pool = cast(Any, w.m).array
        slots = cast(Any, w.slot).array[np.arange(first, last) & SLOTS]
        rows = np.empty(last - first, ROW)
        for column in ROW.names or ():
            rows[column] = pool[column][slots]
        pool["behind"][slots] = np.concatenate(([w.free], slots[:-1]))
        w.free = int(slots[-1])
        return rows

    def distribution(self, h: Histogram) -> Distribution:
        """What a histogram of the state holds."""
        buckets = used_buckets(h)
        index = np.flatnonzero(buckets["count"])
        return distribution(h, index + bucket_index(h.least), buckets["top"][index], buckets["count"][index])

    def slices(self, t: Tally) -> tuple[Ints, Ints]:
        """`n` and `least` of the slices of a tally."""
        parts = cast(Any, t.slice).array
        return parts["n"].copy(), parts["least"].copy()

    def run_loop(self, budget: int) -> int:
        """Take up to `budget` events; returns `sim.loop`'s status."""
        return int(self.entry(self.states, 0, budget))
