/*
 * Starting a ring, looking after the recorder, and forks.
 *
 * The page that holds `producer` is wiped in a forked child (MADV_WIPEONFORK, and
 * the fork handlers for kernels without it): there limit is 0 again, and the first
 * call, or the fork handler, starts a ring of the child's own.  The parent's ring is
 * not even mapped there.
 *
 * System calls are made directly: nothing of the C library that the program or
 * another preloaded library may have replaced is called on the way.
 */
#include "record/producer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define WAIT_NS 50000000 /* between two looks whether the recorder still lives */

struct producer producer;
__thread uint32_t producer_thread __attribute__((tls_model("initial-exec")));

/* What survives a fork. */
static struct {
	enum { SESSION_UNKNOWN, SESSION_ON, SESSION_OFF } state;
	volatile bool starting;
	char folder[200];
	struct control *control;
	uint32_t ring; /* this image's number */
	/* Where its latest fork was recorded; RING_NO_PARENT: no fork is under way. */
	uint32_t fork_ring;
	uint64_t fork_pos;
	_Atomic uint32_t threads;
} session = {.fork_ring = RING_NO_PARENT};

/* Where a process without a recorder writes. */
static struct ring_record nowhere[RING_LEG];

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the session's folder ---- */

/* Where one is in the list of NAME=value texts, each with a zero behind it. */
struct environ_scan {
	size_t matched; /* bytes of RING_ENV "=" that this text begins with */
	bool differs; /* this text is another one */
	size_t nr; /* bytes of the value taken, the zero among them */
};

/* Takes a byte; true: the value has ended, or is too long. */
static bool scan_byte(struct environ_scan *s, char c)
{
	static const char key[] = RING_ENV "=";

	if (s->matched == sizeof key - 1) {
		session.folder[s->nr++] = c;
		return c == '\0' || s->nr == sizeof session.folder;
	}
	if (!s->differs && c == key[s->matched]) {
		s->matched++;
	} else {
		s->matched = 0;
		s->differs = c != '\0';
	}
	return false;
}

/*
 * The value of RING_ENV as the program was started with it: getenv may be the program's own,
 * or be too early.
 */
static bool read_folder(void)
{
	struct environ_scan s = {.nr = 0};
	char bytes[4096];
	bool done = false;
	long got;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while (!done && (got = syscall(SYS_read, fd, bytes, sizeof bytes)) > 0)
		for (long i = 0; i < got && !done; i++)
			done = scan_byte(&s, bytes[i]);
	syscall(SYS_close, fd);
	return s.nr > 1 && session.folder[s.nr - 1] == '\0';
}

/* "FOLDER/name" */
static void path_of(char *path, const char *name)
{
	size_t n = strlen(session.folder);

	memcpy(path, session.folder, n);
	path[n] = '/';
	strcpy(path + n + 1, name);
}

static void *map_file(const char *path, int flags, size_t bytes)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_RDWR | O_CLOEXEC, 0600);
	void *p = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if ((flags & O_CREAT) == 0 || syscall(SYS_ftruncate, fd, bytes) == 0)
		p = (void *)syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				    0);
	syscall(SYS_close, fd);
	return p == MAP_FAILED ? NULL : p;
}

static void join_session(void)
{
	char path[sizeof session.folder + 16];

	session.state = SESSION_OFF;
	if (!read_folder())
		return;
	path_of(path, "control");
	session.control = map_file(path, 0, sizeof *session.control);
	if (session.control != NULL && session.control->magic == RING_MAGIC)
		session.state = SESSION_ON;
}

static bool recorder_gone(void)
{
	return atomic_load(&session.control->closed) != 0 ||
	       (syscall(SYS_kill, session.control->recorder, 0) != 0 && errno == ESRCH);
}

/* ---- the ring ---- */

/* No recorder, or it has gone: calls are noted where nobody reads. */
static void stop_recording(void)
{
	for (unsigned i = 0; i < RING_LEGS; i++)
		atomic_store_explicit(&producer.legs[i], (uintptr_t)nowhere, memory_order_relaxed);
	producer.extras = false;
	atomic_store_explicit(&producer.limit, UINT64_MAX, memory_order_release);
}

static bool stopped(void)
{
	return atomic_load_explicit(&producer.limit, memory_order_acquire) == UINT64_MAX;
}

static unsigned char *part_address(uint32_t part)
{
	return (unsigned char *)producer.ring + RING_HEADER_BYTES + part * RING_PART_BYTES;
}

/* Memory for a fresh part; a full file system gives an error here and no signal later. */
static bool populate(uint32_t part)
{
	return syscall(SYS_madvise, part_address(part), RING_PART_BYTES, MADV_POPULATE_WRITE) ==
		       0 ||
	       errno == EINVAL;
}

