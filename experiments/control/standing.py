"""How a policy stands: its P99 beside that of the best fixed setting which carries as much.

A fixed setting that was chosen for the path at hand is hard to beat, and no policy has to: it must come near without
having been told the path. So the figure of merit is the largest excess over several paths, and the rival is the one
fixed setting that does best on all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments import labels
from experiments.frontier import Configuration, Frontier

SAME = 0.01
"""Throughputs this close (as a share) count as equal."""
ENOUGH = 0.03
"""A setting that carries this much less (as a share) than the best on a path is no rival there."""


@dataclass(frozen=True)
class Standing:
    """A configuration and the fixed setting it is measured by; None where no fixed one carries as much."""

    name: str
    configuration: Configuration
    rival: Configuration | None
    rival_name: str

    @property
    def excess(self) -> float | None:
        """Its P99 as a multiple of the rival's; below 1 it beats the frontier of fixed settings."""
        return self.configuration.p99.mean / self.rival.p99.mean if self.rival else None


def name_of(c: Configuration) -> str:
    """`sndbuf 64KiB`, or a policy's name alone."""
    (path, value), *_ = c.settings.items()
    return str(value) if path == "policy.name" else f"{labels.name(path)} {labels.value(path, value)}"


def standings(fixed: Frontier, policies: Frontier) -> list[Standing]:
    """Every configuration of both arms that carried its load, measured by the fixed ones."""
    found = []
    for c in (*fixed.sustained, *policies.sustained):
        able = [f for f in fixed.sustained if f.throughput.mean >= c.throughput.mean * (1 - SAME)]
        rival = min(able, key=lambda f: f.p99.mean, default=None)
        found.append(Standing(name_of(c), c, rival, name_of(rival) if rival else ""))
    return found


def overall(pairs: Iterable[tuple[Frontier, Frontier]]) -> dict[str, float]:
    """For each configuration that carries enough on every path: its largest excess over the best fixed setting there.

    The best is the fixed setting with the least P99 among those that carry enough. By rising excess.
    """
    worst: dict[str, float] = {}
    left_out: set[str] = set()
    for fixed, policies in pairs:
        candidates = [*fixed.sustained, *policies.sustained]
        most = max((c.throughput.mean for c in candidates), default=0.0)
        able = [c for c in candidates if c.throughput.mean >= most * (1 - ENOUGH)]
        best = min((c.p99.mean for c in able if c in fixed.sustained), default=None)
        left_out |= {name_of(c) for c in (*fixed.configurations, *policies.configurations) if c not in able}
        for c in able if best else ():
            worst[name_of(c)] = max(worst.get(name_of(c), 0.0), c.p99.mean / best if best else 0.0)
    return {name: excess for name, excess in sorted(worst.items(), key=lambda kv: kv[1]) if name not in left_out}


def sentences(pairs: Sequence[tuple[Frontier, Frontier]]) -> list[str]:
    """What to conclude, in words."""
    ranked = overall(pairs)
    fixed_names = {name_of(c) for fixed, _ in pairs for c in fixed.configurations}
    best_fixed = next((name for name in ranked if name in fixed_names), None)
    best_policy = next((name for name in ranked if name not in fixed_names), None)
    paths = "on this path" if len(pairs) == 1 else f"over {len(pairs)} paths"
    said = []
    if best_policy:
        excess = f"a P99 of at most {ranked[best_policy]:.2f}x the best fixed setting's"
        said.append(f"Of the policies {best_policy} comes nearest {paths}: {excess}.")
    if best_fixed and len(pairs) > 1:
        said.append(f"The one fixed setting for all of them would be {best_fixed}: {ranked[best_fixed]:.2f}x at worst.")
    elif len(pairs) > 1:
        said.append("No fixed setting carries enough on all of them.")
    return said
