"""Running a script: one event after the other, each at its time, until something does not hold."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.packetdrill import asserts, outbound, shell
from experiments.packetdrill.calls import perform
from experiments.packetdrill.connection import Connection
from experiments.packetdrill.handshake import options_text, same_options
from experiments.packetdrill.kernel import Blocked, Kernel, Returned
from experiments.packetdrill.script import (
    Assertion,
    Command,
    OutOfScope,
    Script,
    Segment,
    SystemCall,
    When,
)
from experiments.packetdrill.verdict import Line, Verdict

MICROSECOND = 1_000
TOLERANCE = 4_000
"""us: packetdrill's own default."""
PATIENCE = 10_000_000_000
"""ns: how long a packet that may come any time is waited for."""


PHASES = tuple(range(4_000_000, 64_000_000, 4_000_000))
"""ns: further positions of the clock to try; the wheel's third level, up to 4 s at HZ=1000, has a grid of 64 ms."""
READING = 10_000
"""ns: what packetdrill itself takes to read and check a packet, roughly; without it equal round trips would be ties."""


@dataclass
class Waiting:
    """A call that blocks."""

    line: Line
    call: SystemCall
    blocked: Blocked
    due: int  # ns: when the script has it return


def run_script(script: Script, tolerance_us: int | None = None) -> Verdict:
    """Run it. What the model does not have ends it: `out_of_scope` says what, `lines` how far it came.

    Timers fire on the grid of the kernel's timer wheel, and nobody knows where that stands when a script begins: the
    script holds if it does at any of PHASES.
    """
    tolerance = tolerance_us if tolerance_us is not None else int(script.settings.get("tolerance_usecs", TOLERANCE))
    first = Runner(script, tolerance * MICROSECOND).run()
    if first.held or first.out_of_scope:
        return first
    for phase in PHASES:
        again = Runner(script, tolerance * MICROSECOND, phase).run()
        if again.held:
            again.phase = phase
            return again
    return first


