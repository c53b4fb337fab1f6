"""What Wireshark makes of a capture of a run: no fault in any packet, and the same story."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from experiments.files import load
from experiments.wire import write_capture
from experiments.wire.stream import streams
from models.constants import FRAME_ACK
from sim import Run, simulate

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

STRICT = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
FAULTS = "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0"


def dissected(path: Path, *fields: str, only: str = "") -> list[list[str]]:
    """The fields of each packet, or of those that `only` selects."""
    chosen = [part for field in fields for part in ("-e", field)]
    command = ["tshark", "-r", str(path), *STRICT, "-T", "fields", *chosen, *(("-Y", only) if only else ())]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    return [line.split("\t") for line in printed.splitlines()]


def capture(source: str, tmp_path: Path, *changes: str, host: str = "server") -> tuple[Run, Path]:
    run = simulate(load(source, changes), 0, trace=True)
    path = tmp_path / "run.pcapng"
    write_capture(run, host, path)
    return run, path


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("write-write-read", ()),
        ("grpc-log-tail", ()),
        ("grpc-streams", ("workload.messages=300", "workload.stream_messages=5")),
        ("seed-jitter-spikes-link", ("network.loss=2%", "workload.messages=1000")),
    ],
)
def test_no_packet_is_malformed(source: str, changes: tuple[str, ...], tmp_path: Path) -> None:
    _, path = capture(source, tmp_path, *changes)
    assert dissected(path, "frame.number", only=FAULTS) == []


def test_the_frames_of_http2_are_those_of_the_run(tmp_path: Path) -> None:
    run, path = capture("grpc-streams", tmp_path, "workload.messages=300", "workload.stream_messages=5")
    found: Counter[str] = Counter()
    for (kinds,) in dissected(path, "http2.type", only="http2"):
        found.update(kind for kind in kinds.split(",") if kind)
    assert sum(found.values()) > 300
    frames, sent = run.trace.layout.frames, [len(stream) for stream in streams(run.trace)]
    assert found == Counter(str(int(f["kind"]) & ~FRAME_ACK) for f in frames if f["end"] <= sent[f["server"]])


def test_it_sees_the_acks_delay_the_run_says_there_was(tmp_path: Path) -> None:
    run, path = capture("write-write-read", tmp_path, host="server")
    longest = max(float(rtt) for (rtt,) in dissected(path, "tcp.analysis.ack_rtt", only="tcp.analysis.ack_rtt"))
    rows = run.trace.segments
    acks = rows[(rows["direction"] == 1) & (rows["len"] == 0)]
    data = rows[(rows["direction"] == 0) & (rows["len"] > 0)]
    held = max(int(a["into"]) - int(data["due"][data["seq"] + data["len"] == a["ack"]].min()) for a in acks)
    assert longest == pytest.approx(held / 1e9, abs=1e-9)
    assert held > 40_000_000


def test_it_counts_as_many_packets_sent_again_as_there_were(tmp_path: Path) -> None:
    run, path = capture("seed-jitter-spikes-link", tmp_path, "network.loss=2%", "workload.messages=1000")
    again = "tcp.analysis.retransmission || tcp.analysis.out_of_order"  # the latter: soon after a higher one
    flagged = dissected(path, "tcp.seq", only=f"({again}) && ip.src == 192.0.2.2")
    assert len(flagged) == run.server.retransmits > 0


def test_time_of_day_is_simulated_time_and_comments_are_shown(tmp_path: Path) -> None:
    run, path = capture("write-write-read", tmp_path, host="client")
    rows = dissected(path, "frame.time_epoch", "frame.comment", only='frame.comment contains "reply 1 "')
    assert len(rows) == 1
    seconds, nanoseconds = rows[0][0].split(".")
    assert (int(seconds) % 86_400) * 10**9 + int(nanoseconds) == run.messages["arrived_ns"][1]
    assert "nagle" in rows[0][1]
    assert "delayed_ack" in rows[0][1]
