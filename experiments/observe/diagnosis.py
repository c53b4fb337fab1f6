"""From what a run shows to a sentence of advice: rules, each with its condition and its evidence.

The flow of the source asks whether the send queue is full, and says: raise the limit, else look at the streams. That
is the right first question and too short an answer: what fills the queue may be the link, and what keeps it empty a
window, Nagle's algorithm or the application itself. So every cause that can hold data back has its rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.observe.sampler import held_shares

if TYPE_CHECKING:
    from sim import Run

WORTH = 0.1
"""A cause with less of the latency than this is not worth a sentence."""
FULL = 0.9
"""A send buffer is full at this share of its limit."""


@dataclass(frozen=True)
class Evidence:
    """What the rules read."""

    latency: Mapping[str, float]  # share of the messages' latency by cause
    held: Mapping[str, float]  # share of the time that each cause held data back at the sender
    full: float  # share of the windows that ended with a full send buffer
    sndbuf_set: bool  # SO_SNDBUF was set, so the kernel does not tune it
    queue_share: float  # of the latency in the link's queue


@dataclass(frozen=True)
class Finding:
    """One rule that applies."""

    cause: str
    weight: float  # share of the latency
    sentence: str


def evidence(run: Run) -> Evidence:
    """Read a sampled run."""
    totals = run.ledger_ns()
    whole = sum(totals.values()) or 1
    latency = {cause: ns / whole for cause, ns in totals.items() if ns}
    ticks: Any = run.ticks
    full = float((ticks["wmem_queued"] >= FULL * ticks["sk_sndbuf"])[1:].mean()) if len(ticks) > 1 else 0.0
    sender = run.scenario.server if run.scenario.workload.sender == "server" else run.scenario.client
    return Evidence(latency, held_shares(ticks), full, bool(sender.sndbuf), latency.get("queueing", 0.0))


def _sndbuf(e: Evidence) -> str:
    if e.queue_share >= WORTH:
        return (
            "The send buffer is full because the link is: a larger one would be a longer queue. Make it smaller (rate "
            "x RTT and what delay you tolerate; the policy delay-target does that), or offer less."
        )
    limit = "raise SO_SNDBUF, which net.core.wmem_max caps" if e.sndbuf_set else "raise tcp_wmem[2]"
    return f"The send buffer is full while the link is not: {limit}, to at least rate x RTT."


ADVICE: Mapping[str, Callable[[Evidence], str]] = {
    "sndbuf": _sndbuf,
    "stream_window": lambda e: "HTTP/2 stream windows bind: raise the receiver's initial window to rate x RTT.",
    "connection_window": lambda e: "The HTTP/2 connection window binds: raise it, a larger stream window is no use.",
    "stream_limit": lambda e: "Streams wait for others to end: raise MAX_CONCURRENT_STREAMS, or add connections.",
    "write_quota": lambda e: "Senders wait for their stack's write quota: behind it something else binds.",
    "admission": lambda e: "The sender's own limiter holds messages back: raise its rate, or accept the wait.",
    "scheduler": lambda e: "Streams wait for one another's turns on the connection: add connections.",
    "nagle": lambda e: "Nagle's algorithm holds small segments for a round trip: set TCP_NODELAY, or write once.",
    "delayed_ack": lambda e: "The receiver's delayed ACK keeps what is held waiting: set TCP_NODELAY at the sender.",
    "cork": lambda e: "A cork holds segments that are not full: uncork when a message is complete.",
    "framer": lambda e: "Messages lie in the write buffer until it is flushed: flush when nothing more is queued.",
    "cwnd": lambda e: "The congestion window binds: losses or a cold start keep it small; look at retransmissions.",
    "rwnd": lambda e: "The receiver's window binds: its reader is slow, or tcp_rmem is too small for rate x RTT.",
    "pacing": lambda e: "Pacing spreads what is sent; bursts would arrive sooner and queue at the link instead.",
    "queueing": lambda e: "Packets queue at the link: it is full, or bursts come faster than it sends.",
    "serialisation": lambda e: "The link's own rate is most of the way: smaller messages, or a faster link.",
    "cpu": lambda e: "A core is busy: fewer and larger writes (a write buffer), or a faster host.",
    "reader": lambda e: "Messages wait to be read: the receiving application is slow or looks too seldom.",
    "loss_recovery": lambda e: "Lost packets are waited for: look at the queue's depth and at what else fills it.",
    "in_order": lambda e: "Messages wait behind the losses of others on the connection: use several connections.",
    "sender_spike": lambda e: "The sending application itself stalls: look for collections and blocking calls.",
    "spike": lambda e: "The link stalls now and then; nothing at either end helps, except a second path.",
    "jitter": lambda e: "The path delays packets at random, and order makes others wait for them.",
    "propagation": lambda e: "Distance is most of it: only a nearer peer, or fewer round trips, would help.",
}


def diagnose(e: Evidence) -> list[Finding]:
    """The rules that apply, by the share of the latency they explain."""
    found = [Finding(c, share, ADVICE[c](e)) for c, share in e.latency.items() if share >= WORTH and c in ADVICE]
    return sorted(found, key=lambda finding: -finding.weight)
