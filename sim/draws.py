"""Randomness: every draw of a run comes from a named stream of its seed, made here in blocks and handed to the rules.

A stream is known by its name alone (`"workload/copy0/arrivals"`, `"down/loss"`), one stream a purpose, one draw an
index: the k-th arrival or the k-th packet meets the same luck whatever else the scenario says. Configurations are so
compared on *common random numbers*, and switching loss on leaves the jitter as it was. Hits are `u < p`: raising a
probability keeps the earlier hits and adds more.

Times are integer ns, sizes bytes. How many a caller asks for at a time never changes what it gets.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from sim.errors import Problem, ScenarioError, SimulationLimit
from sim.scenario import DEFAULT_MESSAGES, Direction, Host, Scenario, Spikes, Workload
from sim.system import hz

Ints = NDArray[np.int64]
Block = tuple[Ints, Ints]
"""Times and sizes of consecutive messages."""

BLOCK = 8192
HORIZON = 1 << 60
"""The end of simulated time, 36 years: sums of a few such durations still fit an int64."""

LARGEST_SEED = 1 << 62
"""The largest that may be asked for: a store keeps it, and a thousand replications more, as an int64."""

MAX_COPIES = 10_000
LEAST_LOAD = 0.001
WHEEL = 512  # the coarsest granularity of the timer wheel that a run can meet

BBR_CYCLE_RAND = 7
"""`bbr_cycle_rand`: how many of the eight gain phases PROBE_BW may start in."""


def stream(seed: int, name: str) -> np.random.Generator:
    """The random stream called `name` of `seed`, the same on every machine and for every scenario."""
    if seed < 0:
        raise ScenarioError([Problem("seed", f"{seed} is negative", "any integer from 0 up is a seed")])
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(key,))))


def tick_phase(scenario: Scenario, seed: int, host_name: str) -> int:
    """Where `host_name` ("server", "client") is on its tick grid when time begins, ns: given, or drawn.

    Timers of 63 jiffies and more round to multiples of 8, 64 and 512 of them, so the draw covers 512 jiffies.
    """
    host: Host = getattr(scenario, host_name)
    tick = max(1, 1_000_000_000 // hz(host))
    if host.tick_phase is not None:
        return host.tick_phase
    return int(stream(seed, f"{host_name}/tick-phase").random() * tick * WHEEL)


def bbr_phase(seed: int, host_name: str) -> int:
    """What `get_random_u32_below(bbr_cycle_rand)` gives `bbr_reset_probe_bw_mode()`: 0..6, one a replication."""
    return int(stream(seed, f"{host_name}/bbr-phase").random() * BBR_CYCLE_RAND)


# ---- links -----------------------------------------------------------------------------------------------------------


class LinkDraws:
    """The fate of the packets of one direction, in order; packet 0 is the SYN, which is neither lost nor spiked."""

    def __init__(self, direction: Direction, seed: int, name: str) -> None:
        self._direction = direction
        self._loss = stream(seed, f"{name}/loss") if direction.loss > 0 else None
        self._jitter = _in_blocks(_jitters(direction, seed, f"{name}/jitter"))
        self._spikes = _SpikeDraws(direction.spikes, "link", seed, f"{name}/spike")
        self._drawn = 0
        self.random = int(direction.loss > 0 or direction.jitter > 0 or self._spikes.on)
        """1 when any packet can be lost or late; 0 when every draw is 0."""

    def fill(self, n: int) -> tuple[Ints, Ints, Ints]:
        """The next `n` packets' `lost` (0 or 1), extra delay `jitter` and `spike` (ns)."""
        lost = _zeros(n)
        if self._loss is not None:
            lost[:] = self._loss.random(n) < self._direction.loss
        jitter = self._jitter(n) if self._direction.jitter > 0 else _zeros(n)
        spike = self._spikes.fill(n)
        if self._drawn == 0 and n > 0:
            lost[0] = spike[0] = 0
        self._drawn += n
        return lost, jitter, spike


def link_draws(direction: Direction, seed: int, name: str) -> LinkDraws:
    """The draws of one direction of the path; `name` ("up", "down") names its streams."""
    return LinkDraws(direction, seed, name)


