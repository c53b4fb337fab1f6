"""Does the model agree with recorded stacks, and where it does not, why?

A percentile agrees when it is within 15 % or 1 ms of the recorded one (the median of runs that repeat each other). It
is a matter of *sampling* when the recorded value lies within that of what a run of as many messages may show: P99 of
300 messages is the third largest, and where stalls come in one message out of a hundred it can be either value. write()
calls agree to the handshake's own, throughput within 20 %, the time to 90 % of a rate within two buckets of 20 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from experiments.groundtruth.stacks.recorded import Group, Setting
from experiments.groundtruth.stacks.simulated import Figures, simulated

if TYPE_CHECKING:
    from sim.run import Driver

SHARE, LEAST_US = 0.15, 1_000.0
THROUGHPUT = 0.20
TIME_MS = 40.0
HANDSHAKE = 6
"""write() calls of the connection's own: preface, SETTINGS and their acknowledgements, HEADERS of the call."""
WRITES, MERGED = 0.05, 0.005
"""Of write() calls that depend on when a probe's answer comes; of others, which a late sender merges now and then."""

AGREES, SAMPLING, OFF, NOT_JUDGED = "agrees", "sampling", "off", ""


@dataclass(frozen=True)
class Figure:
    """One figure of a group: recorded, simulated, and the verdict."""

    name: str
    recorded: float
    simulated: float
    verdict: str
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """A group of recorded runs and what the model makes of it."""

    group: Group
    figures: tuple[Figure, ...]

    @property
    def off(self) -> list[Figure]:
        """What disagrees."""
        return [f for f in self.figures if f.verdict == OFF]

    @property
    def unexplained(self) -> list[Figure]:
        """What disagrees for no reason that is known."""
        return [f for f in self.off if not f.reason]


def judge(group: Group, seeds: Sequence[int], driver: Driver = "auto") -> Row:
    """Simulate a group and compare."""
    found = simulated(group.setting, round(median(run.messages for run in group.runs)), seeds, driver)
    return Row(group, tuple(_figures(group, found)))


def _figures(group: Group, model: Figures) -> Iterator[Figure]:
    setting = group.setting
    for name in ("p50", "p99"):
        recorded = _middle(group, name)
        verdict = _percentile(recorded, getattr(model, name), getattr(model, f"{name}_band"))
        if setting.experiment in {"S4", "FC"}:
            verdict = NOT_JUDGED
        yield _figure(setting, name, recorded, getattr(model, name), verdict)
    calls = median(run.writes / run.messages for run in group.runs)
    n = median(run.messages for run in group.runs)
    low, high = model.writes_range
    slack = HANDSHAKE / n + calls * (WRITES if setting.bdp or not setting.paced else MERGED)
    agrees = low - slack <= calls <= high + slack
    yield _figure(setting, "writes", calls, model.writes, AGREES if agrees else OFF)
    if not setting.paced:
        name = "steady" if setting.experiment == "FC" else "throughput"
        recorded, ours = _middle(group, name), getattr(model, name)
        agrees = abs(ours - recorded) <= THROUGHPUT * recorded
        yield _figure(setting, name, recorded, ours, AGREES if agrees else OFF)
    if setting.experiment == "FC":
        times = [run.t90_ms for run in group.runs if run.t90_ms is not None]
        if times and model.t90_ms is not None:
            agrees = min(times) - TIME_MS <= model.t90_ms <= max(times) + TIME_MS
            yield _figure(setting, "t90", median(times), model.t90_ms, AGREES if agrees else OFF)


def _percentile(recorded: float, ours: float, band: tuple[float, float]) -> str:
    if abs(recorded - ours) <= max(LEAST_US, SHARE * recorded):
        return AGREES
    slack = max(LEAST_US, SHARE * recorded)
    return SAMPLING if band[0] - slack <= recorded <= band[1] + slack else OFF


def _middle(group: Group, name: str) -> float:
    values: list[float | None] = [getattr(run, name) for run in group.runs]
    return median(v for v in values if v is not None)


def _figure(setting: Setting, name: str, recorded: float, ours: float, verdict: str) -> Figure:
    reason = why(setting, name, recorded, ours) if verdict == OFF else ""
    return Figure(name, recorded, ours, verdict, reason)


HICCUP, RACE, SHARED, RELAY = "hiccup", "race", "shared cores", "relay"
COALESCED, GROWTH, CREDIT, PAUSES = "shared write", "window growth", "C-core's credit", "C-core's pauses"
REASONS = {
    HICCUP: "single messages were delayed on the recording machine, which others used too: nothing in the path could "
    "hold them",
    RACE: "two packets race within microseconds, and which is first decides whether a stall follows; host costs "
    "without spread decide it always the same way",
    COALESCED: "a probe's ACK that comes within microseconds of a message shares its write()",
    GROWTH: "windows follow the highest bandwidth seen so far: noise in recorded round trips makes them larger",
    SHARED: "client and server shared two cores, so probes took milliseconds; the model gives each host its own cores",
    RELAY: "the relay, a program on the same two cores, passed no more than some 80,000 packets a second",
    CREDIT: "C-core returns credit with any write it makes and for the message under way; here at half a window",
    PAUSES: "C-core draws the pauses between its probes at random; here they are fixed, in step with the messages",
}
"""Why some figures disagree, by the word the table uses."""


def why(setting: Setting, name: str, recorded: float, ours: float) -> str:
    """The known reason of a disagreement (a key of REASONS), or ""."""
    if name == "p99" and setting.paced and recorded > ours and not held(setting):
        return HICCUP
    if not setting.nodelay and setting.burst > 1 and name in {"p50", "p99"}:
        return RACE
    if name == "writes" and setting.paced and setting.bdp:
        return COALESCED
    if name == "p99" and setting.stack == "c-core" and setting.bdp:
        return PAUSES
    if setting.experiment == "S4" and setting.stack == "c-core":
        return CREDIT
    if setting.experiment == "S4" and setting.stack == "grpc-go":
        return SHARED if setting.net == "veth" else RELAY
    if setting.experiment in {"S5", "FC"} and setting.bdp and not setting.sndbuf:
        return GROWTH
    return ""


def held(setting: Setting) -> bool:
    """May anything hold a message? Not without Nagle, nor when the one before is long acknowledged."""
    apart = setting.burst == 1 and not setting.bdp and setting.interval_ms > setting.rtt_ms
    return not setting.nodelay and not apart


def totals(rows: Sequence[Row]) -> dict[str, int]:
    """How many figures agree, are a matter of sampling, or are off, with a known reason or without."""
    figures = [f for row in rows for f in row.figures if f.verdict]
    return {
        "figures": len(figures),
        "agree": sum(f.verdict == AGREES for f in figures),
        "sampling": sum(f.verdict == SAMPLING for f in figures),
        "off, reason known": sum(f.verdict == OFF and bool(f.reason) for f in figures),
        "off": sum(f.verdict == OFF and not f.reason for f in figures),
    }
