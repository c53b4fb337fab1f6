"""From rules to machine code: each function of `models/` and `sim/loop.py` translated once, all optimised together.

Numba translates Python to LLVM's language. Left to itself it then optimises every function with all that it calls, and
its callers with all of that again. So here it is asked not to optimise (`NUMBA_OPT=0`, which has to be set before it
is imported: `sim.compiled` gives this module a process of its own), and what it says about the entry point, which is
the whole program, goes through LLVM once. LLVM then sees that no rule can fail and that nobody else calls them, drops
what is not needed and inlines freely: a quarter faster, in less than half the time.

Only documented interfaces are used: `njit` and `cfunc` with signatures, `inspect_llvm`, `llvmlite.binding`.
"""

from __future__ import annotations

import dis
import os
import re
import sys
import types
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import llvmlite.binding as llvm
import numba

from sim.compiled import SYMBOL, dtype, kinds, target_machine
from sim.families import FAMILIES, agreed, chooser, with_known
from sim.habits import ordinary, watched, with_habits
from sim.loop import run

# Division by zero gives 0 and not an exception; no rule allocates, so nothing is counted; nobody calls one from Python.
ENTRY_OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
RULE_OPTIONS: dict[str, Any] = {**ENTRY_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

Function = types.FunctionType


def numba_type(hint: Any) -> Any:
    """The type of a parameter or result annotated with `hint`."""
    if hint is int:
        return numba.types.int64
    if hint is type(None):
        return numba.types.void
    return numba.from_dtype(dtype(hint))


def signature(function: Function) -> Any:
    """A function's annotations as Numba's signature."""
    hints = get_type_hints(function)
    result = numba_type(hints.pop("return"))
    return result(*map(numba_type, hints.values()))


def callees(function: Function) -> dict[str, Function]:
    """The functions that `function` calls, under the names it calls them by."""
    names = {i.argval for i in dis.get_instructions(function) if i.opname == "LOAD_GLOBAL"}
    known = vars(import_module(function.__module__))
    return {name: known[name] for name in sorted(names) if isinstance(known.get(name), Function)}


class Twins:
    """The same code objects with globals of their own, in which every function is compiled."""

    def __init__(self) -> None:
        self.globals: dict[str, dict[str, Any]] = {}
        self.rules: dict[Function, Any] = {}

    def space(self, name: str) -> dict[str, Any]:
        """The globals of module `name`'s twins: at first its constants."""
        if name not in self.globals:
            constants = {k: v for k, v in vars(import_module(name)).items() if isinstance(v, int | tuple)}
            self.globals[name] = {"__name__": name, "__builtins__": __builtins__, **constants}
        return self.globals[name]

    def twin(self, function: Function) -> Function:
        """`function`, calling compiled functions."""
        space = self.space(function.__module__)
        space.update({name: self.rule(callee) for name, callee in callees(function).items()})
        return Function(function.__code__, space, function.__name__)

    def rule(self, function: Function) -> Any:
        """The compiled `function`, those it calls first."""
        if function not in self.rules:
            self.rules[function] = numba.njit(signature(function), **RULE_OPTIONS)(self.twin(function))
        return self.rules[function]


FROM_THE_END = re.compile(
    r"  (?P<negative>%\S+) = icmp slt i64 (?P<index>%\S+), 0\n"
    r"  (?P<from_end>%\S+) = add i64 (?P=index), %\S+\n"
    r"  (?P<chosen>%\S+) = select i1 (?P=negative), i64 (?P=from_end), i64 (?P=index)\n"
)
"""How Numba lets `a[-1]` mean the last element."""


def without_negative_indices(ir: str) -> str:
    """No rule counts from the end of an array, so nothing needs to ask whether it does, at every index."""
    return FROM_THE_END.sub(r"  \g<chosen> = add nsw i64 \g<index>, 0\n", ir)


DIVISION = re.compile(
    r"  (?P<quotient>%\S+) = sdiv i64 (?P<n>%\S+), (?P<d>[%.\w]+)\n"
    r"  (?P<rest>%\S+) = srem i64 (?P=n), (?P=d)\n"
    r"  (?P<signs>%\S+) = xor i64 (?P=d), (?P=rest)\n"
    r"  (?P<differ>%\S+) = icmp slt i64 (?P=signs), 0\n"
)
"""How Numba divides; it then takes one off the quotient if the signs differ and something is left."""
OVERFLOW = re.compile(
    r"  (?P<least>%\S+) = icmp eq i64 %\S+, -9223372036854775808\n"
    r"  (?P<minus>%\S+) = icmp eq i64 \S+, -1\n"
    r"  (?P<both>%\S+) = and i1 (?P=least), (?P=minus)\n"
)
"""What it asks before: is it the one quotient that does not fit?"""
DIVIDED = r"""  \g<quotient>.sign = ashr i64 \g<n>, 63
  \g<quotient>.n = xor i64 \g<n>, \g<quotient>.sign
  \g<quotient>.q = udiv i64 \g<quotient>.n, \g<d>
  \g<quotient> = xor i64 \g<quotient>.q, \g<quotient>.sign
"""
"""Rounded down without a branch, for d > 0: ~(~n / d) is n / d rounded down for n < 0."""
MULTIPLIED = r"""  \g<quotient>.twice = shl i64 \g<n>, 1
  \g<quotient>.odd = or i64 \g<quotient>.twice, 1
  \g<quotient>.wide = sext i64 \g<quotient>.odd to i128
  \g<quotient>.product = mul i128 \g<quotient>.wide, {factor}
  \g<quotient>.high = ashr i128 \g<quotient>.product, {bits}
  \g<quotient> = trunc i128 \g<quotient>.high to i64
"""
"""The same for a constant d and |n| < 2^62: (n + 1/2) / d, so far from whole numbers that 1/d need not be exact."""
REST = r"""  \g<quotient>.whole = mul i64 \g<quotient>, \g<d>
  \g<rest> = sub i64 \g<n>, \g<quotient>.whole
  \g<signs> = xor i64 \g<d>, \g<rest>
  \g<differ> = icmp slt i64 0, 0
"""
"""Nothing is to be taken off that."""


def rounded_down(m: re.Match[str]) -> str:
    """A division by what is positive, without a branch; by a constant, without a division."""
    d = int(m["d"]) if m["d"].isdigit() else 0
    if d & (d - 1) == 0:  # not known, or a shift
        return m.expand(DIVIDED + REST)
    bits = 63 + d.bit_length()
    return m.expand(MULTIPLIED.format(factor=((1 << bits) + d) // (2 * d), bits=bits) + REST)


def with_floor_division(ir: str) -> str:
    """Rules divide times by a thousand or by a tick all the time, and by nothing negative."""
    return OVERFLOW.sub(r"  \g<both> = add i1 false, false\n", DIVISION.sub(rounded_down, ir))


HEAD = re.compile(r"^define linkonce_odr i32 @(?P<name>\S+?)\(.*$", re.MULTILINE)


def apart(function: Function) -> list[str]:
    """The parameters that are records no other parameter can reach into, as neither type contains the other."""
    given = {name: hint for name, hint in get_type_hints(function).items() if name != "return" and hint is not int}
    return [
        name
        for name, kind in given.items()
        if not any(other != name and (kind in kinds(k) or k in kinds(kind)) for other, k in given.items())
    ]


def defined(ir: str, rules: Iterable[Function]) -> dict[str, Function]:
    """The rules by the names that the program defines them under."""
    known = {(rule.__module__, rule.__name__): rule for rule in rules}
    found = {}
    for m in HEAD.finditer(ir):
        package, module, function = [*path(m["name"]), "", "", ""][:3]
        if rule := known.get((f"{package}.{module}", function)):
            found[m["name"]] = rule
    return found


def with_separate_records(ir: str, rules: dict[str, Function]) -> str:
    """What is written through one record does not change another: rules reach the state by their parameters alone."""

    def head(m: re.Match[str]) -> str:
        line = m[0]
        for name in apart(rules[m["name"]]) if m["name"] in rules else []:
            line = line.replace(f"ptr %arg.{name}", f"ptr noalias %arg.{name}")
        return line

    return HEAD.sub(head, ir)


RARE = (
    *("admission", "bbr", "closing", "give_up", "out_of_order", "prr", "qdisc", "recovery", "retransmit", "sack"),
    *("http2_application", "http2_consumer", "http2_credit", "http2_frames", "http2_reading", "http2_senders"),
    *("http2_turns", "limits", "timeouts", "undo"),
)
"""Modules that most messages of most runs do not meet: kept out of the way of the others."""
CALLED = ("rearm_rto", "reset_xmit_timer", "run_writer", "send_ack", "send_window_probe", "write_xmit")
"""Functions that are large and called from several places."""


def path(name: str) -> list[str]:
    """The names in `name`, a mangled one: package, module and function, each behind its length."""
    found: list[str] = []
    rest = name.removeprefix("_ZN")
    while length := re.match(r"\d+", rest):
        end = length.end() + int(length[0])
        found.append(rest[length.end() : end])
        rest = rest[end:]
    return found


def inlining(name: str) -> str:
    """LLVM's attribute for the function it calls `name`: what is neither rare nor large is copied to its callers.

    Only speed depends on it, a tenth of it: left to itself, LLVM weighs a rule by its rare branches, too.
    """
    package, module, function = [*path(name), "", "", ""][:3]
    if package not in ("models", "sim") or function in CALLED:
        return "inlinehint"
    return "cold" if module in RARE else "alwaysinline"


def parse(ir: str, entry: str, symbol: str) -> Any:
    """LLVM's module of a program, where only its entry can be seen from outside, as `symbol`."""
    module = llvm.parse_assembly(ir)
    for thing in [*module.functions, *module.global_variables]:
        if not thing.is_declaration:
            thing.linkage = "internal"
    for function in module.functions:
        if not function.is_declaration:
            function.add_function_attribute(inlining(function.name))
    visible = module.get_function(entry)
    visible.name = symbol
    visible.linkage = "external"
    return module


def program(entry: Any) -> tuple[str, str]:
    """LLVM's text of `entry` and all it reaches, and what it calls `entry` there."""
    compiled = numba.cfunc(signature(entry), **ENTRY_OPTIONS)(Twins().twin(entry))
    ir = with_floor_division(without_negative_indices(compiled.inspect_llvm()))
    return with_separate_records(ir, defined(ir, reached(entry))), compiled.native_name


def translate(entry: Any) -> Any:
    """The LLVM module of `entry` and all it reaches, as `SYMBOL`."""
    return parse(*program(entry), SYMBOL)


def reached(entry: Any) -> set[Function]:
    """`entry` and every function it calls, they call, and so on."""
    found: set[Function] = set()
    todo: list[Function] = [entry]
    while todo:
        function = todo.pop()
        if function not in found:
            found.add(function)
            todo += callees(function).values()
    return found


def with_families(entry: Any) -> Any:
    """The LLVM module of `entry` in several copies: for any state, and for those of each family (`sim.families`).

    All of them know which way branches usually go (`sim.habits`).
    """
    ir, native = program(entry)
    rules = reached(entry)
    ir = with_habits(ir, defined(ir, rules), watched(rules, ordinary()))
    known = {f"family{n}": agreed(rules, family) for n, family in enumerate(FAMILIES)}
    module = llvm.parse_assembly(chooser(rules, known, "any", SYMBOL))
    for name, values in {**known, "any": {}}.items():
        module.link_in(parse(with_known(ir, values), native, name))
        module.get_function(name).linkage = "internal"
    return module


def optimise(module: Any, machine: Any) -> None:
    """LLVM's -O3. The only loops worth vectorising are the ledger's, and they are short enough to be unrolled first."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = False
    tuning.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)


def check_closed(module: Any) -> None:
    """The program calls nothing outside itself. What it calls in vain is an exception's machinery."""
    outside = [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")]
    if outside:
        raise AssertionError(f"a rule can raise an exception: the compiled loop calls {', '.join(outside)}")


def build(path: Path) -> None:
    """Compile the loop into the object file `path`, which appears complete or not at all."""
    machine = target_machine()
    module = with_families(run)
    optimise(module, machine)
    check_closed(module)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(machine.emit_object(module))
    unfinished.replace(path)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
