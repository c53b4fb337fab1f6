"""Stays: a message's time laid out place by place holds exactly what its ledger holds, without a gap."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.freed import Case
from experiments.stays import PLACES, stays
from models.state import CAUSES
from sim import simulate
from sim.run import Run
from sim.scenario import Scenario
from tests.properties.scenarios import layered_scenarios, scenarios


def laid_out_exactly(run: Run) -> None:
    sender = run.scenario.workload.sender
    receiver = "client" if sender == "server" else "server"
    for row in run.messages:
        at, spent = int(row["intended_ns"]), dict.fromkeys(CAUSES, 0)
        for stay in stays(Case(run.scenario, row, run.trace.segments, sender, receiver)):
            assert stay.place in PLACES
            assert stay.start == at, "a gap, or two places at once"
            at = stay.end
            for cause, ns in stay.parts:
                assert ns > 0
                spent[cause] += ns
        assert at == row["read_ns"]
        assert spent == {cause: int(row[f"{cause}_ns"]) for cause in CAUSES}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(scenarios().filter(lambda s: s.workload.kind == "stream"), st.integers(0, 1_000))
def test_every_nanosecond_has_a_place(scenario: Scenario, seed: int) -> None:
    laid_out_exactly(simulate(scenario, seed, trace=True))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(layered_scenarios().filter(lambda s: s.workload.kind == "stream"), st.integers(0, 1_000))
def test_on_http2_too(scenario: Scenario, seed: int) -> None:
    laid_out_exactly(simulate(scenario, seed, trace=True))
