"""ns-3, from a distribution's package (Debian's `libns3-dev`) or PyPI's `ns3`: builds `ns3.cc` and runs it."""

from __future__ import annotations

import json
import re
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import process

MODULES = ("internet", "point-to-point", "network", "core")
SOURCE = Path(__file__).with_name("ns3.cc")
REPEATS = 3
BULK_SECONDS = 60


@dataclass(frozen=True)
class Installed:
    """Where an ns-3 is, and how its libraries are called: `lib` + prefix + module + suffix + `.so`."""

    include: Path
    libraries: Path
    prefix: str
    suffix: str

    def flags(self) -> list[str]:
        """What the compiler must be told."""
        names = [f"-l{self.prefix}{module}{self.suffix}" for module in MODULES]
        return [f"-I{self.include}", f"-L{self.libraries}", f"-Wl,-rpath,{self.libraries}", *names]

    def minor(self) -> int:
        """The 37 of 3.37, which the name of the library's file carries; 0 if it does not."""
        core = (self.libraries / f"lib{self.prefix}core{self.suffix}.so").resolve().name
        match = re.search(r"ns3\.(\d+)|\.so\.(\d+)", core)
        return int(match[1] or match[2]) if match else 0


def _places() -> Iterator[tuple[Path, Path]]:
    wheel = Path(sysconfig.get_path("platlib")) / "ns3"
    yield wheel / "include", wheel / "lib64"
    yield wheel / "include", wheel / "lib"
    for root in (Path("/usr/local"), Path("/usr")):
        for libraries in (root / "lib", *sorted((root / "lib").glob("*-linux-gnu"))):
            yield root / "include", libraries


def find() -> Installed | None:
    """The first ns-3 that has headers and libraries."""
    for include, libraries in _places():
        cores = sorted(libraries.glob("libns3*core*.so")) if (include / "ns3" / "core-module.h").exists() else []
        if cores:
            prefix, _, suffix = cores[0].name.removeprefix("lib").removesuffix(".so").partition("core")
            return Installed(include, libraries, prefix, suffix)
    return None


def measure(folder: Path, messages: int) -> dict[str, Any] | str:
    """S1 with Nagle on and off, and S2: the run with the least CPU time of each. A string says why not."""
    found = find()
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if found is None:
        return "ns-3 is not installed (Debian: libns3-dev; PyPI: ns3)"
    if compiler is None:
        return "ns-3 is there, a C++ compiler is not"
    program = str(folder / "ns3")
    standard = "-std=c++23" if found.minor() >= 42 else "-std=c++17"
    try:
        process.run([compiler, standard, "-O2", str(SOURCE), "-o", program, *found.flags()])
        return {
            "version": f"3.{found.minor()}",
            "s1-nagle": _best(program, "s1", "false", str(messages)),
            "s1-nodelay": _best(program, "s1", "true", str(messages)),
            "s2-bulk": _best(program, "s2", str(BULK_SECONDS)),
        }
    except process.Failed as why:
        return f"ns-3 does not build or run here: {why}"


def _best(*command: str) -> dict[str, Any]:
    runs = [json.loads(process.run(command)[1]) for _ in range(REPEATS)]
    return min(runs, key=lambda run: float(run["cpu_s"]))
