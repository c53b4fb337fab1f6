"""What is measured of a run, recorded or simulated, by the same instrument: messages and packets in, figures out.

Latency is from the write() call to the return of the read() that delivered the last byte (request-response: from the
first write of the request to the last byte of the reply). A direction `rr` is the client's view.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.groundtruth.replay import Replay
from models.constants import FIN_FLAG, SYN_FLAG
from sim.errors import Problem, ScenarioError

Floats = NDArray[np.float64]
Sequence = list[tuple[int, int]]
"""Data segments in the order they were sent: (first byte, length)."""

C2S, S2C = 0, 1
BLOCKED_US = 1_000
"""A write() call that takes longer was blocked."""

TIMER_ACK_US = 35_000
AFTER_TICK_US = 600
"""An ACK that came this late, and this soon after a tick, is the delayed-ACK timer's."""

PACKET = np.dtype(
    [
        ("way", np.int8), ("t_in", float), ("t_out", float), ("seq", np.int64), ("ack", np.int64), ("len", np.int64),
        ("control", np.bool_),
    ]
)  # fmt: skip
"""One packet; times in us, `t_out` nan when it was dropped, `control` for SYN, FIN and RST."""


@dataclass(frozen=True)
class Messages:
    """One direction's messages, times in us; nan for what never came."""

    call: Floats
    returned: Floats
    delivered: Floats

    @property
    def latency(self) -> Floats:
        """Of those that were delivered, in us, ascending."""
        latency = self.delivered - self.call
        return np.sort(latency[np.isfinite(latency)])


@dataclass(frozen=True)
class Log:
    """One run: messages by direction, and every packet."""

    messages: Mapping[str, Messages]
    packets: NDArray[Any]
    hz: int
    phase: int


@dataclass(frozen=True)
class Figures:
    """One direction's figures; times in us."""

    p50: float
    p90: float
    p99: float
    max: float
    messages: int
    segments: int
    acks: int  # without data
    timer_acks: int  # sent by the delayed-ACK timer
    retransmissions: int
    blocked: float  # in write() calls of more than 1 ms
    blocked_writes: int


# ---- logs ------------------------------------------------------------------------------------------------------------


def recorded(folder: Path, name: str, hz: int, phase: int) -> Log:
    """The log of a recording. Raises ScenarioError when a file is missing or not what it should be."""
    try:
        rows = list(_rows(folder, f"{name}.msgs.csv"))
        packets = np.array([_packet(p) for p in _rows(folder, f"{name}.pkts.csv")], PACKET)
        end = "t_reply_us" if rows and "t_reply_us" in rows[0] else "t_del_us"
        columns = ("t_call_us", "t_ret_us", end)
        ways = sorted({row.get("dir", "rr") for row in rows})
        messages = {way: Messages(*(_column(rows, way, key) for key in columns)) for way in ways}
    except (KeyError, ValueError) as error:
        cure = "see docs/guides/groundtruth.md for the columns"
        raise ScenarioError([Problem(f"{folder / name}.*.csv", f"not as recordings are ({error})", cure)]) from None
    return Log(messages, packets, hz, phase)


def _rows(folder: Path, name: str) -> Iterable[dict[str, str]]:
    for file in (folder / name, folder / f"{name}.gz"):
        if file.exists():
            opener = gzip.open if file.suffix == ".gz" else open
            with opener(file, "rt", newline="") as f:
                yield from csv.DictReader(f)
            return
    raise ScenarioError([Problem(str(folder / name), "there is no such file, nor one with .gz", "record it first")])


def _us(cell: str) -> float:
    return float(cell) if cell else float("nan")


def _column(rows: list[dict[str, str]], way: str, key: str) -> Floats:
    return np.array([_us(row[key]) for row in rows if row.get("dir", "rr") == way])


def _packet(p: Mapping[str, str]) -> tuple[object, ...]:
    way = C2S if p["dir"] == "c2s" else S2C
    times = _us(p["t_in_us"]), _us(p["t_out_us"])
    return (way, *times, int(p["seq"]), int(p["ack"]), int(p["len"]), bool(set(p["flags"]) & set("SFR")))


