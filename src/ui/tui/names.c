#include "ui/tui/names.h"

#include <stdio.h>
#include <string.h>

const struct state_info states[NR_STATES] = {
	[STATE_HOLE] = {' ', STYLE_HOLE, "no memory"},
	[STATE_DEVICE] = {'x', STYLE_RESERVED, "flash, ROM, devices"},
	[STATE_RESERVED] = {'X', STYLE_RESERVED, "reserved"},
	[STATE_UNMANAGED] = {'-', STYLE_UNMANAGED, "given to no allocator"},
	[STATE_FREE] = {'0', STYLE_FREE, "free pages, by order"},
	[STATE_CACHED] = {'.', STYLE_CACHED, "free, held by a heap or slab"},
	[STATE_LIVE] = {'A', STYLE_PAYLOAD, "allocated: live blocks"},
	[STATE_ROUNDING] = {'r', STYLE_ROUNDING, "granted beyond the request"},
	[STATE_HEADER] = {'h', STYLE_METADATA, "chunk headers"},
	[STATE_SLAB] = {'s', STYLE_METADATA, "slab headers and maps"},
	[STATE_TABLE] = {'T', STYLE_METADATA, "page tables"},
	[STATE_DESCRIPTORS] = {'D', STYLE_METADATA, "page descriptors"},
	[STATE_METADATA] = {'m', STYLE_METADATA, "other metadata"},
	[STATE_SLACK] = {'~', STYLE_SLACK, "lost: slivers, padding, guards"},
	[STATE_HELD] = {'H', STYLE_CACHED, "pages held by an allocator"},
};

static enum state metadata_state(const char *what)
{
	if (strcmp(what, "page descriptors") == 0)
		return STATE_DESCRIPTORS;
	if (strstr(what, "table") != NULL &&
	    (strstr(what, "page") != NULL || strstr(what, "pte") != NULL))
		return STATE_TABLE;
	if (strncmp(what, "chunk", 5) == 0 || strncmp(what, "block", 5) == 0)
		return STATE_HEADER;
	return strncmp(what, "slab", 4) == 0 ? STATE_SLAB : STATE_METADATA;
}

/* Words are literals, a few dozen, and asked for a hundred thousand times a screen. */
static enum state metadata_word(const char *what)
{
	static struct {
		const char *what;
		enum state state;
	} known[64];
	size_t i = ((uintptr_t)what ^ (uintptr_t)what >> 6) % 64;

	if (known[i].what != what) {
		known[i].what = what;
		known[i].state = metadata_state(what);
	}
	return known[i].state;
}

enum state word_state(const struct system *s, const char *what, unsigned class, unsigned alloc)
{
	switch ((enum mm_class)class) {
	case MM_FREE:
		return STATE_FREE;
	case MM_CACHED:
		return s->allocs[alloc].ops->pages != NULL ? STATE_HELD : STATE_CACHED;
	case MM_METADATA:
		return metadata_word(what);
	case MM_SLACK:
		return STATE_SLACK;
	case MM_ROUNDING:
		return STATE_ROUNDING;
	case MM_RESERVED:
		return STATE_RESERVED;
	case MM_UNMANAGED:
		return STATE_UNMANAGED;
	default:
		return STATE_LIVE;
	}
}

char piece_letter(const struct system *s, const struct piece *p)
{
	enum state st = piece_state(s, p);

	if (st != STATE_FREE)
		return states[st].letter;
	return (char)(p->detail < 10 ? '0' + (int)p->detail : 'a' + (int)p->detail - 10);
}

enum style class_style(enum mm_class c)
{
	static const enum style of[MM_NR_CLASSES] = {
		[MM_UNMANAGED] = STYLE_UNMANAGED, [MM_RESERVED] = STYLE_RESERVED,
		[MM_FREE] = STYLE_FREE,           [MM_CACHED] = STYLE_CACHED,
		[MM_SLACK] = STYLE_SLACK,         [MM_METADATA] = STYLE_METADATA,
		[MM_PAYLOAD] = STYLE_PAYLOAD,     [MM_ROUNDING] = STYLE_ROUNDING,
		[MM_GRANTED] = STYLE_PAYLOAD,
	};

	return of[c];
}

