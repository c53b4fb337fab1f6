"""Designs: grids, samples that cover every axis evenly, listed points, axes that only sometimes apply."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.files import load
from experiments.sweep.design import Range
from experiments.sweep.file import Panel, SweepMistakes, read_sweep
from experiments.sweep.plan import make_plan, mistakes
from sim.units import DURATION, RATE, SIZE

HEAD = 'base = "one-way-512"\nreplications = 1\n'


def panel(text: str) -> Panel:
    return read_sweep((HEAD + text).encode(), "x", None).panels[0]


def told(text: str) -> dict[str, str]:
    with pytest.raises(SweepMistakes) as error:
        read_sweep((HEAD + text).encode(), "x", None)
    assert all(problem.cure for problem in error.value.problems)
    return {problem.path: problem.problem for problem in error.value.problems}


# ---- ranges ----------------------------------------------------------------------------------------------------------


def test_a_range_with_steps_is_a_grid_with_both_ends():
    p = panel("""[axes]
        network.rtt = { from = "1ms", to = "100ms", steps = 3, log = true }
        workload.load = { from = 0.5, to = 2.0, steps = 4 }
        workload.messages = { from = 100, to = 200, steps = 3 }""")
    assert p.axes["network.rtt"] == ("1ms", "10ms", "100ms")
    assert p.axes["workload.load"] == (0.5, 1.0, 1.5, 2.0)
    assert p.axes["workload.messages"] == (100, 150, 200)
    assert all(type(value) is int for value in p.axes["workload.messages"])
    assert p.size == 36


@given(
    st.sampled_from([DURATION, SIZE, RATE, None]),
    st.floats(1, 1e9),
    st.floats(1.01, 1e3),
    st.booleans(),
    st.floats(0, 1),
)
def test_a_sampled_value_lies_in_the_range_and_is_what_a_scenario_file_would_say(unit, low, times, log, share):
    low = round(low) if unit else low
    high = round(low * times) + 1 if unit else low * times
    value = Range(low, high, unit, False, log).at(min(share, 1 - 2**-53))
    number = unit.parse(value) if unit else value
    assert low * 0.999 <= number <= high * 1.001  # four figures
    assert unit is None or len(str(value)) <= 12


def test_whole_numbers_are_equally_likely_at_both_ends():
    shares = [i / 600 for i in range(600)]
    drawn = [Range(1, 6, None, True).at(share) for share in shares]
    assert [drawn.count(face) for face in range(1, 7)] == [100] * 6


# ---- samples ---------------------------------------------------------------------------------------------------------

SPACE = """
[axes]
network.rtt = { from = "1ms", to = "64ms", log = true }
workload.load = { from = 1.0, to = 4.0 }
server.sndbuf = ["16KiB", "64KiB", "256KiB", "1MiB"]
server.nodelay = [true, false]
[design]
points = 32
"""


@pytest.mark.parametrize("kind", ["sobol", "latin-hypercube"])
def test_a_sample_covers_every_axis_by_itself_evenly(kind: str):
    p = panel(SPACE + f'kind = "{kind}"')
    assert p.size == 32
    octaves = [int(math.log2(DURATION.parse(point["network.rtt"]) / 1e6)) for point in p.points]
    assert all(4 <= octaves.count(octave) <= 7 for octave in range(6))  # 32 points over 6 octaves
    quarters = [int((point["workload.load"] - 1) / 0.75) for point in p.points]  # type: ignore[operator]
    assert all(7 <= quarters.count(quarter) <= 9 for quarter in range(4))
    assert all([q["server.sndbuf"] for q in p.points].count(size) == 8 for size in ("16KiB", "64KiB", "256KiB", "1MiB"))
    assert [q["server.nodelay"] for q in p.points].count(True) == 16


def test_a_sample_is_the_same_every_time_and_another_for_another_seed():
    first, again, other = (panel(SPACE + f'kind = "sobol"\nseed = {seed}').points for seed in (1, 1, 2))
    assert first == again != other


def test_every_sampled_point_is_crossed_with_the_axes_that_ask_for_it():
    p = panel(SPACE + 'kind = "sobol"\ncross = ["server.nodelay"]')
    assert p.size == 64
    for on, off in zip(p.points[::2], p.points[1::2], strict=True):
        assert (on["server.nodelay"], off["server.nodelay"]) == (True, False)
        assert {**on, "server.nodelay": None} == {**off, "server.nodelay": None}


def test_what_is_sampled_can_be_run():
    plan = make_plan(read_sweep((HEAD + SPACE + 'kind = "sobol"').encode(), "x", None))
    assert len({point.scenario_hash for point in plan.points}) == 32
    rtts = [p.scenario.network.up.delay + p.scenario.network.down.delay for p in plan.points]
    assert min(rtts) >= 990_000
    assert max(rtts) <= 64_100_000


# ---- lists and conditions --------------------------------------------------------------------------------------------


def test_listed_points_are_each_combined_with_the_axes():
    p = panel("""[axes]
        workload.load = [1, 2]
        [[points]]
        server.sndbuf = "16KiB"
        client.rcvbuf = "32KiB"
        [[points]]
        server.sndbuf = "64KiB"
        client.rcvbuf = "128KiB" """)
    assert [tuple(point.values()) for point in p.points] == [
        ("16KiB", "32KiB", 1), ("16KiB", "32KiB", 2), ("64KiB", "128KiB", 1), ("64KiB", "128KiB", 2),
    ]  # fmt: skip
    assert p.axes["client.rcvbuf"] == ("32KiB", "128KiB")


FLUSH = """
[axes]
workload.framing.flush = ["per-message", "on-idle", "timer"]
workload.framing.buffer = ["4KiB", "32KiB"]
"""


def test_an_axis_that_does_not_apply_makes_no_points_that_differ_in_nothing():
    p = panel(
        FLUSH
        + """[[conditions]]
        axis = "workload.framing.buffer"
        where.workload.framing.flush = ["on-idle", "timer"] """
    )
    assert [tuple(point.values()) for point in p.points] == [
        ("per-message", None), ("on-idle", "4KiB"), ("on-idle", "32KiB"), ("timer", "4KiB"), ("timer", "32KiB"),
    ]  # fmt: skip
    assert p.axes["workload.framing.buffer"] == ("4KiB", "32KiB")


def test_a_value_that_does_not_apply_is_left_out():
    p = panel(
        FLUSH
        + """[[conditions]]
        axis = "workload.framing.buffer"
        values = ["32KiB"]
        where.workload.framing.flush = "timer" """
    )
    assert p.size == 4
    assert [q["workload.framing.flush"] for q in p.points if q["workload.framing.buffer"] == "32KiB"] == ["timer"]


def test_a_condition_sees_what_is_set_and_what_the_command_line_sets():
    text = HEAD + FLUSH + '[[conditions]]\naxis = "workload.framing.buffer"\nwhere.workload.framing.flush = "on-idle"'
    sweep = read_sweep(text.encode(), "x", None)
    assert sweep.with_changes({"workload.framing.flush": "on-idle"}, None, None).panels[0].size == 2
    assert sweep.with_changes({"workload.framing.flush": "timer"}, None, None).panels[0].size == 1


def test_an_axis_that_does_not_apply_keeps_the_base_scenarios_value():
    condition = '[[conditions]]\naxis = "workload.framing.buffer"\nwhere.workload.framing.flush = "on-idle"'
    text = HEAD + FLUSH.replace(', "timer"', "") + condition
    plan = make_plan(read_sweep(text.encode(), "x", None))
    untouched = load("one-way-512").workload.framing.buffer
    assert [p.scenario.workload.framing.buffer for p in plan.points] == [untouched, 4096, 32768]


def test_points_with_one_scenario_are_run_once():
    plan = make_plan(read_sweep((HEAD + '[axes]\nserver.sndbuf = ["64KiB", "65536B"]').encode(), "x", None))
    assert len(plan.points) == 2
    assert len(list(plan.jobs())) == 1


# ---- mistakes --------------------------------------------------------------------------------------------------------


def test_every_mistake_in_a_design_is_told_at_once_with_its_place():
    problems = told("""
        precision = "wide"
        metric = "p98"
        max_seeds = 3
        [axes]
        network.rtt = { from = "1ms", to = "10KiB" }
        workload.load = { from = 4, to = 1 }
        workload.size = { from = "0B", to = "1KiB", log = true, step = 3 }
        workload.messages = { from = 10 }
        [design]
        kind = "sobol"
        points = 100
        cross = "server.nodelay"
        [[points]]
        server.nodelay = true
        [[points]]
        server.sndbuf = "64KiB"
        [[conditions]]
        axis = "server.cork"
        """)
    assert problems.keys() >= {
        "replications", "precision", "metric", "max_seeds", "axes.network.rtt", "axes.workload.load",
        "axes.workload.size", "axes.workload.size.step", "axes.workload.messages.to", "design.points", "design.cross",
        "points[2]", "conditions[1]",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('[axes]\nnetwork.rtt = { from = "1ms", to = "2ms" }', "axes.network.rtt", "no values by itself"),
        (
            '[axes]\nserver.nodelay = [true]\n[design]\nkind = "sobol"\ncross = ["server.nodelay"]',
            "design",
            "left to sample",
        ),
        ('[axes]\nserver.nodelay = [true]\n[design]\nkind = "sobol"\ncross = ["x"]', "design.cross", "x is no axis"),
        ('[axes]\nserver.nodelay = [true]\n[design]\nkind = "random"', "design.kind", "no design"),
        ('[axes]\nserver.nodelay = [true]\n[[conditions]]\naxis = "x"\nwhere.y = 1', "conditions", "neither varies"),
        ("[axes]\nserver.nodelay = [true]\n[[points]]\nserver.nodelay = false", "axes", "both in the points"),
        ("min_seeds = 4\n[axes]\nserver.nodelay = [true]", "min_seeds", "without a precision"),
    ],
)
def test_a_design_that_contradicts_itself_is_refused(text: str, place: str, words: str):
    assert words in told(text)[place]


def test_a_file_with_one_mistake_tells_those_of_its_scenarios_too():
    text = HEAD + '[set]\nworkload.messages = "many"\n[axes]\nserver.sndbuf = []\nserver.nodelay = [true, "perhaps"]'
    with pytest.raises(SweepMistakes) as error:
        read_sweep(text.encode(), "x", None)
    assert [problem.path for problem in error.value.problems] == ["axes.server.sndbuf"]
    assert {p.path for p in mistakes(error.value.readable)} == {"set.workload.messages", "axes.server.nodelay"}


def test_a_wrong_design_is_not_told_as_a_missing_one():
    problems = told("""
        [axes]
        network.rtt = { from = "1ms", to = "100ms" }
        [design]
        kind = "lhs"
        """)
    assert problems.keys() == {"design.kind"}
