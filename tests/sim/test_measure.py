"""Overload is a backlog that keeps growing, nothing less."""

from __future__ import annotations

import numpy as np
import pytest

from models.state import SLICES, Tally
from models.tally import size_class, tally_wait
from sim import measure
from sim.plain import new

MS = 1_000_000
NEVER = -1
"""When a message was read that never was."""


def slices(intended: np.ndarray, read: np.ndarray) -> Tally:
    """A tally of a run's waits: each message for the one before it, the unread ones at the end for the oldest."""
    t = new(Tally, True)
    done = int((read != NEVER).sum())
    dues, reads = intended.tolist(), read.tolist()
    for k in range(min(done, len(dues) - 1)):
        tally_wait(t, dues[k + 1], reads[k] - dues[k + 1])
    for k in range(done, len(dues)):
        tally_wait(t, dues[k], dues[k] - dues[done])
    return t


def overloaded(intended: np.ndarray, read: np.ndarray) -> bool:
    """The verdict on messages that are read in order."""
    t = slices(intended, read)
    n, wait = (np.array([getattr(t.slice[i], name) for i in range(SLICES)], np.int64) for name in ("n", "least"))
    fastest = min((read - intended)[read != NEVER].tolist(), default=None)
    return measure.overloaded(n, wait, t.latest_due - t.origin, t.slice_bits, fastest)


def served(intended: np.ndarray, service_ns: np.ndarray, way_ns: int = 0) -> np.ndarray:
    """Read times behind one server that serves in order, and a way that takes `way_ns`."""
    end, read = 0, []
    for t, s in zip(intended.tolist(), service_ns.tolist(), strict=True):
        end = max(end, t) + s
        read.append(end + way_ns)
    return np.array(read, dtype=np.int64)


def poisson(n: int, gap_ns: int, seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).exponential(gap_ns, n)).astype(np.int64)


def constant(n: int, value: int) -> np.ndarray:
    return np.full(n, value, dtype=np.int64)


# ---- overload --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [1.03, 1.2, 3.0])
@pytest.mark.parametrize("n", [1_000, 20_000])
def test_more_than_the_path_carries_is_overload(load, n):
    intended = poisson(n, MS, seed=1) if n > 1_000 else np.arange(n, dtype=np.int64) * MS
    assert overloaded(intended, served(intended, constant(n, round(load * MS))))


@pytest.mark.parametrize("load", [0.05, 0.5, 0.8, 0.9])
@pytest.mark.parametrize("seed", range(40))
def test_a_loaded_path_that_keeps_up_is_not_overloaded(load, seed):
    intended = poisson(4_000, MS, seed)
    assert not overloaded(intended, served(intended, constant(4_000, round(load * MS))))


def test_a_long_way_is_no_backlog():
    """All messages are on the way when the last is sent: none is late."""
    intended = np.arange(200, dtype=np.int64) * MS
    assert not overloaded(intended, served(intended, constant(200, 1_000), way_ns=3_000 * MS))


@pytest.mark.parametrize("seed", range(40))
def test_spikes_that_hold_everything_up_now_and_then_are_no_overload(seed):
    rng = np.random.default_rng(seed)
    intended = poisson(6_000, MS, seed)
    held = np.where(rng.random(6_000) < 0.01, 200 * MS + rng.integers(0, 50 * MS, 6_000), 0)
    read = np.maximum.accumulate(intended + 15 * MS + held)  # in order: the next ones wait behind it
    assert not overloaded(intended, read)


@pytest.mark.parametrize("at", [0.2, 0.6, 0.97])
def test_an_outage_that_heals_is_no_overload(at):
    n = 5_000
    intended = np.arange(n, dtype=np.int64) * MS
    service = constant(n, MS // 5)
    service[int(at * n)] += 400 * MS
    assert not overloaded(intended, served(intended, service))


def test_what_is_never_read_is_backlog():
    intended = np.arange(1_000, dtype=np.int64) * MS
    read = np.where(intended < 600 * MS, intended + MS, NEVER)
    assert overloaded(intended, read)
    assert overloaded(intended, constant(1_000, NEVER))


def test_the_verdict_does_not_depend_on_how_long_the_run_was():
    for n in (500, 2_000, 8_000, 32_000):
        intended = np.arange(n, dtype=np.int64) * MS
        assert overloaded(intended, served(intended, constant(n, round(1.05 * MS))))
        assert not overloaded(intended, served(intended, constant(n, round(0.95 * MS))))


def test_a_handful_of_messages_is_not_judged():
    intended = np.arange(20, dtype=np.int64) * MS
    assert not overloaded(intended, intended * 10)
    assert not overloaded(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    assert not overloaded(constant(100, 0), np.arange(100, dtype=np.int64))  # one instant: no load


# ---- slices and classes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 5_000])
def test_slices_double_until_all_time_fits_and_keep_the_least_wait(n):
    rng = np.random.default_rng(n)
    due = np.cumsum(rng.integers(0, 20_000, n))
    wait = rng.integers(-MS, MS, n)
    t = new(Tally, True)
    for d, w in zip(due.tolist(), wait.tolist(), strict=True):
        tally_wait(t, d, w)
    which = (due - due[0]) >> t.slice_bits
    assert t.slice_bits == 0 or SLICES // 2 <= which[-1] < SLICES
    for i in range(SLICES):
        inside = wait[which == i]
        assert t.slice[i].n == len(inside)
        assert len(inside) == 0 or t.slice[i].least == inside.min()


def test_size_classes_part_at_a_segment_and_a_frame():
    assert [size_class(size) for size in (1, 128, 129, 1448, 1449, 16384, 16385)] == [0, 0, 1, 1, 2, 2, 3]
