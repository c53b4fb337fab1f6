"""`simulate(scenario, seed) -> Run`: the one public verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from models.constants import ERR_TIMED_OUT
from sim.build import HEADERS, TIMESTAMPS
from sim.engine import Engine, PlainEngine
from sim.errors import SimulationLimit
from sim.identity import package_version, scenario_hash
from sim.measure import Measures, measure
from sim.outlet import Outlet, Sink
from sim.policy import PolicyFunction
from sim.scenario import DEFAULT_MESSAGES, Policy, Scenario
from sim.table import Rows, message_table, transaction_table
from sim.trace import Trace, run_traced

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

    from sim.compiled import States

Driver = Literal["auto", "simpy", "loop", "compiled"]

COMPILED_FROM = 200_000
"""`auto` compiles, which takes about a minute once, for runs of at least this many messages ..."""
CACHED_FROM = 10_000
"""... and loads what was compiled before for runs of at least this many (or as many full segments)."""
LARGEST_RUN = 1_000_000_000
"""Messages or full segments one run may have: minutes compiled, a day in the plain loop."""


@dataclass(frozen=True)
class Counters:
    """What one endpoint did."""

    segments: int
    acks: int
    acks_by_timer: int
    retransmits: int
    writes: int
    write_bytes: int
    blocked_writes: int
    blocked_ns: int
    wmem_peak: int
    app_busy_ns: int
    receive_busy_ns: int
    autocorks: int
    rtos: int  # retransmission timeouts
    spurious_rtos: int  # ... that F-RTO found to have been in vain
    undos: int  # congestion windows given back, since nothing had been lost
    tlps: int  # tail loss probes
    fast_retransmits: int  # segments sent again without waiting for a timeout
    window_probes: int  # asked whether a closed window has opened
    pings: int  # HTTP/2 PINGs, without the answers to the peer's


def counters(e: Any, incoming: Any) -> Counters:
    """Read an endpoint's counters."""
    w = e.w
    return Counters(
        e.data_segs_out, e.pure_acks, e.acks_by_timer, e.total_retrans, w.writes, w.write_bytes, w.blocks, w.block_ns,
        e.wmem_peak, e.host.app_ns, incoming.rx_ns, e.autocorks, e.rtos, e.spurious_rtos, e.undos, e.tlps,
        e.fast_retransmits, e.window_probes, e.h2.pings,
    )  # fmt: skip


