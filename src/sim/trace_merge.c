#include "sim/trace_merge.h"

#include <stdlib.h>

#include "sim/trace_copy.h"

struct source {
	struct trace_copy copy;
	const struct trace_event *ev; /* the reader's */
	size_t n, i;
	uint64_t done, events; /* events is 0 where unknown */
	bool ended;
};

static int advance(struct source *s, struct diag *d)
{
	if (s->i < s->n)
		return 0;
	s->i = 0;
	if (trace_next(s->copy.r, &s->ev, &s->n, d) != 0)
		return -1;
	s->ended = s->n == 0;
	return 0;
}

/* Is a's next event before b's? By time where both have one, else by the share that is done. */
static bool is_before(const struct source *a, const struct source *b)
{
	const struct trace_event *x = &a->ev[a->i], *y = &b->ev[b->i];

	if (x->flags & y->flags & EV_HAS_TIME)
		return x->time_ns < y->time_ns;
	if (a->events == 0 || b->events == 0)
		return a->done < b->done;
	return (double)a->done / (double)a->events < (double)b->done / (double)b->events;
}

static int merge(struct source *s, unsigned nr, struct diag *d)
{
	for (;;) {
		struct source *first = NULL;
		struct trace_event ev;

		for (unsigned i = 0; i < nr; i++) {
			if (advance(&s[i], d) != 0)
				return -1;
			if (!s[i].ended && (first == NULL || is_before(&s[i], first)))
				first = &s[i];
		}
		if (first == NULL)
			return 0;
		ev = first->ev[first->i++];
		ev.ctx = (uint16_t)(ev.ctx * nr + (unsigned)(first - s));
		first->done++;
		if (trace_copy_put(&first->copy, &ev, d) != 0)
			return -1;
	}
}

int trace_merge(struct trace_reader *const *r, unsigned nr, struct trace_writer *w, struct diag *d)
{
	struct source *s = calloc(nr, sizeof *s);
	struct trace_info info;
	int err;

	if (s == NULL)
		return diag_set(d, "", 0, 0, "out of memory");
	for (unsigned i = 0; i < nr; i++) {
		trace_get_info(r[i], &info);
		trace_copy_init(&s[i].copy, r[i], w);
		s[i].events = info.events;
	}
	err = merge(s, nr, d);
	for (unsigned i = 0; i < nr; i++)
		trace_copy_finish(&s[i].copy);
	free(s);
	return err;
}
