"""The two arms of the experiment as panels of a sweep: a knob fixed at each of its values, policies that move it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments import labels
from experiments.frontier import Frontier
from experiments.policies import NONE
from experiments.sweep.file import Panel, Settings, Sweep
from experiments.sweep.reader import POLICY

FIXED, MOVED = "fixed", "policies"


@dataclass(frozen=True)
class Axis:
    """A parameter and the values it takes."""

    path: str
    values: tuple[object, ...]


def sweep_of(
    base: str, settings: Mapping[str, object], knob: Axis, policies: Sequence[str], over: Axis | None,
    replications: int, seed: int,
) -> Sweep:  # fmt: skip
    """The experiment as a sweep: for each path of `over` a panel of fixed settings and a panel of policies."""
    panels = []
    for place in [{over.path: value} for value in over.values] if over else [{}]:
        where: Settings = {**settings, **place}
        title = ", ".join(f"{labels.name(path)} {labels.value(path, value)}" for path, value in place.items())
        panels += [
            Panel(f"{title or base}: {FIXED}", title, {**where, POLICY: NONE}, {knob.path: knob.values}),
            Panel(f"{title or base}: {MOVED}", title, where, {POLICY: tuple(policies)}),
        ]
    name = f"control-{base.rpartition('/')[2].removesuffix('.toml')}"
    return Sweep(name, name, base, replications, seed, None, tuple(panels))


def pairs(frontiers: Sequence[Frontier]) -> list[tuple[Frontier, Frontier]]:
    """(fixed settings, policies) of every path, from the weighed panels of `sweep_of`."""
    return list(zip(frontiers[::2], frontiers[1::2], strict=True))
