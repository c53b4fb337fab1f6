"""Control ticks: what a policy sees, when it acts, and what becomes of its mistakes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from experiments import files
from models.state import CAUSES
from sim import Direction, Framing, Host, Network, Policy, Scenario, ScenarioError, Workload, control, simulate
from sim.errors import SimulationLimit
from tests.equivalence.outcome import assert_same_outcome

MS = 1_000_000
DRIVERS = ("loop", "simpy")


def stream(interval: int = 5 * MS, messages: int = 100, every: int = 20 * MS, **policy: object) -> Scenario:
    """A NODELAY stream of 100-byte messages over 3 ms each way that costs nothing else."""
    return Scenario(
        workload=Workload(interval=interval, messages=messages, size=100),
        server=Host(nodelay=True),
        network=Network(up=Direction(delay=3 * MS), down=Direction(delay=3 * MS)),
        policy=Policy(every=every, **policy),  # type: ignore[arg-type]
    )


def looks(scenario: Scenario, driver: str = "loop") -> list[object]:
    seen: list[object] = []
    simulate(scenario, 1, driver=driver, policy=seen.append)  # type: ignore[arg-type]
    return seen


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_window_holds_what_was_read_since_the_last_tick(driver):
    """Messages at 0, 5, 10 ... ms are read 3 ms later: four in every 20 ms, each with a latency of 3 ms."""
    ticks = looks(stream(), driver)
    assert [t.now_ns for t in ticks] == [20 * MS * i for i in range(len(ticks))]
    assert [t.delivered for t in ticks[:4]] == [0, 4, 4, 4]
    assert [t.offered for t in ticks[1:4]] == [5, 4, 4]  # the message of 20 ms comes due before the tick of 20 ms
    assert {t.p99_ns for t in ticks[1:4]} == {3 * MS}
    assert ticks[2].bytes == 400
    assert ticks[2].throughput_bps == 400 * 8 / 0.02
    assert ticks[2].rate == ticks[2].offered_rate == 200


def test_ticks_without_end_are_a_limit_and_say_what_to_change(monkeypatch):
    monkeypatch.setattr(control, "MOST_TICKS", 10)
    assert len(simulate(stream(messages=10), 1, driver="loop", policy=lambda _: None).ticks) <= 10
    with pytest.raises(SimulationLimit, match=r"10 control ticks by 0\.200 s .*longer `every`"):
        looks(stream())


def test_before_anything_was_delivered_latencies_are_nan_and_comparisons_false():
    first = looks(stream())[0]
    assert math.isnan(first.p99_ns)
    assert not first.p99_ns > 0
    assert not first.p99_ns < 1


def test_a_window_may_reach_further_back_than_a_tick():
    ticks = looks(stream(window=50 * MS))
    assert [t.delivered for t in ticks[:5]] == [0, 4, 8, 10, 10]
    assert ticks[3].window_ns == 50 * MS


def test_transactions_count_from_request_to_reply():
    scenario = replace(stream(), workload=Workload(kind="request-response", sender="client", messages=20, work=MS))
    assert {t.p50_ns for t in looks(scenario)[1:3]} == {7 * MS}


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_is_set_acts_behind_everything_else_of_its_instant(driver):
    """At 20 ms a message is due, and at 20 ms the sender pauses: that message still leaves, the next ones wait."""

    def pause(tick):
        tick.server.paused = tick.number in (1, 2)

    run = simulate(stream(), 1, driver=driver, policy=pause)
    sent = run.messages["first_sent_ns"]
    assert sent[4] == 20 * MS
    assert set(sent[5:13]) == {60 * MS}
    assert sent[13] == 65 * MS
    assert list(run.messages["admission_ns"][5:13]) == [60 * MS - 5 * MS * i for i in range(5, 13)]


def test_a_decision_takes_effect_when_its_dead_time_is_over():
    def pause(tick):
        tick.server.paused = tick.number == 1

    run = simulate(stream(dead_time=7 * MS), 1, policy=pause)
    sent = run.messages["first_sent_ns"]
    assert sent[5] == 25 * MS
    assert list(sent[6:10]) == [47 * MS] * 4


def test_initial_settings_are_not_delayed():
    run = simulate(stream(dead_time=7 * MS), 1, policy=lambda tick: tick.server.admit(rate=100, burst=1))
    assert np.diff(run.messages["first_sent_ns"]).min() == 10 * MS


def test_a_sender_that_is_never_resumed_ends_the_run():
    def stop(tick):
        tick.server.paused = True

    run = simulate(stream(), 1, policy=stop)
    assert run.undelivered == 100


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_policy_that_only_looks_changes_nothing(driver):
    plain = simulate(replace(stream(), policy=None), 1, driver=driver)
    assert_same_outcome(plain, simulate(stream(), 1, driver=driver, policy=lambda tick: None))


def test_memory_is_empty_when_a_run_begins():
    def count(tick):
        tick.memory["n"] = tick.memory.get("n", 0) + 1
        assert tick.memory["n"] == tick.number + 1

    for seed in (1, 2):
        simulate(stream(), seed, policy=count)


def test_a_module_of_a_policy_lives_as_long_as_its_run():
    source = "calls = []\ndef policy(tick):\n    calls.append(1)\n    assert len(calls) == tick.number + 1\n"
    for seed in (1, 2):
        simulate(stream(name="x.py:policy", source=source), seed)


def test_a_class_is_made_anew_for_every_run_with_the_parameters():
    source = (
        "class Once:\n"
        "    def __init__(self, at): self.at = at\n"
        "    def __call__(self, tick):\n"
        "        if self.at == tick.number: tick.server.paused = True; self.at = None\n"
    )
    scenario = stream(name="x.py:Once", source=source, parameters=(("at", 2),))
    assert simulate(scenario, 1).undelivered == simulate(scenario, 2).undelivered == 91


# ---- mistakes


def complaint(source: str, **policy: object) -> str:
    with pytest.raises(ScenarioError) as error:
        simulate(stream(name="my.py:policy", source=source, **policy), 1)
    return str(error.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("1 / 0", ("my.py:2", "ZeroDivisionError", "tick 0, 0.000 s")),
        ("tick.server.sndbuf = -1", ("my.py:2", "sndbuf = -1 is out of bounds: 1 to 1,073,741,824")),
        ("tick.server.sndbuf = 'big'", ("sndbuf = 'big' is no number",)),
        ("tick.server.sndbuff = 1", ("AttributeError", "sndbuff")),
        ("tick.server.congestion = 'vegas'", ("'vegas' is none of reno, cubic, bbr",)),
        ("tick.server.framer_buffer = float('nan')", ("is no number",)),
        ("tick.server.admit(high=1)", ("workload.framing.quota",)),
        ("tick.number = 3", ("FrozenInstanceError",)),
        ("if tick.number == 3: raise ValueError('no idea')", ("my.py:2: no idea, at tick 3, 0.060 s",)),
    ],
)
def test_what_a_policy_raises_names_file_line_and_tick(body, words):
    said = complaint(f"def policy(tick):\n    {body}\n")
    assert all(word in said for word in words), said


def test_a_file_that_is_no_policy():
    assert "my.py:1: this is not Python" in complaint("def policy(tick)\n")
    assert "my.py:1: ModuleNotFoundError" in complaint("import no_such_module\n")
    assert "no function 'policy' in it (it has: politics)" in complaint("def politics(tick): ...\n")
    assert "it takes speed" in complaint("def policy(tick, speed): ...\n", parameters=(("spede", 1),))
    assert "missing a required argument: 'speed'" in complaint("def policy(tick, speed): ...\n")


# ---- settings


def at(number: int, setting: str, value: object):
    def policy(tick):
        if tick.number == number:
            setattr(tick.server, setting, value)

    return policy


def test_nodelay_pushes_what_nagle_holds():
    """512 bytes every 10 ms at RTT 50 ms: the messages of 10, 20 and 30 ms are held; at 25 ms two of them leave."""
    scenario = Scenario(
        workload=Workload(interval=10 * MS, messages=20, size=512),
        network=Network(up=Direction(delay=25 * MS), down=Direction(delay=25 * MS)),
        policy=Policy(every=25 * MS),
    )
    run = simulate(scenario, 1, policy=at(1, "nodelay", True))
    assert list(run.messages["first_sent_ns"][:4]) == [0, 25 * MS, 25 * MS, 30 * MS]
    assert list(run.messages["nagle_ns"][:4]) == [0, 15 * MS, 5 * MS, 0]


def test_a_larger_sndbuf_wakes_the_writer_at_once():
    """Full from the start on a link without ACKs for 100 ms: at 20 ms there is room again."""
    scenario = Scenario(
        workload=Workload(interval=0, burst=40, messages=40, size=1_000),
        server=Host(nodelay=True, sndbuf=4_608),
        network=Network(up=Direction(delay=50 * MS), down=Direction(delay=50 * MS)),
        policy=Policy(every=20 * MS),
    )
    before = simulate(scenario, 1, policy=lambda tick: None).messages
    after = simulate(scenario, 1, policy=at(1, "sndbuf", 100_000)).messages
    blocked = before["sndbuf_ns"] > 20 * MS
    assert blocked.any()
    assert (after["accepted_ns"][blocked] == 20 * MS).all()


def test_a_smaller_write_buffer_flushes_what_it_holds():
    framing = Framing(buffer=10_000, flush="on-full")
    scenario = replace(stream(), workload=Workload(interval=5 * MS, messages=100, size=100, framing=framing))
    run = simulate(scenario, 1, policy=at(1, "framer_buffer", 300))
    assert set(run.messages["first_sent_ns"][:5]) == {20 * MS}
    assert set(run.messages["first_sent_ns"][6:8]) == {40 * MS}  # bufio: 300 bytes are full when more must go in


def test_the_token_bucket_lets_a_burst_through_and_then_its_rate():
    run = simulate(stream(MS, 60), 1, policy=lambda tick: tick.number or tick.server.admit(rate=200, burst=10))
    sent = run.messages["first_sent_ns"] // MS
    # tokens: 10 at first and one every 5 ms; one message a ms uses them up after 10 + 2 messages
    assert list(sent[:12]) == list(range(12))
    assert list(np.diff(sent[12:])) == [5] * 47
    assert (run.messages["admission_ns"] == run.messages["latency_ns"] - 3 * MS).all()


def test_backing_off_doubles_up_to_its_longest_wait():
    """Of 8 tokens less than half are left after five messages: the others wait 2, 4 and 8 ms."""

    def policy(tick):
        if not tick.number:
            tick.server.admit(rate=1, burst=8, backoff=2 * MS, backoff_max=8 * MS)

    sent = simulate(stream(0, 8, every=200 * MS), 1, policy=policy).messages["first_sent_ns"] // MS
    assert list(sent) == [0, 0, 0, 0, 0, 2, 6, 14]


def test_more_than_may_wait_are_answered_with_a_few_bytes():
    def policy(tick):
        tick.server.admit(limit=5, degraded_size=8)
        tick.server.paused = tick.number < 4

    run = simulate(stream(), 1, policy=policy)
    m = run.messages
    assert set(m["size"][:12]) == {8}
    assert set(m["size"][17:]) == {100}
    assert m["admission_ns"][:12].max() == 25 * MS  # the fifth one behind it came due
    assert run.ticks["degraded"][-1] == np.count_nonzero(m["size"] == 8)


def test_water_marks_stop_and_start_the_sender():
    framing = Framing(kind="grpc", buffer=8_192, flush="on-idle", quota=1 << 20)
    scenario = Scenario(
        workload=Workload(arrivals="greedy", messages=400, size=1_000, framing=framing),
        server=Host(nodelay=True, sndbuf=16_384),
        network=Network(up=Direction(delay=5 * MS), down=Direction(rate=5_000_000, delay=5 * MS)),
        policy=Policy(every=10 * MS),
    )

    def policy(tick):
        if not tick.number:
            tick.server.admit(high=64_000, low=32_000)

    free = simulate(scenario, 1, policy=lambda tick: None)
    held = simulate(scenario, 1, policy=policy)
    assert free.ticks["queued"].max() > 300_000
    assert 60_000 < held.ticks["queued"].max() < 66_000
    assert held.ticks["queued"][5:30].min() < 40_000
    assert held.messages["admission_ns"].sum() > 0
    assert sum(held.messages[f"{cause}_ns"] for cause in CAUSES).sum() == held.messages["latency_ns"].sum()


def test_another_congestion_control_starts_from_the_window_there_is():
    scenario = Scenario(
        workload=Workload(arrivals="greedy", messages=600, size=1_400),
        server=Host(nodelay=True, sndbuf=200_000),
        network=Network(up=Direction(delay=10 * MS), down=Direction(rate=10_000_000, delay=10 * MS)),
        policy=Policy(every=100 * MS),
    )
    windows, names = [], []

    def policy(tick):
        windows.append(tick.server.cwnd)
        if tick.number == 2:
            tick.server.congestion = "bbr"
            windows.append(tick.server.cwnd)
        names.append(tick.server.congestion)

    run = simulate(scenario, 1, policy=policy)
    assert windows[3] == windows[2]
    assert names[:3] == ["cubic", "cubic", "bbr"]
    assert run.messages["pacing_ns"][-100:].sum() > 0 == run.messages["pacing_ns"][:50].sum()


# ---- processes


def test_a_simpy_process_sets_what_a_policy_may_set():
    """The NODELAY of the timeline above, by a process that wakes at 25 ms."""
    scenario = Scenario(
        workload=Workload(interval=10 * MS, messages=20, size=512),
        network=Network(up=Direction(delay=25 * MS), down=Direction(delay=25 * MS)),
    )

    def controller(env, model):
        yield env.timeout(25 * MS - env.now)
        model.server.nodelay = True

    run = simulate(scenario, 1, processes=(controller,))
    policy = simulate(replace(scenario, policy=Policy(every=25 * MS)), 1, policy=at(1, "nodelay", True))
    assert_same_outcome(run, policy)


def test_a_process_that_raises_the_send_buffer_wakes_the_writer():
    scenario = Scenario(
        workload=Workload(interval=0, burst=40, messages=40, size=1_000),
        server=Host(nodelay=True, sndbuf=4_608),
        network=Network(up=Direction(delay=50 * MS), down=Direction(delay=50 * MS)),
    )

    def controller(env, model):
        yield env.timeout(20 * MS - env.now)
        model.server.sndbuf = 100_000

    accepted = simulate(scenario, 1, processes=(controller,)).messages["accepted_ns"]
    assert set(accepted) == {0, 20 * MS}


def test_window_updates_are_counted_beside_the_tcp_window():
    scenario = files.load("grpc-streams", ["workload.messages=400"])
    ticks = simulate(replace(scenario, policy=Policy(every=20 * MS)), 1, policy=lambda tick: None).ticks
    assert ticks is not None
    assert ticks["window_updates"][-1] > 5
    assert (np.diff(ticks["window_updates"]) >= 0).all()
    assert (ticks["rcv_wnd"] > 0).all()