def _jitters(direction: Direction, seed: int, name: str) -> Iterator[Ints]:
    """Extra delays: U(0, jitter); exponential of mean `jitter`; or |N(0, jitter)|, whose mean is 0.8 `jitter`."""
    rng = stream(seed, name)
    while True:
        if direction.jitter_law == "normal":
            unit = np.abs(rng.standard_normal(BLOCK))
        else:
            unit = rng.random(BLOCK)
            if direction.jitter_law == "exponential":
                unit = -np.log1p(-unit)
        yield _whole(unit * direction.jitter)


class _SpikeDraws:
    """Spikes for consecutive messages or packets: 0, or `delay` + U(0, `jitter`) with `probability`."""

    def __init__(self, spikes: Spikes, where: str, seed: int, name: str) -> None:
        self._spikes = spikes
        self.on = spikes.where == where and spikes.probability > 0
        if self.on:  # making a stream takes longer than a short run's draws from it
            self._hit = stream(seed, f"{name}/hit")
            self._length = stream(seed, f"{name}/length")

    def fill(self, n: int) -> Ints:
        if not self.on:
            return _zeros(n)
        hit = self._hit.random(n) < self._spikes.probability
        length = self._spikes.delay + _whole(self._length.random(n) * self._spikes.jitter)
        return np.where(hit, length, 0)


# ---- messages --------------------------------------------------------------------------------------------------------


class Messages:
    """A workload's messages, in the order of their intended times.

    total: how many there are.
    closed_loop: True for the sleeper, whose times are intervals: see `fill`.
    """

    def __init__(
        self, total: int, blocks: Iterator[Block], spikes: _SpikeDraws, closed_loop: bool = False, granularity: int = 0
    ) -> None:
        self.total = total
        self.closed_loop = closed_loop
        self._granularity = granularity
        self._blocks = blocks
        self._spikes = spikes
        self._left = total
        self._spare: Block = (_zeros(0), _zeros(0))

    def fill(self, n: int) -> tuple[Ints, Ints, Ints]:
        """The next `n` messages (fewer at the end): `t_due`, `size` and the sender's `stall` before each.

        t_due is ns since the workload began and never falls. In a closed loop there is no such schedule: t_due[k] is
        then how long the sender means to sleep before message k (0 within a burst); it sleeps no less than the
        granularity. A spike is a longer sleep *instead of* that one, as in
        `sleep(spike if hit else max(granularity, interval))`; stall is what it adds to it.
        """
        n = min(n, self._left)
        self._left -= n
        t_due, size = self._take(n)
        stall = self._spikes.fill(n)
        if self.closed_loop:
            asleep = np.where(t_due > 0, np.maximum(t_due, self._granularity), 0)
            stall = np.maximum(stall - asleep, 0)
        return t_due, size, stall

    def _take(self, n: int) -> Block:
        parts = [self._spare]
        have = len(self._spare[0])
        while have < n:
            parts.append(next(self._blocks))
            have += len(parts[-1][0])
        t, size = (np.concatenate(column) for column in zip(*parts, strict=True))
        self._spare = (t[n:], size[n:])
        return t[:n], size[:n]


