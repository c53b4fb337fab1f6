/*
 * One recording: two network namespaces with a TUN device each, a process with a TCP endpoint in each, and this
 * process as the wire between the devices.
 *
 * stdin: struct plan, both ends' messages, both ways' fates. stdout: struct report, both ends' messages, the packets.
 *
 * The namespaces have no names and the devices are not persistent: they last as long as the processes, and every
 * process is killed by the kernel when the one that started it ends, however it ends. Nothing can be left behind.
 */
#include "recorder.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define SETTLE 30000000		/* ns between "all is ready" and connect() */
#define PATIENCE 5000000000	/* ns for the ends to become ready */

struct plan *plan;
struct report *report;
struct message *messages[2];
struct fate *fates[2];
struct packet *packets;

/* Be killed when the parent ends; it may have ended already. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(1);
}

/* Memory that parent and children share. */
static void *shared(size_t bytes)
{
	void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED)
		die("no memory for the recording");
	return p;
}

static void *told(size_t bytes)
{
	char *p = shared(bytes);
	for (size_t got = 0; got < bytes;) {
		ssize_t n = read(STDIN_FILENO, p + got, bytes - got);
		if (n <= 0)
			die("the plan ends early");
		got += n;
	}
	return p;
}

static void tell(const void *p, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(STDOUT_FILENO, (const char *)p + done, bytes - done);
		if (n < 0)
			die("cannot report");
		done += n;
	}
}

/* Append what is in a file of /proc to a text of `room` bytes. */
static void append(char *text, size_t room, const char *file)
{
	size_t n = strlen(text);
	int fd = open(file, O_RDONLY);
	ssize_t got = 1;
	while (fd >= 0 && got > 0 && n + 1 < room)
		if ((got = read(fd, text + n, room - 1 - n)) > 0)
			n += got;
	if (fd >= 0)
		close(fd);
}

/* /proc/sys shows, and sets, what holds in the namespace of the process that opens it. */
static void sysctl_path(char *path, size_t room, const char *name)
{
	snprintf(path, room, "/proc/sys/%s", name);
	for (char *c = path + 10; *c; c++)
		if (*c == '.')
			*c = '/';
}

static void set_sysctls(char *lines)
{
	char path[256], *rest = lines;
	for (char *line; (line = strsep(&rest, "\n"));) {
		char *value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = 0;
		sysctl_path(path, sizeof path, line);
		int fd = open(path, O_WRONLY);
		if (fd < 0 || write(fd, value, strlen(value)) < 0)
			die("this kernel refuses sysctl %s = %s in a namespace", line, value);
		close(fd);
	}
}

static void report_sysctls(struct end *e)
{
	char path[256], names[sizeof plan->asked], *rest = strcpy(names, plan->asked);
	for (char *name; (name = strsep(&rest, "\n"));) {
		sysctl_path(path, sizeof path, name);
		size_t n = strlen(e->sysctls);
		if (*name && access(path, R_OK) == 0 && n + 512 < sizeof e->sysctls) {
			sprintf(e->sysctls + n, "%s=", name);
			append(e->sysctls, sizeof e->sysctls, path);
		}
	}
}

/* A TUN device with an address, up, in the namespace this process is in. */
static int open_tun(int who)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(ADDRESS + who) };
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(ADDRESS + !who) };
	int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	strcpy(r.ifr_name, "tinygram0");
	if (tun < 0 || ioctl(tun, TUNSETIFF, &r) < 0)
		die("cannot create a TUN device");
	memcpy(&r.ifr_addr, &own, sizeof own);
	if (ioctl(s, SIOCSIFADDR, &r) < 0)
		die("cannot give the TUN device an address");
	memcpy(&r.ifr_dstaddr, &peer, sizeof peer);
	if (ioctl(s, SIOCSIFDSTADDR, &r) < 0)
		die("cannot give the TUN device a peer");
	r.ifr_mtu = plan->end[who].mtu;
	if (ioctl(s, SIOCSIFMTU, &r) < 0)
		die("cannot set the TUN device's MTU to %d", r.ifr_mtu);
	r.ifr_qlen = 5000;	/* the queue that counts is the wire's */
	ioctl(s, SIOCSIFTXQLEN, &r);
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
		die("cannot bring the TUN device up");
	close(s);
	return tun;
}

