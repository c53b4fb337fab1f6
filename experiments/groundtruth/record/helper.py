"""The C helper: compiled on first use, kept in the user's cache under a hash of its source."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from experiments.groundtruth.record.layout import c_header
from experiments.groundtruth.record.support import CannotRecord

SOURCES = ("main.c", "wire.c", "endpoint.c")
FLAGS = ("-O2", "-std=gnu11", "-pthread")


def helper() -> Path:
    """The helper's path, built if need be. Raises CannotRecord when there is no C compiler or it fails."""
    files = source()
    digest = hashlib.sha256("".join(f"{name}\0{text}\0" for name, text in sorted(files.items())).encode())
    directory = cache_directory()
    program = directory / f"record-{digest.hexdigest()[:16]}"
    if not _is_ours(program):
        directory.mkdir(parents=True, exist_ok=True)
        _build(files, program)
    return program


def source() -> dict[str, str]:
    """The helper's files by name, the generated header among them."""
    package = resources.files(__package__)
    texts = {name: (package / name).read_text(encoding="utf-8") for name in (*SOURCES, "recorder.h")}
    return texts | {"layout.h": c_header()}


def cache_directory() -> Path:
    """Where the helper is kept: $TINYGRAM_CACHE, else the user's cache directory."""
    base = os.environ.get("TINYGRAM_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tinygram"


def _is_ours(program: Path) -> bool:
    """There, and not put there or changed by somebody else: it is run as root."""
    try:
        found = program.lstat()
    except FileNotFoundError:
        return False
    alone = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and alone


def _build(files: dict[str, str], program: Path) -> None:
    wanted = os.environ.get("CC", "")
    compiler = next((path for name in (wanted, "cc", "gcc", "clang") if name and (path := shutil.which(name))), None)
    if compiler is None:
        raise CannotRecord("recording needs a C compiler, once: install gcc or clang (Debian, Ubuntu: apt install gcc)")
    with tempfile.TemporaryDirectory(prefix="build-", dir=program.parent) as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        command = [compiler, *FLAGS, "-o", program.name, *SOURCES]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRecord(f"{compiler} cannot build the recording helper\n{done.stderr.strip()}")
        (folder / program.name).chmod(0o755)
        (folder / program.name).replace(program)
