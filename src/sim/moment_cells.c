/*
 * An arena in cells, word by word, and the free space of an allocator: sums of what a
 * walk shows, of which nothing is kept.
 *
 * A heap that has its arena to itself and walks it in order is summed as it walks;
 * else the pieces of memory are.
 */
#include "sim/moment_ahead.h"

/* ---- free space ---- */

struct counting {
	struct timeline *t;
	unsigned alloc;
	struct free_space sum;
	struct ahead ahead;
};

static void add_space(struct free_space *f, uint64_t bytes)
{
	f->bytes += bytes;
	f->blocks++;
	f->largest = bytes > f->largest ? bytes : f->largest;
}

static void on_space(void *ctx, const struct walk_span *x)
{
	struct counting *c = ctx;

	if ((x->class == MM_CACHED || x->class == MM_FREE) && x->bytes != 0)
		add_space(&c->sum, x->bytes);
	else if (x->class == MM_GRANTED)
		ahead_at(&c->ahead, &c->t->moment, x->base.v - c->t->view.sys.offset);
}

static void walk_space(void *ctx)
{
	struct counting *c = ctx;
	struct system *s = &c->t->view.sys;
	struct alloc *w = system_walker(s, &s->allocs[c->alloc]);

	w->ops->walk(w, on_space, c);
}

const struct free_space *moment_space(struct timeline *t, unsigned alloc)
{
	struct moment *m = &t->moment;
	struct counting c = {.t = t, .alloc = alloc};

	if (m->has_pieces || m->has_space[alloc])
		return &m->space[alloc];
	m->has_space[alloc] = true;
	if (moment_index_lives(t)) {
		c.ahead = ahead_begin(t);
		moment_look(t, walk_space, &c);
	}
	m->space[alloc] = c.sum;
	return &m->space[alloc];
}

/* ---- cells ---- */

#define MAX_WORDS 64u
#define PLACES    256u

/* What has been summed of the cell under way. */
struct cells {
	uint64_t at, to; /* up to where it is summed; where it ends */
	unsigned nr_words;
	struct cell_word word[MAX_WORDS];
	uint8_t place[PLACES]; /* of words, by their addresses: where in `word` to look first */

	uint64_t base, end, bytes; /* of the arena; of a cell, but the last, which may have more */
	unsigned i, n; /* the cell; how many */
	moment_cell_fn *fn;
	void *ctx;

	/* While a heap walks. */
	struct timeline *t;
	unsigned alloc;
	uint64_t offset; /* of the linear map: va - pa, bytes */
	struct ahead ahead;
	bool astray; /* it does not walk in order, or uses too many words */
};

static unsigned place_of(const char *what)
{
	return ((uintptr_t)what ^ (uintptr_t)what >> 8) % PLACES;
}

static uint64_t cell_end(const struct cells *c, unsigned i)
{
	return i + 1 >= c->n ? c->end : c->base + c->bytes * (i + 1);
}

static void begin_cells(struct cells *c)
{
	c->at = c->base;
	c->i = 0;
	c->to = cell_end(c, 0);
	for (unsigned k = 0; k < c->nr_words; k++)
		c->word[k].bytes = 0;
}

/* On to the next cell. */
static void end_cell(struct cells *c)
{
	c->fn(c->ctx, c->i, c->word, c->nr_words);
	for (unsigned k = 0; k < c->nr_words; k++)
		c->word[k].bytes = 0;
	c->at = c->to;
	c->to = cell_end(c, ++c->i);
}

/* NULL: there are too many. */
static struct cell_word *word_of(struct cells *c, const char *what, unsigned class, unsigned alloc)
{
	unsigned k = 0;

	while (k < c->nr_words &&
	       (c->word[k].what != what || c->word[k].class != class || c->word[k].alloc != alloc))
		k++;
	if (k == MAX_WORDS)
		return NULL;
	if (k == c->nr_words)
		c->word[c->nr_words++] =
			(struct cell_word){what, 0, (uint8_t) class, (uint8_t)alloc};
	c->place[place_of(what)] = (uint8_t)k;
	return &c->word[k];
}

