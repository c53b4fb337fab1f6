"""Delivered messages as a table: a row each, or a request and its reply as one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.state import CAUSES, SERVICE

Rows = NDArray[Any]
"""Structured rows: what each is says its dtype."""

COLUMNS = {
    "size": "size", "intended_ns": "t_due", "call_ns": "t_call", "accepted_ns": "t_acc", "returned_ns": "t_ret",
    "first_sent_ns": "t_first", "sent_ns": "t_sent", "on_link_ns": "t_svc", "done_ns": "t_done",
    "arrived_ns": "t_arr", "ordered_ns": "t_ord", "read_ns": "t_read", "writes": "writes",
    "retransmitted": "retrans", "freed": "freed", "read_no": "read_no", "stream": "stream",
}  # fmt: skip
MESSAGE = np.dtype([(n, np.int64) for n in ("index", *COLUMNS, "latency_ns")] + [(f"{c}_ns", np.int64) for c in CAUSES])
"""One delivered message; the causes sum to latency_ns."""


def message_table(rows: Rows) -> Rows:
    """Finished messages as `MESSAGE` rows."""
    table = np.zeros(len(rows), MESSAGE)
    table["index"] = np.arange(len(rows))
    for column, stamp in COLUMNS.items():
        table[column] = rows[stamp]
    table["latency_ns"] = rows["t_read"] - rows["t_due"]
    for i, cause in enumerate(CAUSES):
        table[f"{cause}_ns"] = rows["x"][:, i]
    return table


def transaction_table(requests: Rows, replies: Rows) -> Rows:
    """Request and reply as one row: from the request's intended time to the reply's read, the server's work between."""
    n = len(replies)
    requests = requests[:n]
    table = message_table(replies)
    first = message_table(requests)
    for name in ("intended_ns", "call_ns", "accepted_ns", "returned_ns"):
        table[name] = first[name]
    table["size"] += first["size"]
    table["writes"] += first["writes"]
    table["retransmitted"] |= first["retransmitted"]
    for cause in CAUSES:
        table[f"{cause}_ns"] += first[f"{cause}_ns"]
    table[f"{CAUSES[SERVICE]}_ns"] += replies["t_due"] - requests["t_read"]
    table["latency_ns"] = replies["t_read"] - requests["t_due"]
    return table
