"""The server: this machine only, its own pages only, every mistake an answer in words."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from importlib import resources
from pathlib import Path
from socketserver import BaseServer
from threading import Event
from urllib.parse import urlencode

import pytest

from experiments.cli import main
from experiments.demo import bridge
from experiments.demo.server import Server
from sim.errors import SimulationLimit
from tests.demo.serving import serving

LONG = 30


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def get(server: Server, path: str, host: str = "", method: str = "GET") -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=LONG)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{server.server_port}"})
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply, body


def test_it_listens_on_the_loopback_interface_only(server: Server) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(("path", "kind"), [
    ("/", "text/html"), ("/index.html", "text/html"), ("/style.css", "text/css"), ("/main.js", "text/javascript"),
    ("/mark.svg", "image/svg+xml"), ("/rules/nagle.py", "text/plain"),
])  # fmt: skip
def test_the_page_and_its_parts_are_served(server: Server, path: str, kind: str) -> None:
    reply, body = get(server, path)
    assert (reply.status, reply.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
    assert body
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_the_page_names_no_other_host(server: Server) -> None:
    for file in (resources.files("experiments.demo") / "page").iterdir():
        body = get(server, f"/{file.name}")[1].decode()
        assert not set(re.findall(r"https?://[^\s\"'`]+", body)) - {"http://www.w3.org/2000/svg"}
        assert "@import" not in body


@pytest.mark.parametrize("path", [
    "/nothing", "/../server.py", "/%2e%2e/server.py", "/page/index.html", "/rules/", "/rules/state.py",
    "/rules/../../sim/run.py", "/bridge.py",
])  # fmt: skip
def test_anything_else_is_not_there(server: Server, path: str) -> None:
    assert get(server, path)[0].status == 404


def test_a_foreign_name_for_this_machine_is_refused(server: Server) -> None:
    """A page of another site that has its own name resolve to 127.0.0.1 gets nothing."""
    assert get(server, "/page.json", host=f"evil.example:{server.server_port}")[0].status == 403
    assert get(server, "/page.json", host=f"localhost:{server.server_port}")[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_written(server: Server, method: str) -> None:
    assert get(server, "/page.json", method=method)[0].status == 501


def test_head_has_no_body(server: Server) -> None:
    reply, body = get(server, "/", method="HEAD")
    assert (reply.status, body) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 0


def test_bad_input_comes_back_at_its_control(server: Server) -> None:
    reply, body = get(server, "/trace.json?base=one-way-512&network.rtt=fast")
    assert reply.status == 422
    (problem,) = json.loads(body)["problems"]
    assert problem["key"] == "network.rtt"
    assert "duration" in problem["problem"]


def test_a_limit_of_the_simulation_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise SimulationLimit("the queue is full: lower the load")

    monkeypatch.setattr(bridge, "trace", full)
    reply, body = get(server, "/trace.json?base=one-way-512")
    assert reply.status == 422
    assert json.loads(body)["problems"] == [{"key": "", "problem": "the queue is full: lower the load", "cure": ""}]


def test_a_bug_is_told_on_the_page_and_in_the_terminal(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    told, here = [], Event()

    def in_terminal(*_: object) -> None:
        told.append(sys.exception())
        here.set()

    monkeypatch.setattr(bridge, "trace", lambda _: 1 / 0)
    monkeypatch.setattr(BaseServer, "handle_error", in_terminal)
    reply, body = get(server, "/trace.json?base=one-way-512")
    assert reply.status == 500
    assert "division by zero" in json.loads(body)["problems"][0]["problem"]
    assert here.wait(LONG)
    assert isinstance(told[0], ZeroDivisionError)


@pytest.mark.parametrize(
    "path", ["/answer.json?lesson=nonsense", "/answer.json", "/trace.json?seed=x", "/trace.json?%ff=%fe"]
)
def test_nonsense_is_a_mistake(server: Server, path: str) -> None:
    assert get(server, path)[0].status == 422


def test_lessons_are_asked_first_and_answered_on_demand(server: Server) -> None:
    page = json.loads(get(server, "/page.json")[1])
    assert all("text" not in lesson for lesson in page["lessons"])
    answer = json.loads(get(server, "/answer.json?lesson=two-writes")[1])
    assert all(claim["holds"] for claim in answer["claims"])


@pytest.mark.parametrize(("path", "name"), [
    ("/scenario.toml?base=one-way-512", "one-way-512.toml"), ("/capture.pcapng?base=one-way-512", "one-way-512.pcapng"),
])  # fmt: skip
def test_files_are_kept_under_a_name(server: Server, path: str, name: str) -> None:
    reply, body = get(server, path)
    assert reply.status == 200
    assert reply.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert body


def test_a_file_of_ones_own_is_begun_with(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "write-write-read"\ntitle = "Mine"\n[workload]\nmessages = 7\n[network]\nrtt = "4ms"\n')
    with serving(str(path)) as own:
        page = json.loads(get(own, "/page.json")[1])
        assert page["sources"][0] == {"name": str(path), "title": "Mine"}
        assert page["start"] == {"base": str(path), "seed": 0, "settings": {}}
        query = urlencode({"base": str(path), "client.nodelay": "true"})
        told = json.loads(get(own, f"/trace.json?{query}")[1])
        assert (told["name"], len(told["messages"]), told["figures"][0]["value"]) == ("mine", 7, "4.00")
        assert get(own, f"/trace.json?base={tmp_path}/other.toml")[0].status == 422
        assert 'filename="mine.toml"' in get(own, f"/scenario.toml?{query}")[0].headers["Content-Disposition"]


def test_only_the_file_it_was_started_with(server: Server, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "one-way-512"')
    assert get(server, f"/trace.json?base={tmp_path}/mine.toml")[0].status == 422


def test_requests_beside_one_another_are_all_answered(server: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    paths = [f"/trace.json?base=one-way-512&seed={seed}" for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda path: get(server, path), paths))
    assert [reply.status for reply, _ in replies] == [200] * 8
    assert [json.loads(body)["summary"]["seed"] for _, body in replies] == list(range(8))


# ---- the command -----------------------------------------------------------------------------------------------------


def test_a_port_in_use_is_a_mistake_with_its_cure(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", str(server.server_port)]) == 2
    said = capsys.readouterr().err
    assert f"--port {server.server_port}" in said
    assert "another program is listening" in said
    assert "0 for any free one" in said


def test_a_source_that_cannot_run_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "one-way-521", "--port", "0"]) == 2
    assert "did you mean 'one-way-512'?" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_no_port_is_a_mistake(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", port]) == 2
    assert "0 to 65535" in capsys.readouterr().err


def test_ctrl_c_ends_it_cleanly() -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from experiments.cli import main; sys.exit(main(['demo', '--port', '0']))",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.readline()
        port = int(said.partition("127.0.0.1:")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=LONG):  # a browser that keeps its connection
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(LONG) == 130
        assert process.stderr.read() == "tinygram: interrupted\n"
