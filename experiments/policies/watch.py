"""Only look: a row a tick (`run --ticks`), nothing changed."""

from __future__ import annotations

from sim.tick import Tick


def watch(tick: Tick) -> None:
    """Leave everything as it is."""
