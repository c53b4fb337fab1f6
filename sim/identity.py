"""What makes two runs the same: the scenario's hash, the seed and the model's version."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sim.scenario import Scenario


def scenario_hash(scenario: Scenario) -> str:
    """SHA-256 (hex, 16 characters) of the scenario's canonical JSON; its name and title do not count."""
    content = dataclasses.asdict(scenario)
    content.pop("name")
    content.pop("title")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def package_version() -> str:
    """The installed distribution's version."""
    try:
        return version("tinygram")
    except PackageNotFoundError:
        return "0.0.0"


@cache
def model_version() -> str:
    """A hash of the sources that decide results: models/ and sim/. Results of another version are stale."""
    import models

    here = [Path(__file__).parent, Path(str(models.__file__)).parent]
    digest = hashlib.sha256()
    for file in sorted(f for d in here for f in d.glob("*.py")):
        digest.update(f"{file.parent.name}/{file.name}".encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
