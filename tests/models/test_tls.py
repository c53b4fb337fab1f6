"""TLS records: the bytes they add, and the wait for the rest of one's record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim import Run, simulate
from sim.scenario import Direction, Framing, Host, Http2, Network, Scenario, Workload

MS = 1_000_000
TLS_1_3 = 22
RECORD = 16_384


def run(
    framing: Framing, tls: int = TLS_1_3, http2: Http2 | None = None, rate: int = 10_000_000, **traffic: Any
) -> Run:
    """A stream from a server whose machine costs nothing."""
    way = Direction(delay=5 * MS, rate=rate)
    host = Host(nodelay=True, tls=tls, http2=http2 or Http2())
    workload = Workload(framing=framing, **traffic)
    network = Network(up=way, down=way)
    return simulate(Scenario(workload=workload, server=host, client=host, network=network), driver="loop")


@pytest.mark.parametrize(
    ("framing", "size", "records"),
    [
        (Framing(), 512, 1), (Framing(), RECORD, 1), (Framing(), RECORD + 1, 2), (Framing(), 40_000, 3),
        (Framing(kind="grpc", pieces=2), 512, 2),  # a write() each
        (Framing(kind="grpc", buffer=32_768, flush="on-idle"), 30_000, 2),
    ],
)  # fmt: skip
def test_every_record_adds_its_bytes(framing: Framing, size: int, records: int) -> None:
    plain, sealed = (run(framing, tls, messages=10, size=size, interval=100 * MS) for tls in (0, TLS_1_3))
    assert sealed.server.write_bytes - plain.server.write_bytes == 10 * records * TLS_1_3


def test_a_message_is_there_when_its_record_is() -> None:
    """Two messages in one write(): without TLS the first arrives before the second, with TLS they share a record."""
    framing = Framing(buffer=32_768, flush="on-idle")
    plain, sealed = (run(framing, tls, messages=2, burst=2, size=4_000).messages for tls in (0, TLS_1_3))
    assert plain["arrived_ns"][0] < plain["arrived_ns"][1]
    assert sealed["arrived_ns"][0] == sealed["arrived_ns"][1] > plain["arrived_ns"][1]


def test_windows_count_what_is_inside() -> None:
    """The same rate on a path of any bandwidth; TCP carries 22 bytes more a record, one of them in a second record."""
    framing = Framing(kind="grpc", buffer=32_768, flush="on-idle", quota=65_536)
    windows = Http2(20_000, 65_535)
    traffic = {"arrivals": "greedy", "messages": 400, "size": 1_024}
    plain, sealed = (run(framing, tls, windows, 0, **traffic) for tls in (0, TLS_1_3))
    ends = [float(np.diff(r.messages["read_ns"][[50, 350]])[0]) for r in (plain, sealed)]
    assert ends[1] == pytest.approx(ends[0], rel=0.01)
    assert sealed.server.write_bytes == plain.server.write_bytes + TLS_1_3 * (
        sealed.server.writes + 1
    )  # 20,000 > 16 KiB
    assert sealed.measured.causes["stream_window"] > 0


def test_a_record_larger_than_what_the_window_leaves_costs_the_pipelining() -> None:
    """At 10 Mbit/s a record of 16 KiB takes 13 ms to arrive; until then none of its frames brings credit back."""
    framing = Framing(kind="grpc", buffer=32_768, flush="on-idle", quota=65_536)
    traffic = {"arrivals": "greedy", "messages": 400, "size": 1_024}
    plain, sealed = (run(framing, tls, Http2(20_000, 65_535), **traffic) for tls in (0, TLS_1_3))
    assert plain.throughput_bps > 0.9 * 10_000_000 * 1_024 / (1_024 + 14) * 1_448 / 1_500
    assert sealed.throughput_bps < 0.7 * plain.throughput_bps
