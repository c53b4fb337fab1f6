"""Ctrl-C is as it is in a terminal: a shell's background job ignores it, and so would all that tests start."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
