"""What a recording's `spec` may say: every key with its default and the values it takes. All mistakes at once.

Times are us unless the key says otherwise, rates bit/s, sizes bytes. `docs/guides/groundtruth.md` explains the keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import Problem

Check = Callable[[Any], str]
"""Says what a value must be, or nothing when it is that."""

PIECES_MAX = 16  # models.state.Writer.cut
STALLS_MAX = 64  # models.state.Link.stall
LONGEST_US = 10**12


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def duration(value: Any) -> str:
    """A time that is not negative."""
    return "" if _is_number(value) and 0 <= value <= LONGEST_US else "a time of 0 or more"


def interval(value: Any) -> str:
    """A gap between messages; -1 means without pause."""
    return "" if value == -1 or duration(value) == "" else "a time of 0 or more, or -1 for a greedy sender"


def share(value: Any) -> str:
    """A probability."""
    return "" if _is_number(value) and 0 <= value <= 1 else "a probability from 0 to 1"


def count(value: Any) -> str:
    """A whole number, 0 included."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return "" if whole and 0 <= value < 1 << 53 else "a whole number of 0 or more"


def positive(value: Any) -> str:
    """A whole number from 1 up."""
    return "" if count(value) == "" and value >= 1 else "a whole number of 1 or more"


def one_of(*values: Any) -> Check:
    """One of a few values."""
    return lambda value: "" if value in values else f"one of {', '.join(map(str, values))}"


def sizes(most: int) -> Check:
    """A list of positive sizes."""

    def check(value: Any) -> str:
        good = isinstance(value, list) and 0 < len(value) <= most and all(positive(v) == "" for v in value)
        return "" if good else f"a list of 1 to {most:,} sizes in bytes"

    return check


def stalls(value: Any) -> str:
    """[direction, start, length] triples."""
    good = isinstance(value, list) and len(value) <= STALLS_MAX
    good = good and all(isinstance(s, list) and len(s) == 3 and s[0] in (0, 1) for s in value)
    good = good and all(duration(t) == "" for s in value for t in s[1:])
    return "" if good else f"at most {STALLS_MAX} lists [0 or 1, start, length]"


def name(value: Any) -> str:
    """An id that can name a file."""
    good = isinstance(value, str) and re.fullmatch(r"\w[\w.+-]{0,99}", value)
    return "" if good else "a name of letters, digits and . + - _"


def text(value: Any) -> str:
    """Any text."""
    return "" if isinstance(value, str) else "text"


def table(value: Any) -> str:
    """Names and values."""
    return "" if isinstance(value, dict) and all(isinstance(v, str | int) for v in value.values()) else "a table"


@dataclass(frozen=True)
class Key:
    """One key: its default (MISSING: it must be given) and what it takes."""

    default: Any
    check: Check


MISSING = object()

TOP = {"id": Key(MISSING, name), "title": Key("", text)}
PATH = {
    "rtt_ms": Key(10.0, duration),
    "delay_c2s_us": Key(None, duration),  # half of rtt_ms
    "delay_s2c_us": Key(None, duration),
    "rate_c2s_bps": Key(0, count),
    "rate_s2c_bps": Key(0, count),
    "limit_c2s_bytes": Key(0, count),
    "limit_s2c_bytes": Key(0, count),
    "loss_c2s": Key(0.0, share),
    "loss_s2c": Key(0.0, share),
    "spike_prob_c2s": Key(0.0, share),
    "spike_prob_s2c": Key(0.0, share),
    "spike_us": Key(0, duration),
    "stalls": Key([], stalls),
    "seed": Key(1, count),
}
ENDPOINT = {
    "nodelay": Key(0, one_of(0, 1)),
    "cork": Key(0, one_of(0, 1, 2)),
    "sndbuf": Key(0, count),
    "rcvbuf": Key(0, count),
    "quickack": Key(0, one_of(0, 1, 2, 3, 4)),
    "cc": Key("cubic", one_of("cubic", "reno", "bbr")),
    "rdsize": Key(65_536, positive),
    "rddelay_us": Key(0, duration),
    "rdstart_us": Key(0, duration),
}
STREAM = {
    "from": Key(MISSING, one_of("client", "server")),
    "interval_us": Key(MISSING, interval),
    "count": Key(MISSING, positive),
    "sizes": Key(MISSING, sizes(1_000_000)),
    "frame": Key("plain", one_of("plain", "split", "more", "writev", "buf")),
    "header": Key(0, count),
    "bufsize": Key(0, count),
    "flush_every": Key(1, positive),
    "offset_us": Key(0, duration),
    "burst": Key(1, positive),
}
TRANSACTIONS = {
    "pieces": Key(MISSING, sizes(PIECES_MAX)),
    "reply": Key(MISSING, sizes(PIECES_MAX)),
    "count": Key(100_000, positive),
    "think_us": Key(0, duration),
    "period_us": Key(0, duration),
    "srvdelay_us": Key(0, duration),
    "tmax_us": Key(0, duration),
}
START = {"phase_us": Key(0, duration), "lead_ms": Key(None, duration)}
HOST = {"sysctls": Key({}, table), "gso_max_segs": Key(0, count), "tbf": Key(None, lambda _: "")}
SHAPER = {
    "side": Key("server", one_of("client", "server")),
    "rate_bps": Key(MISSING, positive),
    "burst": Key(3_200, positive),
    "limit": Key(400_000, positive),
}


