"""Operating systems, as data with provenance: whose Nagle, whose delayed ACK, whose timeouts a host has.

Each system is a setting of the same rules: `models/nagle.py`, `models/delayed_ack.py` and Linux's sysctls. Loss
recovery (SACK, RACK, congestion control) and buffer accounting stay Linux's for all of them; what that leaves out
stands with each profile. A value that no source gives says "assumed".

Keys: `nagle` (`minshall` | `rfc896` | `last-segment`), `ack` (`linux` | `classic`), `hz` (ticks a second), the classic
rule's constants (see `models.delayed_ack.classic_check`), `initcwnd` (segments), `rto_floor_us` (the least
retransmission timeout), and `tcp_*` (sysctls).
"""

from __future__ import annotations

from models.facts import Fact, Profile, by_name

MS = 1_000_000

_SOURCE = "Linux 6.12 and 7.2, read"
_MEASURED = "Linux 6.18, read from a running kernel"

LINUX = Profile(
    "linux",
    "Linux",
    (
        Fact("nagle", "minshall", f"tcp_minshall_check(), tcp_output.c; {_SOURCE}"),
        Fact("ack", "linux", f"__tcp_ack_snd_check(), tcp_input.c; {_SOURCE}"),
        Fact("hz", 250, "kernel/Kconfig.hz: HZ_250 is the default; distributions use 100, 250, 300 and 1000"),
        Fact("initcwnd", 10, "TCP_INIT_CWND, RFC 6928; since 2.6.39"),
        Fact("rto_floor_us", 0, f"none: RTO is srtt plus at least tcp_rto_min; tcp_set_rto(); {_SOURCE}"),
        Fact("tcp_pingpong_thresh", 1, "a flag, set by the first answer; inet_csk_enter_pingpong_mode()"),
        Fact("tcp_pingpong_thresh", 3, "TCP_PINGPONG_THRESH 3, commit 4a41f453bedf", "5.1"),
        Fact("tcp_pingpong_thresh", 1, "revert 4d8f24eeedc5; a sysctl since 6.7", "6.0"),
        Fact("tcp_limit_output_bytes", 262_144, "before commit c73e5807e4f6; general knowledge"),
        Fact("tcp_limit_output_bytes", 1_048_576, f"ip-sysctl; {_SOURCE} (6.12)", "4.20"),
        Fact("tcp_limit_output_bytes", 4_194_304, f"{_MEASURED}; changed after 6.12", "6.16"),
        Fact("tcp_rmem", "4096 87380 6291456", "before commit a337531b942b; general knowledge"),
        Fact("tcp_rmem", "4096 131072 6291456", f"tcp_init(); {_SOURCE} (6.12)", "4.20"),
        Fact("tcp_rmem", "4096 131072 33554432", f"{_MEASURED}; changed after 6.12", "6.16"),
        Fact("tcp_wmem", "4096 16384 4194304", _MEASURED),
        Fact("tcp_autocorking", 1, f"{_MEASURED}; since 3.14"),
        Fact("tcp_early_retrans", 3, f"tail loss probes; {_MEASURED}; since 3.10"),
        Fact("tcp_recovery", 1, f"RACK; {_MEASURED}; since 4.4"),
        Fact("tcp_slow_start_after_idle", 1, _MEASURED),
        Fact("tcp_tso_win_divisor", 3, _MEASURED),
        Fact("tcp_min_tso_segs", 2, _MEASURED),
        Fact("tcp_tso_rtt_log", 9, _MEASURED),
        Fact("tcp_pacing_ss_ratio", 200, _MEASURED),
        Fact("tcp_pacing_ca_ratio", 120, _MEASURED),
        Fact("tcp_rto_min_us", 200_000, f"{_MEASURED}; TCP_RTO_MIN before 6.11"),
        Fact("tcp_rto_max_ms", 120_000, f"{_MEASURED}; TCP_RTO_MAX before 6.15"),
        Fact("tcp_retries2", 15, f"TCP_RETR2, include/net/tcp.h; {_SOURCE}"),
        Fact("tcp_thin_linear_timeouts", 0, _MEASURED),
        Fact("tcp_frto", 2, _MEASURED),
        Fact("tcp_max_reordering", 300, _MEASURED),
        Fact("tcp_comp_sack_delay_ns", 1_000_000, _MEASURED),
        Fact("tcp_comp_sack_slack_ns", 100_000, _MEASURED),
        Fact("tcp_comp_sack_nr", 44, _MEASURED),
        Fact("tcp_shrink_window", 0, _MEASURED),
        Fact("tcp_notsent_lowat", 4_294_967_295, _MEASURED),
    ),
    oldest="4.19",
    newest="6.18",
    leaves_out="before 6.6 a full-sized pushed segment did not count as pushed, and ACKs without new data cost credit; "
    "before 6.7 ACKs of the backlog were not deferred; the receive buffer grows as in 6.18 whatever the version",
)

