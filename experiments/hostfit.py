"""A host profile from measurements: what one message, one write() and one byte cost.

A stream that always has something to send over a path that costs nothing is limited by the CPU. Each message then takes

    T = message + wire_bytes * byte + writes * write

of the busier end's core, and how many write() calls it takes follows from the write buffer alone: the application hands
over one quota of messages, then the framer writes them (`models.application`). Twelve measured cells (two message sizes
x six buffers) fix the three prices, by least squares on the logarithm of T, so that a cell at 46 MB/s counts as much as
one at 748.

What throughput cannot tell is assumed, and said in docs/model/cpu.md: a message's price is half the application's and
half the framer's; the receiver pays RECEIVER_SHARE of the sender's price a message and a byte, and BARE_CALL a read().
A reader's wake-up is what remains of the median latency of a paced stream.

The simulation has queues, reads and ACKs that the formula has not; `simulated` runs the cell with the packaged profile.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from statistics import median

from sim.scenario import Host, Scenario, Workload
from sim.stack import framing

FRAME_HEADER = 9
PREFIX = 5
MAX_FRAME = 16_384
QUOTA = 65_536
"""grpc-go's defaultWriteQuota, bytes."""

BARE_CALL = 4_000
"""ns a read() is taken to cost: what a write() of up to 8 KB took with warm caches (measured P50, 3.7 to 4.4 us)."""
RECEIVER_SHARE = 0.75
"""Assumed. Below 1 the sender limits, as the measured dependence on write() calls demands."""
SEGMENT = 300
"""ns of softirq work a wire segment or ACK. Small: the measured path hands over super-segments of many (TSO, GRO)."""
TIMER = 8_000
"""ns from a timer tick to its handler, as on the machine of the profile linux-vm, which is the same."""

BOUNDS = {"message": (100.0, 10_000.0), "write": (1_000.0, 50_000.0), "byte": (0.05, 5.0)}
"""What is plausible for a machine of this decade, ns."""


@dataclass(frozen=True)
class Stack:
    """How a version of grpc-go writes, and the profile its costs are kept under."""

    profile: str
    pieces: int = 1  # write() calls of an unbuffered frame
    whole_frames: bool = False  # the buffer takes frames whole, up to twice its size


STACKS = {
    "1.33.3": Stack("grpc-go-1.33-host", whole_frames=True),
    "1.63.0": Stack("grpc-go-host"),
    "1.85.0-dev": Stack("grpc-go-1.85-host", pieces=3),
}
"""Measured versions of grpc-go. The buffer changed in v1.58, the unbuffered frame in v1.78."""


@dataclass(frozen=True)
class Cell:
    """One measured run: a stream at its limit."""

    version: str
    size: int  # payload bytes a message
    buffer: int  # write buffer asked for; 0 = none
    throughput: float  # payload bytes a second
    writes: float  # write() calls a message

    @property
    def stack(self) -> Stack:
        """The version's way of writing."""
        return STACKS[self.version]

    @property
    def nanoseconds(self) -> float:
        """Measured time a message."""
        return self.size / self.throughput * 1e9

    @property
    def wire(self) -> int:
        """Bytes a message takes in the stream."""
        body = PREFIX + self.size
        return body + FRAME_HEADER * math.ceil(body / MAX_FRAME)


@dataclass(frozen=True)
class Costs:
    """The three prices, ns: of a message, of a write(), of a byte."""

    message: float
    write: float
    byte: float

    def nanoseconds(self, cell: Cell) -> float:
        """What a message of the cell takes."""
        return self.message + cell.wire * self.byte + writes_per_message(cell) * self.write


@dataclass(frozen=True)
class Simulated:
    """What the simulation makes of a cell."""

    throughput: float
    writes: float
    server_cpu: float  # share of the server's busier core
    client_cpu: float


def table(name: str) -> Iterator[dict[str, str]]:
    """Rows of a measured table of experiments/data/grpc-measured."""
    file = resources.files("experiments") / "data" / "grpc-measured" / f"{name}.csv"
    yield from csv.DictReader(file.read_text(encoding="utf-8").splitlines())


def measured(version: str) -> list[Cell]:
    """The saturation cells of one version of grpc-go."""
    return [
        Cell(
            version, int(row["size"]), int(row["buffer"]), float(row["throughput_MBps"]) * 1e6,
            int(row["writes"]) / int(row["messages"]),
        )
        for row in table("saturation")
        if row["version"] == version
    ]  # fmt: skip


