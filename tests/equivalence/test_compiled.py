"""The compiled loop and the plain one: the same run, over a fixed list of scenarios that together touch every rule."""

from itertools import product

import pytest

from experiments import files
from models.constants import (
    BBR,
    BDP_CORE,
    BDP_GO,
    BDP_JAVA,
    CUBIC,
    FRAME_ACK,
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PING,
    FRAME_SETTINGS,
    FRAME_WINDOW_UPDATE,
    RENO,
)
from models.state import CAUSES
from sim import simulate
from sim.engine import PlainEngine
from tests.equivalence.outcome import assert_same_outcome
from tests.properties.scenarios import fixed, fixed_layered, fixed_usual

pytest.importorskip("numba")

pytestmark = pytest.mark.slow

SCENARIOS = range(60)


@pytest.mark.timeout(600)  # the first one compiles, unless it has been done before
def test_the_compiled_loop_repeats_the_plain_one():
    for n, make in product(SCENARIOS, (fixed, fixed_layered, fixed_usual)):
        scenario = make(n)
        plain = simulate(scenario, n, driver="loop")
        compiled = simulate(scenario, n, driver="compiled")
        try:
            assert_same_outcome(plain, compiled)
        except AssertionError as e:
            raise AssertionError(f"{make.__name__} {n}: {scenario}") from e


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", files.preset_names())
def test_the_compiled_loop_repeats_every_preset(name):
    scenario = files.load(name)
    assert_same_outcome(simulate(scenario, 3, driver="loop"), simulate(scenario, 3, driver="compiled"))


def test_the_list_touches_the_rules_that_matter():
    """Loss recovery of every kind, all congestion controls, and every way of holding or blocking data."""
    seen = set()
    for n in SCENARIOS:
        engine = PlainEngine(fixed(n), n)
        engine.run()
        for e in (engine.s.a, engine.s.b):
            seen |= {f"cc {e.cc}", f"rule {e.nagle_rule}", f"classic {e.classic_ack}", f"flush {e.w.flush}"}
            seen |= {f"mode {e.w.mode}", f"threads {e.w.threads}"}
            counters = (
                "rtos", "tlps", "fast_retransmits", "undos", "autocorks", "acks_by_timer", "rcv_ooopack", "dsack_dups",
                "window_probes",
            )  # fmt: skip
            seen |= {name for name in counters if getattr(e, name)}
            seen |= {"blocked write"} if e.w.blocks else set()
            seen |= {"fifo drop"} if engine.s.ab.overflowed or engine.s.ba.overflowed else set()
    wanted = {f"{what} {k}" for what, n in (("flush", 6), ("mode", 5), ("rule", 3), ("classic", 2)) for k in range(n)}
    wanted |= {f"cc {cc}" for cc in (RENO, CUBIC, BBR)} | {"threads 1", "threads 2", "blocked write", "fifo drop"}
    wanted |= {"rtos", "tlps", "fast_retransmits", "undos", "autocorks", "acks_by_timer", "rcv_ooopack", "dsack_dups"}
    assert wanted <= seen, wanted - seen


def test_the_list_touches_every_part_of_http2():
    """Every limit that binds, every kind of frame, every estimator."""
    causes, kinds, probes = set(), set(), set()
    for n in SCENARIOS:
        engine = PlainEngine(fixed_layered(n), n)
        engine.run()
        for name in ("a", "b"):
            causes |= {c for c, ns in zip(CAUSES, engine.messages(name)["x"].sum(axis=0), strict=True) if ns}
        for e in (engine.s.a, engine.s.b):
            kinds |= {e.h2.frame[i].kind for i in range(min(e.h2.framed, 2_000))}
            probes |= {e.h2.estimator} if e.h2.pings else set()
    wanted = {"stream_window", "connection_window", "write_quota", "stream_limit", "scheduler", "sndbuf"}
    assert wanted <= causes, wanted - causes
    assert kinds == {
        FRAME_DATA, FRAME_HEADERS, FRAME_SETTINGS, FRAME_PING, FRAME_WINDOW_UPDATE,
        FRAME_SETTINGS + FRAME_ACK, FRAME_PING + FRAME_ACK,
    }  # fmt: skip
    assert probes == {BDP_GO, BDP_JAVA, BDP_CORE}
