"""When two runs are the same run."""

import numpy as np

from sim import Run


def assert_same_outcome(one: Run, other: Run) -> None:
    """Every stamp and cause of every message, every counter and figure, the events and the time of the last."""
    assert np.array_equal(one.messages, other.messages)
    assert (one.reverse is None) == (other.reverse is None)
    if one.reverse is not None and other.reverse is not None:
        assert np.array_equal(one.reverse, other.reverse)
    assert (one.client, one.server) == (other.client, other.server)
    assert (one.events, one.end_ns, one.link_drops) == (other.events, other.end_ns, other.link_drops)
    assert (one.offered, one.undelivered) == (other.offered, other.undelivered)
    names = dict.fromkeys(("driver", "scenario", "scenario_hash"))
    assert one.summary() | names == other.summary() | names
