/*
 * Slabs: caches as in slabtop; a cache's slabs; a slab's objects.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ui/tui/names.h"
#include "ui/tui/slab_pieces.h"
#include "ui/tui/views.h"

enum depth { DEPTH_CACHES, DEPTH_SLABS, DEPTH_OBJECTS, NR_DEPTHS };
enum order { BY_ACTIVE, BY_TOTAL, BY_SIZE, BY_USE, BY_SLABS, BY_NAME, NR_ORDERS };

#define WIDE 100 /* columns, from which on there is more to see */

struct slabs {
	enum depth depth;
	enum order order;
	size_t cursor[NR_DEPTHS], top[NR_DEPTHS];
	uint32_t cache; /* number of the one gone into, and whose */
	unsigned alloc;
	uint64_t slab; /* address of the one gone into */
};

static const char *cache_name(const struct moment_cache *c)
{
	return c->name[0] != '\0' ? c->name : "(unnamed)";
}

/* The cursor of the list that is shown to one of its nr rows, and that among h on the screen. */
static void settle_cursor(struct slabs *s, size_t nr, int h)
{
	size_t *cursor = &s->cursor[s->depth];

	if (*cursor >= nr)
		*cursor = nr != 0 ? nr - 1 : 0;
	s->top[s->depth] = scroll_to(s->top[s->depth], *cursor, nr, h);
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
					      ? strcasecmp(cache_name(&c[i]),
							   cache_name(&c[v[k - 1]])) < 0
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

	int x;

	if (on)
		put_fill(b, y, 0, b.w, STYLE_CURSOR, ' ');
	x = put(b, y, 0, on ? STYLE_CURSOR : STYLE_PLAIN,
		"%8llu %8llu %3llu%% %7llu %7llu %6llu %5llu %8s",
		(unsigned long long)f->active_objects, (unsigned long long)f->total_objects,
		(unsigned long long)(f->total_objects ? f->active_objects * 100 / f->total_objects
						      : 0),
		(unsigned long long)f->object_size, (unsigned long long)f->slabs,
		(unsigned long long)f->objects_per_slab, (unsigned long long)f->pages_per_slab,
		short_size(f->slabs * f->pages_per_slab << a->machine->page_shift, bytes));
	if (b.w >= WIDE)
		x = put(b, y, x, on ? STYLE_CURSOR : STYLE_PLAIN, " %8llu %5llu",
			(unsigned long long)f->partial, (unsigned long long)f->cpu_slabs);
	put(b, y, x, on ? STYLE_CURSOR : STYLE_PLAIN, "  %s (%s)", cache_name(c),
	    moment_system(a->t)->allocs[c->alloc].ops->name);
}

static void draw_caches(struct app *a, struct slabs *s, struct box b)
{
	static const char *const orders[] = {"active", "total", "size", "use", "slabs", "name"};
	unsigned nr, *v = sorted(a, s, &nr);
	const struct moment_cache *c = moment_caches(a->t, &nr);

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD,
	    "  ACTIVE    TOTAL  USE OBJSIZE   SLABS OBJ/SL PAGES   MEMORY%s  CACHE",
	    b.w >= WIDE ? "  PARTIAL   CPU" : "");
	put(b, b.h - 1, 0, STYLE_DIM, "%u caches, sorted by %s (o: another order)", nr,
	    orders[s->order]);
	if (nr == 0)
		put_text(b, 2, 0, STYLE_DIM, "The trace has made no cache up to now.");
	settle_cursor(s, nr, b.h - 2);
	for (size_t i = s->top[DEPTH_CACHES];
	     v != NULL && i < nr && (int)(i - s->top[DEPTH_CACHES]) < b.h - 2; i++)
		draw_cache(a, b, 1 + (int)(i - s->top[DEPTH_CACHES]), &c[v[i]],
			   i == s->cursor[DEPTH_CACHES]);
	free(v);
}

/* ---- a cache's slabs ---- */

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

static const char *slab_state(const struct slab *v, char buf[16])
{
	if (v->known && v->f.cpu != CPU_NONE) {
		snprintf(buf, 16, "of CPU %u", v->f.cpu % 10000);
		return buf;
	}
	return v->free == 0 ? "full" : v->live == 0 ? "empty" : "partial";
}

static void draw_slabs(struct app *a, struct slabs *s, struct box b)
{
	const struct moment_cache *c = this_cache(a, s);
	size_t nr;
	struct slab *v = slab_list(a, s->alloc, &nr);

	nr = of_cache(v, nr, s);
	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD, "address    live   free  state      slabs of %s, %zu",
	    c != NULL ? cache_name(c) : "?", nr);
	settle_cursor(s, nr, b.h - 1);
	for (size_t i = s->top[DEPTH_SLABS]; i < nr && (int)(i - s->top[DEPTH_SLABS]) < b.h - 1;
	     i++) {
		int y = 1 + (int)(i - s->top[DEPTH_SLABS]);
		bool on = i == s->cursor[DEPTH_SLABS];
		char state[16];

		put(b, y, 0, on ? STYLE_CURSOR : STYLE_PLAIN, "%08llx %6u %6u  ",
		    (unsigned long long)v[i].base, v[i].live, v[i].free);
		put_text(b, y, 25, STYLE_DIM, slab_state(&v[i], state));
		put_bar(b, y, 37, b.w - 38, v[i].live, v[i].live + v[i].free, STYLE_GOOD);
	}
	free(v);
}

