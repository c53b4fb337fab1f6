"""`tinygram reproduce`: every claim of the text this project grew from, run and judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from experiments.cli import paths
from experiments.cli.common import Json, note, say, say_json
from experiments.cli.progress import runs
from experiments.labels import counted

if TYPE_CHECKING:
    from experiments.reproduce.rows import Finding, Row

Rows = Annotated[str, Parameter(help="Rows (1.11), chapters (2), or all; left out: list them.")]
Page = Annotated[
    Path | None,
    Parameter(
        name="--page", validator=paths.file("--page"), help="Write the page of the manual, and its figures beside it."
    ),
]


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(reproduce)


def reproduce(*which: Rows, page: Page = None, json: Json = False) -> None:
    """Run claims of the source: claim, assumption, simulated value with interval, verdict, and the reason."""
    from experiments.reproduce import report
    from experiments.reproduce.rows import inventory

    rows = inventory()
    if not which:
        if json:
            say_json([{"id": row.id, "kind": row.kind, "claim": row.claim} for row in rows.values()])
        else:
            say("\n".join(f"{row.id}  {row.kind:<10}  {row.claim}" for row in rows.values()))
        return
    chosen = choose(which, rows)
    findings: dict[str, tuple[Row, Finding]] = {}
    with runs("reproducing", len(chosen), "rows") as advance:
        for row in chosen:
            findings[row.id] = (row, row.experiment())
            advance(0)
            if not json:
                say(report.text(*findings[row.id]) + "\n")
    if page is not None:
        folder = page.parent / "_static" / "reproduction"
        report.draw(list(findings.values()), folder)
        page.write_text(report.page(findings, folder))
        note(f"{page} written")
    if json:
        say_json([report.as_dict(*pair) for pair in findings.values()])
    else:
        say(f"{counted(len(findings), 'rows')}: {report.tally(findings)}")


def choose(which: tuple[str, ...], rows: dict[str, Row]) -> list[Row]:
    """The rows meant; ScenarioError for one there is not."""
    from sim.errors import Problem, ScenarioError

    wrong = []
    meant: list[str] = []
    for word in which:
        found = [key for key, row in rows.items() if word in {"all", key, str(row.chapter)}]
        meant += found
        if not found:
            wrong.append(
                Problem(word, "no such row", "tinygram reproduce lists them; 'all' and a chapter's number work")
            )
    if wrong:
        raise ScenarioError(wrong)
    return [rows[key] for key in dict.fromkeys(meant)]
