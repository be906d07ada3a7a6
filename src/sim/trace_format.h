/*
 * Behind trace.h: what a trace format is.  A new one is a file that defines
 * `const struct trace_format trace_format_NAME`, one word here and one line in
 * meson.build.  Formats are probed in the order of the list.
 */
#ifndef SIM_TRACE_FORMAT_H
#define SIM_TRACE_FORMAT_H

#include "sim/slots.h"
#include "sim/trace.h"
#include "sim/trace_hash.h"
#include "sim/trace_input.h"
#include "sim/trace_strings.h"

#define TRACE_FORMATS(X) \
	X(binary)        \
	X(rep)           \
	X(kmem)          \
	X(text)

/* Events a block at most: they stay in a second-level cache until they are used. */
#define TRACE_CHUNK 512u

/* Bytes a format may look at to know its own. */
#define TRACE_PROBE_BYTES 4096u

struct trace_format {
	const char *name;          /* in lists and for --from */
	const char *version;       /* trace_info.format: "memscape-text/2" */
	const char *summary;       /* one line for lists */
	const char *const *losses; /* what it cannot tell, one line each; NULL-terminated */

	/* Optional: what this input lost, counted, one line each; `losses` are every input's. */
	void (*loss)(const struct trace_reader *r, FILE *out);
	bool (*probe)(const uint8_t *head, size_t bytes);
	/* Begins at the input's first byte; sets r->state and r->info.  Also after a rewind. */
	int (*start)(struct trace_reader *r, struct diag *d);
	/* Up to TRACE_CHUNK events into r->events; *n of them are good even with -1. */
	int (*next)(struct trace_reader *r, size_t *n, struct diag *d);
	/* Optional: the same, in short, into r->plain; the others of them into r->events. */
	int (*next_plain)(struct trace_reader *r, size_t *n, struct diag *d);
	/* Optional: the next event is `number` or one before it, *at says which. */
	int (*seek)(struct trace_reader *r, uint64_t number, uint64_t *at, struct diag *d);
	void (*stop)(struct trace_reader *r); /* frees r->state, which may be NULL */
};

struct trace_reader {
	const struct trace_format *format;
	struct trace_input in;
	struct slots slots;
	struct trace_strings strings;
	struct trace_info info;
	/* TRACE_CHUNK; zeroed at the start, a format clears what it sets */
	struct trace_event *events;
	struct plain_req *plain;    /* TRACE_CHUNK */
	void *state;                /* the format's own */
	uint64_t delivered;         /* number of the last event decoded */
	size_t held, held_from;     /* after a seek: events[held_from ...] wait for trace_next */
	struct diag pending;        /* damage behind the events of the last block */
	bool damaged;
	bool want_hash;
	struct trace_hash hash;
};

#define X(name) extern const struct trace_format trace_format_##name;
TRACE_FORMATS(X)
#undef X

extern const struct trace_format *const trace_formats[];
extern const unsigned nr_trace_formats;

/* Damage at line and column (text formats). Returns -1. */
int trace_bad_line(const struct trace_reader *r, struct diag *d, uint64_t line, size_t col,
		   const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
