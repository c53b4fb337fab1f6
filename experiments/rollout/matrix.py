"""Versions that meet during a rollout: old and new clients with old and new servers, each against all old."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from experiments.comparison import Comparison, judge
from experiments.files import load
from experiments.labels import milliseconds
from sim import Scenario


@dataclass(frozen=True)
class Cell:
    """One pairing: its P99 (ns, mean over seeds; None when nothing arrived) and how it stands against all old."""

    client: str
    server: str
    p99: float | None
    against_old: Comparison | None


def pairings(
    source: str, settings: Sequence[str], client: Sequence[str], server: Sequence[str]
) -> dict[tuple[str, str], Scenario]:
    """By (client, server), "old" or "new"; `client` and `server` are the settings (`key=value`) the new version has."""
    found = {}
    for c, s in product(("old", "new"), repeat=2):
        changes = [*settings, *(client if c == "new" else ()), *(server if s == "new" else ())]
        found[c, s] = load(source, changes)
    return found


def matrix(
    scenarios: Mapping[tuple[str, str], Scenario],
    seeds: Sequence[int],
    tolerance: float,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Cell]:
    """All pairings on the same seeds, each against all old."""
    from sim import simulate

    summaries: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for pairing, scenario in scenarios.items():
        summaries[pairing] = {}
        for seed in seeds:
            summaries[pairing][seed] = simulate(scenario, seed).summary()
            advance(summaries[pairing][seed]["messages"])
    old = summaries["old", "old"]
    cells = []
    for (c, s), found in summaries.items():
        values = [summary["latency_ns"]["p99"] for summary in found.values()]
        p99 = None if None in values else sum(values) / len(values)
        against = None if (c, s) == ("old", "old") else judge("old", f"{c}/{s}", old, found, tolerance)
        cells.append(Cell(c, s, p99, against))
    return cells


def text(cells: Sequence[Cell]) -> str:
    """A line a pairing."""
    lines = [f"{'client':<8}{'server':<8}{'P99, ms':>9}  against all old"]
    for cell in cells:
        p99 = milliseconds(cell.p99) if cell.p99 is not None else "-"
        verdict = cell.against_old.verdict if cell.against_old else ""
        lines.append(f"{cell.client:<8}{cell.server:<8}{p99:>9}  {verdict}".rstrip())
    return "\n".join(lines)
