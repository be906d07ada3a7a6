#include "sim/sweep_pool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 50 /* how often limits of time are looked at */

#define DEPTH 2u /* jobs a worker has: one at work, one so that it need not wait for us */

struct worker {
	pid_t pid; /* 0: not begun */
	int fd; /* our end */
	struct sweep_job job[DEPTH]; /* the first is at work */
	unsigned nr;
	uint64_t since_ns; /* when the first could begin */
};

struct sweep_pool {
	const struct sweep *s;
	int slot[POOL_SLOTS]; /* files in memory */
	uint64_t max_ns; /* of a job; 0: no limit */
	unsigned nr;
	struct worker worker[POOL_MAX_WORKERS];
};

/* What a worker answers: this, and the two texts. */
struct reply {
	char status[16];
	uint64_t cpu_ns, wall_ns;
	uint32_t message_bytes, report_bytes; /* report_bytes 0: no report */
};

/* ---- bytes through a socket ---- */

static bool send_all(int fd, const void *p, size_t bytes)
{
	const char *at = p;

	while (bytes != 0) {
		ssize_t n = send(fd, at, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		bytes -= (size_t)n;
	}
	return true;
}

static bool receive_all(int fd, void *p, size_t bytes)
{
	char *at = p;

	while (bytes != 0) {
		ssize_t n = read(fd, at, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		bytes -= (size_t)n;
	}
	return true;
}

/* ---- in the worker ---- */

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void do_decode(const struct sweep_pool *p, const struct sweep_job *job,
		      struct sweep_result *out)
{
	struct sweep_point point;
	struct diag d = {0};

	*out = (struct sweep_result){.status = "ok"};
	sweep_at(p->s, job->index, &point);
	if (sweep_decode(p->s, &point, p->slot[job->slot], &d) == 0)
		return;
	out->status = "error";
	diag_text(&d, out->message, sizeof out->message);
}

static void do_point(const struct sweep_pool *p, struct sweep_work *w, uint64_t *generation,
		     const struct sweep_job *job, struct sweep_result *out)
{
	struct sweep_point point;
	struct diag d = {0};

	if (*generation != job->generation) {
		*generation = 0;
		if (sweep_work_on(w, p->slot[job->slot], &d) != 0) {
			*out = (struct sweep_result){.status = "error"};
			diag_text(&d, out->message, sizeof out->message);
			return;
		}
		*generation = job->generation;
	}
	sweep_at(p->s, job->index, &point);
	sweep_run_point(w, &point, out);
}

static bool send_reply(int fd, const struct sweep_result *r, uint64_t cpu, uint64_t wall)
{
	struct reply h = {.cpu_ns = cpu,
			  .wall_ns = wall,
			  .message_bytes = (uint32_t)strlen(r->message),
			  .report_bytes = r->report != NULL ? (uint32_t)strlen(r->report) : 0};

	snprintf(h.status, sizeof h.status, "%s", r->status);
	return send_all(fd, &h, sizeof h) && send_all(fd, r->message, h.message_bytes) &&
	       send_all(fd, r->report, h.report_bytes);
}

static void work(const struct sweep_pool *p, int fd)
{
	struct sweep_work w = {.s = p->s};
	uint64_t generation = 0;
	struct sweep_job job;

	while (receive_all(fd, &job, sizeof job)) {
		uint64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID), wall = now_ns(CLOCK_MONOTONIC);
		struct sweep_result r;

		if (job.decode)
			do_decode(p, &job, &r);
		else
			do_point(p, &w, &generation, &job, &r);
		if (!send_reply(fd, &r, now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu,
				now_ns(CLOCK_MONOTONIC) - wall))
			return;
		free(r.report);
	}
}

static int by_number(const void *a, const void *b)
{
	int x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

/*
 * Closes all but the standard files, our socket and the traces: a file of results that a
 * worker held would stay locked when the process that began it is killed.
 */
static void close_others(const struct sweep_pool *p, int fd)
{
	int keep[POOL_SLOTS + 1];
	unsigned from = 3;

	memcpy(keep, p->slot, sizeof p->slot);
	keep[POOL_SLOTS] = fd;
	qsort(keep, POOL_SLOTS + 1, sizeof keep[0], by_number);
	for (unsigned i = 0; i < POOL_SLOTS + 1; i++) {
		if ((unsigned)keep[i] > from)
			close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, ~0u, 0);
}

/* The terminal's Ctrl-C is for the process that knows what is finished. */
static void become_worker(const struct sweep_pool *p, int fd, pid_t parent)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	close_others(p, fd);
	work(p, fd);
	_exit(0);
}

/* ---- in the process that began them ---- */

static int begin(struct sweep_pool *p, struct worker *w, struct diag *d)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return diag_set(d, "", 0, 0, "no worker can be begun: %s", strerror(errno));
	w->pid = fork();
	if (w->pid == 0) {
		close(pair[0]);
		become_worker(p, pair[1], parent);
	}
	close(pair[1]);
	w->fd = pair[0];
	if (w->pid > 0)
		return 0;
	w->pid = 0;
	close(pair[0]);
	return diag_set(d, "", 0, 0, "no worker can be begun: %s", strerror(errno));
}

