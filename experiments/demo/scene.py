"""What a page asks for: a preset, the keys it changes and a seed, as its address has them.

`base=one-way-512&workload.size=1KiB&seed=3`; keys beginning with `b.` are those that pane B has besides A's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Any
from urllib.parse import parse_qsl

from experiments.demo.controls import MESSAGES_MAX, keys
from experiments.files import load, preset_names
from sim.draws import LARGEST_SEED
from sim.errors import Problem, ScenarioError
from sim.run import messages_of, work_of
from sim.scenario import Scenario

SEGMENTS_MAX = 3_000
"""Full segments one request may send: a second or two of work, and as much as can be drawn."""
ALWAYS = {"warmup": "0"}
"""Every message of a page is looked at, so all of them count: no start-up is set apart."""
FEW = {"workload.messages": "60"}
"""Of a source that has more messages than a page shows, unless their number is set."""
COMPANIONS = {("workload.framing.flush", "timer"): ("workload.framing.flush_after", "10ms")}
"""Settings that need another one: a page sets one at a time."""
SECOND = "b."
PAGE = ("base", "seed", "lesson", "guess", "message", "pane", "view", "compare", "scale")
"""Words of an address that are no settings; the last ones only the page itself reads."""


@dataclass(frozen=True)
class Scene:
    """One pane: everything its run depends on. `base` is a preset's name, or the file the page was started with."""

    base: str
    settings: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    @property
    def overrides(self) -> list[str]:
        """As `--set` takes them."""
        return overrides_of(self.all)

    @property
    def all(self) -> dict[str, str]:
        """The settings with those every page has, and those they need."""
        needed = dict(needs for setting, needs in COMPANIONS.items() if setting in self.settings.items())
        few = FEW if "workload.messages" not in self.settings and _has_many(self.base) else {}
        return few | needed | dict(self.settings) | ALWAYS

    def scenario(self) -> Scenario:
        """The scenario. ScenarioError when it cannot run, or is more than a page is for."""
        scenario = load(self.base, self.overrides)
        _bounded(scenario)
        return scenario

    def command(self, verb: str, *more: str) -> str:
        """The command line that shows the same in a terminal."""
        words = ["tinygram", verb, self.base]
        for override in self.overrides:
            words += ["--set", override]
        words += ["--seed", str(self.seed)] if self.seed else []
        return " ".join(quote(word) for word in [*words, *more])


def _has_many(source: str) -> bool:
    return messages_of(load(source)) > MESSAGES_MAX


def overrides_of(settings: Mapping[str, str]) -> list[str]:
    """Settings as `--set` takes them; a list may be written without its brackets."""
    lists = {key: f"[{text}]" if _is_list(key) and "[" not in text else text for key, text in settings.items()}
    return [f"{key}={text}" for key, text in lists.items()]


def _is_list(key: str) -> bool:
    return key in {"workload.pieces", "workload.reply"}


def _bounded(scenario: Scenario) -> None:
    messages = messages_of(scenario)
    if messages > MESSAGES_MAX:
        problem = f"{messages:,} messages are more than a page shows"
        raise ScenarioError(
            [Problem("workload.messages", problem, f"at most {MESSAGES_MAX}; `tinygram run` takes any")]
        )
    work = work_of(scenario)
    if work > SEGMENTS_MAX:
        problem = f"the messages come to {work:,} full segments, more than a page is for"
        raise ScenarioError([Problem("workload.messages", problem, f"fewer or smaller ones: {SEGMENTS_MAX:,} at most")])


# ---- from an address -------------------------------------------------------------------------------------------------


def parse(query: str) -> dict[str, str]:
    """The words of an address. ScenarioError when one is given twice."""
    pairs = parse_qsl(query, keep_blank_values=True)
    said: dict[str, str] = {}
    for key, text in pairs:
        if key in said:
            raise ScenarioError([Problem(key, "is in the address twice", "leave one out")])
        said[key] = text
    return said


def scene_of(said: Mapping[str, str], pane: str = "a", own: str = "") -> Scene:
    """The scene of a pane; `own` is a source the page may name besides presets.

    Raises ScenarioError with every word that says nothing.
    """
    settings = {key: text for key, text in said.items() if key not in PAGE and not key.startswith(SECOND)}
    if pane == "b":
        settings |= {key.removeprefix(SECOND): text for key, text in said.items() if key.startswith(SECOND)}
    problems = [
        Problem(key, "the page has no such control", "tinygram run takes every key of a scenario file")
        for key in settings
        if key not in keys()
    ]
    base = said.get("base", START.base)
    if base not in {*preset_names(), own}:
        problems.append(Problem("base", f"there is no preset {base!r}", f"presets: {', '.join(preset_names())}"))
    seed = said.get("seed", "0")
    if not re.fullmatch(r"[0-9]{1,19}", seed) or int(seed) > LARGEST_SEED:
        problems.append(Problem("seed", f"{seed!r} is no seed", "a whole number from 0 to 2**62 is one"))
    if problems:
        raise ScenarioError(problems)
    return Scene(base, settings, int(seed))


def at_controls(error: ScenarioError) -> list[dict[str, Any]]:
    """Its problems, each with the key of the control that caused it."""
    return [
        {"key": p.path.removeprefix("--set ").partition("[")[0].strip(), "problem": p.problem, "cure": p.cure}
        for p in error.problems
    ]


START = Scene(
    "one-way-512",
    {
        "workload.size": "200B",
        "workload.arrivals": "poisson",
        "workload.interval": "8ms",
        "workload.messages": "60",
        "network.rtt": "30ms",
        "network.rate": "1Mbit/s",
        "network.down.spikes.probability": "3%",
        "network.down.spikes.delay": "60ms",
    },
    seed=1,
)
"""Where a page begins that was asked for nothing."""


def changed(scene: Scene, **settings: str) -> Scene:
    """The same with other settings."""
    return replace(scene, settings=dict(scene.settings) | settings)
