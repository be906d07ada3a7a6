/*
 * Time travel: one run of a trace on a machine, at any of its events.
 *
 * Two replays of the same machine run side by side.  The *index* replay goes
 * through the trace once, in slices between key strokes: it keeps checkpoints (see
 * checkpoint_store.h), where what is touched (postings.h), and the course of the
 * figures (series).  The *view* replay stands at one event, the moment; it goes
 * anywhere that the index has been by restoring the checkpoint before and replaying
 * the rest.  Both use the checked port, whose result is the result, and which tells
 * who stores where.
 *
 * The machine at event N is byte-identical however one came there.  Event 0 is the
 * booted machine.
 */
#ifndef SIM_TIMELINE_H
#define SIM_TIMELINE_H

#include <jansson.h>

#include "sim/happening.h"

struct timeline;

struct timeline_request {
	const struct machine *machine; /* borrowed */
	const char *trace; /* path, or "-"; forms that cannot be sought are rewritten in memory */
	const char *heap_kind; /* NULL: the machine's */
	uint64_t noise; /* seed to fill RAM with; 0: zero */
	uint64_t memory; /* bytes for checkpoints and index; 0: 512 MiB */
	/* Polled while something takes long: true stops it.  NULL: never. */
	bool (*poll)(void *ctx, const char *what, uint64_t done, uint64_t total);
	void *poll_ctx;
};

#define TIMELINE_MEMORY (512ull << 20)

/* NULL with *d: cannot begin (trace, machine, host memory). */
struct timeline *timeline_open(const struct timeline_request *q, struct diag *d) MUST_USE;
void timeline_close(struct timeline *t); /* NULL is fine */

/* ---- where one is ---- */

/* The trace as it is read: the file, or what it was rewritten to; valid until the timeline is closed. */
const char *timeline_path(const struct timeline *t);

uint64_t timeline_now(const struct timeline *t); /* event; 0: booted */
uint64_t timeline_total(const struct timeline *t); /* events that one can go to, as far as known */
uint64_t timeline_indexed(const struct timeline *t); /* events the index has been through */
bool timeline_complete(const struct timeline *t); /* the index has been through all */

/* Why there is nothing behind the last event, where it is not the trace's end; "" else. */
const char *timeline_end_text(const struct timeline *t);

/* Bytes that checkpoints and index take, and how many checkpoints there are. */
uint64_t timeline_bytes(const struct timeline *t, size_t *checkpoints);

/* ---- moving ---- */

enum { TIMELINE_THERE, TIMELINE_STOPPED, TIMELINE_NONE, TIMELINE_ERROR = -1 };

/*
 * Goes to an event (beyond the end: to the last one).  TIMELINE_THERE; _STOPPED by
 * poll, then somewhere on the way; _ERROR with *d.
 */
int timeline_seek(struct timeline *t, uint64_t event, struct diag *d) MUST_USE;

/* Indexes up to `events` more; false: nothing is left to do. */
bool timeline_work(struct timeline *t, uint64_t events);

/* Indexes everything.  As timeline_seek. */
int timeline_finish(struct timeline *t, struct diag *d) MUST_USE;

/* What an event can be looked for by. */
enum touch_kind {
	TOUCH_ID, /* value: slot */
	TOUCH_MEMORY, /* [lo, hi): gave or took memory in it, or stored to it */
	TOUCH_CACHE, /* value: the cache's slot */
	TOUCH_SITE, /* value: string index */
	TOUCH_FAILED, /* a request was refused */
	TOUCH_FALLBACK, /* pages came from another zone than wanted */
	TOUCH_FINDING, /* a double free, a wrong pointer, a warning */
	TOUCH_MARKER, /* phase, note, expect */
	NR_TOUCH_KINDS
};

struct touch {
	enum touch_kind kind;
	uint64_t value, lo, hi;
};

/*
 * Goes to the next (forward) or previous event that touches.  TIMELINE_NONE: there
 * is none, and one is where one was.  Else as timeline_seek.
 */
int timeline_find(struct timeline *t, const struct touch *q, bool forward, struct diag *d) MUST_USE;

/*
 * Goes to the nearest event, from here on, after which the condition holds: the first
 * one behind or the last one before.  Conditions are those of condition.h.
 */
int timeline_run_to(struct timeline *t, const char *condition, bool forward,
		    struct diag *d) MUST_USE;

/* ---- the course of the figures ---- */

struct series_point {
	uint64_t event; /* the last event of the span this point stands for; 0: not reached yet */
	uint64_t live_min, live_max, footprint; /* bytes; footprint at its end */
	int64_t class[MM_NR_CLASSES]; /* ledger totals at its end, bytes */
	uint32_t failed, fallbacks, findings; /* within it */
	/*
	 * Hashes over its events: of their outcomes, and of where blocks lie, counted from
	 * series.first.  Two runs of one trace in which they differ have parted there.
	 */
	uint64_t outcomes, places;
	uint32_t marker; /* string of the first phase or note within; 0: none */
	uint64_t largest, free; /* of all heaps (or, without, zones) at its end, bytes */
	bool measured; /* largest and free were: they cost a walk */
	int unusable; /* permille, of the largest zone at order `unusable_order`; -1: no zone */
};

#define SERIES_POINTS 1024u

struct series {
	uint64_t width; /* events a point */
	unsigned nr; /* points of the whole trace */
	unsigned unusable_order;
	uint64_t first; /* physical address of the first block served; UINT64_MAX: none yet */
	struct series_point *v;
};

const struct series *timeline_series(const struct timeline *t);

/* ---- what happened ---- */

#define TIMELINE_PAST   64u /* events before now that are told */
#define TIMELINE_FUTURE 64u

/* The k-th event back from now (0: the last done); NULL: not kept. */
const struct happening *timeline_past(const struct timeline *t, unsigned k);

/* Up to TIMELINE_FUTURE events to come, as the trace has them; how many. */
unsigned timeline_future(struct timeline *t, const struct trace_event **ev);

/* A failure beyond those that the figures keep, seen lately and not after now; NULL: none. */
const struct failure *timeline_last_failure(const struct timeline *t);

const char *timeline_string(const struct timeline *t, uint32_t index);
uint32_t timeline_nr_strings(const struct timeline *t);

/* What the last event stored, in order. */
const struct mm_stored *timeline_stored(const struct timeline *t, uint32_t *nr);

/* What came last, up to now: event numbers, 0: never. */
struct seen {
	uint64_t failed, fallback, finding, marker;
	uint64_t nr_failed, nr_fallbacks, nr_findings; /* as of the last event */
	uint32_t marker_text; /* string index */
	uint32_t reserved;
};

const struct seen *timeline_seen(const struct timeline *t);

/* The report of this moment; owned by the caller. */
json_t *timeline_report(struct timeline *t, const char *program_version);

#endif
