"""Imports run experiments -> sim -> models, never back; and asking for help loads nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

HEAVY = {"scipy", "matplotlib", "numba", "pydantic", "moocore", "numpy", "simpy", "dpkt"}

HELP = """
import json, sys
from experiments.cli import main
sys.argv = ["tinygram", "--help"]
try:
    main()
except SystemExit:
    pass
print("MODULES" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_imports_keep_to_the_contracts() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_help_imports_nothing_heavy() -> None:
    outcome = subprocess.run([sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 0, outcome.stderr
    loaded = set(json.loads(outcome.stdout.rpartition("MODULES")[2]))
    assert not loaded & HEAVY


@pytest.mark.parametrize("package", ["models", "sim.scenario"])
def test_rules_and_scenarios_import_nothing_heavy(package: str) -> None:
    program = f"import sys, {package}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    outcome = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 0, outcome.stderr
    assert not set(outcome.stdout.split()) & (HEAVY - {"numpy", "simpy"} if package != "models" else HEAVY)


def test_what_is_copied_by_name_is_there() -> None:
    """`sim.trace` copies a packet's fields by name, which no type checker sees."""
    from models.state import Packet
    from sim.trace import PACKET

    assert set(PACKET) <= set(Packet.__annotations__)
