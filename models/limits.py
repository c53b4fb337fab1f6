"""What the model cannot go on from: a capacity is reached, or a connection is given up."""

from __future__ import annotations

from models.state import Endpoint


def stop(e: Endpoint, why: int) -> None:
    """The run ends here (ERR_*); the driver looks, as it does for draws."""
    e.err = why
    e.w.need = 1
