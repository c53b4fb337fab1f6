"""Operating systems: versions resolve as the data says, and each system's delayed ACK is seen from the other end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.files import load
from models.facts import Fact, Profile, Unknown, find, resolve, version
from models.profiles import HOSTS, MACHINES
from models.systems import LINUX, SYSTEMS
from sim import simulate
from sim.build import NAGLE, SYSCTLS, TRIPLES
from sim.errors import ScenarioError
from sim.scenario import Host
from sim.system import hz, nagle, system


def stall_ms(server: str) -> tuple[float, float]:
    """The least and the greatest latency of later requests in write-write-read, round trip 10 ms, Nagle."""
    settings = ["client.nodelay=false", f"server.os={server}", "workload.messages=40", "server.profile=ideal"]
    ms = simulate(load("write-write-read", settings), driver="loop").messages["latency_ns"][5:] / 1e6
    return float(ms.min()), float(ms.max())


@pytest.mark.parametrize(
    ("server", "least", "most"),
    [
        ("windows", 60, 60), ("windows-datacenter", 30, 30), ("windows-legacy", 120, 220), ("freebsd", 60, 60),
        ("freebsd@12.4", 120, 120), ("bsd4.4", 20, 220), ("macos", 20, 20), ("rfc1122", 220, 220),
        ("linux", 60, 64), ("linux@6.0", 60, 64),
    ],
)  # fmt: skip
def test_write_write_read_waits_two_round_trips_and_the_servers_delayed_ack(server, least, most):
    lowest, highest = stall_ms(server)
    assert least - 0.1 <= lowest <= highest <= most + 0.1


def test_linux_5_1_to_5_19_stall_on_every_third_request_only():
    lowest, highest = stall_ms("linux@5.4")
    assert lowest == pytest.approx(20, abs=0.5)
    assert highest == pytest.approx(63, abs=2)


@pytest.mark.parametrize(
    ("asked", "threshold"),
    [("4.19", 1), ("5.0", 1), ("5.1", 3), ("5.19.17", 3), ("6.0", 1), ("6.18.44", 1), ("", 1)],
)
def test_a_version_has_the_latest_value_that_is_not_newer(asked, threshold):
    assert LINUX.at(asked)["tcp_pingpong_thresh"].value == threshold


NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(lambda v: ".".join(map(str, v)))


@given(st.lists(NUMBERS, min_size=1, max_size=6, unique_by=version), NUMBERS)
def test_resolving_is_the_latest_fact_whatever_their_order(epochs, asked):
    profile = Profile("p", "", tuple(Fact("k", n, "", since) for n, since in enumerate(epochs)), "0", "30")
    reached = [n for n, since in enumerate(epochs) if version(since) <= version(asked)]
    expected = {"k": max(reached, key=lambda n: version(epochs[n]))} if reached else {}
    assert {key: fact.value for key, fact in profile.at(asked).items()} == expected


@pytest.mark.parametrize(
    ("asked", "names"),
    [("linx", "'linux'"), ("linux@2.6", "4.19 to 6.18"), ("linux@7.0", "4.19 to 6.18"), ("linux@new", "linux@6.18"),
     ("windows@10", "has no versions"), ("linux@", "linux@6.18")],
)  # fmt: skip
def test_what_is_not_known_is_refused_with_what_is(asked, names):
    with pytest.raises(Unknown, match=names):
        find(SYSTEMS, asked, "operating system")
    with pytest.raises(ScenarioError, match="os"):
        load("one-way-512", [f"server.os={asked}"])


def test_every_value_has_a_source_and_every_sysctl_is_the_models():
    known = {*SYSCTLS, *TRIPLES, "tcp_rto_max_ms"}
    for profile in (*SYSTEMS.values(), *MACHINES.values()):
        assert all(fact.source for fact in profile.facts)
        assert {f.key for f in profile.facts if f.key.startswith("tcp_")} <= known
    assert known <= resolve(SYSTEMS, "linux", "").keys()
    assert all(system(name)["nagle"] in NAGLE for name in SYSTEMS)
    assert MACHINES.keys() == HOSTS.keys()


def test_a_host_comes_before_its_system():
    assert (hz(Host(os="freebsd")), hz(Host(os="freebsd", hz=100)), hz(Host())) == (1000, 100, 250)
    assert (nagle(Host(os="macos")), nagle(Host(os="macos", nagle="rfc896"))) == ("last-segment", "rfc896")
