"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the place of `path` when the block has ended well.

    What is not a file of its own is written to itself: a pipe, a device, a link such as /dev/stdout. OSError, which
    names `path`, when it cannot be written to, at once, or when the disk is full.
    """
    itself = path.is_symlink() or (path.exists() and not path.is_file())
    draft = path if itself else path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not itself:
            path.open("a").close()  # a file that may not be written to is not replaced either
        yield draft
        if not itself:
            draft.replace(path)
    except OSError as error:
        if error.filename in (None, str(draft)):
            error.filename = str(path)
        raise
    finally:
        if not itself:
            draft.unlink(missing_ok=True)
