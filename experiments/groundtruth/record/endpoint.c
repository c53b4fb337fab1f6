/*
 * One end of the connection: a real socket, a writer that makes write() calls as models/framer.py says, and a reader.
 *
 * The writer is one thread. Where the scenario has two (an application whose sends are queued up to a quota, and a
 * framer thread that gets the core when the application has nothing more to send, as in models/application.py), it is
 * the framer, and keeps the application's books: when it would have called, and how long its quota would have made it
 * wait. The bytes reach the kernel in the same calls.
 */
#include "recorder.h"
#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define PORT 7
#define BLOCKED 200000		/* ns: a write() that takes longer has waited for room */
#define CHUNK (1 << 20)		/* most that one send() or recv() takes */

enum { CORK_ALWAYS = 1, CORK_PER_MESSAGE };
enum { QUICKACK_ONCE = 1, QUICKACK_EVERY_READ, QUICKACK_OFF_ONCE, QUICKACK_OFF_EVERY_READ };

static int me, sock;
static const struct setup *my;
static struct end *told;
static unsigned char outgoing[CHUNK], incoming[CHUNK];

static void option(int level, int name, int value, const char *text)
{
	if (setsockopt(sock, level, name, &value, sizeof value) < 0)
		die("cannot set %s to %d", text, value);
}