char *short_size(uint64_t bytes, char buf[SHORT_SIZE])
{
	static const char units[] = " KMGTPE";
	unsigned u = 0;
	uint64_t whole = bytes, tenth = 0;

	while (whole >= 1024 && u < 6) {
		tenth = (whole % 1024) * 10 / 1024;
		whole /= 1024;
		u++;
	}
	if (u == 0)
		snprintf(buf, SHORT_SIZE, "%llu", (unsigned long long)whole);
	else if (tenth == 0 || whole >= 100)
		snprintf(buf, SHORT_SIZE, "%llu%c", (unsigned long long)whole, units[u]);
	else
		snprintf(buf, SHORT_SIZE, "%llu.%llu%c", (unsigned long long)whole,
			 (unsigned long long)tenth, units[u]);
	return buf;
}

char *long_count(uint64_t n, char buf[LONG_COUNT])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), k = 0;

	for (int i = 0; i < len; i++) {
		if (i != 0 && (len - i) % 3 == 0)
			buf[k++] = ',';
		buf[k++] = digits[i];
	}
	buf[k] = '\0';
	return buf;
}

/* ---- events ---- */

struct text {
	char *buf;
	size_t bytes, nr;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *fmt, ...)
{
	__builtin_va_list ap;
	int n;

	__builtin_va_start(ap, fmt);
	n = vsnprintf(t->buf + t->nr, t->bytes - t->nr, fmt, ap);
	__builtin_va_end(ap);
	if (n > 0)
		t->nr = t->nr + (size_t)n < t->bytes ? t->nr + (size_t)n : t->bytes - 1;
}

void event_text(const struct timeline *t, const struct trace_event *ev, char *buf, size_t bytes)
{
	struct text x = {buf, bytes, 0};

	add(&x, "%s", trace_op_word((enum trace_op)ev->op));
	if (ev->op >= OP_PHASE) {
		add(&x, " %s", timeline_string(t, (uint32_t)ev->arg));
		return;
	}
	if (ev->slot != SLOT_NONE)
		add(&x, " #%u", ev->slot);
	if (ev->op == OP_ALLOC_PAGES)
		add(&x, ", order %u", ev->order);
	else if (ev->size != 0)
		add(&x, ", %llu bytes", (unsigned long long)ev->size);
	if (ev->op == OP_MEMALIGN)
		add(&x, ", aligned %llu", (unsigned long long)ev->arg);
	if (ev->master != 0)
		add(&x, ", for %s", timeline_string(t, ev->master));
	if (ev->site != 0)
		add(&x, ", from %s", timeline_string(t, ev->site));
}

/* ---- addresses ---- */

static void describe_live(struct app *a, uint32_t slot, struct text *x)
{
	const struct live *l = moment_live(a->t, slot);
	char age[LONG_COUNT];

	add(x, ": #%u, %llu bytes, born at event %llu, %s events ago", slot,
	    (unsigned long long)live_size(l), (unsigned long long)live_birth(l),
	    long_count(timeline_now(a->t) - live_birth(l), age));
	if (moment_site(a->t, l) != 0)
		add(x, ", from %s", timeline_string(a->t, moment_site(a->t, l)));
}

static const struct reserved_range *reserved_at(const struct machine *m, uint64_t pa)
{
	for (unsigned i = 0; i < m->nr_reserved; i++)
		if (pa - m->reserved[i].base < m->reserved[i].bytes)
			return &m->reserved[i];
	return NULL;
}

static void describe_piece(struct app *a, const struct piece *p, struct text *x)
{
	const struct sys_alloc *s = &moment_system(a->t)->allocs[p->alloc];
	char size[SHORT_SIZE];

	add(x, "%s of %s (%s), %s bytes at 0x%llx", p->what, s->name, s->ops->name,
	    short_size(p->end - p->base, size), (unsigned long long)p->base);
	if (p->slot != SLOT_NONE)
		describe_live(a, p->slot, x);
	else if (p->class == MM_FREE)
		add(x, ", order %llu", (unsigned long long)p->detail);
}

void describe_address(struct app *a, uint64_t pa, char *buf, size_t bytes)
{
	const struct machine *m = a->machine;
	const struct reserved_range *r = reserved_at(m, pa);
	int region = physmem_region(&moment_system(a->t)->pm, pa);
	struct text x = {buf, bytes, 0};
	size_t i = moment_piece_at(a->t, pa), nr;
	const struct piece *p = moment_pieces(a->t, &nr);

	add(&x, "0x%08llx ", (unsigned long long)pa);
	if (region < 0) {
		add(&x, "no memory");
		return;
	}
	add(&x, "%s: ", m->regions[region].name);
	if (i < nr && p[i].base <= pa)
		describe_piece(a, &p[i], &x);
	else if (r != NULL)
		add(&x, "reserved for %s", r->owner);
	else
		add(&x, "%s",
		    m->regions[region].kind == REGION_RAM ? "given to no allocator"
							  : "not RAM: nothing is kept there");
}