struct sweep_pool *sweep_pool_new(const struct sweep *s, unsigned workers, struct diag *d)
{
	struct sweep_pool *p = calloc(1, sizeof *p);

	if (p == NULL) {
		diag_set(d, "", 0, 0, "out of host memory");
		return NULL;
	}
	p->s = s;
	p->max_ns = s->max_seconds * UINT64_C(1000000000);
	p->nr = workers < POOL_MAX_WORKERS ? workers : POOL_MAX_WORKERS;
	for (unsigned i = 0; i < POOL_SLOTS; i++) {
		p->slot[i] = memfd_create("memscape-trace", MFD_CLOEXEC);
		if (p->slot[i] < 0) {
			diag_set(d, "", 0, 0, "no memory for traces: %s", strerror(errno));
			while (i-- > 0)
				close(p->slot[i]);
			free(p);
			return NULL;
		}
	}
	return p;
}

/* Ends a process and says how it ended. */
static int end(struct worker *w)
{
	int how = 0;

	close(w->fd);
	while (waitpid(w->pid, &how, 0) < 0 && errno == EINTR)
		;
	w->pid = 0;
	return how;
}

void sweep_pool_free(struct sweep_pool *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->nr; i++)
		if (p->worker[i].pid != 0) {
			kill(p->worker[i].pid, SIGKILL);
			end(&p->worker[i]);
		}
	for (unsigned i = 0; i < POOL_SLOTS; i++)
		close(p->slot[i]);
	free(p);
}

unsigned sweep_pool_idle(const struct sweep_pool *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->nr; i++)
		n += p->worker[i].nr == 0;
	return n;
}

bool sweep_pool_has_room(const struct sweep_pool *p)
{
	for (unsigned i = 0; i < p->nr; i++)
		if (p->worker[i].nr < DEPTH)
			return true;
	return false;
}

bool sweep_pool_is_busy(const struct sweep_pool *p)
{
	for (unsigned i = 0; i < p->nr; i++)
		if (p->worker[i].nr != 0)
			return true;
	return false;
}

/* The worker with least to do; NULL: all have enough. */
static struct worker *least_busy(struct sweep_pool *p)
{
	struct worker *best = NULL;

	for (unsigned i = 0; i < p->nr; i++)
		if (p->worker[i].nr < DEPTH && (best == NULL || p->worker[i].nr < best->nr))
			best = &p->worker[i];
	return best;
}

int sweep_pool_give(struct sweep_pool *p, const struct sweep_job *job, struct diag *d)
{
	struct worker *w = least_busy(p);

	if (w == NULL)
		return diag_set(d, "", 0, 0, "no worker has room for a job");
	if (w->pid == 0 && begin(p, w, d) != 0)
		return -1;
	if (w->nr == 0)
		w->since_ns = now_ns(CLOCK_MONOTONIC);
	w->job[w->nr++] = *job;
	/* One that has died is found when its answer is awaited. */
	(void)!send_all(w->fd, job, sizeof *job);
	return 0;
}

static const char *status_word(const char *s)
{
	static const char *const words[] = {"ok", "limit", "fault", "error"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(words[i], s) == 0)
			return words[i];
	return "error";
}

/* false: the worker has died. */
static bool read_reply(struct worker *w, struct sweep_done *out)
{
	struct reply h;

	if (!receive_all(w->fd, &h, sizeof h) || h.message_bytes >= sizeof out->result.message ||
	    !receive_all(w->fd, out->result.message, h.message_bytes))
		return false;
	h.status[sizeof h.status - 1] = '\0';
	out->result.status = status_word(h.status);
	out->result.message[h.message_bytes] = '\0';
	out->cpu_ns = h.cpu_ns;
	out->wall_ns = h.wall_ns;
	if (h.report_bytes == 0)
		return true;
	out->result.report = calloc(1, h.report_bytes + 1);
	return out->result.report != NULL && receive_all(w->fd, out->result.report, h.report_bytes);
}

