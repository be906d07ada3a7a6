/*
 * Reading a start state.  A line each, in any order but T0 and zones first; see
 * docs/formats.md for what the letters mean.
 */
#include "sim/start.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trace_unpack.h"

#define MAX_BYTES ((size_t)1 << 30)

/* A list that grows. */
struct list {
	void *v;
	size_t nr, cap, size; /* entries; bytes of one */
};

struct reader {
	const char *path, *p, *end; /* the line at hand */
	const char *line;
	int nr;
	struct diag *d;
	struct start_state *s;
	struct list blocks, types, lists, heads, tails;
	bool has_time;
};

static int bad(const struct reader *r, const char *at, const char *expected)
{
	return diag_set(r->d, r->path, r->nr, (int)(at - r->line) + 1, "expected %s", expected);
}

static void *add(struct reader *r, struct list *l)
{
	if (l->nr == l->cap) {
		size_t cap = l->cap == 0 ? 256 : l->cap * 2;
		void *v = realloc(l->v, cap * l->size);

		if (v == NULL) {
			diag_set(r->d, r->path, r->nr, 0, "out of memory");
			return NULL;
		}
		l->v = v;
		l->cap = cap;
	}
	return (char *)l->v + l->nr++ * l->size;
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
		r->p++;
}

static int get_number(struct reader *r, uint64_t most, const char *expected, uint64_t *out)
{
	const char *first;

	skip_blanks(r);
	first = r->p;
	for (*out = 0; r->p < r->end && isdigit((unsigned char)*r->p); r->p++) {
		*out = *out * 10 + (uint64_t)(*r->p - '0');
		if (*out > most)
			return bad(r, first, expected);
	}
	return r->p == first ? bad(r, first, expected) : 0;
}

/* A row of numbers, each with its greatest value. */
static int get_numbers(struct reader *r, const uint64_t *most, unsigned n, const char *expected,
		       uint64_t *out)
{
	for (unsigned i = 0; i < n; i++)
		if (get_number(r, most[i], expected, &out[i]) != 0)
			return -1;
	return 0;
}

static int get_zone(struct reader *r, unsigned *zone)
{
	const char *first;
	size_t n;

	skip_blanks(r);
	first = r->p;
	while (r->p < r->end && *r->p != ' ' && *r->p != '\t')
		r->p++;
	n = (size_t)(r->p - first);
	for (*zone = 0; *zone < r->s->nr_zones; ++*zone)
		if (strlen(r->s->zone[*zone].name) == n &&
		    strncasecmp(r->s->zone[*zone].name, first, n) == 0)
			return 0;
	return bad(r, first, "the name of a zone that a Z line gave");
}

/* ---- lines ---- */

static int read_time(struct reader *r)
{
	uint64_t us;

	if (get_number(r, UINT64_MAX / 10000, "T0 and a time in microseconds", &us) != 0)
		return -1;
	r->s->time_ns = us * 1000;
	r->has_time = true;
	return 0;
}

static int read_zone(struct reader *r)
{
	static const uint64_t most[] = {UINT32_MAX - 1, UINT32_MAX, UINT32_MAX, UINT32_MAX,
					UINT32_MAX};
	const char *expected = "Z zone start_pfn managed min low high";
	struct start_state *s = r->s;
	uint64_t v[5];
	size_t n = 0;

	if (s->nr_zones == MM_MAX_ZONES)
		return bad(r, r->line, "at most 16 zones");
	skip_blanks(r);
	for (; r->p < r->end && *r->p != ' ' && n + 1 < sizeof s->zone[0].name; r->p++)
		s->zone[s->nr_zones].name[n++] = (char)tolower((unsigned char)*r->p);
	if (n == 0 || get_numbers(r, most, 5, expected, v) != 0)
		return n == 0 ? bad(r, r->p, expected) : -1;
	if (s->nr_zones > 0 && v[0] <= s->zone[s->nr_zones - 1].first)
		return bad(r, r->line, "zones in ascending order");
	s->zone[s->nr_zones].first = (uint32_t)v[0];
	s->zones[s->nr_zones++] =
		(struct start_zone){(uint32_t)v[1], (uint32_t)v[2], (uint32_t)v[3], (uint32_t)v[4]};
	return 0;
}

static int read_lists(struct reader *r)
{
	static const uint64_t most[] = {255, INT32_MAX, INT32_MAX, 1u << 20, INT32_MAX, INT32_MAX};
	struct start_lists *l;
	uint64_t v[6];
	unsigned zone;

	if (get_zone(r, &zone) != 0 ||
	    get_numbers(r, most, 6, "C zone cpu count high batch high_min high_max", v) != 0)
		return -1;
	l = add(r, &r->lists);
	if (l == NULL)
		return -1;
	*l = (struct start_lists){(uint8_t)zone,  (uint8_t)v[0],  (uint32_t)v[1], (uint32_t)v[2],
				  (uint32_t)v[3], (uint32_t)v[4], (uint32_t)v[5]};
	if (v[0] + 1 > r->s->cpus)
		r->s->cpus = (unsigned)v[0] + 1;
	return 0;
}

