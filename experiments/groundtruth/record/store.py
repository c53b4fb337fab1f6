"""A recording's files: `ID.json`, `ID.msgs.csv`, `ID.pkts.csv`, in the format kernel-truth/1.

`spec` has that format's keys as far as they can say it, and `spec.tinygram` the scenario and seed in full.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.files import dump
from experiments.groundtruth.files import PACKET, STREAM, TRANSACTION, us, write
from experiments.groundtruth.record.own import KEY
from experiments.groundtruth.record.plan import CORK, QUICKACK
from experiments.groundtruth.record.run import Recording
from models.link import DROP_FULL
from sim.identity import package_version
from sim.scenario import DEFAULT_MESSAGES, Direction, Host, Scenario, Workload

FORMAT = "kernel-truth/1"
US = 1_000
WAYS = ("c2s", "s2c")
FLAGS = "FSRPAUEC"
OVERHEAD = 52  # headers of a data segment
TIE_NS = 100_000
STALLS_AND_SPIKES = (1, 2)  # models.link's HIT_SPIKE, HIT_STALL

Row = Sequence[object]


def identity(scenario: Scenario) -> str:
    """A name that can be a file's."""
    return re.sub(r"[^\w.+-]+", "-", scenario.name).strip("-.") or "recording"


def save(r: Recording, folder: Path) -> list[Path]:
    """Write the three files; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    base = identity(r.plan.scenario)
    main, msgs, pkts = (folder / f"{base}.{kind}" for kind in ("json", "msgs.csv", "pkts.csv"))
    write(msgs, *_messages(r))
    write(pkts, PACKET, (_packet(p) for p in r.seen.packets))
    part = folder / f".{main.name}.{os.getpid()}"
    part.write_text(json.dumps(document(r), indent=1) + "\n", encoding="utf-8")
    part.replace(main)
    return [main, msgs, pkts]


def document(r: Recording) -> dict[str, Any]:
    """The JSON: what was set, how precise it was, what the wire decided, where it was recorded."""
    seen = r.seen
    return {
        "format": FORMAT,
        "spec": specification(r),
        "precision": r.precision.figures,
        "precision_ok": r.precision.good,
        "complaints": list(r.precision.complaints),
        "tries": r.tries,
        "cut_short": seen.cut_short,
        "realised": {"drops": list(_drops(r)), "spikes": list(_spikes(r))},
        "environment": {
            "kernel": platform.release(),
            "hz": r.plan.hz,
            "nsenv": seen.sysctls,
            "t0_monotonic_ns": seen.t0,
            "wire": {name: int(seen.report[name]) for name in ("packets", "sleeps", "slept", "overslept", "realtime")},
            "counters": dict(zip(("client", "server"), seen.counters, strict=True)),
            "tun_dropped": dict(zip(("client", "server"), seen.dropped, strict=True)),
            "cpus": {"endpoints_and_wire_swapped": r.swapped, "real_time": bool(seen.report["realtime"])},
        },
        "endpoints": {name: _endpoint(r, i) for i, name in enumerate(("client", "server"))},
    }


# ---- what was set ----------------------------------------------------------------------------------------------------


def specification(r: Recording) -> dict[str, Any]:
    """The scenario in the format's own keys, and whole."""
    s = r.plan.scenario
    return {
        "id": identity(s),
        "class": "own",
        "tie_prone": tie_prone(s),
        "title": s.title,
        "path": _path(s, r.plan.seed),
        "client": _options(s.client),
        "server": _options(s.server),
        "host": {"sysctls": {}, "gso_max_segs": 0, "tbf": None},
        "traffic": _traffic(s),
        "start": {"phase_us": r.seen.t0 % (1_000_000_000 // r.plan.hz) / US, "lead_ms": (s.lead or 0) / 1e6},
        KEY: {"scenario": dump(s), "seed": r.plan.seed, "version": package_version()},
    }


def tie_prone(s: Scenario) -> bool:
    """Is the round trip a multiple of the gap? Then microseconds decide which of an ACK and a write comes first."""
    net = s.network
    rtt = net.up.delay + net.down.delay
    for w in (s.workload, s.reverse):
        if w is not None and w.kind == "stream" and w.arrivals == "periodic" and w.interval:
            d = net.up if w.sender == "client" else net.down
            cycle = rtt + (serialisation(d, w.size + OVERHEAD) if d.rate else 0)
            if abs(cycle - round(cycle / w.interval) * w.interval) < TIE_NS and cycle > TIE_NS:
                return True
    return False


def serialisation(d: Direction, length: int) -> int:
    """ns that a packet of `length` IP bytes takes on the wire."""
    return (length + d.overhead) * 8_000_000_000 // d.rate


def _path(s: Scenario, seed: int) -> dict[str, Any]:
    up, down = s.network.up, s.network.down
    path: dict[str, Any] = {"rtt_ms": (up.delay + down.delay) / 1e6, "seed": seed}
    for name, d in (("c2s", up), ("s2c", down)):
        path |= {
            f"delay_{name}_us": d.delay / US, f"rate_{name}_bps": d.rate, f"limit_{name}_bytes": d.queue,
            f"loss_{name}": d.loss, f"spike_prob_{name}": d.spikes.probability,
        }  # fmt: skip
    path["spike_us"] = max(up.spikes.delay, down.spikes.delay) / US
    path["stalls"] = [[i, a / US, n / US] for i, d in enumerate((up, down)) for a, n in d.stalls]
    return path


def _options(h: Host) -> dict[str, Any]:
    return {
        "nodelay": int(h.nodelay), "cork": CORK[h.cork], "sndbuf": h.sndbuf, "rcvbuf": h.rcvbuf,
        "quickack": QUICKACK[h.quickack], "cc": h.congestion, "rdsize": h.read_size,
        "rddelay_us": h.read_pause / US, "rdstart_us": h.read_start / US,
    }  # fmt: skip


def _traffic(s: Scenario) -> dict[str, Any]:
    w = s.workload
    if w.kind == "request-response":
        rr = {
            "pieces": list(w.pieces), "reply": list(w.reply), "count": w.messages or DEFAULT_MESSAGES,
            "think_us": w.think / US, "period_us": w.period / US, "srvdelay_us": w.work / US,
            "tmax_us": w.time_limit / US,
        }  # fmt: skip
        return {"rr": rr}
    return {"stream": [_stream(x) for x in (w, s.reverse) if x is not None]}


def _stream(w: Workload) -> dict[str, Any]:
    return {
        "from": w.sender, "interval_us": -1 if w.arrivals == "greedy" else w.interval / US,
        "count": w.messages or len(w.trace) or DEFAULT_MESSAGES, "sizes": list(w.sizes or (w.size,)), "burst": w.burst,
        "offset_us": w.offset / US, "frame": "plain" if w.framing.kind == "plain" else "buf",
        "header": 0 if w.framing.kind == "plain" else 9, "bufsize": w.framing.buffer,
        "flush_every": w.framing.flush_every,
    }  # fmt: skip


def _endpoint(r: Recording, i: int) -> dict[str, Any]:
    e = r.seen.report["end"][i]
    host = (r.plan.scenario.client, r.plan.scenario.server)[i]
    info = {"tag": "end", "rto_us": int(e["rto"]), "rtt_us": int(e["rtt"]), "snd_cwnd": int(e["cwnd"])}
    return {
        "cc": host.congestion, "nodelay": int(host.nodelay), "sndbuf_start": int(e["sndbuf"]),
        "rcvbuf_start": int(e["rcvbuf"]), "t_connected_us": int(e["connected"]) / US, "reads": int(e["reads"]),
        "bytes_read": int(e["read"]), "bytes_written": int(e["written"]),
        "tcp_info": [info | {"total_retrans": int(e["retransmits"])}] if e["flushed"] and e["rto"] else [],
    }  # fmt: skip


# ---- what happened ---------------------------------------------------------------------------------------------------


def _drops(r: Recording) -> Iterator[Mapping[str, Any]]:
    for p in r.seen.packets[r.seen.packets["drop"] > 0]:
        why = "fifo" if p["drop"] == DROP_FULL else "random"
        yield _place(p) | {"seq": int(p["seq"]), "len": int(p["len"]), "why": why}


def _spikes(r: Recording) -> Iterator[Mapping[str, Any]]:
    for p in r.seen.packets:
        if p["hit"] in STALLS_AND_SPIKES:
            yield _place(p) | {"t_due_us": round(int(p["due"]) / US, 1)}


def _place(p: Any) -> dict[str, Any]:
    return {"dir": WAYS[p["way"]], "idx": int(p["idx"]), "t_in_us": round(int(p["taken"]) / US, 1)}


def _messages(r: Recording) -> tuple[Row, Iterable[Row]]:
    w = r.plan.scenario.workload
    client, server = r.seen.messages
    if w.kind == "request-response":
        asks, replies = (client, server) if w.sender == "client" else (server, client)
        return TRANSACTION, _transactions(asks, replies)
    return STREAM, [*_stream_rows(client, "c2s", r), *_stream_rows(server, "s2c", r)]


def _transactions(asks: Any, replies: Any) -> Iterator[Row]:
    for i, (q, a) in enumerate(zip(asks, replies, strict=False)):
        if a["read"]:
            yield (i, *(us(int(t)) for t in (q["call"], q["ret"], q["read"], a["call"], a["ret"], a["read"])))


def _stream_rows(rows: Any, way: str, r: Recording) -> Iterator[Row]:
    streams = (r.plan.scenario.workload, r.plan.scenario.reverse)
    greedy = any(w is not None and w.arrivals == "greedy" and way == _way(w) for w in streams)
    for i, m in enumerate(rows):
        planned = "" if greedy else us(int(m["due"]))
        read = us(int(m["read"])) if m["read"] else ""
        yield (way, i, m["size"], planned, us(int(m["call"])), us(int(m["ret"])), read, m["read_no"], m["writes"])


def _way(w: Workload) -> str:
    return "c2s" if w.sender == "client" else "s2c"


def _packet(p: Any) -> Row:
    """One packet. What was dropped never came out; what found the FIFO full was never due."""
    flags = "".join(letter for bit, letter in enumerate(FLAGS) if int(p["flags"]) & (1 << bit))
    blocks = ";".join(f"{p['sack'][2 * i]}-{p['sack'][2 * i + 1]}" for i in range(p["nsack"]))
    due = "" if p["drop"] == DROP_FULL else us(int(p["due"]))
    return (
        WAYS[p["way"]], p["idx"], us(int(p["taken"])), due, us(int(p["out"])) if p["out"] else "", p["seq"], p["ack"],
        p["len"], flags, p["win"], p["iplen"], p["drop"], p["hit"], p["backlog"], blocks,
    )  # fmt: skip
