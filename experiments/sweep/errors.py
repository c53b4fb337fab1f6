"""What can stop a sweep that is itself in order."""

from __future__ import annotations


class SweepError(RuntimeError):
    """The sweep cannot go on; the message says why and what to do. What was done is kept."""


class StoreError(SweepError):
    """The store cannot be opened, read or written."""


class StoreMistake(StoreError):
    """What was given as the store cannot be one: another path is needed."""
