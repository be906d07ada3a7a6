#include "sim/checkpoint_store.h"

#include <stdlib.h>
#include <string.h>

#include "sim/checkpoint_page.h"
#include "sim/checkpoint_state.h"

enum { ARENA_FIGURES, ARENA_APART, ARENA_LEDGER, ARENA_MMU, ARENA_HOST, ARENA_OBSERVERS, ARENA_LIVE, NR_ARENAS };

/* Pages set apart for each arena: 2 GiB, 89 million live objects. */
#define ARENA_PAGES (1u << 19)

#define OBSERVER_ALIGN 16u

/* One content of a page: from checkpoint `serial` on. */
struct version {
	uint64_t serial;
	struct ckpt_page *page; /* owned */
};

struct history {
	struct version *v; /* ascending serial, owned */
	uint32_t nr, room;
};

#define BLOCK_SHIFT 9u
#define BLOCK_PAGES (1u << BLOCK_SHIFT)

struct mark {
	uint64_t event, serial;
	uint32_t *page; /* changed since the mark before: owned */
	uint32_t nr, room;
	uint32_t nr_live; /* slots of the live table then */
};

struct checkpoint_store {
	uint64_t frames; /* of the image: pages 0 ... frames - 1; arenas follow */
	struct history **dir; /* by page >> BLOCK_SHIFT; owned, as are the blocks */
	size_t nr_dir;
	uint8_t *seen; /* a bit a page: for the union of several marks' pages */
	struct mark *mark; /* ascending; owned */
	size_t nr, room;
	uint64_t serial; /* of the last */
	uint8_t *shadow[NR_ARENAS]; /* the arenas as the last mark has them */
	size_t shadow_bytes[NR_ARENAS];
	uint64_t bytes; /* of everything */
};

struct checkpoint_store *checkpoint_store_create(const struct system *sys)
{
	struct checkpoint_store *s = calloc(1, sizeof *s);
	uint64_t pages = sys->pm.frames + (uint64_t)NR_ARENAS * ARENA_PAGES;

	if (s == NULL)
		return NULL;
	s->frames = sys->pm.frames;
	s->nr_dir = (size_t)(pages >> BLOCK_SHIFT) + 1;
	s->dir = calloc(s->nr_dir, sizeof *s->dir);
	s->seen = calloc((size_t)(pages / 8) + 1, 1);
	s->bytes = sizeof *s + s->nr_dir * sizeof *s->dir;
	if (s->dir == NULL || s->seen == NULL) {
		checkpoint_store_free(s);
		return NULL;
	}
	return s;
}

static void free_history(struct history *h)
{
	for (uint32_t i = 0; i < h->nr; i++)
		free(h->v[i].page);
	free(h->v);
}

void checkpoint_store_free(struct checkpoint_store *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; s->dir != NULL && i < s->nr_dir; i++) {
		for (unsigned k = 0; s->dir[i] != NULL && k < BLOCK_PAGES; k++)
			free_history(&s->dir[i][k]);
		free(s->dir[i]);
	}
	for (size_t i = 0; i < s->nr; i++)
		free(s->mark[i].page);
	for (unsigned a = 0; a < NR_ARENAS; a++)
		free(s->shadow[a]);
	free(s->mark);
	free(s->dir);
	free(s->seen);
	free(s);
}

static uint32_t arena_page(const struct checkpoint_store *s, unsigned arena, size_t i)
{
	return (uint32_t)(s->frames + (uint64_t)arena * ARENA_PAGES + i);
}

/* ---- adding ---- */

static struct history *history_of(struct checkpoint_store *s, uint32_t page)
{
	struct history **b = &s->dir[page >> BLOCK_SHIFT];

	if (*b == NULL) {
		*b = calloc(BLOCK_PAGES, sizeof **b);
		s->bytes += BLOCK_PAGES * sizeof **b;
	}
	return *b == NULL ? NULL : &(*b)[page & (BLOCK_PAGES - 1)];
}

static bool grow(void **v, uint32_t nr, uint32_t *room, size_t size, uint64_t *bytes)
{
	uint32_t want = *room ? *room * 2 : 4;
	void *p;

	if (nr < *room)
		return true;
	p = realloc(*v, want * size);
	if (p == NULL)
		return false;
	*bytes += (want - *room) * size;
	*v = p;
	*room = want;
	return true;
}

static int keep_page(struct checkpoint_store *s, struct mark *m, uint32_t page, const uint8_t *raw)
{
	struct history *h = history_of(s, page);
	struct ckpt_page *p;

	if (h == NULL || !grow((void **)&h->v, h->nr, &h->room, sizeof *h->v, &s->bytes) ||
	    !grow((void **)&m->page, m->nr, &m->room, sizeof *m->page, &s->bytes))
		return -1;
	p = ckpt_page_pack(raw);
	if (p == NULL)
		return -1;
	s->bytes += ckpt_page_bytes(p);
	h->v[h->nr++] = (struct version){m->serial, p};
	m->page[m->nr++] = page;
	return 0;
}

