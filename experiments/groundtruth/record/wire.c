/*
 * The wire: takes packets from one TUN device, lets them wait as models/link.py says, hands them to the other.
 *
 * The same integers as there: FIFO with a byte limit, serialiser, propagation, the packet's own jitter and spike,
 * stalls, order kept, loss behind the serialiser. What happens to packet k was decided before (plan's fates), so that
 * a simulation of the same seed meets the same luck. The handshake is spared, as in the simulation.
 *
 * It polls while something is due soon (a hand-over, an endpoint's announced step, a tick: kernel timers fire there)
 * or has just happened, and sleeps otherwise.
 */
#include "recorder.h"
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SLOTS 8192		/* packets under way in one direction: models.state.PACKETS */
#define NANOBITS 8000000000LL
#define BEFORE 120000		/* ns: awake so long before anything is due ... */
#define AFTER 150000		/* ... and so long after anything happened */
#define TICK_AFTER 60000	/* ns that a tick's timers may take to send */

enum { RANDOM_LOSS = 1, FIFO_FULL };
enum { SPIKED = 1, STALLED, BEHIND };

struct slot { struct packet *log; int64_t done; unsigned char *bytes; };

static struct line {
	const struct direction *d;
	struct slot slot[SLOTS];	/* under way: [head, tail) */
	unsigned head, tail, queued;	/* [queued, tail) are still in the FIFO */
	int64_t idx, free, last_due, backlog, bg_next, seen_empty;
} line[2];

static int woken;		/* a packet has ended the wire's sleep: how long it waited is not known */

static int64_t serialisation_ns(const struct direction *d, int64_t bytes)
{
	return d->rate ? (bytes + d->overhead) * NANOBITS / d->rate : 0;
}

/* Let the other traffic that has arrived by now take its place in the FIFO. */
static void background(struct line *l, int64_t now)
{
	const struct direction *d = l->d;
	for (; d->bg_gap && l->bg_next <= now; l->bg_next += d->bg_gap) {
		int64_t start = l->free > l->bg_next ? l->free : l->bg_next;
		if (!d->queue || (start - l->bg_next) * d->rate / NANOBITS + d->bg_size <= d->queue)
			l->free = start + serialisation_ns(d, d->bg_size);
	}
}

/* Fix when a packet arrives that leaves the serialiser at `done`; what was decided about it comes from the plan. */
static void travel(struct line *l, struct packet *p, int64_t done)
{
	static const struct fate none;
	int64_t spared = p->way == 0 ? 2 : 1;
	const struct fate *f = p->idx < l->d->fates && p->idx >= spared ? &fates[p->way][p->idx] : &none;
	if (l->d->fates && p->idx >= l->d->fates)
		report->out_of_fates = 1;
	if (f->lost) {
		p->drop = RANDOM_LOSS;
		p->due = done + l->d->delay;
		return;
	}
	int64_t due = done + l->d->delay + f->jitter + f->spike;
	p->hit = f->spike > 0 ? SPIKED : 0;
	for (int i = 0; i < l->d->nstalls; i++)
		if (l->d->stall[i][0] <= due && due < l->d->stall[i][1]) {
			due = l->d->stall[i][1];
			p->hit = STALLED;
		}
	if (due < l->last_due) {
		if (!p->hit && l->last_due - due > 1000)
			p->hit = BEHIND;
		due = l->last_due;
	}
	l->last_due = p->due = due;
}

/* Offer a packet to the link at `now`; 0 when it is lost at once. */
static int offer(struct line *l, struct slot *s, int64_t now)
{
	struct packet *p = s->log;
	s->done = now;
	if (l->d->rate) {
		background(l, now);
		for (; l->queued != l->tail && l->slot[l->queued % SLOTS].done <= now; l->queued++)
			l->backlog -= l->slot[l->queued % SLOTS].log->iplen;
		p->backlog = l->backlog;
		if (l->d->queue && p->backlog + p->iplen > l->d->queue) {
			p->drop = FIFO_FULL;
			return 0;
		}
		s->done = (l->free > now ? l->free : now) + serialisation_ns(l->d, p->iplen);
		l->free = s->done;
		l->backlog += p->iplen;
	}
	travel(l, p, s->done);
	return 1;
}

