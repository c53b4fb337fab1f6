"""A server for tests: on a free port, in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from experiments.demo.server import Server


@contextmanager
def serving(own: str = "") -> Iterator[Server]:
    with Server(0, own) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
