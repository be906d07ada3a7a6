#include "sim/trace_hash.h"

#include <stdio.h>
#include <string.h>

#include "model/mem.h"
#include "sim/trace_ops.h"

/* Words of canonical form gathered before they are hashed: 8 KiB, a first-level cache's part. */
#define GATHER     1024u
#define WIDE_WORDS (1 + sizeof(struct trace_event) / 8)

void trace_hash_start(struct trace_hash *h)
{
	XXH3_128bits_reset(&h->state);
}

static uint64_t string_hash(const struct trace_strings *s, uint64_t index)
{
	return index != 0 && index < s->nr ? s->hash[index] : 0;
}

/* Eight words for an event that has more than operation, size and slot. */
static void wide_event(uint64_t *out, const struct trace_event *ev, const struct trace_strings *s)
{
	struct trace_event e = *ev;
	uint64_t h =
		string_hash(s, e.site) + 3 * string_hash(s, e.tag) + 5 * string_hash(s, e.master);

	if (trace_op_is_marker(e.op)) {
		h += 7 * string_hash(s, e.arg);
		e.arg = 0;
	}
	e.site = e.tag = 0;
	e.master = 0;
	out[0] = h << 8 | 255;
	memcpy(out + 1, &e, sizeof e);
}

/* All fields but op, size and slot are zero, and the size is small. */
static bool is_narrow(const struct trace_event *e)
{
	uint64_t w[7];

	memcpy(w, e, sizeof w);
	_Static_assert(sizeof w == sizeof *e && offsetof(struct trace_event, op) == 46,
		       "w[5] is tag, ctx, op, flags");
	return (w[0] | w[1] >> 24 | w[2] | w[3] >> 32 | w[4] | (w[5] & ~(UINT64_C(255) << 48)) |
		w[6]) == 0;
}

void trace_hash_events(struct trace_hash *h, const struct trace_event *ev, size_t n,
		       const struct trace_strings *strings)
{
	uint64_t words[GATHER + WIDE_WORDS];
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct trace_event *e = &ev[i];

		if (mm_likely(is_narrow(e))) {
			words[k++] = e->op | e->size << 8 | (uint64_t)e->slot << 32;
		} else {
			wide_event(words + k, e, strings);
			k += WIDE_WORDS;
		}
		if (k >= GATHER) {
			XXH3_128bits_update(&h->state, words, k * sizeof *words);
			k = 0;
		}
	}
	if (k != 0)
		XXH3_128bits_update(&h->state, words, k * sizeof *words);
}

void trace_hash_text(const struct trace_hash *h, char out[33])
{
	XXH128_hash_t x = XXH3_128bits_digest(&h->state);

	snprintf(out, 33, "%016llx%016llx", (unsigned long long)x.high64,
		 (unsigned long long)x.low64);
}