/* Lays the next leg; false: every part is still to be read. */
static bool lay_leg(void)
{
	struct ring *ring = producer.ring;
	uint64_t leg = atomic_load(&ring->legs);
	uint32_t entry;

	if (producer.reused < leg && atomic_load(&ring->head) >= (producer.reused + 1) * RING_LEG) {
		entry = atomic_load(&ring->map[producer.reused++ % RING_LEGS]) ^ 1;
	} else {
		if (producer.fresh < producer.parts && !populate(producer.fresh))
			producer.parts = producer.fresh;
		if (producer.fresh == producer.parts)
			return false;
		entry = producer.fresh++ << 1 | 1;
	}
	atomic_store(&ring->map[leg % RING_LEGS], entry);
	atomic_store(&producer.legs[leg % RING_LEGS],
		     (uintptr_t)part_address(entry >> 1) | (entry & 1));
	atomic_store(&ring->legs, leg + 1);
	if (leg > 0)
		atomic_store_explicit(&producer.limit, leg * RING_LEG, memory_order_release);
	return true;
}

static void number_name(char *out, uint32_t number)
{
	char digits[12];
	int n = 0;

	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	while (n > 0)
		*out++ = digits[--n];
	*out = '\0';
}

static struct ring *make_ring(uint32_t number, uint32_t parts)
{
	char path[sizeof session.folder + 16], name[12];
	struct ring *ring;
	long n;

	number_name(name, number);
	path_of(path, name);
	ring = map_file(path, O_CREAT | O_EXCL, ring_bytes(parts));
	if (ring == NULL)
		return NULL;
	if (syscall(SYS_madvise, ring, RING_HEADER_BYTES, MADV_POPULATE_WRITE) != 0 &&
	    errno != EINVAL) {
		syscall(SYS_munmap, ring, ring_bytes(parts));
		return NULL;
	}
	syscall(SYS_madvise, ring, ring_bytes(parts), MADV_DONTFORK);
	ring->magic = RING_MAGIC;
	ring->pid = (int32_t)syscall(SYS_getpid);
	ring->parent = session.fork_ring;
	ring->parent_pos = session.fork_pos;
	n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", ring->command,
		    sizeof ring->command - 1);
	ring->command[n > 0 ? n : 0] = '\0';
	return ring;
}

