"""Write down what every command shown in README and docs really prints: `python -m tests.docs.refresh [PAGE ...]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.blocks import Session, abridged, agrees, blocks, pages


def refreshed(text: str, folder: Path) -> str:
    """The page with every output replaced by the real one; outputs that still hold stay as they are."""
    session = Session(folder)
    parts: list[str] = []
    done = 0
    for block in blocks(text):
        body: list[str] = []
        for shown, real in session.play(block):
            kept = shown.output if agrees(shown.output, real) else abridged(shown.output, real)
            body += [shown.source, *kept, *shown.gap]
        if body:
            parts += [text[done : block.start], "\n".join(body) + "\n"]
            done = block.end
    return "".join(parts) + text[done:]


def main() -> None:
    """Refresh the pages named, or all."""
    for page in [Path(name).resolve() for name in sys.argv[1:]] or pages():
        old = page.read_text()
        with tempfile.TemporaryDirectory() as folder:
            new = refreshed(old, Path(folder))
        if new != old:
            page.write_text(new)
        print("changed " if new != old else "the same", page)


if __name__ == "__main__":
    main()
