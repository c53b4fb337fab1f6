"""The yardstick: a bare event loop on `heapq`, measured in the same process as the simulator.

Every discrete-event simulator in plain Python pops and pushes at least this often; this loop does nothing else. Speeds
told as multiples of it hardly depend on the machine.
"""

from __future__ import annotations

import time
from heapq import heappop, heappush

PENDING = 8
"""Events under way in the yardstick: about as many deadlines as one connection has."""


def run(events: int, pending: int = PENDING) -> int:
    """Take `events` events off a queue that holds `pending` of them, one put back for each; returns the last time."""
    queue = [(at, at) for at in range(pending)]
    now = 0
    for serial in range(pending, pending + events):
        now, _ = heappop(queue)
        heappush(queue, (now + pending, serial))
    return now


def events_per_cpu_second(pending: int = PENDING, events: int = 200_000) -> float:
    """The loop's rate now, on this machine, under this Python."""
    started = time.process_time()
    run(events, pending)
    return events / (time.process_time() - started)
