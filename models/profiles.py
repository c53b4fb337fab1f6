"""What a machine itself costs: host profiles, as data with provenance. All times in ns, per-byte costs in ps."""

from __future__ import annotations

from models.facts import Fact, Profile, by_name

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
    # A server and a client of grpc-go 1.63.0 / Go 1.27.3 on two cores (AMD EPYC guest, Linux 6.18, veth pair): message,
    # write() and byte prices fitted to the measured saturation table (12 cells, 5 % root mean square) by `tinygram
    # fit-host`, which prints them; docs/model/cpu.md says what is fitted and what assumed.
    "grpc-go-host": {
        "message_ns": 660, "frame_ns": 660, "write_ns": 9_250, "write_byte_ps": 930, "wake_ns": 22_000,
        "read_ns": 4_000, "read_byte_ps": 700, "deliver_ns": 1_000, "rx_segment_ns": 300, "rx_ack_ns": 300,
        "irq_ns": 8_000,
    },
    # The same for grpc-go 1.33.3 / Go 1.19.8 (7 %) ...
    "grpc-go-1.33-host": {
        "message_ns": 540, "frame_ns": 540, "write_ns": 6_700, "write_byte_ps": 1_180, "wake_ns": 35_000,
        "read_ns": 4_000, "read_byte_ps": 890, "deliver_ns": 810, "rx_segment_ns": 300, "rx_ack_ns": 300,
        "irq_ns": 8_000,
    },
    # ... and grpc-go 1.85.0-dev / Go 1.27.3 (13 %), whose unbuffered frames take three write() calls (`pieces = 3`).
    "grpc-go-1.85-host": {
        "message_ns": 430, "frame_ns": 430, "write_ns": 8_470, "write_byte_ps": 810, "wake_ns": 25_000,
        "read_ns": 4_000, "read_byte_ps": 600, "deliver_ns": 650, "rx_segment_ns": 300, "rx_ack_ns": 300,
        "irq_ns": 8_000,
    },
}  # fmt: skip
"""Profile name to costs; what is not named costs nothing."""

_RECORDED = "precision figures and packet logs of the kernel recordings, tests/groundtruth/recordings"
_FITTED = "tinygram fit-host, experiments/data/grpc-measured"

_TITLES = {
    "ideal": ("an infinitely fast machine", "costs nothing, for teaching and closed forms"),
    "linux-vm": ("the machine of the kernel recordings: Linux 6.18, plain C programs", _RECORDED),
    "grpc-go-host": ("grpc-go 1.63.0, Go 1.27.3, two cores of an AMD EPYC", _FITTED),
    "grpc-go-1.33-host": ("grpc-go 1.33.3, Go 1.19.8, the same machine", _FITTED),
    "grpc-go-1.85-host": ("grpc-go 1.85.0-dev, Go 1.27.3, the same machine", _FITTED),
}

MACHINES = by_name(
    Profile(name, title, tuple(Fact(key, cost, source) for key, cost in HOSTS[name].items()))
    for name, (title, source) in _TITLES.items()
)
"""The same with their sources, for listing."""
