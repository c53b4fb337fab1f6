"""When a connection gives up: too long since the first retransmission that nothing has answered.

tcp_retries2 is a number of retransmissions only in name. What counts is the time so many of them would take if the
first timeout were 200 ms and each next one twice as long up to the longest: 924.6 s for the default of 15.
TCP_USER_TIMEOUT gives a time instead. Window probes are counted as they are.

Linux: `tcp_write_timeout()`, `retransmits_timed_out()`, `tcp_model_timeout()`, `tcp_probe_timer()` in tcp_timer.c.
"""

from __future__ import annotations

from models.constants import ERR_TIMED_OUT
from models.limits import stop
from models.state import Endpoint
from models.timers import timestamp

FIRST_TIMEOUT = 200
"""TCP_RTO_MIN, ms: the model's, whatever the connection's own timeout is."""


def model_timeout(retries: int, longest: int) -> int:
    """ms that so many retransmissions take, doubled from 200 ms up to `longest` ms."""
    timeout = FIRST_TIMEOUT
    total = timeout
    for _ in range(retries):
        timeout = min(timeout << 1, longest)
        total += timeout
    return total


def retransmits_timed_out(e: Endpoint, now: int) -> int:
    """Has the retransmission timer fired before, and is the first retransmission too long ago?"""
    if e.retransmits == 0 or e.retrans_stamp == 0:
        return 0
    limit = e.user_timeout
    if limit == 0:
        limit = model_timeout(e.retries2, e.rto_max // 1000)
    return 1 if timestamp(e.host, now) - (e.retrans_stamp - 1) >= limit else 0


def give_up(e: Endpoint) -> None:
    """ETIMEDOUT: what is left is never delivered."""
    stop(e, ERR_TIMED_OUT)
