"""Which way the rules' branches usually go, for LLVM to lay them out by: seen in the plain loop, not written down.

A rule asks much that is hardly ever so: was a packet lost, is the window shut? Python can watch the same rules at work
on ordinary connections, instruction by instruction. How often one went on where is what LLVM is told of the branch
that Numba makes of it. Nothing but speed depends on it: a tenth.
"""

from __future__ import annotations

import dis
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from types import CodeType, FrameType, FunctionType
from typing import Any

from sim.engine import PlainEngine
from sim.scenario import Direction, Host, Network, Scenario, Spikes, Workload
from sim.stack import with_stack

Ways = dict[CodeType, Counter[tuple[int, int]]]
"""Of each function: how often one instruction was followed by another, by their offsets."""

PATH = Direction(rate=10_000_000, delay=5_000_000)
ROUGH = replace(PATH, spikes=Spikes(probability=0.02, delay=20_000_000), loss=0.005)
SMALL = Workload(messages=40)
WORKLOADS = SMALL, replace(SMALL, arrivals="poisson", interval=2_000_000), replace(SMALL, arrivals="greedy", size=2_000)


def ordinary() -> Iterator[Scenario]:
    """Connections that are like most: small messages and bulk, Nagle on and off, a calm path and a rough one."""
    for workload, path, nodelay in product(WORKLOADS, (PATH, ROUGH), (False, True)):
        s = Scenario(workload=workload, server=Host(nodelay=nodelay), network=Network(up=PATH, down=path))
        yield s
        yield with_stack(replace(s, server=replace(s.server, profile="linux-vm")), "grpc-go@1.63")


def watched(rules: Iterable[FunctionType], scenarios: Iterable[Scenario]) -> Ways:
    """What the rules did in the plain loop."""
    ways: Ways = {rule.__code__: Counter() for rule in rules}

    def entered(frame: FrameType, _: str, __: Any) -> Any:
        way = ways.get(frame.f_code)
        if way is None:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        at = -1

        def step(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal at
            if event == "opcode":
                way[at, frame.f_lasti] += 1
                at = frame.f_lasti
            return step

        return step

    before = sys.gettrace()
    for scenario in scenarios:
        engine = PlainEngine(scenario, seed=0)
        sys.settrace(entered)
        try:
            engine.run()
        finally:
            sys.settrace(before)
    return ways


DEFINED = re.compile(r"^define .*? @(?P<name>[\w.$]+)\(")
LABEL = re.compile(r"^B(?P<offset>\d+)[.\w]*:")
BRANCH = re.compile(r"^(?P<branch>  br i1 \S+, label %B(?P<yes>\d+), label %B(?P<no>\d+))(, !prof !\d+)?$")
SHIFT = 2
"""What Numba adds to an instruction's offset to call the block that begins there."""
METADATA = 1_000_000
"""Numbers that Numba's own text does not reach."""


def with_habits(ir: str, rules: Mapping[str, FunctionType], ways: Ways) -> str:
    """The program with how often each branch goes which way; `rules` by the names that `ir` defines them under."""
    lines = ir.split("\n")
    weights: list[str] = []
    code, block = None, 0
    for n, line in enumerate(lines):
        if head := DEFINED.match(line):
            rule = rules.get(head["name"])
            code, block = rule.__code__ if rule else None, 0
        elif label := LABEL.match(line):
            block = max(0, int(label["offset"]) - SHIFT)
        elif code and (branch := BRANCH.match(line)):
            yes, no = (taken(ways[code], code, block, int(branch[side]) - SHIFT) for side in ("yes", "no"))
            if yes + no:
                number = METADATA + len(weights)
                lines[n] = f"{branch['branch']}, !prof !{number}"
                weights.append(f'!{number} = !{{!"branch_weights", i32 {yes + 1}, i32 {no + 1}}}')
    return "\n".join([*lines, *weights, ""])


def taken(way: Counter[tuple[int, int]], code: CodeType, block: int, to: int) -> int:
    """How often the last instruction of a block was followed by the one at `to`."""
    end = next((start for start in blocks(code) if start > block), len(code.co_code))
    return sum(n for (at, then), n in way.items() if then == to and block <= at < end)


@cache
def blocks(code: CodeType) -> tuple[int, ...]:
    """Where its basic blocks begin: behind jumps, and where these lead."""
    found, jumped = {0}, False
    for instruction in dis.get_instructions(code):
        if jumped or instruction.is_jump_target:
            found.add(instruction.offset)
        jumped = "JUMP" in instruction.opname
    return tuple(sorted(found))
