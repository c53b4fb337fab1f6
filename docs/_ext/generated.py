"""Directives that write tables from the source: `scenario-schema` and `ledger-causes`.

A field's meaning stands behind it in the source, as a comment; these directives read it there.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from typing import Any, Literal

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from models import state
from sim import scenario, units

MARKS = {"positive": "integer, at least 1", "factor": "number", "mtu": "integer, bytes"}
AS_WRITTEN = {"trace": 'list of `["10ms", "512B"]`', "sysctls": "table of names and values"}

_FIELD = re.compile(r"^    (\w+): .*?(?:  # (.*))?$")


class Generated(SphinxDirective):
    """A directive whose content is MyST made by `markdown`."""

    has_content = False

    def markdown(self) -> list[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        holder = nodes.section()
        holder.document = self.state.document
        self.state.nested_parse(
            StringList(self.markdown(), "generated"), self.content_offset, holder, match_titles=True
        )
        return list(holder.children)


class LedgerCauses(Generated):
    """Every cause of the ledger, with the clock it runs on and the comment behind it in `models/state.py`."""

    def markdown(self) -> list[str]:
        comments = dict(re.findall(r'^    "(\w+)",  # (.*)$', inspect.getsource(state), re.MULTILINE))
        rows = ["| cause | what the message waited for | counted |", "|---|---|---|"]
        for number, cause in enumerate(state.CAUSES):
            rows.append(f"| `{cause}` | {comments.get(cause, '')} | {_clock(number)} |")
        return rows


def _clock(number: int) -> str:
    if number < state.WRITER_CAUSES:
        return "writer: intended time to accepted by the send queue"
    if number < state.WRITER_CAUSES + state.QUEUE_CAUSES:
        return "send queue: accepted to first transmission"
    return "path and reader: first transmission to read"


class ScenarioSchema(Generated):
    """One table a table of the scenario file: key, what it takes, default, meaning."""

    def markdown(self) -> list[str]:
        lines: list[str] = []
        for place, kind in _tables(scenario.Scenario, ""):
            title = f"`[{place}]`" if place else "Top level"
            lines += ["", f"## {title}", "", inspect.getdoc(kind) or "", "", *_rows(kind)]
        return lines


def _tables(kind: type[Any], place: str) -> list[tuple[str, type[Any]]]:
    """The tables of a scenario file; tables of one shape are shown once, under their first place."""
    found, seen, queue = [], set(), [(place, kind)]
    while queue:
        here, table = queue.pop(0)
        if table in seen:
            continue
        seen.add(table)
        found.append((here, table))
        for name, hint in typing.get_type_hints(table).items():
            inner = next((h for h in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(h)), None)
            if isinstance(inner, type):
                queue.append((f"{here}.{name}" if here else name, inner))
    return found


def _rows(table: type[Any]) -> list[str]:
    lines = map(_FIELD.match, inspect.getsource(table).splitlines())
    comments = {line[1]: line[2] for line in lines if line}
    hints = typing.get_type_hints(table, include_extras=True)
    rows = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for field in dataclasses.fields(table):
        takes, quantity = _takes(hints[field.name])
        takes = AS_WRITTEN.get(field.name, takes)
        meaning = (comments.get(field.name) or "").replace("|", "\\|")
        rows.append(f"| `{field.name}` | {takes} | {_default(field, quantity)} | {meaning} |")
    return rows


def _takes(hint: Any) -> tuple[str, units.Quantity | None]:
    """What a key takes, in a user's words, and its unit if it has one."""
    for mark in getattr(hint, "__metadata__", ()):
        return (mark.name, mark) if isinstance(mark, units.Quantity) else (MARKS.get(mark, mark), None)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return " \\| ".join(f'`"{a}"`' if isinstance(a, str) else f"`{a}`" for a in arguments), None
    if typing.get_origin(hint) is tuple:
        inner, quantity = _takes(arguments[0])
        return f"list of {inner}" if arguments[
            -1
        ] is Ellipsis else f"[{', '.join(_takes(a)[0] for a in arguments)}]", quantity
    if arguments:  # X | None
        return _takes(next(a for a in arguments if a is not type(None)))
    if dataclasses.is_dataclass(hint):
        return "table", None
    return {"str": "text", "bool": "true \\| false", "int": "integer", "float": "number"}.get(hint.__name__, ""), None


def _default(field: dataclasses.Field[Any], quantity: units.Quantity | None) -> str:
    value = field.default
    if value is None:
        return "–"
    if dataclasses.is_dataclass(value) or value is dataclasses.MISSING or value in ((), ""):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if quantity and isinstance(value, int):
        return f'`"{quantity.format(value)}"`' if value else "`0`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("ledger-causes", LedgerCauses)
    app.add_directive("scenario-schema", ScenarioSchema)
    return {"version": "1", "parallel_read_safe": True}
