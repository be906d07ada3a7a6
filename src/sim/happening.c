#include "sim/happening.h"

static const struct live *slot_of(const struct replay *r, const struct trace_event *ev)
{
	return ev->slot != SLOT_NONE && ev->slot < r->live.nr ? &r->live.slot[ev->slot] : NULL;
}

void happening_before(struct happening_before *b, const struct replay *r,
		      const struct trace_event *ev)
{
	const struct live *l = slot_of(r, ev);

	b->was = l != NULL ? *l : (struct live){0};
	b->failed = r->fig->failed;
	b->skipped = r->fig->skipped;
	b->bad = r->fig->nr_bad;
}

static bool block_of(const struct live *l, uint64_t *pa, uint64_t *bytes)
{
	if (live_state(l) != LIVE_BLOCK)
		return false;
	*pa = live_pa(l);
	*bytes = live_size(l) ? live_size(l) : 1;
	return true;
}

struct happening happening_after(const struct happening_before *b, const struct replay *r,
				 const struct trace_event *ev)
{
	const struct figures *f = r->fig;
	const struct live *l = slot_of(r, ev);
	struct happening h = {.number = f->event, .ev = *ev, .alloc = 0xff};

	h.outcome = (uint8_t)(f->failed != b->failed     ? OUTCOME_FAILED
			      : f->skipped != b->skipped ? OUTCOME_SKIPPED
			      : f->nr_bad != b->bad      ? OUTCOME_FINDING
							 : OUTCOME_DONE);
	if (l != NULL && block_of(l, &h.pa, &h.bytes)) {
		h.alloc = (uint8_t)live_alloc(l);
		if (live_birth(l) == f->event || b->was.place != l->place)
			(void)block_of(&b->was, &h.was_pa, &h.was_bytes);
	} else if (l != NULL && block_of(&b->was, &h.pa, &h.bytes)) {
		h.alloc = (uint8_t)live_alloc(&b->was);
	}
	return h;
}

const char *outcome_text(enum outcome o)
{
	static const char *const did[] = {[OUTCOME_DONE] = "serves it",
					  [OUTCOME_FAILED] = "fails",
					  [OUTCOME_SKIPPED] = "skips it",
					  [OUTCOME_FINDING] = "finds it wrong"};

	return did[o];
}

struct decision decision_of(const struct happening *h, uint64_t *first)
{
	struct decision d = {.outcome = h->outcome, .placed = h->bytes != 0};

	if (!d.placed)
		return d;
	if (*first == UINT64_MAX)
		*first = h->pa;
	d.place = (int64_t)(h->pa - *first);
	return d;
}

bool places_differ(struct decision x, struct decision y)
{
	return x.placed && y.placed && x.place != y.place;
}
