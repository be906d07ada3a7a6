/*
 * Writing native traces: the binary form and the text form of the same events.
 *
 * The writer names live objects by slot itself: every birth takes the slot freed
 * last, or else the lowest number never used.  So the caller keeps one table, from
 * its own name of an object (an address) to the slot that trace_writer_put gave.
 *
 * Binary form (docs/formats.md has it byte by byte; all numbers little-endian):
 *
 *   file    = header  section*  end-section  trailer
 *   header  = "MSTRACE\n", u32 version, u32 reserved, u64 checksum          24 bytes
 *   section = u32 kind, u32 packed, u32 raw, u32 events, u64 first event,
 *             u64 checksum (header and packed bytes), packed bytes       32 + packed
 *   trailer = u64 offset of the end section, "MSTREND\n"                    16 bytes
 *
 * Kinds: strings (before the first events that name them), events (up to 65,536,
 * zstd), slots (the free stack at this point, so that a reader can begin here),
 * end (the index of the other sections, and totals).  Nothing points forward, so a
 * trace is written to and read from a pipe; a file without its end is truncated.
 *
 * An events section, unpacked, is columns: a dictionary of up to 256 event
 * templates (an event's every field but slot and time, or some of them marked
 * "from the columns"), one token byte an event that names its template, and the
 * operands: slots and sizes in the width the template says, the rest as varints.
 * A birth needs no slot.  So a common event is one byte, a free two to four.
 */
#ifndef SIM_TRACE_WRITER_H
#define SIM_TRACE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "model/diag.h"
#include "model/mem.h"
#include "sim/event.h"

struct trace_writer;

enum trace_encoding { TRACE_BINARY, TRACE_TEXT };

/* All zero is a good choice. */
struct trace_writer_options {
	enum trace_encoding encoding;
	int level;             /* zstd level 1 ... 19; 0: 3.  A recorder in a hurry takes 1. */
	uint32_t block_events; /* events a section, 1 ... 65536; 0: 65536 */
	bool (*stop)(void);    /* polled every few thousand events: true, and no more is taken; NULL */
	bool thread;           /* packs and writes events on a thread of its own: the same bytes */
};

/*
 * Begins a trace.  To a path: in a temporary file beside it, which takes the name
 * at trace_writer_close; "-" is standard output; a device or a named pipe is written to
 * directly.  To a descriptor: the writer only
 * writes to it (write(2), restarted; a pipe is fine) and closes it at the end;
 * `name` is for messages.  `o` NULL: all zero.
 * NULL with *d: cannot create.  Uses malloc here, in trace_writer_string and when the
 * number of slots doubles; no stdio, no signals; no locks or threads unless asked for.
 */
struct trace_writer *trace_writer_open(const char *path, const struct trace_writer_options *o,
				       struct diag *d) MUST_USE;
struct trace_writer *trace_writer_open_fd(int fd, const char *name,
					  const struct trace_writer_options *o,
					  struct diag *d) MUST_USE;

/*
 * Appends an event; its number is trace_writer_events() after.  Sets ev->slot for a
 * birth (an operation of life B, or realloc and krealloc with EV_NULL) unless
 * ev->slot is SLOT_NONE on entry, which says that nothing was born.  Any other
 * operation names a live slot, or SLOT_NONE.  time_ns counts with EV_HAS_TIME only.
 * 0; -1 with *d: a slot that is not live, an unknown operation, flag or string index
 * (nothing was appended), or a write that failed (the trace is lost: abort it).
 * Amortized O(1).
 */
int trace_writer_put(struct trace_writer *w, struct trace_event *ev, struct diag *d) MUST_USE;

/*
 * The same for the two events that a recorder writes most: a malloc of context `ctx`, whose
 * slot is put in *slot, and a free of a live slot.  A third of the time of trace_writer_put.
 */
int trace_writer_malloc(struct trace_writer *w, uint16_t ctx, uint64_t size, uint32_t *slot,
			struct diag *d) MUST_USE;
int trace_writer_free(struct trace_writer *w, uint16_t ctx, uint32_t slot,
		      struct diag *d) MUST_USE;

/*
 * Index of a string for site, tag, master and markers, from 1; the same text gives
 * the same index.  0: out of memory, or longer than 65,535 bytes.  A text of no
 * bytes has index 0, "none".
 */
uint32_t trace_writer_string(struct trace_writer *w, const char *text, size_t bytes);

/* Events put so far. */
uint64_t trace_writer_events(const struct trace_writer *w);

/* Writes what was put so far, so that a reader of the pipe sees it (and a crash keeps it). */
int trace_writer_flush(struct trace_writer *w, struct diag *d) MUST_USE;

/* Writes the rest and the index, closes, gives the file its name; frees w in any case. */
int trace_writer_close(struct trace_writer *w, struct diag *d) MUST_USE;

/* Gives up: removes the temporary file, frees w.  NULL is fine. */
void trace_writer_abort(struct trace_writer *w);

/*
 * After fork(), in the child: frees w and closes its descriptor; neither writes nor removes.
 * Not of a writer with a thread.
 */
void trace_writer_forget(struct trace_writer *w);

#endif
