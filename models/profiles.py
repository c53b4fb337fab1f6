"""What a machine itself costs: host profiles, as data with provenance. All times in ns, per-byte costs in ps."""

from __future__ import annotations

HOSTS: dict[str, dict[str, int]] = {
    # An infinitely fast machine: only TCP and the network are left. For teaching and for closed forms.
    "ideal": {},
    # The host the kernel recordings were made on (Linux 6.18 guest on an AMD EPYC, reader and writer with real-time
    # priority, TUN device). Source: precision figures of the recordings: write() to wire 4 us, handing a packet over
    # 8 us (its immediate ACK included), reader awake and read() returned 16 us after the packet was handed over.
    "linux-vm": {
        "write_ns": 3_000, "wire_ns": 1_000, "rx_segment_ns": 6_000, "rx_ack_ns": 4_000,
        "wake_ns": 8_000, "read_ns": 2_000, "irq_ns": 8_000,
    },
}  # fmt: skip
"""Profile name to costs; what is not named costs nothing."""
