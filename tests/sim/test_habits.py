"""LLVM is told how often a branch went which way: what is counted is what Python did, and it is said of that branch."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("numba")

from models.ack import may_raise_cwnd
from models.link import link_send
from models.nagle import minshall_update, nagle_holds
from models.receive import receive
from sim.habits import ordinary, taken, watched
from sim.scenario import Direction, Network, Scenario, Workload

LOSSY = Direction(rate=10_000_000, delay=5_000_000, loss=0.1)
CALM = Scenario(workload=Workload(messages=60), network=Network(down=Direction(rate=10_000_000, delay=5_000_000)))

WEIGHED = """
import re
from models.nagle import minshall_update
from models.state import Endpoint
from sim import translate
from sim.habits import watched, with_habits
from tests.sim.test_habits import CALM

def entry(e: Endpoint, n: int) -> None:
    minshall_update(e, n, 1, n, n)

ir, _ = translate.program(entry)
rules = translate.defined(ir, [minshall_update])
ways = watched(rules.values(), [CALM])
told = with_habits(ir, rules, ways)
weights = re.findall(r'!100\\d+ = !\\{!"branch_weights", i32 (\\d+), i32 (\\d+)\\}', told)
print(sum(n for (at, _), n in ways[minshall_update.__code__].items() if at == -1), weights)
assert re.sub(r", !prof !1000\\d+|\\n!1000.*", "", told).rstrip() == ir.rstrip()
"""


def calls(way: dict[tuple[int, int], int]) -> int:
    return sum(n for (at, _), n in way.items() if at == -1)


def test_every_call_is_seen() -> None:
    from sim import simulate

    ways = watched([receive, link_send], [CALM])
    run = simulate(CALM, 0, driver="loop", trace=True)
    assert calls(ways[link_send.__code__]) == len(run.trace.segments)
    assert calls(ways[receive.__code__]) == sum(what == "packet processed" for _, _, what in run.trace.events)


def test_what_ran_before_is_traced_as_before() -> None:
    seen: list[str] = []

    def mine(frame: object, event: str, argument: object) -> None:
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(mine)
    try:
        watched([receive], [CALM])
        assert sys.gettrace() is mine
    finally:
        sys.settrace(before)


def test_a_branch_that_is_never_taken_counts_nothing() -> None:
    """Nothing is lost on a calm path, and something is on a lossy one."""
    from models.recovery import enter_recovery

    assert not watched([enter_recovery], [CALM])[enter_recovery.__code__]
    lossy = Scenario(workload=Workload(messages=200), network=Network(down=LOSSY))
    assert calls(watched([enter_recovery], [lossy])[enter_recovery.__code__]) > 0


def test_the_ordinary_meets_what_is_worth_knowing() -> None:
    ways = watched([nagle_holds, may_raise_cwnd, minshall_update], ordinary())
    assert all(calls(way) > 100 for way in ways.values())


def test_ways_of_a_branch_add_up() -> None:
    """Of the instructions behind a block, each was reached as often as the block was left for it."""
    code = nagle_holds.__code__
    way = watched([nagle_holds], [CALM])[code]
    targets = {then for _, then in way}
    assert sum(taken(way, code, 0, to) for to in targets) >= calls(way)


def test_llvm_is_told_of_the_branch_numba_made_of_it() -> None:
    """`if length < segments * mss`: true of every message of this run, which are all small; nothing else is changed."""
    environment = {**os.environ, "NUMBA_OPT": "0"}
    told = subprocess.run([sys.executable, "-c", WEIGHED], env=environment, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    count, weights = told.stdout.split(" ", 1)
    assert int(count) > 0
    assert re.findall(r"\d+", weights) == [str(int(count) + 1), "1"]
