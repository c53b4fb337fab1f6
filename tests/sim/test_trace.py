"""What a trace says of packets agrees with what happened to them."""

from __future__ import annotations

import pytest

from models.link import DROP_FULL
from sim import Direction, Host, Network, Scenario, Workload, simulate

MS = 1_000_000


@pytest.mark.parametrize("queue", [8_000, 60_000])
def test_a_packet_is_dropped_exactly_when_the_fifo_it_finds_has_no_room_for_it(queue: int):
    scenario = Scenario(
        workload=Workload(arrivals="greedy", messages=400, size=3_000),
        server=Host(nodelay=True, sndbuf=200_000),
        network=Network(
            up=Direction(delay=10 * MS), down=Direction(rate=10_000_000, delay=10 * MS, queue=queue, loss=0.01)
        ),
    )
    trace = simulate(scenario, 1, trace=True).trace
    assert trace is not None
    down = trace.segments[trace.segments["direction"] == 1]
    full = down["drop"] == DROP_FULL
    assert (full == (down["backlog"] + down["iplen"] > queue)).all()
    assert full.any() == (queue < 20_000)
    waits = down["svc"] - down["into"]
    assert ((down["backlog"] == 0) == (waits == 0))[~full].all()


def test_a_link_without_rate_has_no_queue():
    scenario = Scenario(workload=Workload(interval=MS, messages=50), network=Network(down=Direction(delay=MS)))
    trace = simulate(scenario, 1, trace=True).trace
    assert trace is not None
    assert not trace.segments["backlog"].any()
