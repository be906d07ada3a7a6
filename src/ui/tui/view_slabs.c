/*
 * Slabs: caches as in slabtop; a cache's slabs; a slab's objects.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ui/tui/names.h"
#include "ui/tui/views.h"

enum depth { DEPTH_CACHES, DEPTH_SLABS, DEPTH_OBJECTS };
enum order { BY_ACTIVE, BY_TOTAL, BY_SIZE, BY_USE, BY_SLABS, BY_NAME, NR_ORDERS };

struct slabs {
	enum depth depth;
	enum order order;
	size_t cursor[3], top[3];
	uint32_t cache; /* number of the one gone into, and whose */
	unsigned alloc;
	uint64_t slab; /* address of the one gone into */
};

static const char *cache_name(const struct app *a, const struct moment_cache *c)
{
	return c->name != 0 ? timeline_string(a->t, c->name) : "(unnamed)";
}

/* ---- caches ---- */

static uint64_t order_key(const struct moment_cache *c, enum order o)
{
	switch (o) {
	case BY_ACTIVE:
		return c->f.active_objects;
	case BY_TOTAL:
		return c->f.total_objects;
	case BY_SIZE:
		return c->f.object_size;
	case BY_USE:
		return c->f.total_objects ? c->f.active_objects * 1000 / c->f.total_objects : 0;
	default:
		return c->f.slabs;
	}
}

/* Indices of the caches in the order asked for; the number breaks ties. Owned by the caller. */
static unsigned *sorted(struct app *a, const struct slabs *s, unsigned *nr)
{
	const struct moment_cache *c = moment_caches(a->t, nr);
	unsigned *v = malloc((*nr + 1) * sizeof *v);

	for (unsigned i = 0; v != NULL && i < *nr; i++) {
		unsigned k = i;

		for (; k > 0; k--) {
			bool before = s->order == BY_NAME
					      ? strcasecmp(cache_name(a, &c[i]),
							   cache_name(a, &c[v[k - 1]])) < 0
					      : order_key(&c[i], s->order) >
							order_key(&c[v[k - 1]], s->order);

			if (!before)
				break;
			v[k] = v[k - 1];
		}
		v[k] = i;
	}
	return v;
}

static void draw_cache(struct app *a, struct box b, int y, const struct moment_cache *c, bool on)
{
	const struct cache_figures *f = &c->f;
	char bytes[SHORT_SIZE];

	if (on)
		put_fill(b, y, 0, b.w, STYLE_CURSOR, ' ');
	put(b, y, 0, on ? STYLE_CURSOR : STYLE_PLAIN,
	    "%8llu %8llu %3llu%% %7llu %7llu %6llu %5llu %8s  %s (%s)",
	    (unsigned long long)f->active_objects, (unsigned long long)f->total_objects,
	    (unsigned long long)(f->total_objects ? f->active_objects * 100 / f->total_objects : 0),
	    (unsigned long long)f->object_size, (unsigned long long)f->slabs,
	    (unsigned long long)f->objects_per_slab, (unsigned long long)f->pages_per_slab,
	    short_size(f->slabs * f->pages_per_slab << a->machine->page_shift, bytes),
	    cache_name(a, c), moment_system(a->t)->allocs[c->alloc].ops->name);
}

static void draw_caches(struct app *a, struct slabs *s, struct box b)
{
	static const char *const orders[] = {"active", "total", "size", "use", "slabs", "name"};
	unsigned nr, *v = sorted(a, s, &nr);
	const struct moment_cache *c = moment_caches(a->t, &nr);

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put_text(b, 0, 0, STYLE_HEAD,
		 "  ACTIVE    TOTAL  USE OBJSIZE   SLABS OBJ/SL PAGES   MEMORY  CACHE");
	put(b, b.h - 1, 0, STYLE_DIM, "%u caches, sorted by %s (o: another order)", nr,
	    orders[s->order]);
	if (nr == 0)
		put_text(b, 2, 0, STYLE_DIM, "The trace has made no cache up to now.");
	s->cursor[0] = s->cursor[0] < nr ? s->cursor[0] : nr ? nr - 1 : 0;
	s->top[0] = scroll_to(s->top[0], s->cursor[0], nr, b.h - 2);
	for (size_t i = s->top[0]; v != NULL && i < nr && (int)(i - s->top[0]) < b.h - 2; i++)
		draw_cache(a, b, 1 + (int)(i - s->top[0]), &c[v[i]], i == s->cursor[0]);
	free(v);
}

