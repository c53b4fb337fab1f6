"""Policies weighed against fixed settings: what to run (`arms`), how they stand (`standing`), what they did."""