class Runner:
    """One run of one script."""

    def __init__(self, script: Script, tolerance: int, phase: int = 0) -> None:
        self.script = script
        self.tolerance = tolerance
        self.kernel = Kernel(shell.Settings(), int(script.settings.get("mtu", 1500)), phase)
        self.now = 0
        self.waiting: list[Waiting] = []
        self.verdict = Verdict(script.name, [Line(event) for event in script.events])

    def run(self) -> Verdict:
        """Every event, as long as packets and calls are as they should be."""
        try:
            for line in self.verdict.lines:
                self._event(line)
                self._returns()
                if self._lost(line):
                    break
            else:
                self._last_returns()
        except OutOfScope as reason:
            self.verdict.out_of_scope = f"line {reason.line}: {reason}"
        return self.verdict

    def _lost(self, line: Line) -> bool:
        """Has the script lost its connection with what happens? A wrong number in an assert does not do that."""
        failed = any(x.status == "failed" and not isinstance(x.event.what, Assertion) for x in self.verdict.lines)
        return failed or line.status == "not reached"

    def _event(self, line: Line) -> None:
        """One event."""
        what = line.event.what
        if isinstance(what, Command):
            self._command(line, what)
        elif isinstance(what, Segment) and not what.inbound:
            self._expect(line, what)
        else:
            self.now = max(self.now, self._due(line.event.when))
            if isinstance(what, Segment):
                self._inject(line, what)
            elif isinstance(what, SystemCall):
                self._call(line, what)
            else:
                self._check(line, what)

    # ---- time

    def _due(self, when: When) -> int:
        """The earliest time of an event, ns."""
        return self._base(when) + when.start

    def _base(self, when: When) -> int:
        """What an event's times count from."""
        return self.now if when.timing in {"relative", "none", "any"} else 0

    def _late(self, when: When, base: int, at: int) -> str:
        """Why `at` is not the time the script wants; empty if it is."""
        if when.timing in {"any", "none"}:
            return ""
        first, last = base + when.start, base + when.end
        if first - self.tolerance <= at <= last + self.tolerance:
            return ""
        wanted = f"{first / 1e9:.6f}" + (f"~{last / 1e9:.6f}" if last > first else "")
        return f"at {at / 1e9:.6f} s, not at {wanted} s"

    # ---- commands, code

    def _command(self, line: Line, what: Command) -> None:
        """Take in settings; what they do not touch is said."""
        unknown = shell.apply(what.text, self.kernel.settings)
        if self.kernel.settings.drop_all:
            raise OutOfScope(line.event.line, "packets dropped by the own queue")
        beyond = [u for u in unknown if u.endswith(")")]
        if beyond:
            raise OutOfScope(line.event.line, beyond[0])
        line.status = "unchecked" if unknown or "grep" in what.text else "held"
        line.detail = "; ".join(f"no effect here: {u}" for u in unknown)

    def _check(self, line: Line, what: Assertion) -> None:
        """Asserts over the state as it is now."""
        c = self.kernel.current
        if c is None or not c.established:
            raise OutOfScope(line.event.line, "asserts before the handshake is over")
        try:
            found = asserts.failures(what.code, c.info(c.origin + max(c.here(self.now), c.bench.now)))
        except asserts.NotUnderstood as error:
            line.status, line.detail = "unchecked", str(error)
            return
        line.settle(found)

    # ---- calls

    def _call(self, line: Line, what: SystemCall) -> None:
        """The application acts."""
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
        self._returned(line, what, outcome, None if when.until is None else base + when.until)

    def _returned(self, line: Line, what: SystemCall, got: Returned, due: int | None) -> None:
        """Is it what the script says, when the script says?"""
        found = []
        if what.result not in ("...", got.value) or (got.errno != what.errno and got.value < 0):
            found.append(f"returned {got.value} {got.errno}".strip())
        elif got.errno and got.value >= 0:
            found.append(got.errno)
        if due is not None and abs(got.at - due) > self.tolerance:
            found.append(f"returned at {got.at / 1e9:.6f} s, not at {due / 1e9:.6f} s")
        line.settle(found)

    def _returns(self) -> None:
        """Calls that have come back."""
        for waiting in list(self.waiting):
            got = waiting.blocked.finished()
            if got is not None:
                self.waiting.remove(waiting)
                self._returned(waiting.line, waiting.call, got, waiting.due)

    def _last_returns(self) -> None:
        """The script is over: give blocked calls the time they still have."""
        for waiting in list(self.waiting):
            c = self.kernel.current
            if c and c.established:
                c.advance(max(waiting.due + self.tolerance, c.origin + c.bench.now))
            self._returns()
        for waiting in self.waiting:
            waiting.line.status, waiting.line.detail = "failed", "it never returned"

    # ---- packets in

    def _inject(self, line: Line, what: Segment) -> None:
        """A packet arrives."""
        line.status = "held"
        if "S" in what.flags:
            self._inject_syn(line, what)
            return
        c = self._connection(line.event.line)
        if not c.established:
            self._finish_opening(c, what)
            if what.length == 0 and "F" not in what.flags:
                return
        c.inject(what, self.now, line.event.line)

    def _inject_syn(self, line: Line, what: Segment) -> None:
        """The peer's SYN, or its answer to ours."""
        if what.length:
            raise OutOfScope(line.event.line, "data in a SYN")
        if "." not in what.flags:
            listener = self.kernel.listener()
            if listener is None:
                raise OutOfScope(line.event.line, "a SYN nobody listens for")
            opening = self.kernel.open(listener, True, self.now)
            self.kernel.current = Connection(opening, self.kernel.settings.gso)
            opening.syn = what
            return
        c = self._connection(line.event.line)
        c.opening.syn = what
        c.establish(self.now, what.win or 0, self.kernel.settings.pacing)
        for s in self.kernel.sockets.values():
            if s.connection is c:
                self.kernel.inherit(c, s.options)

    def _finish_opening(self, c: Connection, what: Segment) -> None:
        """The ACK that ends the handshake on the accepting side."""
        c.establish(self.now, (what.win or 0) << c.opening.peer_scale(), self.kernel.settings.pacing)
        listener = self.kernel.listener()
        if listener:
            self.kernel.inherit(c, listener.options)

    def _connection(self, number: int) -> Connection:
        """The connection a packet belongs to."""
        if self.kernel.current is None:
            raise OutOfScope(number, "packets without a connection")
        return self.kernel.current

    # ---- packets out

    def _expect(self, line: Line, what: Segment) -> None:
        """A packet is to be seen."""
        c = self._connection(line.event.line)
        if "R" in what.flags:
            raise OutOfScope(line.event.line, "resets (RST)")
        if "S" in what.flags:
            self._expect_syn(line, what, c)
            return
        if not c.established:
            raise OutOfScope(line.event.line, "packets before the handshake is over")
        self._expect_packet(line, what, c)

    def _expect_syn(self, line: Line, what: Segment, c: Connection) -> None:
        """Our SYN or SYN-ACK: at once, with the options Linux would offer."""
        when = line.event.when
        late = self._late(when, self._base(when), self.now)
        options, window = c.opening.answer()
        found = [late] if late else []
        if not same_options(what.options, options):
            found.append(f"options: <{options_text(options)}>")
        if what.win is not None and what.win != window:
            found.append(f"win: {window}")
        line.settle(found)

    def _expect_packet(self, line: Line, what: Segment, c: Connection) -> None:
        """The next packet of the established connection, or the first that comes in time."""
        when, base = line.event.when, self._base(line.event.when)
        limit = self.now + PATIENCE if when.timing == "any" else base + when.end + self.tolerance
        c.advance(max(self.now, c.origin + c.bench.now))
        c.advance_until_sent(limit)
        if not c.pending:
            line.status, line.detail = "failed", "nothing was sent"
            return
        count = len(c.pending)
        got = outbound.take(c.pending, what.length)
        count -= len(c.pending)
        at = c.origin + got.at
        scale = c.bench.e.rcv_wscale
        wrong = outbound.differences(what, got, c.timestamps, scale)
        seen = f"{', '.join(wrong)}: {outbound.text(got, c.timestamps, scale)}" if wrong else ""
        line.settle([w for w in (seen, self._late(when, base, at)) if w])
        stamp = what.option("TS")
        if stamp:
            c.stamps[stamp.values[0]] = got.tsval
        self.now = max(self.now, at) + READING * count
