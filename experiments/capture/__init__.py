"""Recorded workloads: the messages inside a pcap or pcapng file.

Four steps, a file each: `container` (records of the file), `segments` (TCP segments in them), `reassembly` (the byte
stream of one direction), `http2` (the gRPC messages or HTTP/2 frames in it). `reading` puts them together.
"""

from experiments.capture.reading import Recording, read_capture

__all__ = ["Recording", "read_capture"]