/* ---- slabs and objects, from the pieces ---- */

static bool is_object(const struct piece *p)
{
	return strcmp(p->what, "object") == 0 || strcmp(p->what, "free object") == 0;
}

struct slab {
	uint64_t base, end;
	uint32_t cache; /* from its header; UINT32_MAX: it has none in the slab */
	unsigned live, free;
	size_t first, last; /* pieces */
};

static bool is_header(const struct piece *p)
{
	return strcmp(p->what, "slab header") == 0;
}

/*
 * The slabs of an allocator: runs of pieces, each begun by a slab header, or by an
 * object numbered 0.  Owned by the caller.
 */
static struct slab *list_slabs(struct app *a, const struct slabs *s, size_t *nr)
{
	size_t n, room = 64;
	uint64_t page = 1ull << a->machine->page_shift;
	const struct piece *p = moment_pieces(a->t, &n);
	struct slab *v = malloc(room * sizeof *v), *at = NULL;

	*nr = 0;
	for (size_t i = 0; v != NULL && i < n; i++) {
		bool begins =
			is_header(&p[i]) ||
			(is_object(&p[i]) && p[i].detail == 0 &&
			 (at == NULL || at->live + at->free != 0 || p[i].base - at->end >= page));

		if (p[i].alloc != s->alloc || (!begins && !is_object(&p[i])))
			continue;
		if (begins) {
			if (*nr == room) {
				struct slab *more = realloc(v, (room *= 2) * sizeof *v);

				if (more == NULL)
					break;
				v = more;
			}
			at = &v[(*nr)++];
			*at = (struct slab){.base = p[i].base, .cache = UINT32_MAX, .first = i};
		}
		if (at == NULL)
			continue;
		if (is_header(&p[i]))
			at->cache = (uint32_t)p[i].detail;
		at->live += is_object(&p[i]) && p[i].class == MM_GRANTED;
		at->free += is_object(&p[i]) && p[i].class != MM_GRANTED;
		at->end = p[i].end;
		at->last = i;
	}
	return v;
}

static const struct moment_cache *this_cache(struct app *a, const struct slabs *s)
{
	unsigned nr;
	const struct moment_cache *c = moment_caches(a->t, &nr);

	for (unsigned i = 0; i < nr; i++)
		if (c[i].number == s->cache && c[i].alloc == s->alloc)
			return &c[i];
	return NULL;
}

/* Keeps the slabs of the cache gone into, as far as headers tell. */
static size_t of_cache(struct slab *v, size_t nr, const struct slabs *s)
{
	size_t kept = 0;

	for (size_t i = 0; v != NULL && i < nr; i++)
		if (v[i].cache == UINT32_MAX || v[i].cache == s->cache)
			v[kept++] = v[i];
	return kept;
}

static void draw_slabs(struct app *a, struct slabs *s, struct box b)
{
	const struct moment_cache *c = this_cache(a, s);
	size_t nr;
	struct slab *v = list_slabs(a, s, &nr);

	nr = of_cache(v, nr, s);
	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD, "address    live   free  slabs of %s, %zu",
	    c != NULL ? cache_name(a, c) : "?", nr);
	s->cursor[1] = s->cursor[1] < nr ? s->cursor[1] : nr ? nr - 1 : 0;
	s->top[1] = scroll_to(s->top[1], s->cursor[1], nr, b.h - 1);
	for (size_t i = s->top[1]; i < nr && (int)(i - s->top[1]) < b.h - 1; i++) {
		int y = 1 + (int)(i - s->top[1]);
		bool on = i == s->cursor[1];

		put(b, y, 0, on ? STYLE_CURSOR : STYLE_PLAIN, "%08llx %6u %6u  ",
		    (unsigned long long)v[i].base, v[i].live, v[i].free);
		put_bar(b, y, 26, b.w - 27, v[i].live, v[i].live + v[i].free, STYLE_GOOD);
	}
	free(v);
}

