/*
 * The hash of a trace: XXH3-128 over a canonical form of its decoded events, the
 * same for every encoding.
 *
 * Canonical form: an event that has an operation, a size below 2^24 and a slot and
 * nothing else is 8 bytes (op, size, slot); any other is 8 bytes (255, and the hash
 * of its strings) and its 56 bytes with the strings' indices cleared.  Strings count
 * by their text, since an index depends on the encoding.
 */
#ifndef SIM_TRACE_HASH_H
#define SIM_TRACE_HASH_H

#include <stddef.h>

#include "sim/event.h"
#include "sim/trace_strings.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

struct trace_hash {
	XXH3_state_t state;
};

void trace_hash_start(struct trace_hash *h);
/* The next n events, whose strings are among `strings`. */
void trace_hash_events(struct trace_hash *h, const struct trace_event *ev, size_t n,
		       const struct trace_strings *strings);
/* Hex, of what came up to now. */
void trace_hash_text(const struct trace_hash *h, char out[33]);

#endif
