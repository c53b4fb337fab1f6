"""What a scenario file may say, derived from the dataclasses of `sim.scenario`: one pydantic model a table.

The dataclasses stay plain; pydantic exists only here, at the edge. A field's mark (`Quantity`, "probability", ...) says
how its text is read, so a field added to a dataclass is a key of the file at once.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from sim.errors import Problem, ScenarioError
from sim.scenario import Direction, Scenario
from sim.units import DURATION, RATE, SIZE, Quantity

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Loc = tuple[str | int, ...]
T = TypeVar("T")

WORDS = {  # names for the 0 that means "no limit", by key
    "rate": ("unlimited",),
    "queue": ("unlimited",),
    "sndbuf": ("auto",),
    "rcvbuf": ("auto",),
    "notsent_lowat": ("unlimited",),
    "shaper_rate": ("none",),
    "time_limit": ("none",),
    "quota": ("none",),
    "stream_window": ("unlimited",),
    "connection_window": ("unlimited",),
    "keepalive": ("never",),
}
COUNT_MAX = 10**9
MTU_MIN, MTU_MAX = 576, 65_535  # RFC 791: every host takes 576; IPv4's total length is 16 bits
LARGEST = {"duration": 30 * 86_400 * 10**9, "size": 1 << 30, "rate": 10**12}  # keeps every product within 64 bits


# ---- values ----------------------------------------------------------------------------------------------------------


def quantity(kind: Quantity, key: str) -> Callable[[object], int]:
    """Read a duration, size or rate; the words of `WORDS` stand for 0, and a bare rate of 0 is a mistake."""
    kind = replace(kind, maximum=LARGEST[kind.name])

    def read(value: object) -> int:
        if value in WORDS.get(key, ()):
            return 0
        if isinstance(value, int | float) and not isinstance(value, bool) and value < kind.minimum:
            value = f"{value}{kind.base}"  # too small in any unit
        parsed = kind.parse(value)
        if parsed == 0 and key == "rate":
            raise ValueError("a link of rate 0 carries nothing: leave `rate` out, or write 'unlimited', for no limit")
        return parsed

    return read


def probability(value: object) -> float:
    """A share from 0 to 1, or a percentage such as "1%"."""
    number = value
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            number = float(value.strip()[:-1]) / 100
        except ValueError:
            number = value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f"{value!r} is not a probability: write it like 0.01 or '1%'")
    if not 0 <= number <= 1:
        raise ValueError(f"{value!r} is outside 0 to 1: write 1 % as 0.01 or '1%'")
    return float(number)


def factor(value: object) -> float:
    """A finite number, at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number: write it like 1.5")
    if not math.isfinite(value) or not 0 <= value <= COUNT_MAX:
        raise ValueError(f"{value!r} is out of range: a finite number, at least 0")
    return float(value)


def count(least: int, most: int = COUNT_MAX) -> Callable[[object], int]:
    """A whole number within bounds; 1e6 is one."""

    def read(value: object) -> int:
        whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
        if not whole or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a whole number: write it like {max(least, 1)}")
        if not least <= value <= most:
            raise ValueError(f"{value!r} is out of range: from {least} to {most}")
        return int(value)

    return read


def sysctls(value: object) -> tuple[tuple[str, str], ...]:
    """A table of `tcp_*` names (a leading `net.ipv4.` is dropped) to numbers or text."""
    if not isinstance(value, Mapping):
        raise ValueError("expected a table of net.ipv4 names: write it like { tcp_slow_start_after_idle = 0 }")
    found: dict[str, str] = {}
    for name, setting in _flat(value):
        short = name.removeprefix("net.ipv4.")
        if not short.startswith("tcp_"):
            raise ValueError(f"{name!r} is no TCP sysctl: names are like tcp_slow_start_after_idle")
        if isinstance(setting, bool) or not isinstance(setting, int | str):
            raise ValueError(f"{name} = {setting!r} is no sysctl value: write a number, or '4096 16384 4194304'")
        found[short] = " ".join(str(setting).split())
    return tuple(sorted(found.items()))


def parameters(value: object) -> tuple[tuple[str, object], ...]:
    """A table of numbers, truth values and text; what they stand for the policy's function says (`parameter`)."""
    if not isinstance(value, Mapping):
        raise ValueError("expected a table: write it like { largest = '1MiB' }")
    for name, given in value.items():
        if not isinstance(given, int | float | bool | str) or (isinstance(given, float) and not math.isfinite(given)):
            shown = "" if isinstance(given, Mapping) else f" = {given!r}"
            raise ValueError(f"{name}{shown} is no parameter: write a number, true, false, or text")
    return tuple(sorted((str(name), given) for name, given in value.items()))