static void note_frames(struct reader *r, uint64_t pfn, uint64_t order)
{
	if (pfn + (1ull << order) - 1 > r->s->frames)
		r->s->frames = (uint32_t)(pfn + (1ull << order) - 1);
}

/* Types beyond the usual three (reserves, CMA, isolated) count as unmovable ones. */
static uint8_t type_of(uint64_t mt)
{
	return mt < MIGRATE_TYPES ? (uint8_t)mt : MIGRATE_UNMOVABLE;
}

static int read_block(struct reader *r)
{
	static const uint64_t most[] = {UINT32_MAX >> 1, 20, 15};
	struct start_block *b;
	uint64_t v[3];

	if (get_numbers(r, most, 3, "B pfn order migratetype", v) != 0)
		return -1;
	if ((v[0] & ((1ull << v[1]) - 1)) != 0)
		return bad(r, r->line, "a pfn that is a multiple of the block");
	b = add(r, &r->blocks);
	if (b == NULL)
		return -1;
	*b = (struct start_block){{(uint32_t)v[0]}, (uint8_t)v[1], type_of(v[2])};
	note_frames(r, v[0], v[1]);
	return 0;
}

static int read_type(struct reader *r)
{
	static const uint64_t most[] = {UINT32_MAX >> 1, 15};
	struct start_block *b;
	uint64_t v[2];

	if (get_numbers(r, most, 2, "T first_pfn migratetype", v) != 0)
		return -1;
	b = add(r, &r->types);
	if (b == NULL)
		return -1;
	*b = (struct start_block){{(uint32_t)v[0]}, 0, type_of(v[1])};
	note_frames(r, v[0], 0);
	return 0;
}

static int read_listed(struct reader *r)
{
	static const uint64_t most[] = {255, 15, 20, UINT32_MAX >> 1};
	struct start_listed *l;
	uint64_t v[4];
	char where;

	if (get_numbers(r, most, 4, "P cpu migratetype order pfn H|T", v) != 0)
		return -1;
	skip_blanks(r);
	where = r->p < r->end ? *r->p++ : '\0';
	if (where != 'H' && where != 'T')
		return bad(r, r->p, "H (taken from the head) or T (drained from the tail)");
	if ((v[3] & ((1ull << v[2]) - 1)) != 0)
		return bad(r, r->line, "a pfn that is a multiple of the block");
	l = add(r, where == 'H' ? &r->heads : &r->tails);
	if (l == NULL)
		return -1;
	*l = (struct start_listed){{(uint32_t)v[3]}, (uint8_t)v[2], type_of(v[1]), (uint8_t)v[0]};
	note_frames(r, v[3], v[2]);
	return 0;
}

static int read_line(struct reader *r)
{
	static const struct {
		const char *word;
		int (*read)(struct reader *r);
	} kinds[] = {{"T0", read_time}, {"Z", read_zone}, {"C", read_lists},
		     {"B", read_block}, {"T", read_type}, {"P", read_listed}};
	const char *first = r->p;

	while (r->p < r->end && *r->p != ' ' && *r->p != '\t')
		r->p++;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strlen(kinds[i].word) != (size_t)(r->p - first) ||
		    memcmp(kinds[i].word, first, (size_t)(r->p - first)) != 0)
			continue;
		if (kinds[i].read(r) != 0)
			return -1;
		skip_blanks(r);
		return r->p < r->end ? bad(r, r->p, "the end of the line") : 0;
	}
	return bad(r, first, "a line that begins with T0, Z, C, B, T or P");
}

static int read_lines(struct reader *r, const char *text, const char *end)
{
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		r->nr++;
		r->line = r->p = text;
		r->end = newline != NULL ? newline : end;
		text = newline != NULL ? newline + 1 : end;
		if (r->end > r->p && r->end[-1] == '\r')
			r->end--;
		skip_blanks(r);
		if (r->p < r->end && *r->p != '#' && read_line(r) != 0)
			return -1;
	}
	r->line = r->p = end;
	if (!r->has_time || r->s->nr_zones == 0)
		return bad(r, end, "a T0 line and at least one Z line");
	return 0;
}

/* ---- settling ---- */

static int by_pfn(const void *a, const void *b)
{
	const struct start_block *x = a, *y = b;

	return x->pfn.v < y->pfn.v ? -1 : x->pfn.v > y->pfn.v;
}

