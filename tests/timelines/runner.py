"""Timelines: a TCP endpoint's behaviour as a script of lines, each saying when, who and what.

    # One small segment may be out; the next waits for its ACK.
    given  rtt=10
       0   app   write 100
       0   tcp   data 0:100 P
       2   app   write 100
      10   peer  ack 100
      10   tcp   data 100:200 P

`app` lines call the socket, `peer` lines inject a packet, `tcp` lines say what the endpoint sends: all of it, in order,
at that time exactly, or the script fails. `info` lines look at the socket's state. docs/guides/timelines.md describes
every word. Check one by hand with `python -m tests.timelines.runner FILE.tl`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path as FilePath

from models.constants import FIN_FLAG
from models.state import INF
from sim.bench import Bench, Block, Call, Offer, Sent
from sim.scenario import Framing, Host

CA_STATES = {"open": 0, "disorder": 1, "cwr": 2, "recovery": 3, "loss": 4}
SHORT = {"cwnd": "tcpi_snd_cwnd", "ssthresh": "tcpi_snd_ssthresh", "ca": "tcpi_ca_state", "mss": "tcpi_snd_mss"}
OPTIONS = {"nodelay": "TCP_NODELAY", "cork": "TCP_CORK", "quickack": "TCP_QUICKACK", "lowat": "TCP_NOTSENT_LOWAT",
           "sndbuf": "SO_SNDBUF", "rcvbuf": "SO_RCVBUF", "rcvlowat": "SO_RCVLOWAT"}  # fmt: skip
INFINITE = 0x7FFFFFFF


class Departure(AssertionError):
    """The endpoint did not do what the script says."""


class BadScript(ValueError):
    """The script cannot be read."""


@dataclass(frozen=True)
class Line:
    """One event of a script."""

    number: int
    text: str
    first: int  # ns
    last: int  # ns; more than `first` for a range
    who: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Script:
    """A timeline as written."""

    path: str
    given: dict[str, str]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Wanted:
    """A packet as a script describes it; None is "does not matter"."""

    kind: str  # data, ack, probe, burst
    start: int
    end: int
    push: bool = False
    fin: bool = False
    again: bool = False
    ack: int | None = None
    win: int | None = None
    sacks: tuple[Block, ...] = ()
    dsack: bool = False


# ---- reading ----------------------------------------------------------------------------------------------------


def nanoseconds(text: str) -> int:
    """Milliseconds as written, exactly."""
    return int(Decimal(text) * 1_000_000)


def block(text: str) -> Block:
    """`a:b`."""
    start, end = text.split(":")
    return int(start), int(end)


def read_when(text: str, previous: int) -> tuple[int, int]:
    """`12.5`, `12..16`, or either with a + for "later than the line before"."""
    base = previous if text.startswith("+") else 0
    first, _, last = text.removeprefix("+").partition("..")
    return base + nanoseconds(first), base + nanoseconds(last or first)


def parse(text: str, path: str = "script") -> Script:
    """Read a script; raises BadScript with the line that cannot be read."""
    given: dict[str, str] = {}
    lines: list[Line] = []
    previous = 0
    for number, raw in enumerate(text.splitlines(), 1):
        words = raw.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "given":
            given |= {key: value for key, _, value in (word.partition("=") for word in words[1:])}
            continue
        try:
            when, who, *what = words
            first, last = read_when(when, previous)
        except (ValueError, InvalidOperation) as e:
            raise BadScript(f"{path}:{number}: expected WHEN WHO WHAT, with ms: {raw.strip()!r}") from e
        if who not in ACTORS:
            raise BadScript(f"{path}:{number}: who is {who!r}? one of {', '.join(ACTORS)}: {raw.strip()!r}")
        lines.append(Line(number, raw.strip(), first, last, who, tuple(what)))
        previous = first
    return Script(path, given, tuple(lines))


def wanted(words: tuple[str, ...]) -> tuple[Wanted, int]:
    """What a `tcp` line describes, and how many such packets (`x10`: equal parts)."""
    kind, what, *rest = words
    start, end = block(what) if ":" in what else (int(what), int(what))
    w = Wanted(kind, start, end)
    if kind == "ack":
        w = replace(w, ack=start)
    count = 1
    words_left = iter(rest)
    sacks: list[Block] = []
    for word in words_left:
        if word == "P":
            w = replace(w, push=True)
        elif word == "F":
            w = replace(w, fin=True)
        elif word == "again":
            w = replace(w, again=True)
        elif word == "ack":
            w = replace(w, ack=int(next(words_left)))
        elif word == "win":
            w = replace(w, win=int(next(words_left)))
        elif word == "dsack":
            w = replace(w, dsack=True)
        elif word.startswith("x"):
            count = int(word[1:])
        elif word != "sack":
            sacks.append(block(word))
    return replace(w, sacks=tuple(sacks)), count


def make_bench(given: dict[str, str]) -> Bench:
    """The endpoint a script begins with."""
    g = dict(given)
    sysctls = tuple((key, g.pop(key)) for key in list(g) if key.startswith("tcp_"))

    def size(name: str, default: int) -> int:
        return int(g.pop(name, default))

    def flag(name: str) -> bool:
        return g.pop(name, None) is not None

    mtu = size("mtu", 1500)
    host = Host(
        nodelay=flag("nodelay"),
        cork="always" if flag("cork") else "off",
        sndbuf=size("sndbuf", 0),
        rcvbuf=size("rcvbuf", 0),
        notsent_lowat=size("lowat", 0),
        congestion=g.pop("cc", "reno"),  # type: ignore[arg-type]
        os=g.pop("os", "linux"),
        nagle="rfc896" if flag("rfc896") else None,
        hz=size("hz", 250),
        tick_phase=nanoseconds(g.pop("phase", "0")),
        mtu=mtu,
        gso_segments=size("gso", 65_535),
        sysctls=sysctls,
        profile=g.pop("profile", "ideal"),
    )
    peer = None
    if "plain" in g:  # a peer without options
        del g["plain"]
        peer = Offer(mtu - 40, timestamps=False, sack=False, wscale=False)
    elif "sack" in g:
        peer = Offer(mtu - 40, sack=g.pop("sack") != "off")
    framing = Framing(
        kind=g.pop("framing", "plain"),  # type: ignore[arg-type]
        buffer=size("buffer", 0),
        doubled=flag("doubled"),
        merge=flag("merge"),
        flush=g.pop("flush", "per-message"),  # type: ignore[arg-type]
        flush_every=size("every", 1),
        flush_after=nanoseconds(g.pop("after", "1")),
        pieces=size("pieces", 1),  # type: ignore[arg-type]
        more=flag("more"),
    )
    bench = Bench(
        host,
        rtt_ns=nanoseconds(g.pop("rtt", "10")),
        window=size("win", 1 << 20),
        mss=int(g.pop("mss")) if "mss" in g else None,
        server=flag("server"),
        peer=peer,
        reading=flag("reading"),
        framing=framing,
        checked=True,
    )
    if g:
        raise BadScript(f"given: no such thing as {', '.join(g)}")
    return bench


# ---- writing ----------------------------------------------------------------------------------------------------


def ms(ns: int) -> str:
    """Nanoseconds as milliseconds, no more digits than needed."""
    return "never" if ns >= INF else f"{Decimal(ns) / 1_000_000:f}"


def describe(p: Sent, kind: str) -> str:
    """A packet in the words of a script."""
    words = [kind, str(p.seq) if kind == "probe" else str(p.ack) if kind == "ack" else f"{p.seq}:{p.end}"]
    words += ["P"] if p.push else []
    words += ["F"] if p.flags & FIN_FLAG else []
    words += ["again"] if p.retransmitted else []
    words += [] if kind == "ack" else [f"ack {p.ack}"]
    words += [f"win {p.win}"]
    if p.sacks:
        words.append(("dsack " if p.dsack else "sack ") + " ".join(f"{a}:{b}" for a, b in p.sacks))
    return " ".join(words)


# ---- running ----------------------------------------------------------------------------------------------------


class Runner:
    """Walks through a script line by line."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.bench = make_bench(script.given)
        self.pending: list[Sent] = []
        self.high = 0  # end of the data sent so far
        self.said: list[str] = []  # everything that happened, for the failure report
        self.returned: list[Call] = []
        self.wakes = 0

    def run(self) -> None:
        """Raises Departure at the first line that does not hold."""
        for line in self.script.lines:
            try:
                ACTORS[line.who](self, line)
            except (ValueError, StopIteration, KeyError, AttributeError) as e:
                raise BadScript(f"{self.script.path}:{line.number}: {e}: {line.text!r}") from e
        self.collect()
        if self.pending:
            self.fail(self.script.lines[-1], "nothing more until then", self.pending[0])

    def fail(self, line: Line, expected: str, got: Sent | str) -> None:
        """Say which line, what it wanted, what came, and what had happened before."""
        if isinstance(got, Sent):
            got = f"{ms(got.at):>10}   tcp   {describe(got, self.kind(got))}"
        story = "\n".join(f"    {entry}" for entry in self.said[-12:])
        raise Departure(
            f"{self.script.path}:{line.number}\n{story}\n--> {line.text}\n    expected: {expected}\n    got:      {got}"
        )

    def kind(self, p: Sent) -> str:
        """data, ack or probe."""
        if p.len:
            return "data"
        return "probe" if p.seq < self.high else "ack"

    def collect(self) -> None:
        """Take over what the endpoint has sent."""
        self.pending += self.bench.take()

    def quiet_before(self, line: Line) -> None:
        """Everything sent until now must have been foretold."""
        self.collect()
        if self.pending:
            self.fail(line, "no packet before this line", self.pending[0])

    def await_packet(self, until: int) -> Sent | None:
        """The next packet sent, no later than `until`."""
        self.collect()
        while not self.pending and self.bench.next_deadline() <= until:
            self.bench.run(self.bench.next_deadline())
            self.collect()
        return self.pending.pop(0) if self.pending else None

    # ---- the actors

    def peer(self, line: Line) -> None:
        """Inject a packet: `ack N`, `data A:B [P] [F]`, `win N`, `seq N`, `sack A:B ...`, `dsack ...`, `ts V/E`."""
        self.bench.run(line.first - 1)
        self.quiet_before(line)
        words = iter(line.words)
        fields: dict[str, int | bool | list[Block]] = {}
        sacks: list[Block] = []
        for word in words:
            if word == "data":
                start, end = block(next(words))
                fields |= {"seq": start, "length": end - start}
            elif word in ("ack", "win", "seq"):
                fields[word] = int(next(words))
            elif word == "P":
                fields["push"] = True
            elif word == "F":
                fields["fin"] = True
            elif word == "ts":
                fields["tsval"], fields["tsecr"] = (int(x) for x in next(words).split("/"))
            elif word not in ("sack", "dsack"):
                sacks.append(block(word))
        self.bench.inject(line.first, sacks=sacks, **fields)  # type: ignore[arg-type]
        self.said.append(line.text)

    def app(self, line: Line) -> None:
        """A call, or the return of one that blocked."""
        verb, *args = line.words
        if "returns" in args or verb == "writable":
            self.call_returns(line)
            return
        self.pending += self.bench.advance(line.first)
        self.quiet_before(line)
        t = line.first
        if verb == "write":
            self.write(line, args)
        elif verb == "read":
            limit = [int(word) for word in args if word.isdecimal()]
            call = self.bench.read(t, *limit)
            if (call.returned < 0) != ("waits" in args):
                self.fail(line, "a read() that " + ("waits" if "waits" in args else "returns"), str(call))
        elif verb == "close":
            self.bench.close(t)
        elif verb == "message":
            self.bench.message(t, *(int(size) for size in args))
        elif verb in ("uncork", *OPTIONS):
            value = 0 if verb == "uncork" or args == ["off"] else int(args[0]) if args else 1
            self.bench.setsockopt(t, "TCP_CORK" if verb == "uncork" else OPTIONS[verb], value)
        elif verb != "waits":
            raise ValueError(f"the application cannot {verb!r}")
        self.said.append(line.text)

    def write(self, line: Line, args: list[str]) -> None:
        """`write N [more] [eor] [blocks | takes M]`."""
        takes = int(args[args.index("takes") + 1]) if "takes" in args else None
        call = self.bench.write(
            line.first, int(args[0]), more="more" in args, eor="eor" in args, block=takes is None
        )  # fmt: skip
        if takes is not None and call.done != takes:
            self.fail(line, f"{takes} bytes taken", f"{call.done} bytes")
        blocked = call.returned < 0
        if blocked != ("blocks" in args):
            self.fail(line, "a write() that " + ("blocks" if "blocks" in args else "returns"), str(call))

    def call_returns(self, line: Line) -> None:
        """`write returns`, `read returns [N]`, `writable`: at that time exactly."""
        bench = self.bench
        verb = line.words[0]
        while bench.next_deadline() <= line.last and not self.came_back(verb):
            bench.run(bench.next_deadline())
        if not self.came_back(verb):
            self.fail(line, f"{verb} by {ms(line.last)}", "still waiting")
        if verb == "writable":
            at = bench.writable[self.wakes]
            self.wakes += 1
        else:
            call = next(c for c in bench.calls if c.kind == verb and c.returned > c.called and c not in self.returned)
            self.returned.append(call)
            at = call.returned
            if line.words[-1].isdecimal() and call.done != int(line.words[-1]):
                self.fail(line, f"{line.words[-1]} bytes", f"{call.done} bytes")
        if not line.first <= at <= line.last:
            self.fail(line, f"{verb} at {line.text.split()[0]}", f"at {ms(at)}")
        self.said.append(line.text)

    def came_back(self, verb: str) -> bool:
        """Has such a call returned that no line has spoken of?"""
        if verb == "writable":
            return len(self.bench.writable) > self.wakes
        return any(
            c.kind == verb and c.returned > c.called and c not in self.returned for c in self.bench.calls
        )  # fmt: skip

    def tcp(self, line: Line) -> None:
        """The next packet (or packets) sent."""
        if line.words[:1] == ("nothing",):
            self.bench.run(line.first)
            self.quiet_before(line)
            self.said.append(line.text)
            return
        want, count = wanted(line.words)
        step = (want.end - want.start) // count
        for i in range(count):
            one = replace(want, push=want.push and i == count - 1)
            if count > 1:
                one = replace(one, start=want.start + i * step, end=want.start + (i + 1) * step)
            self.one_packet(line, one)
        self.said.append(line.text)

    def one_packet(self, line: Line, want: Wanted) -> None:
        """Compare the next packet with its description."""
        p = self.await_packet(line.last)
        if p is None:
            self.fail(line, " ".join(line.words), f"nothing by {ms(line.last)}; next deadline {self.deadline()}")
            return
        kind = self.kind(p)
        if want.kind == "burst":
            kind, p = "burst", self.rest_of_skb(p)
        good = (
            line.first <= p.at <= line.last
            and kind == want.kind
            and (kind == "ack" or (p.seq, p.end) == (want.start, want.end))
            and (p.push, bool(p.flags & FIN_FLAG), p.retransmitted) == (want.push, want.fin, want.again)
            and want.ack in (None, p.ack)
            and want.win in (None, p.win)
            and (p.sacks, p.dsack) == (want.sacks, want.dsack)
        )
        self.high = max(self.high, p.end)
        if not good:
            self.fail(line, " ".join(line.words), f"{ms(p.at)} {describe(p, kind)}")

    def rest_of_skb(self, p: Sent) -> Sent:
        """All segments of one super-segment, as one."""
        while self.pending and (self.pending[0].at, self.pending[0].skb, self.pending[0].seq) == (p.at, p.skb, p.end):
            more = self.pending.pop(0)
            p = replace(p, len=p.len + more.len, flags=p.flags | more.flags)
        return p

    def deadline(self) -> str:
        """When something will happen, and which timer runs."""
        name, at = self.bench.timer()
        return f"{ms(self.bench.next_deadline())} (retransmit timer: {name} at {ms(at)})"

    def info(self, line: Line) -> None:
        """`name=value ...`: fields of tcp_info (without tcpi_), of the endpoint, or `timer=tlp@28`."""
        self.bench.run(line.first)
        for word in line.words:
            name, _, value = word.partition("=")
            got = self.look(name)
            if got != value:
                self.fail(line, word, f"{name}={got}")
        self.said.append(line.text)

    def look(self, name: str) -> str:
        """The value of a field, as scripts write it."""
        if name == "timer":
            what, at = self.bench.timer()
            return what if what == "none" else f"{what}@{ms(at)}"
        info = self.bench.info()
        key = SHORT.get(name, name if name in info else f"tcpi_{name}")
        value = info[key] if key in info else int(getattr(self.bench.e, name))
        if name == "ca":
            return next(state for state, number in CA_STATES.items() if number == value)
        return "inf" if value == INFINITE else str(value)


ACTORS = {"app": Runner.app, "tcp": Runner.tcp, "peer": Runner.peer, "info": Runner.info}


def check(path: FilePath) -> None:
    """Run one script file."""
    Runner(parse(path.read_text(encoding="utf-8"), str(path))).run()


def main(paths: list[str]) -> int:
    """Check the files; say of each what held."""
    failed = 0
    for path in paths:
        try:
            check(FilePath(path))
            print(f"ok   {path}")
        except (Departure, BadScript) as e:
            failed += 1
            print(f"FAIL {e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
