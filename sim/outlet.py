"""Messages handed out as the run goes, so that whoever writes them down need not wait, and nobody need keep them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.scenario import Scenario
from sim.table import Rows, message_table, transaction_table

Sink = Callable[[Rows], None]
"""Is given the next delivered messages, as `sim.table.MESSAGE` rows."""


class Outlet:
    """Turns what the engine drains into the rows of `Run.messages`, in their order, a request joined to its reply."""

    def __init__(self, scenario: Scenario, sink: Sink) -> None:
        self.sink = sink
        self.transactions = scenario.workload.kind == "request-response"
        self.main = "a" if scenario.workload.sender == "client" else "b"
        self.waiting: dict[str, list[Rows]] = {"a": [], "b": []}
        self.written = 0

    def add(self, name: str, rows: Rows) -> None:
        """Messages that endpoint `name` sent have been read."""
        if self.transactions:
            self.waiting[name].append(rows)
            self.join()
        elif name == self.main:
            self.put(message_table(rows))

    def join(self) -> None:
        """Requests and replies that have both been read become transactions."""
        if not (self.waiting["a"] and self.waiting["b"]):
            return
        joined = {name: np.concatenate(parts) for name, parts in self.waiting.items()}
        other = "b" if self.main == "a" else "a"
        n = min(map(len, joined.values()))
        self.put(transaction_table(joined[self.main][:n], joined[other][:n]))
        self.waiting = {name: [rows[n:]] if len(rows) > n else [] for name, rows in joined.items()}

    def put(self, table: Rows) -> None:
        """The next rows."""
        table["index"] += self.written
        self.written += len(table)
        self.sink(table)
