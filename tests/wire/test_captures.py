"""A capture of a run is the run: every packet with its bytes and time, every message with its ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dpkt
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.capture import read_capture
from experiments.capture.container import records
from experiments.files import load
from experiments.wire import write_capture
from experiments.wire.packets import INITIAL, seen_by
from experiments.wire.stream import streams
from models.state import CAUSES
from sim import Run, Scenario, ScenarioError, SimulationLimit, simulate
from sim.run import work_of
from tests.properties.scenarios import fixed, fixed_layered

HOSTS = ("client", "server")
LEDGER = re.compile(
    r"^(?:message|reply) (\d+) \([\d,]+ B\): due [\d,.]+ ms, read ([\d.]+) ms later = (.*?)\.(?: Freed|$)"
)


def traced(source: str, *changes: str, seed: int = 0) -> Run:
    return simulate(load(source, changes), seed, trace=True)


def written(run: Run, host: str, folder: Path) -> Path:
    path = folder / f"{host}.pcapng"
    write_capture(run, host, path)
    return path


def packets(path: Path) -> Iterator[tuple[int, Any, Any]]:
    """(ns since midnight, IP, TCP), dissected."""
    notes: list[str] = []
    for record in records(path.read_bytes(), notes):
        ip = dpkt.ethernet.Ethernet(record.data).data
        yield record.time % (86_400 * 10**9), ip, ip.data
    assert not notes


def comments(path: Path) -> list[str]:
    """Every packet's, as another reader of pcapng finds them."""
    found = []
    with path.open("rb") as file:
        reader = dpkt.pcapng.Reader(file)
        content = path.read_bytes()
    assert reader.datalink() == dpkt.pcap.DLT_EN10MB
    at = 0
    while at < len(content):
        kind, size = (int.from_bytes(content[at + i : at + i + 4], "little") for i in (0, 4))
        if kind == dpkt.pcapng.PCAPNG_BT_EPB:
            block = dpkt.pcapng.EnhancedPacketBlockLE(content[at : at + size])
            found.append("\n".join(o.text for o in block.opts if o.code == dpkt.pcapng.PCAPNG_OPT_COMMENT))
        at += size
    return found


# ---- what is read back is what was sent ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("grpc-log-tail", ()),
        ("grpc-streams", ("workload.messages=400",)),
        ("telemetry", ("workload.framing.kind=grpc",)),
        ("telemetry", ("workload.framing.kind=grpc", "workload.framing.merge=true", "workload.framing.buffer=4KiB")),
        ("bulk-log", ("workload.messages=2000", "network.loss=0.5%")),
    ],
)
@pytest.mark.parametrize("host", HOSTS)
def test_grpc_messages_read_from_a_capture_are_those_of_the_run(
    source: str, changes: tuple[str, ...], host: str, tmp_path: Path
) -> None:
    run = traced(source, *changes)
    recording = read_capture(written(run, host, tmp_path))
    framed = run.trace.layout.messages
    sizes = framed["size"][framed["server"] == HOSTS.index(run.scenario.workload.sender)]
    assert recording.protocol == "grpc"
    assert sorted(recording.sizes.tolist()) == sorted(sizes.tolist())
    assert len(recording.sizes) == run.offered
    if run.scenario.workload.streams == 1:
        assert recording.sizes.tolist() == run.messages["size"].tolist()


def test_a_message_is_dated_by_its_first_byte(tmp_path: Path) -> None:
    run = traced("grpc-log-tail")
    recording = read_capture(written(run, "server", tmp_path))
    trace = run.trace
    sent = trace.segments[(trace.segments["direction"] == 1) & (trace.segments["len"] > 0)]
    order = np.argsort(sent["into"], kind="stable")
    first = [int(sent["into"][order][np.argmax(covers(sent[order], int(at)))]) for at in trace.layout.messages["start"]]
    assert recording.times.tolist() == [t - first[0] for t in np.minimum.accumulate(first[::-1])[::-1].tolist()]


def covers(segments: Any, offset: int) -> Any:
    return (segments["seq"] <= offset) & (offset < segments["seq"] + segments["len"])


def generated(n: int) -> tuple[Scenario, Run]:
    """A generated scenario that runs; small ones only."""
    scenario = fixed_layered(n) if n % 2 else fixed(n)
    return scenario, simulate(scenario, n, trace=True)


