"""On a link that a stream fills, buffers decide the latency: as measured with grpc-go 1.33 over a relay.

Greedy 1 KiB messages, RTT 20 ms, TCP_NODELAY, HTTP/2 windows out of the way; the axes are SO_SNDBUF and write buffer.
"""

from __future__ import annotations

import pytest

from experiments.files import load
from experiments.hostfit import flush_size, table
from sim import Run, simulate

TOLERANCE = 0.25
FRAME = 1024 + 14  # a message with its gRPC prefix in one HTTP/2 frame
QUEUE = {10: 400, 100: 4_000}  # kB the relay held

ROWS = [{name: float(value) for name, value in row.items()} for row in table("full-link")]
FIXED = [row for row in ROWS if row["sndbuf"] >= 16_384]
AUTOTUNED = [row for row in ROWS if row["sndbuf"] == 0]


def cell(row: dict[str, float]) -> str:
    """The test's name of a measured row."""
    return f"{row['rate_mbit']:.0f}Mbit-sndbuf{row['sndbuf']:.0f}-framer{row['buffer']:.0f}"


def run(row: dict[str, float], buffer: int) -> Run:
    """The preset with the row's settings and as many messages as were measured."""
    rate = int(row["rate_mbit"])
    sndbuf = f"{row['sndbuf']:.0f}B" if row["sndbuf"] else "auto"
    settings = {
        "network.rate": f"{rate}Mbit/s",
        "network.queue": f"{QUEUE[rate]}kB",
        "server.sndbuf": sndbuf,
        "workload.framing.buffer": f"{buffer}B",
        "workload.messages": str(int(row["messages"])),
    }
    return simulate(load("full-link", [f"{key}={value}" for key, value in settings.items()]), driver="loop")


def measured_buffer(row: dict[str, float]) -> int:
    """grpc-go before v1.58 flushes whole frames: 33,216 bytes where 32 KiB were asked for."""
    return flush_size(int(row["buffer"]), FRAME, whole_frames=True)


def p50_ms(outcome: Run) -> float:
    """The median over all messages: the measurement had no warm-up."""
    latency = sorted(outcome.messages["latency_ns"].tolist())
    return float(latency[(len(latency) - 1) // 2]) / 1e6


def megabytes(outcome: Run) -> float:
    """Delivered payload, MB/s."""
    return outcome.throughput_bps / 8e6


@pytest.mark.parametrize("row", FIXED, ids=cell)
def test_latency_and_throughput_are_those_measured(row):
    outcome = run(row, measured_buffer(row))
    assert p50_ms(outcome) == pytest.approx(row["p50_ms"], rel=TOLERANCE)
    assert megabytes(outcome) == pytest.approx(row["throughput_MBps"], rel=TOLERANCE)
    assert outcome.sender().writes == pytest.approx(row["writes"], rel=0.1)


@pytest.mark.parametrize("row", [row for row in FIXED if row["buffer"] == 32_768], ids=cell)
def test_the_preset_as_it_stands_is_near_them_too(row):
    outcome = run(row, 32_768)
    assert p50_ms(outcome) == pytest.approx(row["p50_ms"], rel=TOLERANCE)
    assert megabytes(outcome) == pytest.approx(row["throughput_MBps"], rel=TOLERANCE)


@pytest.mark.parametrize("row", AUTOTUNED, ids=cell)
def test_an_autotuned_send_buffer_fills_the_link_and_costs_most(row):
    """It overfills the relay's queue: latency follows the losses, so it is only bounded here."""
    outcome = run(row, measured_buffer(row))
    largest = max(other["p50_ms"] for other in FIXED if other["rate_mbit"] == row["rate_mbit"])
    assert megabytes(outcome) == pytest.approx(row["throughput_MBps"], rel=0.05)
    assert p50_ms(outcome) > 1.5 * largest


def test_a_filled_link_waits_for_the_send_buffer():
    row = next(row for row in FIXED if row["rate_mbit"] == 10 and row["sndbuf"] == 65_536)
    ledger = run(row, measured_buffer(row)).ledger_ns()
    assert max(ledger, key=lambda cause: ledger[cause]) == "sndbuf"
