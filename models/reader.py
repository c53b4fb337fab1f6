"""The receiving application: when it reads decides when the peer gets its ACKs.

A prompt reader sleeps in read() and runs `wake_ns` after data came in. A polling reader looks at multiples of `every`.
A slow one pauses after every read. One read() takes all there is, up to `size`.
"""

from __future__ import annotations

from models.constants import REPLIES, REQUESTS
from models.cpu import timer_wake_ns, work
from models.delayed_ack import ack_on_read, release_socket, set_quickack
from models.delivery import ALL, deliver
from models.http2_consumer import transport_has_read
from models.receive_queue import tcp_copy_received
from models.sources import reply_read, request_read
from models.state import INF, Endpoint, Link


def next_poll(e: Endpoint, t: int) -> int:
    """The first polling instant not before t."""
    r = e.r
    return t + (r.phase - t) % r.every


def data_ready(e: Endpoint, way: Link, now: int) -> None:
    """Data is readable: wake a reader that sleeps in read()."""
    r = e.r
    if r.waiting == 0 or e.rcv_nxt - e.copied_seq < r.lowat:
        return
    r.waiting = 0
    way.rx_busy = now + way.rx_wake_ns
    r.runnable = max(now, r.start)
    if r.every:
        r.runnable = next_poll(e, r.runnable)
    if r.runnable > now:
        sleep_until(e, r.runnable, now)
    else:
        wake(e, now)


def wake(e: Endpoint, now: int) -> None:
    """The reader runs after the scheduler's latency. A core at work goes on with it, and the reader waits its turn."""
    t = now + e.host.wake_ns
    if t > now and e.host.app_busy > now:
        e.r.locked_from = INF
        e.r.at = t
    else:
        run(e, t)


def run(e: Endpoint, t: int) -> None:
    """The reader has the core from t, or when it is free, and calls read()."""
    e.r.locked_from = max(t, e.host.app_busy)
    e.r.at = work(e.host, e.r.locked_from, e.host.read_ns)


def sleep_until(e: Endpoint, t: int, now: int) -> None:
    """The reader wakes up of itself at t and calls read(); meanwhile the core is the writer's."""
    h = e.host
    e.r.locked_from = t + timer_wake_ns(h, t - now)
    e.r.at = e.r.locked_from + h.read_ns
    h.app_ns += h.read_ns


def read_again(e: Endpoint, now: int) -> None:
    """After a read: pause, poll, go on at once if there is more, or sleep."""
    r = e.r
    if r.pause == 0 and r.every == 0 and e.rcv_nxt - e.copied_seq < r.lowat:
        r.at = INF
        r.waiting = 1
        return
    r.runnable = max(now, e.host.app_busy) + r.pause
    if r.every:
        r.runnable = next_poll(e, max(r.runnable, now + 1))
    if r.pause or r.every:
        sleep_until(e, r.runnable, now)
    else:
        run(e, r.runnable)


def read(e: Endpoint, l: Link, peer: Endpoint, now: int) -> None:
    """A read() returns: copy, acknowledge if that is due, deliver messages, go on."""
    r = e.r
    if r.locked_from == INF:  # it is awake, and has not called read() yet
        run(e, now)
        return
    n = tcp_copy_received(e, now, r.size)
    if n == 0:
        r.at = INF
        r.waiting = 1
        return
    r.reads += 1
    ack_on_read(e, l, now)
    release_socket(e, l, now)
    if r.quickack:
        set_quickack(e, l, now, 1 if r.quickack == 1 else 0)
    got = 0 if e.h2.apart else deliver(e, peer, r.runnable, now, ALL)
    if e.w.layered:
        transport_has_read(e, l, peer, now)
    if e.host.deliver_ns or e.host.read_byte_ps:
        work(e.host, now, got * e.host.deliver_ns + n * e.host.read_byte_ps // 1000)
    read_again(e, now)
    if got and e.w.mode == REPLIES:
        request_read(e, peer, now)
    elif got and e.w.mode == REQUESTS:
        reply_read(e, now)