static void draw_object(struct app *a, struct box b, int y, const struct piece *p, bool on)
{
	uint64_t link = 0;
	unsigned word = a->machine->word;
	int x;

	if (on)
		put_fill(b, y, 0, b.w, STYLE_CURSOR, ' ');
	x = put(b, y, 0, on ? STYLE_CURSOR : states[piece_state(moment_system(a->t), p)].style,
		"%4llu", (unsigned long long)p->detail);
	x = put(b, y, x, on ? STYLE_CURSOR : STYLE_PLAIN, "  %08llx %5llu  %-12s",
		(unsigned long long)p->base, (unsigned long long)(p->end - p->base), p->what);
	if (p->slot != SLOT_NONE) {
		const struct live *l = moment_live(a->t, p->slot);

		x = put(b, y, x, on ? STYLE_CURSOR : STYLE_PLAIN, "#%u since %llu", p->slot,
			(unsigned long long)live_birth(l));
		if (live_site(l) != 0)
			put(b, y, x, on ? STYLE_CURSOR : STYLE_DIM, " %s",
			    timeline_string(a->t, live_site(l)));
	} else if (p->class != MM_GRANTED && moment_read(a->t, p->base, &link, word)) {
		put(b, y, x, on ? STYLE_CURSOR : STYLE_DIM, "first word %0*llx", (int)word * 2,
		    (unsigned long long)link);
	}
}

/* The objects of the slab gone into. */
static size_t object_range(struct app *a, const struct slabs *s, size_t *first, size_t *last)
{
	size_t nr, n = 0;
	struct slab *v = list_slabs(a, s, &nr);

	for (size_t i = 0; v != NULL && i < nr; i++)
		if (v[i].base == s->slab) {
			*first = v[i].first;
			*last = v[i].last;
			n = v[i].live + v[i].free;
		}
	free(v);
	return n;
}

static void draw_objects(struct app *a, struct slabs *s, struct box b)
{
	size_t nr, first = 0, last = 0, n = object_range(a, s, &first, &last), row = 0;
	const struct piece *p = moment_pieces(a->t, &nr);

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD, "   #  address   size  objects of the slab at %08llx, %zu",
	    (unsigned long long)s->slab, n);
	if (n == 0)
		put_text(b, 2, 0, STYLE_DIM, "The slab is no more.  Backspace goes back.");
	s->cursor[2] = s->cursor[2] < n ? s->cursor[2] : n ? n - 1 : 0;
	s->top[2] = scroll_to(s->top[2], s->cursor[2], n, b.h - 1);
	for (size_t i = first; n != 0 && i <= last && i < nr; i++) {
		if (!is_object(&p[i]))
			continue;
		if (row >= s->top[2] && (int)(row - s->top[2]) < b.h - 1)
			draw_object(a, b, 1 + (int)(row - s->top[2]), &p[i], row == s->cursor[2]);
		row++;
	}
}

static void slabs_draw(struct app *a, void *state, struct box b)
{
	struct slabs *s = state;

	if (s->depth == DEPTH_CACHES)
		draw_caches(a, s, b);
	else if (s->depth == DEPTH_SLABS)
		draw_slabs(a, s, b);
	else
		draw_objects(a, s, b);
}

/* ---- keys ---- */

static size_t nr_rows(struct app *a, const struct slabs *s)
{
	size_t nr, first = 0, last = 0;
	struct slab *v;
	unsigned n;

	switch (s->depth) {
	case DEPTH_CACHES:
		(void)moment_caches(a->t, &n);
		return n;
	case DEPTH_SLABS:
		v = list_slabs(a, s, &nr);
		nr = of_cache(v, nr, s);
		free(v);
		return nr;
	default:
		return object_range(a, s, &first, &last);
	}
}

/* The piece of the object under the cursor; NULL: none. */
static const struct piece *this_object(struct app *a, const struct slabs *s)
{
	size_t nr, first = 0, last = 0, row = 0;
	const struct piece *p = moment_pieces(a->t, &nr);

	if (object_range(a, s, &first, &last) == 0)
		return NULL;
	for (size_t i = first; i <= last && i < nr; i++)
		if (is_object(&p[i]) && row++ == s->cursor[2])
			return &p[i];
	return NULL;
}

