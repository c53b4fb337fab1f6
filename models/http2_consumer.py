"""Two readers of an HTTP/2 connection: the transport empties the socket, the application takes messages from it.

The transport always reads at once, so TCP's window stays open. A prompt application reads along with it. Any other
reads at its own instants (polling: all there is; slow: a message, then a pause), and until then the credit of the
streams is not given back: what a slow reader closes are the windows of its streams. The connection's credit comes back
on receipt (grpc-go, so that one slow stream does not stop the others), or likewise when the application has read
(golang.org/x/net, Netty).

Sources: grpc-go `trInFlow.onData`, `inFlow.onRead`, `recvBuffer`; golang.org/x/net/http2 `requestBody.Read`,
`sendWindowUpdate`; Netty `DefaultHttp2LocalFlowController.consumeBytes`.
"""

from __future__ import annotations

from models.application import run_writer
from models.constants import STEP_SEND
from models.cpu import work
from models.delivery import ALL, deliver
from models.framer import thread_reason
from models.http2_credit import connection_read, stream_read
from models.http2_reading import alive, pause_over, take_frames
from models.state import CPU, INF, SLOTS, Endpoint, Link


def transport_has_read(e: Endpoint, l: Link, peer: Endpoint, now: int) -> None:
    """The socket has been read: act on the frames, let the application know, write what is to be said."""
    h = e.h2
    take_frames(e, peer, now)
    if h.read_at == INF and (h.unread or next_message(e, peer)):
        h.read_at = application_instant(e, max(now, h.free_at))
    set_timer(e)
    say(e, l, now)


def say(e: Endpoint, l: Link, now: int) -> None:
    """Write what there is to be said, unless the framer is at it, or senders have the core and their turn comes first.

    A control frame makes a framer runnable that data has made runnable already. What could be written now, as credit
    has come, and is not, waits for the core.
    """
    w = e.w
    if w.busy:
        return
    if w.app_step != STEP_SEND and w.app_at > now:
        run_writer(e, l, now)
    else:
        thread_reason(e, now, CPU)


def application_instant(e: Endpoint, t: int) -> int:
    """When the application reads, from t on."""
    h = e.h2
    t = max(t, h.start)
    return t + -t % h.every if h.every else t


def set_timer(e: Endpoint) -> None:
    """The earliest of the three things that are due by themselves."""
    e.w.flush_at = min(min(e.h2.alive_at, e.h2.read_at), e.h2.pause_at)


def http2_timer(e: Endpoint, l: Link, peer: Endpoint, now: int) -> None:
    """The connection begins, has been silent for long, is to be probed, or the application reads."""
    h = e.h2
    if h.read_at <= now:
        application_reads(e, peer, now)
    if h.alive_at <= now:
        alive(e, now)
    if h.pause_at <= now:
        pause_over(e)
    set_timer(e)
    say(e, l, now)


def application_reads(e: Endpoint, peer: Endpoint, now: int) -> None:
    """Messages are delivered and their credit comes back; with none complete, what there is of the next is taken."""
    h = e.h2
    h.read_at = INF
    if h.pause and next_message(e, peer):
        got = take_one(e, peer, now)
    else:
        got = deliver(e, peer, now, now, ALL)
        for i in range(peer.h2.nstreams):
            consume(e, i, h.stream[i].unread)
    if e.host.deliver_ns:
        work(e.host, now, got * e.host.deliver_ns)
    h.free_at = now + h.pause
    if h.unread or next_message(e, peer):
        h.read_at = application_instant(e, max(h.free_at, now + 1))


def next_message(e: Endpoint, peer: Endpoint) -> int:
    """Does a whole message lie there?"""
    w = peer.w
    return 1 if w.done < w.ordered and w.m[w.slot[w.done & SLOTS]].end <= e.copied_seq else 0


def take_one(e: Endpoint, peer: Endpoint, now: int) -> int:
    """The next message, in the order in which they came."""
    w = peer.w
    m = w.m[w.slot[w.done & SLOTS]]
    n = m.size + w.prefix
    i = m.stream
    got = deliver(e, peer, now, now, 1)
    consume(e, i, min(n, e.h2.stream[i].unread))
    return got


def consume(e: Endpoint, i: int, n: int) -> None:
    """The application has read n bytes of stream i."""
    h = e.h2
    s = h.stream[i]
    h.unread -= n
    s.unread -= n
    over = s.ended if s.unread == 0 else 0
    if n or over:
        s.ended -= over
        stream_read(e, i, n, over)
    if h.credit_on_read:
        connection_read(e, n)
