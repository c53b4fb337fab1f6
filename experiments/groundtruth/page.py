"""The comparison table of `docs/model/truth.md`: python -m experiments.groundtruth.page RECORDINGS NS3.csv PAGE.md"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.groundtruth.compare import Comparison, Row, compare_folder
from experiments.groundtruth.report import summary, totals, totals_text

BEGIN, END = "<!-- generated: python -m experiments.groundtruth.page -->", "<!-- end -->"

Ns3 = Mapping[tuple[str, str], Mapping[str, str]]
"""By id and direction: what ns-3 gave, and how it was judged."""

HEAD = (
    "run", "what", "P50 ms", "P99 ms", "segments", "ACKs", "departs", "Tinygram", "ns-3: P50, P99", "default", "40 ms",
    "every",
)  # fmt: skip


def read_ns3(file: Path) -> Ns3:
    """ns-3's results on the same recordings."""
    with file.open(newline="") as f:
        return {(row["id"], row["direction"]): row for row in csv.DictReader(f)}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def cells(row: Row, ns3: Ns3) -> list[str]:
    """One direction; kernel / model."""
    k, m = row.kernel, row.model
    other = ns3.get((row.id, row.direction))
    verdicts = ("default", "ack_timer_40ms", "ack_every_segment")
    return [
        f"{row.id} {row.direction}",
        row.title,
        f"{k.p50 / 1000:.2f} / {m.p50 / 1000:.2f}",
        f"{k.p99 / 1000:.2f} / {m.p99 / 1000:.2f}",
        f"{k.segments} / {m.segments}",
        f"{k.acks} / {m.acks}",
        ("never" if row.departs < 0 else str(row.departs)) + (" \\*" if row.repeats else ""),
        "ok" if row.within else f"**{', '.join(row.verdict.exceeded)}**",
        f"{other['p50_ms']}, {other['p99_ms']}" if other else "cannot be expressed",
        *(other[key] if other else "" for key in verdicts),
    ]


def generated(comparison: Comparison, ns3: Ns3) -> str:
    """What stands between the marks of the page."""
    classes = [
        [
            s["class"], str(s["directions"]), str(s["within"]),
            f"{s['exact']} of {s['repeating']}" if s["repeating"] else "", f"{s['median_error']:.1%}",
        ]
        for s in summary(comparison)
    ]  # fmt: skip
    lines = [
        BEGIN,
        "",
        f"**{totals_text(totals(comparison.rows)).capitalize()}.**",
        "",
        *table(("class", "directions", "within tolerance", "exact", "median error"), classes),
        "",
        *table(HEAD, [cells(row, ns3) for row in comparison.rows]),
        "",
        END,
    ]
    return "\n".join(lines)


def refreshed(page: str, comparison: Comparison, ns3: Ns3) -> str:
    """The page with its table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + generated(comparison, ns3) + after


def main(arguments: Sequence[str]) -> None:
    """Write the table into the page."""
    folder, ns3, page = map(Path, arguments)
    page.write_text(refreshed(page.read_text(), compare_folder(folder), read_ns3(ns3)))


if __name__ == "__main__":
    main(sys.argv[1:])
