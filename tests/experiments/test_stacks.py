"""Stacks in scenario files: what a stack sets, what comes before it, and that the Python way is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.files import dump, json_schema, load, loads
from experiments.sweep.file import load_sweep
from models.facts import version
from models.stacks import STACKS
from sim import simulate
from sim.errors import ScenarioError
from sim.scenario import Scenario, uses_http2
from sim.stack import with_stack

VERSIONS = [f"{name}@{epoch}" for name, profile in STACKS.items() for epoch in profile.epochs]


@pytest.mark.parametrize("name", [*STACKS, *VERSIONS])
def test_every_stack_is_a_valid_scenario_the_same_from_a_file_and_from_python(name):
    written = loads(f'stack = "{name}"')
    assert written == with_stack(Scenario(), name)
    assert loads(dump(written)) == written
    assert all(fact.source for fact in STACKS[name.split("@")[0]].facts)


def test_keys_beside_the_stack_and_above_it_come_before_it():
    beside = 'stack = "grpc-go@1.63"\n[server]\nnodelay = false\n[workload.framing]\nbuffer = "4KiB"\n'
    scenario = loads(beside, ["client.read_size=1KiB"])
    assert (scenario.server.nodelay, scenario.client.nodelay) == (False, True)
    assert (scenario.workload.framing.buffer, scenario.workload.framing.quota) == (4_096, 65_536)
    assert (scenario.client.read_size, scenario.server.read_size) == (1_024, 32_768)


def test_a_stack_replaces_the_framing_and_windows_of_the_layers_below_it():
    below = 'stack = "grpc-go"\n[server]\nsndbuf = "8KiB"\n[workload.framing]\npieces = 2\n'
    below += '[server.http2]\nkeepalive = "5s"\n'
    scenario = loads(below, ["stack=plain"])
    assert scenario.workload.framing == with_stack(Scenario(), "plain").workload.framing
    assert scenario.server.http2 == Scenario().server.http2
    assert scenario.server.nodelay is False
    assert scenario.server.sndbuf == 8_192  # no stack's business


def test_each_host_may_have_its_own_and_framing_is_the_senders():
    scenario = loads('[server]\nstack = "node"\n[client]\nstack = "grpc-go"\n[reverse]\n')
    assert scenario.workload.framing.merge
    assert scenario.reverse is not None
    assert scenario.reverse.framing.quota == 65_536
    assert (scenario.server.http2.update_share, scenario.client.http2.update_share) == (0.5, 0.25)
    upward = loads('stack = "grpc-go"\n[workload]\nsender = "client"\n[client]\nstack = "node"\n')
    assert upward.workload.framing.merge
    assert upward.server.http2.bdp == "grpc-go"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('stack = "grpc-go@2.0"', "scenario: stack: grpc-go 2.0 is not known (versions 1.30 to 1.85 are)"),
        ('[server]\nstack = "grpc-og"', "scenario: server.stack: no stack 'grpc-og' (did you mean 'grpc-go'?"),
        ("[client]\nstack = 5", "scenario: client.stack: 5 is no name (write it like"),
        (
            '[workload]\nstack = "node"',
            "unknown key 'stack' (it belongs elsewhere: server.stack or client.stack",
        ),
    ],
)
def test_a_mistake_names_its_place_and_what_there_is(text, expected):
    with pytest.raises(ScenarioError) as error:
        loads(text)
    assert expected in str(error.value)


def test_a_stack_is_an_axis_of_a_sweep(tmp_path: Path):
    file = tmp_path / "s.toml"
    file.write_text(
        'name = "s"\nbase = "one-way-512"\nreplications = 1\n[axes]\n"stack" = ["grpc-go@1.57", "grpc-go@1.58"]\n'
        "workload.framing.buffer = ['4KiB', '8KiB']\n"
    )
    sweep = load_sweep(str(file))
    points = [load("one-way-512", point).workload.framing for panel in sweep.panels for point in panel.points]
    found = {(framing.doubled, framing.buffer) for framing in points}
    assert found == {(doubled, buffer) for doubled in (True, False) for buffer in (4_096, 8_192)}


def test_the_schema_knows_the_key():
    schema = json_schema()
    assert {"stack", "base"} <= schema["properties"].keys()
    assert "stack" in schema["$defs"]["Host"]["properties"]


BURST = ["workload.burst=20", "workload.interval=50ms", "workload.messages=200", "workload.size=515B"]


def calls_a_message(stack: str, *settings: str) -> float:
    """write() calls a message of a burst of 20, on hosts that cost nothing, without windows."""
    bare = [f"{host}.http2.{key}=0B" for host in ("server", "client") for key in ("stream_window", "connection_window")]
    off = [*bare, "server.http2.bdp=off", "client.http2.bdp=off", "server.profile=ideal", "client.profile=ideal"]
    scenario = load("one-way-512", [f"stack={stack}", *BURST, *off, *settings])
    handshake = 2 if uses_http2(scenario) else 0  # SETTINGS, and the ACK of the peer's
    return (simulate(scenario, driver="loop").server.writes - handshake) / 200


@pytest.mark.parametrize(
    ("stack", "buffer", "expected"),
    [
        ("grpc-go@1.33.3", "0B", 1), ("grpc-go@1.63", "0B", 1), ("grpc-go@1.85", "0B", 3),
        ("grpc-go@1.33.3", "1KiB", 10 / 20), ("grpc-go@1.33.3", "4KiB", 3 / 20), ("grpc-go@1.63", "1KiB", 11 / 20),
        ("grpc-go@1.63", "4KiB", 3 / 20), ("grpc-go@1.85", "32KiB", 1 / 20),
    ],
)  # fmt: skip
def test_write_calls_of_a_burst_are_those_counted_in_the_real_stack(stack, buffer, expected):
    """Counted in runs of the real stack (tests/grpc-measured): 1.0, 0.5, 0.15, 0.05 a message; three unbuffered."""
    assert calls_a_message(stack, f"workload.framing.buffer={buffer}") == pytest.approx(expected)


@pytest.mark.parametrize(("stack", "expected"), [("c-core", 1), ("node", 2 / 20), ("grpc-java", 1 / 20), ("plain", 1)])
def test_write_calls_of_a_burst_through_other_stacks(stack, expected):
    assert calls_a_message(stack) == pytest.approx(expected)


def test_versions_compare_as_numbers():
    assert version("1.9") < version("1.10") < version("v1.85.0-dev") < version("2")
