"""RPC and HTTP/2 stacks, as data with provenance: how messages become write() calls, and what credit a receiver grants.

Keys name what a scenario file would set: `nodelay`, `read_size`, `profile` of the host; `http2.*` of the host, which
hold for what it receives and for the turns of what it sends; `framing.*` of the streams the host sends. A key a stack
does not name has its default, so that a stack is never half of another. Sizes are bytes, durations ns.

Sources name file and function of the project, or say "measured": runs of the real stack, kept in
`experiments/data/grpc-measured`.
"""

from __future__ import annotations

from models.facts import Fact, Profile, by_name

KIB = 1_024
MIB = 1_048_576
SECOND = 1_000_000_000

_GO_NODELAY = Fact("nodelay", True, "Go net/tcpsock.go newTCPConn() sets it on every connection; measured")

GRPC_GO = Profile(
    "grpc-go",
    "grpc-go, client and server",
    (
        _GO_NODELAY,
        Fact("read_size", 32 * KIB, "clientconn.go defaultReadBufSize; server.go defaultServerOptions"),
        Fact("framing.kind", "grpc", "rpc_util.go headerLen 5, http2 frameHeaderLen 9"),
        Fact("framing.max_frame", 16_384, "internal/transport http2MaxFrameLen"),
        Fact("framing.flush", "on-idle", "controlbuf.go loopyWriter.run(): flush when nothing is left to frame"),
        Fact("framing.buffer", 32 * KIB, "clientconn.go defaultWriteBufSize; WriteBufferSize, WithWriteBufferSize"),
        Fact("framing.doubled", True, "http_util.go newBufWriter(): 2 x size, flushed at size; measured on 1.33.3"),
        Fact("framing.doubled", False, "http_util.go newBufWriter(), PR 6309: exactly size", "1.58"),
        Fact("framing.pieces", 1, "x/net Framer.endWrite() joins header and payload; measured on 1.33.3 and 1.63.0"),
        Fact("framing.pieces", 3, "http_util.go framer.writeData(), dc355bc08: header, prefix, rest; measured", "1.78"),
        Fact("framing.quota", 64 * KIB, "internal/transport defaultWriteQuota, writeQuota.get()"),
        Fact("http2.stream_window", 65_535, "internal/transport/defaults.go defaultWindowSize"),
        Fact("http2.connection_window", 65_535, "internal/transport/defaults.go defaultWindowSize"),
        Fact("http2.update_share", 0.25, "flowcontrol.go inFlow.onRead(), trInFlow.onData(): limit / 4"),
        Fact("http2.assumed_streams", 100, "internal/transport defaultMaxStreamsClient"),
        Fact("http2.scheduler", "round-robin", "controlbuf.go processData(): one frame, then the tail of the list"),
        Fact("http2.bdp", "grpc-go", "bdp_estimator.go; on unless window sizes are set (until 1.84)"),
        Fact("http2.bdp_limit", 16 * MIB, "bdp_estimator.go bdpLimit"),
        Fact("profile", "grpc-go-1.33-host", "fitted to 1.33.3 / Go 1.19.8: tinygram fit-host 1.33.3"),
        Fact("profile", "grpc-go-host", "fitted to 1.63.0 / Go 1.27.3: tinygram fit-host 1.63.0", "1.58"),
        Fact("profile", "grpc-go-1.85-host", "fitted to 1.85.0-dev / Go 1.27.3: tinygram fit-host 1.85.0-dev", "1.78"),
    ),
    oldest="1.30",
    newest="1.85",
    leaves_out="the one Gosched() below 1,000 buffered bytes; the pooled write buffer (default since 1.81), which "
    "changes memory, not calls",
)

HTTP2_SERVER = Profile(
    "net-http2-server",
    "Go net/http server, HTTP/2 (golang.org/x/net/http2)",
    (
        _GO_NODELAY,
        Fact("read_size", 4 * KIB, "server.go: bufio.Reader of the framer"),
        Fact("framing.kind", "http2", "frame.go Framer"),
        Fact("framing.max_frame", 16_384, "RFC 9113 default SETTINGS_MAX_FRAME_SIZE"),
        Fact("framing.flush", "per-frame", "server.go: a handler waits until its frame is written, then the flush"),
        Fact("framing.buffer", 4 * KIB, "http2.go bufWriterPoolBufferSize"),
        Fact("http2.stream_window", MIB, "config.go setConfigDefaults"),
        Fact("http2.connection_window", MIB, "config.go setConfigDefaults"),
        Fact("http2.update_bytes", 4 * KIB, "flow.go inflowMinRefresh, inflow.add()"),
        Fact("http2.max_streams", 250, "server.go defaultMaxStreams"),
    ),
    leaves_out="the handler's own 4 KiB (handlerChunkWriteSize): handlers are taken to Flush() every message",
)

