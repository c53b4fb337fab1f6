"""Policies that change settings while a run goes on, one a file, and where a scenario's policy comes from.

A policy's name is that of its file and function, `rtt-threshold` being `rtt_threshold` in `rtt_threshold.py`; a user's
own is FILE.py:FUNCTION. Parameters may stand behind the name, `delay-target(delay=20ms)`, which makes a variant one
value of a sweep's axis. A parameter annotated as a Duration, Size or Rate (`sim.units`) is read as a scenario's keys
are. What a policy sees and may set is `sim.tick`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

from sim.errors import Problem, ScenarioError
from sim.policy import check_parameters, kinds_of, resolve
from sim.scenario import Policy
from sim.units import Quantity

Parameters = tuple[tuple[str, int | float | bool | str], ...]

NONE = "none"
"""The name that asks for no policy."""


def names() -> list[str]:
    """The policies that come with Tinygram."""
    files = (file.name for file in resources.files("experiments.policies").iterdir())
    return sorted(
        name.removesuffix(".py").replace("_", "-") for name in files if name[0] != "_" and name.endswith(".py")
    )


def text(name: str) -> str:
    """A packaged policy's source."""
    file = f"{name.replace('-', '_')}.py"
    return (resources.files("experiments.policies") / file).read_text(encoding="utf-8")


def title(name: str) -> str:
    """What a packaged policy does: the first line of its file."""
    return (ast.get_docstring(ast.parse(text(name))) or "").partition("\n")[0]


def rows(name: str) -> str:
    """The rows of the source a packaged policy is from; empty for our own."""
    found = re.search(r"^Rows (.*) of the source\.$", ast.get_docstring(ast.parse(text(name))) or "", re.MULTILINE)
    return found[1] if found else ""


def called(policy: Policy) -> Policy:
    """The policy with the parameters that stand behind its name among the others."""
    from experiments.schema import parameters
    from experiments.settings import value_of

    name, bracket, inside = policy.name.partition("(")
    if not bracket:
        return policy
    given = value_of("{" + inside.removesuffix(")") + "}") if inside.endswith(")") else None
    if not isinstance(given, dict):
        raise ScenarioError([Problem(policy.name, "its parameters cannot be read", f"write {name}(delay=20ms)")])
    try:
        both = {**dict(policy.parameters), **dict(parameters(given))}
    except ValueError as error:
        problem, _, cure = str(error).partition(": ")
        raise ScenarioError([Problem(policy.name, problem, cure)]) from None
    return replace(policy, name=name, parameters=tuple(sorted(both.items())))  # type: ignore[arg-type]


def complete(policy: Policy, folder: Path) -> Policy | None:
    """The policy with its source and its parameters read; None for "none". A path is relative to `folder`.

    ScenarioError: no such policy, it does not load, or a parameter (then the problem's path) is of another kind.
    """
    if policy.name == NONE:
        return None
    policy = called(policy)
    if not policy.source:
        policy = replace(policy, source=_source(policy.name, folder))
    found = resolve(policy)
    check_parameters(policy, found)
    return replace(policy, parameters=_read(policy, kinds_of(found)))


def _read(policy: Policy, kinds: Mapping[str, Quantity | type]) -> Parameters:
    """Its parameters as the function takes them: ns, bytes, bit/s."""
    from experiments.schema import parameter

    values, problems = [], []
    for name, given in policy.parameters:
        try:
            values.append((name, parameter(given, kinds.get(name))))
        except ValueError as error:
            problem, _, cure = str(error).partition(": ")
            problems.append(Problem(name, problem, cure))
    if problems:
        raise ScenarioError(problems)
    return tuple(values)  # type: ignore[arg-type]


def written(policy: Policy) -> dict[str, object]:
    """The parameters as a scenario file says them: quantities with their units."""
    try:
        kinds = kinds_of(resolve(policy))
    except ScenarioError:  # no file is needed to write a policy down
        kinds = {}
    return {
        name: kind.format(value) if isinstance(kind := kinds.get(name), Quantity) and isinstance(value, int) else value
        for name, value in policy.parameters
    }


def _source(name: str, folder: Path) -> str:
    file, _, function = name.rpartition(":")
    if not file and name.endswith(".py"):
        raise ScenarioError([Problem(name, "no function is named", f"write {name}:FUNCTION")])
    if not file:
        if name in names():
            return text(name)
        near = get_close_matches(name, names(), n=1)
        cure = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names())}; your own is FILE.py:FUNCTION"
        raise ScenarioError([Problem(name, "no such policy", cure)])
    if not function.isidentifier():
        raise ScenarioError([Problem(name, f"{function!r} names no function", f"write {file}:FUNCTION")])
    try:
        return (folder / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not a text file"
        raise ScenarioError([Problem(name, f"{file}: {why.lower()}", f"a path from {folder.resolve()}")]) from None