@dataclass
class Run:
    """The outcome of one replication. Times are ns from the start of the workload, latencies from intended times.

    measured: what the summary is made of; the same whether or not messages were kept.
    table, reverse: the messages, when they were kept; `reverse` those of the scenario's reverse stream.
    """

    scenario: Scenario
    seed: int
    driver: str
    measured: Measures
    table: Rows | None
    reverse: Rows | None
    client: Counters
    server: Counters
    offered: int
    events: int
    end_ns: int
    link_drops: tuple[int, int]
    timed_out: str | None  # "client" or "server": whose connection gave up, which ended the run
    trace: Trace | None = field(default=None, repr=False)
    ticks: Rows | None = field(default=None, repr=False)  # `sim.control.TICK` rows, when there is a policy

    @property
    def messages(self) -> Rows:
        """The delivered messages (transactions, for request-response) as `MESSAGE` rows, in the order they were sent.

        Raises ValueError for a run that kept none.
        """
        if self.table is None:
            raise ValueError("this run kept no messages: simulate(..., messages=True)")
        return self.table

    @property
    def undelivered(self) -> int:
        """Messages offered but not read by the end."""
        return self.offered - self.measured.n

    @property
    def warmup(self) -> int:
        """Messages that count as start-up: the first ones."""
        return self.measured.startup.n

    @property
    def duration_ns(self) -> int:
        """From the first intended time to the last read."""
        m = self.measured
        return m.last_read - m.first_due if m.n else self.end_ns

    @property
    def throughput_bps(self) -> int:
        """Delivered payload, bits per second of the run."""
        return self.measured.bytes * 8_000_000_000 // max(1, self.duration_ns)

    @property
    def offered_bps(self) -> int:
        """Offered payload, bits per second of the time in which the delivered messages were intended."""
        m = self.measured
        window = m.last_due - m.first_due
        return (m.bytes - m.first_size) * 8_000_000_000 // window if window else 0

    def ledger_ns(self) -> dict[str, int]:
        """Cause to total ns over all delivered messages, causes that never ran included."""
        return dict(self.measured.causes)

    def histogram(self, digits: int = 3) -> HdrHistogram:
        """Latencies in steady state, ns, as an HdrHistogram of that many significant digits."""
        return self.measured.latency.hdr(digits)

    def cpu_share(self) -> dict[str, float]:
        """Share of the run in which each host's busier core worked."""
        d = max(1, self.duration_ns)
        ends = {"client": self.client, "server": self.server}
        return {n: round(min(1.0, max(c.app_busy_ns, c.receive_busy_ns) / d), 6) for n, c in ends.items()}

    def sender(self) -> Counters:
        """The endpoint whose messages are measured."""
        return self.client if self.scenario.workload.sender == "client" else self.server

    def receiver(self) -> Counters:
        """Its peer."""
        return self.server if self.scenario.workload.sender == "client" else self.client

    def summary(self) -> dict[str, Any]:
        """The run as JSON-ready numbers."""
        m = self.measured
        sender = self.sender()
        return {
            "messages": m.n,
            "undelivered": self.undelivered,
            "timed_out": self.timed_out,
            "duration_ns": self.duration_ns,
            "throughput_bps": self.throughput_bps,
            "offered_bps": self.offered_bps,
            "overloaded": m.overloaded,
            "latency_ns": m.latency.summary(),
            "startup_latency_ns": m.startup.summary(),
            "closed_loop_latency_ns": m.closed.summary(),
            "by_size": m.by_size(),
            "ledger_ns": self.ledger_ns(),
            "writes": sender.writes,
            "segments": sender.segments,
            "acks": self.receiver().acks,
            "acks_by_timer": self.receiver().acks_by_timer,
            "retransmits": sender.retransmits,
            "fast_retransmits": sender.fast_retransmits,
            "rtos": sender.rtos,
            "spurious_rtos": sender.spurious_rtos,
            "undos": sender.undos,
            "tlps": sender.tlps,
            "window_probes": sender.window_probes,
            "pings": self.client.pings + self.server.pings,
            "blocked_writes": sender.blocked_writes,
            "blocked_ns": sender.blocked_ns,
            "cpu_share": self.cpu_share(),
            "wmem_peak_bytes": sender.wmem_peak,
            "dropped": {"up": self.link_drops[0], "down": self.link_drops[1]},
            "events": self.events,
            "seed": self.seed,
            "driver": self.driver,
            "scenario": self.scenario.name,
            "scenario_hash": scenario_hash(self.scenario),
            "version": package_version(),
        }


def size_of(scenario: Scenario) -> int:
    """Messages the workload asks for (of one client)."""
    w = scenario.workload
    return w.messages or len(w.trace) or DEFAULT_MESSAGES


def messages_of(scenario: Scenario) -> int:
    """Messages of the run: those of all clients, where the load superposes them and their number is not given."""
    w = scenario.workload
    clients = w.load if w.kind == "stream" and w.scale == "superpose" and w.messages is None else 1.0
    return max(1, int(size_of(scenario) * clients))


@lru_cache(maxsize=8)  # all runs of a sweep replay one recording
def _mean_size(trace: tuple[tuple[int, int], ...]) -> int:
    return sum(size for _, size in trace) // len(trace)


