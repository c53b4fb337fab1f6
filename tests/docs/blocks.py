"""README and docs, executed: find the commands they show, run them, compare what is printed with what is shown.

* A `console` block whose lines begin with `$ tinygram` holds commands, each followed by its output. A backslash at the
  end of a line continues the command. What is shown is stdout; a command that fails also shows stderr, and its last
  line is `[exit N]`.
* A shown line `...` stands for any number of lines left out.
* A `toml` or `python` block whose first line is `# NAME.toml` or `# NAME.py` becomes that file. All commands of one
  page run in one folder, from the top of the page to its end.
* A `pycon` block is a Python session; its `>>>` lines run, one namespace a page.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ELLIPSIS = "..."
PLAIN = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "1"}
"""Environment of every command: no terminal, so no colours and one width."""

_BLOCK = re.compile(r"^```(console|toml|pycon|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w.-]+\.(?:toml|py))\b")


@dataclass
class Block:
    """One fenced block: its language, and its body's place in the page."""

    language: str
    body: str
    start: int
    end: int
    line: int


@dataclass
class Shown:
    """A command or Python statement as the page shows it, with the output below it."""

    source: str
    """As written, with prompts: what a refresh keeps."""
    run: str
    """What is executed."""
    output: list[str]
    line: int
    gap: list[str] = field(default_factory=list)
    """Blank lines between the output and the next prompt."""


def pages() -> list[Path]:
    """Every page that may show a command."""
    manual = [path for path in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in path.parts]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *manual]


def blocks(text: str) -> Iterator[Block]:
    """The executable blocks of a page, in order."""
    for match in _BLOCK.finditer(text):
        language, body = match.groups()
        line = text.count("\n", 0, match.start(2)) + 1
        if language == "console" and not body.startswith("$ tinygram"):
            continue
        yield Block(language, body, match.start(2), match.end(2), line)


def commands(block: Block) -> list[Shown]:
    """Split a console block at its prompts."""
    shown: list[Shown] = []
    for number, line in enumerate(block.body.splitlines(), block.line):
        if line.startswith("$ "):
            shown.append(Shown(line, line[2:], [], number))
        elif shown and shown[-1].source.endswith("\\"):
            shown[-1].source += "\n" + line
            shown[-1].run = shown[-1].run.removesuffix("\\") + " " + line.strip()
        else:
            shown[-1].output.append(line)
    for command in shown:
        while command.output[-1:] == [""]:
            command.gap.append(command.output.pop())
    return shown


def statements(block: Block) -> list[Shown]:
    """Split a Python session at its prompts."""
    examples = doctest.DocTestParser().get_examples(block.body)
    lines = block.body.splitlines()
    shown = []
    for example in examples:
        source = "\n".join(lines[example.lineno : example.lineno + example.source.count("\n")])
        shown.append(Shown(source, example.source, example.want.splitlines(), block.line + example.lineno))
    return shown


class Session:
    """Runs a page's blocks in order, in one folder and one Python namespace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__page__"}

    def play(self, block: Block) -> list[tuple[Shown, list[str]]]:
        """Everything the block shows, each with what really comes out."""
        if block.language in {"toml", "python"}:
            if named := _FILE.match(block.body):
                (self.folder / named[1]).write_text(block.body)
            return []
        if block.language == "pycon":
            return [(shown, self.evaluate(shown.run)) for shown in statements(block)]
        return [(shown, self.command(shown.run)) for shown in commands(block)]

    def command(self, line: str) -> list[str]:
        """Run `tinygram ...`, without a shell and without a terminal, and return the lines it prints."""
        program, *arguments = shlex.split(line)
        assert program == "tinygram", f"only tinygram commands are run: {line}"
        environment = os.environ | PLAIN | {"XDG_CACHE_HOME": str(self.folder / ".cache")}
        outcome = subprocess.run(
            [Path(sys.executable).with_name("tinygram"), *arguments],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        printed = outcome.stdout
        if outcome.returncode:
            printed += f"{outcome.stderr}\n[exit {outcome.returncode}]"
        return tidy(printed)

    def evaluate(self, source: str) -> list[str]:
        """Run one Python statement as a session would and return the lines it prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.chdir(self.folder):
            exec(compile(source, "<page>", "single"), self.names)
        return tidy(printed.getvalue())


def tidy(printed: str) -> list[str]:
    """Lines without trailing blanks, and without blank lines at either end."""
    return "\n".join(line.rstrip() for line in printed.splitlines()).strip("\n").splitlines()


def agrees(shown: list[str], real: list[str]) -> bool:
    """Whether the output shown is the real one, `...` standing for any lines."""
    pattern = "".join("(?:.*\n)*?" if line == ELLIPSIS else re.escape(line.rstrip()) + "\n" for line in shown)
    return re.fullmatch(pattern, "".join(line + "\n" for line in real)) is not None


def abridged(shown: list[str], real: list[str]) -> list[str]:
    """The real output, shortened as the page shortens it: as many lines before and after its `...`."""
    if shown.count(ELLIPSIS) != 1:
        return real
    cut = shown.index(ELLIPSIS)
    head, tail = real[:cut], real[len(real) - (len(shown) - cut - 1) :]
    return [*head, ELLIPSIS, *tail] if len(head) + len(tail) < len(real) else real
