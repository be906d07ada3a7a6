/*
 * A decoded trace in a file in memory (memfd_create), which processes share: decoded
 * once by whoever comes first, mapped by all, read through the usual trace reader.
 *
 *   head (one page) | events | strings: length u32 and bytes each
 *
 * A trace of more than KEPT_EVENTS events is only counted; readers of it decode the
 * file again.
 */
#ifndef SIM_TRACE_KEPT_H
#define SIM_TRACE_KEPT_H

#include "sim/trace.h"

#define KEPT_EVENTS (16u << 20) /* 896 MiB */

/* What a reader changes on the way, from a seed; all zero: nothing. */
struct trace_change {
	uint64_t seed;
	uint64_t bytes; /* sizes of requests by up to so many bytes */
	uint64_t requests; /* so many objects left out or added, at most TRACE_MAX_CHANGES */
	uint64_t ties; /* one of so many pairs of neighbouring requests changes places; 0: none */
};

#define TRACE_MAX_CHANGES 64u

struct kept_head {
	char magic[8];
	uint64_t events, births; /* births: of requests by size */
	uint64_t strings_at; /* offset of the strings; 0: only counted, not kept */
	uint32_t nr_strings, groups, slots;
	char hash[33]; /* XXH3-128 of the events, as in reports */
};

struct kept_trace {
	const struct kept_head *head; /* the mapping; NULL: none */
	size_t bytes;
};

/* Reads all of `r` into the file `fd`, which is emptied first.  0, or -1 with *d. */
int kept_trace_write(int fd, struct trace_reader *r, struct diag *d) MUST_USE;

/* 0, or -1 with *d. */
int kept_trace_map(struct kept_trace *k, int fd, struct diag *d) MUST_USE;
void kept_trace_unmap(struct kept_trace *k); /* unmapped is fine */

/*
 * A reader of it, from the first event.  `path` is where the file is, should it be read
 * again.  The mapping must outlive the reader.  NULL with *d.
 */
struct trace_reader *kept_trace_open(const struct kept_trace *k, const char *path,
				     const struct trace_change *change, struct diag *d) MUST_USE;

/* The next of a series of pseudo-random numbers (splitmix64). */
uint64_t trace_random(uint64_t *state);

#endif
