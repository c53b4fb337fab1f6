"""Where a command writes: `--out` is always a folder, and every option for one file is named by what it holds.

`-o` is short for either, in a command that has one such place.

A place that cannot be written to is better known before the work than after it, so options are checked as they are
read; the complaints are those of a scenario.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

OUT = ["--out", "-o"]
FILES = (".arrow", ".csv", ".hgrm", ".hlog", ".json", ".parquet", ".pcapng", ".pdf", ".png", ".svg", ".toml", ".txt")
"""Endings of a file's name; a folder called so is more likely a mistake."""

Validator = Callable[[Any, Path | None], None]


def folder(_: object, path: Path | None) -> None:
    """Validator of `--out`. ScenarioError for what is a file, or looks like one, or cannot be written to."""
    if path is None:
        return
    if path.is_dir():
        _check(os.access(path, os.W_OK), f"--out {path}", "permission denied", "choose another folder")
        return
    cure = "--out takes a folder, which is made when it is missing"
    _check(not path.exists(), f"--out {path}", "is a file", cure)
    _check(path.suffix not in FILES, f"--out {path}", "is a file's name", cure)
    there = next(parent for parent in path.absolute().parents if parent.exists())
    _check(there.is_dir(), f"--out {path}", f"{there} is a file", cure)
    _check(os.access(there, os.W_OK), f"--out {path}", "permission denied", "choose another folder")


def file(option: str) -> Validator:
    """A validator of an option that takes one file: ScenarioError for a folder, and where no file can be made."""

    def check(_: object, path: Path | None) -> None:
        if path is None:
            return
        place = f"{option} {path}"
        _check(not path.is_dir(), place, "is a folder", "name a file in it")
        _check(path.absolute().parent.is_dir(), place, f"there is no folder {path.parent}", "make it first")
        there = path if path.exists() else path.absolute().parent
        _check(os.access(there, os.W_OK), place, "permission denied", "choose another place")

    return check


def figure(type_: object, path: Path | None) -> None:
    """Validator of `--figure`: a file whose name ends as a figure's does."""
    if path is None:
        return
    from experiments.figures_ladder import check_path

    file("--figure")(type_, path)
    check_path(path)


def _check(good: bool, place: str, problem: str, cure: str) -> None:
    from sim.errors import Problem, ScenarioError

    if not good:
        raise ScenarioError([Problem(place, problem, cure)])
