"""A comparison in words and numbers: a row a direction, a summary by class, totals; and the same as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from experiments.groundtruth.compare import Comparison, Row
from experiments.groundtruth.judge import LATENCIES

HEAD = (
    "id", "way", "P50 ms", "", "P90 ms", "", "P99 ms", "", "max ms", "", "error", "noise", "segments", "", "ACKs", "",
    "timer", "", "rtx", "", "blocked ms", "", "departs", "out of tolerance",
)  # fmt: skip
CLASS_HEAD = ("class", "directions", "within", "exact", "median error", "worst error")


def text(c: Comparison) -> str:
    """For a terminal. Of two numbers side by side the first is the kernel's, the second the model's."""
    rows = table([HEAD, *(_cells(row) for row in c.rows)])
    classes = table([CLASS_HEAD, *(_class_cells(s) for s in summary(c))])
    return "\n".join([*rows, "", *classes, "", totals_text(totals(c.rows))])


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns: words to the left, numbers to the right; a column without a heading joins the one before it."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {0, 1, len(widths) - 1}
    gaps = ["" if i == 0 else "  " if heading else " " for i, heading in enumerate(rows[0])]
    lines = []
    for row in rows:
        sized = enumerate(zip(row, widths, strict=True))
        cells = [cell.ljust(width) if i in left else cell.rjust(width) for i, (cell, width) in sized]
        lines.append("".join(gap + cell for gap, cell in zip(gaps, cells, strict=True)).rstrip())
    return lines


def _cells(row: Row) -> list[str]:
    k, m = row.kernel, row.model
    latencies = [f"{getattr(side, q) / 1000:.2f}" for q in LATENCIES for side in (k, m)]
    counts = [str(getattr(side, n)) for n in ("segments", "acks", "timer_acks", "retransmissions") for side in (k, m)]
    return [
        row.id,
        row.direction,
        *latencies,
        f"{row.error:+.1%}",
        "" if row.noise is None else f"{row.noise:.1%}",
        *counts,
        f"{k.blocked / 1000:.0f}",
        f"{m.blocked / 1000:.0f}",
        "never" if row.departs < 0 else str(row.departs),
        " ".join(row.verdict.exceeded) + (" FAR OFF" if row.verdict.far_off else ""),
    ]


def summary(c: Comparison) -> list[dict[str, Any]]:
    """One entry a class."""
    entries = []
    for kind in sorted({row.kind for row in c.rows}):
        rows = [row for row in c.rows if row.kind == kind]
        errors = [abs(row.error) for row in rows]
        repeating = [row for row in rows if row.repeats]
        entries.append(
            {
                "class": kind,
                "directions": len(rows),
                "within": sum(row.within for row in rows),
                "repeating": len(repeating),
                "exact": sum(row.departs < 0 for row in repeating),
                "median_error": median(errors),
                "worst_error": max(errors),
            }
        )
    return entries


def _class_cells(s: dict[str, Any]) -> list[str]:
    exact = f"{s['exact']} of {s['repeating']}" if s["repeating"] else "-"
    errors = (f"{s[key]:.1%}" for key in ("median_error", "worst_error"))
    return [s["class"], str(s["directions"]), str(s["within"]), exact, *errors]


def totals(rows: Iterable[Row]) -> dict[str, Any]:
    """How many directions are within tolerance, how many that the kernel repeats are exact, which are far off."""
    rows = list(rows)
    lossless, lossy = ([row for row in rows if row.lossy is kind] for kind in (False, True))
    repeating = [row for row in rows if row.repeats]
    return {
        "lossless": {"within": sum(row.within for row in lossless), "of": len(lossless)},
        "loss_or_spikes": {"within": sum(row.within for row in lossy), "of": len(lossy)},
        "exact": {"within": sum(row.departs < 0 for row in repeating), "of": len(repeating)},
        "far_off": sorted({row.id for row in rows if row.verdict.far_off}),
    }


def totals_text(t: dict[str, Any]) -> str:
    """One sentence."""
    parts = [
        f"lossless {t['lossless']['within']} of {t['lossless']['of']} within tolerance",
        f"with loss or spikes {t['loss_or_spikes']['within']} of {t['loss_or_spikes']['of']}",
    ]
    if t["exact"]["of"]:
        parts.append(f"segment for segment {t['exact']['within']} of the {t['exact']['of']} that the kernel repeats")
    parts.append(f"far off: {' '.join(t['far_off']) or 'none'}")
    return "; ".join(parts)


def as_dict(c: Comparison) -> dict[str, Any]:
    """For `--json`."""
    return {"directions": [_entry(row) for row in c.rows], "classes": summary(c), "totals": totals(c.rows)}


def _entry(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "direction": row.direction,
        "class": row.kind,
        "title": row.title,
        "loss_or_spikes": row.lossy,
        "kernel": asdict(row.kernel),
        "model": {name: _finite(value) for name, value in asdict(row.model).items()},
        "error": _finite(row.error),
        "noise": row.noise,
        "recordings": len(row.runs),
        "repeats": row.repeats,
        "departs": None if row.departs < 0 else row.departs,
        "excess": {name: _finite(x) for name, x in row.verdict.excess.items()},
        "out_of_tolerance": list(row.verdict.exceeded),
        "far_off": row.verdict.far_off,
    }


def _finite(x: float) -> float | None:
    """JSON has no infinity."""
    return x if math.isfinite(x) else None
