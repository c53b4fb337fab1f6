"""A traced run as bytes on the wire: what tcpdump on one of its hosts would have written, with reasons.

`frames` and `stream` make the two byte streams, `packets` cuts them into IP packets as the run sent them, `comments`
says of each packet what it carries and why it left then, `pcapng` writes the file and `listing` the text.
"""

from experiments.wire.listing import listing
from experiments.wire.pcapng import check_path, head, packets, write_capture

__all__ = ["check_path", "head", "listing", "packets", "write_capture"]
