"""State for plain Python: the records of `models.state` as slotted objects.

Array elements are made when first touched, so a scenario pays for what it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from models.state import Record

FEW = 64

R = TypeVar("R", bound=Record)


class Lazy(dict[int, Any]):
    """An array whose elements appear when touched."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __missing__(self, i: int) -> Any:
        self[i] = value = self.make()
        return value


def fields(cls: type[Record]) -> dict[str, Any]:
    """Field name to type: `int`, a Record class, or (element type, capacity)."""
    found: dict[str, Any] = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        if get_origin(hint) is Annotated:
            array, capacity = get_args(hint)
            found[name] = (get_args(array)[0], capacity)
        else:
            found[name] = hint
    return found


@cache
def _layout(cls: Any, checked: bool) -> tuple[type[Any], tuple[str, ...], tuple[tuple[str, Any], ...]]:
    spec = fields(cls)
    body: dict[str, Any] = {"__slots__": tuple(spec), "__doc__": cls.__doc__}
    if checked:
        body["__setattr__"] = _checked_setattr
    slotted = type(cls.__name__, (object,), body)
    ints = tuple(n for n, t in spec.items() if t is int)
    rest = tuple((n, t) for n, t in spec.items() if t is not int)
    return slotted, ints, rest


def _checked_setattr(self: object, name: str, value: object) -> None:
    if type(value) is int and not -(1 << 63) <= value < 1 << 63:
        raise OverflowError(f"{type(self).__name__}.{name} = {value} leaves int64")
    if isinstance(value, bool | float):
        raise TypeError(f"{type(self).__name__}.{name} = {value!r} is not an int")
    object.__setattr__(self, name, value)


def _array(element: Any, capacity: int, checked: bool) -> Any:
    if element is int:
        return [0] * capacity if capacity <= FEW else Lazy(int)
    return Lazy(lambda: new(element, checked))


def new(cls: type[R], checked: bool = False) -> R:
    """A record of type `cls`, all zero. `checked` refuses values that the compiled loop could not hold (for tests)."""
    kind_of: Any = cls
    slotted, ints, rest = _layout(kind_of, checked)
    record = slotted()
    for name in ints:
        object.__setattr__(record, name, 0)
    for name, kind in rest:
        value = _array(kind[0], kind[1], checked) if isinstance(kind, tuple) else new(kind, checked)
        object.__setattr__(record, name, value)
    return cast(R, record)
