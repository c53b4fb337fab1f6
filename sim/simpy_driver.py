"""SimPy drives the model: a process that sleeps until the next deadline and lets the event happen.

The rules are the same functions, the ranks of simultaneous events are the same, so nanoseconds and event order equal
the plain loop's. What SimPy adds is company: processes of your own run beside the model, read its state, change a
setting, inject work. `Model.server` and `Model.client` are the two ends as a policy sees them (`sim.tick.End`): what is
assigned acts then and there. Call `Model.poke()` after changing the state in other ways.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

from models.state import INF
from sim import loop
from sim.control import settle
from sim.engine import Engine
from sim.tick import Change, End
from sim.trace import Trace, Watch


class Model:
    """The simulated connection inside a SimPy environment."""

    def __init__(self, env: simpy.Environment, engine: Engine, trace: Trace | None) -> None:
        self.env = env
        self.engine = engine
        self.path = engine.s
        self.watch = Watch(engine, trace) if trace is not None else None
        self.server = End(engine.s.b, engine.s.ba, self.change)
        self.client = End(engine.s.a, engine.s.ab, self.change)
        self.changed = env.event()
        self.process = env.process(self.events())

    def poke(self) -> None:
        """State was changed from outside: look again for the next deadline."""
        if not self.changed.triggered:
            self.changed.succeed()

    def change(self, change: Change) -> None:
        """A process set something: carry it out, and what follows from it."""
        self.path.now = int(self.env.now)
        change(self.path.now)
        settle(self.path)
        if self.watch:
            self.watch.tick()
        self.poke()

    def events(self) -> Generator[simpy.Event, Any, None]:
        """Sleep until the earliest deadline, fire it, repeat."""
        s, engine = self.path, self.engine
        while True:
            at = loop.next_event(s)
            status = loop.status(s)
            engine.check(status)
            if status == loop.REFILL:
                engine.refill()
            elif status == loop.DONE:
                return
            elif (due := s.tick_at if status == loop.TICK else at) > self.env.now and due < INF:
                yield self.env.timeout(due - self.env.now) | self.changed
                if self.changed.triggered:
                    self.changed = self.env.event()
            elif status == loop.TICK:
                engine.tick()
                if self.watch:
                    self.watch.tick()
            else:
                loop.fire(s, at)
                if self.watch:
                    self.watch.note()


def run_simpy(engine: Engine, trace: Trace | None, processes: tuple[Callable[[Any, Any], Any], ...] = ()) -> None:
    """Run to the end under SimPy, with the user's processes `(env, model)` beside the model."""
    first = min(0, engine.s.now)
    env = simpy.Environment(initial_time=first)
    model = Model(env, engine, trace)
    for process in processes:
        env.process(process(env, model))
    env.run(until=model.process)
    engine.finish()
    if model.watch:
        model.watch.close()