static void draw_place(struct box b, int y, int x, enum style s, const struct slab_place *q,
		       unsigned cpu)
{
	if (q->at == 0)
		return;
	x = put(b, y, x, s, "%s ", q->at == 1 ? "first of" : "then in");
	x = q->of_cpu ? put(b, y, x, s, "CPU %u's list", cpu)
		      : put_text(b, y, x, s, "the slab's list");
	if (q->next != UINT32_MAX)
		put(b, y, x, s, ", next %u", q->next);
	else
		put_text(b, y, x, s, ", the last");
}

static void draw_object(struct app *a, struct box b, int y, const struct piece *p,
			const struct slab_place *q, unsigned cpu, bool on)
{
	uint64_t link = 0;
	unsigned word = a->machine->word;
	enum style dim = on ? STYLE_CURSOR : STYLE_DIM;
	int x;

	if (on)
		put_fill(b, y, 0, b.w, STYLE_CURSOR, ' ');
	x = put(b, y, 0, on ? STYLE_CURSOR : states[piece_state(moment_system(a->t), p)].style,
		"%4u", p->detail);
	x = put(b, y, x, on ? STYLE_CURSOR : STYLE_PLAIN, "  %08llx %5llu  %-12s",
		(unsigned long long)p->base, (unsigned long long)(p->end - p->base), p->what);
	if (p->slot != SLOT_NONE) {
		const struct live *l = moment_live(a->t, p->slot);

		x = put(b, y, x, on ? STYLE_CURSOR : STYLE_PLAIN, "#%u since %llu", p->slot,
			(unsigned long long)live_birth(l));
		if (moment_site(a->t, l) != 0)
			put(b, y, x, dim, " %s", timeline_string(a->t, moment_site(a->t, l)));
	} else if (q != NULL) {
		draw_place(b, y, x, dim, q, cpu);
	} else if (p->class == MM_CACHED && moment_read(a->t, p->base, &link, word)) {
		put(b, y, x, dim, "first word %0*llx", (int)word * 2, (unsigned long long)link);
	}
}

/* The objects of the slab gone into. */
static size_t object_range(struct app *a, const struct slabs *s, size_t *first, size_t *last)
{
	size_t nr, n = 0;
	struct slab *v = slab_list(a, s->alloc, &nr);

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
	struct slab_figures f = {.cpu = CPU_NONE};
	struct slab_places places = {.nr = 0};

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD, "   #  address   size  objects of the slab at %08llx, %zu",
	    (unsigned long long)s->slab, n);
	if (n == 0)
		put_text(b, 2, 0, STYLE_DIM, "The slab is no more.  Backspace goes back.");
	else
		slab_places(a, s->alloc, first, last, &f, &places);
	settle_cursor(s, n, b.h - 1);
	for (size_t i = first; n != 0 && i <= last && i < nr; i++) {
		if (p[i].alloc != s->alloc || !slab_is_object(&p[i]))
			continue;
		if (row >= s->top[DEPTH_OBJECTS] && (int)(row - s->top[DEPTH_OBJECTS]) < b.h - 1)
			draw_object(a, b, 1 + (int)(row - s->top[DEPTH_OBJECTS]), &p[i],
				    places.v != NULL ? &places.v[i - first] : NULL, f.cpu,
				    row == s->cursor[DEPTH_OBJECTS]);
		row++;
	}
	free(places.v);
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
		v = slab_list(a, s->alloc, &nr);
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
		if (p[i].alloc == s->alloc && slab_is_object(&p[i]) &&
		    row++ == s->cursor[DEPTH_OBJECTS])
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
			s->cursor[DEPTH_SLABS] = 0;
		}
		free(v);
	} else if (s->depth == DEPTH_SLABS) {
		size_t nr;
		struct slab *v = slab_list(a, s->alloc, &nr);

		nr = of_cache(v, nr, s);
		if (row < nr) {
			s->slab = v[row].base;
			s->depth = DEPTH_OBJECTS;
			s->cursor[DEPTH_OBJECTS] = 0;
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
	if (v == NULL || s->cursor[DEPTH_CACHES] >= nr ||
	    c[v[s->cursor[DEPTH_CACHES]]].slot == SLOT_NONE) {
		free(v);
		return false;
	}
	*q = (struct touch){.kind = TOUCH_CACHE, .value = c[v[s->cursor[DEPTH_CACHES]]].slot};
	free(v);
	return true;
}

static const char *const help[] = {
	"j k\tchoose a cache, a slab, an object",
	"Enter\tinto the cache's slabs, a slab's objects, the object in the atlas; Backspace out",
	"o\tsort by active, total, size, use, slabs, name",
	"[ ]\tprevious and next event of the cache, or that touched the object",
	"\tPARTIAL: slabs on the nodes' lists, CPU: held for CPUs (in a wide terminal)",
	"\tof a free object: which list it is in, and the number of the next one in it",
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
