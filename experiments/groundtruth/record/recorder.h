/* What the three parts of the helper share: the exchanged records in shared memory, the clock, failure. */
#ifndef RECORDER_H
#define RECORDER_H
#define _GNU_SOURCE
#include "layout.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CLIENT, SERVER };			/* ends; way 0 leads from the client, way 1 from the server */

#define ADDRESS 0xc0000201	/* 192.0.2.1, documentation only: the client; the server has the next */
#define AHEAD 60000		/* ns: sleeps end so long before the moment meant, the rest is spent spinning */

extern struct plan *plan;
extern struct report *report;
extern struct message *messages[2];
extern struct fate *fates[2];
extern struct packet *packets;

void endpoint(int who) __attribute__((noreturn));
void prepare_wire(void);
void wire(const int tun[2]);

/* CLOCK_MONOTONIC, ns. */
static inline int64_t monotonic(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ns since t0. */
static inline int64_t now_ns(void)
{
	return monotonic() - report->t0;
}

static inline void sleep_until(int64_t monotonic_ns)
{
	struct timespec t = { monotonic_ns / 1000000000, monotonic_ns % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* Until `t` ns behind t0, to the microsecond. */
static inline void wait_until(int64_t t)
{
	if (t - now_ns() > AHEAD)
		sleep_until(report->t0 + t - AHEAD);
	while (now_ns() < t)
		;
}

/* Say what went wrong on stderr and end this process; the others notice. */
static inline void die(const char *format, ...)
{
	int error = errno;
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(1);
}

/* Real-time priority for this thread where it is permitted: 1, else 0. */
static inline int realtime(int priority)
{
	struct sched_param p = { .sched_priority = priority };
	return plan->realtime && sched_setscheduler(0, SCHED_FIFO, &p) == 0;
}

static inline void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (cpu >= 0)
		sched_setaffinity(0, sizeof set, &set);
}
#endif
