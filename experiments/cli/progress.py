"""How a long command says how far it is: on stderr, a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from experiments.labels import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 160
"""Columns of what goes to a file or a pipe."""
PROSE = 16
"""Columns that prose in a table needs."""


class Advance(Protocol):
    """Called when runs have ended."""

    def __call__(self, messages: int, runs: int = 1, /) -> None:
        """So many messages, in so many runs."""


def results() -> Console:
    """The console for results: stdout, wide enough for tables where there is no terminal to measure."""
    from rich.console import Console

    class Results(Console):
        def on_broken_pipe(self) -> None:
            """The command line has an exit code for it; Rich would end with that of a negative verdict."""
            raise BrokenPipeError

    return Results(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


def show(console: Console, table: Table) -> None:
    """Print a table without breaking a number: in a narrow terminal headings fold, and columns of prose (`overflow`
    fold); what does not fit then is longer than its lines."""
    least, most = [], []
    for column in table.columns:
        heading = console.render_str(str(column.header))
        cells = max((console.render_str(str(cell)).cell_len for cell in column.cells), default=0)
        prose = column.overflow == "fold" and not column.no_wrap
        least.append(max([min(cells, PROSE) if prose else cells, *(len(word) for word in heading.plain.split())]))
        most.append(max(cells, heading.cell_len))
    frame = console.measure(table, options=console.options.update(max_width=sum(most) + 1_000)).maximum - sum(most)
    width, spare = console.width, max(0, console.width - frame - sum(least))
    for column, narrow, wide in zip(table.columns, least, most, strict=True):
        given = min(wide - narrow, spare)
        column.width, spare = narrow + given, spare - given
    console.width = max(width, frame + sum(least))
    console.print(table, crop=False)
    console.width = width


def notices() -> Console:
    """The console for everything that is not a result: stderr."""
    from rich.console import Console

    return Console(stderr=True, width=None if sys.stderr.isatty() else PLAIN_WIDTH, highlight=False)


@contextmanager
def runs(title: str, total: int | None, what: str = "runs") -> Iterator[Advance]:
    """Show runs done, messages per second and time left while the block runs; `total` None when it is not known."""
    console, started, done, messages = notices(), time.monotonic(), 0, 0

    def so_far() -> str:
        if not messages:
            return ""
        seconds = time.monotonic() - started
        return f", {counted(messages, 'messages')}, {messages / seconds if seconds else 0:,.0f} a second"

    if not console.is_terminal:

        def count(of_runs: int, runs: int = 1) -> None:
            nonlocal done, messages
            done, messages = done + runs, messages + of_runs

        console.print(f"{title}: {counted(total, what)}" if total else f"{title} ...")
        yield count
        console.print(f"{title}: {counted(done, what)} in {duration(time.monotonic() - started)}{so_far()}")
        return

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(), console=console, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task(title, total=total, rate="")

        def advance(of_runs: int, runs: int = 1) -> None:
            nonlocal messages
            messages += of_runs
            bar.update(task, advance=runs, rate=so_far().removeprefix(", "))

        yield advance


def duration(seconds: float) -> str:
    """`0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
