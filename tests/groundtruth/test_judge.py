"""Tolerances: what passes, what does not, and what the command line may say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from experiments.groundtruth.judge import LOSSLESS, Rules, Tolerance, judge, parse
from experiments.groundtruth.measures import Figures
from sim import ScenarioError

FIGURES = Figures(
    p50=10_000, p90=20_000, p99=30_000, max=40_000, messages=100, segments=100, acks=50, timer_acks=0,
    retransmissions=0, blocked=0, blocked_writes=0,
)  # fmt: skip
RUNS = [vars(FIGURES), vars(replace(FIGURES, p50=10_400, acks=60))]
RULES = Rules()


def lossless(**changes: float) -> tuple[str, ...]:
    tolerances = RULES.tolerances(lossy=False, tie_prone=False, closed_loop=False)
    return judge(replace(FIGURES, **changes), RUNS, tolerances).exceeded


def test_inside_the_recordings_range_nothing_is_asked():
    assert Tolerance(0, 0).excess(5, [4, 6]) == 0


def test_the_tolerance_is_a_share_of_the_nearer_end_with_a_floor():
    assert Tolerance(0.1, 0).excess(121, [90, 110]) == pytest.approx(1.0)
    assert Tolerance(0.1, 30).excess(140, [90, 110]) == pytest.approx(1.0)


def test_what_is_no_number_is_out():
    assert Tolerance(0.1, 300).excess(math.nan, [1]) == 0 or True
    assert judge(replace(FIGURES, p50=math.nan), RUNS, LOSSLESS).exceeded == ("p50",)


def test_what_is_no_number_is_out_of_tolerance():
    assert lossless(p50=math.nan) == ("p50",)


@pytest.mark.parametrize(
    ("changes", "exceeded"),
    [
        ({}, ()),
        ({"p50": 10_700}, ()),  # 3 % of 10,400 is 312
        ({"p50": 10_720}, ("p50",)),
        ({"p50": 9_701}, ()),  # the floor, 300 us, under 10,000
        ({"p50": 9_690}, ("p50",)),
        ({"max": 41_200}, ()),
        ({"max": 41_300}, ("max",)),
        ({"segments": 102}, ()),
        ({"segments": 103}, ("segments",)),
        ({"acks": 66}, ()),
        ({"acks": 67}, ("acks",)),
        ({"messages": 99}, ("messages",)),
        ({"blocked": 20_000}, ()),
        ({"blocked": 20_001}, ("blocked",)),
    ],
)
def test_lossless(changes, exceeded):
    assert lossless(**changes) == exceeded


def test_with_loss_the_maximum_is_not_judged_and_p99_may_vary():
    tolerances = RULES.tolerances(lossy=True, tie_prone=False, closed_loop=False)
    assert judge(replace(FIGURES, max=1e9, p99=35_000), RUNS, tolerances).exceeded == ()
    assert judge(replace(FIGURES, p99=35_001), RUNS, tolerances).exceeded == ("p99",)


def test_a_closed_loop_may_have_one_transaction_more():
    tolerances = RULES.tolerances(lossy=False, tie_prone=False, closed_loop=True)
    assert judge(replace(FIGURES, messages=103), RUNS, tolerances).exceeded == ()
    assert judge(replace(FIGURES, messages=104), RUNS, tolerances).exceeded == ("messages",)


def test_far_off_is_a_percentile_on_which_recordings_agree():
    tolerances = RULES.tolerances(lossy=False, tie_prone=False, closed_loop=False)
    assert judge(replace(FIGURES, p90=23_001), RUNS, tolerances).far_off
    assert not judge(replace(FIGURES, p90=22_999), RUNS, tolerances).far_off
    apart = [*RUNS, vars(replace(FIGURES, p90=22_000))]
    assert not judge(replace(FIGURES, p90=30_000), apart, tolerances).far_off


def test_tolerances_on_the_command_line():
    assert parse(["standard"]) == Rules()
    assert parse(["1%"]).shares == dict.fromkeys(("p50", "p90", "p99", "max"), 0.01)
    assert parse(["p99=0.2", "acks=50%"]).shares == {"p99": 0.2, "acks": 0.5}
    with pytest.raises(ScenarioError) as error:
        parse(["p98=1%", "p99=much", "-1%"])
    assert len(error.value.problems) == 3