def messages(workload: Workload, seed: int, name: str) -> Messages:
    """The messages `workload` offers; `name` ("workload", "reverse") names its streams.

    * *periodic*: every `interval`. *poisson*: exponential gaps of that mean.
    * *bursts*: every `interval` of active time; after `on` of it, silence for `off` (both fixed, or exponential).
      The mean rate is on / (on + off) of the periodic one.
    * *staircase*: periodic at `stair_from` times the rate, climbing to `stair_to` times in `stair_steps` equal steps
      of the factor, each with the same number of messages.
    * *trace*: the whole recording; `messages` can shorten it.
    * *sleeper*: closed loop, see `Messages.fill`. *greedy*: all due at once.
    * request-response: request k not before k * `period`.

    `burst` messages share each instant. `load` divides all times ("speed-up"), or merges that many clients
    ("superpose"): copy 0 is the stream itself; every other is the recording turned by a random offset, start and end
    joined so that no message is lost, or for the synthetic laws an independent stream of random phase; a fractional
    client is a copy of which each message is kept with that probability. Loads nest: a higher one keeps the messages
    of a lower one. Closed loops and request-response have one client and are always sped up.
    Raises ScenarioError for a load that cannot be made, SimulationLimit when a time passes 36 years.
    """
    _check(workload)
    spikes = _SpikeDraws(workload.spikes, "sender", seed, f"{name}/spike")
    if workload.kind == "stream" and workload.arrivals in ("greedy", "sleeper"):
        closed = workload.arrivals == "sleeper"
        return Messages(_asked(workload), _closed_loop(workload), spikes, closed, workload.granularity)
    recording = _recording(workload) if workload.kind == "stream" and workload.arrivals == "trace" else None
    if workload.kind == "stream" and workload.scale == "superpose":
        copies = _copies(workload, recording, seed, name)
        blocks = _merged([copy.blocks for copy in copies])
    else:
        copies = [_Copy(workload, recording, seed, name, 0, 1.0, BLOCK)]
        blocks = _sped_up(copies[0].blocks, workload.load)
    available = sum(copy.total for copy in copies)
    total = min(available, _limit(workload) or available) if recording else _asked(workload)
    if total == 0:
        problem = f"a load of {workload.load:g} thins the recording to nothing"
        raise ScenarioError([Problem("workload.load", problem, 'raise it, or use scale = "speed-up"')])
    return Messages(total, _delayed(blocks, workload.offset), spikes)


def _asked(workload: Workload) -> int:
    return workload.messages or DEFAULT_MESSAGES


def _limit(workload: Workload) -> int:
    """How many messages of a recording are wanted: all (0), unless a number was given."""
    return workload.messages or 0


def _check(workload: Workload) -> None:
    problems = []
    superpose = workload.scale == "superpose"
    if not (math.isfinite(workload.load) and workload.load > 0):
        problems.append(Problem("workload.load", f"{workload.load:g} is no load", "write a number above 0"))
    elif superpose and not LEAST_LOAD <= workload.load <= MAX_COPIES:
        problem = f"{workload.load:g} clients cannot be superposed"
        problems.append(Problem("workload.load", problem, f'{LEAST_LOAD} to {MAX_COPIES}, or scale = "speed-up"'))
    if workload.kind == "stream" and workload.arrivals == "trace" and not workload.trace:
        problems.append(Problem("workload.trace", "there is no recording", "name one with workload.capture"))
    if workload.arrivals == "staircase" and not min(workload.stair_from, workload.stair_to) > 0:
        problems.append(Problem("workload.stair_from", "a stair of factor 0 sends nothing", "factors above 0"))
    if problems:
        raise ScenarioError(problems)


def _closed_loop(w: Workload) -> Iterator[Block]:
    """Intended sleeps before messages (1 ns at least), or no times at all for the greedy sender."""
    sleep = max(1, round(min(w.interval / w.load, HORIZON))) if w.arrivals == "sleeper" else 0
    for k in _indices(BLOCK):
        t = np.where(k % w.burst == 0, sleep, 0)
        if k[0] == 0:
            t[0] = w.offset
        yield t, _sizes(w, k)


# ---- one copy of an open-loop stream ---------------------------------------------------------------------------------


class _Copy:
    """One client: the recording, or an endless synthetic stream (`total` 0), of which the share `keep` is kept."""

    def __init__(
        self, w: Workload, recording: Block | None, seed: int, name: str, number: int, keep: float, block: int
    ) -> None:
        def own(purpose: str) -> np.random.Generator:
            return stream(seed, f"{name}/copy{number}/{purpose}")

        phase = own("phase").random() if number else 0.0
        self.total = 0
        if recording:
            self.blocks = _turned(*recording, phase, block)
            self.total = len(recording[0])
        else:
            self.blocks = _synthetic(w, _law(w, own), phase, block)
        if keep < 1:
            self.blocks = _thinned(self.blocks, own("thin"), keep)
            self.total = _count_kept(self.total, own("thin"), keep)


