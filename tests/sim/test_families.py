"""The compiled program has copies for what many connections have in common; which one serves never shows in results."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from operator import attrgetter
from pathlib import Path

import pytest

pytest.importorskip("numba")

import llvmlite.binding as llvm

from experiments import files
from sim import compiled, families, translate
from sim.build import build
from sim.engine import PlainEngine
from sim.scenario import Host, Scenario, Workload
from sim.view import view
from tests.properties.scenarios import fixed, fixed_usual

ROOT = Path(compiled.__file__).parent.parent
RULES = translate.reached(translate.run)
KNOWN = {f"family{n}": families.agreed(RULES, family) for n, family in enumerate(families.FAMILIES)}
PLAIN = Scenario(workload=Workload(messages=1))
READS = """
from models.nagle import small_segment_unacked
from sim import families, translate
ir, _ = translate.program(small_segment_unacked)
print(len(families.READ.findall(ir)))
"""


def home(scenario: Scenario) -> str | None:
    """The family a scenario's connection belongs to, found without compiled code."""
    path = PlainEngine(scenario, seed=0).s
    values = [(place, attrgetter(name.removeprefix("."))(path)) for place, _, name in families.settings(RULES)]
    for family, known in KNOWN.items():
        if all(value == known[place] for place, value in values if place in known):
            return family
    return None


@pytest.fixture(scope="module")
def served_by() -> Callable[[Scenario], str | None]:
    """Asks the compiled entry, with copies that only say which they are."""
    names = [*KNOWN, "any"]
    copies = "".join(f"define i64 @{name}(ptr, i64) {{ ret i64 {n} }}\n" for n, name in enumerate(names))
    text = families.chooser(RULES, KNOWN, "any", compiled.SYMBOL)
    module = llvm.parse_assembly(
        "\n".join(line for line in text.splitlines() if not line.startswith("declare")) + copies
    )
    engine = llvm.create_mcjit_compiler(module, compiled.target_machine())
    engine.finalize_object()
    entry = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(
        engine.get_function_address(compiled.SYMBOL)
    )
    entry.engine = engine  # type: ignore[attr-defined]

    def ask(scenario: Scenario) -> str | None:
        states = compiled.allocate(1)
        build(view(states, 0), scenario, 0, None)
        name = names[entry(states.ctypes.data, 0)]
        return None if name == "any" else name

    return ask


def test_members_are_served_by_their_family(served_by: Callable[[Scenario], str | None]) -> None:
    for name, members in zip(KNOWN, families.FAMILIES, strict=True):
        assert {served_by(member) for member in members} <= {*list(KNOWN)[: list(KNOWN).index(name) + 1]}
    assert [served_by(family[-1]) for family in families.FAMILIES] == list(KNOWN)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAIN, client=Host(mtu=9_000)),
        replace(PLAIN, server=Host(congestion="bbr")),
        replace(PLAIN, server=Host(sysctls=(("tcp_retries2", "3"),))),
        replace(PLAIN, client=Host(hz=1_000)),
        replace(PLAIN, server=Host(tls=22)),
    ],
)
def test_one_end_that_differs_in_one_setting_is_enough(
    other: Scenario, served_by: Callable[[Scenario], str | None]
) -> None:
    assert served_by(PLAIN) == "family0"
    assert served_by(other) is None


def test_the_entry_chooses_as_the_definition_says(served_by: Callable[[Scenario], str | None]) -> None:
    homes = set()
    for n, make in product(range(20), (fixed, fixed_usual)):
        homes.add(home(make(n)))
        assert served_by(make(n)) == home(make(n))
    assert homes == {None, *KNOWN}, "some copy is not among those whose results are compared with the other drivers'"


def test_most_packaged_scenarios_have_a_family() -> None:
    names = list(files.preset_names())
    strangers = {name for name in names if home(files.load(name)) is None}
    assert len(strangers) < len(names) / 3, strangers


def test_what_a_family_knows_is_never_written_by_a_rule() -> None:
    written = families.written(RULES)
    assert "cwnd" in written
    assert "layered" not in written
    known = {name.rpartition(".")[2] for place, _, name in families.settings(RULES)}
    assert not known & written


def test_a_size_tells_a_record_that_a_family_may_know() -> None:
    occurs_in_arrays = compiled.kinds()
    sizes = [compiled.dtype(kind).itemsize for kind in occurs_in_arrays]
    for kind, in_array in occurs_in_arrays.items():
        assert in_array or sizes.count(compiled.dtype(kind).itemsize) == 1, kind


def test_this_numba_reads_fields_in_the_way_that_is_looked_for() -> None:
    """If this fails all still works, but no copy is faster than another."""
    environment = {**os.environ, **compiled.OPTIMISE_NOTHING, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", READS]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert int(said) > 0