def work_of(scenario: Scenario) -> int:
    """Messages or full segments of a run, whichever are more: what its length depends on."""
    w = scenario.workload
    if w.kind == "request-response":
        size = sum(w.pieces) + sum(w.reply)
    elif w.trace:
        size = _mean_size(w.trace)
    else:
        size = sum(w.sizes) // len(w.sizes) if w.sizes else w.size
    messages = messages_of(scenario)
    mss = scenario.server.mtu - HEADERS - TIMESTAMPS
    return max(messages, messages * size // mss)


def check_work(scenario: Scenario) -> None:
    """Refuse a run that would not end this day."""
    work = work_of(scenario)
    if work > LARGEST_RUN and not scenario.time_limit:
        raise SimulationLimit(
            f"the workload comes to {work:,} segments, and one run carries at most {LARGEST_RUN:,}: "
            "ask for fewer or smaller messages, or set time_limit"
        )


def choose(scenario: Scenario, driver: Driver, trace: bool) -> str:
    """`auto`: the compiled loop where it is installed and worth its start, else the plain one."""
    if driver != "auto":
        return driver
    return "loop" if trace else driver_for(work_of(scenario))


def driver_for(work: int) -> Driver:
    """The driver that is done first with so many messages or full segments, in one run or in many."""
    if work < CACHED_FROM:
        return "loop"
    try:
        from sim import compiled
    except ImportError:
        return "loop"
    least = CACHED_FROM if compiled.is_cached() else COMPILED_FROM
    return "compiled" if work >= least else "loop"


def make_engine(scenario: Scenario, seed: int, driver: str, keep: bool, memory: States | None = None) -> Engine:
    """The engine that serves `driver`."""
    if driver == "compiled":
        from sim.engine import CompiledEngine

        return CompiledEngine(scenario, seed, keep, memory=memory)
    return PlainEngine(scenario, seed, keep)


Process = Callable[[Any, Any], Any]


def simulate(
    scenario: Scenario,
    seed: int = 0,
    *,
    driver: Driver = "auto",
    messages: bool | Sink = True,
    trace: bool = False,
    processes: tuple[Process, ...] = (),
    policy: PolicyFunction | None = None,
    memory: States | None = None,
) -> Run:
    """Run one replication.

    driver: "simpy" (processes; `processes` are generator functions `(env, path)` run beside the model), "loop" (the
    same events in a plain loop), "compiled" (Numba) or "auto". All give the same nanoseconds and the same events.
    messages: keep every message with its stamps and causes (1,000 bytes each); without, memory does not grow with
    their number. The summary is the same. A function is given them as they are delivered, in blocks of `MESSAGE` rows.
    trace: also keep every packet and every event.
    policy: a function called with a `sim.tick.Tick` at every control tick, instead of the one the scenario names.
    memory: for one short run after another, what `sim.compiled.allocate(1)` gave; a compiled run then works in there.
    Raises ScenarioError for a scenario that cannot run, SimulationLimit when a capacity is reached.
    """
    check_work(scenario)
    chosen = "simpy" if processes else choose(scenario, driver, trace)
    engine = make_engine(scenario, seed, chosen, messages is True, memory)
    if callable(messages):
        engine.outlet = Outlet(scenario, messages)
        engine.take_finished()
    kept = Trace() if trace else None
    take_control(engine, policy)
    if chosen == "simpy":
        from sim.simpy_driver import run_simpy

        run_simpy(engine, kept, processes)
    elif kept is not None:
        run_traced(engine, kept)
    else:
        engine.run()
    return collect(engine, chosen, kept)


def take_control(engine: Engine, function: PolicyFunction | None) -> None:
    """Give the run its policy, if it has one."""
    policy = engine.scenario.policy
    if policy is None and function is None:
        return
    from sim.control import Control
    from sim.policy import instantiate

    policy = policy or Policy()
    engine.control = Control(engine, policy, function or instantiate(policy))
    engine.take_finished()
    engine.control.start()


def collect(engine: Engine, driver: str, trace: Trace | None) -> Run:
    """What the engine leaves behind, as a Run."""
    scenario, s = engine.scenario, engine.s
    name, other = ("a", "b") if scenario.workload.sender == "client" else ("b", "a")
    w = getattr(s, name).w
    transactions = scenario.workload.kind == "request-response"
    table = reverse = None
    if engine.keep and transactions:
        table = transaction_table(engine.messages(name), engine.messages(other))
    elif engine.keep:
        table = message_table(engine.messages(name))
        reverse = message_table(engine.messages(other)) if scenario.reverse is not None else None
    return Run(
        scenario=scenario,
        seed=engine.seed,
        driver=driver,
        measured=measure(engine, w),
        table=table,
        reverse=reverse,
        client=counters(s.a, s.ba),
        server=counters(s.b, s.ab),
        offered=w.made if transactions else w.total,
        events=s.events,
        end_ns=s.now,
        link_drops=(s.ab.lost + s.ab.overflowed, s.ba.lost + s.ba.overflowed),
        timed_out=next((n for n, e in (("client", s.a), ("server", s.b)) if e.err == ERR_TIMED_OUT), None),
        trace=trace,
        ticks=engine.control.ticks if engine.control else None,
    )