class Reader:
    """Fills in defaults and collects what is wrong."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.problems: list[Problem] = []

    def add(self, where: str, problem: str, cure: str) -> None:
        """Report a mistake."""
        self.problems.append(Problem(f"{self.label}: {where}", problem, cure))

    def table(self, where: str, given: Any, keys: Mapping[str, Key]) -> dict[str, Any]:
        """The table `given` with all of `keys`; other keys are none of our business."""
        if given is None:
            given = {}
        if not isinstance(given, dict):
            self.add(where, f"is {given!r}", "give a table")
            given = {}
        found = {}
        for key, allowed in keys.items():
            value = given.get(key, allowed.default)
            if value is MISSING:
                self.add(f"{where}.{key}", "is missing", f"give {allowed.check(None)}")
            elif value is not allowed.default:
                wrong = allowed.check(value)
                if wrong:
                    self.add(f"{where}.{key}", f"is {value!r}", f"give {wrong}")
                    value = allowed.default
            found[key] = value
        return found


def complete(spec: Any, label: str) -> tuple[dict[str, Any], list[Problem]]:
    """`spec` with every default filled in, and everything that is wrong with it; `label` names it in the problems."""
    r = Reader(label)
    if not isinstance(spec, dict):
        r.add("spec", "is no table", "name a recording's .json file")
        return {}, r.problems
    whole = r.table("spec", spec, TOP)
    whole["class"] = spec.get("class", str(whole["id"])[:1])
    whole["tie_prone"] = bool(spec.get("tie_prone"))
    if "tinygram" in spec:  # recorded by `groundtruth record`: the whole scenario, see record/own.py
        whole["tinygram"] = spec["tinygram"]
    whole["path"] = r.table("spec.path", spec.get("path"), PATH)
    for side in ("client", "server"):
        whole[side] = r.table(f"spec.{side}", spec.get(side), ENDPOINT)
    whole["host"] = r.table("spec.host", spec.get("host"), HOST)
    if whole["host"]["tbf"]:
        whole["host"]["tbf"] = r.table("spec.host.tbf", whole["host"]["tbf"], SHAPER)
    whole["start"] = r.table("spec.start", spec.get("start"), START)
    whole["traffic"] = _traffic(r, spec.get("traffic"))
    if not r.problems:
        _derive(whole)
    return whole, r.problems


def _traffic(r: Reader, traffic: Any) -> dict[str, Any]:
    where = "spec.traffic"
    if isinstance(traffic, dict) and "rr" in traffic:
        return {"rr": r.table(f"{where}.rr", traffic["rr"], TRANSACTIONS)}
    streams = traffic.get("stream") if isinstance(traffic, dict) else None
    if not isinstance(streams, list) or not 1 <= len(streams) <= 2:
        r.add(where, "has neither an rr table nor one or two streams", "describe the traffic")
        return {}
    found = [r.table(f"{where}.stream[{i}]", s, STREAM) for i, s in enumerate(streams)]
    if len({s["from"] for s in found}) < len(found):
        r.add(f"{where}.stream", "both come from one host", "let one come from the client and one from the server")
    return {"stream": found}


def _derive(whole: dict[str, Any]) -> None:
    """Defaults that follow from other keys."""
    path, start = whole["path"], whole["start"]
    rtt = path["rtt_ms"]
    for way in ("c2s", "s2c"):
        if path[f"delay_{way}_us"] is None:
            path[f"delay_{way}_us"] = rtt * 500
    if start["lead_ms"] is None:  # accepted, and a multiple of 4 ms
        start["lead_ms"] = max(40 + 4 * (int(rtt) // 4 + 1), 4 * -(-int(1.5 * rtt + 12) // 4))