static int by_listed_pfn(const void *a, const void *b)
{
	const struct start_listed *x = a, *y = b;

	return x->pfn.v < y->pfn.v ? -1 : x->pfn.v > y->pfn.v;
}

/* Where the block at pfn stands among the ascending ones. */
static uint32_t place_of(const struct start_listed *v, size_t nr, pfn_t pfn)
{
	size_t lo = 0, hi = nr;

	while (lo + 1 < hi) {
		size_t mid = (lo + hi) / 2;

		if (v[mid].pfn.v <= pfn.v)
			lo = mid;
		else
			hi = mid;
	}
	return (uint32_t)lo;
}

/* All listed blocks ascending, and their order on the lists: what was drained first stands last. */
static int settle_listed(struct reader *r)
{
	struct start_state *s = r->s;
	size_t nr = r->heads.nr + r->tails.nr;
	const struct start_listed *h = r->heads.v, *t = r->tails.v;

	s->listed = calloc(nr + 1, sizeof *s->listed);
	s->rank = calloc(nr + 1, sizeof *s->rank);
	if (s->listed == NULL || s->rank == NULL)
		return diag_set(r->d, r->path, 0, 0, "out of memory");
	for (size_t i = 0; i < nr; i++)
		s->listed[i] = i < r->heads.nr ? h[i] : t[i - r->heads.nr];
	qsort(s->listed, nr, sizeof *s->listed, by_listed_pfn);
	for (size_t i = 0; i < nr; i++) {
		pfn_t pfn = i < r->heads.nr ? h[i].pfn : t[nr - 1 - i].pfn;

		s->rank[i] = place_of(s->listed, nr, pfn);
	}
	s->pages.nr_listed = nr;
	return 0;
}

/* The first pair of blocks that overlap, in one or both lists. */
static int check_apart(const struct reader *r)
{
	const struct start_state *s = r->s;
	uint64_t end = 0;
	size_t b = 0, l = 0;

	while (b < s->pages.nr_blocks || l < s->pages.nr_listed) {
		bool block = l == s->pages.nr_listed ||
			     (b < s->pages.nr_blocks && s->blocks[b].pfn.v <= s->listed[l].pfn.v);
		uint32_t pfn = block ? s->blocks[b].pfn.v : s->listed[l].pfn.v;
		unsigned order = block ? s->blocks[b++].order : s->listed[l++].order;

		if (pfn < end)
			return diag_set(r->d, r->path, 0, 0,
					"two blocks overlap at pfn %u, expected each frame once",
					pfn);
		if (pfn < s->zone[0].first)
			return diag_set(r->d, r->path, 0, 0,
					"a block at pfn %u lies before the first zone", pfn);
		end = (uint64_t)pfn + (1u << order);
	}
	return 0;
}

static int settle(struct reader *r)
{
	struct start_state *s = r->s;

	s->blocks = r->blocks.v;
	s->types = r->types.v;
	s->lists = r->lists.v;
	s->pages.nr_blocks = r->blocks.nr;
	s->pages.nr_types = r->types.nr;
	s->pages.nr_lists = r->lists.nr;
	if (s->blocks != NULL)
		qsort(s->blocks, r->blocks.nr, sizeof *s->blocks, by_pfn);
	if (settle_listed(r) != 0)
		return -1;
	s->cpus = s->cpus != 0 ? s->cpus : 1;
	s->pages.zones = s->zones;
	s->pages.blocks = s->blocks;
	s->pages.types = s->types;
	s->pages.lists = s->lists;
	s->pages.listed = s->listed;
	s->pages.rank = s->rank;
	return check_apart(r);
}

struct start_state *start_load(const char *path, struct diag *d)
{
	struct start_state *s = calloc(1, sizeof *s);
	struct reader r = {.path = path,
			   .d = d,
			   .s = s,
			   .blocks.size = sizeof(struct start_block),
			   .types.size = sizeof(struct start_block),
			   .lists.size = sizeof(struct start_lists),
			   .heads.size = sizeof(struct start_listed),
			   .tails.size = sizeof(struct start_listed)};
	size_t bytes = 0;
	char *text = read_text_file(path, MAX_BYTES, &bytes, d);
	bool ok = text != NULL && s != NULL && read_lines(&r, text, text + bytes) == 0;

	if (s == NULL)
		diag_set(d, path, 0, 0, "out of memory");
	if (ok) {
		ok = settle(&r) == 0;
	} else {
		free(r.blocks.v);
		free(r.types.v);
		free(r.lists.v);
	}
	free(r.heads.v);
	free(r.tails.v);
	free(text);
	if (ok)
		return s;
	start_free(s);
	return NULL;
}

void start_free(struct start_state *s)
{
	if (s == NULL)
		return;
	free(s->blocks);
	free(s->types);
	free(s->lists);
	free(s->listed);
	free(s->rank);
	free(s);
}
