"""The bridge: what the page shows is what the model did, and a mistake comes back to the control that caused it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.cli import main
from experiments.demo import bridge
from experiments.demo.controls import CONTROLS, MESSAGES_MAX, keys, roles
from experiments.demo.rules import RULES
from experiments.demo.scene import START, Scene, at_controls, parse, scene_of
from experiments.explain import explain
from experiments.files import load, loads, preset_names
from models.state import CAUSES
from sim import simulate
from sim.errors import ScenarioError, SimulationLimit

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = Scene("write-write-read", {"workload.messages": "12"})
WORKING = Scene("request-response", {"workload.messages": "8"})


def problems(query: str) -> dict[str, str]:
    with pytest.raises(ScenarioError) as caught:
        scene_of(parse(query)).scenario()
    return {one["key"]: f"{one['problem']}; {one['cure']}" for one in at_controls(caught.value)}


# ---- what happened ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", [START, REQUESTS, WORKING, *(Scene(name) for name in preset_names())], ids=str)
def test_the_parts_of_every_message_sum_to_its_latency(scene: Scene) -> None:
    told = bridge.trace(scene)
    assert told["messages"]
    for message in told["messages"]:
        assert message["latency"] == message["read"] - message["intended"]
        assert sum(step["ns"] for step in message["steps"]) == message["latency"]
        drawn = [stay for leg in message["legs"] for stay in leg["stays"]] + message["service"]
        spent: dict[str, int] = {}
        for part in (part for stay in drawn for part in stay["parts"]):
            spent[part["cause"]] = spent.get(part["cause"], 0) + part["ns"]
        assert spent == {step["cause"]: step["ns"] for step in message["steps"]}


@pytest.mark.parametrize("scene", [START, REQUESTS], ids=["stream", "requests"])
def test_it_tells_what_simulate_and_explain_tell(scene: Scene) -> None:
    run = simulate(load(scene.base, scene.overrides), scene.seed, trace=True)
    told = bridge.trace(scene)
    assert told["summary"] == run.summary()
    assert [message["latency"] for message in told["messages"]] == run.messages["latency_ns"].tolist()
    for message in told["messages"]:
        told_by_explain = [step.sentence for step in explain(run, message["index"]).steps]
        assert [step["sentence"] for step in message["steps"]] == told_by_explain
    assert len(told["segments"]) == len(run.trace.packets)


def test_an_ack_that_was_kept_back_says_since_when() -> None:
    held = [p for p in bridge.trace(REQUESTS)["segments"] if p["held"] is not None]
    assert len(held) == 11  # all requests but the first
    assert all(40_000_000 <= p["tx"] - p["held"] <= 44_000_000 for p in held)


def test_timers_that_fired_are_told() -> None:
    fired = [timer for timer in bridge.trace(REQUESTS)["timers"] if timer["what"] == "delayed-ACK timer"]
    assert len(fired) == bridge.trace(REQUESTS)["summary"]["acks_by_timer"] == 11


def test_a_flush_timer_is_told_where_one_flushes() -> None:
    buffered = {"workload.messages": "20", "workload.framing.buffer": "8KiB"}
    timed = Scene(
        "one-way-512", {**buffered, "workload.framing.flush": "timer", "workload.framing.flush_after": "30ms"}
    )
    for scene, fires in ((timed, True), (Scene("one-way-512", buffered), False), (Scene("grpc-log-tail"), False)):
        told = [timer for timer in bridge.trace(scene)["timers"] if timer["what"] == "flush timer"]
        assert bool(told) == fires
        assert all(timer["at"] >= 0 for timer in told)


def test_a_reply_is_a_leg_of_its_own_between_which_the_server_works() -> None:
    message = bridge.trace(WORKING)["messages"][0]
    there, back = message["legs"]
    assert (there["back"], back["back"]) == (False, True)
    assert [part for stay in message["service"] for part in stay["parts"]] == [{"cause": "service", "ns": 2_000_000}]
    assert message["service"][0]["start"] == there["read"]


def test_the_figures_are_those_of_the_summary() -> None:
    figures = {one["name"]: one["value"] for one in bridge.trace(REQUESTS)["figures"]}
    assert figures["p50"] == "63.0"
    assert figures["by the timer"] == "11"


def test_every_cause_has_a_look_a_rule_and_a_page() -> None:
    assert tuple(RULES) == CAUSES
    for rule in RULES.values():
        assert (ROOT / "models" / rule.file).is_file()
        assert (ROOT / "docs" / f"{rule.page}.md").is_file()
        assert f"`models/{rule.file}`" in (ROOT / "docs" / f"{rule.page}.md").read_text()


# ---- settings --------------------------------------------------------------------------------------------------------


def shown(scene: Scene) -> dict[str, Any]:
    return {control["key"]: control for control in bridge.trace(scene)["controls"]}


def test_controls_show_the_values_of_the_run() -> None:
    controls = shown(START)
    assert controls["workload.size"]["value"] == "200B"
    assert controls["network.rtt"]["value"] == "30ms"
    assert controls["network.down.spikes.probability"]["value"] == "3%"
    assert controls["server.nodelay"]["value"] is False
    assert controls["server.sndbuf"]["value"] == "auto"


@pytest.mark.parametrize(
    ("value", "stop"), [("10ms", "10ms"), ("9ms", "10ms"), ("3.9ms", "5ms"), ("1ns", "0ms"), ("5s", "300ms")]
)
def test_a_slider_stands_at_the_nearest_stop(value: str, stop: str) -> None:
    control = shown(Scene("one-way-512", {"network.rtt": value}))["network.rtt"]
    assert control["steps"][control["nearest"]] == stop


def test_what_does_not_apply_is_not_shown() -> None:
    assert "workload.interval" not in shown(REQUESTS)
    assert shown(REQUESTS)["workload.pieces"]["value"] == "64B, 128B"
    assert "workload.framing.flush" not in shown(START)


@pytest.mark.parametrize("scene", [START, REQUESTS], ids=["stream", "requests"])
def test_a_value_that_is_shown_can_be_set(scene: Scene) -> None:
    """Shown and set again, every control leaves the run what it was."""
    controls = shown(scene)
    spelt = {
        key: str(one["value"]).lower() if one["kind"] == "switch" else one["value"] for key, one in controls.items()
    }
    again = Scene(scene.base, {key: text for key, text in spelt.items() if text != ""}, scene.seed)
    assert bridge.seen(again).run.messages.tolist() == bridge.seen(scene).run.messages.tolist()


@pytest.mark.parametrize("control", [c for c in CONTROLS if c.kind in {"range", "choice"}], ids=lambda c: c.key)
def test_every_stop_of_every_control_is_a_value(control: Any) -> None:
    needed = {
        "workload.framing.flush": "workload.framing.buffer",
        "workload.framing.flush_after": "workload.framing.buffer",
    }
    requests = control.key in {"workload.think"}
    scene = REQUESTS if requests else START
    path = control.path(scene.scenario())
    extra = {needed[control.key]: "4KiB"} if control.key in needed else {}
    if path.endswith("read_every"):
        extra["client.reader"] = "polling"
    for stop in control.steps:
        Scene(scene.base, {**scene.settings, **extra, path: stop}).scenario()


# ---- addresses -------------------------------------------------------------------------------------------------------


def test_an_address_is_a_scene() -> None:
    scene = scene_of(parse("base=one-way-512&workload.size=1KiB&seed=3&lesson=x&message=7&b.server.nodelay=true"))
    assert scene == Scene("one-way-512", {"workload.size": "1KiB"}, 3)


def test_pane_b_is_pane_a_and_its_own() -> None:
    said = parse("base=one-way-512&workload.size=1KiB&b.server.nodelay=true&b.workload.size=2KiB")
    assert scene_of(said, "b").settings == {"workload.size": "2KiB", "server.nodelay": "true"}


def test_both_panes_meet_the_same_draws() -> None:
    said = parse("base=one-way-512&workload.arrivals=poisson&network.down.spikes.probability=5%25"
                 "&network.down.spikes.delay=40ms&b.server.nodelay=true")  # fmt: skip
    a, b = (bridge.seen(scene_of(said, pane)).run.messages for pane in "ab")
    assert a["intended_ns"].tolist() == b["intended_ns"].tolist()
    assert a["latency_ns"].tolist() != b["latency_ns"].tolist()


@pytest.mark.parametrize(
    ("query", "key", "words"),
    [
        ("base=one-way-512&network.rtt=10", "network.rtt", "needs a unit|has no unit"),
        ("base=one-way-512&workload.size=-5B", "workload.size", "too small"),
        ("base=one-way-512&network.down.loss=200%25", "network.down.loss", "outside 0 to 1"),
        ("base=one-way-512&workload.messages=401", "workload.messages", f"at most {MESSAGES_MAX}"),
        ("base=one-way-512&workload.messages=400&workload.size=1MiB", "workload.messages", "fewer or smaller"),
        ("base=one-way-512&server.os=plan9", "server.os", "plan9"),
        ("base=one-way-512&workload.framing.flush=on-full", "workload.framing.flush", "needs a write buffer"),
        ("base=write-write-read&workload.pieces=64B, x", "workload.pieces", "not a size"),
        ("base=/etc/passwd", "base", "no preset"),
        ("base=one-way-512&seed=-1", "seed", "no seed"),
        ("base=one-way-512&seed=1e3", "seed", "no seed"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_control(query: str, key: str, words: str) -> None:
    told = problems(query)
    assert list(told) == [key]
    assert re.search(words, told[key])


@pytest.mark.parametrize("key", ["policy.name", "workload.capture", "stack", "server.sysctls", "nonsense"])
def test_only_what_has_a_control_can_be_set(key: str) -> None:
    """A page must not make the server read a file or run a policy."""
    assert key not in keys()
    assert "no such control" in problems(f"base=one-way-512&{key}=/tmp/x.py:f")[key]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Any preset with any stops of a few controls, as somebody plays with them."""
    base = draw(st.sampled_from(preset_names()))
    who = roles(load(base))
    offered = [control for control in CONTROLS if control.steps]
    turned = draw(st.lists(st.sampled_from(offered), max_size=5, unique_by=lambda control: control.key))
    words = {control.key.format(**who): draw(st.sampled_from(control.steps)) for control in turned}
    words["workload.messages"] = draw(st.sampled_from(["1", "2", "40", "400"]))
    return Scene(base, words, draw(st.integers(0, 99)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenes())
def test_whatever_is_turned_there_is_a_trace_or_a_reason(scene: Scene) -> None:
    try:
        told = bridge.trace(scene)
    except (ScenarioError, SimulationLimit):
        return  # with words: every such error has some
    json.dumps(told, allow_nan=False)
    for message in told["messages"]:
        drawn = [stay for leg in message["legs"] for stay in leg["stays"]] + message["service"]
        assert sum(part["ns"] for stay in drawn for part in stay["parts"]) == message["latency"]


def test_a_word_given_twice_is_a_mistake() -> None:
    assert "twice" in problems("seed=1&seed=2")["seed"]


# ---- taking away -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", [START, REQUESTS], ids=["stream", "requests"])
def test_the_file_is_the_scenario(scene: Scene) -> None:
    again = loads(bridge.toml(scene))
    assert simulate(again, scene.seed).messages.tolist() == bridge.seen(scene).run.messages.tolist()


def test_the_commands_show_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    pieces = Scene("write-write-read", {"workload.messages": "12", "workload.pieces": "64B, 128B"}, 3)
    other = Scene(pieces.base, {**pieces.settings, "client.nodelay": "true"}, 3)
    run, explained, packets, compared = (shlex.split(one["text"]) for one in bridge.commands(pieces, other, "5"))
    assert {line[0] for line in (run, explained, packets, compared)} == {"tinygram"}
    assert main(run[1:]) == 0
    assert "63.0" in capsys.readouterr().out
    assert main(explained[1:]) == 0
    assert "message 5 of write-write-read" in capsys.readouterr().out
    assert main(packets[1:]) == 0
    capsys.readouterr()
    assert main([*compared[1:], "--replications", "3"]) == 0
    assert "client.nodelay" in capsys.readouterr().out


def test_the_capture_is_one() -> None:
    assert bridge.capture(REQUESTS)[:4] == b"\x0a\x0d\x0d\x0a"
