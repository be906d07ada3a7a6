/*
 * Virtual: windows and their areas, the page tables' way to an address, the TLBs.
 */
#include "sim/moment_virtual.h"
#include "ui/tui/names.h"
#include "ui/tui/views.h"

#define MAX_WINDOWS 8u
#define MAX_SHOWN   256u

struct virtual_state {
	unsigned window; /* among the windows */
	uint64_t at; /* virtual address under the cursor */
	unsigned cpu;
};

static enum style area_style(const struct map_area *m)
{
	return m->state == MAP_FREE ? STYLE_DIM : m->state == MAP_LAZY ? STYLE_WARN : STYLE_PLAIN;
}

static void draw_window(struct box b, int y, const struct moment_window *w, bool on)
{
	char n[4][SHORT_SIZE];
	int gauge = b.w - 66 > 8 ? b.w - 66 : 8, x;

	x = put(b, y, 0, on ? STYLE_CURSOR : STYLE_BOLD, "%-9.9s", w->w.name);
	x = put(b, y, x, STYLE_PLAIN, " %0*llx %6s", w->w.start.v >> 32 != 0 ? 16 : 8,
		(unsigned long long)w->w.start.v, short_size(w->w.bytes, n[0]));
	put_bar(b, y, x + 1, gauge, w->w.used + w->w.lazy, w->w.bytes, STYLE_GOOD);
	put(b, y, x + gauge + 2, STYLE_PLAIN, "%6s used %6s lazy %6s largest hole %llu areas",
	    short_size(w->w.used, n[1]), short_size(w->w.lazy, n[2]),
	    short_size(w->w.largest, n[3]), (unsigned long long)w->w.areas);
}

static const char *type_name(enum map_type type)
{
	static const char *const names[] = {"vmalloc", "ioremap", "kmap", "kmap_atomic"};

	return (unsigned)type < sizeof names / sizeof names[0] ? names[type] : "?";
}

static void draw_area(struct box b, int y, const struct map_area *m, bool on)
{
	static const char *const words[] = {"hole", "mapped", "lazy"};
	char size[SHORT_SIZE], mapped[SHORT_SIZE];
	enum style s = on ? STYLE_CURSOR : area_style(m);
	int x;

	if (on)
		put_fill(b, y, 0, b.w, STYLE_CURSOR, ' ');
	x = put(b, y, 0, s, "%08llx %7s  %-7s", (unsigned long long)m->base.v,
		short_size(m->bytes, size), words[m->state]);
	if (m->state == MAP_FREE)
		return;
	x = put(b, y, x, s, "%-11s", type_name(m->type));
	if (m->type == MAP_VMALLOC)
		put(b, y, x, s, "%s in pages of its own, %s guard", short_size(m->mapped, mapped),
		    m->bytes > m->mapped ? "then a" : "no");
	else
		put(b, y, x, s, "shows physical 0x%llx", (unsigned long long)m->pa.v);
}

/* ---- the way of an address ---- */

static void entry_bits(uint64_t e, char buf[24])
{
	static const struct {
		uint64_t bit;
		const char *name;
	} bits[] = {{0x2, "W"}, {0x4, "U"}, {0x20, "A"}, {0x40, "D"}, {0x80, "PS"}, {0x100, "G"}};
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
		if ((e & bits[i].bit) != 0)
			n += (size_t)snprintf(buf + n, 24 - n, "%s ", bits[i].name);
}

static uint64_t leaf_pa(const struct table_step *leaf, uint64_t va)
{
	return (leaf->entry & 0x000ffffffffff000ull & ~(leaf->maps - 1)) | (va & (leaf->maps - 1));
}

static int draw_walk(struct app *a, struct box b, uint64_t va)
{
	struct table_step step[MAX_TABLE_STEPS];
	unsigned n = moment_page_walk(a->t, va, step);
	int y = 1;

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD, "the page tables' way to %llx", (unsigned long long)va);
	for (unsigned i = 0; i < n; i++, y++) {
		char bits[24];
		int x = put(b, y, 0, STYLE_PLAIN, "%-9s [%llu] at %llx", step[i].name,
			    (unsigned long long)step[i].index, (unsigned long long)step[i].at);

		entry_bits(step[i].entry, bits);
		if (!step[i].present)
			put(b, y, x, STYLE_WARN, " = %llx: not present",
			    (unsigned long long)step[i].entry);
		else if (step[i].leaf)
			put(b, y, x, STYLE_GOOD, " = %llx %s: physical %llx",
			    (unsigned long long)step[i].entry, bits,
			    (unsigned long long)leaf_pa(&step[i], va));
		else
			put(b, y, x, STYLE_PLAIN, " = %llx %s", (unsigned long long)step[i].entry,
			    bits);
	}
	if (n == 0)
		put_text(b, y++, 0, STYLE_DIM, "no page tables are booted for this trace");
	return y;
}

