#include "conformance/shadow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN_BYTES 16u

void shadow_init(struct shadow *s, const struct world *w)
{
	*s = (struct shadow){.tokens = true,
			     .strict = true,
			     .mapped = w->sc.geo->mmu && w->sc.ops->maps != NULL};
	for (unsigned i = 0; i < SHADOW_CACHES; i++)
		s->cache[i].id = CACHE_NONE;
	if (w->sc.geo->setting != SETTING_BOOT)
		return;
	for (unsigned r = 1; r < w->g.pm.nr_regions; r++) {
		s->map[r] = calloc(1, w->g.pm.regions[r].bytes);
		assert_non_null(s->map[r]);
	}
}

void shadow_finish(struct shadow *s)
{
	free(s->b);
	for (unsigned r = 0; r < 4; r++)
		free(s->map[r]);
	*s = (struct shadow){0};
}

void shadow_copy(struct shadow *to, const struct shadow *from)
{
	*to = *from;
	to->b = malloc((from->cap ? from->cap : 1) * sizeof *to->b);
	assert_non_null(to->b);
	if (from->nr != 0)
		memcpy(to->b, from->b, from->nr * sizeof *to->b);
	for (unsigned r = 0; r < 4; r++)
		assert_null(from->map[r]);
}

/* ---- tokens: byte i of a block is a function of its birth and i ---- */

static uint8_t token_byte(uint64_t token, uint64_t i)
{
	return (uint8_t)((token + i * 0x9E3779B97F4A7C15ull) >> 56);
}

/* Host address of byte i of a block, through the kind's own tables where it is mapped. */
static uint8_t *token_at(const struct shadow *s, const struct world *w, const struct block *b,
			 uint64_t i)
{
	uint64_t va = b->base + i;
	uint8_t *p;

	if (s->mapped) {
		pfn_t pfn = w->top->ops->maps->page(w->top, (vaddr_t){va});

		va = w->g.offset + ((uint64_t)pfn.v << 12) + va % 4096;
	}
	p = world_host(w, va, 1);
	if (p == NULL)
		fail_msg("byte %llu of the live block at %#llx lies in no RAM",
			 (unsigned long long)i, (unsigned long long)b->base);
	return p;
}

/* Calls for the offsets of both ends. */
static void write_tokens(const struct shadow *s, const struct world *w, const struct block *b)
{
	if (!s->tokens || b->bytes == 0)
		return;
	for (uint64_t i = 0; i < b->bytes; i++) {
		if (i == TOKEN_BYTES && b->bytes > 2 * TOKEN_BYTES)
			i = b->bytes - TOKEN_BYTES;
		*token_at(s, w, b, i) = token_byte(b->token, i);
	}
}

static void verify_tokens(const struct shadow *s, const struct world *w, const struct block *b,
			  uint64_t front)
{
	if (!s->tokens || b->bytes == 0)
		return;
	for (uint64_t i = 0; i < front; i++) {
		if (i == TOKEN_BYTES && b->bytes > 2 * TOKEN_BYTES)
			i = b->bytes - TOKEN_BYTES;
		if (i < front && *token_at(s, w, b, i) != token_byte(b->token, i))
			fail_msg(
				"byte %llu of the live block at %#llx (%llu bytes) was overwritten",
				(unsigned long long)i, (unsigned long long)b->base,
				(unsigned long long)b->bytes);
	}
}

/* ---- the set ---- */

