"""Recording a scenario on this machine's own kernel: is the model right about *it*?

`support` says what a recording needs and what it cannot do, `plan` turns a scenario and its seed into instructions,
the C helper (`main.c`, `wire.c`, `endpoint.c`; built by `helper` on first use) carries them out, `observe` reads what
it saw, `files` writes a recording in the kernel-truth/1 format, `own` reads one back as a scenario, and `verdict`
holds the simulation against it.
"""