static int keep_frames(struct checkpoint_store *s, struct mark *m, const struct physmem *pm,
		       struct mm_watch *w)
{
	for (uint64_t f = 0; f < s->frames; f++) {
		const uint8_t *next = memchr(w->dirty + f, 1, s->frames - f);

		if (next == NULL)
			return 0;
		f = (uint64_t)(next - w->dirty);
		w->dirty[f] = 0;
		if (keep_page(s, m, (uint32_t)f, pm->window + (f << MM_TOUCH_SHIFT)) != 0)
			return -1;
	}
	return 0;
}

/* Keeps the pages of an arena of `bytes` bytes that differ from the last time. */
static int keep_arena(struct checkpoint_store *s, struct mark *m, unsigned arena, const void *now,
		      size_t bytes)
{
	size_t pages = (bytes + CKPT_PAGE_BYTES - 1) / CKPT_PAGE_BYTES,
	       was = s->shadow_bytes[arena];
	uint8_t raw[CKPT_PAGE_BYTES];

	if (pages > ARENA_PAGES)
		return -1;
	if (pages * CKPT_PAGE_BYTES > was) {
		uint8_t *p = realloc(s->shadow[arena], pages * CKPT_PAGE_BYTES);

		if (p == NULL)
			return -1;
		memset(p + was, 0, pages * CKPT_PAGE_BYTES - was);
		s->shadow[arena] = p;
		s->shadow_bytes[arena] = pages * CKPT_PAGE_BYTES;
		s->bytes += pages * CKPT_PAGE_BYTES - was;
	}
	for (size_t i = 0; i < pages; i++) {
		uint8_t *old = s->shadow[arena] + i * CKPT_PAGE_BYTES;
		size_t n = bytes - i * CKPT_PAGE_BYTES;

		n = n < CKPT_PAGE_BYTES ? n : CKPT_PAGE_BYTES;
		memset(raw, 0, sizeof raw);
		memcpy(raw, (const uint8_t *)now + i * CKPT_PAGE_BYTES, n);
		if (memcmp(raw, old, sizeof raw) == 0)
			continue;
		memcpy(old, raw, sizeof raw);
		if (keep_page(s, m, arena_page(s, arena, i), raw) != 0)
			return -1;
	}
	return 0;
}

static int keep_host(struct checkpoint_store *s, struct mark *m, const struct replay *r)
{
	struct host_state h;

	memset(&h, 0, sizeof h); /* padding too: pages are compared */
	host_state_save(&h, r);
	return keep_arena(s, m, ARENA_HOST, &h, sizeof h);
}

/* Observers' states follow one another, each aligned for whatever it is. */
static size_t observer_room(const struct observer *o)
{
	return round_up(o->size, OBSERVER_ALIGN);
}

static size_t observers_bytes(const struct observer *o, unsigned nr)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < nr; i++)
		bytes += observer_room(&o[i]);
	return bytes;
}

static int keep_observers(struct checkpoint_store *s, struct mark *m, const struct observer *o,
			  unsigned nr)
{
	size_t bytes = observers_bytes(o, nr), at = 0;
	uint8_t *all = calloc(1, bytes + 1);
	int err;

	if (all == NULL)
		return -1;
	for (unsigned i = 0; i < nr; i++) {
		observer_save(&o[i], all + at);
		at += observer_room(&o[i]);
	}
	err = keep_arena(s, m, ARENA_OBSERVERS, all, bytes);
	free(all);
	return err;
}

static struct mark *new_mark(struct checkpoint_store *s, uint64_t event)
{
	struct mark *m;

	if (s->nr == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct mark *p = realloc(s->mark, room * sizeof *p);

		if (p == NULL)
			return NULL;
		s->bytes += (room - s->room) * sizeof *p;
		s->mark = p;
		s->room = room;
	}
	m = &s->mark[s->nr++];
	*m = (struct mark){.event = event, .serial = ++s->serial};
	return m;
}

static size_t apart_bytes(const struct replay *r)
{
	return r->apart != NULL ? SYS_MAX_ALLOCS * sizeof *r->apart : 0;
}

