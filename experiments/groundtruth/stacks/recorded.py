"""Recorded runs of real stacks: one row of a table a run, runs that repeat each other grouped.

The tables' columns are those of the recorder (`tests/grpc-measured/README.md`): what was set, and what came out.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.stacks import STACKS as PROFILES
from sim.errors import Problem, ScenarioError

STACKS = {"grpc-go": "grpc-go", "grpcio": "c-core", "node-http2": "node"}
"""Implementations as the tables name them, and their profile."""

DEFAULT_BUFFER = 32_768
DEFAULT_WINDOW = 65_535
THREE_WRITES = (1, 78)  # grpc-go writes an unbuffered frame as three pieces from this version on


@dataclass(frozen=True)
class Setting:
    """What was set: everything a scenario needs."""

    experiment: str  # S1, S2, S2s, S3, S3b, S1x, S1d, S4, S5, FC
    stack: str  # the profile's name
    version: str  # "" = the profile has none
    net: str  # veth | tun
    rtt_ms: float
    rate_mbit: float  # 0 = unlimited
    buffer: int | None  # write buffer; None: the stack has no such setting
    nodelay: bool
    bdp: bool
    stream_window: int
    connection_window: int
    size: int
    interval_ms: float  # 0 = always something to send
    burst: int
    count: int
    streams: int
    up: bool
    sndbuf: int

    @property
    def paced(self) -> bool:
        """Messages at times, not as fast as they go."""
        return self.interval_ms > 0

    @property
    def bound_by_unknown_cpu(self) -> bool:
        """Only the machine's cost limits it, and for this stack that is not known: there is nothing to simulate."""
        return not self.paced and self.net == "veth" and "profile" not in PROFILES[self.stack].at("")

    @property
    def profile(self) -> str:
        """As `stack` takes it."""
        return f"{self.stack}@{self.version}" if self.version else self.stack

    @property
    def alike(self) -> tuple[Any, ...]:
        """Equal for runs that repeat each other.

        A write buffer never delays a lone message, so paced single messages are alike whatever their buffer, and
        whatever the version, as long as a frame is one write().
        """
        how: tuple[Any, ...] = (self.version, self.buffer)
        if self.paced and self.burst == 1:
            apart = self.buffer == 0 and self.stack == "grpc-go"
            how = ("unbuffered", _numbers(self.version) >= THREE_WRITES) if apart else ("buffered",)
        kind = "S1" if self.experiment == "S1d" else self.experiment
        return (
            kind, self.stack, self.net, self.rtt_ms, self.rate_mbit, self.nodelay, self.bdp, self.stream_window,
            self.connection_window, self.size, self.interval_ms, self.burst, self.streams, self.up, self.sndbuf, *how,
        )  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One recorded run; times in us, throughput in bytes a second of payload."""

    setting: Setting
    messages: int
    mean: float
    p50: float
    p99: float
    max: float
    throughput: float
    writes: int  # write() calls of the sender's connection, handshake and probes included
    steady: float | None = None  # FC: bytes a second once settled
    t90_ms: float | None = None  # FC: until 90 % of that


@dataclass(frozen=True)
class Group:
    """Runs that repeat each other."""

    runs: tuple[Run, ...]

    @property
    def setting(self) -> Setting:
        """That of the first."""
        return self.runs[0].setting


def read(folder: Path) -> list[Group]:
    """The runs of the tables in `folder` that can be simulated, grouped. ScenarioError if there are none."""
    files = sorted(folder.glob("runs_*.csv"))
    if not files:
        raise ScenarioError([Problem(str(folder), "no tables", "a folder with runs_*.csv, like tests/grpc-measured")])
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for file in files:
        for run in _runs(file):
            groups.setdefault(run.setting.alike, []).append(run)
    found = [Group(tuple(runs)) for runs in groups.values()]
    return [group for group in found if not group.setting.bound_by_unknown_cpu]


def _runs(file: Path) -> Iterator[Run]:
    with file.open(newline="") as table:
        for number, row in enumerate(csv.DictReader(table), 2):
            try:
                yield _run(row)
            except (KeyError, ValueError) as error:
                cure = "the columns are those of tests/grpc-measured"
                raise ScenarioError([Problem(f"{file.name}:{number}", f"cannot be read: {error}", cure)]) from None


def _run(row: dict[str, str]) -> Run:
    found = json.loads(row["size_hist"] or "{}") if row["scenario"].startswith("FC") else {}
    return Run(
        setting=_setting(row),
        messages=int(row["n"]),
        mean=float(row["mean_us"]),
        p50=float(row["p50_us"]),
        p99=float(row["p99_us"]),
        max=float(row["max_us"]),
        throughput=float(row["throughput_MBps"]) * 1e6,
        writes=int(row["tx_writes"]),
        steady=found["steady_MBps"] * 1e6 if found else None,
        t90_ms=found.get("t_ms_to_90pct_of_steady"),
    )


def _setting(row: dict[str, str]) -> Setting:
    stack = STACKS[row["impl"]]
    experiment = re.split(r"[_ ]", row["scenario"])[0]
    sndbuf = re.search(r"sndbuf=(\d+)", row["scenario"])
    default = {"default(32768)": DEFAULT_BUFFER, "n/a": None}
    return Setting(
        experiment=experiment,
        stack=stack,
        version=row["version"].split("/")[0] if stack == "grpc-go" else "",
        net=row["net"],
        rtt_ms=float(row["rtt_ms"]),
        rate_mbit=float(row["rate_mbit"] or 0),
        buffer=default[row["wbs"]] if row["wbs"] in default else int(row["wbs"]),
        nodelay=row["nodelay_srv"] != "false",
        bdp=row["bdp"] == "1" and stack != "node",
        stream_window=_window(row["iws"]),
        connection_window=_window(row["icws"]),
        size=int(row["size"]),
        interval_ms=float(row["interval_ms"]),
        burst=int(row["burst"]),
        count=int(row["count"]),
        streams=int(row["streams"]),
        up=row["dir"] == "up",
        sndbuf=int(sndbuf[1]) if sndbuf else 0,
    )


def _window(text: str) -> int:
    return DEFAULT_WINDOW if text == "default" else int(text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split(".") if part.isdecimal())
