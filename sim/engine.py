"""A run in progress: draws go in, events happen, finished messages come out.

`Engine` is what both worlds share; `PlainEngine` holds slotted objects, `CompiledEngine` one NumPy record. They differ
in how a block of slots is filled and drained, and in who runs the loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from models.ledger import NEVER
from models.sources import resume
from models.state import CAUSES, DRAWS, SIZE_CLASSES, SLICES, Endpoint, Histogram, Link, Path, Tally
from models.tally import LOW_BITS
from sim import loop
from sim.build import Luck, PacketDraws, Sources, begin, build
from sim.distribution import Distribution, Ints, bucket_index
from sim.draws import Messages
from sim.errors import SimulationLimit
from sim.plain import Lazy, new
from sim.scenario import Scenario
from sim.view import cleared, view

if TYPE_CHECKING:
    from sim.compiled import States
    from sim.control import Control
    from sim.outlet import Outlet

STAMPS = (
    "t_due", "root", "size", "t_call", "t_acc", "t_ret", "t_first", "t_sent", "t_svc", "t_done", "t_arr", "t_ord",
    "t_read", "read_no", "writes", "retrans", "freed", "stream",
)  # fmt: skip
ROW = np.dtype([(name, np.int64) for name in STAMPS] + [("x", np.int64, (len(CAUSES),))])
"""What is kept of a finished message, when messages are kept at all."""

CHUNK = 1 << 16
LIMITS = {
    1: "the send queue needs more than 8,191 socket buffers",
    2: "more than 8,191 packets are on one link or in one qdisc",
    3: "more messages are under way than the ring holds",
    4: "more than 8,191 received segments are unread",
    6: "more than 65,534 HTTP/2 frames are written and not yet read",
    7: "more than 4,094 HTTP/2 control frames wait to be written",
    5: "more than 2,047 separate holes in the out-of-order queue",
}

Rows = NDArray[Any]


def distribution(h: Histogram, index: Ints, value: Ints, count: Ints) -> Distribution:
    """A histogram's buckets and what else it knows."""
    return Distribution(index, value, count, (h.high << LOW_BITS) + h.total, h.least)


def used_buckets(h: Histogram) -> Rows:
    """The buckets of a compiled histogram from the least value's to the largest's."""
    buckets: Rows = cast(Any, h.bucket).array
    return buckets[bucket_index(h.least) : bucket_index(h.most) + 1]