static void first_done(struct worker *w)
{
	w->nr--;
	w->since_ns = now_ns(CLOCK_MONOTONIC);
	memmove(&w->job[0], &w->job[1], w->nr * sizeof w->job[0]);
}

/* Ends the process; a job that waited behind the one at work goes to a new one. */
static int renew(struct sweep_pool *p, struct worker *w)
{
	struct diag d = {0};
	int how;

	kill(w->pid, SIGKILL);
	how = end(w);
	first_done(w);
	if (w->nr != 0 && begin(p, w, &d) == 0)
		(void)!send_all(w->fd, &w->job[0], sizeof w->job[0]);
	return how;
}

/* The job at work has crashed; its process is dead already, or gave an answer without sense. */
static void crashed(struct sweep_pool *p, struct worker *w, struct sweep_done *out)
{
	char *message = out->result.message;
	int how;

	free(out->result.report);
	*out = (struct sweep_done){.job = w->job[0], .result = {.status = "crash"}};
	how = renew(p, w);
	if (WIFSIGNALED(how))
		snprintf(message, sizeof out->result.message,
			 "its process was ended by signal %d (%s)", WTERMSIG(how),
			 strsignal(WTERMSIG(how)));
	else
		snprintf(message, sizeof out->result.message, "its process ended with status %d",
			 WEXITSTATUS(how));
}

static bool has_answer(const struct worker *w)
{
	struct pollfd x = {.fd = w->fd, .events = POLLIN};

	return poll(&x, 1, 0) > 0;
}

/* One that takes longer than it may, wherever it hangs. */
static bool overdue(struct sweep_pool *p, struct sweep_done *out)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	for (unsigned i = 0; i < p->nr && p->max_ns != 0; i++) {
		struct worker *w = &p->worker[i];

		if (w->nr == 0 || w->pid == 0 || now - w->since_ns <= p->max_ns || has_answer(w))
			continue;
		*out = (struct sweep_done){.job = w->job[0],
					   .result = {.status = "timeout"},
					   .cpu_ns = now - w->since_ns,
					   .wall_ns = now - w->since_ns};
		snprintf(out->result.message, sizeof out->result.message,
			 "took more than %llu s and was ended",
			 (unsigned long long)(p->max_ns / 1000000000u));
		renew(p, w);
		return true;
	}
	return false;
}

/* A job for which no process could be made after a crash. */
static bool stranded(struct sweep_pool *p, struct sweep_done *out)
{
	for (unsigned i = 0; i < p->nr; i++) {
		struct worker *w = &p->worker[i];

		if (w->nr == 0 || w->pid != 0)
			continue;
		*out = (struct sweep_done){
			.job = w->job[0],
			.result = {.status = "crash", .message = "no process can be made for it"}};
		first_done(w);
		return true;
	}
	return false;
}

static void take_answer(struct sweep_pool *p, struct worker *w, struct sweep_done *out)
{
	*out = (struct sweep_done){.job = w->job[0]};
	if (read_reply(w, out))
		first_done(w);
	else
		crashed(p, w, out);
}

bool sweep_pool_wait(struct sweep_pool *p, int ms, struct sweep_done *out)
{
	struct pollfd fds[POOL_MAX_WORKERS];
	struct worker *who[POOL_MAX_WORKERS];
	nfds_t n = 0;

	if (stranded(p, out) || overdue(p, out))
		return true;
	for (unsigned i = 0; i < p->nr; i++)
		if (p->worker[i].nr != 0) {
			who[n] = &p->worker[i];
			fds[n++] = (struct pollfd){.fd = p->worker[i].fd, .events = POLLIN};
		}
	if (poll(fds, n, p->max_ns != 0 && ms > LOOK_MS ? LOOK_MS : ms) <= 0)
		return false;
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].revents != 0) {
			take_answer(p, who[i], out);
			return true;
		}
	return false;
}

void sweep_pool_drop(struct sweep_pool *p, unsigned slot)
{
	(void)!ftruncate(p->slot[slot], 0);
}