def _copies(w: Workload, recording: Block | None, seed: int, name: str) -> list[_Copy]:
    whole = int(w.load)
    part = w.load - whole
    block = max(64, BLOCK // (whole + 1))
    copies = [_Copy(w, recording, seed, name, number, 1.0, block) for number in range(whole)]
    return [*copies, _Copy(w, recording, seed, name, whole, part, block)] if part > 0 else copies


def _recording(w: Workload) -> Block:
    try:
        rows = np.array(w.trace, dtype=np.int64).reshape(-1, 2)
    except (OverflowError, ValueError):
        rows = np.full((1, 2), -1, dtype=np.int64)
    if rows.min() < 0 or rows.max() > HORIZON:
        cure = "each is [intended ns, bytes], whole numbers from 0 up"
        raise ScenarioError([Problem("workload.trace", "these are not times and sizes", cure)])
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    return np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1])


def _turned(t: Ints, size: Ints, phase: float, block: int) -> Iterator[Block]:
    """The recording begun at `phase` of its length and joined at its ends, which lie one mean gap apart."""
    span = int(t[-1] - t[0])
    length = span + max(1, span // max(1, len(t) - 1))
    shift = int(phase * length)
    cut = int(np.searchsorted(t, t[0] + length - shift))
    for begin, end, moved in ((cut, len(t), shift - length), (0, cut, shift)):
        for at in range(begin, end, block):
            upto = min(at + block, end)
            yield t[at:upto] + moved, size[at:upto]


def _synthetic(w: Workload, gaps: Callable[[Ints], Ints], phase: float, block: int) -> Iterator[Block]:
    """Instants of the law's gaps, `burst` messages each; the running sum is in whole ns, hence exact."""
    cycle = w.on + w.off if w.arrivals == "bursts" else _interval(w)
    now = int(phase * cycle)
    for k in _indices(block):
        if int(k[-1]) // w.burst * _interval(w) > HORIZON:
            raise _too_late()
        gap = _zeros(block)
        opens = (k % w.burst == 0) & (k > 0)
        gap[opens] = gaps(k[opens] // w.burst)
        if now + float(gap.sum(dtype=np.float64)) > HORIZON:
            raise _too_late()
        t = now + np.cumsum(gap)
        now = int(t[-1])
        yield t, _sizes(w, k)


def _law(w: Workload, own: Callable[[str], np.random.Generator]) -> Callable[[Ints], Ints]:
    """The gap in ns before each instant b (1, 2, ...), asked for in order."""
    interval = _interval(w)
    if w.kind == "stream" and w.arrivals == "poisson":
        uniform = own("arrivals")
        return lambda b: _whole(-np.log1p(-uniform.random(len(b))) * interval)
    if w.kind == "stream" and w.arrivals == "bursts":
        return _on_off(w, own("arrivals"), own("silences"))
    if w.kind == "stream" and w.arrivals == "staircase":
        return _staircase(w)
    return lambda b: np.full(len(b), interval, dtype=np.int64)


def _on_off(w: Workload, count: np.random.Generator, length: np.random.Generator) -> Callable[[Ints], Ints]:
    """An interval of active time, and the silences that fall into it.

    Exponential `on` has no memory: how many of them end within an interval is Poisson, whatever went before.
    """

    def gaps(b: Ints) -> Ints:
        if w.random:
            silences = length.standard_gamma(count.poisson(w.interval / w.on, len(b)))
        else:
            silences = (b * w.interval // w.on - (b - 1) * w.interval // w.on).astype(np.float64)
        return w.interval + _whole(silences * w.off)

    return gaps


def _staircase(w: Workload) -> Callable[[Ints], Ints]:
    """The interval divided by the factor of the step an instant's first message is on."""
    last = w.stair_steps - 1
    rise = (w.stair_to - w.stair_from) / max(1, last)
    clients = w.load if w.scale == "superpose" else 1.0
    messages_a_step = _asked(w) / clients / w.stair_steps

    def gaps(b: Ints) -> Ints:
        step = np.minimum(np.floor(b * w.burst / messages_a_step), last)
        return _whole(w.interval / (w.stair_from + rise * step))

    return gaps


def _interval(w: Workload) -> int:
    return w.period if w.kind == "request-response" else w.interval


def _sizes(w: Workload, k: Ints) -> Ints:
    sizes = (sum(w.pieces),) if w.kind == "request-response" else w.sizes or (w.size,)
    return np.array(sizes, dtype=np.int64)[k % len(sizes)]


# ---- streams of blocks -----------------------------------------------------------------------------------------------


def _thinned(blocks: Iterator[Block], rng: np.random.Generator, keep: float) -> Iterator[Block]:
    for t, size in blocks:
        kept = rng.random(len(t)) < keep
        yield t[kept], size[kept]


def _count_kept(total: int, rng: np.random.Generator, keep: float) -> int:
    """How many of `total` messages `_thinned` will keep."""
    return sum(int((rng.random(min(BLOCK, total - at)) < keep).sum()) for at in range(0, total, BLOCK))


def _sped_up(blocks: Iterator[Block], load: float) -> Iterator[Block]:
    for t, size in blocks:
        yield (t if load == 1 else _whole(t / load, strict=True)), size


def _delayed(blocks: Iterator[Block], offset: int) -> Iterator[Block]:
    for t, size in blocks:
        yield t + offset, size


def _merged(streams: list[Iterator[Block]]) -> Iterator[Block]:
    """The streams as one, in time order, equal times in the order of the streams.

    Everything up to the earliest end of what is at hand is safe to give away: nothing earlier can still come.
    """
    if len(streams) == 1:
        yield from streams[0]
        return
    empty: Block = (_zeros(0), _zeros(0))
    held = [empty for _ in streams]
    live = [True for _ in streams]
    longest = [1 for _ in streams]
    while True:
        for i, source in enumerate(streams):
            while live[i] and 2 * len(held[i][0]) < longest[i]:
                block = next(source, None)
                live[i] = block is not None
                if block is not None:
                    longest[i] = max(longest[i], len(block[0]))
                    held[i] = (np.concatenate((held[i][0], block[0])), np.concatenate((held[i][1], block[1])))
        ends = [(int(held[i][0][-1]), i) for i in range(len(streams)) if live[i]]
        bound, last = min(ends, default=(HORIZON << 1, len(streams)))
        counts = [int(np.searchsorted(h[0], bound, "right" if i <= last else "left")) for i, h in enumerate(held)]
        t = np.concatenate([h[0][:n] for h, n in zip(held, counts, strict=True)])
        size = np.concatenate([h[1][:n] for h, n in zip(held, counts, strict=True)])
        held = [(h[0][n:], h[1][n:]) for h, n in zip(held, counts, strict=True)]
        order = np.argsort(t, kind="stable")
        yield t[order], size[order]
        if not ends:
            return


def _in_blocks(blocks: Iterator[Ints]) -> Callable[[int], Ints]:
    """Serve fixed blocks in any portions, so that vectorised arithmetic rounds alike whoever asks."""
    spare = [_zeros(0)]

    def take(n: int) -> Ints:
        while sum(map(len, spare)) < n:
            spare.append(next(blocks))
        joined = np.concatenate(spare)
        spare[:] = [joined[n:]]
        return joined[:n]

    return take


def _indices(block: int) -> Iterator[Ints]:
    start = 0
    while True:
        yield np.arange(start, start + block, dtype=np.int64)
        start += block


def _zeros(n: int) -> Ints:
    return np.zeros(n, dtype=np.int64)


def _whole(x: NDArray[np.float64], strict: bool = False) -> Ints:
    """Round to whole ns; a length beyond the horizon is the horizon, a date beyond it (`strict`) a SimulationLimit."""
    if strict and len(x) and x[-1] > HORIZON:
        raise _too_late()
    return np.rint(np.minimum(x, float(HORIZON))).astype(np.int64)


def _too_late() -> SimulationLimit:
    limit = "the workload reaches beyond 36 years of simulated time, the most that an int64 of ns can serve"
    return SimulationLimit(f"{limit}: ask for fewer messages or shorter intervals")
