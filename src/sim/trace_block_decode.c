/* See trace_block.h for the layout.  This is the reader's hot path. */
#include <stdlib.h>
#include <string.h>

#include "sim/trace_block_decode.h"
#include "sim/trace_ops.h"

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
		b->dict[i].kind = NOT_PLAIN, b->plain[i].kind = PLAIN_NOT;
	for (uint32_t i = 0; i < b->nr_templates; i++) {
		const char *wrong = read_template(&b->dict[i], &p, end, b->nr_strings);

		if (wrong != NULL)
			return wrong;
		block_plain_template(&b->plain[i], &b->dict[i], false);
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

/*
 * The loop over plain events.
 *   birth  slot = head       leaves the chain of free slots
 *   death  slot = operand    becomes its head
 *   use    slot = operand
 * Stops before an event that is not plain, or not good; so many were decoded.  (One
 * path without branches for all three was tried: slower, since their order in real
 * programs is easy to predict.)
 */
static size_t decode_plain(struct block_decoder *b, struct slots *slots, struct trace_event *ev,
			   size_t max)
{
	const struct block_template *const dict = b->dict;
	const uint8_t *tokens = b->tokens, *sp = b->slots, *vp = b->sizes, *mp = b->misc;
	uint32_t *const next = slots->next;
	const uint32_t ready = slots->ready;
	uint32_t named = b->slot, high = slots->high, head = slots->head, live = slots->live;
	size_t i;

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
			slot = head;
			head = next[slot];
			next[slot] = SLOT_LIVE;
			high += slot == high;
			live++;
		} else if (mm_likely(t->kind == PLAIN_NAMED)) {
			slot = named + (load32(sp) & t->slot_mask) - t->slot_bias;
			if (mm_unlikely(slot >= ready || next[slot] != SLOT_LIVE))
				break;
			sp += t->slot_width;
			named = slot;
			if (!t->survives) {
				next[slot] = head;
				head = slot;
				live--;
			}
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
	slots->head = head;
	slots->live = live;
	slots->high = high;
	return i;
}

const char *block_decode_any(struct block_decoder *b, struct slots *slots, struct trace_event *ev)
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
		*wrong = block_decode_any(b, slots, ev + n);
		if (*wrong != NULL)
			break;
		n++;
	}
	return n;
}

const char *block_decode_ready(struct block_decoder *b, struct slots *slots, size_t *max)
{
	if (*max > b->left)
		*max = b->left;
	if (*max == 0)
		return b->slots == b->slots_end && b->sizes == b->sizes_end &&
				       b->misc == b->misc_end
			       ? NULL
			       : "a column that is longer than its operands";
	return slots_reserve(slots, (uint32_t)*max)
		       ? NULL
		       : "more live objects than there is memory for";
}

const char *block_decode_done(struct block_decoder *b, size_t *n, const char *wrong)
{
	b->left -= (uint32_t)*n;
	if (b->slots > b->slots_end || b->sizes > b->sizes_end || b->misc > b->misc_end) {
		*n = 0;
		return "a column that is shorter than its operands";
	}
	return wrong;
}

const char *block_decoder_next(struct block_decoder *b, struct slots *slots, struct trace_event *ev,
			       size_t max, size_t *n)
{
	const char *wrong = block_decode_ready(b, slots, &max);

	*n = 0;
	if (wrong != NULL || max == 0)
		return wrong;
	*n = decode(b, slots, ev, max, &wrong);
	return block_decode_done(b, n, wrong);
}
