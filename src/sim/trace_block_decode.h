/*
 * What the two loops of the block decoder share: trace_block_decode.c gives whole
 * events, trace_block_plain.c plain ones in short.
 */
#ifndef SIM_TRACE_BLOCK_DECODE_H
#define SIM_TRACE_BLOCK_DECODE_H

#include <string.h>

#include "sim/trace_block.h"

/*
 * A template ready for use.  The event in it is copied whole; what the loop needs of
 * it lies in the cache line behind.
 */
struct block_template {
	struct trace_event ev;
	uint16_t open;
	uint8_t size_width; /* bytes of operand */
	uint8_t is_birth, has_operand; /* 0 or 1; neither: no slot */
	uint8_t kind; /* enum template_kind */
	uint32_t survives; /* 1: the slot is live after (birth, use); 0: a death */
	bool ctx_open; /* ctx, and nothing else, comes from misc */
	uint32_t slot_mask; /* of the slot operand's bits */
	uint32_t slot_bias; /* what stands for a difference of 0 */
	uint32_t slot_width; /* its bytes */
	uint8_t unused[44];
};

/* What the fast loop can do by itself: no open field but ctx, no second object. */
enum template_kind { NOT_PLAIN, PLAIN_BIRTH, PLAIN_NAMED };

_Static_assert(sizeof(struct block_template) == 128, "two cache lines a template");

/*
 * The same of a template whose events may be plain (alloc/alloc.h, struct plain_req):
 * all that its loop needs, two to a cache line.
 */
struct plain_template {
	uint64_t size; /* where it is not an operand */
	uint64_t size_mask; /* of the operand's bits */
	uint32_t slot_mask, slot_bias;
	uint32_t note;
	uint8_t kind; /* enum plain_kind */
	uint8_t size_width, slot_width; /* bytes */
	uint8_t open; /* TF_ of arg and ctx, to be passed over */
};

enum plain_kind { PLAIN_NOT, PLAIN_TAKES, PLAIN_GIVES, PLAIN_IS_NULL };

_Static_assert(sizeof(struct plain_template) == 32, "two plain templates a cache line");

struct block_decoder {
	struct block_template dict[BLOCK_TEMPLATES];
	struct plain_template plain[BLOCK_TEMPLATES];
	uint32_t nr_templates, nr_strings;
	uint32_t left; /* events still to come */
	uint32_t slot; /* of the operand before */
	uint64_t time; /* of the event before that has one */
	const uint8_t *tokens, *slots, *slots_end, *sizes, *sizes_end, *misc, *misc_end;
};

static const uint64_t width_mask[9] = {0,          0xff,         0xffff,         0xffffff,
				       0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff,
				       UINT64_MAX};

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* The varint of a ctx; NULL: it is none.  Reads three bytes, which are there (BLOCK_SLACK). */
static inline const uint8_t *ctx_get(const uint8_t *p, uint16_t *ctx)
{
	uint32_t a = p[0], b = p[1], c = p[2];

	*ctx = (uint16_t)a;
	if (mm_likely(a < 128))
		return p + 1;
	*ctx = (uint16_t)((a & 127) | b << 7);
	if (b < 128)
		return p + 2;
	*ctx = (uint16_t)((a & 127) | (b & 127) << 7 | c << 14);
	return c < 4 ? p + 3 : NULL;
}

/* Any event.  NULL, or what is wrong. */
const char *block_decode_any(struct block_decoder *b, struct slots *slots, struct trace_event *ev);

/* Before and after a loop: *max events are left and have room; nothing was read beyond a column. */
const char *block_decode_ready(struct block_decoder *b, struct slots *slots, size_t *max);
const char *block_decode_done(struct block_decoder *b, size_t *n, const char *wrong);

/* `met`: an event of the template was decoded in full, so its second object is one that there was. */
void block_plain_template(struct plain_template *p, const struct block_template *t, bool met);

#endif
