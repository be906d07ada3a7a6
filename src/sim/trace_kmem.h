/*
 * Behind the format `kmem`: a Linux kernel's kmem tracepoints as text.  A line is
 * taken apart by trace_kmem_line.c, in the forms of tracefs, `perf script` and
 * `trace-cmd report`; what it means is told by a handler: those of pages are in
 * trace_kmem_pages.c, those of the slab layer in trace_kmem_slab.c.  A handler gives events with kmem_put, in order; it may give
 * several, or none.
 */
#ifndef SIM_TRACE_KMEM_H
#define SIM_TRACE_KMEM_H

#include <string.h>

#include "sim/trace_format.h"

#define KMEM_FIELDS 32u /* more than any event of ours has */

/* "order=0" */
struct kmem_field {
	const char *key, *value;
	size_t key_bytes, bytes;
};

/* A line with an event, taken apart; texts are borrowed and end where the next thing begins. */
struct kmem_line {
	const char *event; /* "mm_page_alloc", without a "kmem:" before it */
	size_t event_bytes;
	const char *fields, *end; /* "page=... pfn=0x39da65 order=0", to the line's end */
	uint64_t time_ns;
	unsigned cpu;
	uint32_t pid; /* of the task; 0: not told */
	bool has_time;
	bool far_cpu; /* its number is above 255: cpu is what fits */
	unsigned nr_fields; /* once kmem_split has been called */
	struct kmem_field field[KMEM_FIELDS];
};

enum kmem_line_kind {
	KMEM_EVENT,
	KMEM_OTHER, /* a comment, an event of another system, a heading */
	KMEM_LOST /* says that events were lost; how many in time_ns */
};

enum kmem_line_kind kmem_take_apart(const char *text, const char *end, struct kmem_line *l);

/* Finds the fields, "key=value" between blanks; the rest is passed over. */
void kmem_split(struct kmem_line *l);

/* The value of "key=", up to a blank; false: the line has none. */
static inline bool kmem_text(const struct kmem_line *l, const char *key, const char **value,
			     size_t *bytes)
{
	size_t n = strlen(key);

	for (unsigned i = 0; i < l->nr_fields; i++) {
		const struct kmem_field *f = &l->field[i];

		if (f->key_bytes == n && memcmp(f->key, key, n) == 0) {
			*value = f->value;
			*bytes = f->bytes;
			return true;
		}
	}
	return false;
}

/* A number, decimal or hexadecimal with 0x. */
bool kmem_value(const char *text, size_t bytes, uint64_t *out);
/* `bytes` hexadecimal digits, with 0x or without; false: they are none, or beyond 64 bits. */
bool kmem_hex(const char *text, size_t bytes, uint64_t *out);
/* The number that stands behind "key=". */
static inline bool kmem_number(const struct kmem_line *l, const char *key, uint64_t *out)
{
	const char *text;
	size_t n;

	return kmem_text(l, key, &text, &n) && kmem_value(text, n, out);
}

/* What the reader counts beside events, for the loss report. */
enum kmem_count {
	KMEM_LOST_EVENTS, /* events that the kernel says it lost */
	KMEM_LINES_OTHER, /* lines of other events */
	KMEM_OLD, /* frees of what is older than the recording */
	KMEM_SPLIT, /* frees of parts of a block */
	KMEM_JOINED, /* frees of several blocks at once */
	KMEM_IMPLIED, /* blocks that were live when their place was given out again */
	KMEM_OLD_OBJECTS, /* frees of objects that no event gave out */
	KMEM_HIDDEN, /* objects whose address the kernel did not print */
	KMEM_HIDDEN_FREE, /* frees of such */
	KMEM_ODD_CACHES, /* caches whose two sizes no rule joins */
	KMEM_FAR, /* CPUs and tasks whose numbers an event has no room for */
	KMEM_UNKNOWN_FLAG, /* gfp flags without a name here */
	KMEM_BACKWARD, /* events earlier than the line before */
	KMEM_CUT, /* a last line that is not whole */
	KMEM_COUNTS
};

struct kmem_pages; /* trace_kmem_pages.c */
struct kmem_slab; /* trace_kmem_slab.c */

/* Flags as they were told before: a recording has few different ones. */
#define KMEM_FLAGS_SEEN  64u
#define KMEM_FLAGS_BYTES 112u

struct kmem_flags {
	char text[KMEM_FLAGS_BYTES];
	size_t bytes; /* 0: none yet */
	uint32_t value, unknown; /* names that are not known here */
};

struct kmem_event_kind;

struct kmem_reader {
	struct trace_reader *r;
	uint64_t line;
	uint64_t last_ns; /* time of the last event */
	uint64_t count[KMEM_COUNTS];
	struct trace_event *queue; /* events told and not yet delivered: queue[from .. nr) */
	size_t from, nr, cap;
	bool failed; /* out of memory */
	struct kmem_pages *pages;
	struct kmem_slab *slab;
	const struct kmem_event_kind *last_kind; /* of the last event that was known */
	struct kmem_flags flags[KMEM_FLAGS_SEEN];
};

/* An event with the line's time, CPU and task; the caller fills in the rest. */
struct trace_event kmem_event(const struct kmem_line *l, enum trace_op op);

/* Gives an event; births get a slot, deaths give theirs back. Returns the slot. */
uint32_t kmem_put(struct kmem_reader *k, struct trace_event ev);

/* "GFP_KERNEL|__GFP_ZERO", also with names of other versions; what has no name here is counted. */
uint32_t kmem_gfp(struct kmem_reader *k, const char *text, size_t bytes);

/*
 * A handler: 0, or -1 with *wrong saying which field the line lacks.  Handlers are found
 * by event name.
 */
typedef int kmem_handler(struct kmem_reader *k, const struct kmem_line *l, const char **wrong);

struct kmem_event_kind {
	const char *name;
	size_t bytes; /* of the name */
	kmem_handler *handler; /* NULL: known, and nothing follows from it */
};

#define KMEM_KIND(name, handler)                                                                   \
	{                                                                                          \
		name, sizeof(name) - 1, handler                                                    \
	}

extern const struct kmem_event_kind kmem_page_events[]; /* ends with a name of NULL */
extern const struct kmem_event_kind kmem_slab_events[]; /* likewise */

/* State of the page events; false: out of memory. */
bool kmem_pages_start(struct kmem_reader *k);
void kmem_pages_stop(struct kmem_reader *k);

/* State of the slab layer's events; likewise. */
bool kmem_slab_start(struct kmem_reader *k);
void kmem_slab_stop(struct kmem_reader *k);

/* Is the event one that a handler knows?  Ends of lines are looked for by that. */
bool kmem_knows(const char *event, size_t bytes);

#endif