def flush_size(buffer: int, frame: int, whole_frames: bool) -> int:
    """Bytes of a full write(): the buffer, or (before v1.58) the whole frames that reach it, at most twice its size."""
    if not whole_frames:
        return buffer
    return min(2 * buffer, math.ceil(buffer / frame) * frame)


def writes_per_message(cell: Cell) -> float:
    """write() calls a message of a busy stream takes: a round hands over messages until the quota is used up."""
    if cell.buffer == 0:
        return cell.stack.pieces * math.ceil((PREFIX + cell.size) / MAX_FRAME)
    messages = math.ceil(QUOTA / (PREFIX + cell.size))
    full = flush_size(cell.buffer, cell.wire, cell.stack.whole_frames)
    return math.ceil(messages * cell.wire / full) / messages


def fit(cells: list[Cell]) -> Costs:
    """The prices that fit the cells best: least squares on log time, within BOUNDS."""
    import numpy as np
    from scipy.optimize import least_squares

    low, high = np.log(np.array(list(BOUNDS.values()))).T

    def residuals(x: np.ndarray) -> list[float]:
        costs = Costs(*np.exp(x))
        return [math.log(costs.nanoseconds(cell) / cell.nanoseconds) for cell in cells]

    return Costs(*(float(v) for v in np.exp(least_squares(residuals, (low + high) / 2, bounds=(low, high)).x)))


def profile(costs: Costs, wake: int) -> dict[str, int]:
    """The prices as constants of a host profile (`models.profiles`), rounded to three digits or so."""
    return {
        "message_ns": tens(costs.message / 2),
        "frame_ns": tens(costs.message / 2),
        "write_ns": tens(costs.write),
        "write_byte_ps": tens(costs.byte * 1000),
        "wake_ns": wake,
        "read_ns": BARE_CALL,
        "read_byte_ps": tens(costs.byte * 1000 * RECEIVER_SHARE),
        "deliver_ns": tens(costs.message * RECEIVER_SHARE),
        "rx_segment_ns": SEGMENT,
        "rx_ack_ns": SEGMENT,
        "irq_ns": TIMER,
    }


def tens(value: float) -> int:
    """Rounded to tens."""
    return round(value / 10) * 10


def paced_median(version: str) -> float:
    """Median one-way latency, ns, of 512 B every 10 ms: the median over write buffers and BDP probing."""
    rows = [row for row in table("paced") if row["version"] == version and row["size"] == "515"]
    return median(float(row["p50_us"]) for row in rows) * 1000


def wake_up(version: str, costs: Costs) -> int:
    """What is left for waking the reader, ns: a lone message pays for itself, one write(), a segment and a read()."""
    lone = costs.message + costs.write + costs.byte * Cell(version, 515, 0, 1, 1).wire + SEGMENT + BARE_CALL
    return max(1_000, round((paced_median(version) - lone) / 1000) * 1000)


def fitted_profile(version: str) -> dict[str, int]:
    """The host profile the measurements of one version give."""
    costs = fit(measured(version))
    return profile(costs, wake_up(version, costs))


def scenario(cell: Cell, messages: int) -> Scenario:
    """The cell's stream between two hosts of its profile. A veth pair is a function call: no rate, no delay."""
    host = Host(nodelay=True, congestion="reno", read_size=32_768, profile=cell.stack.profile)
    written = replace(framing(f"grpc-go@{cell.version}"), buffer=cell.buffer)
    workload = Workload(arrivals="greedy", size=cell.size, messages=messages, framing=written)
    return Scenario(name="saturation", workload=workload, server=host, client=host)


def simulated(cell: Cell, messages: int = 4_000) -> Simulated:
    """Simulate a cell; throughput is that of the second half, CPU that of the whole run."""
    from sim import simulate

    run = simulate(scenario(cell, messages), driver="loop")
    read, size = run.messages["read_ns"], run.messages["size"]
    half = messages // 2
    seconds = (int(read[-1]) - int(read[half - 1])) / 1e9
    cpu = run.cpu_share()
    return Simulated(float(size[half:].sum()) / seconds, run.server.writes / messages, cpu["server"], cpu["client"])
