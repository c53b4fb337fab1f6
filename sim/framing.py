"""The framer's settings at time 0: how a workload's messages become write() calls, and which workload is whose."""

from __future__ import annotations

from models.constants import ON_FULL, ON_IDLE, ON_RETURN, ON_TIMER, PER_FRAME, PER_MESSAGE
from models.state import Endpoint
from sim.scenario import Framing, Scenario, Workload

FLUSH = {
    "per-frame": PER_FRAME, "per-message": PER_MESSAGE, "on-idle": ON_IDLE, "on-return": ON_RETURN, "on-full": ON_FULL,
    "timer": ON_TIMER,
}  # fmt: skip
KIND = {"plain": 1, "http2": 1, "grpc": 2}


def set_framing(e: Endpoint, f: Framing, cork: str) -> None:
    """How messages become write() calls."""
    w = e.w
    w.kind = KIND[f.kind]
    w.header = (0 if f.kind == "plain" else 9) if f.header is None else f.header
    w.prefix = 5 if f.kind == "grpc" else 0
    w.max_frame = f.max_frame
    w.pieces = f.pieces
    w.more = 1 if f.more else 0
    w.cork = 2 if cork == "per-message" else 0
    w.buffer = f.buffer
    w.room = 2 * f.buffer if f.doubled else f.buffer
    w.merge = 1 if f.merge else 0
    w.flush = FLUSH[f.flush]
    w.flush_every = f.flush_every
    w.flush_after = f.flush_after
    w.quota = f.quota
    w.quota_left = f.quota
    own_thread = f.framer_thread if f.framer_thread is not None else f.quota > 0
    w.threads = 2 if own_thread else 1
    w.quota = f.quota if own_thread else 0


def workloads(scenario: Scenario) -> tuple[Workload | None, Workload | None]:
    """What the client and what the server sends (streams)."""
    main = scenario.workload
    if main.sender == "client":
        return main, scenario.reverse
    return scenario.reverse, main
