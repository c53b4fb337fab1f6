"""Tables in terminals of any width: no number is ever cut."""

from __future__ import annotations

import io

import pytest
from rich import box
from rich.console import Console
from rich.table import Table

from experiments.cli.progress import show

CELLS = (
    "write buffer 4KiB",
    "1,234,567",
    "103 [102, 104]",
    "a source of many words, which folds where there is no room",
)


def table() -> Table:
    made = Table(title="title", box=box.SIMPLE_HEAD)
    for heading in ("a setting", "messages a second", "P99, ms"):
        made.add_column(heading)
    made.add_column("source", overflow="fold")
    made.add_row(*CELLS)
    return made


@pytest.mark.parametrize("width", range(5, 160, 5))
def test_numbers_stay_whole_at_any_width(width: int):
    console = Console(width=width, file=io.StringIO())
    show(console, table())
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    assert all(cell in shown for cell in CELLS[:3])
    assert all(word in shown for word in ("setting", "messages", "second", "source"))
    assert console.width == width
    needed = max(len(line) for line in shown.splitlines())
    assert needed <= max(width, 80)


def test_where_there_is_room_nothing_folds():
    plain, ours = (Console(width=160, file=io.StringIO()) for _ in range(2))
    plain.print(table())
    show(ours, table())
    assert ours.file.getvalue() == plain.file.getvalue()  # type: ignore[attr-defined]