_TEXTBOOK = (
    Fact("ack", "classic", "the form of RFC 1122 section 4.2.3.2"),
    Fact("tcp_autocorking", 0, "Linux alone corks by itself"),
)

RFC1122 = Profile(
    "rfc1122",
    "the textbook (RFC 1122, 5681, 6298)",
    (
        *_TEXTBOOK,
        Fact("nagle", "rfc896", "RFC 896; RFC 1122 section 4.2.3.4; RFC 9293 section 3.7.4"),
        Fact("ack_full", 2, "an ACK for at least every second full-sized segment: RFC 1122 section 4.2.3.2"),
        Fact("delack_ns", 200 * MS, "RFC 1122 allows less than 500 ms; 200 ms is BSD's classic value"),
        Fact("rto_floor_us", 1_000_000, "RFC 6298 section 2.4: 1 s"),
        Fact("tcp_rto_min_us", 1_000, "RFC 6298 section 2.3: the variance is only bounded by the clock's granularity"),
        Fact("tcp_early_retrans", 0, "no tail loss probe (RFC 8985 is later)"),
        Fact("initcwnd", 10, "RFC 6928"),
    ),
    leaves_out="the sender's override timer for silly windows (0.1 to 1 s)",
)

WINDOWS = Profile(
    "windows",
    "Windows 10 and 11, Server 2016 and later (template Internet)",
    (
        *_TEXTBOOK,
        Fact("nagle", "rfc896", "assumed: small segments wait while anything is unacknowledged"),
        Fact("ack_segments", 2, "DelayedAckFrequency 2, Get-NetTCPSetting Internet"),
        Fact("delack_ns", 40 * MS, "DelayedAckTimeout 40 ms, Get-NetTCPSetting Internet"),
        Fact("rto_floor_us", 300_000, "MinRto 300 ms, Get-NetTCPSetting Internet"),
        Fact("tcp_rto_min_us", 1_000, "assumed: RFC 6298's variance term above the floor"),
        Fact("initcwnd", 10, "InitialCongestionWindow 10, Get-NetTCPSetting Internet"),
        Fact("hz", 64, "assumed: timers on the 15.6 ms system tick"),
    ),
    leaves_out="dynamic send buffering; receive window auto-tuning (Linux's is used)",
)

WINDOWS_DATACENTER = Profile(
    "windows-datacenter",
    "Windows Server, template Datacenter (round trips up to 10 ms)",
    (
        *WINDOWS.facts,
        Fact("delack_ns", 10 * MS, "DelayedAckTimeout 10 ms, Get-NetTCPSetting Datacenter"),
        Fact("rto_floor_us", 20_000, "MinRto 20 ms, Get-NetTCPSetting Datacenter"),
    ),
    leaves_out=WINDOWS.leaves_out,
)

WINDOWS_LEGACY = Profile(
    "windows-legacy",
    "Windows up to Server 2012 (template Compat)",
    (
        *WINDOWS.facts,
        Fact("delack_ns", 200 * MS, "TcpDelAckTicks 2 of 100 ms: KB 328890, KB 214397"),
        Fact("delack_grid", 100 * MS, "TcpDelAckTicks counts ticks of 100 ms: the second tick after the segment"),
        Fact("initcwnd", 4, "InitialCongestionWindow 4, Get-NetTCPSetting of Server 2012"),
        Fact("tcp_early_retrans", 0, "assumed: no tail loss probe"),
    ),
    leaves_out="an 8 KiB default SO_SNDBUF; set `sndbuf` for it",
)

