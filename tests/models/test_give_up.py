"""When a connection gives up (ETIMEDOUT)."""

import pytest

from experiments import files
from models.give_up import model_timeout
from sim import simulate

SECOND = 1_000_000_000
DEAD = ["workload.messages=5", "network.down.loss=99.99%", "server.tick_phase=0"]


@pytest.mark.parametrize(("retries", "seconds"), [(3, 3.0), (8, 102.2), (9, 204.6), (15, 924.6)])
def test_retries_stand_for_a_time(retries, seconds):
    """ip-sysctl: tcp_retries2 = 15 is 924.6 s; RFC 1122 asks for 100 s, which 8 gives."""
    assert model_timeout(retries, 120_000) == seconds * 1_000


@pytest.mark.parametrize(
    ("setting", "least", "most"),
    [
        ("server.sysctls={tcp_retries2=3}", 3, 3 * 2 + 1),
        ("server.user_timeout=20s", 20, 20 * 2 + 1),
        ("server.sysctls={tcp_retries2=15}", 924.6, 924.6 + 121),
    ],
)
def test_it_gives_up_at_the_first_timer_behind_that_time(setting, least, most):
    """The next timer after the limit ends the connection, and with it the run; what is left is undelivered."""
    run = simulate(files.load("one-way-512", [*DEAD, setting]), 0, driver="loop")
    assert (run.undelivered, run.timed_out) == (5, "server")
    assert least <= run.end_ns / SECOND <= most


def test_a_path_that_comes_back_in_time_keeps_its_connection():
    settings = ["workload.messages=5", 'network.down.stalls=[["0ms", "60s"]]']
    assert simulate(files.load("one-way-512", settings), 0, driver="loop").undelivered == 0
