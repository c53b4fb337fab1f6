"""The workers of a Dask cluster as an `Executor`: what is submitted runs on some machine of it, under this model.

Workers compute and hold nothing. A worker that dies takes no result with it: the scheduler gives its tasks to others,
and a result counts from the moment it is in the store, which this process alone writes. Results are kept under the
model's version, so a worker with other sources refuses instead of computing something else.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from uuid import uuid4

from experiments.sweep.errors import SweepError
from sim.errors import Problem, ScenarioError
from sim.identity import model_version

if TYPE_CHECKING:
    from distributed import Client

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = "15s"
"""How long to wait for the scheduler to answer."""

LEAST_WIDTH = 16
"""Runs to offer a cluster that has fewer threads, or none yet: an adaptive one grows with what waits for it."""

COUNT_EVERY = 2.0
"""Seconds between looks at how many threads the cluster has by now."""


class Call:
    """A call that unpickling makes: pickle rebuilds an object by calling something, here `under_model(...)`.

    Travelling as bytes that only the task itself unpickles, it asks nothing of the scheduler's machine, and a worker
    without Tinygram answers with an ordinary error, even one that joined later.
    """

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.call = pickle.dumps((fn, args, kwargs))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, bytes]]:
        return under_model, (model_version(), self.call)


def under_model(version: str, call: bytes) -> Any:
    """On a worker: make the pickled call, if this machine has that version of the model. SweepError if it has not."""
    import socket

    if model_version() != version:
        raise SweepError(
            f"the worker on {socket.gethostname()} computes with model {model_version()}, this command with {version}: "
            "install the same Tinygram and NumPy on both; what was done is kept"
        )
    fn, args, kwargs = pickle.loads(call)
    return fn(*args, **kwargs)


class ClusterExecutor(Executor):
    """Submits to a Dask cluster, under this process' version of the model."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inner = client.get_executor(pure=False)
        self._threads = 0
        self._counted = float("-inf")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn(*args, **kwargs)` on a worker."""
        call = pickle.dumps(Call(fn, args, kwargs))
        future: Future[T] = self._inner.submit(pickle.loads, call, key=f"run-{uuid4()}")
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Submit no more; without `wait` the cluster is told to drop what it has not done."""
        if self._client.status == "running":
            self._inner.shutdown(wait=wait and not cancel_futures)

    def threads(self) -> int:
        """Threads of all the cluster's workers, a look not older than `COUNT_EVERY`."""
        if time.monotonic() - self._counted > COUNT_EVERY:
            self._threads = sum(self._client.nthreads().values())
            self._counted = time.monotonic()
        return self._threads

    def width(self) -> int:
        """Runs at a time: the cluster's threads now, at least `LEAST_WIDTH`."""
        return max(self.threads(), LEAST_WIDTH)


@contextmanager
def cluster(address: str) -> Iterator[ClusterExecutor]:
    """Connect to the scheduler at `address`; what goes wrong with the cluster inside the block is a SweepError."""
    client = _connect(address)
    from distributed import KilledWorker

    try:
        yield ClusterExecutor(client)
    except (CancelledError, OSError) as error:
        if isinstance(error, OSError) and client.status == "running":
            raise  # not the cluster's
        raise SweepError(
            f"lost the scheduler at {address}; what was done is kept: see that it runs, and repeat the command"
        ) from error
    except KilledWorker as error:
        raise SweepError(
            f"{error.allowed_failures + 1} workers died over one run, the last on {error.last_worker.address}, perhaps "
            "for want of memory; what was done is kept: give each worker more memory or fewer threads, and repeat the "
            "command"
        ) from error
    except ImportError as error:
        raise SweepError(
            f"a worker cannot run this ({error}); what was done is kept: install this Tinygram on every worker"
        ) from error
    finally:
        client.close(timeout=1)


def _connect(address: str) -> Client:
    try:
        import dask

        # Its loggers, set up when it is imported, would print a traceback for what is said here in a sentence.
        dask.config.set({"logging": {"distributed": "critical", "distributed.client": "critical"}})
        from distributed import Client
    except ImportError:
        cure = "python -m pip install 'tinygram[dask]'"
        raise ScenarioError([Problem("--cluster", "needs Dask, which is not installed", cure)]) from None
    try:
        if "://" not in address:  # else a client is made that complains when it is thrown away
            raise ValueError(address)
        return Client(address, timeout=PATIENCE, set_as_default=False, name="tinygram")
    except (OSError, TimeoutError, ValueError) as error:
        cure = "give the address that `dask scheduler` prints, like tcp://scheduler:8786"
        raise ScenarioError([Problem("--cluster", f"no scheduler answers at {address}", cure)]) from error
