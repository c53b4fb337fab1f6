"""How precise a recording is: how late the wire was, how long a reader took to wake up, whether anything was disturbed.

Figures are us. A recording that exceeds a bound of `BOUNDS` says more about the machine's other work than about TCP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.groundtruth.record.observe import Observed
from experiments.groundtruth.record.plan import Plan

Figures = dict[str, float]
US = 1_000
DELACK_NS = 40_000_000
ON_TICK_NS = 600_000  # an ACK sent so soon after a tick is a timer's
FEW = 0.1

BOUNDS = {  # (P99, max)
    "wire_lateness_us": (100, 1_500),
    "wire_intake_us": (150, 1_500),
    "writer_lateness_us": (150, 1_500),
    "reader_wakeup_us": (250, 2_000),
}
NAMES = {
    "wire_lateness_us": "wire: hand-over behind its due time",
    "wire_intake_us": "wire: packet taken behind its sending",
    "wire_handover_us": "wire: receiving kernel's work on a packet",
    "writer_lateness_us": "writer: call behind its intended time",
    "reader_wakeup_us": "reader: read() behind the hand-over",
}


@dataclass(frozen=True)
class Precision:
    """Quantiles by figure, and what is wrong with the recording."""

    figures: dict[str, Figures]
    complaints: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Nothing to complain of."""
        return not self.complaints


def precision(seen: Observed, plan: Plan) -> Precision:
    """The figures of one recording."""
    found = {name: _quantiles(values) for name, values in _measure(seen, plan) if len(values)}
    return Precision(found, (*_too_late(found), *_inconsistent(seen), *_late_ticks(seen, plan)))


def _measure(seen: Observed, plan: Plan) -> Iterator[tuple[str, NDArray[Any]]]:
    p = seen.packets
    out = p[p["out"] != 0]
    out = out[np.argsort(out["out"], kind="stable")]
    free = np.concatenate(([-(1 << 60)], out["handed"][:-1]))  # hand-overs are made one by one
    yield "wire_lateness_us", (out["out"] - np.maximum(out["due"], free)) / US
    yield "wire_intake_us", p["late"][p["late"] >= 0] / US
    yield "wire_handover_us", (out["handed"] - out["out"]) / US
    yield "writer_lateness_us", np.concatenate([_writer(seen.messages[i], plan, i) for i in (0, 1)])
    yield "reader_wakeup_us", np.concatenate([_reader(seen, plan, way) for way in (0, 1)])


def _writer(m: NDArray[Any], plan: Plan, end: int) -> NDArray[Any]:
    """Calls behind their intended times, where the writer was free and only slept."""
    if plan.head["end"][0, end]["two_threads"] or len(m) == 0:
        return np.zeros(0)
    free = np.concatenate(([-(1 << 60)], m["ret"][:-1])) < m["due"]
    return np.asarray((m["call"] - m["due"] - m["stall"])[free] / US)


def _reader(seen: Observed, plan: Plan, way: int) -> NDArray[Any]:
    """Reads behind the hand-over that made the message complete, where the reader reads at once."""
    reader = plan.head["end"][0, 1 - way]
    m = seen.messages[way]
    if reader["read_every"] or reader["read_pause"] or reader["read_start"] or len(m) == 0:
        return np.zeros(0)
    p = seen.packets
    edges, times = in_order(p[(p["way"] == way) & (p["len"] > 0) & (p["out"] != 0)])
    at = np.searchsorted(edges, np.cumsum(m["wire"]))
    ok = (at < len(edges)) & (m["read"] > 0)
    return np.asarray((m["read"][ok] - times[at[ok]]) / US)


def in_order(data: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """How far the receiver's stream reached without a hole, and since when."""
    reached, edges, times = 0, [], []
    early: dict[int, int] = {}
    for p in data[np.argsort(data["out"], kind="stable")]:
        start, end = int(p["seq"]), int(p["seq"] + p["len"])
        early[start] = max(early.get(start, 0), end)
        before = reached
        while fits := [s for s in early if s <= reached]:
            reached = max(reached, *(early.pop(s) for s in fits))
        if reached > before:
            edges.append(reached)
            times.append(int(p["out"]))
    return np.array(edges, np.int64), np.array(times, np.int64)


def _quantiles(values: NDArray[Any]) -> Figures:
    p50, p90, p99 = np.percentile(values, (50, 90, 99))
    numbers = {"p50": p50, "p90": p90, "p99": p99, "max": values.max()}
    return {name: round(float(v), 2) for name, v in numbers.items()} | {"n": len(values)}


def _too_late(found: dict[str, Figures]) -> Iterator[str]:
    for name, (p99, most) in BOUNDS.items():
        if name in found and (found[name]["p99"] > p99 or found[name]["max"] > most):
            f = found[name]
            yield f"{NAMES[name]}: P99 {f['p99']:.0f} us, max {f['max']:.0f} us"


def _late_ticks(seen: Observed, plan: Plan) -> Iterator[str]:
    """A processor that is not the one that keeps the time may see ticks one late: its timers then fire a tick late.

    Where the RTT is within 40 ms the delayed-ACK timer has its least value, 40 ms: armed within tick n it fires 40 ms
    and one tick behind tick n.
    """
    net, tick = plan.scenario.network, 1_000_000_000 // plan.hz
    if net.up.delay + net.down.delay > DELACK_NS:
        return
    waited = [ticks for way in (0, 1) for ticks in _timer_ticks(seen, way, tick)]
    late = sum(ticks > DELACK_NS // tick + 1 for ticks in waited)
    if late > len(waited) * FEW:
        yield f"{late} of {len(waited)} delayed-ACK timers fired a tick late"


def _timer_ticks(seen: Observed, way: int, tick: int) -> Iterator[int]:
    """Ticks from a segment's arrival to the delayed-ACK timer's ACK of it, for every such ACK."""
    p = seen.packets
    data = p[(p["way"] == way) & (p["len"] > 0) & (p["out"] > 0)]
    acks = p[(p["way"] != way) & (p["len"] == 0) & (p["taken"] > 0)]
    ends = np.maximum.accumulate(data["seq"] + data["len"])
    done = 0
    for ack in acks:
        covered = int(np.searchsorted(ends, ack["ack"], "right"))
        if covered > done:
            armed, fired = int(data["out"][done]) + seen.t0, int(ack["taken"]) + seen.t0
            if fired - armed > DELACK_NS - tick and fired % tick < ON_TICK_NS:
                yield fired // tick - armed // tick
            done = covered


def _inconsistent(seen: Observed) -> Iterator[str]:
    """Was there a connection in time, and does the log agree with the kernels?"""
    if int(seen.report["end"]["connected"].max()) > 0:
        yield "the connection was not ready when the workload began"
    for name, dropped in zip(("client", "server"), seen.dropped, strict=True):
        if dropped:
            yield f"the {name}'s TUN device dropped {dropped} packets"
    if seen.report["out_of_fates"]:
        yield "there were more packets than fates had been drawn for"
    for i, name in enumerate(("client", "server")):
        sent = seen.counters[i].get("TcpOutSegs", 0) + seen.counters[i].get("TcpRetransSegs", 0)
        logged = int((seen.packets["way"] == i).sum())
        if sent and not seen.cut_short and abs(sent - logged) > 1:
            yield f"the {name}'s kernel sent {sent} segments, the wire saw {logged}"