static int64_t be32(const unsigned char *b)
{
	return (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

/* Note the TCP header of an IPv4 packet; 0 when it is something else. */
static int parse(struct packet *p, const unsigned char *b, int n)
{
	const struct iphdr *ip = (const void *)b;
	if (n < 40 || ip->version != 4 || ip->protocol != IPPROTO_TCP)
		return 0;
	const struct tcphdr *t = (const void *)(b + ip->ihl * 4);
	const unsigned char *o = (const void *)(t + 1), *end = (const unsigned char *)t + t->doff * 4;
	p->iplen = n;
	p->seq = ntohl(t->seq);
	p->ack = ntohl(t->ack_seq);
	p->flags = ((const unsigned char *)t)[13];
	p->win = ntohs(t->window);
	p->len = n - ip->ihl * 4 - t->doff * 4;
	p->scale = -1;
	while (o + 1 < end && *o != TCPOPT_EOL) {
		if (*o == TCPOPT_NOP) {
			o++;
			continue;
		}
		if (o[1] < 2)
			break;
		if (*o == TCPOPT_WINDOW)
			p->scale = o[2];
		if (*o == TCPOPT_SACK)
			for (; p->nsack < 3 && 2 + 8 * (p->nsack + 1) <= o[1]; p->nsack++) {
				p->sack[2 * p->nsack] = be32(o + 2 + 8 * p->nsack);
				p->sack[2 * p->nsack + 1] = be32(o + 6 + 8 * p->nsack);
			}
		o += o[1];
	}
	return 1;
}

/* Take one packet from the kernel that sends in direction `way`; 0 when there is none. */
static int take(int way, int tun)
{
	struct line *l = &line[way];
	struct slot *s = &l->slot[l->tail % SLOTS];
	struct packet *p = &packets[report->packets];
	int64_t before = now_ns();

	if (l->tail - l->head == SLOTS || report->packets == plan->packets) {
		errno = ENOBUFS;
		die("more packets than a recording can hold");
	}
	int n = read(tun, s->bytes, plan->end[way].mtu);
	if (n < 0) {
		l->seen_empty = before;
		return 0;
	}
	*p = (struct packet){ .way = way, .taken = now_ns() };
	p->late = woken ? -1 : p->taken - l->seen_empty;
	if (!parse(p, s->bytes, n))
		return 1;
	p->idx = l->idx++;
	report->packets++;
	s->log = p;
	if (offer(l, s, p->taken))
		l->tail++;
	return 1;
}

/* The packet at the head is due: give it to the receiving kernel, whose whole input path runs inside write(). */
static void hand_over(int way, int tun)
{
	struct line *l = &line[way];
	struct slot *s = &l->slot[l->head++ % SLOTS];
	struct packet *p = s->log;
	if (p->drop)
		return;
	p->out = now_ns();
	if (write(tun, s->bytes, p->iplen) != p->iplen)
		die("a TUN device refuses a packet");
	p->handed = now_ns();
}

/* Which direction's head comes first, and when. */
static int first(int64_t *due)
{
	int way = -1;
	*due = NEVER;
	for (int i = 0; i < 2; i++) {
		struct line *l = &line[i];
		if (l->head != l->tail && l->slot[l->head % SLOTS].log->due < *due) {
			*due = l->slot[l->head % SLOTS].log->due;
			way = i;
		}
	}
	return way;
}

/* The next moment from `now` on at which a packet may come in. */
static int64_t expected(int64_t now)
{
	int64_t tick = now - TICK_AFTER + report->t0;
	int64_t soon = (tick / plan->tick + 1) * plan->tick - report->t0;
	for (int who = 0; who < 2; who++) {
		const volatile struct end *e = &report->end[who];
		int64_t write = e->soon_write, read = e->soon_read;
		if (now < write && write < soon)
			soon = write;
		if (now < read && read < soon)
			soon = read;
	}
	return soon;
}

/* Has everything that was written been acknowledged and read? */
static int all_done(void)
{
	const volatile struct end *a = &report->end[CLIENT], *b = &report->end[SERVER];
	return a->flushed && b->flushed && a->written == b->read && b->written == a->read;
}

static int an_end_died(void)
{
	siginfo_t child = { 0 };
	return waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid;
}

/* Sleep until `until`, or until a packet comes in. */
static void sleep_on(const int tun[2], int64_t until)
{
	struct pollfd fds[2] = { { tun[0], POLLIN, 0 }, { tun[1], POLLIN, 0 } };
	int64_t from = now_ns(), span = until - from;
	struct timespec t = { span / 1000000000, span % 1000000000 };
	if (span <= 0)
		return;
	if (ppoll(fds, 2, &t, NULL) == 0) {
		line[0].seen_empty = line[1].seen_empty = until;
		if (now_ns() - until > report->overslept)
			report->overslept = now_ns() - until;
	} else {
		woken = 1;
	}
	report->sleeps++;
	report->slept += now_ns() - from;
}

/* Everything that takes its time, before the clock is set. */
void prepare_wire(void)
{
	int64_t mtu = plan->end[0].mtu > plan->end[1].mtu ? plan->end[0].mtu : plan->end[1].mtu;
	for (int way = 0; way < 2; way++) {
		unsigned char *bytes = calloc(SLOTS, mtu);
		if (!bytes)
			die("no memory for packets");
		line[way].d = &plan->way[way];
		line[way].last_due = -NEVER;
		line[way].free = line[way].seen_empty = -plan->lead;
		for (int i = 0; i < SLOTS; i++)
			line[way].slot[i].bytes = bytes + i * mtu;
	}
	mlockall(MCL_CURRENT | MCL_FUTURE);
	pin(plan->wire_cpu);
	report->realtime = realtime(50);
}

/* From connect() until all is done and `linger` has passed, or until the limit. */
void wire(const int tun[2])
{
	int64_t active = -NEVER, over = NEVER, due;

	for (;;) {
		int busy = 0, way;
		for (int i = 0; i < 2; i++)
			for (int n = 0; n < 32 && take(i, tun[i]); n++)
				busy = 1;
		woken = 0;
		int64_t now = now_ns();
		if ((report->cut_short = now >= plan->limit))
			return;
		if ((way = first(&due)) >= 0 && due <= now) {
			hand_over(way, tun[!way]);
			active = now_ns();
			continue;
		}
		if (busy)
			active = now;
		if (now - active <= AFTER)
			continue;
		if (over == NEVER && all_done())
			over = now + plan->linger;
		if (now >= over || an_end_died())
			return;
		int64_t soon = expected(now);
		if (due < soon)
			soon = due;
		if (soon - now > BEFORE)
			sleep_on(tun, soon - BEFORE < over ? soon - BEFORE : over);
	}
}
