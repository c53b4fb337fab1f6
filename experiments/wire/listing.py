"""The packets of a traced run as text: tcpdump's columns, and below each packet why it left then."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from experiments.freed import milliseconds_of
from experiments.wire.comments import Commentator
from experiments.wire.packets import HOSTS, Seen, seen_by
from models.constants import FIN_FLAG, PSH_FLAG

if TYPE_CHECKING:
    from sim import Run

WIDTH, INDENT = 100, " " * 15
OPENING = "[S], first of the handshake", "[S.], second of the handshake", "[.], third of the handshake"


def listing(run: Run, host: str) -> Iterator[str]:
    """Lines of what the network card of `host` saw."""
    assert run.trace is not None, "a listing needs a traced run"
    remarks = Commentator(run)
    for packet in seen_by(run.trace, HOSTS.index(host)):
        yield f"{milliseconds_of(packet.time):>13}  {_packet(packet)}"
        if packet.row is not None:
            for line in remarks.comment(packet.row, packet.number).splitlines():
                yield from wrap(line, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)


def _packet(packet: Seen) -> str:
    row = packet.row
    side = packet.number % 2 if row is None else int(row["direction"])
    way = f"{HOSTS[side]} > {HOSTS[1 - side]}: "
    return way + (OPENING[packet.number] if row is None else _segment(row))


def _segment(row: Any) -> str:
    flags = "".join(letter for bit, letter in ((PSH_FLAG, "P"), (FIN_FLAG, "F")) if row["flags"] & bit)
    bytes_of = f", seq {row['seq']}:{row['seq'] + row['len']}" if row["len"] else ""
    blocks = [f"{row[f's{i}']}-{row[f'e{i}']}" for i in range(int(row["nsack"]))]
    sack = f", sack {' '.join(blocks)}" if blocks else ""
    return f"[{flags}.]{bytes_of}, ack {row['ack']}, win {row['wnd']}{sack}, length {row['len']}"
