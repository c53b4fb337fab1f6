"""A record of the compiled state as Python sees it: attributes, so that set-up code runs on it as on plain objects.

A state is a block of int64 words; a view is a place in it and the names of what lies there. Reading or writing a field
is one dictionary look-up and one access to the words, several times quicker than through a NumPy scalar: setting up a
short connection costs more of these than its run costs events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

WORD = 8  # bytes


@dataclass(frozen=True)
class Part:
    """A field that is no integer: where it begins (words), its elements' type, how many (0: one record, no array)."""

    offset: int
    kind: np.dtype[Any]
    count: int


Fields = dict[str, "int | Part"]


@cache
def fields_of(record: np.dtype[Any]) -> Fields:
    """What lies where in a record: the word of an integer, the part for everything else."""
    found: Fields = {}
    for name, (kind, offset, *_) in (record.fields or {}).items():
        if kind.subdtype is not None:
            element, (count,) = kind.subdtype
            found[name] = Part(offset // WORD, element, count)
        elif kind.fields is not None:
            found[name] = Part(offset // WORD, kind, 0)
        else:
            found[name] = offset // WORD
    return found


def view(states: NDArray[Any], i: int) -> View:
    """State i of an array of states."""
    words = memoryview(cast(Any, states.view(np.int64).reshape(-1)))
    return View(words, i * states.dtype.itemsize // WORD, fields_of(states.dtype))


class View:
    """One record."""

    __slots__ = ("_at", "_fields", "_parts", "_words")

    def __init__(self, words: memoryview, at: int, fields: Fields) -> None:
        object.__setattr__(self, "_words", words)
        object.__setattr__(self, "_at", at)
        object.__setattr__(self, "_fields", fields)
        object.__setattr__(self, "_parts", {})

    def __getattr__(self, name: str) -> Any:
        part = self._fields[name]
        if part.__class__ is int:
            return self._words[self._at + part]
        made = self._parts.get(name)
        if made is None:
            at = self._at + part.offset
            made = ViewArray(self._words, at, part) if part.count else View(self._words, at, fields_of(part.kind))
            self._parts[name] = made
        return made

    def __setattr__(self, name: str, value: int) -> None:
        self._words[self._at + self._fields[name]] = value


class ViewArray:
    """An array field."""

    __slots__ = ("_at", "_part", "_words")

    def __init__(self, words: memoryview, at: int, part: Part) -> None:
        self._words = words
        self._at = at
        self._part = part

    @property
    def array(self) -> NDArray[Any]:
        """The same elements as a NumPy array, over the same memory."""
        return np.frombuffer(self._words, self._part.kind, self._part.count, self._at * WORD)

    def __getitem__(self, i: int) -> Any:
        kind = self._part.kind
        at = self._at + range(self._part.count)[i] * (kind.itemsize // WORD)
        return View(self._words, at, fields_of(kind)) if kind.fields is not None else self._words[at]

    def __setitem__(self, i: int, value: int) -> None:
        self._words[self._at + range(self._part.count)[i]] = value


QUEUE = 256
"""Arrays of at least so many elements are queues and pools: what is in them is written before it is read."""


def cleared(states: NDArray[Any]) -> NDArray[Any]:
    """States that served before, ready for other runs: queues keep what was in them, all else is zero again.

    Memory that was touched before costs nothing to touch again: half of what a short run takes.
    """
    words = states.view(np.int64).reshape(len(states), -1)
    for start, end in _but_queues(states.dtype):
        words[:, start:end] = 0
    return states


@cache
def _but_queues(record: np.dtype[Any]) -> tuple[tuple[int, int], ...]:
    """Where a record is not queues, in words: (start, end)."""
    found: list[tuple[int, int]] = []

    def add(start: int, end: int) -> None:
        if found and found[-1][1] == start:
            start = found.pop()[0]
        found.append((start, end))

    for kind, offset, *_ in (record.fields or {}).values():
        start = offset // WORD
        each, shape = kind.subdtype or (kind, (1,))
        if shape[0] >= QUEUE:
            continue
        for i in range(shape[0]):
            at = start + i * (each.itemsize // WORD)
            for inner, end in _but_queues(each) if each.fields is not None else ((0, 1),):
                add(at + inner, at + end)
    return tuple(found)
