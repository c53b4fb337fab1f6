"""`tinygram profiles`: operating systems, stacks and machines a scenario can name, and where their values come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from experiments.cli.common import Json, say, say_json

if TYPE_CHECKING:
    from rich.table import Table

Name = Annotated[
    str | None, Parameter(help="Show this profile's values and sources: windows, linux@5.4, grpc-go@1.63.")
]


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(profiles)


def profiles(name: Name = None, /, *, json: Json = False) -> None:
    """List the operating systems, stacks and machines there are, or the values of one with their sources."""
    from experiments.catalogue import detail, overview

    if name is None:
        everything = overview()
        if json:
            say_json(everything)
        else:
            _print(_overview(everything))
        return
    found = detail(name)
    if json:
        say_json(found)
        return
    version = f" {found['version']}" if found["version"] else ""
    say(f"{found['name']}{version}: {found['title']}")
    if found["versions"]:
        say(f"known: {found['versions']}")
    _print(_detail(found))
    if found["leaves_out"]:
        say(f"not represented: {found['leaves_out']}")


def _overview(everything: list[dict[str, Any]]) -> Table:
    table = _table("key", "name", "versions", "changes at", "what")
    for number, row in enumerate(everything):
        last = number + 1 == len(everything) or everything[number + 1]["kind"] != row["kind"]
        cells = (row["key"], row["name"], row["versions"], ", ".join(row["changes"]), row["title"])
        table.add_row(*cells, end_section=last)
    return table


def _detail(found: dict[str, Any]) -> Table:
    table = _table("key", "value", "since", "source")
    for row in found["values"]:
        table.add_row(row["key"], _shown(row["key"], row["value"]), row["since"], row["source"])
    return table


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in {"key", "name", "since"})
    return table


def _shown(key: str, value: object) -> str:
    """A value with its unit, as the key's ending names it."""
    from sim.units import DURATION

    if isinstance(value, int) and not isinstance(value, bool):
        for ending, ns in (("_ns", 1), ("_us", 1_000)):
            if key.endswith(ending):
                return DURATION.format(value * ns)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _print(table: Table) -> None:
    from experiments.cli.progress import results, show

    show(results(), table)