def emptied(states: States) -> States:
    """States that served before, with no values left in their histograms."""
    for i in range(len(states)):
        s = cast(Path, view(states, i))
        for t in (s.a.w.tally, s.b.w.tally):
            for h in (t.startup, t.closed, *(t.steady[k] for k in range(SIZE_CLASSES))):
                if h.n:
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
        self.control: Control | None = None
        self.outlet: Outlet | None = None
        self.refill()
        for e in (self.s.a, self.s.b):
            if e.w.total:
                begin(e)

    # ---- what the two worlds do differently

    def put_messages(self, e: Endpoint, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn messages into ring slots from `at` on."""
        raise NotImplementedError

    def put_draws(self, l: Link, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn packet fates into ring slots from `at` on."""
        raise NotImplementedError

    def take_messages(self, name: str, first: int, last: int) -> Rows:
        """Copy messages first..last-1 out of the ring of endpoint `name`."""
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

    def refill(self) -> None:
        """Drain what is finished, then fill every free slot."""
        for name in ("a", "b"):
            e = getattr(self.s, name)
            self.drain(name)
            self.fill_messages(e, getattr(self.sources, name))
        self.fill_draws(self.s.ab, self.sources.ab)
        self.fill_draws(self.s.ba, self.sources.ba)

    def drain(self, name: str) -> None:
        """The slots of messages that have been read are free; where somebody wants the messages, take them first."""
        e = getattr(self.s, name)
        w = e.w
        done = w.retired if w.layered else w.done
        if done > w.drained:
            if self.keep or self.control is not None or self.outlet is not None:
                self.hand_out(name, self.take_messages(name, w.drained, done))
            w.drained = done

    def hand_out(self, name: str, rows: Rows) -> None:
        """Messages that endpoint `name` sent have been read."""
        if self.keep:
            self.rows[name].append(rows)
        if self.control is not None:
            self.control.deliveries.add(name, rows)
        if self.outlet is not None:
            self.outlet.add(name, rows)

    def fill_messages(self, e: Endpoint, source: Messages | None) -> None:
        """Draw messages for the free slots and let a sender that waited for them go on."""
        w = e.w
        n = min(w.total - w.filled, w.mask + 1 - (w.filled - w.drained))
        w.need = 0
        while n > 0:
            at = w.filled & w.mask
            k = min(n, w.mask + 1 - at)
            if source is None:
                block = (np.zeros(k, np.int64), np.full(k, w.size, np.int64), np.zeros(k, np.int64))
            else:
                block = source.fill(k)
            self.put_messages(e, at, block)
            w.filled += k
            n -= k
        if w.total:
            resume(e, self.s.now)

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
                f"{what} at {self.s.now / 1e9:.3f} s of simulated time "
                f"(seed {self.seed}); lower the load, the buffers or the link's queue"
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
            self.drain(name)
            w = getattr(self.s, name).w
            if w.layered and (self.keep or self.outlet is not None):
                for i in range(w.drained, w.entered):
                    if w.m[i & w.mask].t_read != NEVER:
                        self.hand_out(name, self.take_messages(name, i, i + 1))

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

    def put_messages(self, e: Endpoint, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn messages into ring slots from `at` on."""
        for i, (t, size, stall) in enumerate(zip(*(column.tolist() for column in block), strict=True), at):
            m = e.w.m[i]
            m.t_due = t
            m.root = t
            m.size = size
            m.stall = stall

    def put_draws(self, l: Link, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn packet fates into ring slots from `at` on."""
        for i, (lost, jitter, spike) in enumerate(zip(*(column.tolist() for column in block), strict=True), at):
            d = l.draw[i]
            d.lost = lost
            d.jitter = jitter
            d.spike = spike

    def take_messages(self, name: str, first: int, last: int) -> Rows:
        """Copy messages first..last-1 out of the ring of endpoint `name`."""
        w = getattr(self.s, name).w
        slots = [w.m[i & w.mask] for i in range(first, last)]
        return np.array([(*(getattr(m, stamp) for stamp in STAMPS), tuple(m.x)) for m in slots], ROW)

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

    def ring(self, e: Endpoint) -> Any:
        """The NumPy array of e's message slots."""
        return cast(Any, e.w.m).array

    def put_messages(self, e: Endpoint, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn messages into ring slots from `at` on."""
        t, size, stall = block
        part = self.ring(e)[at : at + len(t)]
        part["t_due"] = t
        part["root"] = t
        part["size"] = size
        part["stall"] = stall

    def put_draws(self, l: Link, at: int, block: tuple[Any, Any, Any]) -> None:
        """Write drawn packet fates into ring slots from `at` on."""
        lost, jitter, spike = block
        part = cast(Any, l.draw).array[at : at + len(lost)]
        part["lost"] = lost
        part["jitter"] = jitter
        part["spike"] = spike

    def take_messages(self, name: str, first: int, last: int) -> Rows:
        """Copy messages first..last-1 out of the ring of endpoint `name`."""
        e = getattr(self.s, name)
        ring, mask = self.ring(e), e.w.mask
        rows = np.empty(last - first, ROW)
        a, b = first & mask, last & mask
        at = 0
        for lo, hi in [(a, b)] if a < b else [(a, mask + 1), (0, b)]:
            for column in ROW.names or ():
                rows[column][at : at + hi - lo] = ring[column][lo:hi]
            at += hi - lo
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
