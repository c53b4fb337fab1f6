"""What makes two runs the same: the scenario's hash, the seed and the model's version."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from sim.scenario import Scenario


@cache
def trace_hash(trace: tuple[tuple[int, int], ...]) -> str:
    """The hash of a recording, which many scenarios of a sweep share."""
    return hashlib.sha256(repr(trace).encode()).hexdigest()


@lru_cache(maxsize=1024)  # every run of a point asks
def scenario_hash(scenario: Scenario) -> str:
    """SHA-256 (hex, 16 characters) of the scenario's canonical JSON.

    Its name and title do not count, nor where a policy's file lies: the text of that file does.
    """
    streams = {
        name: trace_hash(stream.trace)
        for name, stream in (("workload", scenario.workload), ("reverse", scenario.reverse))
        if stream is not None and stream.trace
    }
    bare = dataclasses.replace(scenario, name="", title="")
    for name in streams:
        bare = dataclasses.replace(bare, **{name: dataclasses.replace(getattr(bare, name), trace=())})
    says = dataclasses.asdict(bare)
    if bare.policy is None:
        del says["policy"]
    else:
        says["policy"]["name"] = bare.policy.name.rpartition(":")[2]
    text = json.dumps([says, streams], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def package_version() -> str:
    """The installed distribution's version."""
    try:
        return version("tinygram")
    except PackageNotFoundError:
        return "0.0.0"


@cache
def model_version() -> str:
    """A hash of what decides results: the sources of models/ and sim/, and NumPy, which makes the random streams.

    Results of another version are stale.
    """
    import models

    here = [Path(__file__).parent, Path(str(models.__file__)).parent]
    digest = hashlib.sha256(f"numpy {np.__version__}".encode())
    for file in sorted(f for d in here for f in d.glob("*.py")):
        digest.update(f"{file.parent.name}/{file.name}".encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
