"""Recording a scenario on this machine's own kernel: is the model right about *it*?

`support` says what a recording needs and what it cannot do, `plan` turns a scenario and its seed into instructions,
the C helper (`main.c`, `wire.c`, `endpoint.c`; built by `helper` on first use, its structs from `layout`) carries
them out, `run` repeats that while the machine is disturbed, `observe` and `precision` read what came back, `store`
writes it in the format kernel-truth/1, `own` reads it back as a scenario, `verdict` holds the simulation against it.
"""