static void draw_tlbs(struct app *a, struct box b, const struct virtual_state *s)
{
	const struct mmu *u = moment_mmu(a->t);
	struct tlb_view v[64];
	int y = 1;

	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put(b, 0, 0, STYLE_HEAD, "TLBs of CPU %u", s->cpu);
	for (unsigned l = 0; u != NULL && l < u->nr_tlbs; l++) {
		const struct mmu_counts *n = &u->state->n;
		uint64_t tries = n->hits[l] + n->misses[l];
		unsigned nr = moment_tlb(a->t, s->cpu, l, v, 64);

		put(b, y++, 0, STYLE_PLAIN,
		    "level %u: %u of %u entries, %llu hits of %llu (%.1f %%), %llu walks", l + 1,
		    nr, u->tlb[l].sets * u->tlb[l].ways, (unsigned long long)n->hits[l],
		    (unsigned long long)tries,
		    tries ? 100.0 * (double)n->hits[l] / (double)tries : 0.0,
		    (unsigned long long)n->walks);
		for (unsigned i = 0; i < nr && i < 64 && y < b.h; i++)
			put(b, y++, 2, STYLE_DIM, "%llx -> %llx%s", (unsigned long long)v[i].va,
			    (unsigned long long)v[i].pa, v[i].large ? " large" : "");
	}
}

/* ---- the view ---- */

static size_t areas(struct app *a, const struct moment_window *w, struct map_area *out, size_t max)
{
	size_t n = moment_areas(a->t, w->alloc, w->w.start.v, out, max), kept = 0;

	/* A kind may have several windows: those of this one. */
	while (kept < n && out[kept].base.v - w->w.start.v < w->w.bytes)
		kept++;
	return kept;
}

static size_t row_of(const struct map_area *m, size_t nr, uint64_t va)
{
	for (size_t i = 0; i < nr; i++)
		if (va < m[i].base.v + m[i].bytes)
			return i;
	return nr ? nr - 1 : 0;
}

/* The address whose way is shown: the one asked for, while the cursor is on its area. */
static uint64_t walked(const struct virtual_state *s, const struct map_area *m,
		       const struct moment_window *w)
{
	if (m != NULL && s->at - m->base.v < m->bytes)
		return s->at;
	if (s->at != 0 && s->at - w->w.start.v >= w->w.bytes)
		return s->at;
	return m != NULL ? m->base.v : w->w.start.v;
}

static void draw_nothing(struct app *a, struct box b)
{
	if (a->machine->mmu == MMU_NONE)
		put(b, 1, 0, STYLE_DIM,
		    "%s has no memory management unit: addresses are physical ones.",
		    a->machine->name);
	else
		put_text(b, 1, 0, STYLE_DIM,
			 "This trace maps nothing (vmalloc, kmap, ioremap): no window is booted.");
}

static void virtual_draw(struct app *a, void *state, struct box b)
{
	struct virtual_state *s = state;
	struct moment_window w[MAX_WINDOWS];
	struct map_area m[MAX_SHOWN];
	unsigned nr = moment_windows(a->t, w, MAX_WINDOWS);
	size_t n, row, top;
	struct box list, rest;
	int h;

	if (nr == 0) {
		draw_nothing(a, b);
		return;
	}
	s->window = s->window < nr ? s->window : 0;
	for (unsigned i = 0; i < nr; i++)
		draw_window(b, (int)i, &w[i], i == s->window);
	n = areas(a, &w[s->window], m, MAX_SHOWN);
	row = row_of(m, n, s->at);
	rest = box_rows(b, (int)nr, -1);
	h = rest.h - 12 < 3 ? 3 : rest.h - 12;
	list = box_rows(rest, 0, h);
	put_fill(list, 0, 0, list.w, STYLE_HEAD, ' ');
	put(list, 0, 0, STYLE_HEAD, "address     size  areas of %s, %zu%s", w[s->window].w.name, n,
	    n == MAX_SHOWN ? " and more" : "");
	top = scroll_to(0, row, n, h - 1);
	for (size_t i = 0; i + 1 < (size_t)h && top + i < n; i++)
		draw_area(list, 1 + (int)i, &m[top + i], top + i == row);
	rest = box_rows(rest, h, -1);
	h = draw_walk(a, rest, walked(s, n != 0 ? &m[row] : NULL, &w[s->window]));
	draw_tlbs(a, box_rows(rest, h, -1), s);
}

