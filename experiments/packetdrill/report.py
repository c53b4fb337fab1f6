"""What held, line by line."""

from __future__ import annotations

from typing import Any

from experiments.packetdrill.runner import Verdict

MARKS = {"held": "ok", "failed": "FAILED", "unchecked": "-", "blocked": "blocks", "not reached": ""}
WIDTH = 88


def text(verdict: Verdict) -> str:
    """For people."""
    rows = [f"{verdict.name}: {summary(verdict)}"]
    for line in verdict.lines:
        shown = line.event.text if len(line.event.text) <= WIDTH else f"{line.event.text[: WIDTH - 1]}…"
        rows.append(f"{line.event.line:5d}  {MARKS[line.status]:7s} {shown}")
        if line.detail:
            rows.append(f"{'':15s}{line.detail}")
    return "\n".join(rows)


def summary(verdict: Verdict) -> str:
    """In a few words."""
    if verdict.out_of_scope:
        return f"out of scope, {verdict.out_of_scope}"
    failed = [line.event.line for line in verdict.lines if line.status not in {"held", "unchecked"}]
    if failed:
        return f"does not hold, first at line {failed[0]}"
    unchecked = sum(line.status == "unchecked" for line in verdict.lines)
    return "all held" + (f", {unchecked} of {len(verdict.lines)} lines say nothing about the model" if unchecked else "")


def as_dict(verdict: Verdict) -> dict[str, Any]:
    """For programs."""
    return {
        "script": verdict.name,
        "held": verdict.held,
        "out_of_scope": verdict.out_of_scope or None,
        "lines": [
            {"line": x.event.line, "event": x.event.text, "status": x.status, "detail": x.detail or None}
            for x in verdict.lines
        ],
    }
