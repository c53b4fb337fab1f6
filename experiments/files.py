"""Scenario files: TOML with units, built on presets, changed by `--set`; every mistake reported at once.

base = "grpc-log-tail"          # a preset, or a file beside this one

[workload]
load = 4

[network]                       # both directions ...
rate = "10Mbit/s"
rtt = "30ms"
[network.down]                  # ... and what differs in one
loss = "1%"
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any

from experiments import policies, recordings, stacks
from experiments.checks import check
from experiments.dump import dump
from experiments.layers import STREAMS, Document, Layer, Loc
from experiments.schema import build, failures, json_schema, scenario_model
from experiments.settings import Overrides, table_of
from sim.errors import Problem, ScenarioError
from sim.scenario import Scenario, Spikes, Workload

__all__ = ["dump", "json_schema", "load", "loads", "preset_names", "preset_text", "preset_title"]


def load(source: str | os.PathLike[str], overrides: Overrides = ()) -> Scenario:
    """The scenario of a preset or TOML file under `--set` overrides (`["workload.size=1KiB"]`, or a mapping).

    Raises `ScenarioError` with every problem found.
    """
    return _compose([*_source(str(source), Path(), ()), *_set_layer(overrides)])


def loads(text: str, overrides: Overrides = (), *, label: str = "scenario", folder: Path | None = None) -> Scenario:
    """The scenario of TOML text; paths in it are relative to `folder` (the working directory unless given)."""
    return _compose([*_layers(text, label, folder or Path(), ()), *_set_layer(overrides)])


def preset_names() -> list[str]:
    """The presets that come with Tinygram."""
    return sorted(name.removesuffix(".toml") for name in _preset_files() if name.endswith(".toml"))


def preset_text(name: str) -> str:
    """A preset's commented TOML. Raises ScenarioError for an unknown name."""
    if name not in preset_names():
        raise ScenarioError([_missing(name)])
    return (resources.files("experiments") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def preset_title(name: str) -> str:
    """The question a preset answers."""
    return str(tomllib.loads(preset_text(name)).get("title", ""))


def _preset_files() -> list[str]:
    return [file.name for file in (resources.files("experiments") / "presets").iterdir()]


# ---- layers ----------------------------------------------------------------------------------------------------------


def _source(source: str, folder: Path, chain: tuple[str, ...]) -> list[Layer]:
    """A preset's or file's layers, its bases' below it."""
    path = folder / source
    preset = source in preset_names()
    identity = source if preset else str(path.resolve())
    if identity in chain:
        raise ScenarioError([Problem(source, "its base leads back to itself", "remove one `base`")])
    if preset:
        return _layers(preset_text(source), f"preset {source}", folder, (*chain, identity), source)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScenarioError([_missing(source)]) from None
    except UnicodeDecodeError:
        raise ScenarioError([Problem(source, "not a text file", "give a TOML file or a preset's name")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise ScenarioError([Problem(source, reason.lower(), "give a TOML file or a preset's name")]) from None
    return _layers(text, source, path.parent, (*chain, identity), path.stem)


def _layers(text: str, label: str, folder: Path, chain: tuple[str, ...], name: str = "") -> list[Layer]:
    try:
        says = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError([Problem(label, f"not valid TOML: {error}")]) from None
    base = says.pop("base", None)
    if base is not None and not isinstance(base, str):
        raise ScenarioError([Problem(f"{label}: base", f"{base!r} is no name", "write a preset's or a file's name")])
    below = _source(base, folder, chain) if base else []
    return [*below, Layer(f"{label}: ", folder, {"name": name, **says} if name else says)]


def _set_layer(overrides: Overrides) -> list[Layer]:
    return [Layer("--set ", Path(), table_of(overrides))] if overrides else []


def _missing(source: str) -> Problem:
    names = preset_names()
    near = get_close_matches(source, names, n=1)
    cure = f"did you mean {near[0]!r}?" if near else f"presets: {', '.join(names)}"
    return Problem(source, "no such preset or file", cure)


# ---- composing -------------------------------------------------------------------------------------------------------


def _compose(layers: list[Layer]) -> Scenario:
    """One scenario out of layers, the last on top; `ScenarioError` lists all that is wrong."""
    document = Document()
    for layer in layers:
        document.add(layer)
    _imply(document.says)
    stacks.apply(document)
    scenario, failed = _validate(document)
    for stream in STREAMS:
        scenario = _with_recording(scenario, stream, document, failed)
        scenario = _with_link_spikes(scenario, stream)
    scenario = _with_policy(scenario, document, failed)
    document.problems += check(scenario, set(document.origin), failed, document.where)
    if document.problems:
        raise ScenarioError(list(dict.fromkeys(document.problems)))
    return scenario


def _imply(says: dict[str, Any]) -> None:
    """Defaults that follow from other keys: the client asks, a recording is replayed, [reverse] starts opposite."""
    tables = {key: says[key] for key in STREAMS if isinstance(says.get(key), dict)}
    for table in tables.values():
        if table.get("capture") or table.get("trace"):
            table.setdefault("arrivals", "trace")
        if table.get("kind") == "request-response":
            table.setdefault("sender", "client")
    if "reverse" in tables:
        forward = tables.get("workload", {}).get("sender", "server")
        tables["reverse"].setdefault("sender", "client" if forward == "server" else "server")


def _validate(document: Document) -> tuple[Scenario, list[Loc]]:
    """The typed scenario; keys that were mistakes are noted, left at their defaults, and returned."""
    from pydantic import ValidationError

    failed: list[Loc] = []
    while True:
        try:
            return build(Scenario, scenario_model().model_validate(document.says)), failed
        except ValidationError as error:
            for loc, problem, cure in failures(error):
                document.problems.append(Problem(document.where(loc), problem, cure))
                document.remove(loc)
                failed.append(loc)


def _with_policy(scenario: Scenario, document: Document, failed: list[Loc]) -> Scenario:
    """The policy with the text of its file, so that the scenario says all that a run depends on."""
    if scenario.policy is None or any(loc[0] == "policy" for loc in failed):
        return scenario
    loc: Loc = ("policy", "name")
    try:
        return replace(scenario, policy=policies.complete(scenario.policy, document.folder(loc)))
    except ScenarioError as error:
        for p in error.problems:
            own: Loc = ("policy", "parameters", p.path)
            if own in document.origin:
                document.problems.append(replace(p, path=document.where(own)))
            else:
                document.problems.append(Problem(document.where(loc), f"{p.path}: {p.problem}", p.cure))
        return replace(scenario, policy=None)


def _with_link_spikes(scenario: Scenario, stream: str) -> Scenario:
    """A workload whose spikes are `where = "link"`: they strike packets of its direction instead of its sender."""
    workload: Workload | None = getattr(scenario, stream)
    if workload is None or workload.spikes.where == "sender":
        return scenario
    way = "down" if workload.sender == "server" else "up"
    direction = replace(getattr(scenario.network, way), spikes=workload.spikes)
    calm = replace(workload, spikes=Spikes(where="sender"))
    network = replace(scenario.network, **{way: direction})
    return replace(scenario, network=network, **{stream: calm})  # type: ignore[arg-type]


# ---- recordings ------------------------------------------------------------------------------------------------------


def _with_recording(scenario: Scenario, stream: str, document: Document, failed: list[Loc]) -> Scenario:
    """A stream's capture read into its trace, unless the file gives the trace too."""
    workload: Workload | None = getattr(scenario, stream)
    if workload is None or not workload.capture or workload.trace:
        return scenario
    loc: Loc = (stream, "capture")
    try:
        path = recordings.find(workload.capture, document.folder(loc))
        trace = recordings.messages(path, workload.capture_port)
    except ScenarioError as error:
        failed.append(loc)
        found = (Problem(document.where(loc), f"{workload.capture}: {p.problem}", p.cure) for p in error.problems)
        document.problems.extend(found)
        return scenario
    return replace(scenario, **{stream: replace(workload, trace=trace)})  # type: ignore[arg-type]
