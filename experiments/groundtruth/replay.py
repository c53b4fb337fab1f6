"""Replaying recordings: simulate their specifications, write messages and packets as the recordings have them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from experiments.groundtruth import recording
from models.constants import ACK_FLAG, FIN_FLAG, PSH_FLAG, SYN_FLAG
from sim.engine import Engine, PlainEngine, Rows
from sim.trace import Trace, run_traced

STREAM = ("dir", "i", "size", "t_sched_us", "t_call_us", "t_ret_us", "t_del_us", "read_no", "nsys")
TRANSACTION = ("i", "t_call_us", "t_ret_us", "t_req_us", "t_rcall_us", "t_rret_us", "t_reply_us")
PACKET = (
    "dir", "idx", "t_in_us", "t_due_us", "t_out_us", "seq", "ack", "len", "flags", "win", "iplen", "drop", "spike",
    "qbytes", "sack",
)  # fmt: skip
LETTERS = ((SYN_FLAG, "S"), (FIN_FLAG, "F"), (PSH_FLAG, "P"), (ACK_FLAG, "A"))


def us(ns: int) -> str:
    """ns as the recordings write times."""
    return f"{ns / 1000:.1f}"


def engine_for(content: dict[str, Any], driver: str = "loop") -> Engine:
    """The engine that replays a recording, with the wire's own decisions."""
    scenario = recording.scenario(content)
    path = content["spec"]["path"]
    luck = (recording.RecordedLuck(path, "c2s"), recording.RecordedLuck(path, "s2c"))
    if driver == "compiled":
        from sim.engine import CompiledEngine

        engine: Engine = CompiledEngine(scenario, 0, luck=luck)
    else:
        engine = PlainEngine(scenario, 0, luck=luck)
    engine.s.drain = 1
    return engine


def replay(content: dict[str, Any], driver: str = "loop") -> tuple[Engine, Trace]:
    """Run a recording's specification, tracing."""
    engine = engine_for(content, driver)
    trace = Trace()
    if driver == "simpy":
        from sim.simpy_driver import run_simpy

        run_simpy(engine, trace)
    else:
        run_traced(engine, trace)
    return engine, trace


def stream_rows(rows: Rows, way: str, greedy: bool) -> Iterable[Sequence[object]]:
    """Messages of one stream."""
    for i, m in enumerate(rows):
        planned = "" if greedy else us(m["t_due"])
        yield (
            way, i, m["size"], planned, us(m["t_call"]), us(m["t_ret"]), us(m["t_read"]), m["read_no"], m["writes"],
        )  # fmt: skip


def transaction_rows(requests: Rows, replies: Rows) -> Iterable[Sequence[object]]:
    """Transactions, the client's view and the server's."""
    for i, (q, r) in enumerate(zip(requests, replies, strict=False)):
        times = (q["t_call"], q["t_ret"], q["t_read"], r["t_call"], r["t_ret"], r["t_read"])
        yield (i, *(us(int(t)) for t in times))


def packet_rows(trace: Trace) -> Iterable[Sequence[object]]:
    """Packets, in the order they were sent."""
    for p in trace.segments:
        blocks = [(p["s0"], p["e0"]), (p["s1"], p["e1"]), (p["s2"], p["e2"])][: p["nsack"]]
        yield (
            "s2c" if p["direction"] else "c2s", p["idx"], us(p["into"]), us(p["due"]), us(p["due"]), p["seq"], p["ack"],
            p["len"], "".join(letter for bit, letter in LETTERS if p["flags"] & bit), p["wnd"], p["iplen"], p["drop"],
            p["hit"], p["backlog"], ";".join(f"{a}-{b}" for a, b in blocks),
        )  # fmt: skip


def write(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV, complete or not there."""
    part = file.with_name(file.name + ".part")
    with part.open("w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)
    part.replace(file)


def replay_file(file: Path, folder: Path, driver: str = "loop") -> str:
    """Replay one recording into `folder`; returns its id."""
    content = recording.read(file)
    engine, trace = replay(content, driver)
    name = content["spec"]["id"]
    a, b = engine.messages("a"), engine.messages("b")
    messages: list[Sequence[object]] = []
    if "rr" in content["spec"]["traffic"]:
        header: Sequence[str] = TRANSACTION
        messages = list(transaction_rows(a, b))
    else:
        header = STREAM
        for s in content["spec"]["traffic"]["stream"]:
            up = s["from"] == "client"
            messages += stream_rows(a if up else b, "c2s" if up else "s2c", s["interval_us"] < 0)
    write(folder / f"{name}.msgs.csv", header, messages)
    write(folder / f"{name}.pkts.csv", PACKET, packet_rows(trace))
    return str(name)


def replay_all(files: Sequence[Path], folder: Path, driver: str = "loop", workers: int | None = None) -> list[str]:
    """Replay many recordings in parallel; returns their ids in the order given."""
    folder.mkdir(parents=True, exist_ok=True)
    if len(files) == 1:
        return [replay_file(files[0], folder, driver)]
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        return list(pool.map(replay_file, files, [folder] * len(files), [driver] * len(files)))
