"""Where a workload's capture is, and the messages in it."""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib import resources
from pathlib import Path

from sim.errors import Problem, ScenarioError

SUFFIXES = (".pcap", ".pcapng")
FOLDER = ("data", "captures")

Trace = tuple[tuple[int, int], ...]
"""Messages as (ns since the first, bytes)."""


def packaged_captures() -> dict[str, Path]:
    """The recordings that come with Tinygram, by name."""
    folder = Path(str(resources.files("experiments").joinpath(*FOLDER)))
    return {file.stem: file for file in sorted(folder.glob("*.pcap*")) if file.suffix in SUFFIXES}


def find(capture: str, folder: Path) -> Path:
    """A capture's file: a path relative to `folder` (the scenario file's), or the name of a packaged recording."""
    path = folder / capture
    packaged = packaged_captures()
    if path.is_file():
        return path
    if capture in packaged:
        return packaged[capture]
    what = "is a folder, not a capture" if path.is_dir() else "no such capture file"
    cure = f"a path from {folder.resolve()}, or a packaged recording: {', '.join(packaged) or 'there is none'}"
    raise ScenarioError([Problem(capture, what, cure)])


def messages(path: Path, port: int) -> Trace:
    """The messages one side sent; a file is read once for every version of it. Raises ScenarioError."""
    status = path.stat()
    return _messages(path, port, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _messages(path: Path, port: int, *_version: int) -> Trace:
    from experiments.capture import read_capture

    recording = read_capture(path, port)
    for remark in recording.notes:
        logging.getLogger("tinygram").warning("%s: %s", path.name, remark)
    return recording.trace
