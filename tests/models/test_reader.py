"""A reader that sleeps between reads leaves the core to others, and waking up costs what it costs."""

import pytest

from models.cpu import work
from models.reader import read_again
from models.state import Endpoint
from models.timers import timestamp
from sim.plain import new

MS = 1_000_000


@pytest.fixture
def e():
    made = new(Endpoint, True)
    made.r.lowat = 1
    made.host.read_ns = 10_000
    made.host.wake_ns = 3_000
    made.host.irq_ns = 8_000
    return made


def test_a_timer_wakes_it_then_it_calls_read(e):
    e.r.pause = 20 * MS
    read_again(e, 5 * MS)
    assert (e.r.locked_from, e.r.at) == (25 * MS + 11_000, 25 * MS + 21_000)


def test_meanwhile_the_core_is_the_writers(e):
    e.r.pause = 20 * MS
    read_again(e, 5 * MS)
    assert work(e.host, 6 * MS, 2_000) == 6 * MS + 2_000


def test_with_more_to_read_it_goes_on_at_once(e):
    e.rcv_nxt = 100
    read_again(e, 5 * MS)
    assert e.r.at == 5 * MS + 10_000


def test_timestamps_count_whole_ms_of_the_clock_that_ticks(e):
    e.host.phase = 700_000
    assert [timestamp(e.host, t) for t in (-1 * MS, 0, 299_999, 300_000)] == [-1, 0, 0, 1]
