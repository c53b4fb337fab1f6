"""Sweeps: what to run (`file`, `plan`), running it (`runner`), and keeping what was run (`store`, `result`)."""
