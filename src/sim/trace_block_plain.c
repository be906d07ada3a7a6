/* Plain events, decoded to struct plain_req.  This is the hot path of most replays. */
#include "sim/trace_block_decode.h"
#include "sim/trace_ops.h"
#include "sim/trace_plain.h"

/* A cache's number in the template is known to have been taken: so it stays. */
static bool plain_cache(const struct block_template *t, bool met)
{
	return met || !trace_op_has_slot2(t->ev.op);
}

void block_plain_template(struct plain_template *p, const struct block_template *t, bool met)
{
	static const enum plain_kind kind[] = {
		[PLAIN_REQ_NOT] = PLAIN_NOT,
		[PLAIN_REQ_TAKES] = PLAIN_TAKES,
		[PLAIN_REQ_GIVES] = PLAIN_GIVES,
		[PLAIN_REQ_NULL] = PLAIN_IS_NULL,
	};
	bool named = t->is_birth || t->has_operand;

	*p = (struct plain_template){.size = t->ev.size,
				     .size_mask = width_mask[t->size_width],
				     .slot_mask = t->slot_mask,
				     .slot_bias = t->slot_bias,
				     .note = plain_note(&t->ev),
				     .size_width = t->size_width,
				     .slot_width = (uint8_t)t->slot_width,
				     .open = (uint8_t)t->open};
	if (t->size_width == 0 && (t->open & ~(TF_arg | TF_ctx)) == 0 &&
	    plain_page_sort(&t->ev, named) != PLAIN_REQ_NOT) {
		p->size = plain_pages(&t->ev);
		p->kind = (uint8_t)kind[plain_page_sort(&t->ev, named)];
		return;
	}
	/* Bytes that may need more bits than there are go the long way, as does a cache not named here. */
	if (t->size_width <= 2 && (t->open & ~(TF_arg | TF_ctx)) == 0 &&
	    ((t->open & TF_arg) == 0 || t->ev.op == OP_KCALLOC) &&
	    plain_kernel_sort(&t->ev, named) != PLAIN_REQ_NOT && plain_cache(t, met)) {
		p->size = plain_kernel(&t->ev);
		p->kind = (uint8_t)kind[plain_kernel_sort(&t->ev, named)];
		return;
	}
	if (plain_sort(&t->ev, named) == PLAIN_REQ_GIVES)
		p->size = PLAIN_FREE;
	/* A size that might be taken for one of the other meanings goes the long way. */
	if (t->size_width < 8 && t->ev.size <= UINT32_MAX && (t->open & ~(TF_arg | TF_ctx)) == 0)
		p->kind = (uint8_t)kind[plain_sort(&t->ev, named)];
}

/* Passes over what a plain request does not need; NULL: damaged. */
static inline const uint8_t *skip_open(const uint8_t *p, const uint8_t *end, unsigned open)
{
	uint64_t arg;
	uint16_t ctx;

	if (open & TF_arg)
		p = varint_get(p, end, &arg);
	return (open & TF_ctx) && p != NULL ? ctx_get(p, &ctx) : p;
}

/*
 * The loop over plain events; stops before one that is not, or not good.
 *   birth  slot = head       leaves the chain of free slots
 *   death  slot = operand    becomes its head
 */
static size_t decode_plain(struct block_decoder *b, struct slots *slots, struct plain_req *out,
			   size_t max)
{
	const struct plain_template *const dict = b->plain;
	const uint8_t *tokens = b->tokens, *sp = b->slots, *vp = b->sizes, *mp = b->misc;
	uint32_t *const next = slots->next;
	const uint32_t ready = slots->ready;
	uint32_t named = b->slot, high = slots->high, head = slots->head, live = slots->live;
	size_t i;

	for (i = 0; i < max; i++) {
		const struct plain_template *t = &dict[tokens[i]];
		const uint8_t *after = mp;

		/* Programs of many threads: more contexts than templates. */
		if (mm_unlikely(t->open)) {
			after = skip_open(mp, b->misc_end, t->open);
			if (after == NULL)
				break;
		}
		if (t->kind == PLAIN_GIVES) {
			uint32_t slot = named + (load32(sp) & t->slot_mask) - t->slot_bias;

			if (mm_unlikely(slot >= ready || next[slot] != SLOT_LIVE))
				break;
			sp += t->slot_width;
			named = slot;
			high = live > high ? live : high;
			next[slot] = head;
			head = slot;
			live--;
			out[i] = (struct plain_req){t->size, slot, t->note};
		} else if (mm_likely(t->kind == PLAIN_TAKES)) {
			uint32_t slot = head;

			head = next[slot];
			next[slot] = SLOT_LIVE;
			live++;
			out[i] = (struct plain_req){t->size + (load64(vp) & t->size_mask), slot,
						    t->note};
			vp += t->size_width;
		} else if (t->kind == PLAIN_IS_NULL) {
			out[i] = (struct plain_req){PLAIN_NOTHING, 0, t->note};
		} else {
			break;
		}
		mp = after;
	}
	b->tokens += i;
	b->slots = sp;
	b->sizes = vp;
	b->misc = mp;
	b->slot = named;
	slots->head = head;
	slots->live = live;
	slots->high = live > high ? live : high;
	return i;
}

const char *block_decoder_next_plain(struct block_decoder *b, struct slots *slots,
				     struct plain_req *out, struct trace_event *other, size_t max,
				     size_t *n)
{
	const char *wrong = block_decode_ready(b, slots, &max);
	uint32_t others = 0;

	*n = 0;
	if (wrong != NULL)
		return wrong;
	while (*n < max) {
		unsigned token;

		*n += decode_plain(b, slots, out + *n, max - *n);
		if (*n == max)
			break;
		token = *b->tokens;
		wrong = block_decode_any(b, slots, &other[others]);
		if (wrong != NULL)
			break;
		if (trace_op_has_slot2(other[others].op))
			block_plain_template(&b->plain[token], &b->dict[token], true);
		out[*n] = plain_from(&other[others], others);
		others += out[(*n)++].size == PLAIN_OTHER;
	}
	return block_decode_done(b, n, wrong);
}
