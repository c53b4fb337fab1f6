"""SimPy and the plain loop: the same nanoseconds, the same events in the same order, the same packets."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim import simulate
from sim.scenario import Scenario
from tests.equivalence.outcome import assert_same_outcome
from tests.properties.scenarios import layered_scenarios, scenarios


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios() | layered_scenarios(), st.integers(0, 1_000))
def test_simpy_and_the_loop_agree_event_for_event(scenario: Scenario, seed: int):
    loop = simulate(scenario, seed, driver="loop", trace=True)
    simpy = simulate(scenario, seed, driver="simpy", trace=True)
    assert_same_outcome(loop, simpy)
    assert loop.trace is not None
    assert simpy.trace is not None
    assert loop.trace.kinds == simpy.trace.kinds
    assert np.array_equal(loop.trace.segments, simpy.trace.segments)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000))
def test_watching_changes_nothing(scenario: Scenario, seed: int):
    assert_same_outcome(
        simulate(scenario, seed, driver="loop", trace=True), simulate(scenario, seed, driver="loop", trace=False)
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000))
def test_the_same_seed_gives_the_same_run(scenario: Scenario, seed: int):
    assert_same_outcome(simulate(scenario, seed, driver="loop"), simulate(scenario, seed, driver="loop"))
