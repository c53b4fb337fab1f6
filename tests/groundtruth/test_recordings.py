"""The model against all recorded runs of a real kernel: judged by the documented tolerances, whichever driver runs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from experiments.groundtruth import report
from experiments.groundtruth.measures import figures, simulated
from experiments.groundtruth.recording import LOSS, SPIKE, decisions, read
from experiments.groundtruth.replay import Replay, engine_for, replay
from sim import compiled
from sim.draws import BBR_CYCLE_RAND
from sim.trace import Trace, run_traced
from tests.groundtruth.recorded import FILES, FOLDER, IDS, comparison, load

RACES = {
    "L06": "ACKs within a burst: how many packets the reader finds when it wakes",
    "O01": "a reader that sleeps drifts through the write cycle at the recording host's own pace",
    "N03": "which of BBR's probing phases the kernel drew",
}
"""What may be out of tolerance, and why (`docs/model/truth.md`)."""


def test_all_recordings_are_there():
    assert len(FILES) == 65
    assert len(comparison().rows) == 70


def test_lossless_directions_are_within_tolerance():
    found = report.totals(comparison().rows)["lossless"]
    assert found["of"] == 63
    assert found["within"] >= 61


def test_directions_with_loss_or_spikes_are_within_tolerance():
    assert report.totals(comparison().rows)["loss_or_spikes"] == {"within": 7, "of": 7}


def test_segments_are_exact_where_the_kernel_repeats_itself():
    found = report.totals(comparison().rows)["exact"]
    assert found == {"within": 37, "of": 37}


def test_nothing_is_far_off():
    assert report.totals(comparison().rows)["far_off"] == []


def test_only_known_races_are_out_of_tolerance():
    assert {row.id for row in comparison().rows if not row.within} <= set(RACES)


def test_each_recording_of_bbr_is_one_of_its_seven_phases():
    recording = read(FOLDER / "N03.json")
    by_phase = []
    for phase in range(BBR_CYCLE_RAND):
        engine, trace = engine_for(recording), Trace()
        engine.s.b.bbr.phase = phase
        run_traced(engine, trace)
        run = Replay(recording, engine.messages("a"), engine.messages("b"), trace.segments, engine)
        by_phase.append(figures(simulated(run), "s2c"))
    (row,) = [row for row in comparison().rows if row.id == "N03"]
    for recorded in row.runs:
        names = ("p50", "p90", "p99", "max", "blocked")
        assert min(max(abs(getattr(f, n) / recorded[n] - 1) for n in names) for f in by_phase) < 0.004


@pytest.mark.parametrize("file", FILES, ids=IDS)
def test_simpy_gives_the_same_messages_and_packets(file):
    recording = read(file)
    plain, simpy = replay(recording, "loop"), replay(recording, "simpy")
    assert np.array_equal(plain.packets, simpy.packets)
    assert np.array_equal(plain.client, simpy.client)
    assert np.array_equal(plain.server, simpy.server)


@pytest.mark.skipif(not compiled.is_cached(), reason="the loop has not been compiled")
def test_the_compiled_loop_gives_the_same_messages_and_packets():
    for file in FILES:
        recording = read(file)
        plain, fast = replay(recording, "loop"), replay(recording, "compiled")
        assert np.array_equal(plain.packets, fast.packets), file.stem
        assert np.array_equal(plain.client, fast.client), file.stem
        assert np.array_equal(plain.server, fast.server), file.stem


@pytest.mark.parametrize("name", IDS)
def test_nothing_that_tcp_produced_is_read(name, tmp_path):
    whole = load(name)
    environment = {key: whole["environment"][key] for key in ("hz", "nsenv", "t0_monotonic_ns")}
    bare = tmp_path / f"{name}.json"
    bare.write_text(json.dumps({"spec": whole["spec"], "environment": environment}))
    (tmp_path / "manifest.json").write_bytes((FOLDER / "manifest.json").read_bytes())
    assert read(bare) == read(FOLDER / f"{name}.json")


@pytest.mark.parametrize("name", [name for name in IDS if name[0] in "JK"])
def test_the_decision_function_gives_the_recorded_losses_and_spikes(name):
    content = load(name)
    path = content["spec"]["path"]
    for kind, purpose, chance in (("drops", LOSS, "loss"), ("spikes", SPIKE, "spike_prob")):
        for number, way in enumerate(("c2s", "s2c")):
            if path["stalls"] or path[f"{chance}_{way}"] == 0:  # a stall holds packets without any decision
                continue
            listed = [event["idx"] for event in content["realised"][kind] if event["dir"] == way]
            hit = decisions(path["seed"], purpose, number, 0, max(listed, default=0) + 1) < path[f"{chance}_{way}"]
            hit[0] = False  # the SYN
            assert listed == np.flatnonzero(hit).tolist()