/* Index of the first block whose base is at or above `at`. */
static unsigned lower_bound(const struct shadow *s, uint64_t at)
{
	unsigned lo = 0, hi = s->nr;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (s->b[mid].base < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int shadow_find(const struct shadow *s, uint64_t base)
{
	unsigned i = lower_bound(s, base);

	return i < s->nr && s->b[i].base == base ? (int)i : -1;
}

bool shadow_covers(const struct shadow *s, uint64_t at)
{
	unsigned i = lower_bound(s, at + 1);

	return i > 0 && at - s->b[i - 1].base < s->b[i - 1].bytes;
}

static bool may_give(const struct world *w, const struct block *b)
{
	const struct mm_range *arena = &w->own->env.arena;
	int r = physmem_region(&w->g.pm, b->base - w->g.offset);

	if (w->sc.geo->mmu && w->sc.ops->maps != NULL)
		return b->base >= w->vm.vmalloc_start.v &&
		       b->base + b->bytes <= w->vm.vmalloc_end.v;
	if (w->sc.geo->setting == SETTING_ARENA)
		return b->base >= arena->base.v && b->base - arena->base.v < arena->bytes &&
		       arena->bytes - (b->base - arena->base.v) >= b->bytes;
	return r > 0 && world_host(w, b->base, b->bytes) != NULL;
}

void shadow_add(struct shadow *s, const struct world *w, struct block b)
{
	unsigned i = lower_bound(s, b.base);

	if (!may_give(w, &b))
		fail_msg("granted outside the memory given: %#llx, %llu bytes",
			 (unsigned long long)b.base, (unsigned long long)b.bytes);
	if ((i > 0 && b.base - s->b[i - 1].base < s->b[i - 1].bytes) ||
	    (i < s->nr && s->b[i].base - b.base < b.bytes))
		fail_msg("granted twice: %#llx, %llu bytes", (unsigned long long)b.base,
			 (unsigned long long)b.bytes);
	if (s->nr == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->b = realloc(s->b, s->cap * sizeof *s->b);
		assert_non_null(s->b);
	}
	b.token = ++s->births * 0xD1B54A32D192ED03ull;
	memmove(&s->b[i + 1], &s->b[i], (s->nr - i) * sizeof *s->b);
	s->b[i] = b;
	s->nr++;
	s->bytes += b.bytes;
	write_tokens(s, w, &b);
}

void shadow_del(struct shadow *s, const struct world *w, unsigned i)
{
	struct block b = s->b[i];

	verify_tokens(s, w, &b, b.bytes);
	memmove(&s->freed[1], &s->freed[0], (SHADOW_FREED - 1) * sizeof s->freed[0]);
	s->freed[0] = b.base;
	s->nr_freed += s->nr_freed < SHADOW_FREED;
	s->freed_births = s->births;
	s->bytes -= b.bytes;
	s->nr--;
	memmove(&s->b[i], &s->b[i + 1], (s->nr - i) * sizeof *s->b);
}

void shadow_resize(struct shadow *s, const struct world *w, unsigned i, uint64_t bytes)
{
	struct block *b = &s->b[i];
	uint64_t front = b->bytes < bytes ? b->bytes : bytes;

	verify_tokens(s, w, b, front < TOKEN_BYTES ? front : TOKEN_BYTES);
	s->bytes += bytes - b->bytes;
	b->bytes = bytes;
	if (!may_give(w, b) || (i + 1 < s->nr && s->b[i + 1].base - b->base < bytes))
		fail_msg("resized over other memory: %#llx, %llu bytes",
			 (unsigned long long)b->base, (unsigned long long)bytes);
	write_tokens(s, w, b);
}

void shadow_forget(struct shadow *s, const struct world *w)
{
	while (s->nr > 0)
		shadow_del(s, w, s->nr - 1);
}

/* ---- against the walk ---- */

struct match {
	const struct shadow *s;
	const struct world *w;
	unsigned seen;
	uint64_t next; /* ARENA: where the next span must begin */
};

/* A span is one live block; of a kind whose blocks have no headers, one or more. */
static void match_blocks(struct match *m, const struct walk_span *span)
{
	bool many = m->w->sc.ops->stack != NULL || m->w->sc.ops->cma != NULL;
	uint64_t at = span->base.v, end = at + span->bytes;

	do {
		int i = shadow_find(m->s, at);

		if (i < 0 || m->s->b[i].bytes > end - at)
			fail_msg(
				"the walk shows a live block that is none: %s at %#llx, %llu bytes",
				span->what, (unsigned long long)at,
				(unsigned long long)span->bytes);
		at += m->s->b[i].bytes;
		m->seen++;
	} while (many && at < end);
	if (at != end)
		fail_msg("the walk shows more than a live block: %s at %#llx, %llu bytes",
			 span->what, (unsigned long long)span->base.v,
			 (unsigned long long)span->bytes);
}

static void match_span(void *ctx, const struct walk_span *span)
{
	struct match *m = ctx;

	if (m->w->sc.geo->setting == SETTING_ARENA && span->base.v != m->next)
		fail_msg("the walk jumps: %s at %#llx, expected %#llx", span->what,
			 (unsigned long long)span->base.v, (unsigned long long)m->next);
	m->next = span->base.v + span->bytes;
	if (span->class == MM_GRANTED)
		match_blocks(m, span);
}

/* ---- mapped blocks against the walk: each granted page is one page of one block ---- */

#define MAPPED_PAGES 256u

struct mapped {
	uint64_t page[MAPPED_PAGES];
	unsigned nr;
};

static void note_page(struct mapped *m, uint64_t page)
{
	if (m->nr == MAPPED_PAGES)
		fail_msg("more than %u pages are mapped", MAPPED_PAGES);
	m->page[m->nr++] = page;
}

static void note_span(void *ctx, const struct walk_span *span)
{
	if (span->class == MM_GRANTED)
		note_page(ctx, span->base.v);
}

static int by_page(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void pages_equal_walk(const struct shadow *s, struct world *w)
{
	const struct alloc *a = w->seen[w->nr - 1];
	struct mapped mine = {.nr = 0}, walked = {.nr = 0};

	for (unsigned i = 0; i < s->nr; i++)
		for (uint64_t at = 0; at < s->b[i].bytes; at += 4096) {
			pfn_t pfn = a->ops->maps->page(a, (vaddr_t){s->b[i].base + at});

			note_page(&mine, w->g.offset + ((uint64_t)pfn.v << 12));
		}
	a->ops->walk(a, note_span, &walked);
	qsort(mine.page, mine.nr, sizeof mine.page[0], by_page);
	qsort(walked.page, walked.nr, sizeof walked.page[0], by_page);
	if (mine.nr != walked.nr || memcmp(mine.page, walked.page, mine.nr * sizeof(uint64_t)) != 0)
		fail_msg("the walk shows %u granted pages, not the %u that the blocks map",
			 walked.nr, mine.nr);
	for (unsigned i = 1; i < mine.nr; i++)
		if (mine.page[i] == mine.page[i - 1])
			fail_msg("the page at %#llx is mapped twice",
				 (unsigned long long)mine.page[i]);
	if (rig_bytes(w->own, MM_GRANTED) != (int64_t)s->bytes)
		fail_msg("the ledger has %lld bytes granted, the shadow %llu",
			 (long long)rig_bytes(w->own, MM_GRANTED), (unsigned long long)s->bytes);
}

void shadow_equals_walk(const struct shadow *s, struct world *w)
{
	const struct mm_range *arena = &w->own->env.arena;
	struct match m = {.s = s, .w = w, .next = arena->base.v};
	const struct alloc *a = w->seen[w->nr - 1];
	int64_t granted = rig_bytes(w->own, MM_GRANTED);

	if (w->sc.geo->setting & (SETTING_ZONES | SETTING_BOOT))
		return;
	if (s->mapped) {
		pages_equal_walk(s, w);
		return;
	}
	a->ops->walk(a, match_span, &m);
	if (m.seen != s->nr)
		fail_msg("the walk shows %u live blocks of %u", m.seen, s->nr);
	if (w->sc.geo->setting == SETTING_ARENA && m.next != arena->base.v + arena->bytes)
		fail_msg("the walk ends at %#llx, the arena at %#llx", (unsigned long long)m.next,
			 (unsigned long long)(arena->base.v + arena->bytes));
	if (granted < 0 || (uint64_t)granted != s->bytes)
		fail_msg("the ledger has %lld bytes granted, the shadow %llu", (long long)granted,
			 (unsigned long long)s->bytes);
}
