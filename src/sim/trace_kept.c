#include "sim/trace_kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/trace_change.h"
#include "sim/trace_format.h"
#include "sim/trace_ops.h"

#define HEAD_BYTES 4096u /* events begin at a page */
#define MAGIC      "MSKEPT1"

_Static_assert(sizeof(struct kept_head) <= HEAD_BYTES, "the head is one page");

/* ---- writing ---- */

static int cannot(struct diag *d, const char *what)
{
	return diag_set(d, "", 0, 0, "cannot %s a trace in memory: %s", what, strerror(errno));
}

static int put(int fd, const void *p, size_t bytes, struct diag *d)
{
	const char *at = p;

	while (bytes != 0) {
		ssize_t n = write(fd, at, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot(d, "keep");
		at += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int put_strings(int fd, const struct trace_reader *r, struct diag *d)
{
	for (uint32_t i = 1; i < trace_nr_strings(r); i++) {
		const char *text = trace_string(r, i);
		uint32_t bytes = (uint32_t)strlen(text);

		if (put(fd, &bytes, sizeof bytes, d) != 0 || put(fd, text, bytes, d) != 0)
			return -1;
	}
	return 0;
}

static void count_events(struct kept_head *h, const struct trace_event *ev, size_t n)
{
	h->events += n;
	for (size_t i = 0; i < n; i++) {
		h->groups |= 1u << trace_op_group((enum trace_op)ev[i].op);
		h->births += trace_is_request(&ev[i]);
	}
}

int kept_trace_write(int fd, struct trace_reader *r, struct diag *d)
{
	struct kept_head h = {.magic = MAGIC};
	char page[HEAD_BYTES] = {0};
	const struct trace_event *ev;
	size_t n;

	if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		return cannot(d, "keep");
	if (put(fd, page, sizeof page, d) != 0)
		return -1;
	trace_want_hash(r);
	do {
		if (trace_next(r, &ev, &n, d) != 0)
			return -1;
		if (h.events + n <= KEPT_EVENTS && put(fd, ev, n * sizeof *ev, d) != 0)
			return -1;
		count_events(&h, ev, n);
	} while (n != 0);
	trace_hash(r, h.hash);
	h.slots = trace_slots(r);
	h.nr_strings = trace_nr_strings(r);
	if (h.events <= KEPT_EVENTS) {
		h.strings_at = HEAD_BYTES + h.events * sizeof *ev;
		if (put_strings(fd, r, d) != 0)
			return -1;
	}
	return pwrite(fd, &h, sizeof h, 0) == sizeof h ? 0 : cannot(d, "keep");
}

/* ---- mapping ---- */

int kept_trace_map(struct kept_trace *k, int fd, struct diag *d)
{
	struct stat st;
	void *p;

	*k = (struct kept_trace){NULL, 0};
	if (fstat(fd, &st) != 0)
		return cannot(d, "find");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return cannot(d, "map");
	*k = (struct kept_trace){p, (size_t)st.st_size};
	if (k->bytes >= HEAD_BYTES && memcmp(k->head->magic, MAGIC, sizeof MAGIC) == 0)
		return 0;
	kept_trace_unmap(k);
	return diag_set(d, "", 0, 0, "no trace is kept here");
}

void kept_trace_unmap(struct kept_trace *k)
{
	if (k->head != NULL)
		munmap((void *)(uintptr_t)k->head, k->bytes);
	*k = (struct kept_trace){NULL, 0};
}

/* ---- reading ---- */

struct kept_state {
	const struct trace_event *at, *end; /* what is left of a kept trace */
	struct trace_reader *file; /* owned; NULL: kept */
	const struct trace_event *rest; /* of the file's last block */
	size_t nr_rest;
	struct trace_changer changer;
	bool changes;
};

/* Up to `most` events of the source, borrowed until the next call. */
static int pull(struct kept_state *s, size_t most, const struct trace_event **ev, size_t *n,
		struct diag *d)
{
	if (s->file == NULL) {
		*ev = s->at;
		*n = (size_t)(s->end - s->at) < most ? (size_t)(s->end - s->at) : most;
		s->at += *n;
		return 0;
	}
	if (s->nr_rest == 0 && trace_next(s->file, &s->rest, &s->nr_rest, d) != 0)
		return -1;
	*ev = s->rest;
	*n = s->nr_rest < most ? s->nr_rest : most;
	s->rest += *n;
	s->nr_rest -= *n;
	return 0;
}

/* The strings of a file that is read again, under the indices they have there. */
static bool copy_strings(struct trace_reader *r, const struct trace_reader *file)
{
	for (uint32_t i = trace_nr_strings(r); i < trace_nr_strings(file); i++) {
		const char *text = trace_string(file, i);

		if (trace_strings_add(&r->strings, text, strlen(text)) != i)
			return false;
	}
	return true;
}

static int kept_next(struct trace_reader *r, size_t *n, struct diag *d)
{
	struct kept_state *s = r->state;
	const struct trace_event *ev;
	size_t got;

	*n = 0;
	/* A block of which all events were left out is no end. */
	do {
		if (pull(s, s->changes ? TRACE_CHUNK / 2 : TRACE_CHUNK, &ev, &got, d) != 0)
			return -1;
		if (s->file != NULL && !copy_strings(r, s->file))
			return diag_set(d, "", 0, 0, "out of host memory");
		if (s->changes)
			*n = trace_changer_apply(&s->changer, ev, got, r->events);
		else
			memcpy(r->events, ev, got * sizeof *ev);
	} while (s->changes && *n == 0 && got != 0);
	if (!s->changes)
		*n = got;
	return 0;
}

static void kept_stop(struct trace_reader *r)
{
	struct kept_state *s = r->state;

	if (s != NULL)
		trace_close(s->file);
	free(s);
	r->state = NULL;
}

static const char *const no_losses[] = {NULL};

static const struct trace_format kept_format = {
	.name = "kept",
	.version = "memscape-kept/1",
	.summary = "a decoded trace in memory",
	.losses = no_losses,
	.next = kept_next,
	.stop = kept_stop,
};

/* Strings get the indices they had: they are all different. */
static bool add_strings(struct trace_reader *r, const struct kept_trace *k)
{
	const char *at = (const char *)k->head + k->head->strings_at,
		   *end = (const char *)k->head + k->bytes;

	for (uint32_t i = 1; i < k->head->nr_strings; i++) {
		uint32_t bytes;

		if ((size_t)(end - at) < sizeof bytes)
			return false;
		memcpy(&bytes, at, sizeof bytes);
		at += sizeof bytes;
		if ((size_t)(end - at) < bytes || trace_strings_add(&r->strings, at, bytes) != i)
			return false;
		at += bytes;
	}
	return true;
}

static struct kept_state *new_state(const struct kept_trace *k, const char *path,
				    const struct trace_change *change, struct diag *d)
{
	struct kept_state *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->changes = change->bytes != 0 || change->requests != 0 || change->ties != 0;
	if (s->changes)
		trace_changer_init(&s->changer, change, k->head);
	if (k->head->strings_at != 0) {
		s->at = (const struct trace_event *)(const void *)((const char *)k->head +
								   HEAD_BYTES);
		s->end = s->at + k->head->events;
		return s;
	}
	s->file = trace_open(path, d);
	if (s->file != NULL)
		return s;
	free(s);
	return NULL;
}

struct trace_reader *kept_trace_open(const struct kept_trace *k, const char *path,
				     const struct trace_change *change, struct diag *d)
{
	struct trace_reader *r = calloc(1, sizeof *r);
	bool ok;

	if (r == NULL) {
		diag_set(d, path, 0, 0, "out of host memory");
		return NULL;
	}
	r->in.fd = -1;
	slots_init(&r->slots);
	trace_strings_init(&r->strings);
	trace_hash_start(&r->hash);
	r->slots.high = k->head->slots;
	r->format = &kept_format;
	r->info = (struct trace_info){.format = kept_format.version,
				      .events = k->head->events,
				      .groups = k->head->groups};
	r->events = calloc(TRACE_CHUNK, sizeof *r->events);
	r->plain = calloc(TRACE_CHUNK, sizeof *r->plain);
	r->state = new_state(k, path, change, d);
	ok = r->events != NULL && r->plain != NULL && r->state != NULL;
	/* A file that is read again gives its own strings, the same ones, as it goes. */
	if (ok && k->head->strings_at != 0)
		ok = add_strings(r, k);
	if (ok)
		return r;
	diag_set(d, path, 0, 0, "out of host memory");
	trace_close(r);
	return NULL;
}