FREEBSD = Profile(
    "freebsd",
    "FreeBSD (default stack)",
    (
        *_TEXTBOOK,
        Fact("nagle", "rfc896", "tcp_output(): hold while snd_max != snd_una, but for half the largest window"),
        Fact("ack_segments", 2, "DELAY_ACK(), tcp_input.c: a second segment of any size finds the timer running"),
        Fact("delack_ns", 100 * MS, "TCPTV_DELACK hz/10, tcp_timer.h"),
        Fact("delack_ns", 40 * MS, "TCPTV_DELACK 40 ms, tcp_timer.h; review D30249", "13"),
        Fact("rto_floor_us", 230_000, "tcp_rexmit_min 30 ms plus tcp_rexmit_slop 200 ms"),
        Fact("tcp_rto_min_us", 200_000, "tcp_rexmit_slop 200 ms, added to every timeout; here the variance's least"),
        Fact("tcp_early_retrans", 0, "no tail loss probe in the default stack"),
        Fact("initcwnd", 10, "net.inet.tcp.initcwnd_segments 10"),
        Fact("hz", 1_000, "kern.hz 1000"),
    ),
    oldest="10",
    newest="14",
    leaves_out="the stacks `rack` and `bbr`; its socket buffers (Linux's are used)",
)

BSD44 = Profile(
    "bsd4.4",
    "4.4BSD and its older descendants",
    (
        *(fact for fact in FREEBSD.facts if not fact.since),
        Fact("delack_ns", 200 * MS, "tcp_fasttimo(): at the next tick of 200 ms, PR_FASTHZ 5"),
        Fact("delack_grid", 200 * MS, "one heartbeat of 200 ms for all connections of a host"),
        Fact("initcwnd", 1, "one segment: RFC 2001"),
        Fact("rto_floor_us", 1_000_000, "two slow ticks of 500 ms, TCPTV_MIN"),
    ),
    leaves_out="timeouts on the slow 500 ms heartbeat",
)

MACOS = Profile(
    "macos",
    "macOS and iOS (XNU)",
    (
        *_TEXTBOOK,
        Fact("nagle", "last-segment", "tcp_output(): idle, or the last segment sent was full (TF_MAXSEGSNT)"),
        Fact("ack_full", 1, "tcp_cc_delay_ack(), tcp_cc.c: delay only up to one MSS ..."),
        Fact("ack_beyond", 1, "... unacknowledged; more is acknowledged at once"),
        Fact(
            "ack_read", 1, "tcp_usr_rcvd(): a delayed ACK of pushed data leaves when the application emptied the socket"
        ),
        Fact("ack_start", 16, "TCP_FORCED_ACKS_COUNT 16, tcp_var.h"),
        Fact("delack_ns", 100 * MS, "TCPTV_DELACK: TCP_RETRANSHZ / 10, tcp_timer.h"),
        Fact("rto_floor_us", 230_000, "30 ms plus 200 ms slop, tcp_timer.h"),
        Fact("tcp_rto_min_us", 200_000, "the 200 ms slop, here as the variance's least"),
        Fact("initcwnd", 10, "RFC 6928"),
        Fact("hz", 100, "assumed: timers in units of 10 ms"),
    ),
    leaves_out="stretch ACKs; forced ACKs again after idle; its socket buffers (Linux's are used)",
)

SYSTEMS = by_name((LINUX, RFC1122, WINDOWS, WINDOWS_DATACENTER, WINDOWS_LEGACY, FREEBSD, BSD44, MACOS))
"""Profiles by the name `os` takes; `linux@5.4` is a version of one."""

DEFAULTS: dict[str, int] = {
    "ack_segments": 0, "ack_full": 0, "ack_beyond": 0, "ack_push": 0, "ack_read": 0, "ack_start": 0, "delack_ns": 0,
    "delack_grid": 0,
}  # fmt: skip
"""What a system does not say about the classic ACK rule; anything else it does not say is Linux's."""