def parameter(value: object, kind: Quantity | type | None) -> object:
    """A parameter of the kind its function asks for; where it asks for none, text with a unit as ns, bytes or bit/s.

    ValueError, as for the keys of a scenario, when it is not of that kind.
    """
    if isinstance(kind, Quantity):
        return quantity(kind, "")(value)
    read = _measured(value)
    if kind in (int, float) and (isinstance(read, bool | str) or (kind is int and read != read // 1)):  # type: ignore[operator]
        raise ValueError(f"{value!r} is not a {'whole ' if kind is int else ''}number: write it like 2")
    if kind is bool and not isinstance(read, bool):
        raise ValueError(f"{value!r} is neither true nor false: write true or false, without quotes")
    return read


def _measured(value: object) -> object:
    for guess in (DURATION, SIZE, RATE):
        if isinstance(value, str) and value.strip()[:1].isdigit():
            with suppress(ValueError):
                return guess.parse(value)
    return value


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


# ---- models ----------------------------------------------------------------------------------------------------------


def _pattern(kind: Quantity) -> dict[str, Any]:
    units = "|".join(name for name, _ in kind.units)
    pattern = rf"^\s*[0-9][0-9_.]*\s*({units})?\s*$|^[a-z]+$"
    return {"type": ["string", "integer"], "pattern": pattern, "examples": [kind.example]}


def _edge(annotation: Any, key: str, default: object) -> Any:
    """The pydantic type that reads what a file says for a field of type `annotation`."""
    from pydantic import BeforeValidator, Strict, WithJsonSchema

    if key == "sysctls":
        return Annotated[tuple[Any, ...], BeforeValidator(sysctls), WithJsonSchema({"type": "object"})]
    if key == "parameters":
        return Annotated[tuple[Any, ...], BeforeValidator(parameters), WithJsonSchema({"type": "object"})]
    if key == "trace":
        pair = (_edge(Annotated[int, DURATION], "at", 0), _edge(Annotated[int, SIZE], "size", 0))
        return tuple[tuple[pair], ...]  # type: ignore[valid-type]
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):  # X | None: TOML has no null, absence is None
        return _edge(next(a for a in arguments if a is not type(None)), key, default)
    if origin is Annotated:
        base, mark = arguments[0], arguments[1]
        if isinstance(mark, Quantity):
            return Annotated[base, BeforeValidator(quantity(mark, key)), WithJsonSchema(_pattern(mark))]
        reader: Callable[[object], object] = {
            "probability": probability, "factor": factor, "positive": count(1), "mtu": count(MTU_MIN, MTU_MAX),
        }[mark]  # fmt: skip
        return Annotated[base, BeforeValidator(reader)]
    if origin is tuple:
        parts = tuple(a if a is Ellipsis else _edge(a, key, None) for a in arguments)
        return tuple[parts]  # type: ignore[valid-type]
    if origin is Literal:
        return annotation
    if is_dataclass(annotation) and isinstance(annotation, type):
        return table_model(annotation, default)
    if annotation is int:
        return Annotated[int, BeforeValidator(count(0, 65_535 if key.endswith("port") else COUNT_MAX))]
    return Annotated[annotation, Strict()]


@cache
def table_model(cls: type, default: object) -> type[BaseModel]:
    """A model of one dataclass; `default` (an instance or None) supplies the values a file leaves out."""
    from pydantic import ConfigDict, create_model

    hints = get_type_hints(cls, include_extras=True)
    instance = default if is_dataclass(default) else cls()
    keys: dict[str, Any] = {}
    for field in fields(cls):
        value = getattr(instance, field.name)
        keys[field.name] = (_edge(hints[field.name], field.name, value), value)
    return create_model(cls.__name__, __config__=ConfigDict(extra="forbid"), **keys)


@cache
def scenario_model() -> type[BaseModel]:
    """The model of a whole scenario (network shorthands already expanded)."""
    return table_model(Scenario, Scenario())


def build(cls: type[T], model: object) -> T:
    """Turn a validated model back into the plain dataclass it was made from."""
    if isinstance(model, cls):
        return model
    values: dict[str, Any] = {}
    for name, inner in _inner_classes(cast(Any, cls)):
        value = getattr(model, name)
        if inner is None or value is None:
            values[name] = value
        elif isinstance(value, tuple):
            values[name] = tuple(build(inner, entry) for entry in value)
        else:
            values[name] = build(inner, value)
    return cls(**values)


@cache
def _inner_classes(cls: Any) -> list[tuple[str, Any]]:
    """Its fields, each with the dataclass that it holds, or holds several of."""
    hints = get_type_hints(cls)
    return [
        (f.name, next((a for a in (hints[f.name], *get_args(hints[f.name])) if is_dataclass(a)), None))
        for f in fields(cls)
    ]


def reader(loc: Loc) -> tuple[Callable[[object], Any], Quantity | str | None, type]:
    """How a file's value for the field at `loc` of a scenario is read, the field's mark, and the type that comes of it.

    Reading raises ScenarioError. Raises KeyError where there is no field of one value.
    """
    from pydantic import TypeAdapter, ValidationError

    hint: Any = Scenario
    default: Any = Scenario()
    for step in loc:
        cls: Any = next((a for a in (hint, *get_args(hint)) if is_dataclass(a)), None)
        if cls is None:
            raise KeyError(step)
        default = getattr(default if isinstance(default, cls) else cls(), str(step), None)
        hint = get_type_hints(cls, include_extras=True)[str(step)]
    kind = _scalar(hint)
    marks = [mark for part in (hint, *get_args(hint)) if get_origin(part) is Annotated for mark in get_args(part)[1:]]
    adapter = TypeAdapter(_edge(hint, str(loc[-1]), default))

    def read(value: object) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            problems = [Problem(".".join(map(str, loc)), problem, cure) for _, problem, cure in failures(error)]
            raise ScenarioError(problems) from None

    return read, marks[0] if marks else None, kind


def _scalar(hint: Any) -> type:
    """int, float, bool or str, whichever the values of a field are; KeyError when they are none of these."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _scalar(arguments[0])
    if origin is Literal:
        return type(arguments[0])
    if origin in (Union, types.UnionType):
        return _scalar(next(a for a in arguments if a is not type(None)))
    if hint in (int, float, bool, str):
        return hint  # type: ignore[no-any-return]
    raise KeyError(hint)


# ---- complaints ------------------------------------------------------------------------------------------------------


def known_keys(loc: Loc, root: type = Scenario) -> list[str]:
    """The keys the table at `loc` of a `root` may have."""
    cls: Any = root
    for step in loc:
        if isinstance(step, int):
            continue  # an entry of a list of tables
        hint = get_type_hints(cls).get(step) if is_dataclass(cls) else None
        cls = next((a for a in (hint, *get_args(hint)) if is_dataclass(a)), None)
    names = [f.name for f in fields(cls)] if cls is not None else []
    if root is not Scenario:
        return names
    if loc == ():
        names += ["base", "stack"]
    if loc in {("server",), ("client",)}:
        names.append("stack")
    if loc == ("network",):
        names += ["rtt", *(f.name for f in fields(Direction))]
    return names


def _homes(key: str) -> list[str]:
    """The tables that do have `key`."""
    tables: tuple[Loc, ...] = (
        ("workload",), ("workload", "framing"), ("workload", "spikes"), ("server",), ("server", "http2"),
        ("client",), ("client", "http2"), ("network",), ("policy",), (),
    )  # fmt: skip
    return [".".join(map(str, (*t, key))) for t in tables if key in known_keys(t)]


def _unknown(loc: Loc, root: type) -> tuple[str, str]:
    table, key = loc[:-1], str(loc[-1])
    names = known_keys(table, root)
    near = get_close_matches(key, names, n=1, cutoff=0.6)
    homes = _homes(key) if root is Scenario else []
    if homes:
        cure = f"it belongs elsewhere: {' or '.join(homes)}"
    elif near:
        cure = f"did you mean {near[0]!r}?"
    else:
        cure = f"known keys: {', '.join(names)}"
    return f"unknown key {key!r}", cure


def failures(error: ValidationError, root: type = Scenario) -> Iterator[tuple[Loc, str, str]]:
    """Each mistake pydantic found in a table of `root` as (where, what is wrong, the cure)."""
    for detail in error.errors(include_url=False):
        loc, kind, given = detail["loc"], detail["type"], detail["input"]
        if kind == "extra_forbidden":
            yield (loc, *_unknown(loc, root))
        elif kind == "literal_error":
            expected = detail["ctx"]["expected"]
            choices = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
            near = get_close_matches(str(given), choices, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            yield loc, f"{given!r} is not one of the choices", f"{meant}choose {expected}"
        elif kind == "value_error":
            problem, _, cure = str(detail["ctx"]["error"]).partition(": ")
            yield loc, problem, cure
        elif kind == "bool_type":
            yield loc, f"{given!r} is neither true nor false", "write true or false, without quotes"
        elif kind == "tuple_type":
            yield loc, f"{given!r} is not a list", f"write it in brackets, like [{given!r}]"
        elif kind in {"missing", "too_long"}:
            pair = loc[:-1] if kind == "missing" else loc
            yield pair, "wrong number of entries", "write pairs, like ['10ms', '512B']"
        elif kind in {"model_type", "model_attributes_type", "dict_type"}:
            name, keys = ".".join(map(str, loc)), ", ".join(known_keys(loc, root))
            yield loc, f"{given!r} is not a table", f"write [{name}] with keys {keys}"
        else:
            yield loc, f"{given!r}: {detail['msg'].lower()}", ""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of scenario files, for editors (Taplo, Even Better TOML)."""
    schema = scenario_model().model_json_schema()
    tables = schema["$defs"]
    direction = tables["Direction"]["properties"]
    tables["Network"]["properties"] |= direction | {"rtt": {**_pattern(DURATION), "description": "half of it each way"}}
    stack = {"type": "string", "description": "an RPC stack: tinygram profiles", "examples": ["grpc-go@1.63"]}
    schema["properties"]["stack"] = stack
    tables["Host"]["properties"]["stack"] = stack
    schema["properties"]["base"] = {"type": "string", "description": "a preset or file this one starts from"}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
