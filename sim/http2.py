"""An HTTP/2 connection at time 0: what each end announces, what it knows of the other, its streams.

The preface and the first SETTINGS leave when the connection is established, before the workload begins; what they say
is in force at the other end when it has read them.
"""

from __future__ import annotations

from models.bdp import CORE_ESTIMATE, CORE_PAUSE
from models.clocks import NOTHING
from models.constants import BDP_CORE, BDP_GO, BDP_JAVA, BDP_OFF, FRAME_SETTINGS, FRAME_WINDOW_UPDATE
from models.http2_credit import DEFAULT_WINDOW, UNLIMITED
from models.http2_frames import UNCHANGED, put_control
from models.state import INF, Endpoint, Path
from sim.framing import set_framing, workloads
from sim.scenario import Host, Http2, Scenario, Workload

ESTIMATOR = {"off": BDP_OFF, "grpc-go": BDP_GO, "grpc-java": BDP_JAVA, "c-core": BDP_CORE}


def set_http2(s: Path, scenario: Scenario) -> None:
    """Both ends speak HTTP/2 with streams and windows."""
    up, down = workloads(scenario)
    opened = s.a.delivered_at
    ends = ((s.a, s.b, scenario.client, scenario.server, up), (s.b, s.a, scenario.server, scenario.client, down))
    for e, _, host, other, own in ends:
        w = own or scenario.workload
        set_framing(e, w.framing, host.cork)
        e.w.layered = 1
        e.w.threads = 2
        e.w.quota = w.framing.quota
        set_sender(e, w if own else Workload(), host.http2, other.http2)
        set_receiver(e, host.http2)
    for e, peer, host, _, _ in ends:
        for i in range(peer.h2.nstreams):
            e.h2.stream[i].granted = e.h2.stream_window
        announce(e, host.http2)
        begins_at(e, opened, host)
    s.ab.free = s.ab.last_due = s.ab.rx_busy = opened
    s.ba.free = s.ba.last_due = s.ba.rx_busy = opened
    s.now = min(s.now, opened)


def set_sender(e: Endpoint, w: Workload, own: Http2, peer: Http2) -> None:
    """Its streams, and what it takes for granted until the peer's SETTINGS have come."""
    h = e.h2
    h.nstreams = w.streams
    h.stream_messages = w.stream_messages
    h.window = DEFAULT_WINDOW if peer.connection_window else UNLIMITED
    h.initial_window = DEFAULT_WINDOW if peer.stream_window else UNLIMITED
    h.limit = own.assumed_streams
    h.fifo = 1 if own.scheduler == "fifo" else 0
    h.queue_clock.why = NOTHING
    for i in range(w.streams):
        stream = h.stream[i]
        stream.left = (e.w.total - i + w.streams - 1) // w.streams
        stream.quota_left = e.w.quota
        stream.due_clock.why = NOTHING
        stream.queued_clock.why = NOTHING


def set_receiver(e: Endpoint, own: Http2) -> None:
    """The windows it grants, when it gives credit back, how it probes."""
    h = e.h2
    h.stream_window = own.stream_window
    h.connection_window = h.granted = own.connection_window
    h.update_per_mille = round(own.update_share * 1000)
    h.update_bytes = own.update_bytes
    h.estimator = ESTIMATOR[own.bdp]
    h.bdp_limit = own.bdp_limit
    h.bdp = CORE_ESTIMATE if h.estimator == BDP_CORE else own.connection_window
    h.probe_every = CORE_PAUSE
    h.keepalive = own.keepalive


def announce(e: Endpoint, own: Http2) -> None:
    """SETTINGS, and what the connection window has more than the default."""
    changed = own.stream_window not in (0, DEFAULT_WINDOW)
    put_control(e, FRAME_SETTINGS, -1, own.stream_window if changed else UNCHANGED, own.max_streams)
    if own.connection_window > DEFAULT_WINDOW:
        put_control(e, FRAME_WINDOW_UPDATE, -1, own.connection_window - DEFAULT_WINDOW, 0)


def begins_at(e: Endpoint, opened: int, host: Host) -> None:
    """Work begins when the connection is established, which may be before time 0."""
    h = e.h2
    e.w.flush_at = h.alive_at = h.heard_at = e.delivered_at
    e.host.app_busy = e.host.active_at = opened
    e.rack_mstamp = opened // 1000
    set_application(e, host)
    e.r.start = opened
    e.r.pause = e.r.every = 0


def set_application(e: Endpoint, host: Host) -> None:
    """The transport reads the socket at once; an application that does not reads from the transport."""
    h = e.h2
    h.every = e.r.every
    h.pause = e.r.pause
    h.start = host.read_start
    h.apart = 1 if h.every or h.pause or h.start else 0
    h.credit_on_read = 1 if host.http2.connection_credit == "read" else 0
    h.free_at = h.start
    h.read_at = INF
