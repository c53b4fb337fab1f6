"""What to say of each packet of a run: what it carries, how those messages fared, why it left when it did."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from experiments.freed import FREED, HELD, ROUND_OFF, first_arrivals, milliseconds_of
from experiments.sentences import BEHIND_SPIKE, OWN_SPIKE, STALL
from experiments.wire.packets import HOSTS
from models.state import CAUSES
from sim import loop
from sim.trace import CONTROL

if TYPE_CHECKING:
    from sim import Run

NAMED = 8
"""Messages named in one packet's comment; the others are counted."""

NOTICED = 1_000
"""ns of a spike worth mentioning."""

HANDSHAKE = (
    "The handshake is not simulated: the run begins with the connection open. It is drawn where the path puts it.",
    "Not simulated: see the first packet.",
    "Not simulated: see the first packet.",
)

SENT_BY = {
    loop.DELACK: "the delayed-ACK timer sent it",
    loop.COMPRESSED_ACK: "the compressed-ACK timer sent it",
    loop.READ: "sent when the application read",
    loop.ARRIVAL: "sent as a packet came in",
    loop.RETRANSMIT: "a timer sent it",
    CONTROL: "sent when a setting was changed",
}
DROPPED = {1: "Lost on the way.", 2: "Lost: the link's queue was full."}
STRUCK = {OWN_SPIKE: "a delay spike", STALL: "a stall of the link", BEHIND_SPIKE: "a spike in front of it"}


class Commentator:
    """Knows the run's messages by where they end in their stream."""

    def __init__(self, run: Run) -> None:
        assert run.trace is not None
        self.run = run
        self.transactions = run.scenario.workload.kind == "request-response"
        self.sender = HOSTS.index(run.scenario.workload.sender)
        layout = run.trace.layout
        self.framed = [layout.messages[layout.messages["server"] == side] for side in (0, 1)]
        self.ends = [[int(end) for end in framed["end"]] for framed in self.framed]
        self.came = [first_arrivals(run.trace.segments, side) for side in (0, 1)]

    def comment(self, row: Any | None, number: int) -> str:
        """Of a packet of the trace, or of one of the handshake."""
        if row is None:
            return HANDSHAKE[number]
        lines = [*self._data(row)] if row["len"] else [self._ack(row)]
        if row["drop"]:
            lines.append(DROPPED[int(row["drop"])])
        elif int(row["hit"]) in STRUCK and row["spike"] >= NOTICED:
            lines.append(f"Delayed {milliseconds_of(int(row['spike']))} by {STRUCK[int(row['hit'])]}.")
        return "\n".join(lines)

    def _data(self, row: Any) -> Iterator[str]:
        """The messages whose last byte it carries, or the one it carries a part of."""
        if row["retrans"]:
            yield "Sent again."
        side, start, end = int(row["direction"]), int(row["seq"]), int(row["seq"] + row["len"])
        first, behind = bisect_right(self.ends[side], start), bisect_right(self.ends[side], end)
        for i in range(first, min(behind, first + NAMED)):
            yield self._message(side, self.framed[side][i])
        if behind - first > NAMED:
            yield f"... and {behind - first - NAMED} more."
        if first == behind:
            ahead = self.framed[side][first : first + 1]
            inside = len(ahead) and ahead[0]["start"] < end
            yield f"A part of {self._name(side, ahead[0])}." if inside else "The HTTP/2 stacks' own frames."

    def _name(self, side: int, framed: Any) -> str:
        kind = ("request" if side == self.sender else "reply") if self.transactions else "message"
        return f"{kind} {framed['number']}"

    def _message(self, side: int, framed: Any) -> str:
        name = f"{self._name(side, framed)} ({framed['size']:,} B)"
        if self.transactions and side == self.sender:
            return f"{name} ends here."
        row = self._row(side, int(framed["number"]))
        if row is None:
            return f"{name} was not read before the run ended."
        parts = {cause: int(row[f"{cause}_ns"]) for cause in CAUSES}
        sum_of = " + ".join(f"{cause} {ns / 1e6:.6f}" for cause, ns in parts.items() if ns)
        held = any(parts[cause] for cause in HELD) and not self.transactions
        why = f" Freed by {FREED[int(row['freed'])]}." if held else ""
        due, later = milliseconds_of(int(row["intended_ns"])), f"{row['latency_ns'] / 1e6:.6f} ms later"
        return f"{name}: due {due}, read {later} = {sum_of or 'no time at all'}.{why}"

    def _row(self, side: int, number: int) -> Any | None:
        table = self.run.messages if side == self.sender or self.transactions else self.run.reverse
        return table[number] if table is not None and number < len(table) else None

    def _ack(self, row: Any) -> str:
        """When what it acknowledges came, and what sent it."""
        event = int(row["event"])
        by = SENT_BY.get(event if event == CONTROL else event & ~1, "sent by the application's own doing")
        since = self.came[1 - int(row["direction"])].get(int(row["ack"]))
        if since is None or since > row["tx"]:
            return f"An ACK; {by}."
        waited = int(row["tx"]) - since
        how = "at once" if waited < ROUND_OFF else f"{milliseconds_of(waited)} after the data it acknowledges had come"
        return f"An ACK, {how}; {by}."
