"""The shell commands of a script as settings of the host: sysctls, the device's queue and its offloads.

`defaults.sh`, which nearly every script begins with, stands for DEFAULTS. What a command only looks at (`nstat`), and
what puts settings back, is passed over. Nothing is ever executed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sim.build import CONGESTION, SYSCTLS, TRIPLES

DEFAULTS = {
    "tcp_rmem": "4096 540000 15728640",
    "tcp_wmem": "4096 262144 4194304",
    "tcp_slow_start_after_idle": "0",
    "tcp_early_retrans": "4",
    "tcp_congestion_control": "cubic",
}
"""Where the kernel's `defaults.sh` departs from Linux's own defaults."""

ONLY = {
    "tcp_ecn": ("0", "ECN"),
    "tcp_sack": ("1", "a host without SACK"),
    "tcp_dsack": ("1", "a host without DSACK"),
    "tcp_reordering": ("3", "another tcp_reordering"),
    "tcp_fack": ("0", "FACK"),
    "tcp_mtu_probing": ("0", "MTU probing"),
    "tcp_syncookies": ("1", "SYN cookies"),
}
"""Sysctls of which the model has one value: name -> (value, what another one means)."""

WITHOUT_EFFECT = {
    "tcp_syn_retries", "tcp_synack_retries", "tcp_fastopen", "tcp_fastopen_key", "tcp_timestamps",
    "tcp_invalid_ratelimit", "tcp_rto_max_ms", "tcp_congestion_control", "tcp_window_scaling", "tcp_orphan_retries",
}  # fmt: skip
"""Sysctls that are used elsewhere here, or never by an established connection."""

ARITHMETIC = re.compile(r"\$\(\(([0-9*+ ]+)\)\)")
THREE = re.compile(r"\d+ \d+ \d+")
ASSIGNMENT = re.compile(r"""([\w./]+)=(?:"([^"]*)"|'([^']*)'|(\S+))""")
PASSED_OVER = re.compile(r"nstat|ip tcp_metrics|/tmp/sysctl_restore|sleep\b|true$|rm\b|/bin/rm\b|/bin/dd\b|sync$")


@dataclass
class Settings:
    """What commands have set so far."""

    sysctls: dict[str, str] = field(default_factory=dict)
    gso: bool = True
    pacing: bool = False  # sch_fq
    drop_all: bool = False  # a queue of length 0


def apply(text: str, settings: Settings) -> list[str]:
    """Take in the commands of one pair of back-ticks; returns those that mean nothing here, or more than the model."""
    unknown: list[str] = []
    for command in re.split(r"\n|;|&&", text.replace("\\\n", " ")):
        words = ARITHMETIC.sub(_evaluate, command.strip())
        if words and not words.startswith("#") and not _apply_one(words, settings, unknown):
            unknown.append(words)
    return unknown


def _evaluate(m: re.Match[str]) -> str:
    """Products and sums of literals, as shells have them."""
    total = 0
    for term in m[1].replace(" ", "").split("+"):
        product = 1
        for factor in term.split("*"):
            product *= int(factor or 0)
        total += product
    return str(total)


def _apply_one(words: str, settings: Settings, unknown: list[str]) -> bool:
    """One command; False if it is not known."""
    name = words.split()[0]
    if name.endswith("defaults.sh"):
        settings.sysctls.update(DEFAULTS)
        return True
    if name == "sysctl" or name.endswith("set_sysctls.py"):
        for m in ASSIGNMENT.finditer(words):
            _set(m[1], next(g for g in m.groups()[1:] if g is not None), settings, unknown)
        return True
    if name == "ethtool":
        settings.gso = "tso off" not in words
        return True
    if name == "tc":
        settings.pacing = bool(re.search(r"\bfq\b", words))
        settings.drop_all = bool(re.search(r"\blimit 0\b", words))
        return "pfifo" in words or settings.pacing or "delete" in words
    return bool(PASSED_OVER.match(words))


def _set(path: str, value: str, settings: Settings, unknown: list[str]) -> None:
    name = path.replace("/", ".").rsplit(".", 1)[-1]
    value = " ".join(value.split())
    if name in ONLY:
        expected, meaning = ONLY[name]
        if value != expected:
            unknown.append(f"{name}={value} ({meaning})")
    elif name == "tcp_congestion_control" and value not in CONGESTION:
        unknown.append(f"{name}={value} (another congestion control)")
    elif (name in SYSCTLS and not value.isdigit()) or (name in TRIPLES and not THREE.fullmatch(value)):
        unknown.append(f"{name}={value} (not a number)")
    elif name in SYSCTLS or name in TRIPLES or name in WITHOUT_EFFECT:
        settings.sysctls[name] = value
    else:
        unknown.append(f"{name}={value}")
