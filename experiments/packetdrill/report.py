"""What held: line by line, in a line, for programs, and as the table of `docs/model/conformance.md`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from experiments.packetdrill.verdict import Verdict

MARKS = {"held": "ok", "failed": "FAILED", "unchecked": "-", "blocked": "blocks", "not reached": ""}
WIDTH = 88
MANY = 12
"""So many scripts are counted, not named."""


def text(verdict: Verdict) -> str:
    """For people."""
    rows = [row(verdict)]
    for line in verdict.lines:
        shown = line.event.text if len(line.event.text) <= WIDTH else f"{line.event.text[: WIDTH - 1]}…"
        rows.append(f"{line.event.line:5d}  {MARKS[line.status]:7s} {shown}")
        if line.detail:
            rows.append(f"{'':15s}{line.detail}")
    return "\n".join(rows)


def row(verdict: Verdict) -> str:
    """One line."""
    return f"{verdict.name}: {summary(verdict)}"


def outcome(verdict: Verdict) -> str:
    """One word, or three."""
    return "out of scope" if verdict.out_of_scope else "held" if verdict.held else "does not hold"


def summary(verdict: Verdict) -> str:
    """In a few words."""
    if verdict.out_of_scope:
        return f"out of scope, {verdict.out_of_scope}"
    failed = [line for line in verdict.lines if line.status not in {"held", "unchecked"}]
    if failed:
        return f"does not hold at line {failed[0].event.line}: {failed[0].detail}"
    held = "all held" + (f", with the kernel's clock {verdict.phase // 1_000_000} ms further" if verdict.phase else "")
    unchecked = sum(line.status == "unchecked" for line in verdict.lines)
    return held + (f", {unchecked} of {len(verdict.lines)} lines say nothing about the model" if unchecked else "")


def markdown(verdicts: Sequence[Verdict]) -> str:
    """Everything as the tables of `docs/model/conformance.md`."""
    held = [v for v in verdicts if v.held]
    wrong = [v for v in verdicts if not v.held and not v.out_of_scope]
    beyond = [v for v in verdicts if v.out_of_scope]
    return "\n\n".join([
        f"### Held: {len(held)} of {len(verdicts)}", _table("script", "remark", [_held_row(v) for v in held]),
        f"### Does not hold: {len(wrong)}", _table("script", "where", [(_code(v.name), _where(v)) for v in wrong]),
        f"### Out of scope: {len(beyond)}", _table("asks for", "scripts", _reasons(beyond)),
    ])  # fmt: skip


def _held_row(verdict: Verdict) -> tuple[str, str]:
    return _code(verdict.name), summary(verdict).removeprefix("all held").removeprefix(", ")


def _where(verdict: Verdict) -> str:
    line, _, seen = summary(verdict).removeprefix("does not hold at ").partition(": ")
    return f"{line}: {_code(seen)}"


def _reasons(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """The scripts by what they ask for, the most frequent first."""
    found: dict[str, list[str]] = {}
    for v in verdicts:
        found.setdefault(v.out_of_scope.partition(": ")[2] or v.out_of_scope, []).append(v.name)
    most_first = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        (reason, ", ".join(map(_code, names)) if len(names) < MANY else str(len(names))) for reason, names in most_first
    ]


def _code(words: str) -> str:
    return f"`{words}`"


def _table(left: str, right: str, rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"| {left} | {right} |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def as_dict(verdict: Verdict) -> dict[str, Any]:
    """For programs."""
    return {
        "script": verdict.name,
        "outcome": outcome(verdict),
        "held": verdict.held,
        "out_of_scope": verdict.out_of_scope or None,
        "clock_ms": verdict.phase // 1_000_000,
        "lines": [
            {"line": x.event.line, "event": x.event.text, "status": x.status, "detail": x.detail or None}
            for x in verdict.lines
        ],
    }
