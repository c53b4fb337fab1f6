"""What held: line by line, in a line, for programs, and as the table of `docs/model/conformance.md`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from experiments.packetdrill.verdict import Verdict

MARKS = {"held": "ok", "failed": "FAILED", "unchecked": "-", "blocked": "blocks", "not reached": ""}
WIDTH = 88


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


def table(verdicts: Iterable[Verdict], outcome_wanted: str) -> str:
    """The scripts of one outcome, in Markdown."""
    rows = [f"| `{v.name}` | {_cell(summary(v))} |" for v in verdicts if outcome(v) == outcome_wanted]
    return "\n".join(["| script | |", "|---|---|", *rows])


def _cell(words: str) -> str:
    return words.removeprefix("out of scope, ").replace("<", "`<").replace(">", ">`").replace("|", "\\|")


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
