"""Every closed form of `tinygram theory` holds, and none of them is a tautology."""

import pytest

from experiments.cli import main
from experiments.theory import Case, cases, outcomes
from models import analytic

MS = 1_000_000


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.name} {case.theory:.0f}")
def test_the_simulation_agrees_with_the_closed_form(case: Case):
    """Within the tolerance the case states."""
    (outcome,) = outcomes([case])
    assert outcome.holds, f"{case.title}: {case.formula} = {case.theory}, simulated {outcome.simulated}"


def test_a_name_there_is_not_is_a_mistake_with_the_names_there_are(capsys):
    assert main(["theory", "littles-law"]) == 2
    complaint = capsys.readouterr().err
    assert "littles-law" in complaint
    assert "write-write-read" in complaint


def test_half_the_window_held_back_halves_the_rate():
    """grpc-go's quarter, C-core's half: measured 0.72 to 0.75 and 0.48 to 0.50 of W/RTT."""
    window, rtt = 65_536, 20 * MS
    assert analytic.window_limited_rate(window, rtt, window // 4) == analytic.window_limited_rate(window, rtt) * 3 // 4
    assert analytic.window_limited_rate(window, rtt, window // 2) == analytic.window_limited_rate(window, rtt) // 2


def test_an_ack_before_the_next_write_holds_nothing():
    assert analytic.nagle_hold_by_ack(10 * MS, 10 * MS) == (0.0, 0)
    assert analytic.nagle_hold_by_ack(10 * MS, 11 * MS) == (6 * MS, 11 * MS)


def test_two_writes_to_a_segment_hold_every_other_one():
    assert analytic.nagle_hold_by_mss(10 * MS, 724, 1_448) == (5 * MS, 10 * MS)


def test_queues_at_and_beyond_capacity_have_no_mean():
    with pytest.raises(ValueError, match="no steady state"):
        analytic.md1_wait(1.0, 1_000)


def test_exponential_services_wait_twice_as_long_as_equal_ones():
    assert analytic.mm1_wait(0.7, 1_000) == pytest.approx(2 * analytic.md1_wait(0.7, 1_000))
    assert analytic.mm1_wait(0.5, 1_000) == pytest.approx(1_000)


def test_a_bucket_larger_than_the_burst_delays_nothing():
    assert analytic.token_bucket_delay(1_000, 2_000, 1_000_000) == 0


def test_the_pipe_of_100_mbit_and_20_ms_holds_250_kilobytes():
    assert analytic.bandwidth_delay_product(100_000_000, 20 * MS) == 250_000
