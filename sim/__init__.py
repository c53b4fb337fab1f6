"""Time passes: scenarios run, under SimPy, in a plain loop or compiled.

from sim import Scenario, simulate
run = simulate(Scenario(), seed=1)
run.summary()["latency_ns"]["p99"]
"""

from sim.errors import Problem, ScenarioError, SimulationLimit
from sim.run import Run, simulate
from sim.scenario import Direction, Framing, Host, Network, Policy, Scenario, Spikes, Workload

__all__ = [
    "Direction", "Framing", "Host", "Network", "Policy", "Problem", "Run", "Scenario", "ScenarioError",
    "SimulationLimit", "Spikes", "Workload", "simulate",
]  # fmt: skip