/* The window that an address is in, with the cursor on it. */
static void virtual_go_va(struct app *a, struct virtual_state *s, uint64_t va)
{
	struct moment_window w[MAX_WINDOWS];
	unsigned nr = moment_windows(a->t, w, MAX_WINDOWS);

	s->at = va;
	for (unsigned i = 0; i < nr; i++)
		if (va - w[i].w.start.v < w[i].w.bytes)
			s->window = i;
}

void show_walk(struct app *a, uint64_t va)
{
	unsigned i = view_index("virtual");
	struct table_step step[MAX_TABLE_STEPS];

	if (moment_page_walk(a->t, va, step) == 0) {
		say(a, STYLE_WARN,
		    a->machine->mmu == MMU_NONE ? "%s has no page tables"
						: "%s has booted no page tables for this trace",
		    a->machine->name);
		return;
	}
	show_view(a, i);
	virtual_go_va(a, a->state[i], va);
}

static bool virtual_key(struct app *a, void *state, enum action act, struct input in)
{
	struct virtual_state *s = state;
	struct moment_window w[MAX_WINDOWS];
	struct map_area m[MAX_SHOWN];
	unsigned nr = moment_windows(a->t, w, MAX_WINDOWS);
	struct table_step step[MAX_TABLE_STEPS];
	size_t n, row;

	if (in.key == INPUT_MOUSE)
		return in.y >= 0 && in.y < a->body.h;
	if (nr == 0)
		return false;
	s->window = s->window < nr ? s->window : 0;
	n = areas(a, &w[s->window], m, MAX_SHOWN);
	row = row_of(m, n, s->at);
	if (move_cursor(act, &row, n, (size_t)(a->body.h > 16 ? a->body.h - 16 : 2))) {
		if (row < n)
			s->at = m[row].base.v;
		return true;
	}
	if (act == ACTION_LEFT || act == ACTION_RIGHT) {
		s->window = (s->window + (act == ACTION_RIGHT ? 1 : nr - 1)) % nr;
		s->at = w[s->window].w.start.v;
		return true;
	}
	if (act == ACTION_ENTER && n != 0) {
		uint64_t va = walked(s, &m[row], &w[s->window]);
		unsigned k = moment_page_walk(a->t, va, step);

		if (k != 0 && step[k - 1].present && step[k - 1].leaf)
			show_address(a, leaf_pa(&step[k - 1], va));
		else
			say(a, STYLE_WARN, "nothing is mapped there");
		return true;
	}
	if (in.key == 'u') {
		s->cpu = (s->cpu + 1) % (a->machine->cpus ? a->machine->cpus : 1);
		return true;
	}
	return false;
}

static bool virtual_selected(struct app *a, void *state, struct touch *q)
{
	const struct virtual_state *s = state;
	struct table_step step[MAX_TABLE_STEPS];
	unsigned k = moment_page_walk(a->t, s->at, step);

	if (k == 0 || s->at == 0)
		return false;
	/* Who wrote the entry that says what is there. */
	*q = (struct touch){.kind = TOUCH_MEMORY, .lo = step[k - 1].at, .hi = step[k - 1].at + 8};
	return true;
}

static const char *const help[] = {
	"j k\tthrough the areas and holes of a window",
	"h l\tanother window",
	"Enter\tshow the first page behind the area in the atlas",
	":walk ADDR\tthe page tables' way of any virtual address, in a window or not",
	"u\tthe TLBs of another CPU",
	"[ ]\tprevious and next event that touched the page-table entry of the address",
	"\tlazy: unmapped, but not yet flushed from the TLBs.  W U A D PS G: bits of an entry",
	NULL,
};

const struct view_ops view_virtual = {
	.name = "virtual",
	.title = "Virtual",
	.summary = "windows and areas, page tables level by level, TLBs",
	.help = help,
	.private_size = sizeof(struct virtual_state),
	.draw = virtual_draw,
	.key = virtual_key,
	.selected = virtual_selected,
};
