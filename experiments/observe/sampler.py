"""The run sampled: one row a window, with what held data back in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from experiments import policies
from sim.control import HELD
from sim.scenario import Policy, Scenario

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim import Run

EVERY = 100_000_000
CONSEQUENCES = ("write_quota", "scheduler")
"""What fills up in front of whatever else binds."""


@dataclass(frozen=True)
class Window:
    """One tick of a run in the units of dashboards. Latencies are None where nothing was read."""

    end_ns: int
    rate: float  # messages a second
    throughput_bps: float
    p50_ns: int | None
    p99_ns: int | None
    occupancy: float  # wmem_queued / sk_sndbuf at its end
    binding: str  # what held data back longest in it; "" for nothing
    share: float  # of the window


def sampled(scenario: Scenario, every: int = EVERY, window: int = 0) -> Scenario:
    """The scenario with ticks: its own policy's, or those of one that only looks. `window` 0: as long as a tick."""
    if scenario.policy is not None:
        return scenario
    watch = Policy("watch", every, window, source=policies.text("watch"))
    return replace(scenario, policy=watch)


def windows(run: Run) -> list[Window]:
    """Every tick but the one before the run."""
    if run.ticks is None or run.scenario.policy is None:
        return []
    return [_window(row, run) for row in run.ticks[1:]]


def _window(row: Any, run: Run) -> Window:
    policy = run.scenario.policy
    every = policy.every if policy else EVERY
    span = min(policy.window or every if policy else every, int(row["now_ns"])) / 1e9
    held = {cause: int(row[f"{cause}_ns"]) for cause in HELD}
    binding = binding_of(held)
    return Window(
        end_ns=int(row["now_ns"]),
        rate=int(row["delivered"]) / span,
        throughput_bps=int(row["bytes"]) * 8 / span,
        p50_ns=_known(row["p50_ns"]),
        p99_ns=_known(row["p99_ns"]),
        occupancy=int(row["wmem_queued"]) / max(1, int(row["sk_sndbuf"])),
        binding=binding if held[binding] else "",
        share=min(1.0, held[binding] / every),
    )


def binding_of(held: Mapping[str, int]) -> str:
    """The cause that held data back longest; one that only waits for another counts when none of those does."""
    longest = max(held, key=lambda cause: held[cause])
    if longest in CONSEQUENCES:
        behind = max((cause for cause in held if cause not in CONSEQUENCES), key=lambda cause: held[cause])
        return behind if held[behind] >= held[longest] / 2 else longest
    return longest


def _known(ns: Any) -> int | None:
    return int(ns) if ns >= 0 else None


def held_shares(ticks: NDArray[Any]) -> dict[str, float]:
    """Share of the sampled time that each cause held data back, largest first; those that never did are left out."""
    total = int(ticks["now_ns"][-1] - ticks["now_ns"][0]) if len(ticks) > 1 else 0
    ran = {cause: int(ticks[f"{cause}_ns"].sum()) for cause in HELD}
    shares = {cause: ns / total for cause, ns in ran.items() if ns and total}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
