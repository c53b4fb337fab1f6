"""packetdrill's scripts, run against the model instead of a kernel.

packetdrill (Cardwell et al., USENIX ATC 2013) tests a kernel's TCP with scripts of what the application calls, what
packets arrive, and what packets are to be seen when. The kernel's own TCP self-tests are such scripts. This package
reads the part of the language that those of Tinygram's path use and runs them on `sim.bench`:

    reader    text to events (`script`), with `values` for arguments
    shell     the back-ticked commands: sysctls and devices
    handshake SYN, SYN-ACK and ACK, which the model takes as given
    calls     what the application does; `kernel` is what it sees, `polling` what it waits for
    outbound  expected packets against those the model sent
    asserts   Python over `struct tcp_info`
    runner    one script; its `verdict` is told by `report`
"""
