/*
 * Reading traces of any known format, by looking at the content, as a stream of
 * blocks of decoded events; memory does not grow with the trace's length.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "alloc/alloc.h"
#include "model/diag.h"
#include "sim/event.h"

struct trace_reader;

/* What is known before reading; 0 or false where the format cannot tell. */
struct trace_info {
	const char *format;   /* "memscape-binary/2", "memscape-text/2", "rep", ... */
	uint64_t events;      /* total; 0: unknown until the end */
	uint32_t groups;      /* bit set of 1 << enum trace_group; all ones: unknown */
	bool seekable;
	bool has_time, has_sites;
	/* what the source format could not tell, counted; text in trace_loss */
	uint64_t losses;
};

/* `path` "-" is standard input.  NULL with *d: cannot open, unknown format, bad header. */
struct trace_reader *trace_open(const char *path, struct diag *d) MUST_USE;

/* The same, not looking at the content: `from` is "binary", "text", "rep" or "kmem"; NULL: look. */
struct trace_reader *trace_open_as(const char *path, const char *from, struct diag *d) MUST_USE;
void trace_close(struct trace_reader *r); /* NULL is fine */

/* What people call it: "traces/firmware.mst" -> "firmware".  Owned; NULL: out of memory. */
char *trace_label(const char *path);

/*
 * The next block: *events borrowed until the next call, *n of them, in order.
 * 0; *n == 0 at the end.  -1 with *d on damage (truncated, bad checksum,
 * impossible values): everything before was delivered.
 */
int trace_next(struct trace_reader *r, const struct trace_event **events, size_t *n,
	       struct diag *d) MUST_USE;

/* A block of the trace, most of it in short. */
struct plain_block {
	const struct plain_req *req; /* sim/trace_plain.h says which events are plain */
	size_t n;
	const struct trace_event *other; /* the events that PLAIN_OTHER requests name */
};

/* The same as trace_next for those who replay: faster, and the hash is not computed. */
int trace_next_plain(struct trace_reader *r, struct plain_block *out, struct diag *d) MUST_USE;

/*
 * Goes to event `number` (from 1): the next block begins with it.  -1: not seekable, or
 * beyond the end.  Binary traces begin at a slots section (one in 16 or more sections of
 * 65,536 events), the others at the first line.  The hash begins anew.
 */
int trace_seek(struct trace_reader *r, uint64_t number, struct diag *d) MUST_USE;

/* What is known before the end, or at it: see the struct. */
void trace_get_info(const struct trace_reader *r, struct trace_info *out);

/* String of an index that an event names (site, tag, master, marker text); "" for 0. */
const char *trace_string(const struct trace_reader *r, uint32_t index);
uint32_t trace_nr_strings(const struct trace_reader *r);

/*
 * Asks for the hash; before the first trace_next.  It costs about as much as a third of
 * decoding the binary form, so a run that does not report it does not pay for it.
 */
void trace_want_hash(struct trace_reader *r);

/* Events delivered so far. */
uint64_t trace_delivered(const struct trace_reader *r);

/*
 * XXH3-128 in hex of the events delivered so far, equal for all encodings of the same events;
 * "" where trace_want_hash did not ask for it.
 */
void trace_hash(const struct trace_reader *r, char out[33]);

/* Largest slot named so far + 1: what a live table must hold. */
uint32_t trace_slots(const struct trace_reader *r);

/* What this source lost so far, counted, one line each; nothing of what its format never tells. */
void trace_lost(const struct trace_reader *r, FILE *out);

/* What the source format could not tell, and what this source lost, one line each. */
void trace_loss(const struct trace_reader *r, FILE *out);

const char *trace_op_word(enum trace_op op);
enum trace_group trace_op_group(enum trace_op op);

#endif
