"""`tinygram demo`: the teaching page, served to this machine's browsers."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from experiments.cli.common import note


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(demo)


def demo(
    source: Annotated[str, Parameter(help="Begin with this preset or scenario file (TOML).")] = "",
    /,
    *,
    port: Annotated[int, Parameter(help="Where to listen on 127.0.0.1; 0: any free port.")] = 8765,
    open_: Annotated[bool, Parameter(name="--open", negative="", help="Open a browser there.")] = False,
) -> None:
    """Serve the teaching page: see in a browser what each message waits for, change settings, take lessons.

    It is for this machine alone and needs no network. Ctrl-C ends it.
    """
    from experiments.demo.server import Server

    with Server(port, source) as server:
        note(f"Tinygram is at {server.address}; Ctrl-C ends it")
        if open_:
            import webbrowser

            webbrowser.open(server.address)
        server.serve_forever()
