"""How each cause of latency looks, in every diagram: a colour, and a hatching for eyes and printers without it."""

from __future__ import annotations

COLOURS = {  # Okabe and Ito's palette, which colour-blind eyes tell apart; kin share a hue
    "sender_spike": "#D55E00", "timer_granularity": "#E9A66B", "cpu": "#999999", "framer": "#F0E442",
    "stream_window": "#B8860B", "connection_window": "#8B6508", "write_quota": "#C9B037", "stream_limit": "#A68A00",
    "scheduler": "#DDD38A", "sndbuf": "#CC79A7", "admission": "#882255", "pacing": "#7FC9E8", "cwnd": "#56B4E9",
    "rwnd": "#2F7FB5", "nagle": "#0072B2",
    "delayed_ack": "#D55E00", "cork": "#6A3D9A", "tso_defer": "#B2A1D6", "autocork": "#9467BD",
    "loss_recovery": "#B2182B", "qdisc": "#8C6D31", "queueing": "#E69F00", "serialisation": "#BDB76B",
    "propagation": "#AAAAAA", "jitter": "#7FBF7B", "spike": "#A50026", "in_order": "#1B7837", "reader": "#009E73",
    "service": "#666666",
}  # fmt: skip
RETRANSMITTED = COLOURS["loss_recovery"]

ANY_HATCH = "///"
HATCHES = {"nagle": "////", "delayed_ack": "xxxx", "cork": "....", "cwnd": "----", "sndbuf": "\\\\\\\\", "reader": "oo"}
"""In matplotlib's letters; causes without one have `ANY_HATCH`."""


def hatch(cause: str) -> str:
    """The hatching of a cause."""
    return HATCHES.get(cause, ANY_HATCH)
