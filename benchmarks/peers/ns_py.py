"""ns.py, from PyPI: its nearest scenarios, shortened, since rates are what is compared."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks import process

S1_SECONDS = 200
S2_SECONDS = 5


def measure() -> dict[str, Any] | str:
    """S1 without Nagle, which it does not have, and S2. A string says why not."""
    try:
        installed = version("ns.py")
    except PackageNotFoundError:
        return "ns.py is not installed (PyPI: ns.py)"
    try:
        return {"version": installed, "s1-nodelay": _run("s1", S1_SECONDS), "s2-bulk": _run("s2", S2_SECONDS)}
    except process.Failed as why:
        return f"ns.py does not run here: {why}"


def _run(scenario: str, seconds: int) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(process.python("benchmarks.peers.ns_py_scenarios", scenario, str(seconds)))
    return result