int checkpoint_store_add(struct checkpoint_store *s, struct replay *r, struct mm_watch *w,
			 const struct observer *o, unsigned nr_observers)
{
	struct mark *m = new_mark(s, r->fig->event);
	const struct ledger *l = &r->sys->ledger;

	if (m == NULL)
		return -1;
	m->nr_live = r->live.nr;
	if (keep_frames(s, m, &r->sys->pm, w) != 0 ||
	    keep_arena(s, m, ARENA_FIGURES, r->fig, sizeof *r->fig) != 0 ||
	    keep_arena(s, m, ARENA_APART, r->apart, apart_bytes(r)) != 0 ||
	    keep_arena(s, m, ARENA_LEDGER, l->block, l->bytes) != 0 ||
	    keep_arena(s, m, ARENA_MMU, r->sys->mmu.state, r->sys->mmu.bytes) != 0 ||
	    keep_host(s, m, r) != 0 || keep_observers(s, m, o, nr_observers) != 0)
		return -1;
	return keep_arena(s, m, ARENA_LIVE, r->live.slot, r->live.nr * sizeof *r->live.slot);
}

/* ---- looking up ---- */

size_t checkpoint_store_find(const struct checkpoint_store *s, uint64_t event)
{
	size_t lo = 0, hi = s->nr;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->mark[mid].event <= event)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

uint64_t checkpoint_store_event(const struct checkpoint_store *s, size_t i)
{
	return s->mark[i].event;
}

size_t checkpoint_store_nr(const struct checkpoint_store *s)
{
	return s->nr;
}

uint64_t checkpoint_store_bytes(const struct checkpoint_store *s)
{
	return s->bytes;
}

