/* See trace_block.h for the layout.  This is the reader's hot path. */
#include <stdlib.h>
#include <string.h>

#include "sim/trace_block.h"
#include "sim/trace_ops.h"

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

struct block_decoder {
	struct block_template dict[BLOCK_TEMPLATES];
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

struct block_decoder *block_decoder_create(void)
{
	struct block_decoder *b = aligned_alloc(64, (sizeof *b + 63) / 64 * 64);

	if (b != NULL)
		memset(b, 0, sizeof *b);
	return b;
}

void block_decoder_destroy(struct block_decoder *b)
{
	free(b);
}

/* Indices of strings, where this event names some, exist. */
static bool strings_exist(const struct trace_event *ev, uint32_t nr_strings)
{
	return ev->site < nr_strings && ev->tag < nr_strings && ev->master < nr_strings &&
	       (!trace_op_is_marker(ev->op) || ev->arg < nr_strings);
}

/* The first three bytes of a template, taken apart. */
static const char *read_how(struct block_template *t, const uint8_t *p)
{
	unsigned slot = p[2] & 7, size = p[2] >> 3;

	t->ev.op = p[0];
	t->ev.flags = p[1];
	t->ev.slot = SLOT_NONE;
	if (p[0] >= NR_TRACE_OPS)
		return "unknown operation";
	if ((p[1] & ~EV_KNOWN_FLAGS) != 0)
		return "unknown event flag";
	if (slot > HOW_OPERAND + 4 || size > 4)
		return "unknown operand width";
	t->is_birth = slot == HOW_BIRTH;
	t->has_operand = slot >= HOW_OPERAND;
	t->survives = trace_op_life(p[0]) != LIFE_D;
	t->slot_width = slot >= HOW_OPERAND ? slot - HOW_OPERAND : 0;
	t->slot_mask = (uint32_t)width_mask[t->slot_width];
	t->slot_bias = t->slot_mask ? t->slot_mask / 2 + 1 : 0;
	t->size_width = (uint8_t)(size ? 1u << (size - 1) : 0);
	if (slot != HOW_NO_SLOT &&
	    (!trace_op_has_slot(p[0]) || t->is_birth != trace_op_births(p[0], p[1])))
		return "an operation with a slot it cannot have";
	return NULL;
}

static const char *read_template(struct block_template *t, const uint8_t **pp, const uint8_t *end,
				 uint32_t nr_strings)
{
	const uint8_t *p = *pp;
	uint64_t open, present, value;
	const char *wrong;

	*t = (struct block_template){.open = 0};
	if (end - p < 3)
		return "a template beyond the dictionary's end";
	wrong = read_how(t, p);
	if (wrong != NULL)
		return wrong;
	p = varint_get(varint_get(p + 3, end, &open), end, &present);
	if (p == NULL || open > TF_ALL || present > TF_ALL || (open & present) != 0 ||
	    ((open | present) & TF_size && t->size_width) || open & TF_size)
		return "a template with impossible fields";
	if ((t->ev.flags & EV_HAS_TIME ? 1u : 0u) != (open & TF_time_ns) || present & TF_time_ns)
		return "a time stamp without its flag";
	for (unsigned bit = 0; bit < 13; bit++) {
		if (!(present >> bit & 1))
			continue;
		p = varint_get(p, end, &value);
		if (p == NULL || !trace_field_set(&t->ev, bit, value))
			return "a template's field out of range";
	}
	t->open = (uint16_t)open;
	t->kind = NOT_PLAIN;
	t->ctx_open = open == TF_ctx;
	if ((open == 0 || t->ctx_open) && !trace_op_has_slot2(t->ev.op))
		t->kind = t->is_birth ? PLAIN_BIRTH : t->has_operand ? PLAIN_NAMED : NOT_PLAIN;
	*pp = p;
	return strings_exist(&t->ev, nr_strings) ? NULL : "a string that is not defined";
}

static const char *read_dictionary(struct block_decoder *b, const uint8_t *p, const uint8_t *end)
{
	for (uint32_t i = b->nr_templates; i < BLOCK_TEMPLATES; i++)
		b->dict[i].kind = NOT_PLAIN;
	for (uint32_t i = 0; i < b->nr_templates; i++) {
		const char *wrong = read_template(&b->dict[i], &p, end, b->nr_strings);

		if (wrong != NULL)
			return wrong;
	}
	return p == end ? NULL : "a dictionary of another length than it says";
}

const char *block_decoder_begin(struct block_decoder *b, const uint8_t *raw, size_t bytes,
				uint32_t events, uint32_t nr_strings)
{
	const uint8_t *p = raw, *end = raw + bytes;
	uint64_t head[5]; /* templates; bytes of dictionary, slots, sizes, misc */

	for (unsigned i = 0; i < 5; i++) {
		p = varint_get(p, end, &head[i]);
		if (p == NULL || head[i] > bytes)
			return "a column beyond the section's end";
	}
	if (events > BLOCK_EVENTS || head[0] > BLOCK_TEMPLATES ||
	    head[1] + events + head[2] + head[3] + head[4] != (uint64_t)(end - p))
		return "columns of another length than they say";
	b->nr_templates = (uint32_t)head[0];
	b->nr_strings = nr_strings;
	b->left = events;
	b->slot = 0;
	b->time = 0;
	b->tokens = p + head[1];
	b->slots = b->tokens + events;
	b->slots_end = b->sizes = b->slots + head[2];
	b->sizes_end = b->misc = b->sizes + head[3];
	b->misc_end = end;
	return read_dictionary(b, p, b->tokens);
}

/* Fields that the template leaves open, and what they name: `taken` slots so far, 0 for none. */
static const char *read_open_fields(struct block_decoder *b, const struct block_template *t,
				    struct trace_event *ev, uint32_t taken)
{
	uint64_t value;

