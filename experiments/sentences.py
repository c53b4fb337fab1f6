"""What each cause of latency says about a message: who waited for whom."""

from __future__ import annotations

from collections.abc import Callable

from experiments.freed import Case, data_segments
from sim.system import nagle
from sim.units import DURATION, RATE, SIZE

OWN_SPIKE, STALL, BEHIND_SPIKE = 1, 2, 3  # models.state.Packet.hit


def _limit(size: int) -> str:
    return SIZE.format(size) if size else "autotuned"


def _rate(case: Case) -> str:
    d = case.scenario.network.down if case.sender == "server" else case.scenario.network.up
    return RATE.format(d.rate) if d.rate else "unlimited"


def _nagle(case: Case) -> str:
    rule = {
        "rfc896": "earlier data was unacknowledged",
        "minshall": "an earlier small segment was unacknowledged",
        "last-segment": "the last segment sent, a small one, was unacknowledged",
    }[nagle(case.host)]
    return f"Nagle: it did not fill a segment, and {rule}: the {case.sender} waited for the ACK's round trip."


def _delayed_ack(case: Case) -> str:
    reader = "" if case.peer.reader == "prompt" else f", and its {case.peer.reader} reader had not read"
    data = "The data Nagle waited for" if case.row["nagle_ns"] else "The data in front of it"
    return f"{data} had reached the {case.receiver}, which was delaying the ACK{reader}."


def _spike(case: Case) -> str:
    hit = BEHIND_SPIKE
    sent = data_segments(case)
    if sent is not None:
        own = sent[(sent["tx"] == case.row["sent_ns"]) & (sent["due"] == case.row["arrived_ns"])]
        hit = int(own["hit"][-1]) if len(own) else 0
    words = {
        OWN_SPIKE: "A delay spike struck its own packet.",
        STALL: "The link stalled while its packet was on the way.",
        BEHIND_SPIKE: "An earlier packet was struck by a delay spike, and the link keeps the order.",
    }
    return words.get(hit, "A delay spike on the link struck its packet, or one it was kept in order behind.")


def _queueing(case: Case) -> str:
    return f"Earlier packets were ahead of it in the link's queue ({_rate(case)})."


def _sndbuf(case: Case) -> str:
    return (
        f"write() blocked: the send buffer (SO_SNDBUF {_limit(case.host.sndbuf)}) was full until ACKs had freed a third"
        f" of it, or it stood behind a write() that was blocked."
    )


def _quota(case: Case) -> str:
    quota = SIZE.format(case.scenario.workload.framing.quota)
    return f"SendMsg blocked: the stream had its write quota of {quota} ahead of the framer already."


def _framer(case: Case) -> str:
    f = case.scenario.workload.framing
    return f"It lay in the {case.sender}'s write buffer ({SIZE.format(f.buffer)}) until that was flushed ({f.flush})."


def _cork(case: Case) -> str:
    return "The socket was corked (TCP_CORK or MSG_MORE): a segment that is not full waits."


def _reader(case: Case) -> str:
    every = DURATION.format(case.peer.read_every)
    pace = {"prompt": "", "polling": f", which looks every {every}", "slow": ", which is slow"}
    return f"It was there to be read, but not by the {case.receiver}'s application yet{pace[case.peer.reader]}."


def _loss(case: Case) -> str:
    return "A packet was lost, or seemed to be: it waited for the retransmission."


SENTENCES: dict[str, Callable[[Case], str]] = {
    "sender_spike": lambda c: f"The {c.sender}'s application itself was stalled when the message was due.",
    "timer_granularity": lambda c: f"The {c.sender}'s sleep took longer than asked: its timer is no finer.",
    "cpu": lambda c: "A core worked on it, or was busy with other work, on either host.",
    "framer": _framer,
    "stream_window": lambda c: "The HTTP/2 stream window was used up: it waited for a WINDOW_UPDATE.",
    "connection_window": lambda c: "The HTTP/2 connection window was used up: it waited for a WINDOW_UPDATE.",
    "write_quota": _quota,
    "stream_limit": lambda c: f"The {c.receiver} admits no more open HTTP/2 streams: it waited for one to end.",
    "scheduler": lambda c: "It was another stream's turn.",
    "sndbuf": _sndbuf,
    "admission": lambda c: f"The {c.sender}'s own limiter held it back: paused, no token, or too much queued already.",
    "pacing": lambda c: f"{c.host.congestion} paces: its rate let it go no earlier.",
    "cwnd": lambda c: f"The congestion window was full: {c.host.congestion} allowed no more packets in flight.",
    "rwnd": lambda c: f"The {c.receiver} had no room: its window was full.",
    "nagle": _nagle,
    "delayed_ack": _delayed_ack,
    "cork": _cork,
    "tso_defer": lambda c: "TSO deferral: the sender expected to send more at once soon.",
    "autocork": lambda c: f"Autocork: an earlier packet of the socket had not left the {c.sender} yet.",
    "loss_recovery": _loss,
    "qdisc": lambda c: f"The {c.sender}'s own shaper ({RATE.format(c.host.shaper_rate)}) let it go no earlier.",
    "queueing": _queueing,
    "serialisation": lambda c: f"Its bits took that long to get onto the link ({_rate(c)}).",
    "propagation": lambda c: "Distance" + (", there and back." if c.transaction else "."),
    "jitter": lambda c: "The link delayed its packet by a random extra, or one it was kept in order behind.",
    "spike": _spike,
    "in_order": lambda c: "It had arrived, but an earlier byte had not: TCP delivers in order.",
    "reader": _reader,
    "service": lambda c: f"The {c.receiver} worked on the reply.",
}
"""What each cause says about a message."""
