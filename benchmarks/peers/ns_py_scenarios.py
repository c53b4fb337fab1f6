"""S1 and S2 in ns.py, as near as it comes: prints JSON. `python -m benchmarks.peers.ns_py_scenarios (s1|s2) SECONDS`.

Its TCP has no Nagle, no delayed ACK and no send buffer, and its segments are 512 bytes, which S1's messages happen to
be. A bottleneck that drops sends it into a storm of retransmissions, so there is none.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from typing import Any

import simpy
from ns.flow.cubic import TCPCubic
from ns.flow.flow import Flow
from ns.packet.tcp_generator import TCPPacketGenerator
from ns.packet.tcp_sink import TCPSink
from ns.port.port import Port
from ns.port.wire import Wire


class Counting(simpy.Environment):
    """SimPy's environment, with its events counted."""

    events = 0

    def step(self) -> None:
        """Take one event."""
        self.events += 1
        super().step()


def path(env: simpy.Environment, paced: bool, rate: float, until: float) -> tuple[TCPSink, list[Port]]:
    """Sender, bottleneck, receiver and the way back."""
    pace = {"arrival_dist": lambda: 0.01, "size_dist": lambda: 512} if paced else {}
    flow = Flow(fid=0, src="a", dst="b", finish_time=until, **pace)
    sender = TCPPacketGenerator(env, flow=flow, cc=TCPCubic(), element_id="sender")
    sink = TCPSink(env, rec_waits=True)
    ports = [Port(env, rate), Port(env, rate)]
    wires = [Wire(env, lambda: 0.005), Wire(env, lambda: 0.005)]
    chain: list[Any] = [sender, ports[0], wires[0], sink, ports[1], wires[1], sender]
    for element, following in pairwise(chain):
        element.out = following
    return sink, ports


def main() -> None:
    """Run what the command line says."""
    which, seconds = sys.argv[1], float(sys.argv[2])
    env = Counting()
    sink, ports = path(env, which == "s1", 10e6 if which == "s1" else 100e6, seconds)
    started = time.process_time()
    env.run(until=seconds)
    cpu = time.process_time() - started
    waits = sorted(round(wait * 1e9) for wait in sink.waits[0])
    result = {
        "cpu_s": cpu,
        "events": env.events,
        "packets": sum(port.packets_received for port in ports),
        "messages": len(waits),
        "throughput_bps": round(len(waits) * 512 * 8 / seconds),
        "p50_ns": waits[len(waits) // 2],
        "p99_ns": waits[len(waits) * 99 // 100],
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
