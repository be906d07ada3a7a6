/*
 * The events section of the native binary form: columns of up to 65,536 events.
 *
 *   raw = varint nr_templates, dict_bytes, slot_bytes, size_bytes, misc_bytes
 *         dict    templates, see below
 *         tokens  one byte an event: its template
 *         slots   operands of deaths and uses: slot - the slot of the operand before (0 at
 *                 the start), in w = 0 to 4 bytes as the template says, plus 2^(8w - 1)
 *         sizes   operands where the size is not the template's: 1, 2, 4 or 8 bytes
 *         misc    varints of the fields that the template leaves open, event by event in
 *                 the order of TRACE_FIELDS; the time as zigzag of the difference to the
 *                 event before that has one (0 at the start)
 *
 *   template = u8 op, u8 flags, u8 how, varint open, varint present, varint value ...
 *     how      bits 0-2: 0 no slot, 1 a birth, 2 + w: an operand of w bytes
 *              bits 3-5: 0 the size is the template's, 1 2 3 4: an operand of 1 2 4 8 bytes
 *     open     bit set of fields that come from misc
 *     present  bit set of fields that are not 0, whose values follow in order
 *
 * A block needs nothing from the one before but the slots.
 */
#ifndef SIM_TRACE_BLOCK_H
#define SIM_TRACE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/alloc.h"
#include "sim/event.h"
#include "sim/slots.h"

#define BLOCK_EVENTS    65536u
#define BLOCK_TEMPLATES 256u
#define BLOCK_MISC      (1u << 20) /* a block ends early rather than have more bytes of misc */

#define TEMPLATE_BYTES 160u     /* three, and 14 varints, at most */

/* Raw bytes of a block at most: all templates full, all operands at their widest. */
#define BLOCK_RAW (BLOCK_TEMPLATES * TEMPLATE_BYTES + BLOCK_EVENTS * 13u + BLOCK_MISC + 64u)

/* X(field, bit): fields of struct trace_event in the order of the wire. */
#define TRACE_FIELDS(X)   \
	X(time_ns, 0)     \
	X(size, 1)        \
	X(arg, 2)         \
	X(slot2, 3)       \
	X(gfp, 4)         \
	X(site, 5)        \
	X(tag, 6)         \
	X(ctx, 7)         \
	X(cpu, 8)         \
	X(node, 9)        \
	X(order, 10)      \
	X(migratetype, 11) \
	X(master, 12)

enum trace_field {
#define X(field, bit) TF_##field = 1 << (bit),
	TRACE_FIELDS(X)
#undef X
	TF_ALL = (1 << 13) - 1
};

enum { HOW_NO_SLOT, HOW_BIRTH, HOW_OPERAND }; /* HOW_OPERAND + width */

#define VARINT_BYTES 10u

/* Least significant seven bits first; the top bit says that more follow. */
static inline uint8_t *varint_put(uint8_t *p, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		*p++ = (uint8_t)(v | 128);
	*p++ = (uint8_t)v;
	return p;
}

/* NULL: beyond `end`, or longer than 64 bits. */
static inline const uint8_t *varint_get(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; p != NULL && p < end && shift < 64; shift += 7) {
		uint8_t b = *p++;

		*v |= (uint64_t)(b & 127) << shift;
		if (b < 128)
			return shift == 63 && b > 1 ? NULL : p;
	}
	return NULL;
}

static inline uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (0 - (difference >> 63));
}

static inline uint64_t unzigzag(uint64_t z)
{
	return z >> 1 ^ (0 - (z & 1));
}

uint64_t trace_field_get(const struct trace_event *ev, unsigned bit);
/* false: the field cannot hold the value. */
bool trace_field_set(struct trace_event *ev, unsigned bit, uint64_t value);

/* ---- encoding ---- */

struct block_encoder;

struct block_encoder *block_encoder_create(void);
void block_encoder_destroy(struct block_encoder *b); /* NULL is fine */

/* false: the block is full; take it out and begin the next. The event is checked and has its slot. */
bool block_encoder_put(struct block_encoder *b, const struct trace_event *ev);
uint32_t block_encoder_events(const struct block_encoder *b);

/* A malloc that gives birth to `slot`, or its free, of size 0. */
struct heap_event {
	uint64_t size;
	uint32_t slot;
	uint16_t ctx;
	uint8_t op; /* OP_MALLOC or OP_FREE */
};

/*
 * The same for such an event if the block has met its like: half the time.  false, nothing
 * appended: use block_encoder_put; also when the block has `most` events.
 */
bool block_encoder_heap(struct block_encoder *b, const struct heap_event *ev, uint32_t most);

/* The block's raw bytes (into `out`, BLOCK_RAW bytes), and an empty block again. */
size_t block_encoder_take(struct block_encoder *b, uint8_t *out);

/* ---- decoding ---- */

struct block_decoder;

/* Bytes that must be readable behind the raw bytes. */
#define BLOCK_SLACK 65536u

struct block_decoder *block_decoder_create(void);
void block_decoder_destroy(struct block_decoder *b);

/* Begins a block; `raw` is borrowed until its last event is out. NULL, or what is wrong. */
const char *block_decoder_begin(struct block_decoder *b, const uint8_t *raw, size_t bytes,
				uint32_t events, uint32_t nr_strings);

/*
 * The next up to `max` (at most 4,096) events; *n of them.  *n == 0: the block is done.
 * NULL, or what is wrong: then *n are good.
 */
const char *block_decoder_next(struct block_decoder *b, struct slots *slots,
			       struct trace_event *ev, size_t max, size_t *n) MUST_USE;

/* The same in short: plain ones into `out`, the others also into `other`, which has room for all. */
const char *block_decoder_next_plain(struct block_decoder *b, struct slots *slots,
				     struct plain_req *out, struct trace_event *other, size_t max,
				     size_t *n) MUST_USE;

#endif
