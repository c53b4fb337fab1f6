"""Our import names are generic: make sure `sim` and `models` are ours.

`models` or `sim` is a likely name for a folder of anybody's. Where one of them comes first on `sys.path`, Python would
import it instead of ours and fail far from the cause, or worse, not fail. The check looks at where the import system
*would* find each package, without importing it.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
"""The folder all three packages live in."""


def check() -> None:
    """Raise ImportError, naming the folder in the way and the cure, if another `sim` or `models` shadows ours."""
    for name in ("sim", "models"):
        found = _folder(name)
        if found != HOME / name:
            raise ImportError(_complaint(name, found))


def _folder(name: str) -> Path | None:
    """Where `import name` leads: the package's folder, the module's file, or None if nowhere."""
    loaded = sys.modules.get(name)
    spec = loaded.__spec__ if loaded is not None else find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None


def _complaint(name: str, found: Path | None) -> str:
    if found is None:
        return f"Tinygram is not completely installed: its package '{name}' is missing in {HOME}. Install it again."
    return (
        f"'{found}' shadows Tinygram's own package '{name}' (in {HOME}), because {found.parent} comes first on Python's"
        f" path.\nStart from another folder, take that one out of PYTHONPATH, or run `python -P`, and install Tinygram"
        " in an environment of its own."
    )
