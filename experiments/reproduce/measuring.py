"""What rows measure: estimates over replications of a preset under settings. Times in ms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from experiments import files
from experiments.reproduce.rows import Value
from experiments.statistics import Estimate, estimate
from sim import Run, Scenario, simulate

SEEDS = 5
MS = 1_000_000

Measure = Callable[[Run], float]

FRAMER_ALONE = ("stack=plain", "workload.framing.kind=grpc", "server.nodelay=true", "server.profile=linux-vm")
"""A stack reduced to its write buffer: no windows or probes, which would flush it too."""
NAGLE = ("server.nodelay=false", "client.nodelay=false")
"""Nagle forced on at both ends, which no gRPC stack does by itself."""
LAN = "network.rtt=50us"
"""A veth pair: the path of the measurements."""


@cache
def scenario(source: str, *settings: str) -> Scenario:
    """A preset under settings."""
    return files.load(source, settings)


@cache
def runs(source: str, *settings: str, seeds: int = SEEDS) -> tuple[Run, ...]:
    """Its replications; rows that ask the same question share them."""
    return tuple(simulate(scenario(source, *settings), seed) for seed in range(seeds))


def over(replications: Sequence[Run], measure: Measure) -> Estimate:
    """An estimate of what `measure` takes from each replication."""
    return estimate([measure(run) for run in replications])


def latency(name: str) -> Measure:
    """A percentile ("p50"), "mean" or "max" of steady-state latency, ms."""
    return lambda run: float(run.summary()["latency_ns"][name] or 0) / MS


def megabytes(run: Run) -> float:
    """Payload delivered, MB/s."""
    return run.throughput_bps / 8e6


def cause(*names: str) -> Measure:
    """Mean ms a message spends on these causes."""
    return lambda run: sum(float(run.messages[f"{name}_ns"].mean()) for name in names) / MS


def hold(run: Run) -> Any:
    """Each message's wait for Nagle's sake, ms."""
    return (run.messages["nagle_ns"] + run.messages["delayed_ack_ns"]) / MS


def longest_hold(run: Run) -> float:
    """The longest of them, ms."""
    return float(hold(run).max())


def p(what: str, replications: Sequence[Run], *names: str) -> tuple[Value, ...]:
    """Values for these percentiles."""
    return tuple(Value(f"{what} {name.upper()}", over(replications, latency(name)), "ms") for name in names)