HTTP2_TRANSPORT = Profile(
    "net-http2-transport",
    "Go net/http client, HTTP/2 (golang.org/x/net/http2 Transport)",
    (
        _GO_NODELAY,
        Fact("read_size", 4 * KIB, "transport.go newClientConn(): bufio.Reader"),
        Fact("framing.kind", "http2", "frame.go Framer"),
        Fact("framing.max_frame", 16_384, "RFC 9113 default SETTINGS_MAX_FRAME_SIZE"),
        Fact("framing.flush", "per-frame", "transport.go writeRequestBody(): Flush after every DATA frame"),
        Fact("framing.buffer", 4 * KIB, "transport.go newClientConn(): bufio.Writer"),
        Fact("http2.stream_window", 4 * MIB, "transport.go transportDefaultStreamFlow"),
        Fact("http2.connection_window", 1 << 30, "transport.go transportDefaultConnFlow (and 65,535)"),
        Fact("http2.update_bytes", 4 * KIB, "flow.go inflowMinRefresh, inflow.add()"),
        Fact("http2.assumed_streams", 100, "transport.go initialMaxConcurrentStreams"),
    ),
)

GRPC_JAVA = Profile(
    "grpc-java",
    "grpc-java on Netty",
    (
        Fact("nodelay", True, "Netty DefaultSocketChannelConfig"),
        Fact("read_size", 64 * KIB, "Netty AdaptiveRecvByteBufAllocator: up to 65,536"),
        Fact("framing.kind", "grpc", "MessageFramer"),
        Fact("framing.max_frame", 16_384, "RFC 9113 default SETTINGS_MAX_FRAME_SIZE"),
        Fact("framing.flush", "on-idle", "WriteQueue.flush(): when the queue is drained ..."),
        Fact("framing.flush_every", 128, "... and after every 128 commands, DEQUE_CHUNK_SIZE"),
        Fact("framing.buffer", 128 * KIB, "NioSocketChannel.doWrite(): 2 x SO_SNDBUF, adaptive; assumed 128 KiB"),
        Fact("framing.quota", 32 * KIB, "AbstractStream DEFAULT_ONREADY_THRESHOLD: senders that wait for isReady()"),
        Fact("http2.stream_window", MIB, "NettyServerBuilder, NettyChannelBuilder DEFAULT_FLOW_CONTROL_WINDOW"),
        Fact("http2.connection_window", MIB, "the same"),
        Fact("http2.update_share", 0.5, "Netty DEFAULT_WINDOW_UPDATE_RATIO"),
        Fact("http2.bdp", "grpc-java", "AbstractNettyHandler.FlowControlPinger"),
        Fact("http2.bdp_limit", 8 * MIB, "AbstractNettyHandler MAX_WINDOW_SIZE"),
    ),
    leaves_out="Netty's water marks (32 and 64 KiB), which only advise; OkHttp transports (windows 65,535)",
)

C_CORE = Profile(
    "c-core",
    "gRPC C-core: C++, Python (grpcio), Ruby, PHP, C#",
    (
        Fact("nodelay", True, "grpc_set_socket_low_latency(), verified after setting; measured on grpcio 1.85.1"),
        Fact("read_size", 8 * KIB, "tcp_posix.cc GRPC_TCP_DEFAULT_READ_SLICE_SIZE; grows under load"),
        Fact("framing.kind", "grpc", "chttp2 frame_data.cc"),
        Fact("framing.max_frame", 16_384, "RFC 9113 default SETTINGS_MAX_FRAME_SIZE"),
        Fact("framing.flush", "per-message", "a call sends one at a time, one sendmsg each; measured on grpcio 1.85.1"),
        Fact("framing.quota", 1, "one send operation a call: the next waits until it is framed"),
        Fact("http2.stream_window", 65_535, "flow_control.h kDefaultWindow"),
        Fact("http2.connection_window", 65_535, "flow_control.h kDefaultWindow"),
        Fact("http2.update_share", 0.5, "flow_control.cc: at half the target; measured rate 0.5 W/RTT"),
        Fact("http2.bdp", "c-core", "bdp_estimator.cc, flow_control.cc; grpc.http2.bdp_probe"),
    ),
    leaves_out="the gathering of several streams into one sendmsg (target 1 MiB); PID smoothing of the windows",
)

