#include "ui/tui/slab_pieces.h"

#include <stdlib.h>
#include <string.h>

bool slab_is_object(const struct piece *p)
{
	return strcmp(p->what, "object") == 0 || strcmp(p->what, "free object") == 0 ||
	       strcmp(p->what, "cache descriptor") == 0 || strcmp(p->what, "node record") == 0;
}

static bool is_header(const struct piece *p)
{
	return strcmp(p->what, "slab header") == 0;
}

static void begin_slab(struct app *a, const struct piece *p, size_t first, struct slab *out)
{
	*out = (struct slab){.base = p->base, .cache = UINT32_MAX, .first = first};
	out->known = moment_slab(a->t, p->alloc, p->base, &out->f);
	if (out->known) {
		out->base = out->f.base.v - moment_system(a->t)->offset;
		out->cache = out->f.cache;
	} else if (is_header(p)) {
		out->cache = p->detail;
	}
}

static struct slab *more_slabs(struct slab **v, size_t nr, size_t *room)
{
	if (nr == *room) {
		struct slab *more = realloc(*v, *room * 2 * sizeof **v);

		if (more == NULL)
			return NULL;
		*v = more;
		*room *= 2;
	}
	return &(*v)[nr];
}

struct slab *slab_list(struct app *a, unsigned alloc, size_t *nr)
{
	size_t n, room = 64;
	uint64_t page = 1ull << a->machine->page_shift;
	const struct piece *p = moment_pieces(a->t, &n);
	struct slab *v = malloc(room * sizeof *v), *at = NULL;

	*nr = 0;
	for (size_t i = 0; v != NULL && i < n; i++) {
		bool header, object;

		if (p[i].alloc != alloc)
			continue;
		header = is_header(&p[i]);
		object = slab_is_object(&p[i]);
		if (header ||
		    (object && p[i].detail == 0 &&
		     (at == NULL || at->live + at->free != 0 || p[i].base - at->end >= page))) {
			at = more_slabs(&v, *nr, &room);
			if (at == NULL)
				break;
			begin_slab(a, &p[i], i, at);
			++*nr;
		}
		if (at == NULL || (!header && !object))
			continue;
		at->live += object && p[i].class != MM_CACHED;
		at->free += object && p[i].class == MM_CACHED;
		at->end = p[i].end;
		at->last = i;
	}
	return v;
}

/* ---- free lists ---- */

/* Follows one list through the slab; what leads out of it, or in a circle, ends it. */
static void follow_list(struct app *a, const struct slab_figures *f, vaddr_t from, bool of_cpu,
			struct slab_places *out)
{
	const struct system *s = moment_system(a->t);
	struct slab_place *before = NULL;
	unsigned word = a->machine->word;
	size_t nr;
	const struct piece *p = moment_pieces(a->t, &nr);

	for (uint32_t at = 1; !vaddr_none(from); at++) {
		uint64_t pa = from.v - s->offset, next = 0;
		size_t i = moment_piece_at(a->t, pa);
		struct slab_place *here = out->v + (i - out->first);

		if (i < out->first || i >= out->first + out->nr || p[i].base != pa ||
		    here->at != 0 || !moment_read(a->t, pa + f->link, &next, word))
			return;
		if (before != NULL)
			before->next = p[i].detail;
		*here = (struct slab_place){at, UINT32_MAX, of_cpu};
		before = here;
		from.v = word == 4 && next == UINT32_MAX ? VADDR_NONE.v : next;
	}
}

void slab_places(struct app *a, unsigned alloc, size_t first, size_t last, struct slab_figures *f,
		 struct slab_places *out)
{
	size_t nr;
	const struct piece *p = moment_pieces(a->t, &nr);

	*out = (struct slab_places){.first = first, .nr = last - first + 1};
	if (first >= nr || !moment_slab(a->t, alloc, p[first].base, f))
		return;
	out->v = calloc(out->nr, sizeof *out->v);
	if (out->v == NULL)
		return;
	follow_list(a, f, f->free, false, out);
	follow_list(a, f, f->cpu_free, true, out);
}