/* A new namespace, its device, and the process that is the endpoint there. */
static pid_t start_end(int who, int *tun)
{
	pid_t parent = getpid(), child;
	if (unshare(CLONE_NEWNET) < 0)
		die("cannot create a network namespace");
	set_sysctls(plan->end[who].sysctls);
	report_sysctls(&report->end[who]);
	*tun = open_tun(who);
	if ((child = fork()) < 0)
		die("fork");
	if (child == 0) {
		end_with(parent);
		endpoint(who);
	}
	return child;
}

/* An idle-priority loop keeps a virtual CPU from being given back to the hypervisor: wake-ups stay short. */
static pid_t start_spinner(int cpu)
{
	pid_t parent = getpid(), child = fork();
	struct sched_param none = { 0 };
	if (child == 0) {
		end_with(parent);
		pin(cpu);
		for (int idle = sched_setscheduler(0, SCHED_IDLE, &none) == 0;;)
			if (!idle)
				pause();
	}
	return child;
}

static void stop(pid_t child)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}

/* t0: when both ends are ready, and where the plan wants it on the tick grid. */
static void choose_t0(const pid_t child[2])
{
	int64_t deadline = monotonic() + PATIENCE;
	while (!report->end[CLIENT].ready || !report->end[SERVER].ready) {
		for (int who = 0; who < 2; who++)
			if (waitpid(child[who], NULL, WNOHANG) != 0)
				exit(1);	/* it has said why */
		if (monotonic() > deadline) {
			errno = ETIMEDOUT;
			die("the endpoints did not start");
		}
		usleep(1000);
	}
	int64_t soonest = monotonic() + SETTLE + plan->lead;
	int64_t t0 = (soonest / plan->tick + 1) * plan->tick + plan->phase;
	__atomic_store_n(&report->t0, t0, __ATOMIC_RELEASE);
}

int main(int argc, char **argv)
{
	int tun[2], over[2] = { 0, 0 }, status[2];
	pid_t child[2], spinner[2] = { 0, 0 };
	char path[64];

	end_with(argc > 1 ? atoi(argv[1]) : getppid());
	plan = told(sizeof *plan);
	for (int i = 0; i < 2; i++)
		messages[i] = told(plan->end[i].total * sizeof **messages);
	for (int i = 0; i < 2; i++)
		fates[i] = told(plan->way[i].fates * sizeof **fates);
	packets = shared(plan->packets * sizeof *packets);
	report = shared(sizeof *report);
	signal(SIGPIPE, SIG_IGN);

	for (int who = 1; who >= 0; who--)
		child[who] = start_end(who, &tun[who]);
	if (plan->realtime) {
		spinner[0] = start_spinner(plan->wire_cpu);
		spinner[1] = start_spinner(plan->app_cpu);
	}
	prepare_wire();
	choose_t0(child);
	wire(tun);
	for (int who = 0; who < 2; who++) {
		over[who] = waitpid(child[who], &status[who], WNOHANG) != 0;
		for (int i = 0; i < 3; i++) {
			snprintf(path, sizeof path, "/proc/%d/net/%s", child[who], (const char *[]){ "netstat", "snmp", "dev" }[i]);
			append(report->end[who].counters, sizeof report->end[who].counters, path);
		}
	}
	for (int who = 0; who < 2; who++) {
		stop(spinner[who]);
		if (!over[who])
			stop(child[who]);
	}
	if (over[CLIENT] || over[SERVER])
		return 1;
	tell(report, sizeof *report);
	for (int i = 0; i < 2; i++)
		tell(messages[i], plan->end[i].total * sizeof **messages);
	tell(packets, report->packets * sizeof *packets);
	return 0;
}
