"""Scenario files: what they may say, how layers combine, and how mistakes are reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from experiments.files import dump, json_schema, load, loads, preset_names, preset_text, preset_title
from experiments.settings import value_of
from sim.errors import ScenarioError
from sim.scenario import Direction, Scenario, Spikes
from tests.experiments.strategies import scenarios

REQUIRED = {
    "grpc-log-tail", "telemetry", "write-write-read", "request-response", "bulk-log", "av-live", "seed-repro",
    "seed-nodelay-128B", "seed-jitter-spikes", "one-way-512", "cork", "slow-reader", "full-link",
}  # fmt: skip


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(text, overrides, label="f.toml")
    return [str(problem) for problem in caught.value.problems]


# ---- what files say --------------------------------------------------------------------------------------------------


def test_an_empty_file_is_the_default_scenario() -> None:
    assert loads("") == Scenario()


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_loads_asks_a_question_and_survives_its_own_dump(name: str) -> None:
    scenario = load(name)
    assert scenario.name == name
    assert scenario.title.endswith("?")
    assert preset_title(name) == scenario.title
    assert preset_text(name).startswith("# ")
    assert loads(dump(scenario)) == scenario


def test_the_promised_presets_are_there() -> None:
    assert set(preset_names()) >= REQUIRED


@settings(max_examples=150, deadline=None)
@given(scenarios())
def test_a_dumped_scenario_loads_back_to_itself(scenario: Scenario) -> None:
    assert loads(dump(scenario)) == scenario


def test_network_shorthands_hold_for_both_directions_and_one_may_differ() -> None:
    text = '[network]\nrate = "10Mbit/s"\nrtt = "30001ns"\nspikes = { probability = "1%", delay = "200ms" }\n'
    network = loads(text + '[network.up]\nrate = "unlimited"\n[network.up.spikes]\nprobability = 0').network
    spikes = Spikes(0.01, 200_000_000)
    assert network.down == Direction(rate=10_000_000, delay=15_001, spikes=spikes)
    assert network.up == Direction(rate=0, delay=15_000, spikes=Spikes(0.0, 200_000_000))


def test_a_file_starts_from_its_base_and_names_itself(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "one-way-512"\n[network]\nrtt = "50ms"\n')
    (tmp_path / "yours.toml").write_text('base = "mine.toml"\n[server]\nnodelay = true\n')
    yours = load(tmp_path / "yours.toml")
    assert (yours.name, yours.network.up.delay, yours.workload.size) == ("yours", 25_000_000, 512)
    assert yours.server.nodelay
    assert load("one-way-512").network.up.rate == yours.network.up.rate


def test_zero_has_names_where_it_means_no_limit() -> None:
    scenario = loads('[server]\nsndbuf = "auto"\nnotsent_lowat = "unlimited"\n[network]\nqueue = "unlimited"')
    assert scenario == Scenario()


def test_the_client_asks_unless_told_otherwise() -> None:
    assert loads('[workload]\nkind = "request-response"').workload.sender == "client"


def test_a_reverse_stream_comes_from_the_other_host() -> None:
    reverse = loads('[workload]\nsender = "client"\n[reverse]\ninterval = "1ms"').reverse
    assert reverse is not None
    assert reverse.sender == "server"


def test_workload_spikes_on_the_link_strike_its_direction() -> None:
    scenario = load("seed-jitter-spikes-link")
    assert scenario.network.down.spikes == Spikes(0.02, 200_000_000, 50_000_000)
    assert scenario.network.up.spikes == Spikes()
    assert scenario.workload.spikes == Spikes(where="sender")


def test_sysctls_are_a_table_with_or_without_their_prefix() -> None:
    text = '[server.sysctls]\n"net.ipv4.tcp_autocorking" = 0\ntcp_wmem = "4096\\t16384 65536"'
    assert loads(text).server.sysctls == (("tcp_autocorking", "0"), ("tcp_wmem", "4096 16384 65536"))


# ---- --set -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1KiB", "1KiB"), ("on-idle", "on-idle"), ("true", True), ("12", 12), ("0.5", 0.5), ('"a b"', "a b"), ("", ""),
        ("[64B, 128B]", ["64B", "128B"]), ("[[1ms, 2B], [3ms,4B]]", [["1ms", "2B"], ["3ms", "4B"]]),
        ("{probability=1%, delay=200ms}", {"probability": "1%", "delay": "200ms"}), ("1979-05-27", "1979-05-27"),
        ("[1, 2", "[1, 2"),
    ],
)  # fmt: skip
def test_settings_need_no_quotes(text: str, value: object) -> None:
    assert value_of(text) == value


def test_overrides_win_over_the_file_and_may_come_as_a_mapping() -> None:
    assert load("one-way-512", ["workload.size=1KiB", "network.rtt=0"]).workload.size == 1024
    assert load("one-way-512", {"server.nodelay": True, "workload.load": 4}).workload.load == 4.0


def test_an_override_replaces_what_contradicts_it_below() -> None:
    assert load("av-live", ["workload.size=1KiB"]).workload.sizes == ()
    poisson = load("grpc-log-tail", ["workload.arrivals=poisson"]).workload
    assert (poisson.capture, poisson.trace) == ("", ())


@pytest.mark.parametrize("override", ["workload.size", "=3", "workload..size=3", "workload size=3"])
def test_what_is_no_setting_is_said_to_be_none(override: str) -> None:
    assert problems("", override) == [f"--set {override}: is no setting (write it like --set workload.size=1KiB)"]


def test_settings_that_collide_are_refused() -> None:
    assert "contradicts another --set" in problems("", "workload.size=1KiB", "workload.size.x=2")[0]


# ---- captures --------------------------------------------------------------------------------------------------------


def test_a_packaged_recording_becomes_the_trace() -> None:
    workload = load("grpc-log-tail").workload
    assert (len(workload.trace), sum(size for _, size in workload.trace)) == (2_842, 872_021)
    assert (workload.arrivals, workload.messages, workload.trace[0][0]) == ("trace", None, 0)


def test_a_capture_is_found_beside_its_file_and_replaces_a_limit_of_messages(tmp_path: Path) -> None:
    from experiments.recordings import packaged_captures

    (tmp_path / "other.pcap").write_bytes(packaged_captures()["grpc-log-tail"].read_bytes())
    (tmp_path / "s.toml").write_text('base = "telemetry"\n[workload]\ncapture = "other.pcap"\n')
    workload = load(tmp_path / "s.toml").workload
    assert (len(workload.trace), workload.messages, workload.arrivals) == (2_842, None, "trace")


def test_a_capture_that_is_missing_broken_or_empty_is_a_mistake_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "empty.pcap").write_bytes(b"")
    for name in ("nowhere.pcap", str(tmp_path), str(tmp_path / "empty.pcap")):
        found = problems(f'[workload]\ncapture = "{name}"')
        assert len(found) == 1
        assert found[0].startswith(f"f.toml: workload.capture: {name}: ")


# ---- mistakes --------------------------------------------------------------------------------------------------------


def test_all_mistakes_are_reported_at_once_each_with_place_and_cure() -> None:
    text = """
        [workload]
        size = "12 parsecs"
        mesages = 3
        arrivals = "poison"
        [workload.framing]
        flush = "on-full"
        [server]
        nodelay = "maybe"
        [network]
        rtt = 5
        loss = "150%"
        [network.up]
        rate = 0
    """
    found = problems(text, "workload.interval=-3ms", "client.mtu=100")
    assert sorted(p.partition(" (")[0] for p in found) == [
        "--set client.mtu: 100 is out of range",
        "--set workload.interval: '-3ms' is too small a duration",
        "f.toml: network.loss: '150%' is outside 0 to 1",
        "f.toml: network.rtt: a duration needs a unit",
        "f.toml: network.up.rate: a link of rate 0 carries nothing",
        "f.toml: server.nodelay: 'maybe' is neither true nor false",
        "f.toml: workload.arrivals: 'poison' is not one of the choices",
        "f.toml: workload.framing.flush: flush = 'on-full' needs a write buffer, and buffer is 0",
        "f.toml: workload.mesages: unknown key 'mesages'",
        "f.toml: workload.size: '12 parsecs' has no unit of size",
    ]
    assert all(p.endswith(")") for p in found), "every mistake comes with its cure"
    assert "did you mean 'messages'?" in " ".join(found)
    assert "did you mean 'poisson'?" in " ".join(found)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("workload.size=0", "too small a size"),
        ("workload.size=-1B", "too small a size"),
        ("workload.size=2GiB", "too large a size (at most 1GiB)"),
        ("workload.size=1e99999999999999999999B", "too large a size (at most 1GiB)"),
        ("network.jitter=1e99999999s", "too large a duration (at most 2592000s)"),
        ("network.jitter=-1e99999999s", "too small a duration"),
        ("network.jitter=1e-99999999s", "less than one ns"),
        ("network.jitter=1e-99999999999999999999s", "less than one ns"),
        ("workload.size=512", "needs a unit"),
        ("workload.messages=0", "out of range"),
        ("workload.messages=1.5", "not a whole number"),
        ("workload.messages=many", "not a whole number"),
        ("workload.load=0", "offers nothing"),
        ("workload.load=inf", "out of range"),
        ("workload.interval=0", "infinite rate"),
        ("workload.sizes=64B", "is not a list"),
        ("workload.sizes=[64B,0B]", "workload.sizes[1]: '0B' is too small"),
        ("workload.pieces=[64B]", "describes request-response"),
        ("workload.arrivals=trace", "nothing to replay"),
        ("workload.framing.flush=timer", "without its time"),
        ("workload.framing.flush_every=2", "counts messages in a write buffer"),
        ("workload.framing.pieces=2", "no header to write apart"),
        ("workload.framing.pieces=4", "not one of the choices"),
        ("workload.streams=5000", "at most 1024"),
        ("workload.streams=2", "neither streams nor windows"),
        ("server.http2.connection_window=1KiB", "nothing takes them back"),
        ("server.http2.bdp=grpc-go", "there are none"),
        ("server.http2.update_share=2", "of a window"),
        ("server.stream_window=64KiB", "belongs elsewhere: server.http2.stream_window"),
        ("server.tls=1KiB", "at most 261"),
        ("workload.spikes.probability=2%", "spikes of no length"),
        ("workload.capture_port=70000", "out of range"),
        ("server.mtu=70000", "out of range"),
        ("server.hz=3", "ticks a second"),
        ("server.tick_phase=10ms", "longer than a tick"),
        ("server.profile=linus-vm", "did you mean 'linux-vm'?"),
        ("server.sysctls.tcp_autocorkin=1", "did you mean 'tcp_autocorking'?"),
        ("server.sysctls.tcp_wmem=5", "three numbers"),
        ("server.sysctls.ip_forward=1", "no TCP sysctl"),
        ("server=5", "is not a table"),
        ("network.rate=10Mbps", "has no unit of rate"),
        ("network.rate=0", "rate 0 carries nothing"),
        ("network.queue=100B", "smaller than a full packet"),
        ("network.loss=1.0", "every packet is lost"),
        ("network.background=0.5", "share of an unlimited rate"),
        ("network.stalls=[[5ms,10ms],[7ms,1ms]]", "overlap"),
        ("network.up.spikes.where=sender", "the link's"),
        ("network.nodelay=true", "belongs elsewhere: server.nodelay"),
        ("nodelay=true", "belongs elsewhere: server.nodelay"),
        ("reverse.sender=server", "both streams come from the server"),
        ("lead=0", "too small a duration"),
    ],
)
def test_a_mistake_is_named(override: str, complaint: str) -> None:
    found = problems("", override)
    assert any(complaint in p for p in found), found


def test_rtt_and_delay_contradict_each_other() -> None:
    assert "contradicts rtt" in problems('[network]\nrtt = "1ms"\ndelay = "1ms"')[0]


def test_requests_have_no_arrivals() -> None:
    text = '[workload]\nkind = "request-response"\narrivals = "poisson"'
    assert "has no arrivals" in problems(text)[0]


def test_a_shorthand_with_a_mistake_is_reported_once_where_it_stands() -> None:
    assert problems('[network]\nloss = "lots"') == [
        "f.toml: network.loss: 'lots' is not a probability (write it like 0.01 or '1%')"
    ]


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "broken.toml").write_text("[workload\n")
    (tmp_path / "loop.toml").write_text('base = "loop.toml"')
    (tmp_path / "odd.toml").write_text("base = 3")
    complaints = {
        "binary.toml": "not a text file", "broken.toml": "not valid TOML", "loop.toml": "leads back to itself",
        "odd.toml": "is no name", "absent.toml": "no such preset or file", ".": "is a directory",
    }  # fmt: skip
    for name, complaint in complaints.items():
        with pytest.raises(ScenarioError, match=complaint):
            load(tmp_path / name)


def test_a_misspelt_preset_is_recognised() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'telemetry'"):
        load("telemtry")


def test_a_message_larger_than_every_buffer_is_legal() -> None:
    load("full-link", ["workload.size=10MiB", "server.sndbuf=4KiB"])


def test_the_schema_knows_the_shorthands_and_every_key() -> None:
    schema = json_schema()
    assert {"base", "workload", "network"} <= schema["properties"].keys()
    assert {"rtt", "rate", "up"} <= schema["$defs"]["Network"]["properties"].keys()


def test_the_manual_names_every_key_of_a_summary_and_every_column_of_the_csv():
    from pathlib import Path

    from experiments.message_table import COLUMNS
    from models.state import CAUSES
    from sim import Scenario, Workload, simulate

    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "results.md").read_text()
    summary = simulate(Scenario(workload=Workload(messages=3)), driver="loop").summary()
    assert [key for key in summary if f"`{key}`" not in page] == []
    causes = {f"{cause}_ns" for cause in CAUSES}
    assert [column for column in COLUMNS if column not in causes and f"`{column}`" not in page] == []
