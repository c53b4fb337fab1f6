"""What a run counts, held against its packets and frames, each in a scenario that provokes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from experiments.files import load
from experiments.report import report
from models.constants import FRAME_PING
from sim import Run, simulate
from sim.loop import RETRANSMIT

STALLS = "network.down.stalls=[[1s,400ms],[2s,500ms],[4s,700ms],[6s,400ms]]"


def traced(preset: str, *settings: str, seed: int = 0) -> tuple[Run, dict[str, Any], str]:
    """A run, its summary, and the report's text."""
    scenario = load(preset, list(settings))
    run = simulate(scenario, seed, trace=True)
    return run, run.summary(), report(scenario, run.summary())


def sent(run: Run) -> Any:
    """The sender's packets."""
    assert run.trace is not None
    packets = run.trace.segments
    return packets[packets["direction"] == (run.scenario.workload.sender == "server")]


def test_losses_in_the_middle_are_repaired_fast():
    run, s, text = traced("one-way-512", "network.down.loss=1%")
    again = sent(run)[sent(run)["retrans"] > 0]
    by_timer = (again["event"] & ~1) == RETRANSMIT
    assert s["retransmits"] == len(again)
    assert s["fast_retransmits"] == np.count_nonzero(~by_timer) == s["dropped"]["down"] > 10
    assert (s["rtos"], s["undos"]) == (0, 0)
    assert f"{s['fast_retransmits']} fast retransmissions" in text
    assert "undone" not in text


def test_a_timeout_while_the_path_stands_still_is_in_vain_and_undone():
    """400 ms of standstill and RTO_MIN of 200 ms: a tail loss probe, a timeout, then the ACKs of the originals."""
    run, s, text = traced("one-way-512", "network.down.stalls=[[1s,400ms]]")
    assert (s["rtos"], s["undos"], s["tlps"], s["spurious_rtos"], s["dropped"]["down"]) == (1, 1, 1, 0, 0)
    assert "1 retransmission, 1 timeout, 1 undone,\n               1 tail loss probe" in text
    timer = {t for t, kind in run.trace.kinds if kind & ~1 == RETRANSMIT} if run.trace else set()
    assert len(timer) >= s["rtos"] + s["tlps"]


def test_f_rto_counts_what_the_kernel_s_counter_of_that_name_does():
    """Timestamps find most; where the head itself was lost, a SACK of what was never sent again does."""
    few = "server.nodelay=true", "workload.messages=1000", "network.down.loss=2%"
    _, s, text = traced("one-way-512", STALLS, *few, seed=8)
    assert s["spurious_rtos"] == 1
    assert s["undos"] >= s["spurious_rtos"]
    assert "1 spurious by F-RTO" in text
    _, off, _ = traced("one-way-512", STALLS, *few, "server.sysctls.tcp_frto=0", seed=8)
    assert off["spurious_rtos"] == 0


def test_a_window_that_stays_shut_is_asked_for():
    """A probe carries nothing and lies one byte below what is acknowledged."""
    run, s, text = traced("slow-reader", "client.read_every=5s", "client.rcvbuf=4KiB", "workload.messages=200")
    packets = sent(run)
    before = np.maximum.accumulate(packets["seq"] + packets["len"])
    probes = (packets["len"] == 0) & (packets["seq"] < before)
    assert s["window_probes"] == np.count_nonzero(probes) > 10
    assert f"{s['window_probes']:,} window probes" in text
    assert traced("slow-reader", "workload.messages=200")[1]["window_probes"] == 0


def test_pings_are_those_of_both_ends_and_not_their_answers():
    run, s, text = traced("grpc-probes", "workload.messages=100")
    assert run.trace is not None
    assert s["pings"] == np.count_nonzero(run.trace.layout.frames["kind"] == FRAME_PING) > 10
    assert f"{s['pings']} PINGs" in text


@pytest.mark.parametrize(
    "key", ["fast_retransmits", "rtos", "spurious_rtos", "undos", "tlps", "window_probes", "pings"]
)
def test_where_nothing_happens_nothing_is_shown(key: str):
    _, s, text = traced("one-way-512", "workload.messages=50")
    assert s[key] == 0
    counted = next(line for line in text.splitlines() if line.startswith("counted"))
    assert counted.count(",") == 2  # write() calls, segments, ACKs