NODE = Profile(
    "node",
    "Node.js http2 (nghttp2), gRPC on it",
    (
        Fact("nodelay", True, "internal/http2/core.js: socket.setNoDelay(); measured on Node 20.20.2"),
        Fact("read_size", 64 * KIB, "libuv's suggested read buffer"),
        Fact("framing.kind", "grpc", "gRPC-shaped messages in DATA frames"),
        Fact("framing.max_frame", 16_384, "nghttp2 default; measured"),
        Fact("framing.flush", "on-return", "Writable: what comes while a write is under way goes in one; measured"),
        Fact("framing.merge", True, "one DATA frame for all that is queued: burst of 20 = 529 + 9,889 B; measured"),
        Fact("framing.buffer", 64 * KIB, "assumed: bound of one nghttp2_session_mem_send() round"),
        Fact("framing.quota", 16 * KIB, "Writable highWaterMark 16 KiB: senders that wait for drain"),
        Fact("http2.stream_window", 65_535, "RFC 9113 default; measured rate 0.5 W/RTT"),
        Fact("http2.connection_window", 65_535, "RFC 9113 default"),
        Fact("http2.update_share", 0.5, "nghttp2: at half the window; measured rate 0.5 W/RTT"),
    ),
)

NGINX = Profile(
    "nginx",
    "nginx as HTTP/2 server or gRPC proxy",
    (
        Fact("nodelay", True, "ngx_http_core_module tcp_nodelay on, after the first output of a connection"),
        Fact("read_size", 16 * KIB, "assumed: recv buffer of a connection's HTTP/2"),
        Fact("framing.kind", "http2", "ngx_http_v2_filter_module.c"),
        Fact("framing.max_frame", 8 * KIB, "http2_chunk_size 8k"),
        Fact("framing.flush", "per-message", "a proxied response without buffering is flushed as it comes"),
        Fact("http2.stream_window", 64 * KIB, "ngx_http_v2_module.c: http2_body_preread_size 64k"),
        Fact("http2.connection_window", 1 << 30, "ngx_http_v2.h NGX_HTTP_V2_MAX_WINDOW 2^31 - 1; here the most"),
        Fact("http2.update_share", 0.75, "ngx_http_v2.c: topped up below a quarter"),
        Fact("http2.max_streams", 128, "http2_max_concurrent_streams 128"),
    ),
)

ENVOY = Profile(
    "envoy",
    "Envoy",
    (
        Fact("nodelay", True, "on all proxied connections: PR 14574"),
        Fact("read_size", 16 * KIB, "assumed: slices of 16 KiB"),
        Fact("framing.kind", "http2", "codec_impl.cc"),
        Fact("framing.max_frame", 16_384, "RFC 9113 default SETTINGS_MAX_FRAME_SIZE"),
        Fact("framing.flush", "on-idle", "assumed: an event loop's turn writes what it encoded"),
        Fact("framing.buffer", 256 * KIB, "assumed: at most 16 slices a writev"),
        Fact("http2.stream_window", 256 * MIB, "protocol.proto Http2ProtocolOptions initial_stream_window_size"),
        Fact("http2.connection_window", 256 * MIB, "protocol.proto initial_connection_window_size"),
        Fact("http2.update_share", 0.5, "nghttp2: at half the window"),
    ),
    leaves_out="releases whose default windows are smaller; check the one in use",
)

PLAIN = Profile(
    "plain",
    "plain sockets",
    (
        Fact("nodelay", False, "RFC 1122 section 4.2.3.4: Nagle is on unless switched off"),
        Fact("framing.kind", "plain", "no framing: a message is a write()"),
        Fact("framing.flush", "per-message", "no buffer"),
    ),
)

STACKS = by_name((GRPC_GO, HTTP2_SERVER, HTTP2_TRANSPORT, GRPC_JAVA, C_CORE, NODE, NGINX, ENVOY, PLAIN))
"""Profiles by the name `stack` takes; `grpc-go@1.63` is a version of one."""
