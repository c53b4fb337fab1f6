"""The records Python and the C helper exchange, declared once: NumPy dtypes here, C structs generated from them.

All integers are int64, all strings and blobs a multiple of 8 bytes, so there is no padding on either side. Times are
ns, relative to t0 unless a comment says otherwise; sizes are bytes, rates bit/s.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models import constants

INT = "<i8"
NEVER = 1 << 62


def _ints(*names: str) -> list[tuple[str, str]]:
    return [(name, INT) for name in names]


DIRECTION = np.dtype([
    *_ints("rate", "delay", "queue", "overhead", "bg_gap", "bg_size"),
    *_ints("fates"),  # how many packets have a fate of their own; 0 = none needs one
    *_ints("nstalls"), ("stall", INT, (64, 2)),  # start, end
])  # fmt: skip
"""What the wire does to one direction."""

SETUP = np.dtype([
    *_ints("nodelay", "cork", "sndbuf", "rcvbuf", "notsent_lowat", "quickack", "mtu"),
    ("congestion", "S16"),
    *_ints("read_size", "read_every", "read_pause", "read_start"),
    # the writer
    *_ints("mode", "total", "granularity", "two_threads"),
    *_ints("go_buffer", "header", "prefix", "max_frame", "pieces", "more"),
    *_ints("buffer", "flush", "flush_every", "flush_after", "quota"),
    *_ints("npieces"), ("cut", INT, (16,)),
    *_ints("think", "period", "until"),
    ("sysctls", "S4096"),  # lines "name=value", set in the namespace
])  # fmt: skip
"""One end: socket options, reader, writer."""

PLAN = np.dtype([
    *_ints("parent", "lead", "tick", "phase", "limit", "linger"),
    *_ints("packets"),  # room in the log
    *_ints("wire_cpu", "app_cpu", "realtime"),
    ("asked", "S4096"),  # lines: sysctls to report
    ("way", DIRECTION, (2,)), ("end", SETUP, (2,)),
])  # fmt: skip
"""Everything the helper is told, but messages and fates."""

MESSAGE = np.dtype(_ints("due", "size", "wire", "stall", "call", "ret", "read", "read_no", "writes"))
"""One message: the first four are given (`due` of a sleeper is a gap), the rest is what happened."""

FATE = np.dtype(_ints("lost", "jitter", "spike"))
"""What is decided about one packet beforehand."""

PACKET = np.dtype([
    *_ints("way", "idx", "taken", "due", "out", "handed", "late"),  # late: `taken` is late by at most that much
    *_ints("seq", "ack", "len", "flags", "win", "scale", "iplen", "drop", "hit", "backlog", "nsack"),
    ("sack", INT, (6,)),
])  # fmt: skip
"""One packet as the wire saw it; sequence numbers as they are, windows unscaled."""

END = np.dtype([
    *_ints("ready", "connected", "sndbuf", "rcvbuf", "called", "written", "read", "reads", "flushed", "realtime"),
    *_ints("soon_write", "soon_read"),  # when this end means to do something next: the wire is awake by then
    *_ints("rto", "rtt", "cwnd", "retransmits"),  # TCP_INFO when all was acknowledged: us, us, packets, packets
    ("sysctls", "S8192"), ("counters", "S16384"),  # as the kernel prints them
])  # fmt: skip
"""What one end tells."""

REPORT = np.dtype([
    *_ints("t0"),  # CLOCK_MONOTONIC
    *_ints("packets", "realtime", "cut_short", "out_of_fates", "sleeps", "slept", "overslept"),
    ("end", END, (2,)),
])  # fmt: skip
"""What the helper sends back, followed by the messages of both ends and the packets."""

STRUCTS = {
    "direction": DIRECTION, "setup": SETUP, "plan": PLAN, "message": MESSAGE, "fate": FATE, "packet": PACKET,
    "end": END, "report": REPORT,
}  # fmt: skip


NAMES = (
    "SCHEDULED", "GREEDY", "SLEEPER", "REQUESTS", "REPLIES",
    "PER_FRAME", "PER_MESSAGE", "ON_IDLE", "ON_FULL", "ON_TIMER",
)  # fmt: skip
"""The model's constants that the helper uses, by the same names."""


def c_header() -> str:
    """The same declarations in C."""
    lines = ["#include <stdint.h>", f"#define NEVER ((int64_t){NEVER}LL)"]
    lines += [f"#define {name} {getattr(constants, name)}" for name in NAMES]
    for name, dtype in STRUCTS.items():
        lines.append(f"struct {name} {{")
        lines += [f"\t{_member(field, dtype[field])};" for field in dtype.names or ()]
        lines.append("};")
        lines.append(f'_Static_assert(sizeof(struct {name}) == {dtype.itemsize}, "{name}");')
    return "\n".join(lines) + "\n"


def _member(name: str, dtype: np.dtype[Any]) -> str:
    base, shape = dtype.subdtype or (dtype, ())
    dimensions = "".join(f"[{n}]" for n in shape)
    if base.kind == "S":
        return f"char {name}[{base.itemsize}]"
    struct = next((s for s, known in STRUCTS.items() if known == base), None)
    return f"{f'struct {struct}' if struct else 'int64_t'} {name}{dimensions}"
