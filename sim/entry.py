"""The compiled entry points; import through `sim.compiled.entry`, which names the cache directory first."""

from __future__ import annotations

from typing import Any

import numba

from sim.compiled import loop

_run = loop()


@numba.njit(cache=True, nogil=True)
def run_one(states: Any, i: int, budget: int) -> Any:  # pragma: no cover - compiled
    """Run replication i for at most `budget` events; returns `sim.loop`'s status."""
    return _run(states[i], budget)
