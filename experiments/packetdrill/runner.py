"""Running a script: one event after the other, each at its time, until something does not hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from experiments.packetdrill import asserts, outbound, shell
from experiments.packetdrill.calls import Blocked, Kernel, Returned, perform
from experiments.packetdrill.connection import Connection
from experiments.packetdrill.handshake import options_text, same_options
from experiments.packetdrill.script import (
    Assertion,
    Command,
    Event,
    OutOfScope,
    Script,
    Segment,
    SystemCall,
    When,
)

Status = Literal["held", "failed", "unchecked", "blocked", "not reached"]

MICROSECOND = 1_000
TOLERANCE = 4_000
"""us: packetdrill's own default."""
PATIENCE = 10_000_000_000
"""ns: how long a packet that may come any time is waited for."""


@dataclass
class Line:
    """What became of one event."""

    event: Event
    status: Status = "not reached"
    detail: str = ""


@dataclass
class Waiting:
    """A call that blocks."""

    line: Line
    call: SystemCall
    blocked: Blocked
    due: int  # ns: when the script has it return


@dataclass
class Verdict:
    """The script line by line."""

    name: str
    lines: list[Line] = field(default_factory=list)
    out_of_scope: str = ""

    @property
    def held(self) -> bool:
        """Did everything hold?"""
        return not self.out_of_scope and all(line.status in {"held", "unchecked"} for line in self.lines)


def run_script(script: Script, tolerance_us: int | None = None) -> Verdict:
    """Run it. What the model does not have ends it: `out_of_scope` says what, `lines` how far it came."""
    tolerance = tolerance_us if tolerance_us is not None else int(script.settings.get("tolerance_usecs", TOLERANCE))
    return Runner(script, tolerance * MICROSECOND).run()


