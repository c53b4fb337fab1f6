"""Questions: scenario files and presets, sweeps, frontiers, comparisons, captures, and the command `tinygram`."""

from experiments.guard import check

check()
