"""The page's server: files of the page, and the bridge's answers, to this machine alone.

It listens on the loopback interface, answers GET and HEAD, and only to pages it served itself: a request that names
another host (as a foreign page does that resolved its own name to 127.0.0.1) is refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from errno import EACCES, EADDRINUSE
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from experiments.demo import bridge
from experiments.demo.lessons import LESSONS, lesson
from experiments.demo.rules import RULES
from experiments.demo.scene import Scene, at_controls, parse, scene_of
from sim.errors import Problem, ScenarioError, SimulationLimit

LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost")
AT_ONCE = BoundedSemaphore(2)
"""Simulations at a time; further requests wait."""

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Reply:
    """What goes back to the browser. `name`: as which file it is to be kept."""

    body: bytes
    kind: str
    status: HTTPStatus = HTTPStatus.OK
    name: str = ""


class NotThere(Exception):
    """Nothing is served under this path."""


# ---- what is served --------------------------------------------------------------------------------------------------


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    return Reply(json.dumps(value, ensure_ascii=False).encode(), "application/json", status)


@dataclass(frozen=True)
class Asked:
    """What a request says, and the source that the server was started with."""

    said: Mapping[str, str]
    own: str

    def scene(self, pane: str = "") -> Scene:
        """The scene of a pane, by default the one that is asked for."""
        return scene_of(self.said, pane or self.said.get("pane", "a"), self.own)


def _page(asked: Asked) -> Reply:
    return _json({**bridge.page(asked.own), "lessons": [one.asked() for one in LESSONS]})


def _trace(asked: Asked) -> Reply:
    return _json(bridge.trace(asked.scene()))


def _answer(asked: Asked) -> Reply:
    name = asked.said.get("lesson", "")
    found = lesson(name)
    if found is None:
        names = ", ".join(one.name for one in LESSONS)
        raise ScenarioError([Problem("lesson", f"there is no lesson {name!r}", f"lessons: {names}")])
    return _json(found.told())


def _commands(asked: Asked) -> Reply:
    second = asked.scene("b") if asked.said.get("compare") else None
    return _json({"commands": bridge.commands(asked.scene("a"), second, asked.said.get("message", ""))})


def _toml(asked: Asked) -> Reply:
    scene = asked.scene()
    return Reply(bridge.toml(scene).encode(), "application/toml", name=f"{Path(scene.base).stem}.toml")


def _capture(asked: Asked) -> Reply:
    scene = asked.scene()
    return Reply(bridge.capture(scene), "application/octet-stream", name=f"{Path(scene.base).stem}.pcapng")


ANSWERS: dict[str, Callable[[Asked], Reply]] = {
    "/page.json": _page,
    "/trace.json": _trace,
    "/answer.json": _answer,
    "/commands.json": _commands,
    "/scenario.toml": _toml,
    "/capture.pcapng": _capture,
}


def reply(path: str, query: str, own: str = "") -> Reply:
    """The answer to a request. NotThere; what is wrong with a scene comes back as JSON."""
    if path not in ANSWERS:
        return _file(path)
    try:
        asked = Asked(parse(query), own)
        with AT_ONCE:
            return ANSWERS[path](asked)
    except ScenarioError as error:
        return _json({"problems": at_controls(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
    except SimulationLimit as error:
        problem = {"key": "", "problem": str(error), "cure": ""}
        return _json({"problems": [problem]}, HTTPStatus.UNPROCESSABLE_ENTITY)


def _file(path: str) -> Reply:
    """A file of the page, or the text of a rule."""
    folder, _, name = path.rpartition("/")
    if folder == "/rules" and name in {rule.file for rule in RULES.values()}:
        return Reply((resources.files("models") / name).read_bytes(), "text/plain")
    files = {file.name: file for file in _page_files()}
    file = files.get(name or "index.html")
    if folder or file is None:
        raise NotThere(path)
    return Reply(file.read_bytes(), TYPES["." + file.name.rpartition(".")[2]])


def _page_files() -> list[Traversable]:
    return [file for file in (resources.files("experiments.demo") / "page").iterdir() if file.is_file()]


# ---- HTTP ------------------------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server_version = "tinygram"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 60  # an idle connection does not keep its thread for longer
    server: Server

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without one."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        if self.headers.get("Host", "") not in self.server.hosts:
            self._send(_refusal(HTTPStatus.FORBIDDEN, f"this server answers to {self.server.address} only"), body)
            return
        path, _, query = self.path.partition("?")
        try:
            self._send(reply(path, query, self.server.own), body)
        except NotThere:
            self._send(_refusal(HTTPStatus.NOT_FOUND, f"there is nothing at {path}"), body)
        except ConnectionError:
            raise
        except Exception as error:
            problem = {"key": "", "problem": f"this is a bug: {error}", "cure": "the terminal says where"}
            self._send(_json({"problems": [problem]}, HTTPStatus.INTERNAL_SERVER_ERROR), body)
            raise

    def _send(self, answer: Reply, body: bool) -> None:
        self.send_response(answer.status)
        for name, text in HEADERS.items():
            self.send_header(name, text)
        binary = answer.kind == "application/octet-stream"
        self.send_header("Content-Type", answer.kind if binary else f"{answer.kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.name:
            self.send_header("Content-Disposition", f'attachment; filename="{answer.name}"')
        self.end_headers()
        if body:
            self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        """Requests are nobody's business."""


def _refusal(status: HTTPStatus, text: str) -> Reply:
    return Reply(f"{text}\n".encode(), "text/plain", status)


class Server(ThreadingHTTPServer):
    """The page on a port of the loopback interface, 0 being any free one, beginning with the source `own` if given.

    Raises ScenarioError when the port cannot be had, or the source cannot be run.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, own: str = "") -> None:
        if own:
            Scene(own).scenario()
        self.own = own
        try:
            super().__init__((LOOPBACK, port), Handler)
        except (OSError, OverflowError) as error:
            raise ScenarioError([_no_port(port, error)]) from None
        self.hosts = {f"{name}:{self.server_port}" for name in NAMES}

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle is no event; anything else is a bug and is told."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _no_port(port: int, error: Exception) -> Problem:
    number = error.errno if isinstance(error, OSError) else None
    if number == EADDRINUSE:
        return Problem(f"--port {port}", "another program is listening there", "choose another, or 0 for any free one")
    if number == EACCES:
        return Problem(f"--port {port}", "ports below 1024 are the system's", "choose one from 1024 up")
    return Problem(f"--port {port}", "is no port", "a number from 0 to 65535")
