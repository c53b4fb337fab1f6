"""Walk the send buffer along its own frontier of throughput and P99: try a neighbour, read the front, stay at the best.

Rows 3.18 of the source.

Every buffer of a ladder is a point (throughput, P99), measured after `settle` ticks at it. The point to work at is the
lowest P99 among those that carry within `give` of the most. Its neighbours are tried when nothing is known of them, and
since the path may change, what was measured is forgotten after `memory` measurements. The price is the time spent at
worse points, which a P99 over the whole run does not forgive; `delay-target` computes what this one searches for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.observe.pareto import StreamingFront
from sim.units import Size

if TYPE_CHECKING:
    from sim.tick import Tick


class FrontWalk:
    """smallest, largest: ends of the ladder, bytes. settle: ticks at a buffer before it counts. give: a share."""

    def __init__(
        self, smallest: Size = 16_384, largest: Size = 1 << 20, settle: int = 3, give: float = 0.02, memory: int = 30
    ) -> None:
        self.ladder = [smallest << step for step in range(largest.bit_length()) if smallest << step <= largest]
        self.settle, self.give, self.memory = settle, give, memory
        self.points: dict[int, tuple[float, float, int]] = {}  # step of the ladder: throughput, P99, visit
        self.at, self.since, self.visit = -1, 0, 0

    def __call__(self, tick: Tick) -> None:
        """Measure where it is; every few ticks go elsewhere."""
        if self.at < 0:
            self.go(tick, min(range(len(self.ladder)), key=lambda step: abs(self.ladder[step] - tick.sender.sndbuf)))
        self.since += 1
        if self.since <= self.settle or tick.p99_ns != tick.p99_ns:
            return
        self.visit += 1
        self.points[self.at] = (tick.throughput_bps, tick.p99_ns, self.visit)
        self.points = {step: point for step, point in self.points.items() if self.visit - point[2] < self.memory}
        best = self.best()
        beside = [step for step in (best - 1, best + 1) if 0 <= step < len(self.ladder)]
        self.go(tick, next((step for step in beside if step not in self.points), best))

    def best(self) -> int:
        """The step of the ladder to work at, off the front of what is remembered."""
        front = StreamingFront((throughput, p99) for throughput, p99, _ in self.points.values())
        enough = max(front.throughputs) * (1 - self.give)
        p99 = min(p99 for throughput, p99 in front.points if throughput >= enough)
        return next(step for step, point in self.points.items() if point[1] == p99)

    def go(self, tick: Tick, step: int) -> None:
        """Work with this buffer from now on."""
        if step != self.at:
            tick.sender.sndbuf = self.ladder[step]
        self.at, self.since = step, 0


front_walk = FrontWalk