class Runner:
    """One run of one script."""

    def __init__(self, script: Script, tolerance: int) -> None:
        self.script = script
        self.tolerance = tolerance
        self.kernel = Kernel(shell.Settings(), int(script.settings.get("mtu", 1500)))
        self.now = 0
        self.waiting: list[Waiting] = []
        self.verdict = Verdict(script.name, [Line(event) for event in script.events])

    def run(self) -> Verdict:
        """Every event, as long as packets and calls are as they should be."""
        try:
            for line in self.verdict.lines:
                self.event(line)
                self.returns()
                if self.lost(line):
                    break
            else:
                self.last_returns()
        except OutOfScope as reason:
            self.verdict.out_of_scope = f"line {reason.line}: {reason}"
        return self.verdict

    def lost(self, line: Line) -> bool:
        """Has the script lost its connection with what happens? A wrong number in an assert does not do that."""
        failed = any(x.status == "failed" and not isinstance(x.event.what, Assertion) for x in self.verdict.lines)
        return failed or line.status == "not reached"

    def event(self, line: Line) -> None:
        """One event."""
        what = line.event.what
        if isinstance(what, Command):
            self.command(line, what)
        elif isinstance(what, Segment) and not what.inbound:
            self.expect(line, what)
        else:
            self.now = max(self.now, self.due(line.event.when))
            if isinstance(what, Segment):
                self.inject(line, what)
            elif isinstance(what, SystemCall):
                self.call(line, what)
            else:
                self.check(line, what)

    # ---- time

    def due(self, when: When) -> int:
        """The earliest time of an event, ns."""
        return self.base(when) + when.start

    def base(self, when: When) -> int:
        """What an event's times count from."""
        return self.now if when.timing in {"relative", "none", "any"} else 0

    def late(self, when: When, base: int, at: int) -> str:
        """Why `at` is not the time the script wants; empty if it is."""
        if when.timing in {"any", "none"}:
            return ""
        first, last = base + when.start, base + when.end
        if first - self.tolerance <= at <= last + self.tolerance:
            return ""
        wanted = f"{first / 1e9:.6f}" + (f"~{last / 1e9:.6f}" if last > first else "")
        return f"at {at / 1e9:.6f} s, not at {wanted} s"

    # ---- commands, code

    def command(self, line: Line, what: Command) -> None:
        unknown = shell.apply(what.text, self.kernel.settings)
        if self.kernel.settings.drop_all:
            raise OutOfScope(line.event.line, "packets dropped by the own queue")
        beyond = [u for u in unknown if u.endswith(")")]
        if beyond:
            raise OutOfScope(line.event.line, beyond[0])
        line.status = "unchecked" if unknown or "grep" in what.text else "held"
        line.detail = "; ".join(f"no effect here: {u}" for u in unknown)

    def check(self, line: Line, what: Assertion) -> None:
        c = self.kernel.current
        if c is None or not c.established:
            raise OutOfScope(line.event.line, "asserts before the handshake is over")
        try:
            found = asserts.failures(what.code, c.info(c.origin + max(c.here(self.now), c.bench.now)))
        except asserts.NotUnderstood as error:
            line.status, line.detail = "unchecked", str(error)
            return
        line.status, line.detail = ("failed", "; ".join(found)) if found else ("held", "")

    # ---- calls

    def call(self, line: Line, what: SystemCall) -> None:
        when = line.event.when
        base = self.now - when.start if when.timing == "relative" else 0
        outcome = perform(self.kernel, line.event.line, what, self.now)
        if isinstance(outcome, Blocked):
            if when.until is None:
                line.status, line.detail = "failed", "it blocks"
                return
            line.status = "blocked"
            self.waiting.append(Waiting(line, what, outcome, base + when.until))
            return
        self.returned(line, what, outcome, None if when.until is None else base + when.until)

    def returned(self, line: Line, what: SystemCall, got: Returned, due: int | None) -> None:
        """Is it what the script says, when the script says?"""
        found = []
        if what.result not in ("...", got.value) or (got.errno != what.errno and got.value < 0):
            found.append(f"returned {got.value} {got.errno}".strip())
        elif got.errno and got.value >= 0:
            found.append(got.errno)
        if due is not None and abs(got.at - due) > self.tolerance:
            found.append(f"returned at {got.at / 1e9:.6f} s, not at {due / 1e9:.6f} s")
        line.status, line.detail = ("failed", "; ".join(found)) if found else ("held", "")

    def returns(self) -> None:
        """Calls that have come back."""
        for waiting in list(self.waiting):
            got = waiting.blocked.finished()
            if got is not None:
                self.waiting.remove(waiting)
                self.returned(waiting.line, waiting.call, got, waiting.due)

    def last_returns(self) -> None:
        """The script is over: give blocked calls the time they still have."""
        for waiting in list(self.waiting):
            c = self.kernel.current
            if c and c.established:
                c.advance(max(waiting.due + self.tolerance, c.origin + c.bench.now))
            self.returns()
        for waiting in self.waiting:
            waiting.line.status, waiting.line.detail = "failed", "it never returned"

    # ---- packets in

    def inject(self, line: Line, what: Segment) -> None:
        line.status = "held"
        if "S" in what.flags:
            self.inject_syn(line, what)
            return
        c = self.connection(line.event.line)
        if not c.established:
            self.finish_opening(c, what)
            if what.length == 0 and "F" not in what.flags:
                return
        c.inject(what, self.now, line.event.line)

    def inject_syn(self, line: Line, what: Segment) -> None:
        """The peer's SYN, or its answer to ours."""
        if what.length:
            raise OutOfScope(line.event.line, "data in a SYN")
        if "." not in what.flags:
            listener = self.kernel.listener()
            if listener is None:
                raise OutOfScope(line.event.line, "a SYN nobody listens for")
            opening = self.kernel.open(listener, True, self.now)
            self.kernel.current = Connection(opening)
            opening.syn = what
            return
        c = self.connection(line.event.line)
        c.opening.syn = what
        c.establish(self.now, what.win or 0, self.kernel.settings.pacing)
        self.settle(c)

    def finish_opening(self, c: Connection, what: Segment) -> None:
        """The ACK that ends the handshake on the accepting side."""
        c.establish(self.now, (what.win or 0) << c.opening.peer_scale(), self.kernel.settings.pacing)
        listener = self.kernel.listener()
        if listener:
            for name, value in listener.options.items():
                if name != "SO_RCVBUF" and name != "TCP_CONGESTION":
                    c.bench.setsockopt(0, name, value)

    def settle(self, c: Connection) -> None:
        """Options the connecting socket was given before."""
        for s in self.kernel.sockets.values():
            if s.connection is c:
                self.kernel.settle(s, self.now)

    def connection(self, number: int) -> Connection:
        """The connection a packet belongs to."""
        if self.kernel.current is None:
            raise OutOfScope(number, "packets without a connection")
        return self.kernel.current

    # ---- packets out

    def expect(self, line: Line, what: Segment) -> None:
        c = self.connection(line.event.line)
        if "R" in what.flags:
            raise OutOfScope(line.event.line, "resets (RST)")
        if "S" in what.flags:
            self.expect_syn(line, what, c)
            return
        if not c.established:
            raise OutOfScope(line.event.line, "packets before the handshake is over")
        self.expect_packet(line, what, c)

    def expect_syn(self, line: Line, what: Segment, c: Connection) -> None:
        """Our SYN or SYN-ACK: at once, with the options Linux would offer."""
        when = line.event.when
        late = self.late(when, self.base(when), self.now)
        options, window = c.opening.answer()
        found = [late] if late else []
        if not same_options(what.options, options):
            found.append(f"options: <{options_text(options)}>")
        if what.win is not None and what.win != window:
            found.append(f"win: {window}")
        line.status, line.detail = ("failed", "; ".join(found)) if found else ("held", "")

    def expect_packet(self, line: Line, what: Segment, c: Connection) -> None:
        when, base = line.event.when, self.base(line.event.when)
        limit = self.now + PATIENCE if when.timing == "any" else base + when.end + self.tolerance
        c.advance(max(self.now, c.origin + c.bench.now))
        c.advance_until_sent(limit)
        if not c.pending:
            line.status, line.detail = "failed", "nothing was sent"
            return
        got = outbound.take(c.pending, what.length)
        at = c.origin + got.at
        scale = c.bench.e.rcv_wscale
        found = outbound.differences(what, got, c.timestamps, scale)
        late = self.late(when, base, at)
        if found:
            line.detail = f"{', '.join(found)}: {outbound.text(got, c.timestamps, scale)}"
        if late:
            line.detail = "; ".join(filter(None, (line.detail, late)))
        line.status = "failed" if line.detail else "held"
        stamp = what.option("TS")
        if stamp:
            c.stamps[stamp.values[0]] = got.tsval
        self.now = max(self.now, at)
