"""Where one can read on about a cause: the rule that charged it, and the page of the manual that explains it."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """A file of `models/`, and a page of `docs/`."""

    file: str
    page: str


RULES = {
    "sender_spike": Rule("sources.py", "model/application"),
    "timer_granularity": Rule("sources.py", "model/application"),
    "cpu": Rule("cpu.py", "model/cpu"),
    "framer": Rule("framer.py", "model/framer"),
    "stream_window": Rule("http2_credit.py", "model/http2"),
    "connection_window": Rule("http2_credit.py", "model/http2"),
    "write_quota": Rule("application.py", "model/framer"),
    "stream_limit": Rule("http2_senders.py", "model/http2"),
    "scheduler": Rule("http2_turns.py", "model/http2"),
    "sndbuf": Rule("sndbuf.py", "model/send-queue"),
    "admission": Rule("admission.py", "model/application"),
    "pacing": Rule("bbr.py", "model/congestion"),
    "cwnd": Rule("congestion.py", "model/congestion"),
    "rwnd": Rule("receive_window.py", "model/receiver"),
    "nagle": Rule("nagle.py", "model/nagle"),
    "delayed_ack": Rule("delayed_ack.py", "model/receiver"),
    "cork": Rule("output.py", "model/sender"),
    "tso_defer": Rule("output.py", "model/sender"),
    "autocork": Rule("send_queue.py", "model/send-queue"),
    "loss_recovery": Rule("recovery.py", "model/recovery"),
    "qdisc": Rule("qdisc.py", "model/link"),
    "queueing": Rule("link.py", "model/link"),
    "serialisation": Rule("link.py", "model/link"),
    "propagation": Rule("link.py", "model/link"),
    "jitter": Rule("link.py", "model/link"),
    "spike": Rule("link.py", "model/link"),
    "in_order": Rule("receive_queue.py", "model/receiver"),
    "reader": Rule("reader.py", "model/reader"),
    "service": Rule("reader.py", "model/reader"),
}
