"""The compiled world: the functions of `models/` and `sim/loop.py`, unchanged, compiled by Numba over NumPy records.

Each rule module gets a twin namespace: the same code objects with globals of their own, in which every function is
compiled. Only the entry points below are cached on disk. Numba does not notice edits in modules a cached function
calls, so the cache directory is named by a hash of every source that was compiled and of the versions involved.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path as FilePath
from pkgutil import iter_modules
from threading import Lock
from typing import Any

import numba
import numpy as np

import models
from models.state import Path, Record
from sim.plain import fields

ENTRY = "sim.loop"
# Python calls only the entry point, so the rules need no wrappers of their own: that halves the time to compile.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def rule_modules() -> list[str]:
    """Every module whose functions are compiled."""
    return [f"models.{m.name}" for m in iter_modules(models.__path__)] + [ENTRY]


def source_hash() -> str:
    """A name for exactly this code under exactly these versions."""
    digest = hashlib.sha256()
    for name in [*rule_modules(), "sim.compiled", "sim.entry", "sim.plain"]:
        spec = find_spec(name)
        digest.update(name.encode() + b"\0" + FilePath(str(spec and spec.origin)).read_bytes())
    for version in (numba.__version__, np.__version__, platform.python_version(), platform.machine(), OPTIONS):
        digest.update(repr(version).encode())
    return digest.hexdigest()[:20]


def cache_directory() -> FilePath:
    """Where compiled code is kept: $TINYGRAM_CACHE, else the user's cache directory."""
    base = os.environ.get("TINYGRAM_CACHE") or os.environ.get("XDG_CACHE_HOME") or FilePath.home() / ".cache"
    return FilePath(base) / "tinygram" / "compiled" / source_hash()


def is_cached() -> bool:
    """Will the next run start without compiling?"""
    directory = cache_directory()
    return directory.is_dir() and any(directory.rglob("*.nbi"))


@cache
def dtype(cls: type[Record]) -> np.dtype[Any]:
    """The NumPy record of a state class: int64 fields, nested by value."""
    columns: list[Any] = []
    for name, kind in fields(cls).items():
        if kind is int:
            columns.append((name, np.int64))
        elif isinstance(kind, tuple):
            element, capacity = kind
            columns.append((name, np.int64 if element is int else dtype(element), (capacity,)))
        else:
            columns.append((name, dtype(kind)))
    return np.dtype(columns)


def _twin(name: str, made: dict[str, dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
    """The compiled namespace of one module, its imports first."""
    if name in made:
        return made[name]
    module = import_module(name)
    space: dict[str, Any] = {"__name__": name + ".compiled", "__builtins__": __builtins__}
    made[name] = space
    for key, value in vars(module).items():
        if isinstance(value, types.FunctionType):
            if value.__module__ == name:
                twin = types.FunctionType(value.__code__, space, key)
                twin.__module__ = name  # where a cached function looks for its environment
                space[key] = numba.njit(twin, **options)
            elif value.__module__.startswith(("models.", "sim.")):
                space[key] = _twin(value.__module__, made, options)[value.__name__]
        elif isinstance(value, int | tuple):
            space[key] = value
    return space


@cache
def loop() -> Any:
    """The compiled `sim.loop.run`."""
    return _twin(ENTRY, {}, OPTIONS)["run"]


_compiling = Lock()


def entry() -> Any:
    """`run(states, i, budget) -> status` for one replication of an array of states; cached on disk.

    The first use on a machine compiles, which is said on stderr; threads that come meanwhile wait.
    """
    with _compiling:
        return _entry()


@contextmanager
def alone(directory: FilePath) -> Iterator[None]:
    """One process at a time in `directory`: others wait instead of compiling the same."""
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def _entry() -> Any:
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    config: Any = numba.config
    config.CACHE_DIR = str(directory)
    with alone(directory):
        if not is_cached():
            print("tinygram: compiling the model, once (about a minute)", file=sys.stderr, flush=True)  # noqa: T201
        run: Any = import_module("sim.entry").run_one
        run(allocate(1), 0, 0)
    return run


def allocate(n: int) -> np.ndarray[Any, np.dtype[Any]]:
    """States for n replications, all zero (pages are touched only as they are used)."""
    return np.zeros(n, dtype(Path))


if __name__ == "__main__":
    import_module("sim.compiled").entry()
