/*
 * Behind trace_writer.h: what an encoding is.  The writer checks events and names
 * slots; an encoding turns checked events into bytes.
 */
#ifndef SIM_TRACE_ENCODER_H
#define SIM_TRACE_ENCODER_H

#include "sim/slots.h"
#include "sim/trace_strings.h"
#include "sim/trace_writer.h"

struct block_encoder;

struct trace_encoder {
	int (*begin)(struct trace_writer *w, struct diag *d);
	/* The slots are still as they were before the event. */
	int (*put)(struct trace_writer *w, const struct trace_event *ev, struct diag *d);
	int (*flush)(struct trace_writer *w, struct diag *d);
	int (*finish)(struct trace_writer *w, struct diag *d);
	void (*stop)(struct trace_writer *w); /* frees w->state, which may be NULL */
};

struct trace_writer {
	const struct trace_encoder *encoder;
	struct trace_writer_options options;
	char *path, *temporary; /* NULL: a descriptor */
	char name[256];         /* for messages */
	int fd;
	uint64_t offset;        /* bytes written */
	struct slots slots;
	struct trace_strings strings;
	uint64_t events;
	uint32_t groups;        /* bit set of 1 << enum trace_group */
	uint8_t has_time, has_sites;
	bool failed;            /* a write failed: nothing more is written */
	void *state;            /* the encoding's own */
	struct block_encoder *heap; /* takes a malloc or free the short way; NULL: there is none */
};

extern const struct trace_encoder trace_encoder_binary, trace_encoder_text;

/* Writes all bytes. -1 with *d: the disk is full, the reader of the pipe has gone. */
int trace_writer_write(struct trace_writer *w, const void *bytes, size_t n,
		       struct diag *d) MUST_USE;

#endif
