"""A run that would not end is refused before it begins."""

from __future__ import annotations

import pytest

from sim import Scenario, SimulationLimit, Workload, simulate
from sim.run import work_of


def test_large_messages_count_as_the_segments_they_make():
    assert work_of(Scenario(workload=Workload(messages=10, size=100))) == 10
    assert work_of(Scenario(workload=Workload(messages=10, size=14_480))) == 100


def test_a_terabyte_is_refused_with_the_cure():
    with pytest.raises(SimulationLimit, match="fewer or smaller messages"):
        simulate(Scenario(workload=Workload(messages=2_000, size=1 << 30)))
