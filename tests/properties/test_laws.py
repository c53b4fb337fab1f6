"""Generated scenarios over every rule: the ledger is exact, time goes forward, nothing is lost or left over."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments import files
from sim import simulate
from sim.scenario import Scenario
from tests.properties.laws import (
    all_laws,
    causes_sum_exactly,
    no_cause_is_negative,
    run_to_silence,
    stages_follow_each_other,
)
from tests.properties.scenarios import layered_scenarios, scenarios

SEEDS = st.integers(0, 1_000)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), SEEDS)
def test_every_run_obeys_every_law(scenario: Scenario, seed: int):
    all_laws(*run_to_silence(scenario, seed))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), SEEDS)
def test_the_state_never_leaves_int64(scenario: Scenario, seed: int):
    """The checked state refuses what the compiled loop could not hold: numbers beyond int64, floats, bools."""
    all_laws(*run_to_silence(scenario, seed, checked=True))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layered_scenarios(), SEEDS)
def test_http2_obeys_every_law(scenario: Scenario, seed: int):
    all_laws(*run_to_silence(scenario, seed, checked=True))


@pytest.mark.parametrize("driver", ["loop", "simpy"])
@pytest.mark.parametrize("name", files.preset_names())
def test_every_preset_has_an_exact_ledger(name: str, driver: str):
    run = simulate(files.load(name), 1, driver=driver)
    assert len(run.messages) > 0
    causes_sum_exactly(run)
    no_cause_is_negative(run)
    stages_follow_each_other(run)