/* The content of a page as of a checkpoint; NULL: nothing but zeros, never kept. */
static const struct ckpt_page *page_at(const struct checkpoint_store *s, uint32_t page,
				       uint64_t serial)
{
	const struct history *b = s->dir[page >> BLOCK_SHIFT], *h;
	uint32_t lo = 0, hi;

	if (b == NULL)
		return NULL;
	h = &b[page & (BLOCK_PAGES - 1)];
	for (hi = h->nr; lo < hi;) {
		uint32_t mid = (lo + hi) / 2;

		if (h->v[mid].serial <= serial)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == 0 ? NULL : h->v[lo - 1].page;
}

/* ---- dropping ---- */

/* The version of mark `serial` becomes the next mark's, unless that has its own. */
static bool hand_on(struct checkpoint_store *s, uint32_t page, uint64_t serial, uint64_t next)
{
	struct history *h = history_of(s, page);
	uint32_t i = h->nr;

	while (i > 0 && h->v[i - 1].serial > serial)
		i--;
	if (i < h->nr && h->v[i].serial == next) {
		s->bytes -= ckpt_page_bytes(h->v[i - 1].page);
		free(h->v[i - 1].page);
		memmove(&h->v[i - 1], &h->v[i], (h->nr - i) * sizeof *h->v);
		h->nr--;
		return false;
	}
	h->v[i - 1].serial = next;
	return true;
}

/* Out of memory here only costs the pages' place in the list: then the mark stays. */
static bool drop(struct checkpoint_store *s, struct mark *m, struct mark *next)
{
	uint32_t need = next->nr + m->nr;
	uint32_t *p = realloc(next->page, (need + 1) * sizeof *p);

	if (p == NULL)
		return false;
	s->bytes += (uint64_t)(need + 1 - next->room) * sizeof *p;
	next->page = p;
	next->room = need + 1;
	for (uint32_t i = 0; i < m->nr; i++)
		if (hand_on(s, m->page[i], m->serial, next->serial))
			next->page[next->nr++] = m->page[i];
	s->bytes -= (uint64_t)m->room * sizeof *m->page;
	free(m->page);
	return true;
}

void checkpoint_store_thin(struct checkpoint_store *s)
{
	size_t kept = 1;

	for (size_t i = 1; i < s->nr; i++) {
		if (i % 2 == 1 && i + 1 < s->nr && drop(s, &s->mark[i], &s->mark[i + 1]))
			continue;
		s->mark[kept++] = s->mark[i];
	}
	s->nr = kept;
}

/* ---- restoring ---- */

static bool is_new(struct checkpoint_store *s, uint32_t page)
{
	uint8_t bit = (uint8_t)(1u << (page & 7));

	if ((s->seen[page >> 3] & bit) != 0)
		return false;
	s->seen[page >> 3] |= bit;
	return true;
}

static void restore_frame(const struct checkpoint_store *s, uint32_t f, uint64_t serial,
			  struct physmem *pm, struct mm_watch *w)
{
	const struct ckpt_page *p = page_at(s, f, serial);
	uint8_t *raw = pm->window + ((uint64_t)f << MM_TOUCH_SHIFT);

	if (p != NULL)
		ckpt_page_unpack(p, raw);
	else if (pm->touched[f])
		memset(raw, 0, MM_TOUCH_BYTES);
	pm->touched[f] = p != NULL;
	w->dirty[f] = 0;
}

/* Marks (from, to]: those whose frames may differ between where r stands and i. */
static void changed_marks(const struct checkpoint_store *s, size_t i, uint64_t stands, size_t *from,
			  size_t *to)
{
	size_t at = checkpoint_store_find(s, stands);

	*from = at < i ? at : i;
	/* What stood at a mark dropped since is among the next one's. */
	if (s->mark[at].event != stands && at + 1 < s->nr)
		at++;
	*to = at > i ? at : i;
}

static void restore_frames(struct checkpoint_store *s, size_t i, uint64_t stands,
			   struct physmem *pm, struct mm_watch *w)
{
	uint64_t serial = s->mark[i].serial;
	size_t from, to;

	for (uint64_t f = 0; f < s->frames; f++) {
		const uint8_t *next = memchr(w->dirty + f, 1, s->frames - f);

		if (next == NULL)
			break;
		f = (uint64_t)(next - w->dirty);
		restore_frame(s, (uint32_t)f, serial, pm, w);
	}
	changed_marks(s, i, stands, &from, &to);
	for (size_t k = from + 1; k <= to; k++)
		for (uint32_t n = 0; n < s->mark[k].nr; n++)
			if (s->mark[k].page[n] < s->frames && is_new(s, s->mark[k].page[n]))
				restore_frame(s, s->mark[k].page[n], serial, pm, w);
	for (size_t k = from + 1; k <= to; k++)
		for (uint32_t n = 0; n < s->mark[k].nr; n++)
			s->seen[s->mark[k].page[n] >> 3] = 0;
}

static void restore_arena(const struct checkpoint_store *s, unsigned arena, uint64_t serial,
			  void *to, size_t bytes)
{
	uint8_t raw[CKPT_PAGE_BYTES];

	for (size_t at = 0; at < bytes; at += CKPT_PAGE_BYTES) {
		uint32_t page = arena_page(s, arena, at / CKPT_PAGE_BYTES);
		const struct ckpt_page *p = page_at(s, page, serial);
		size_t n = bytes - at < CKPT_PAGE_BYTES ? bytes - at : CKPT_PAGE_BYTES;

		if (p == NULL) {
			memset((uint8_t *)to + at, 0, n);
		} else if (n == CKPT_PAGE_BYTES) {
			ckpt_page_unpack(p, (uint8_t *)to + at);
		} else {
			ckpt_page_unpack(p, raw);
			memcpy((uint8_t *)to + at, raw, n);
		}
	}
}

static int restore_observers(const struct checkpoint_store *s, uint64_t serial,
			     const struct observer *o, unsigned nr)
{
	size_t bytes = observers_bytes(o, nr), at = 0;
	uint8_t *all = malloc(bytes + 1);

	if (all == NULL)
		return -1;
	restore_arena(s, ARENA_OBSERVERS, serial, all, bytes);
	for (unsigned i = 0; i < nr; i++) {
		observer_restore(&o[i], all + at);
		at += observer_room(&o[i]);
	}
	free(all);
	return 0;
}

int checkpoint_store_restore(struct checkpoint_store *s, size_t i, struct replay *r,
			     struct mm_watch *w, uint64_t *stands, const struct observer *o,
			     unsigned nr_observers, struct diag *d)
{
	const struct mark *m = &s->mark[i];
	struct ledger *l = &r->sys->ledger;
	struct host_state host;

	if (m->nr_live != 0 && r->live.nr < m->nr_live && !live_grow(&r->live, m->nr_live - 1))
		return diag_set(d, "", 0, 0, "out of host memory");
	restore_frames(s, i, *stands, &r->sys->pm, w);
	*stands = m->event;
	restore_arena(s, ARENA_FIGURES, m->serial, r->fig, sizeof *r->fig);
	restore_arena(s, ARENA_APART, m->serial, r->apart, apart_bytes(r));
	restore_arena(s, ARENA_LEDGER, m->serial, l->block, l->bytes);
	restore_arena(s, ARENA_MMU, m->serial, r->sys->mmu.state, r->sys->mmu.bytes);
	restore_arena(s, ARENA_LIVE, m->serial, r->live.slot, m->nr_live * sizeof *r->live.slot);
	memset(r->live.slot + m->nr_live, 0, (r->live.nr - m->nr_live) * sizeof *r->live.slot);
	restore_arena(s, ARENA_HOST, m->serial, &host, sizeof host);
	if (restore_observers(s, m->serial, o, nr_observers) != 0)
		return diag_set(d, "", 0, 0, "out of host memory");
	return host_state_restore(&host, r, d);
}
