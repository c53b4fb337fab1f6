"""The loop looks only at the deadlines of the end an event happened at, so it must not move those of the other end."""

from collections.abc import Callable

import pytest

from models.state import Path
from sim import Scenario, loop
from sim.engine import PlainEngine
from tests.properties.scenarios import fixed, fixed_layered


@pytest.mark.parametrize("generate", [fixed, fixed_layered])
@pytest.mark.parametrize("n", range(20))
def test_what_the_loop_remembers_is_what_it_would_find(n: int, generate: Callable[[int], Scenario]) -> None:
    engine = PlainEngine(generate(n), n)
    s = engine.s
    now = loop.next_event(s)
    for _ in range(4000):
        status = loop.status(s)
        engine.check(status)
        if status == loop.REFILL:
            engine.refill()
            now = loop.next_event(s)
            continue
        if status >= 0:
            break
        look = loop.fire(s, now)
        now = loop.earliest(s)
        remembered = (now, s.a.next_at, s.b.next_at)
        assert (loop.next_event(s), s.a.next_at, s.b.next_at) == remembered
        assert look or not asks(s)


def asks(s: Path) -> int:
    """Has any rule at either end something to tell the driver?"""
    return s.a.err | s.b.err | s.ab.err | s.ba.err | s.a.w.need | s.b.w.need | s.ab.need | s.ba.need
