"""What the helper saw, as arrays: messages, packets with relative sequence numbers, the kernel's own counters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.groundtruth.record import layout
from experiments.groundtruth.record.plan import Plan
from experiments.groundtruth.record.support import CannotRecord

WRAP = 1 << 32
TCP_SYN, TCP_ACK = 0x02, 0x10
SETTINGS = ("RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn")  # among the counters, but none
Rows = NDArray[Any]


@dataclass(frozen=True)
class Observed:
    """A recording's raw content; times are ns since t0, ends and ways are numbered client, server."""

    t0: int
    """CLOCK_MONOTONIC, ns."""
    report: Any  # layout.REPORT
    messages: tuple[Rows, Rows]
    """`layout.MESSAGE` rows the client and the server called for; `read` is 0 for one that was not read."""
    packets: Rows
    """`layout.PACKET` in the order the wire took them."""
    sysctls: dict[str, str]
    counters: tuple[dict[str, int], dict[str, int]]
    """The kernel's own, those that are not 0: "TcpOutSegs", "TcpExtDelayedACKs", ..."""
    dropped: tuple[int, int]
    """Packets the TUN devices dropped; anything but 0 spoils a recording."""

    @property
    def cut_short(self) -> bool:
        """Did the time limit end it?"""
        return bool(self.report["cut_short"])


def parse(raw: bytes, plan: Plan) -> Observed:
    """The helper's stdout. Raises CannotRecord when it is not whole."""
    at = 0
    parts: list[Rows] = []
    for dtype, count in (
        (layout.REPORT, 1),
        (layout.MESSAGE, len(plan.messages[0])),
        (layout.MESSAGE, len(plan.messages[1])),
        (layout.PACKET, None),
    ):
        n = int(parts[0][0]["packets"]) if count is None else count
        if len(raw) < at + n * dtype.itemsize:
            raise CannotRecord("the recording is not whole")
        parts.append(np.frombuffer(raw, dtype, n, at).copy())
        at += n * dtype.itemsize
    report, client, server, packets = parts[0][0], *parts[1:]
    if not ((packets["flags"] & TCP_SYN) > 0).any():
        raise CannotRecord("no connection came about")
    ends = report["end"]
    texts = [bytes(e["counters"]).decode() for e in ends]
    return Observed(
        t0=int(report["t0"]),
        report=report,
        messages=(client[: ends[0]["called"]], server[: ends[1]["called"]]),
        packets=_relative(packets),
        sysctls=_sysctls(bytes(ends[0]["sysctls"]).decode()),
        counters=(_counters(texts[0]), _counters(texts[1])),
        dropped=(_dropped(texts[0]), _dropped(texts[1])),
    )


def _relative(p: Rows) -> Rows:
    """Sequence numbers from 0 at the first data byte, windows in bytes."""
    first: list[int] = []
    for way in (0, 1):
        mine = p["way"] == way
        syn = p[mine & ((p["flags"] & TCP_SYN) > 0)]
        first.append(int(syn["seq"][0]) + 1 if len(syn) else 0)
        if len(syn) and syn["scale"][0] > 0:
            p["win"][mine & ((p["flags"] & TCP_SYN) == 0)] <<= syn["scale"][0]
    for way in (0, 1):
        mine = p["way"] == way
        p["seq"][mine] = _offset(p["seq"][mine], first[way])
        p["ack"][mine] = _offset(p["ack"][mine], first[1 - way])
        p["sack"][mine] = _offset(p["sack"][mine], first[1 - way])
    p["ack"][(p["flags"] & TCP_ACK) == 0] = 0
    return p


def _offset(number: Rows, first: int) -> Rows:
    return (number - first + WRAP // 2) % WRAP - WRAP // 2


def _sysctls(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name: " ".join(value.split()) for name, value in pairs}


def _counters(text: str) -> dict[str, int]:
    """/proc/net/netstat and snmp: a line of names, a line of numbers."""
    lines = [line.split() for line in text.splitlines()]
    found: dict[str, int] = {}
    for names, numbers in pairwise(lines):
        if names and names[0] in ("Tcp:", "TcpExt:") and numbers[:1] == names[:1] and names[1][0].isalpha():
            group = names[0].rstrip(":")
            values = dict(zip(names[1:], map(int, numbers[1:]), strict=True))
            found |= {group + name: n for name, n in values.items() if n and name not in SETTINGS}
    return found


def _dropped(text: str) -> int:
    """/proc/net/dev: received and sent packets the device dropped."""
    for line in text.splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "tinygram0":
            fields = numbers.split()
            return int(fields[3]) + int(fields[11])
    return 0