static void go_in(struct app *a, struct slabs *s)
{
	size_t row = s->cursor[s->depth];

	if (s->depth == DEPTH_CACHES) {
		unsigned nr, *v = sorted(a, s, &nr);
		const struct moment_cache *c = moment_caches(a->t, &nr);

		if (v != NULL && row < nr) {
			s->cache = c[v[row]].number;
			s->alloc = c[v[row]].alloc;
			s->depth = DEPTH_SLABS;
			s->cursor[1] = 0;
		}
		free(v);
	} else if (s->depth == DEPTH_SLABS) {
		size_t nr;
		struct slab *v = list_slabs(a, s, &nr);

		nr = of_cache(v, nr, s);
		if (row < nr) {
			s->slab = v[row].base;
			s->depth = DEPTH_OBJECTS;
			s->cursor[2] = 0;
		}
		free(v);
	} else {
		const struct piece *p = this_object(a, s);

		if (p != NULL)
			show_address(a, p->base);
	}
}

static bool slabs_key(struct app *a, void *state, enum action act, struct input in)
{
	struct slabs *s = state;

	if (in.key == INPUT_MOUSE) {
		if (in.y >= 1 && in.y < a->body.h &&
		    s->top[s->depth] + (size_t)in.y - 1 < nr_rows(a, s))
			s->cursor[s->depth] = s->top[s->depth] + (size_t)in.y - 1;
		if (in.mouse == MOUSE_DOUBLE)
			go_in(a, s);
		return in.y >= 0 && in.y < a->body.h;
	}
	if (move_cursor(act, &s->cursor[s->depth], nr_rows(a, s),
			(size_t)(a->body.h > 3 ? a->body.h - 2 : 1)))
		return true;
	if (act == ACTION_ENTER || act == ACTION_RIGHT) {
		go_in(a, s);
		return true;
	}
	if ((act == ACTION_BACK || act == ACTION_LEFT) && s->depth > 0) {
		s->depth--;
		return true;
	}
	if (in.key == 'o') {
		s->order = (enum order)((s->order + 1) % NR_ORDERS);
		return true;
	}
	return false;
}

static bool slabs_selected(struct app *a, void *state, struct touch *q)
{
	const struct slabs *s = state;
	const struct piece *p = s->depth == DEPTH_OBJECTS ? this_object(a, s) : NULL;
	const struct moment_cache *c;
	unsigned nr, *v;

	if (p != NULL) {
		*q = (struct touch){.kind = TOUCH_MEMORY, .lo = p->base, .hi = p->end};
		return true;
	}
	if (s->depth != DEPTH_CACHES) {
		c = this_cache(a, s);
		*q = (struct touch){.kind = TOUCH_CACHE, .value = c != NULL ? c->slot : SLOT_NONE};
		return c != NULL && c->slot != SLOT_NONE;
	}
	v = sorted(a, s, &nr);
	c = moment_caches(a->t, &nr);
	if (v == NULL || s->cursor[0] >= nr || c[v[s->cursor[0]]].slot == SLOT_NONE) {
		free(v);
		return false;
	}
	*q = (struct touch){.kind = TOUCH_CACHE, .value = c[v[s->cursor[0]]].slot};
	free(v);
	return true;
}

static const char *const help[] = {
	"j k\tchoose a cache, a slab, an object",
	"Enter\tinto the cache's slabs, a slab's objects, the object in the atlas; Backspace out",
	"o\tsort by active, total, size, use, slabs, name",
	"[ ]\tprevious and next event of the cache, or that touched the object",
	"\ta free object's first word is its link where the kind keeps its list there",
	NULL,
};

const struct view_ops view_slabs = {
	.name = "slabs",
	.title = "Slabs",
	.summary = "caches, their slabs, and the objects in them",
	.help = help,
	.private_size = sizeof(struct slabs),
	.draw = slabs_draw,
	.key = slabs_key,
	.selected = slabs_selected,
};
