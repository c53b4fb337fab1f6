"""From text to events.

Grammar as packetdrill's `parser.y` and `lexer.l` have it, as far as scripts of this path go: time, then a packet, a
call, a block of Python, or a command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from experiments.packetdrill.script import (
    Assertion,
    Command,
    Event,
    Option,
    OutOfScope,
    Script,
    Segment,
    SystemCall,
    Unreadable,
    When,
)
from experiments.packetdrill.values import parse_arguments

NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
TIME = re.compile(rf"(\*)|(\+)?\s*({NUMBER})(?:\s*~\s*(\+)?\s*({NUMBER}))?(?:\s*\.\.\.\s*({NUMBER}))?(?=[\s<>%`]|$)")
NUMBERS = {"tolerance_usecs", "mtu"}
SETTING = re.compile(r"--(\w+)(?:=(\S+))?")
SEGMENT = re.compile(
    r"([<>])\s*(\[[^]]*\])?\s*([SFPRWEACU.\-0-9]+)\s+(\d+):(\d+)\((\d+)\)(?:\s+ack\s+(\d+))?(?:\s+win\s+(\d+))?"
    r"(?:\s+urg\s+\d+)?(?:\s*<([^>]*)>)?"
)
CALL = re.compile(r"([a-z_]\w*)\s*\(")
RESULT = re.compile(r"\s*=\s*(-?(?:0x[0-9a-fA-F]+|\d+)|\.\.\.)(?:[ \t]+(E[A-Z0-9]+))?(?:[ \t]*\([^)\n]*\))?")
SKIP = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
FOREIGN = {"udp": "UDP", "icmp": "ICMP", "sctp": "SCTP", "ipv4": "encapsulation", "ipv6": "encapsulation"}
NO_TIME = When("none")


def read_script(name: str, text: str) -> Script:
    """Parse a script. Raises Unreadable, or OutOfScope for packets of other protocols."""
    return _Reader(name, text).script()


def nanoseconds(text: str) -> int:
    """Decimal seconds, exactly."""
    whole, _, fraction = text.partition(".")
    return int(whole or "0") * 1_000_000_000 + int((fraction + "0" * 9)[:9])


@dataclass
class _Reader:
    name: str
    text: str
    at: int = 0

    def script(self) -> Script:
        made = Script(self.name)
        self.skip()
        while setting := self.match(SETTING):
            made.settings[setting[1]] = setting[2] or ""
            if setting[1] in NUMBERS and not made.settings[setting[1]].isdigit():
                raise Unreadable(self.line(setting.start()), f"--{setting[1]} is not a number")
            self.skip()
        while self.at < len(self.text):
            made.events.append(self.event())
            self.skip()
        if not made.events:
            raise Unreadable(1, "there is no event in it")
        return made

    # ---- pieces

    def skip(self) -> None:
        """White space and comments."""
        self.match(SKIP)

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        m = pattern.match(self.text, self.at)
        if m:
            self.at = m.end()
        return m

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def until(self, closing: str, start: int) -> str:
        """The text up to `closing`, which is passed over."""
        end = self.text.find(closing, self.at)
        if end < 0:
            raise Unreadable(self.line(start), f"{closing} is missing")
        inside = self.text[self.at : end]
        self.at = end + len(closing)
        return inside

    # ---- events

    def event(self) -> Event:
        start = self.at
        m = self.match(TIME)
        when = _when(m) if m else NO_TIME
        self.skip()
        begin = self.at
        what = self.action(start)
        text = " ".join(self.text[begin : self.at].split())
        stamp = m[0].strip() + " " if m else ""
        return Event(self.line(start), stamp + text, when, what)

    def action(self, start: int) -> Segment | SystemCall | Assertion | Command:
        rest = self.text[self.at : self.at + 2]
        if rest[:1] == "`":
            self.at += 1
            return Command(self.until("`", start))
        if rest == "%{":
            self.at += 2
            return Assertion(self.until("}%", start))
        if rest[:1] in {"<", ">"}:
            return self.segment(start)
        return self.call(start)

    def segment(self, start: int) -> Segment:
        m = self.match(SEGMENT)
        if m is None:
            word = re.match(r"[<>]\s*(?:\[[^]]*\]\s*)?(\w+)", self.text[self.at :])
            if word and word[1] in FOREIGN:
                raise OutOfScope(self.line(start), f"{FOREIGN[word[1]]} packets")
            raise Unreadable(self.line(start), "this packet is not understood")
        arrow, ecn, flags, seq, end, length, ack, win, options = m.groups()
        _check_scope(self.line(start), ecn, flags)
        if int(end) - int(seq) != int(length):
            raise Unreadable(self.line(start), f"{seq}:{end} is not {length} bytes")
        return Segment(
            arrow == "<", flags, int(seq), int(length), None if ack is None else int(ack),
            None if win is None else int(win), _options(options, self.line(start)),
        )  # fmt: skip

    def call(self, start: int) -> SystemCall:
        m = self.match(CALL)
        if m is None:
            shown = self.text[self.at :].split("\n", 1)[0].strip()
            raise Unreadable(self.line(start), f"{shown[:40]!r} is not understood")
        arguments = self.parentheses(start)
        result = self.match(RESULT)
        if result is None:
            raise Unreadable(self.line(start), f"{m[1]}() has no result")
        try:
            parsed = parse_arguments(arguments)
        except (ValueError, IndexError) as error:
            raise Unreadable(self.line(start), f"{m[1]}(): {error}") from error
        value = result[1] if result[1] == "..." else int(result[1], 0)
        return SystemCall(m[1], parsed, value, result[2] or "")

    def parentheses(self, start: int) -> str:
        """What stands between the parenthesis just opened and its partner."""
        depth = 1
        begin = self.at
        while depth:
            if self.at >= len(self.text):
                raise Unreadable(self.line(start), ") is missing")
            depth += {"(": 1, ")": -1}.get(self.text[self.at], 0)
            self.at += 1
        return self.text[begin : self.at - 1]


def _when(m: re.Match[str]) -> When:
    any_time, plus, start, _, end, until = m.groups()
    if any_time:
        return When("any")
    first = nanoseconds(start)
    return When(
        "relative" if plus else "absolute", first, nanoseconds(end) if end else first,
        nanoseconds(until) if until else None,
    )  # fmt: skip


def _check_scope(line: int, ecn: str | None, flags: str) -> None:
    if ecn or set(flags) & set("EWAC0123456789"):
        raise OutOfScope(line, "ECN")
    if "U" in flags:
        raise OutOfScope(line, "urgent data")


def _options(text: str | None, line: int) -> tuple[Option, ...] | None:
    """`mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 7,sack 1:2 3:4`; None for `...`."""
    if text is None:
        return ()
    if text.strip() == "...":
        return None
    try:
        return tuple(_option(part.split(), line) for part in text.split(",") if part.strip())
    except (IndexError, ValueError) as error:
        raise Unreadable(line, f"the options <{text}> are not understood") from error


def _option(words: list[str], line: int) -> Option:
    kind = words[0]
    if kind in {"nop", "sackOK", "eol"}:
        return Option(kind)
    if kind in {"mss", "wscale"}:
        return Option(kind, (int(words[1]),))
    if kind == "TS":
        return Option(kind, (int(words[2]), int(words[4])))
    if kind == "sack":
        if any(pair.count(":") != 1 for pair in words[1:]):
            raise ValueError("a block has two ends")
        return Option(kind, tuple(int(n) for pair in words[1:] for n in pair.split(":")))
    names = {"FO": "TCP Fast Open", "FOEXP": "TCP Fast Open", "md5": "TCP MD5 signatures", "ECN": "accurate ECN"}
    raise OutOfScope(line, names.get(kind, f"the TCP option {kind!r}"))