def simulated(r: Replay) -> Log:
    """The log of a replay."""
    rr = "rr" in r.recording.spec["traffic"]
    messages = {}
    for way in r.recording.directions:
        rows = r.server if way == "s2c" else r.client
        ends = r.server["t_read"][: len(rows)] if rr else rows["t_read"]
        rows = rows[: len(ends)]
        messages[way] = Messages(*(column / 1000.0 for column in (rows["t_call"], rows["t_ret"], ends)))
    p = r.packets
    packets = np.zeros(len(p), PACKET)
    packets["way"] = p["direction"]
    packets["t_in"] = p["into"] / 1000.0
    packets["t_out"] = np.where(p["drop"] > 0, np.nan, p["due"] / 1000.0)
    for name in ("seq", "ack", "len"):
        packets[name] = p[name]
    packets["control"] = p["flags"] & (SYN_FLAG | FIN_FLAG) > 0
    return Log(messages, packets, r.recording.hz, r.recording.phase)


# ---- figures ---------------------------------------------------------------------------------------------------------


def ways(direction: str) -> tuple[int, int]:
    """The ways data and its ACKs take."""
    return (S2C, C2S) if direction == "s2c" else (C2S, S2C)


def sequence(log: Log, direction: str) -> Sequence:
    """The data segments of a direction."""
    data = log.packets[(log.packets["way"] == ways(direction)[0]) & (log.packets["len"] > 0)]
    return list(zip(data["seq"].tolist(), data["len"].tolist(), strict=True))


def figures(log: Log, direction: str) -> Figures:
    """Everything that is compared of one direction."""
    m = log.messages[direction]
    latency = m.latency
    p50, p90, p99, most = np.percentile(latency, (50, 90, 99, 100)) if len(latency) else [float("nan")] * 4
    blocked = m.returned - m.call
    blocked = blocked[np.isfinite(blocked) & (blocked > BLOCKED_US)]
    segments = sequence(log, direction)
    p = log.packets
    pure = (p["way"] == ways(direction)[1]) & (p["len"] == 0) & ~p["control"] & (p["t_in"] > 0)
    return Figures(
        p50=float(p50),
        p90=float(p90),
        p99=float(p99),
        max=float(most),
        messages=len(latency),
        segments=len(segments),
        acks=int(pure.sum()),
        timer_acks=timer_acks(log, direction),
        retransmissions=retransmissions(segments),
        blocked=float(blocked.sum()),
        blocked_writes=len(blocked),
    )


def retransmissions(segments: Sequence) -> int:
    """Segments without a byte that is new."""
    highest = again = 0
    for seq, length in segments:
        again += seq + length <= highest
        highest = max(highest, seq + length)
    return again


def timer_acks(log: Log, direction: str) -> int:
    """Pure ACKs of new data that waited about the timer's 40 ms and left on a tick."""
    forward, back = ways(direction)
    p = log.packets
    arrived = p[(p["way"] == forward) & (p["len"] > 0) & np.isfinite(p["t_out"])]
    acks = p[(p["way"] == back) & ~p["control"]]
    events = sorted(
        [(float(q["t_out"]), 0, int(q["seq"] + q["len"]), 0) for q in arrived]
        + [(float(q["t_in"]), 1, int(q["ack"]), int(q["len"])) for q in acks]
    )
    tick = 1e6 / log.hz
    waiting: list[tuple[float, int]] = []
    una = found = 0
    for t, is_ack, end, length in events:
        if not is_ack:
            if end > una:
                waiting.append((t, end))
        elif end > una:
            una = end
            since = min((at for at, e in waiting if e <= end), default=t)
            waiting = [(at, e) for at, e in waiting if e > end]
            on_tick = (t + log.phase / 1000) % tick < AFTER_TICK_US
            found += length == 0 and t - since >= TIMER_ACK_US and on_tick
    return found


def departure(a: Sequence, b: Sequence) -> int:
    """The first data segment in which two runs differ; -1 when they do not."""
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return i
    return -1 if len(a) == len(b) else min(len(a), len(b))