static void ring_bell(struct control *control)
{
	atomic_fetch_add(&control->bell, 1);
	if (atomic_load(&control->sleeping) != 0)
		syscall(SYS_futex, &control->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool open_ring(struct control *control)
{
	uint32_t number = atomic_fetch_add(&control->nr_rings, 1);
	struct ring *ring = number < CONTROL_RINGS ? make_ring(number, control->parts) : NULL;

	producer.ring = ring;
	producer.parts = control->parts;
	if (ring == NULL || !lay_leg() || !lay_leg()) {
		atomic_fetch_add(&control->nr_unrecorded, 1);
		if (number < CONTROL_RINGS)
			atomic_store(&control->state[number], RING_FAILED);
		return false;
	}
	session.ring = number;
	producer.control = control;
	producer.extras = control->times != 0 || control->sites != 0;
	atomic_store_explicit(&producer.tail, 0, memory_order_relaxed);
	atomic_store(&control->state[number], RING_READY);
	ring_bell(control);
	return true;
}

/* The first call of an image, or of a forked child: there is one thread. */
static void start(void)
{
	uint64_t all = ~UINT64_C(0), before = 0;

	if (session.starting)
		return;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
	session.starting = true;
	if (session.state == SESSION_UNKNOWN)
		join_session();
	else if (session.fork_ring == RING_NO_PARENT)
		session.fork_ring = RING_LOST_PARENT;
	syscall(SYS_madvise, &producer, sizeof producer, MADV_WIPEONFORK);
	if (session.state == SESSION_OFF || recorder_gone() || !open_ring(session.control))
		stop_recording();
	session.fork_ring = RING_NO_PARENT;
	session.starting = false;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

/* ---- records ---- */

static uint32_t this_thread(void)
{
	if (producer_thread == 0) {
		uint32_t n = atomic_fetch_add(&session.threads, 1) + 1;

		producer_thread = n > UINT16_MAX ? UINT16_MAX + 1 : n;
	}
	return producer_thread - 1;
}

/* Waits until the recorder has read something beyond `head`; false: it has gone. */
static bool wait_for_head(uint64_t head)
{
	struct ring *ring = producer.ring;
	struct timespec timeout = {0, WAIT_NS};
	uint64_t since = now_ns();
	bool gone = false;

	atomic_fetch_add(&ring->waiting, 1);
	while (atomic_load(&ring->head) == head && !(gone = recorder_gone())) {
		ring_bell(producer.control);
		syscall(SYS_futex, &ring->head, FUTEX_WAIT, (uint32_t)head, &timeout, NULL, 0);
	}
	atomic_fetch_sub(&ring->waiting, 1);
	atomic_fetch_add(&ring->waited_ns, now_ns() - since);
	return !gone;
}

/*
 * Lays legs until the one after position `pos`'s is there.  One thread at a time, and
 * without signals: a handler's own call could not wait for the thread it interrupted.
 * False: a part must be read first.
 */
static bool lay_beyond(uint64_t pos)
{
	uint64_t all = ~UINT64_C(0), before = 0;
	bool laid = true;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
	while (atomic_exchange_explicit(&producer.locked, true, memory_order_acquire))
		syscall(SYS_sched_yield);
	while (laid && !stopped() && atomic_load(&producer.ring->legs) * RING_LEG <= pos + RING_LEG)
		laid = lay_leg();
	atomic_store_explicit(&producer.locked, false, memory_order_release);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	return laid;
}

/*
 * Position `pos` is at or past the limit: wakes the recorder, lays the next leg, waits for its
 * place if it must.
 */
static void look_after(uint64_t pos)
{
	if (stopped())
		return;
	ring_bell(producer.control);
	for (;;) {
		uint64_t head = atomic_load(&producer.ring->head);

		if (lay_beyond(pos))
			return;
		if (!wait_for_head(head)) {
			stop_recording();
			return;
		}
	}
}

/* The leg of position `last` is not laid yet: so many threads passed the limit together. */
static bool beyond_legs(uint64_t last)
{
	return !stopped() && last >= atomic_load(&producer.ring->legs) * RING_LEG;
}

static void publish_call(uint64_t pos, const struct call *call, bool sized)
{
	uint64_t size = sized ? call->size : 0;

	ring_publish(&producer, pos, call->value, ring_descriptor(call->kind, this_thread(), size));
}

static unsigned attributes(const struct call *call, uint64_t value[RING_ATTRS],
			   enum ring_kind kind[RING_ATTRS])
{
	unsigned n = 0;

	if (call->attr != NR_RING_KINDS) {
		kind[n] = call->attr;
		value[n++] = call->attr_value;
	}
	if (!ring_size_fits(call->size)) {
		kind[n] = ATTR_SIZE;
		value[n++] = call->size;
	}
	if (producer.extras && producer.control->times != 0) {
		kind[n] = ATTR_TIME;
		value[n++] = now_ns();
	}
	if (producer.extras && producer.control->sites != 0) {
		kind[n] = ATTR_SITE;
		value[n++] = (uintptr_t)call->site;
	}
	return n;
}

static bool ready(void)
{
	if (atomic_load_explicit(&producer.limit, memory_order_acquire) == 0)
		start();
	return !session.starting;
}

uint64_t producer_put(const struct call *call)
{
	enum ring_kind kind[RING_ATTRS];
	uint64_t value[RING_ATTRS], pos;
	unsigned n;
	int saved = errno;

	if (!ready())
		return 0;
	n = attributes(call, value, kind);
	pos = ring_reserve(&producer, n + 1);
	if (beyond_legs(pos + n))
		look_after(pos + n);
	for (unsigned i = 0; i < n; i++)
		ring_publish(&producer, pos + i, value[i],
			     ring_descriptor(kind[i], this_thread(), 0));
	publish_call(pos + n, call, ring_size_fits(call->size));
	if (pos + n >= atomic_load_explicit(&producer.limit, memory_order_acquire))
		look_after(pos + n);
	errno = saved;
	return pos + n;
}

void producer_put_late(uint64_t pos, const struct call *call)
{
	int saved = errno;

	if (atomic_load_explicit(&producer.limit, memory_order_acquire) == 0) {
		producer_put(call);
	} else {
		if (beyond_legs(pos))
			look_after(pos);
		publish_call(pos, call, true);
		look_after(pos);
	}
	errno = saved;
}

/* ---- the image's map, for the names of call sites ---- */

/*
 * Copies /proc/self/maps to "FOLDER/maps-NUMBER": at start, and at exit for what was loaded
 * meanwhile.
 */
static void keep_map(void)
{
	char path[sizeof session.folder + 16], name[20] = "maps-", bytes[4096];
	long from, to, got;

	number_name(name + 5, session.ring);
	path_of(path, name);
	from = syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
	to = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while ((got = syscall(SYS_read, from, bytes, sizeof bytes)) > 0)
		if (syscall(SYS_write, to, bytes, got) != got)
			break;
	syscall(SYS_close, from);
	syscall(SYS_close, to);
}

static bool wants_map(void)
{
	return session.state == SESSION_ON && producer.ring != NULL && session.control->sites != 0;
}

/* ---- forks ---- */

static void before_fork(void)
{
	session.fork_pos = producer_put(&(struct call){CALL_FORK, 0, 0, NR_RING_KINDS, 0, NULL});
	session.fork_ring = session.ring;
}

static void after_fork_in_parent(void)
{
	session.fork_ring = RING_NO_PARENT;
}

/* At once, not at the child's first call: what it inherits is kept by the recorder until then. */
static void after_fork_in_child(void)
{
	if (atomic_load_explicit(&producer.limit, memory_order_relaxed) != 0)
		memset(&producer, 0, sizeof producer);
	if (ready() && wants_map())
		keep_map();
}

__attribute__((constructor)) static void at_start(void)
{
	if (!ready() || session.state != SESSION_ON)
		return;
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
	if (wants_map())
		keep_map();
}

__attribute__((destructor)) static void at_exit(void)
{
	if (wants_map())
		keep_map();
}
