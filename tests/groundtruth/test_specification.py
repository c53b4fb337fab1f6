"""What a recording's file may leave out, and what it may not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.groundtruth.recording import read, scenario
from sim import ScenarioError

STREAM = {"from": "server", "interval_us": 10_000, "count": 5, "sizes": [512]}
LEAST = {"id": "least", "traffic": {"stream": [STREAM]}}


def file(folder: Path, spec: Any, **rest: Any) -> Path:
    path = folder / "spec.json"
    path.write_text(json.dumps({"spec": spec, **rest}))
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        read(path)
    return [str(problem) for problem in error.value.problems]


def test_everything_but_id_and_traffic_has_a_default(tmp_path):
    recording = read(file(tmp_path, LEAST))
    assert recording.spec["path"]["delay_s2c_us"] == 5_000
    assert recording.spec["start"]["lead_ms"] == 52
    assert recording.spec["client"]["cc"] == "cubic"
    assert (recording.hz, recording.phase, recording.sysctls) == (250, 0, ())
    assert recording.directions == ("s2c",)
    assert scenario(recording).workload.messages == 5


def test_the_tick_phase_is_that_of_the_clock_or_else_the_one_asked_for(tmp_path):
    spec = {**LEAST, "start": {"phase_us": 700}}
    assert read(file(tmp_path, spec)).phase == 700_000
    assert read(file(tmp_path, spec, environment={"t0_monotonic_ns": 12_345})).phase == 12_345


def test_sysctls_come_from_the_machine_then_the_namespace_then_the_specification(tmp_path):
    (tmp_path / "manifest.json").write_text(
        json.dumps({"sysctls_init_net": {f"net.ipv4.tcp_{name}": "2" for name in ("recovery", "frto", "autocorking")}})
    )
    spec = {**LEAST, "host": {"sysctls": {"net.ipv4.tcp_autocorking": 4}}}
    environment = {"nsenv": {"net.ipv4.tcp_frto": "3", "net.ipv4.tcp_autocorking": "3", "qdisc": "pfifo_fast"}}
    found = dict(read(file(tmp_path, spec, environment=environment)).sysctls)
    assert found == {"tcp_recovery": "2", "tcp_frto": "3", "tcp_autocorking": "4"}


def test_all_mistakes_are_told_at_once(tmp_path):
    spec = {
        "id": "../up",
        "path": {"rtt_ms": -1, "loss_s2c": 2, "stalls": [[2, 0, 0]]},
        "client": {"cc": "vegas", "quickack": 7},
        "traffic": {"stream": [{**STREAM, "sizes": []}, {"from": "server"}]},
    }
    found = problems(file(tmp_path, spec))
    said = " ".join(found)
    keys = ("spec.id", "rtt_ms", "loss_s2c", "stalls", "client.cc", "client.quickack", "sizes", "count", "one host")
    assert [key for key in keys if key not in said] == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is not JSON"), ("[]", 'no "spec"'), ('{"spec": 3}', "no table"), ('{"spec": {}}', "spec.id"),
        ('{"spec": {"id": "x", "traffic": {}}}', "traffic"),
        ('{"spec": {"id": "x", "traffic": {"rr": {"pieces": [1], "reply": []}}}}', "reply"),
    ],
)  # fmt: skip
def test_other_files_are_refused(content, says, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(content)
    assert any(says in problem for problem in problems(path))


def test_bad_sysctls_are_refused(tmp_path):
    spec = {**LEAST, "host": {"sysctls": {"net.ipv4.tcp_rmem": "many"}}}
    assert "tcp_rmem" in problems(file(tmp_path, spec))[0]


def test_a_file_that_is_not_there_is_told(tmp_path):
    assert "no such file" in problems(tmp_path / "nowhere.json")[0]
