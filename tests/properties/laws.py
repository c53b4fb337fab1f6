"""What holds for every run, whatever the scenario: one function a law, each an assertion with its reason."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from models.state import CAUSES, Endpoint, Link, Path
from sim.engine import PlainEngine
from sim.run import Run, collect, take_control
from sim.scenario import Scenario

STAGES = (
    "intended_ns", "call_ns", "accepted_ns", "first_sent_ns", "sent_ns", "on_link_ns", "done_ns", "arrived_ns",
    "ordered_ns", "read_ns",
)  # fmt: skip
"""t0..t9 of `models.ledger`."""

HOURS = 3_600 * 10**9


def run_to_silence(scenario: Scenario, seed: int, checked: bool = False) -> tuple[Path, Run]:
    """Run until nothing is left to happen: the last ACK has come back, the last timer has run out."""
    engine = PlainEngine(scenario, seed, checked=checked)
    take_control(engine, None)
    engine.s.drain = 1
    engine.s.until = 24 * HOURS  # a connection that makes no progress must fail here, not hang
    engine.run()
    return engine.s, collect(engine, "loop", None)


def tables(run: Run) -> list[Any]:
    """The messages of both directions."""
    return [table for table in (run.messages, run.reverse) if table is not None]


def causes_sum_exactly(run: Run) -> None:
    """Every nanosecond of every message has one cause."""
    for table in tables(run):
        total = np.sum([table[f"{cause}_ns"] for cause in CAUSES], axis=0)
        assert np.array_equal(total, table["latency_ns"])


def no_cause_is_negative(run: Run) -> None:
    """A wait cannot give time back."""
    for table in tables(run):
        for cause in CAUSES:
            assert (table[f"{cause}_ns"] >= 0).all(), f"{cause} is negative"


def stages_follow_each_other(run: Run) -> None:
    """t0 <= t1 <= ... <= t9."""
    for table in tables(run):
        for earlier, later in pairwise(STAGES):
            assert (table[earlier] <= table[later]).all(), f"{later} before {earlier}"


def everything_arrives(run: Run) -> None:
    """Without a time limit no message is left behind, and those of one stream are read in order."""
    assert run.undelivered == 0
    for table, workload in zip(tables(run), (run.scenario.workload, run.scenario.reverse), strict=False):
        if workload is not None and workload.streams == 1:
            assert (np.diff(table["read_ns"]) >= 0).all()
    if run.scenario.reverse is not None:
        reverse = run.scenario.reverse
        assert run.reverse is not None
        assert len(run.reverse) == (len(reverse.trace) or reverse.messages)


def bytes_are_conserved(sender: Endpoint, receiver: Endpoint, way: Link) -> None:
    """What was framed was written, sent, received and read; what was charged has been given back."""
    assert sender.w.put + sender.w.tls_bytes == sender.w.write_bytes == sender.write_seq
    assert sender.write_seq == receiver.rcv_nxt == receiver.copied_seq
    assert sender.snd_una == sender.snd_nxt == sender.write_seq
    assert (sender.packets_out, sender.sacked_out, sender.lost_out, sender.retrans_out) == (0, 0, 0, 0)
    assert (sender.wmem_queued, sender.wmem_qdisc, receiver.rmem_alloc, receiver.ooo_len) == (0, 0, 0, 0)
    assert way.len == 0


def all_laws(path: Path, run: Run) -> None:
    """Every law there is, for a run that has fallen silent."""
    everything_arrives(run)
    causes_sum_exactly(run)
    no_cause_is_negative(run)
    stages_follow_each_other(run)
    bytes_are_conserved(path.a, path.b, path.ab)
    bytes_are_conserved(path.b, path.a, path.ba)
