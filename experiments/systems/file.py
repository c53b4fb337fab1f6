"""System files: TOML with units, as scenario files are; every mistake reported at once."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from experiments.schema import Loc, build, failures, table_model
from experiments.settings import table_of
from sim.errors import Problem, ScenarioError
from sim.tandem import System, check


def names() -> list[str]:
    """The systems that come with Tinygram."""
    files = (resources.files("experiments") / "systems").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load(source: str, overrides: Sequence[str] = ()) -> System:
    """The system of a preset or a TOML file under `--set` overrides. ScenarioError lists every mistake."""
    says = _read(source)
    _merge(says, table_of(overrides))
    says.setdefault("name", Path(source).stem)
    system = _validate(says, source)
    check(system)
    return system


def _read(source: str) -> dict[str, Any]:
    if source in names():
        text = (resources.files("experiments") / "systems" / f"{source}.toml").read_text(encoding="utf-8")
    else:
        try:
            text = Path(source).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or "not a text file").lower()
            cure = f"give a TOML file or one of: {', '.join(names())}"
            raise ScenarioError([Problem(source, reason, cure)]) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([Problem(source, f"not valid TOML: {error}")]) from None


def _merge(says: dict[str, Any], changes: dict[str, Any]) -> None:
    """Lay `--set` over the file. A station is meant by its name: `station.broker.servers=8`."""
    for key, value in changes.items():
        if key == "station" and isinstance(value, dict) and isinstance(says.get(key), list):
            for station, settings in value.items():
                _station(says[key], station).update(settings)
        elif isinstance(value, dict) and isinstance(says.get(key), dict):
            _merge(says[key], value)
        else:
            says[key] = value


def _station(stations: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = next((station for station in stations if station.get("name") == name), None)
    if found is None:
        there = ", ".join(str(station.get("name")) for station in stations)
        raise ScenarioError([Problem(f"--set station.{name}", "no such station", f"there are: {there}")])
    return found


def _validate(says: dict[str, Any], source: str) -> System:
    from pydantic import ValidationError

    try:
        return build(System, table_model(System, System()).model_validate(says))
    except ValidationError as error:
        problems = [Problem(f"{source}: {_path(loc)}", what, cure) for loc, what, cure in failures(error, System)]
        raise ScenarioError(problems) from None


def _path(loc: Loc) -> str:
    return ".".join(str(step) for step in loc)
