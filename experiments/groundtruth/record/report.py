"""A recording and its verdict, for people."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from experiments.groundtruth.record.precision import NAMES
from experiments.groundtruth.record.run import Recording
from experiments.groundtruth.record.verdict import Line, Verdict

SENTENCE = {
    "agrees": "The model agrees with this kernel.",
    "differs": "The model differs from this kernel where marked.",
    "undecided": "Undecided: figures differ, but the recording was disturbed. Record on a quieter machine, or again.",
}


WAY = {"c2s": "client to server", "s2c": "server to client", "rr": "request to reply"}


def text(r: Recording, verdict: Verdict | None) -> str:
    """What `tinygram groundtruth record` prints."""
    parts = [_head(r), _precision(r)]
    if verdict is not None:
        parts.append(_comparison(verdict))
    return "\n\n".join("\n".join(part) for part in parts)


def _head(r: Recording) -> Iterator[str]:
    s = r.plan.scenario
    if s.title:
        yield s.title
    tries = f", try {r.tries}" if r.tries > 1 else ""
    yield f"{s.name}, seed {r.plan.seed}, on Linux {platform.release()} (HZ {r.plan.hz}){tries}"
    read = sum(int((m["read"] > 0).sum()) for m in r.seen.messages)
    called = sum(len(m) for m in r.seen.messages)
    cut = f"; the time limit ended it, {called - read:,} unread" if r.seen.cut_short else ""
    yield f"{read:,} messages read, {len(r.seen.packets):,} packets{cut}"


def _precision(r: Recording) -> Iterator[str]:
    yield f"{'precision, us':<44}{'P50':>8}{'P99':>8}{'max':>8}"
    for name, f in r.precision.figures.items():
        yield f"  {NAMES[name]:<42}{f['p50']:8.1f}{f['p99']:8.1f}{f['max']:8.0f}"
    for complaint in r.precision.complaints:
        yield f"  disturbed: {complaint}"
    if not r.seen.report["realtime"]:
        yield "  without real-time priority"


def _comparison(v: Verdict) -> Iterator[str]:
    for row in v.rows:
        yield f"{WAY[row.direction]:<22}{'measured':>11}{'simulated':>11}{'apart':>10}{'allowed':>9}"
        for line in v.lines(row):
            yield _line(line)
        if row.departs < 0:
            yield "  the same data segments from first to last"
        else:
            yield f"  the same data segments up to number {row.departs:,}"
    yield SENTENCE[v.word]


def _line(line: Line) -> str:
    digits = 0 if line.count else 2
    apart = line.simulated - line.measured
    allowed = "" if line.allowed is None else f"{line.allowed:,.{digits}f}"
    numbers = f"{line.measured:11,.{digits}f}{line.simulated:11,.{digits}f}{apart:+10,.{digits}f}{allowed:>9}"
    return f"  {line.name:<20}{numbers}{'' if line.agrees else '  differs'}"
