"""A station of a tandem of queues: several equal servers, one FIFO, and times at which nothing moves.

The systems around a connection (a broker, a stream processor, a database connector) are coarser than TCP: a message
waits for a server, is served, and goes on. An outage or a pause stops all servers of a station. Stops are taken out of
time: in *running time*, which stands still while the station does, the station is a plain FIFO queue (Kiefer and
Wolfowitz); what a message loses to stops is the difference of the two clocks. So waits, stops and service sum exactly.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from heapq import heapreplace
from itertools import pairwise

Stop = tuple[int, int]
"""From, until; ns."""

NEVER = 1 << 62


class RunningTime:
    """A clock that stands still during `stops` (sorted, not overlapping)."""

    def __init__(self, stops: Sequence[Stop]) -> None:
        if any(end > start for (_, end), (start, _) in pairwise(stops)):
            raise ValueError("stops overlap or are not in order")
        self.starts = [start for start, _ in stops]
        self.stopped = [0]  # before each stop, and after the last
        for start, end in stops:
            self.stopped.append(self.stopped[-1] + end - start)
        self.at = [start - gone for start, gone in zip(self.starts, self.stopped, strict=False)]  # in running time

    def read(self, t: int) -> int:
        """What the clock shows at time t."""
        k = bisect_right(self.starts, t)
        if k == 0:
            return t
        return max(self.at[k - 1], t - self.stopped[k])

    def first(self, reading: int) -> int:
        """The earliest time at which it shows `reading`: when work that ends there is done."""
        return reading + self.stopped[bisect_left(self.at, reading)]


class Queue:
    """Equal servers with one FIFO: whoever arrives takes the server that is free first."""

    def __init__(self, servers: int, clock: RunningTime) -> None:
        self.free = [0] * servers  # a heap: when each server will be free, in running time
        self.clock = clock

    def enter(self, t: int, work: int) -> tuple[int, int]:
        """(when done, ns of waiting for a server) of a message that arrives at t, not before the one entered last.

        What remains of the time from t to done, after waiting and work, was lost to stops.
        """
        arrived = self.clock.read(t)
        begin = max(arrived, self.free[0])
        heapreplace(self.free, begin + work)
        return max(t, self.clock.first(begin + work)), begin - arrived


class BulkJobs:
    """A job of `size` operations every `every` ns, `depth` at a time: each that is done makes room for the next.

    A job that is due while the one before it runs starts when that has ended. Works are drawn by `work()`.
    """

    def __init__(self, every: int, size: int, depth: int, horizon: int, work: Callable[[], int]) -> None:
        self.every, self.size, self.depth, self.horizon, self.work = every, size, min(depth, size), horizon, work
        self.due = every
        self.issue = [every] * self.depth  # a heap: when each of the operations under way, or to come, enters
        self.left = size
        self.last = 0  # when the last of those under way is done
        self.took: list[int] = []  # ns from due to done of each job

    def run(self, queue: Queue, until: int) -> None:
        """Let the operations that are issued by `until` enter the queue."""
        while self.due < self.horizon and self.issue[0] <= until:
            done, _ = queue.enter(self.issue[0], self.work())
            self.left -= 1
            heapreplace(self.issue, done if self.left >= self.depth else NEVER)
            self.last = max(self.last, done)
            if self.left == 0:
                self.took.append(self.last - self.due)
                self.due += self.every
                self.issue = [max(self.due, self.last)] * self.depth
                self.left = self.size


def serve(
    arrivals: Sequence[int], work: Sequence[int], queue: Queue, jobs: BulkJobs | None = None
) -> list[tuple[int, int]]:
    """(when done, ns of waiting for a server) of messages that arrive in this order; each takes its `work` in ns."""
    visits: list[tuple[int, int]] = []
    for t, ns in zip(arrivals, work, strict=True):
        if jobs is not None:
            jobs.run(queue, t)
        visits.append(queue.enter(t, ns))
    if jobs is not None:
        jobs.run(queue, NEVER - 1)
    return visits
