"""Reading a TOML table key by key, and collecting what is wrong, so that all of it can be said at once."""

from __future__ import annotations

from typing import Any

from sim.errors import Problem

Table = dict[str, Any]


class Complaints:
    """What is wrong so far. Every reading method returns something usable whatever it finds."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def complain(self, path: str, problem: str, cure: str = "") -> None:
        """Note a mistake at a place in the file."""
        self.problems.append(Problem(path, problem, cure))

    def known(self, table: Table, path: str, names: set[str]) -> None:
        """Complain about keys that are not among `names`."""
        from difflib import get_close_matches

        for key in sorted(table.keys() - names):
            close = get_close_matches(key, sorted(names), n=1)
            cure = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(names))}"
            self.complain(path + key, "unknown key", cure)

    def subtable(self, table: Table, key: str, path: str) -> Table:
        """A table in a table; an empty one where there is none."""
        value = table.get(key, {})
        if isinstance(value, dict):
            return value
        self.complain(path, f"expected a table, not {value!r}", f"write [{path}]")
        return {}

    def subtables(self, table: Table, key: str, path: str) -> list[Table]:
        """An array of tables."""
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return value
        self.complain(path, f"expected tables, not {value!r}", f"write [[{path}]], once for each")
        return []

    def text(self, table: Table, key: str, default: str, path: str = "") -> str:
        """A text."""
        value = table.get(key, default)
        if isinstance(value, str):
            return value
        self.complain(path + key, f"expected text, not {value!r}", f'write {key} = "..."')
        return default

    def whole(self, table: Table, key: str, default: int, least: int, most: int, path: str = "") -> int:
        """A whole number within bounds."""
        value = table.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        problem = f"expected a whole number from {least} to {most:,}, not {value!r}"
        self.complain(path + key, problem, f"write {key} = {default}")
        return default

    def flag(self, table: Table, key: str, path: str) -> bool:
        """True or false; false where there is none."""
        value = table.get(key, False)
        if isinstance(value, bool):
            return value
        self.complain(path + key, f"expected true or false, not {value!r}", f"write {key} = true")
        return False