/* Wait for a moment that the wire is told of, so that it is awake by then. */
static void step_at(int64_t *announced, int64_t t)
{
	*announced = t;
	wait_until(t);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static struct {
	struct message *m;
	int64_t framed;			/* messages; told->called have been handed over */
	int64_t app_free;		/* since when the application can take its next message */
	int64_t quota_left;
	int64_t buffered, flush_at, calls;
	int64_t blocked;		/* since when a write() has waited; meanwhile the application had the core */
	int waits;			/* a send has been called for, and waits for quota */
} w;

static void call(int64_t bytes, int more)
{
	int64_t from = now_ns();
	for (int64_t left = bytes; left > 0;) {
		ssize_t n = send(sock, outgoing, left < CHUNK ? left : CHUNK, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
		if (n < 0)
			die("send");
		left -= n;
		told->written += n;
	}
	w.calls++;
	if (now_ns() - from > BLOCKED && w.blocked == NEVER)
		w.blocked = from;
}

static void flush(void)
{
	int64_t bytes = w.buffered;
	w.buffered = 0;
	w.flush_at = NEVER;
	if (bytes)
		call(bytes, 0);
}

/* A piece goes to the kernel, or into the buffer: grpc-go flushes a full one, bufio one that cannot take more. */
static void put(int64_t bytes, int more)
{
	if (!my->buffer) {
		call(bytes, more && my->more);
		return;
	}
	while (bytes > 0) {
		int64_t room = my->buffer - w.buffered;
		if (!my->go_buffer && bytes > room && w.buffered == 0) {
			call(bytes, 0);
			return;
		}
		int64_t n = bytes < room ? bytes : room;
		w.buffered += n;
		bytes -= n;
		if (my->go_buffer ? w.buffered == my->buffer : bytes > 0)
			flush();
	}
	if (my->flush == ON_TIMER && w.buffered && w.flush_at == NEVER)
		w.flush_at = now_ns() + my->flush_after;
}

/* Frames: header, prefix and payload in one piece, two or three. */
static void put_frames(int64_t body)
{
	for (int first = 1; body > 0; first = 0) {
		int64_t n = body < my->max_frame ? body : my->max_frame;
		int last = (body -= n) == 0;
		w.quota_left += n;
		if (my->pieces == 1 || my->header == 0) {
			put(my->header + n, !last);
		} else {
			put(my->header, 1);
			if (my->pieces == 3 && my->prefix && first) {
				put(my->prefix, 1);
				n -= my->prefix;
			}
			put(n, !last);
		}
		if (my->flush == PER_FRAME)
			flush();
	}
}

/* Is another message waiting? */
static int more_is_due(int64_t now)
{
	return my->mode == SCHEDULED && told->called < my->total && w.m[told->called].due <= now;
}

/* When the application calls for its next message. */
static int64_t next_call(void)
{
	const struct message *m = &w.m[told->called];
	int64_t t = w.app_free;
	if (told->called == my->total)
		return NEVER;
	if (w.waits)
		return m->call;
	if (my->mode == SLEEPER)
		t += m->due && m->due < my->granularity ? my->granularity : m->due;
	else if (my->mode == SCHEDULED && m->due > t)
		t = m->due;
	return t + m->stall;
}

/* The application hands over what is due by now; it has had the core since `turn`. */
static void take_due(int64_t now, int64_t turn)
{
	for (int64_t t; (my->two_threads || told->called == w.framed) && (t = next_call()) <= now; told->called++) {
		struct message *m = &w.m[told->called];
		if (t < turn)
			t = turn;
		if (!w.waits) {
			if (my->mode != SCHEDULED)
				m->due = my->mode == SLEEPER ? w.app_free + m->due : w.app_free;
			m->call = my->two_threads ? t : now_ns();
		}
		w.waits = my->quota && w.quota_left <= 0;
		if (w.waits)
			return;
		m->ret = w.app_free = t;
		w.quota_left -= my->prefix + m->size;
	}
}

static void end_message(int64_t framed)
{
	if (my->cork == CORK_PER_MESSAGE)
		option(IPPROTO_TCP, TCP_CORK, 0, "TCP_CORK");
	int closing = framed == my->total && my->flush != ON_IDLE;
	int counted = my->flush == PER_MESSAGE && framed % my->flush_every == 0;
	int idle = my->flush == ON_IDLE && !my->two_threads && !more_is_due(now_ns());
	if (closing || counted || idle)
		flush();
}

/* One message, whole: a request's or reply's pieces, or frames. */
static void put_message(struct message *m, int64_t framed)
{
	if (my->cork == CORK_PER_MESSAGE)
		option(IPPROTO_TCP, TCP_CORK, 1, "TCP_CORK");
	w.calls = 0;
	if (my->npieces)
		for (int i = 0; i < my->npieces; i++)
			put(my->cut[i], i + 1 < my->npieces);
	else
		put_frames(my->prefix + m->size);
	end_message(framed);
	m->writes = w.calls;
	if (!my->two_threads)
		m->ret = w.app_free = now_ns();
}

/* Whose turn is it? The framer's until all is written, then the application's, which also has the core meanwhile
   when a write() blocks. */
static void send_stream(void)
{
	for (;;) {
		int64_t now = now_ns();
		if (w.blocked != NEVER)
			take_due(now, w.blocked);
		w.blocked = NEVER;
		if (w.framed < told->called) {
			w.framed++;
			put_message(&w.m[w.framed - 1], w.framed);
			continue;
		}
		if (w.flush_at <= now || (my->flush == ON_IDLE && (my->two_threads || !more_is_due(now))))
			flush();
		take_due(now, now);
		if (w.framed < told->called)
			continue;
		if (told->called == my->total)
			return;
		int64_t t = next_call();
		step_at(&told->soon_write, t < w.flush_at ? t : w.flush_at);
	}
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int64_t may_read;	/* not before */

/* One read(), in this reader's manner; returns when it returned. */
static int64_t read_once(void)
{
	if (my->read_every) {
		struct pollfd p = { sock, POLLIN, 0 };
		poll(&p, 1, -1);
		int64_t t = now_ns() > may_read ? now_ns() : may_read, beyond = t % my->read_every;
		may_read = beyond > 0 ? t - beyond + my->read_every : t - beyond;
	}
	if (may_read > now_ns())
		step_at(&told->soon_read, may_read);
	ssize_t n = recv(sock, incoming, my->read_size < CHUNK ? my->read_size : CHUNK, 0);
	int64_t now = now_ns();
	if (n <= 0)
		die("the connection broke");
	if (my->quickack == QUICKACK_EVERY_READ || my->quickack == QUICKACK_OFF_EVERY_READ)
		option(IPPROTO_TCP, TCP_QUICKACK, my->quickack == QUICKACK_EVERY_READ, "TCP_QUICKACK");
	told->read += n;
	told->reads++;
	if (my->read_pause || my->read_every)
		may_read = now + (my->read_every && !my->read_pause ? 1 : my->read_pause);
	return now;
}

/* The peer's messages, as their last bytes are read. */
static void *read_stream(void *unused)
{
	struct message *m = messages[!me], *last = m + plan->end[!me].total;
	int64_t end = m->wire;

	told->realtime &= realtime(45);
	while (m < last) {
		int64_t t = read_once();
		while (m < last && told->read >= end) {
			m->read = t;
			m->read_no = told->reads;
			if (++m < last)
				end += m->wire;
		}
	}
	return unused;
}

/* Read until `end` bytes have come; returns when. */
static int64_t read_to(int64_t end, int64_t *number)
{
	int64_t t = 0;
	while (told->read < end)
		t = read_once();
	*number = told->reads;
	return t;
}

/* ---- request/response -------------------------------------------------------------------------------------------- */

static void request(void)
{
	struct message *reply = messages[!me];
	int64_t end = 0, t = 0;
	for (int64_t i = 0; i < my->total; i++, reply++) {
		struct message *m = &w.m[i];
		if (!my->period)
			t += i ? my->think : 0;
		else if (i * my->period > t)
			t = i * my->period;
		if (my->until && t > my->until)
			return;
		step_at(&told->soon_write, t);
		told->called = i + 1;
		m->due = t;
		m->call = now_ns();
		put_message(m, i + 1);
		t = reply->read = read_to(end += reply->wire, &reply->read_no);
	}
}

static void respond(void)
{
	struct message *ask = messages[!me];
	int64_t end = 0;
	told->flushed = 1;
	for (int64_t i = 0; i < my->total; i++, ask++) {
		struct message *m = &w.m[i];
		ask->read = read_to(end += ask->wire, &ask->read_no);
		m->due = ask->read + my->think;
		if (my->think)
			step_at(&told->soon_write, m->due);
		told->called = i + 1;
		m->call = now_ns();
		put_message(m, i + 1);
	}
}

/* ---- the connection ---------------------------------------------------------------------------------------------- */

static int size_of(int name)
{
	int value = 0;
	socklen_t n = sizeof value;
	getsockopt(sock, SOL_SOCKET, name, &value, &n);
	return value;
}

static void open_socket(void)
{
	if ((sock = socket(AF_INET, SOCK_STREAM, 0)) < 0)
		die("socket");
	if (setsockopt(sock, IPPROTO_TCP, TCP_CONGESTION, my->congestion, strlen(my->congestion)) < 0)
		die("this kernel has no congestion control \"%s\"", my->congestion);
	if (my->sndbuf)
		option(SOL_SOCKET, SO_SNDBUF, my->sndbuf, "SO_SNDBUF");
	if (my->rcvbuf)
		option(SOL_SOCKET, SO_RCVBUF, my->rcvbuf, "SO_RCVBUF");
	if (my->nodelay)
		option(IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
	if (my->notsent_lowat)
		option(IPPROTO_TCP, TCP_NOTSENT_LOWAT, my->notsent_lowat, "TCP_NOTSENT_LOWAT");
}

static void wait_for_start(void)
{
	told->ready = 1;
	while (!__atomic_load_n(&report->t0, __ATOMIC_ACQUIRE))
		usleep(500);
}

static void open_connection(void)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(PORT),
				      .sin_addr.s_addr = htonl(ADDRESS + SERVER) };
	open_socket();
	if (me == SERVER) {
		int listener = sock;
		if (bind(listener, (void *)&server, sizeof server) < 0 || listen(listener, 1) < 0)
			die("listen");
		wait_for_start();
		if ((sock = accept(listener, NULL, NULL)) < 0)
			die("accept");
		close(listener);
	} else {
		wait_for_start();
		wait_until(-plan->lead);
		if (connect(sock, (void *)&server, sizeof server) < 0)
			die("connect");
	}
	told->connected = now_ns();
	told->sndbuf = size_of(SO_SNDBUF);
	told->rcvbuf = size_of(SO_RCVBUF);
	if (my->cork == CORK_ALWAYS)
		option(IPPROTO_TCP, TCP_CORK, 1, "TCP_CORK");
	if (my->quickack)
		option(IPPROTO_TCP, TCP_QUICKACK, my->quickack <= QUICKACK_EVERY_READ, "TCP_QUICKACK");
}

/* Everything written: wait until it is acknowledged, and note how TCP then stands. */
static void await_acknowledgement(void)
{
	struct tcp_info info;
	socklen_t n = sizeof info;
	for (int left = 1; ioctl(sock, SIOCOUTQ, &left) == 0 && left > 0;)
		usleep(1000);
	getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &n);
	told->rto = info.tcpi_rto;
	told->rtt = info.tcpi_rtt;
	told->cwnd = info.tcpi_snd_cwnd;
	told->retransmits = info.tcpi_total_retrans;
	told->flushed = 1;
}

void endpoint(int who)
{
	pthread_t reader;
	me = who;
	my = &plan->end[who];
	told = &report->end[who];
	w.m = messages[who];
	w.flush_at = NEVER;
	w.quota_left = my->quota;
	w.blocked = NEVER;
	may_read = my->read_start;
	told->soon_write = told->soon_read = -NEVER;
	mlockall(MCL_CURRENT | MCL_FUTURE);
	pin(plan->app_cpu);
	told->realtime = realtime(40);
	open_connection();
	if (my->mode == REQUESTS) {
		request();
	} else if (my->mode == REPLIES) {
		respond();
	} else {
		if (plan->end[!me].total && pthread_create(&reader, NULL, read_stream, NULL))
			die("cannot start the reader");
		send_stream();
	}
	await_acknowledgement();
	for (;;)
		pause();
}
