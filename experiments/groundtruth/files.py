"""A replay's files, as the recordings have them: `ID.msgs.csv`, `ID.pkts.csv`, times in us with one decimal.

Whatever stands under a final name is complete: files are written beside it and renamed.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from experiments.drafts import replacing
from experiments.groundtruth.parallel import in_parallel
from experiments.groundtruth.recording import Recording
from experiments.groundtruth.replay import DriverName, Replay, replay
from models.constants import ACK_FLAG, FIN_FLAG, PSH_FLAG, SYN_FLAG
from models.link import DROP_FULL
from sim.errors import SimulationLimit
from sim.table import Rows

STREAM = ("dir", "i", "size", "t_sched_us", "t_call_us", "t_ret_us", "t_del_us", "read_no", "nsys")
TRANSACTION = ("i", "t_call_us", "t_ret_us", "t_req_us", "t_rcall_us", "t_rret_us", "t_reply_us")
PACKET = (
    "dir", "idx", "t_in_us", "t_due_us", "t_out_us", "seq", "ack", "len", "flags", "win", "iplen", "drop", "spike",
    "qbytes", "sack",
)  # fmt: skip
LETTERS = ((FIN_FLAG, "F"), (SYN_FLAG, "S"), (PSH_FLAG, "P"), (ACK_FLAG, "A"))

Row = Sequence[object]


def us(ns: int) -> str:
    """ns as the recordings write times."""
    return f"{ns / 1000:.1f}"


def stream_rows(rows: Rows, way: str, greedy: bool) -> Iterable[Row]:
    """Messages of one stream; a greedy one has no schedule."""
    for i, m in enumerate(rows):
        planned = "" if greedy else us(m["t_due"])
        yield (
            way, i, m["size"], planned, us(m["t_call"]), us(m["t_ret"]), us(m["t_read"]), m["read_no"], m["writes"],
        )  # fmt: skip


def transaction_rows(requests: Rows, replies: Rows) -> Iterable[Row]:
    """Transactions, the client's view and the server's."""
    for i, (q, r) in enumerate(zip(requests, replies, strict=False)):
        times = (q["t_call"], q["t_ret"], q["t_read"], r["t_call"], r["t_ret"], r["t_read"])
        yield (i, *(us(int(t)) for t in times))


def message_table(r: Replay) -> tuple[Row, list[Row]]:
    """Header and rows of the messages."""
    traffic = r.recording.spec["traffic"]
    if "rr" in traffic:
        return TRANSACTION, list(transaction_rows(r.client, r.server))
    rows: list[Row] = []
    for s in sorted(traffic["stream"], key=lambda s: str(s["from"])):
        up = s["from"] == "client"
        rows += stream_rows(r.client if up else r.server, "c2s" if up else "s2c", s["interval_us"] < 0)
    return STREAM, rows


def packet_row(p: Any) -> Row:
    """One packet. What was dropped never came out; what found the FIFO full was never due."""
    blocks = [(p["s0"], p["e0"]), (p["s1"], p["e1"]), (p["s2"], p["e2"])][: p["nsack"]]
    due = "" if p["drop"] == DROP_FULL else us(p["due"])
    return (
        "s2c" if p["direction"] else "c2s", p["idx"], us(p["into"]), due, "" if p["drop"] else due, p["seq"], p["ack"],
        p["len"], "".join(letter for bit, letter in LETTERS if p["flags"] & bit), p["wnd"], p["iplen"], p["drop"],
        p["hit"], p["backlog"], ";".join(f"{a}-{b}" for a, b in blocks),
    )  # fmt: skip


def write(file: Path, header: Row, rows: Iterable[Row]) -> None:
    """A CSV, gzipped if its name says so: complete or not there, the same bytes for the same rows."""
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    out.writerow(header)
    out.writerows(rows)
    content = text.getvalue().encode()
    if file.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    with replacing(file) as draft:
        draft.write_bytes(content)


def save(r: Replay, folder: Path, gzipped: bool = False) -> None:
    """Write both files of a replay; an earlier replay's in the other form would be mistaken for them."""
    tables = {"msgs": message_table(r), "pkts": (PACKET, [packet_row(p) for p in r.packets])}
    for kind, (header, rows) in tables.items():
        plain, packed = (folder / f"{r.recording.id}.{kind}.csv{suffix}" for suffix in ("", ".gz"))
        write(packed if gzipped else plain, header, rows)
        (plain if gzipped else packed).unlink(missing_ok=True)


def replay_one(r: Recording, folder: Path, driver: DriverName = "loop", gzipped: bool = False) -> str:
    """Replay one recording into `folder`; returns what limit of the model it met, or nothing."""
    try:
        save(replay(r, driver), folder, gzipped)
    except SimulationLimit as limit:
        return f"{r.id}: {limit}"
    return ""


def replay_all(
    recordings: Sequence[Recording], folder: Path, driver: DriverName = "loop", gzipped: bool = False
) -> list[str]:
    """Replay many recordings into `folder`, one a core at a time; returns the limits of the model that were met."""
    folder.mkdir(parents=True, exist_ok=True)
    one = partial(replay_one, folder=folder, driver=driver, gzipped=gzipped)
    return [limit for limit in in_parallel(one, recordings) if limit]
