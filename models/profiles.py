"""What a machine itself costs: host profiles, as data with provenance. All times in ns, per-byte costs in ps."""

from __future__ import annotations

HOSTS: dict[str, dict[str, int]] = {
    # An infinitely fast machine: only TCP and the network are left. For teaching and for closed forms.
    "ideal": {},
    # The host the kernel recordings were made on (Linux 6.18 guest on an AMD EPYC, reader and writer with real-time
    # priority, TUN device). Source: the recordings' own precision figures and packet logs: a write() is on the wire
    # after 3.6 us, packets of a burst are taken 2.6 us apart, one that wakes the reader holds up the next by 8 us more,
    # read() returns 17 us after the packet was handed over, an ACK releases held data in 5.5 us. After idle times of
    # 10 and 40 ms each of these takes 3 and 6 us longer.
    "linux-vm": {
        "write_ns": 2_600, "wire_ns": 1_000, "rx_segment_ns": 2_600, "rx_ack_ns": 4_500, "rx_wake_ns": 8_000,
        "wake_ns": 3_400, "read_ns": 11_000, "irq_ns": 8_000, "cold_ns": 1_400,
    },
}  # fmt: skip
"""Profile name to costs; what is not named costs nothing."""
