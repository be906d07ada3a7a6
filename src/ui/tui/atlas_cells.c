#include <string.h>

#include "ui/tui/atlas.h"

static bool overlaps(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a_bytes != 0 && a < b + b_bytes && b < a + a_bytes;
}

bool is_lit(struct app *a, uint64_t base, uint64_t bytes)
{
	const struct happening *h = timeline_past(a->t, 0);
	const struct mm_stored *s;
	uint32_t nr;

	if (h == NULL)
		return false;
	if (overlaps(h->pa, h->bytes, base, bytes) ||
	    overlaps(h->was_pa, h->was_bytes, base, bytes))
		return true;
	s = timeline_stored(a->t, &nr);
	for (uint32_t i = 0; i < nr; i++)
		if (overlaps(s[i].pa, s[i].bytes, base, bytes))
			return true;
	return false;
}

/* ---- gaps: what no allocator walks ---- */

static const struct reserved_range *next_reserved(const struct machine *m, uint64_t pa)
{
	const struct reserved_range *best = NULL;

	for (unsigned i = 0; i < m->nr_reserved; i++) {
		const struct reserved_range *r = &m->reserved[i];

		if (r->base + r->bytes > pa && (best == NULL || r->base < best->base))
			best = r;
	}
	return best;
}

static const struct region *next_region(const struct machine *m, uint64_t pa)
{
	for (unsigned i = 0; i < m->nr_regions; i++)
		if (m->regions[i].base + m->regions[i].bytes > pa)
			return &m->regions[i];
	return NULL;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The state at pa where no piece is, and up to where (at most `end`) it holds. */
static enum state gap_state(const struct machine *m, uint64_t pa, uint64_t end, uint64_t *to)
{
	const struct region *g = next_region(m, pa);
	const struct reserved_range *r = next_reserved(m, pa);

	if (g == NULL || g->base > pa) {
		*to = g == NULL ? end : least(end, g->base);
		return STATE_HOLE;
	}
	*to = least(end, g->base + g->bytes);
	if (r != NULL && r->base <= pa) {
		*to = least(*to, r->base + r->bytes);
		return STATE_RESERVED;
	}
	if (r != NULL)
		*to = least(*to, r->base);
	return g->kind == REGION_RAM ? STATE_UNMANAGED : STATE_DEVICE;
}

/* ---- filling cells ---- */

struct filler {
	struct app *a;
	struct atlas_cell *cell;
	uint64_t base, bytes; /* of all cells; of one, a power of two */
	unsigned n, shift; /* shift: of bytes */
	bool ages; /* the youngest block of each is asked for */
};

/* Adds [from, to), which lies in the cells, to those it covers. */
static void fill(struct filler *f, uint64_t from, uint64_t to, enum state st, char letter,
		 const struct piece *p)
{
	while (from < to) {
		uint64_t i = (from - f->base) >> f->shift, stop = f->base + (i + 1) * f->bytes,
			 n = least(to, stop) - from;
		struct atlas_cell *c = &f->cell[i];
		const struct live *l;

		/* Ties go to what came first; memory, however little, goes before a hole. */
		c->bytes[st] += n;
		if (c->letter == 0 || (c->letter == ' ' && st != STATE_HOLE) ||
		    (st != STATE_HOLE && c->bytes[st] > c->owner_bytes)) {
			c->owner_bytes = c->bytes[st];
			c->letter = letter;
			c->owner = p != NULL ? p->alloc : 0xff;
		}
		l = f->ages && p != NULL && p->slot != SLOT_NONE ? moment_live(f->a->t, p->slot)
								 : NULL;
		if (l != NULL && live_birth(l) > c->youngest)
			c->youngest = live_birth(l);
		from += n;
	}
}

static void fill_gap(struct filler *f, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t stop;
		enum state st = gap_state(f->a->machine, from, to, &stop);

		fill(f, from, stop, st, states[st].letter, NULL);
		from = stop;
	}
}

/* A live block: what was asked for, and what was granted beyond. */
static void fill_live(struct filler *f, const struct piece *p, uint64_t from, uint64_t to)
{
	uint64_t asked =
		p->base +
		(p->asked < UINT32_MAX ? p->asked : live_size(moment_live(f->a->t, p->slot)));

	if (from < asked)
		fill(f, from, least(to, asked), STATE_LIVE, states[STATE_LIVE].letter, p);
	if (asked < to)
		fill(f, asked > from ? asked : from, to, STATE_ROUNDING,
		     states[STATE_ROUNDING].letter, p);
}

static void light(struct filler *f, uint64_t pa, uint64_t bytes)
{
	uint64_t end = f->base + f->n * f->bytes;

	if (bytes == 0 || pa >= end || pa + bytes <= f->base)
		return;
	for (uint64_t i = pa > f->base ? (pa - f->base) / f->bytes : 0;
	     i < f->n && f->base + i * f->bytes < pa + bytes; i++)
		f->cell[i].lit = true;
}

static void light_last(struct filler *f)
{
	const struct happening *h = timeline_past(f->a->t, 0);
	const struct mm_stored *s;
	uint32_t nr;

	if (h == NULL)
		return;
	light(f, h->pa, h->bytes);
	light(f, h->was_pa, h->was_bytes);
	s = timeline_stored(f->a->t, &nr);
	for (uint32_t i = 0; i < nr; i++)
		light(f, s[i].pa, s[i].bytes);
}

/* Pieces ahead of the one being drawn whose live blocks' entries are asked for. */
#define AHEAD 12u

/* The age of a block is in the live table, whose order is not that of addresses. */
static inline __attribute__((always_inline)) void look_ahead(const struct timeline *t,
							     const struct piece *p)
{
	if (p->slot != SLOT_NONE)
		__builtin_prefetch(moment_live(t, p->slot));
}

void atlas_cells(struct app *a, uint64_t base, uint64_t cell_bytes, unsigned n, bool ages,
		 struct atlas_cell *out)
{
	struct filler f = {.a = a,
			   .cell = out,
			   .base = base,
			   .bytes = cell_bytes,
			   .n = n,
			   .shift = msb(cell_bytes),
			   .ages = ages};
	const struct system *s = moment_system(a->t);
	uint64_t at = base, end = base + n * cell_bytes;
	size_t nr, i = moment_piece_at(a->t, base);
	const struct piece *p = moment_pieces(a->t, &nr);

	memset(out, 0, n * sizeof *out);
	for (unsigned k = 0; k < n; k++)
		out[k].owner = 0xff;
	for (; i < nr && p[i].base < end; i++) {
		uint64_t from = p[i].base > at ? p[i].base : at, to = least(p[i].end, end);

		if (ages && i + AHEAD < nr)
			look_ahead(a->t, &p[i + AHEAD]);
		fill_gap(&f, at, from);
		if (p[i].slot != SLOT_NONE)
			fill_live(&f, &p[i], from, to);
		else
			fill(&f, from, to, piece_state(s, &p[i]), piece_letter(s, &p[i]), &p[i]);
		at = to;
	}
	fill_gap(&f, at, end);
	light_last(&f);
}
