"""Replaying recordings: simulate what was set for them, with the wire's own decisions, tracing every packet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.groundtruth import recording
from experiments.groundtruth.recording import Recording
from sim.engine import Engine, PlainEngine
from sim.table import Rows
from sim.trace import Trace, run_traced

DriverName = Literal["loop", "simpy", "compiled"]


@dataclass(frozen=True)
class Replay:
    """What a replay leaves: messages the client and the server sent (`sim.engine.ROW`), packets, counters."""

    recording: Recording
    client: Rows
    server: Rows
    packets: NDArray[Any]  # sim.trace.SEGMENT, in the order the wires took them
    engine: Engine


def engine_for(r: Recording, driver: DriverName = "loop") -> Engine:
    """The engine that replays a recording. Like the harness it goes on until all is quiet."""
    scenario = recording.scenario(r)
    seed, luck = recording.luck(r)
    if driver == "compiled":
        from sim.engine import CompiledEngine

        engine: Engine = CompiledEngine(scenario, seed, luck=luck)
    else:
        engine = PlainEngine(scenario, seed, luck=luck)
    engine.s.drain = 1
    return engine


def replay(r: Recording, driver: DriverName = "loop") -> Replay:
    """Simulate a recording's specification. Raises SimulationLimit when a capacity of the model is reached."""
    engine = engine_for(r, driver)
    trace = Trace()
    if driver == "simpy":
        from sim.simpy_driver import run_simpy

        run_simpy(engine, trace)
    else:
        run_traced(engine, trace)
    packets = trace.segments
    packets = packets[np.argsort(packets["into"], kind="stable")]
    return Replay(r, engine.messages("a"), engine.messages("b"), packets, engine)
