"""The compiled world: the functions of `models/` and `sim/loop.py`, unchanged, as machine code over NumPy records.

`sim.translate` makes an object file of them, once; here it is kept, found again and called. It is named by a hash of
every source that went into it, of the versions involved and of the processor, so an edit anywhere is seen. Loading it
takes no compiler: Numba is imported only to make it.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path as FilePath
from pkgutil import iter_modules
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import llvmlite.binding as llvm
import numpy as np

import models
from models.state import Path, Record
from sim.plain import fields

SYMBOL = "tinygram_run"
"""What the compiled `sim.loop.run` is called in the object file."""
OPTIMISE_NOTHING = {"NUMBA_OPT": "0"}
"""Numba translates; `sim.translate` optimises."""
ROOT = FilePath(__file__).resolve().parent.parent

States = np.ndarray[Any, np.dtype[Any]]
Entry = Callable[[States, int, int], int]


def source_modules() -> list[str]:
    """Every module that decides what the compiled code is."""
    rules = [f"models.{m.name}" for m in iter_modules(models.__path__)]
    return [*rules, "sim.loop", "sim.compiled", "sim.translate", "sim.families", "sim.plain"]


def source_hash() -> str:
    """A name for exactly this code under exactly these versions on exactly this kind of processor."""
    digest = hashlib.sha256()
    for name in source_modules():
        spec = find_spec(name)
        digest.update(name.encode() + b"\0" + FilePath(str(spec and spec.origin)).read_bytes())
    for part in (*map(version, ("numba", "llvmlite", "numpy")), platform.python_version(), *processor()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:20]


def object_file() -> FilePath:
    """Where the compiled code is kept: under $TINYGRAM_CACHE, else in the user's cache directory."""
    base = os.environ.get("TINYGRAM_CACHE") or os.environ.get("XDG_CACHE_HOME") or FilePath.home() / ".cache"
    return FilePath(base) / "tinygram" / "compiled" / source_hash() / "loop.o"


def is_cached() -> bool:
    """Will the next run start without compiling?"""
    return object_file().exists()


@cache
def kinds(cls: type[Record] = Path) -> dict[type[Record], bool]:
    """Every record type in `cls`, the innermost first and itself last, and whether it occurs in arrays."""
    found: dict[type[Record], bool] = {}
    for kind in fields(cls).values():
        array = isinstance(kind, tuple)
        inner = kind[0] if array else kind
        if inner is not int:
            for part, in_array in kinds(inner).items():
                found[part] = found.get(part, False) or array or in_array
    return {**found, cls: False}


@cache
def layouts() -> dict[type[Record], np.dtype[Any]]:
    """The NumPy record of each state class: int64 fields, nested by value.

    A record that occurs in no array has a size of its own, if need be by a word that nobody uses: in LLVM's text, where
    types have no names, it tells whose field is read (`sim.families`).
    """
    made: dict[type[Record], np.dtype[Any]] = {}
    for cls, in_array in kinds().items():
        columns: list[Any] = []
        for name, kind in fields(cls).items():
            if kind is int:
                columns.append((name, np.int64))
            elif isinstance(kind, tuple):
                columns.append((name, np.int64 if kind[0] is int else made[kind[0]], (kind[1],)))
            else:
                columns.append((name, made[kind]))
        taken = {made[other].itemsize for other in made if not (in_array and kinds()[other])}
        while np.dtype(columns).itemsize in taken:
            columns.append((f"unused{len(columns)}", np.int64))
        made[cls] = np.dtype(columns)
    return made


def dtype(cls: type[Record]) -> np.dtype[Any]:
    """The NumPy record of a state class."""
    return layouts()[cls]


def offset(cls: type[Record], field: str) -> int:
    """Where a field lies in its record, bytes."""
    places = dtype(cls).fields
    assert places is not None
    return int(places[field][1])


def allocate(n: int) -> States:
    """States for n replications, all zero (pages are touched only as they are used)."""
    return np.zeros(n, dtype(Path))


def processor() -> tuple[str, str, str]:
    """This machine as LLVM sees it: triple, name, features."""
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def target_machine() -> Any:
    """LLVM's code generator for this machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple, name, features = processor()
    target = llvm.Target.from_triple(triple)
    return target.create_target_machine(name, features, opt=3, reloc="pic", codemodel="small")


@contextmanager
def alone(directory: FilePath) -> Iterator[None]:
    """One process at a time in `directory`: others wait instead of compiling the same."""
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(path: FilePath) -> None:
    """Make the object file, unless another process has; the compiler gets a process of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path.parent):
        if path.exists():
            return
        print("tinygram: compiling the model, once (about a minute)", file=sys.stderr, flush=True)  # noqa: T201
        search = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
        environment = {**os.environ, **OPTIMISE_NOTHING, "PYTHONPATH": search}
        subprocess.run([sys.executable, "-P", "-m", "sim.translate", str(path)], env=environment, check=True)


def load(path: FilePath) -> Entry:
    """The entry point in the object file `path`."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_path(str(path)))
    engine.finalize_object()
    prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)
    run = prototype(engine.get_function_address(SYMBOL))  # ctypes lets other threads go on while it runs

    def entry(states: States, i: int, budget: int) -> int:
        return int(run(states.ctypes.data + i * states.itemsize, budget))

    entry.engine = engine  # type: ignore[attr-defined]  # the code lives as long as it does
    return entry


_compiling = Lock()


@cache
def _entry() -> Entry:
    path = object_file()
    if path.exists():
        return load(path)
    try:
        build(path)
    except OSError as problem:
        with TemporaryDirectory() as directory:
            said = f"tinygram: {path.parent}: {problem.strerror}; what is compiled now is not kept (set TINYGRAM_CACHE)"
            print(said, file=sys.stderr, flush=True)  # noqa: T201
            path = FilePath(directory) / path.name
            build(path)
            return load(path)
    return load(path)


def entry() -> Entry:
    """`run(states, i, budget) -> status` for one replication of an array of states.

    The first use on a machine compiles, which is said on stderr; threads that come meanwhile wait.
    """
    with _compiling:
        return _entry()


if __name__ == "__main__":
    entry()
