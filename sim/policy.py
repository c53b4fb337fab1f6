"""From a policy's source text to a function that is called at every control tick.

The text is part of the scenario: a run can be repeated on another machine, and an edited policy makes another scenario.
Each run executes it in a module of its own, so whatever a policy remembers, it forgets with the run.
"""

from __future__ import annotations

import hashlib
import inspect
import linecache
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache, partial
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, cast

from sim.errors import Problem, ScenarioError
from sim.scenario import Policy
from sim.units import Quantity

if TYPE_CHECKING:
    from sim.tick import Tick

PolicyFunction = Callable[["Tick"], object]


def file_name(policy: Policy) -> str:
    """The file the policy is written in, as complaints call it."""
    file, _, _ = policy.name.rpartition(":")
    return file or f"policy {policy.name}"


def function_name(policy: Policy) -> str:
    """The function or class in that file: `backoff` of `my.py:backoff`, `rtt_threshold` of `rtt-threshold`."""
    return policy.name.rpartition(":")[2].replace("-", "_")


@lru_cache(maxsize=64)
def _code(source: str, file: str) -> CodeType:
    return compile(source, file, "exec")


def module_of(policy: Policy) -> ModuleType:
    """Execute the policy's file in a fresh module. ScenarioError with file and line when it fails."""
    file = file_name(policy)
    name = "policy_" + hashlib.sha256(policy.source.encode()).hexdigest()[:16]
    linecache.cache[file] = (len(policy.source), None, policy.source.splitlines(keepends=True), file)
    module = ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module  # where dataclasses look for the names of annotations
    try:
        exec(_code(policy.source, file), module.__dict__)
    except SyntaxError as error:
        raise ScenarioError([Problem(f"{file}:{error.lineno}", f"this is not Python: {error.msg}")]) from error
    except Exception as error:
        raise ScenarioError([Problem(blame(error, file), said(error), "the policy's file does not load")]) from error
    return module


def resolve(policy: Policy) -> Callable[..., Any]:
    """The function or class `policy` names. ScenarioError when its file has no such thing."""
    module = module_of(policy)
    name = function_name(policy)
    found = getattr(module, name, None)
    if callable(found):
        return cast("Callable[..., Any]", found)
    own = [n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__]
    cure = f"it has: {', '.join(own)}" if own else f"write: def {name}(tick): ..."
    raise ScenarioError([Problem(file_name(policy), f"no function {name!r} in it", cure)])


def instantiate(policy: Policy) -> PolicyFunction:
    """The policy for one run: an instance of its class, or its function, with the scenario's parameters."""
    found = resolve(policy)
    check_parameters(policy, found)
    given = dict(policy.parameters)
    if not inspect.isclass(found):
        return partial(found, **given)
    try:
        made = found(**given)
    except Exception as error:
        raise ScenarioError([Problem(blame(error, file_name(policy)), said(error))]) from error
    if not callable(made):
        cure = "give the class a method __call__(self, tick)"
        raise ScenarioError([Problem(file_name(policy), f"{function_name(policy)} cannot be called", cure)])
    return made


def check_parameters(policy: Policy, found: Callable[..., Any]) -> None:
    """ScenarioError when the function does not take the scenario's parameters, or wants others."""
    given = dict(policy.parameters)
    signature = inspect.signature(found)
    first = () if inspect.isclass(found) else (None,)
    try:
        signature.bind(*first, **given)
    except TypeError as error:
        known = [name for at, name in enumerate(signature.parameters) if at >= len(first)]
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        raise ScenarioError([Problem(f"{file_name(policy)}: {function_name(policy)}", str(error), takes)]) from None


def kinds_of(found: Callable[..., Any]) -> dict[str, Quantity | type]:
    """What the parameters of a function or class are annotated as: quantities (`delay: Duration`, of `sim.units`),
    int, float or bool."""
    function = found.__init__ if inspect.isclass(found) else found
    names = getattr(function, "__globals__", {})
    kinds: dict[str, Quantity | type] = {}
    for name, hint in getattr(function, "__annotations__", {}).items():
        try:
            meant = eval(hint, names) if isinstance(hint, str) else hint
        except Exception:  # a name that exists for the type checker alone is no quantity
            continue
        if isinstance(mark := next(iter(getattr(meant, "__metadata__", ())), None), Quantity):
            kinds[name] = mark
        elif meant in (int, float, bool):
            kinds[name] = meant
    return kinds


def blame(error: BaseException, file: str) -> str:
    """FILE:LINE of the policy where the exception came from."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1]}" if lines else file


def said(error: BaseException) -> str:
    """The exception in words."""
    text = str(error)
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"
