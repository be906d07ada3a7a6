#include "record/image.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include <time.h>
#include <unistd.h>

#define AHEAD     12 /* records between a prefetch of the table and its use */
#define HEAD_STEP 1024 /* records between two stores of ring->head */
#define STUCK_NS  2000000000u /* a record missing this long while producers wait was abandoned */

/* ---- life ---- */

static struct ring *map_ring(const char *path, uint32_t parts, struct diag *d)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)ring_bytes(parts))
		p = mmap(NULL, ring_bytes(parts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		diag_set(d, path, 0, 0, "cannot map a recorded process's ring: %s",
			 strerror(errno));
	if (fd >= 0)
		close(fd);
	unlink(path);
	return p == MAP_FAILED ? NULL : p;
}

struct image *image_open(const char *folder, uint32_t number, uint32_t parts, struct diag *d)
{
	struct image *im = calloc(1, sizeof *im);
	char path[512];

	snprintf(path, sizeof path, "%s/%u", folder, number);
	if (im == NULL) {
		diag_set(d, path, 0, 0, "out of memory");
		return NULL;
	}
	im->ring = map_ring(path, parts, d);
	if (im->ring == NULL) {
		free(im);
		return NULL;
	}
	im->number = number;
	im->parts = parts;
	im->leg = UINT64_MAX;
	im->pid = im->ring->pid;
	im->pidfd = (int)syscall(SYS_pidfd_open, im->pid, 0);
	snprintf(im->command, sizeof im->command, "%.255s", im->ring->command);
	return im;
}

int image_end(struct image *im, struct diag *d)
{
	int err;

	im->events = translator_events(&im->translator);
	err = translator_finish(&im->translator, d);
	im->state = IMAGE_ENDED;
	im->waited_ns = atomic_load(&im->ring->waited_ns);
	munmap(im->ring, ring_bytes(im->parts));
	im->ring = NULL;
	if (im->pidfd >= 0)
		close(im->pidfd);
	im->pidfd = -1;
	sites_destroy(im->translator.sites);
	im->translator.sites = NULL;
	return err;
}

void image_free(struct image *im)
{
	if (im->ring != NULL)
		munmap(im->ring, ring_bytes(im->parts));
	if (im->pidfd >= 0)
		close(im->pidfd);
	trace_writer_abort(im->translator.writer);
	im->translator.writer = NULL;
	livemap_finish(&im->translator.live);
	free(im->translator.moving);
	sites_destroy(im->translator.sites);
	for (unsigned i = 0; i < IMAGE_SNAPSHOTS; i++)
		livemap_finish(&im->snapshots[i].live);
	free(im);
}

bool image_process_gone(const struct image *im)
{
	struct pollfd p = {.fd = im->pidfd, .events = POLLIN};

	if (im->superseded)
		return true;
	if (im->pidfd >= 0)
		return poll(&p, 1, 0) == 1;
	return kill(im->pid, 0) != 0 && errno == ESRCH;
}

/* ---- forks ---- */

static int take_snapshot(struct image *im, uint64_t pos, struct diag *d)
{
	struct snapshot *s = &im->snapshots[im->nr_snapshots % IMAGE_SNAPSHOTS];

	livemap_finish(&s->live);
	s->pos = pos;
	im->nr_snapshots++;
	if (translator_inherit(&s->live, &im->translator) != 0)
		return diag_set(d, im->translator.path, 0, 0, "out of memory at a fork");
	return 0;
}

bool image_claim(struct image *parent, uint64_t pos, struct livemap *out)
{
	unsigned n =
		parent->nr_snapshots < IMAGE_SNAPSHOTS ? parent->nr_snapshots : IMAGE_SNAPSHOTS;

	for (unsigned i = 0; i < n; i++) {
		if (parent->snapshots[i].pos != pos)
			continue;
		*out = parent->snapshots[i].live;
		parent->snapshots[i] = (struct snapshot){.pos = UINT64_MAX};
		return true;
	}
	return false;
}

/* ---- reading ---- */

/* Makes the leg of a position the current one; false: it is not laid. */
static bool enter_leg(struct image *im, uint64_t pos)
{
	uint64_t leg = pos >> RING_LEG_SHIFT;
	uint32_t entry;

	if (leg == im->leg)
		return true;
	if (leg >= atomic_load(&im->ring->legs))
		return false;
	entry = atomic_load(&im->ring->map[leg % RING_LEGS]);
	if (entry >> 1 >= im->parts)
		return false;
	im->records = (const struct ring_record *)((const char *)im->ring + RING_HEADER_BYTES +
						   (entry >> 1) * RING_PART_BYTES);
	im->phase = entry & 1;
	im->leg = leg;
	return true;
}

static bool published(struct image *im, uint64_t pos)
{
	uint64_t d;

	if (!enter_leg(im, pos))
		return false;
	d = atomic_load_explicit(&im->records[pos & (RING_LEG - 1)].descriptor,
				 memory_order_acquire);
	return (d & 1) == im->phase;
}

bool image_has_record(struct image *im)
{
	return published(im, im->head);
}

/* Lets producers that wait go on. */
static void give_back(struct image *im)
{
	atomic_store(&im->ring->head, im->head);
	if (atomic_load(&im->ring->waiting) != 0)
		syscall(SYS_futex, &im->ring->head, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* An attribute is kept for the call that follows it. */
static void keep_attribute(struct image *im, enum ring_kind kind, uint64_t value)
{
	struct heap_call *call = &im->call;
	uint64_t *const places[NR_RING_KINDS] = {
		[ATTR_OLD] = &call->old,      [ATTR_ALIGN] = &call->align,
		[ATTR_COUNT] = &call->count,  [ATTR_SIZE] = &call->size,
		[ATTR_TIME] = &call->time_ns, [ATTR_SITE] = &call->site,
	};

	im->attributes = true;
	call->timed |= kind == ATTR_TIME;
	if (places[kind] != NULL)
		*places[kind] = value;
}

static void forget_attributes(struct image *im)
{
	im->call = (struct heap_call){0};
	im->attributes = false;
}

/* A call with attributes, or another one than the usual. */
static int take_call(struct image *im, enum ring_kind kind, uint32_t thread, uint64_t value,
		     uint64_t size, struct diag *d)
{
	struct heap_call *call = &im->call;
	int done;

	if (im->translator.path[0] == '\0')
		return 0;
	call->kind = kind;
	call->thread = thread;
	call->size |= size;
	call->address = value;
	done = translator_put(&im->translator, call, d);
	forget_attributes(im);
	return done;
}

static int take_other(struct image *im, uint64_t pos, enum ring_kind kind, uint64_t value,
		      struct diag *d)
{
	if (kind == CALL_FORK) {
		forget_attributes(im);
		return im->translator.path[0] == '\0' ? 0 : take_snapshot(im, pos, d);
	}
	if (kind < NR_RING_KINDS)
		keep_attribute(im, kind, value);
	return 0;
}

static int take_record(struct image *im, uint64_t pos, uint64_t descriptor, uint64_t value,
		       struct diag *d)
{
	enum ring_kind kind = (enum ring_kind)(descriptor >> 1 & 31);
	uint32_t thread = descriptor >> 6 & 0xffff;
	uint64_t size = descriptor >> 22;
	int done;

	if (kind >= CALL_FORK)
		return take_other(im, pos, kind, value, d);
	im->calls++;
	if (!im->attributes) {
		done = translator_plain(&im->translator, kind, thread, value, size, d);
		if (done != 0)
			return done < 0 ? -1 : 0;
	}
	return take_call(im, kind, thread, value, size, d);
}

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/*
 * A signal handler may have left by longjmp between a record's reservation and its
 * storing; when producers wait for long behind such a gap, it is passed over.
 */
static void pass_if_stuck(struct image *im)
{
	if (atomic_load(&im->ring->waiting) == 0) {
		im->stuck_ns = 0;
	} else if (im->stuck_ns == 0) {
		im->stuck_ns = monotonic_ns();
	} else if (monotonic_ns() - im->stuck_ns > STUCK_NS && image_pass_gap(im)) {
		im->lost++;
		im->stuck_ns = 0;
	}
}

/*
 * The records from `head` that are there, to the end of its leg and at most so many.  The
 * table's place of a record further on is fetched meanwhile; if that is not written yet, some
 * other place.
 */
static int drain_leg(struct image *im, unsigned most, struct diag *d)
{
	const struct ring_record *records = im->records;
	uint64_t head = im->head, end = (head | (RING_LEG - 1)) + 1, phase = im->phase;
	uint64_t descriptor, value;

	if (end - head > most)
		end = head + most;
	for (; head < end; head++) {
		const struct ring_record *r = &records[head & (RING_LEG - 1)];

		descriptor = atomic_load_explicit(&r->descriptor, memory_order_acquire);
		if ((descriptor & 1) != phase)
			break;
		value = atomic_load_explicit(&r->value, memory_order_relaxed);
		r = &records[(head + AHEAD) & (RING_LEG - 1)];
		livemap_prefetch(&im->translator.live,
				 atomic_load_explicit(&r->value, memory_order_relaxed));
		if (take_record(im, head, descriptor, value, d) != 0)
			return -1;
	}
	most = (unsigned)(head - im->head);
	im->head = head;
	return (int)most;
}

int image_drain(struct image *im, unsigned most, struct diag *d)
{
	unsigned n = 0;

	while (n < most && published(im, im->head)) {
		int read = drain_leg(im, most - n < HEAD_STEP ? most - n : HEAD_STEP, d);

		if (read < 0)
			return -1;
		n += (unsigned)read;
		give_back(im);
	}
	if (n == 0)
		pass_if_stuck(im);
	return (int)n;
}

bool image_pass_gap(struct image *im)
{
	for (uint64_t pos = im->head + 1; enter_leg(im, pos); pos++) {
		if (!published(im, pos))
			continue;
		im->head = pos;
		forget_attributes(im);
		give_back(im);
		return true;
	}
	return false;
}