/* Sums [from, to), which does not begin before the cell under way, into the cells it covers. */
static void put_cells(struct cells *c, struct cell_word *w, uint64_t from, uint64_t to)
{
	from = from > c->base ? from : c->base;
	to = to < c->end ? to : c->end;
	while (from < to) {
		uint64_t stop;

		while (c->to <= from)
			end_cell(c);
		stop = to < c->to ? to : c->to;
		w->bytes += stop - from;
		c->at = from = stop;
	}
}

/* ---- as a heap walks ---- */

static __attribute__((noinline)) void put_any(struct cells *c, const struct walk_span *x)
{
	uint64_t base = x->base.v - c->offset;
	struct cell_word *w = word_of(c, x->what, x->class, c->alloc);

	if (x->bytes == 0 || c->astray)
		return;
	if (w == NULL || base < c->at) {
		c->astray = true;
		return;
	}
	if (x->class == MM_CACHED || x->class == MM_FREE)
		add_space(&c->t->moment.space[c->alloc], x->bytes);
	if (x->class == MM_GRANTED)
		ahead_at(&c->ahead, &c->t->moment, base);
	put_cells(c, w, base, base + x->bytes);
}

/* Nearly all are headers and live blocks inside of a cell. */
static void on_span(void *ctx, const struct walk_span *x)
{
	struct cells *c = ctx;
	uint64_t base = x->base.v - c->offset, end = base + x->bytes;
	struct cell_word *w = &c->word[c->place[place_of(x->what)]];

	if (mm_unlikely(base != c->at || end > c->to || end < base || w->what != x->what ||
			w->class != x->class || x->class == MM_CACHED || x->class == MM_FREE)) {
		put_any(c, x);
		return;
	}
	w->bytes += x->bytes;
	c->at = end;
	if (x->class == MM_GRANTED)
		ahead_at(&c->ahead, &c->t->moment, base);
}

static void walk_cells(void *ctx)
{
	struct cells *c = ctx;
	struct system *s = &c->t->view.sys;
	struct alloc *w = system_walker(s, &s->allocs[c->alloc]);

	w->ops->walk(w, on_span, c);
}

/* false: its walk was of no use. */
static bool cells_by_walk(struct cells *c)
{
	struct moment *m = &c->t->moment;
	const struct sys_alloc *a = &c->t->view.sys.allocs[c->alloc];

	/* What grows from pages is woven into theirs. */
	if (m->has_pieces || a->env.pages != NULL || a->ops->pages != NULL ||
	    !moment_index_lives(c->t))
		return false;
	m->space[c->alloc] = (struct free_space){0, 0, 0};
	c->ahead = ahead_begin(c->t);
	moment_look(c->t, walk_cells, c);
	m->has_space[c->alloc] = !c->astray;
	return !c->astray;
}

static void cells_by_pieces(struct cells *c)
{
	size_t nr, i = moment_piece_at(c->t, c->base);
	const struct piece *p = moment_pieces(c->t, &nr);

	for (; i < nr && p[i].base < c->end; i++) {
		struct cell_word *w = word_of(c, p[i].what, p[i].class, p[i].alloc);

		if (w != NULL)
			put_cells(c, w, p[i].base, p[i].end);
	}
}

void moment_cells(struct timeline *t, unsigned alloc, unsigned n, moment_cell_fn *fn, void *ctx)
{
	const struct system *s = &t->view.sys;
	const struct mm_range *r = &s->allocs[alloc].arena;
	struct cells c = {.t = t,
			  .alloc = alloc,
			  .offset = s->offset,
			  .base = r->base.v - s->offset,
			  .end = r->base.v - s->offset + r->bytes,
			  .bytes = r->bytes / n,
			  .n = n,
			  .fn = fn,
			  .ctx = ctx};

	begin_cells(&c);
	if (!cells_by_walk(&c)) {
		begin_cells(&c);
		cells_by_pieces(&c);
	}
	while (c.i < n)
		end_cell(&c);
}
