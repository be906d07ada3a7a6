/*
 * From the calls of one program image to the events of its trace.
 *
 * The trace names blocks by slot; here lives the table from address to slot.  What
 * a call's record means when something is odd:
 *   birth at a live address     its death went past the recorder: a free comes first (mended)
 *   free of an unknown address  an event with EV_UNKNOWN_ID, unless the image's
 *                               beginning is unknown: then it is left out (foreign)
 *   realloc of an unknown one   such a free, and a malloc
 *   realloc(p, 0) giving NULL   a free: that is what the C library did
 */
#ifndef RECORD_TRANSLATE_H
#define RECORD_TRANSLATE_H

#include "model/diag.h"
#include "record/livemap.h"
#include "record/ring.h"
#include "record/sites.h"
#include "sim/trace_writer.h"

/* A call as its records told it. */
struct heap_call {
	enum ring_kind kind; /* a CALL_ */
	uint32_t thread;
	bool timed;
	uint64_t address, size, old, align, count, time_ns, site;
};

/* A realloc that has begun: its old block is out of the table until the call is over. */
struct moving {
	uint32_t thread;
	struct live_cell live;
};

struct translator {
	char path[4096]; /* of the trace; "-": standard output */
	int32_t parent_pid; /* a forked child's: named in the trace */
	bool beginning_unknown; /* forked past our fork handlers: what it inherited is unknown */
	uint64_t start_ns; /* time stamps count from here */
	struct livemap live; /* a forked child's is its parent's at the fork */
	struct sites *sites; /* NULL: call sites are not wanted; borrowed */
	struct trace_writer *writer; /* NULL until the first event */
	struct moving *moving;
	size_t nr_moving, max_moving;
	uint64_t last_ns;
	uint64_t inherited, mended, foreign;
};

/*
 * The table, and a realloc's old block that is out of it, as a child inherits them.  0; -1:
 * out of memory.
 */
int translator_inherit(struct livemap *child, const struct translator *t) MUST_USE;

/* Creates the trace; a forked child's begins with what it inherited.  0; -1 with *d. */
int translator_begin(struct translator *t, struct diag *d) MUST_USE;

/* Writes what a call means, beginning the trace if need be.  0; -1 with *d: the trace is lost. */
int translator_put(struct translator *t, const struct heap_call *call, struct diag *d) MUST_USE;

/*
 * The same for malloc and free without attributes, the usual calls: 1 if it was one
 * that could be written so, 0 if it is left to translator_put; -1 with *d.
 */
int translator_plain(struct translator *t, enum ring_kind kind, uint32_t thread, uint64_t address,
		     uint64_t size, struct diag *d) MUST_USE;

/* Events written. */
uint64_t translator_events(const struct translator *t);

/* Completes the trace, if one was begun, and frees all but *t.  0; -1 with *d. */
int translator_finish(struct translator *t, struct diag *d) MUST_USE;

#endif