@given(st.integers(0, 10_000), st.sampled_from([0, 1]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_packet_of_any_run_is_sound_and_as_long_as_it_was(n: int, host: int) -> None:
    try:
        scenario, run = generated(n)
    except (SimulationLimit, ScenarioError):
        return
    assert work_of(scenario) > 0
    sent = streams(run.trace)
    for packet in seen_by(run.trace, host):
        ip = dpkt.ethernet.Ethernet(packet.data).data
        tcp = ip.data
        ip_sum, tcp_sum = ip.sum, tcp.sum
        ip.sum = tcp.sum = 0
        again = dpkt.ip.IP(bytes(ip))
        assert (again.sum, again.data.sum) == (ip_sum, tcp_sum)
        dpkt.tcp.parse_opts(tcp.opts)
        if packet.row is not None:
            side, seq = int(packet.row["direction"]), int(packet.row["seq"])
            assert ip.len == packet.row["iplen"] == len(bytes(ip))
            assert (tcp.seq - INITIAL[side] - 1 - seq) % 2**32 == 0
            assert tcp.data == sent[side][seq : seq + int(packet.row["len"])]


# ---- when, and why ---------------------------------------------------------------------------------------------------


def test_the_clock_of_the_capture_is_simulated_time(tmp_path: Path) -> None:
    run = traced("write-write-read")
    data = [(at, tcp) for at, _, tcp in packets(written(run, "client", tmp_path)) if len(tcp.data)]
    rows = run.trace.segments
    rows = rows[rows["len"] > 0]
    expected = sorted((int(r["into"] if r["direction"] == 0 else r["due"])) for r in rows if not r["drop"])
    assert [at for at, _ in data] == expected


def test_lost_packets_are_seen_where_they_were_sent_and_not_where_they_were_awaited(tmp_path: Path) -> None:
    run = traced("seed-jitter-spikes-link", "network.loss=2%", "workload.messages=2000")
    rows = run.trace.segments
    lost = rows["drop"] > 0
    down = rows["direction"] == 1
    assert lost[down].any()
    assert lost[~down].any()
    for side, host in enumerate(HOSTS):
        seen = len(list(packets(written(run, host, tmp_path))))
        assert seen == 3 + len(rows) - int(lost[rows["direction"] != side].sum())


def test_the_handshake_takes_a_round_trip(tmp_path: Path) -> None:
    run = traced("write-write-read")
    day = 86_400 * 10**9
    times = [at - day if at > day // 2 else at for at, _, _ in packets(written(run, "client", tmp_path))]
    assert times[1] - times[0] == 10_000_000
    assert times[2] <= 0 <= times[3]


@pytest.mark.parametrize("source", ["write-write-read", "one-way-512", "grpc-log-tail", "slow-reader"])
def test_the_comments_tell_every_messages_ledger_to_the_nanosecond(source: str, tmp_path: Path) -> None:
    run = traced(source)
    told: dict[int, tuple[int, dict[str, int]]] = {}
    for comment in comments(written(run, run.scenario.workload.sender, tmp_path)):
        for line in comment.splitlines():
            if match := LEDGER.match(line):
                parts = (part.rsplit(" ", 1) for part in match[3].split(" + "))
                causes = {cause: round(float(ms) * 1e6) for cause, ms in parts}
                told[int(match[1])] = (round(float(match[2]) * 1e6), causes)
    counted = 0
    for row in run.messages:
        if int(row["index"]) in told:
            latency, causes = told[int(row["index"])]
            assert latency == row["latency_ns"] == sum(causes.values())
            assert causes == {cause: ns for cause in CAUSES if (ns := int(row[f"{cause}_ns"]))}
            counted += 1
    bursts = source == "grpc-log-tail"  # of many messages a packet only the first eight are named
    assert counted == len(run.messages) or (bursts and counted > len(run.messages) // 2)


def test_a_delayed_ack_says_so(tmp_path: Path) -> None:
    run = traced("write-write-read")
    said = [c for c in comments(written(run, "client", tmp_path)) if "the delayed-ACK timer sent it" in c]
    assert len(said) == run.server.acks_by_timer > 0
    assert all(float(re.findall(r"([\d.]+) ms after", c)[0]) >= 40 for c in said)


def test_behind_tls_nothing_of_a_message_is_in_the_packets(tmp_path: Path) -> None:
    plain, sealed = (written(traced("grpc-log-tail", *tls), "server", tmp_path).read_bytes()
                     for tls in ((), ("server.tls=22B", "client.tls=22B")))  # fmt: skip
    assert b"message 17 message 17" in plain
    assert b"message 17 message 17" not in sealed
    assert b"message 17 (" in sealed  # its comment is there


def test_the_listing_has_a_line_a_packet(capsys: pytest.CaptureFixture[str]) -> None:
    from experiments.cli import main

    assert main(["trace", "write-write-read", "--set", "workload.messages=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    run = traced("write-write-read", "workload.messages=3")
    shown = [line for line in lines if " > " in line]
    assert len(shown) == 3 + len(run.trace.segments)
    assert " ".join("".join(lines).split()).count("the delayed-ACK timer sent it") == run.server.acks_by_timer > 0
    assert all(len(line) <= 100 for line in lines)


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"), [("run.pcap", "end it in .pcapng"), ("nowhere/run.pcapng", "there is no folder")]
)
def test_a_capture_that_cannot_be_written_is_known_before_the_run(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from experiments.cli import main

    assert main(["trace", "write-write-read", "--capture", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_sender_s_host_is_where_a_capture_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from experiments.cli import main

    for n, (options, host) in enumerate([((), "client"), (("--at", "server"), "server")]):
        out = tmp_path / f"{n}.pcapng"
        assert main(["trace", "write-write-read", "--capture", str(out), *options]) == 0
        assert f"as the {host} saw them" in capsys.readouterr().err
        assert f"the {host}'s network card".encode() in out.read_bytes()
