"""Rows: what is claimed, under which assumptions it is tried, and what came of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from experiments.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Verdict = Literal["HOLDS", "HOLDS IF", "REFUTED", "CANNOT SAY"]
Kind = Literal["mechanism", "experiment", "policy", "report", "claim", "preset"]

CHAPTERS = {1: "the stall", 2: "the protocol stack", 3: "tuning", 4: "engineering", 5: "the systems around it"}


@dataclass(frozen=True)
class Value:
    """One number of an experiment: what it is, an estimate over replications (or a plain number), its unit."""

    what: str
    number: Estimate | float | str
    unit: str = ""


@dataclass(frozen=True)
class Finding:
    """What an experiment showed. `condition` completes HOLDS IF; `reason` is a sentence."""

    verdict: Verdict
    reason: str
    values: tuple[Value, ...] = ()
    condition: str = ""
    draw: Callable[[Axes], None] | None = None

    def __post_init__(self) -> None:
        if (self.verdict == "HOLDS IF") != bool(self.condition):
            raise ValueError("HOLDS IF, and no other verdict, has a condition")

    @property
    def judgement(self) -> str:
        """The verdict with its condition."""
        return f"HOLDS IF {self.condition}" if self.condition else self.verdict


@dataclass(frozen=True)
class Row:
    """One row of the inventory. `assumed` is what the text leaves out and the experiment needs."""

    id: str
    kind: Kind
    claim: str
    experiment: Callable[[], Finding]
    assumed: str = ""

    @property
    def chapter(self) -> int:
        """The chapter of the text."""
        return int(self.id.split(".")[0])


@dataclass
class Inventory:
    """All rows by id, in the order of the text."""

    rows: dict[str, Row] = field(default_factory=dict)

    def row(self, id: str, kind: Kind, claim: str, assumed: str = "") -> Callable[[Any], Any]:  # noqa: A002
        """Register the decorated experiment as a row's."""

        def register(experiment: Callable[[], Finding]) -> Callable[[], Finding]:
            if id in self.rows:
                raise ValueError(f"two experiments for row {id}")
            self.rows[id] = Row(id, kind, claim, experiment, assumed)
            return experiment

        return register


INVENTORY = Inventory()
row = INVENTORY.row


def inventory() -> dict[str, Row]:
    """Every row, in the order of the text."""
    for chapter in CHAPTERS:
        importlib.import_module(f"experiments.reproduce.chapter{chapter}")
    return dict(sorted(INVENTORY.rows.items()))