	if (t->open & TF_time_ns) {
		b->misc = varint_get(b->misc, b->misc_end, &value);
		b->time += unzigzag(value);
		ev->time_ns = b->time;
	}
	for (unsigned rest = t->open & ~1u; rest != 0; rest &= rest - 1) {
		b->misc = varint_get(b->misc, b->misc_end, &value);
		if (b->misc == NULL || !trace_field_set(ev, (unsigned)__builtin_ctz(rest), value))
			return "a field out of range";
	}
	if (b->misc == NULL)
		return "a field beyond the column's end";
	if (trace_op_has_slot2(ev->op) && ev->slot2 != 0 && ev->slot2 != SLOT_NONE &&
	    ev->slot2 >= taken)
		return "a second slot that was never taken";
	return strings_exist(ev, b->nr_strings) ? NULL : "a string that is not defined";
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

/*
 * The loop over plain events.
 *   birth  slot = order[live]    live grows
 *   death  slot = operand        order[live - 1] = slot, live shrinks
 *   use    slot = operand        order[live - 1] is junk, so it may be written
 * Stops before an event that is not plain, or not good; so many were decoded.  (One
 * path without branches for all three was tried: slower, since their order in real
 * programs is easy to predict.)
 */
static size_t decode_plain(struct block_decoder *b, struct slots *slots, struct trace_event *ev,
			   size_t max)
{
	const struct block_template *const dict = b->dict;
	const uint8_t *tokens = b->tokens, *sp = b->slots, *vp = b->sizes, *mp = b->misc;
	uint32_t *const order = slots->order;
	uint8_t *const is_live = slots->is_live;
	const uint32_t cap = slots->cap;
	uint32_t named = b->slot, high = slots->high;
	size_t i, live = slots->live;

	for (i = 0; i < max; i++) {
		const struct block_template *t = &dict[tokens[i]];
		const uint8_t *after = mp;
		uint16_t ctx = t->ev.ctx;
		uint32_t slot;

		/* Programs of many threads: more contexts than templates. */
		if (mm_unlikely(t->ctx_open)) {
			after = ctx_get(mp, &ctx);
			if (after == NULL)
				break;
		}
		if (t->kind == PLAIN_BIRTH) {
			slot = order[live++];
			is_live[slot] = 1;
			high += slot == high;
		} else if (mm_likely(t->kind == PLAIN_NAMED)) {
			slot = named + (load32(sp) & t->slot_mask) - t->slot_bias;
			if (mm_unlikely(slot >= cap || !is_live[slot]))
				break;
			sp += t->slot_width;
			order[live - 1] = named = slot;
			is_live[slot] = (uint8_t)t->survives;
			live = live - 1 + t->survives;
		} else {
			break;
		}
		ev[i] = t->ev;
		ev[i].slot = slot;
		ev[i].ctx = ctx;
		mp = after;
		if (mm_unlikely(t->size_width)) {
			ev[i].size = load64(vp) & width_mask[t->size_width];
			vp += t->size_width;
		}
	}
	b->tokens += i;
	b->slots = sp;
	b->sizes = vp;
	b->misc = mp;
	b->slot = named;
	slots->live = (uint32_t)live;
	slots->high = high;
	return i;
}

/* Any event.  NULL, or what is wrong. */
static const char *decode_any(struct block_decoder *b, struct slots *slots, struct trace_event *ev)
{
	const struct block_template *t = &b->dict[*b->tokens];
	uint32_t taken = slots->high; /* before the event's own birth */

	if (*b->tokens >= b->nr_templates)
		return "a token without a template";
	b->tokens++;
	*ev = t->ev;
	ev->size += load64(b->sizes) & width_mask[t->size_width];
	b->sizes += t->size_width;
	if (t->is_birth)
		ev->slot = slots_take(slots);
	if (t->has_operand) {
		b->slot += (load32(b->slots) & t->slot_mask) - t->slot_bias;
		b->slots += t->slot_width;
		ev->slot = b->slot;
		if (!slots_is_live(slots, b->slot))
			return "a slot that is not live";
		if (!t->survives)
			slots_give(slots, b->slot);
	}
	return read_open_fields(b, t, ev, taken);
}

static size_t decode(struct block_decoder *b, struct slots *slots, struct trace_event *ev,
		     size_t max, const char **wrong)
{
	size_t n = 0;

	while (n < max) {
		n += decode_plain(b, slots, ev + n, max - n);
		if (n == max)
			break;
		*wrong = decode_any(b, slots, ev + n);
		if (*wrong != NULL)
			break;
		n++;
	}
	return n;
}

const char *block_decoder_next(struct block_decoder *b, struct slots *slots, struct trace_event *ev,
			       size_t max, size_t *n)
{
	const char *wrong = NULL;

	*n = 0;
	if (max > b->left)
		max = b->left;
	if (max == 0)
		return b->slots == b->slots_end && b->sizes == b->sizes_end &&
				       b->misc == b->misc_end
			       ? NULL
			       : "a column that is longer than its operands";
	if (!slots_reserve(slots, (uint32_t)max))
		return "more live objects than there is memory for";
	*n = decode(b, slots, ev, max, &wrong);
	b->left -= (uint32_t)*n;
	if (b->slots > b->slots_end || b->sizes > b->sizes_end || b->misc > b->misc_end) {
		*n = 0;
		return "a column that is shorter than its operands";
	}
	return wrong;
}
