"""The compiled code is kept under a name that says what it was made of, and is closed in itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

import llvmlite.binding as llvm

from models.clocks import begin_write_wait
from models.framer import begin_message
from models.holds import blame
from models.ledger import stamp_arrival
from models.qdisc import schedule_qdisc
from models.state import Host
from models.timers import jiffies
from sim import compiled, translate

ROOT = Path(compiled.__file__).parent.parent
NAMED = "from sim import compiled; print(compiled.object_file())"
INDICES = """
import numba
from models.skbuff import skb_alloc
from sim import translate
compiled = numba.cfunc(translate.signature(skb_alloc), **translate.ENTRY_OPTIONS)(translate.Twins().twin(skb_alloc))
ir = compiled.inspect_llvm()
for text in (ir, translate.without_negative_indices(ir)):
    print(len(translate.FROM_THE_END.findall(text)))
"""


DIVISIONS = """
import ctypes
import llvmlite.binding as llvm
from sim import compiled, translate

def divide(n: int, d: int, what: int) -> int:
    if what == 0:
        return n // 1000
    if what == 1:
        return n % 1000
    return n // d if what == 2 else n % d

found = []
translate.with_floor_division = lambda ir, rewrite=translate.with_floor_division: (
    found.extend((translate.DIVISION.findall(ir), translate.OVERFLOW.findall(ir))), rewrite(ir))[1]
module = translate.translate(divide)
machine = compiled.target_machine()
translate.optimise(module, machine)
engine = llvm.create_mcjit_compiler(module, machine)
engine.finalize_object()
call = ctypes.CFUNCTYPE(*[ctypes.c_int64] * 4)(engine.get_function_address(compiled.SYMBOL))
edges = [0, 1, 2, 3, 999, 1000, 1001, 1999, 123_456_789, 2**62 - 1, 2**62, 2**63 - 1]
edges += [(2**e + k) // 1000 * 1000 + k for e in range(20, 61) for k in (-1, 0, 1)]
for n in [*edges, *(-n for n in edges), -(2**63)]:
    assert abs(n) >= 2**62 or (call(n, 0, 0), call(n, 0, 1)) == (n // 1000, n % 1000), n
    assert (call(n, 0, 2), call(n, 0, 3)) == (0, 0), n
    for d in filter(None, map(abs, edges)):
        assert (call(n, d, 2), call(n, d, 3)) == (n // d, n % d), (n, d)
print(min(map(len, found)))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("models", "sim"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def name_of(tree: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-P", "-c", NAMED]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("file", ["models/nagle.py", "models/state.py", "sim/loop.py", "sim/translate.py"])
def test_an_edit_anywhere_gives_another_name(copy: Path, file: str) -> None:
    before = name_of(copy)
    assert name_of(copy) == before
    with (copy / file).open("a") as source:
        source.write("\nEDITED = 1\n")
    assert name_of(copy) != before


def test_every_module_the_loop_reaches_is_in_the_name() -> None:
    assert {f.__module__ for f in translate.reached(translate.run)} <= set(compiled.source_modules())


def test_another_processor_gives_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiled.source_hash()
    monkeypatch.setattr(compiled, "processor", lambda: ("x86_64", "8086", ""))
    assert compiled.source_hash() != before


def test_only_the_entry_can_be_seen_from_outside() -> None:
    module = translate.translate(jiffies)
    seen = [f.name for f in module.functions if not f.is_declaration and f.linkage == llvm.Linkage.external]
    assert seen == [compiled.SYMBOL]


def may_fail(host: Host, now: int) -> int:
    return (1, 2, 3)[now] + host.tick


def test_a_rule_that_can_raise_an_exception_is_refused() -> None:
    machine = compiled.target_machine()
    fine, bad = translate.translate(jiffies), translate.translate(may_fail)
    for module in (fine, bad):
        translate.optimise(module, machine)
    translate.check_closed(fine)
    with pytest.raises(AssertionError, match="a rule can raise"):
        translate.check_closed(bad)


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "run", may_fail)
    monkeypatch.setattr(translate, "FAMILIES", ())  # of a rule that writes nothing they would know the whole state
    with pytest.raises(AssertionError):
        translate.build(tmp_path / "loop.o")
    assert not list(tmp_path.iterdir())


def test_no_index_is_asked_whether_it_counts_from_the_end() -> None:
    asked = "  %5 = icmp slt i64 %4, 0\n  %6 = add i64 %4, %3\n  %7 = select i1 %5, i64 %6, i64 %4\n"
    other = asked.replace("i64 %4\n", "i64 %2\n")
    assert translate.without_negative_indices(asked) == "  %7 = add nsw i64 %4, 0\n"
    assert translate.without_negative_indices(other) == other


def test_this_numba_says_it_in_the_way_that_is_looked_for() -> None:
    """If this fails all still works, but every index costs four instructions more."""
    environment = {**os.environ, **compiled.OPTIMISE_NOTHING, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", INDICES]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    before, after = map(int, said.split())
    assert before > 0
    assert after == 0


def test_rules_divide_as_they_do_in_python_and_divisions_are_found() -> None:
    environment = {**os.environ, **compiled.OPTIMISE_NOTHING, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", DIVISIONS]
    assert int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout) > 0


def test_records_are_apart_unless_one_type_contains_the_other() -> None:
    assert translate.apart(begin_write_wait) == ["c", "m"]
    assert translate.apart(stamp_arrival) == ["m", "p"]
    assert translate.apart(begin_message) == []  # an endpoint and a message, which lies in an endpoint
    assert translate.apart(blame) == []  # two endpoints
    head = "define linkonce_odr i32 @_ZN6models5qdisc14schedule_qdiscB2v1(ptr %retptr, ptr %arg.q, i64 %arg.now) {"
    rules = translate.defined(head, [schedule_qdisc])
    assert translate.with_separate_records(head, rules) == head.replace("%arg.q", "noalias %arg.q")


def test_what_cannot_be_kept_is_compiled_for_this_process(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "file").touch()
    made: list[Path] = []
    monkeypatch.setattr(compiled, "object_file", lambda: tmp_path / "file" / "compiled" / "loop.o")
    monkeypatch.setattr(compiled, "load", lambda path: path.read_text())

    def run(command: list[str], **_: object) -> None:
        made.append(Path(command[-1]))
        made[-1].write_text("code")

    monkeypatch.setattr(compiled.subprocess, "run", run)
    assert compiled._entry.__wrapped__() == "code"
    assert "set TINYGRAM_CACHE" in capsys.readouterr().err
    assert not made[0].exists()


def test_what_is_said_about_rules_is_said_of_rules_that_exist() -> None:
    reached = translate.reached(translate.run)
    assert {f"models.{module}" for module in translate.RARE} <= {f.__module__ for f in reached}
    assert set(translate.CALLED) <= {f.__name__ for f in reached}


def test_a_rule_is_recognised_by_the_name_that_llvm_calls_it_by() -> None:
    names = [f.name for f in translate.translate(jiffies).functions if "jiffies" in f.name]
    assert translate.path(names[0])[:3] == ["models", "timers", "jiffies"]
    assert translate.inlining(names[0]) == "alwaysinline"
    assert translate.inlining("_ZN6models3bbr8bbr_mainB2v1") == "cold"
    assert translate.inlining("_ZN6models6output10write_xmitB2v1") == "inlinehint"
