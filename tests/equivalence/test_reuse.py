"""A compiled run in memory that others have used gives what it gives in memory of its own."""

import numpy as np
import pytest

from sim import simulate
from sim.compiled import allocate
from tests.equivalence.outcome import assert_same_outcome
from tests.properties.scenarios import fixed, fixed_layered


@pytest.mark.timeout(600)  # the first one compiles, unless it has been done before
def test_what_earlier_runs_left_changes_nothing():
    memory = allocate(1)
    memory.view(np.int64)[:] = 1
    for end in ("a", "b"):
        memory[end]["w"]["tally"] = 0  # histograms are emptied by what they have counted
    for n in range(30):
        scenario = fixed(n)
        assert_same_outcome(
            simulate(scenario, n, driver="compiled"), simulate(scenario, n, driver="compiled", memory=memory)
        )


@pytest.mark.timeout(600)
def test_nor_do_the_streams_of_earlier_connections():
    """HTTP/2 connections and others, one after the other in the same memory."""
    memory = allocate(1)
    for n in range(30):
        for scenario in (fixed(n), fixed_layered(n)):
            assert_same_outcome(
                simulate(scenario, n, driver="compiled"), simulate(scenario, n, driver="compiled", memory=memory)
            )
