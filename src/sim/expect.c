/*
 * The file is a table with tabs: a heading that names the columns, then a row a sample
 * and zone.  Columns are found by name, and those not known here are passed over.
 */
#include "sim/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/names.h"
#include "sim/figures.h"
#include "sim/trace_unpack.h"

#define ORDERS    21u
#define COLUMNS   128u
#define MAX_BYTES ((size_t)1 << 30)

enum column { COL_TIME, COL_ZONE, COL_FREE, COL_UNUSABLE, COL_EXTFRAG, COL_OTHER };

struct row {
	uint64_t us;
	char zone[32];
	uint64_t nr_free[ORDERS];
	int64_t unusable[ORDERS], extfrag[ORDERS];
	int line; /* of the file */
};

struct expectation {
	struct row *rows; /* by time */
	size_t nr;
	unsigned orders; /* columns of free blocks */
	bool has_unusable, has_extfrag;
	char name[256];
};

/* ---- reading ---- */

struct table {
	const char *path;
	struct diag *d;
	enum column what[COLUMNS];
	unsigned order[COLUMNS], nr;
	bool has_time, has_zone;
};

/* "n7" is order 7 of n. */
static bool is_order(const char *p, size_t bytes, const char *word, unsigned *order)
{
	size_t n = strlen(word);

	if (bytes <= n || bytes > n + 2 || memcmp(p, word, n) != 0)
		return false;
	*order = 0;
	for (p += n, bytes -= n; bytes > 0 && *p >= '0' && *p <= '9'; p++, bytes--)
		*order = *order * 10 + (unsigned)(*p - '0');
	return bytes == 0 && *order < ORDERS;
}

static enum column column_of(struct table *t, struct expectation *x, const char *p, size_t bytes,
			     unsigned *order)
{
	if (bytes == 7 && memcmp(p, "time_us", 7) == 0) {
		t->has_time = true;
		return COL_TIME;
	}
	if (bytes == 4 && memcmp(p, "zone", 4) == 0) {
		t->has_zone = true;
		return COL_ZONE;
	}
	if (is_order(p, bytes, "n", order)) {
		x->orders = *order + 1 > x->orders ? *order + 1 : x->orders;
		return COL_FREE;
	}
	if (is_order(p, bytes, "unusable", order)) {
		x->has_unusable = true;
		return COL_UNUSABLE;
	}
	if (is_order(p, bytes, "extfrag", order)) {
		x->has_extfrag = true;
		return COL_EXTFRAG;
	}
	return COL_OTHER;
}

/* The next field of a line; *p moves behind its tab. */
static const char *next_field(const char **p, const char *end, size_t *bytes)
{
	const char *first = *p, *tab = memchr(first, '\t', (size_t)(end - first));

	*bytes = (size_t)((tab != NULL ? tab : end) - first);
	*p = tab != NULL ? tab + 1 : end + 1;
	return first;
}

static int read_heading(struct table *t, struct expectation *x, const char *line, const char *end)
{
	const char *p = line;

	while (p <= end) {
		size_t bytes;
		const char *f = next_field(&p, end, &bytes);

		if (t->nr == COLUMNS)
			return diag_set(t->d, t->path, 1, 1, "more than %u columns", COLUMNS);
		t->what[t->nr] = column_of(t, x, f, bytes, &t->order[t->nr]);
		t->nr++;
	}
	if (!t->has_time || !t->has_zone || x->orders == 0)
		return diag_set(
			t->d, t->path, 1, 1,
			"expected a heading with the columns time_us, zone and n0, n1, ...");
	return 0;
}

static bool get_number(const char *f, size_t bytes, int64_t *out)
{
	char text[24], *end;

	if (bytes == 0 || bytes >= sizeof text)
		return false;
	memcpy(text, f, bytes);
	text[bytes] = '\0';
	*out = strtoll(text, &end, 10);
	return *end == '\0';
}

static void set_field(const struct table *t, struct row *r, unsigned column, int64_t v)
{
	unsigned order = t->order[column];

	if (t->what[column] == COL_TIME)
		r->us = (uint64_t)v;
	else if (t->what[column] == COL_FREE)
		r->nr_free[order] = (uint64_t)v;
	else if (t->what[column] == COL_UNUSABLE)
		r->unusable[order] = v;
	else if (t->what[column] == COL_EXTFRAG)
		r->extfrag[order] = v;
}

static int read_row(const struct table *t, struct row *r, int line, const char *text,
		    const char *end)
{
	const char *p = text;
	unsigned c = 0;

	*r = (struct row){.line = line};
	for (; p <= end && c < t->nr; c++) {
		size_t bytes;
		const char *f = next_field(&p, end, &bytes);
		int64_t v = 0;

		if (t->what[c] == COL_OTHER)
			continue;
		if (t->what[c] == COL_ZONE && bytes > 0 && bytes < sizeof r->zone)
			memcpy(r->zone, f, bytes);
		else if (t->what[c] == COL_ZONE || !get_number(f, bytes, &v) ||
			 (v < 0 && t->what[c] != COL_EXTFRAG))
			return diag_set(t->d, t->path, line, (int)(f - text) + 1,
					t->what[c] == COL_ZONE ? "expected the name of a zone"
							       : "expected a number");
		set_field(t, r, c, v);
	}
	if (c < t->nr)
		return diag_set(t->d, t->path, line, (int)(end - text) + 1,
				"%u columns, expected %u as in the heading", c, t->nr);
	return 0;
}

static int add_row(struct expectation *x, const struct table *t, int line, const char *text,
		   const char *end)
{
	if ((x->nr & (x->nr + 1)) == 0) { /* room for 1, 2, 4, ... more */
		struct row *rows = realloc(x->rows, (x->nr * 2 + 2) * sizeof *rows);

		if (rows == NULL)
			return diag_set(t->d, t->path, line, 0, "out of memory");
		x->rows = rows;
	}
	if (read_row(t, &x->rows[x->nr], line, text, end) != 0)
		return -1;
	if (x->nr > 0 && x->rows[x->nr].us < x->rows[x->nr - 1].us)
		return diag_set(t->d, t->path, line, 1, "expected samples in the order of time");
	x->nr++;
	return 0;
}

static int read_table(struct expectation *x, struct table *t, const char *text, const char *end)
{
	for (int line = 1; text < end; line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline != NULL ? newline : end;

		if (stop > text && stop[-1] == '\r')
			stop--;
		if (line == 1 ? read_heading(t, x, text, stop) != 0
			      : stop > text && add_row(x, t, line, text, stop) != 0)
			return -1;
		text = newline != NULL ? newline + 1 : end;
	}
	return x->nr == 0 ? diag_set(t->d, t->path, 1, 1, "expected a heading and samples") : 0;
}

struct expectation *expect_load(const char *path, struct diag *d)
{
	struct expectation *x = calloc(1, sizeof *x);
	struct table t = {.path = path, .d = d};
	size_t bytes = 0;
	char *text = read_text_file(path, MAX_BYTES, &bytes, d);
	bool ok = x != NULL && text != NULL && read_table(x, &t, text, text + bytes) == 0;

	if (x == NULL)
		diag_set(d, path, 0, 0, "out of memory");
	else
		snprintf(x->name, sizeof x->name, "%s", path);
	free(text);
	if (ok)
		return x;
	expect_free(x);
	return NULL;
}

void expect_free(struct expectation *x)
{
	if (x != NULL)
		free(x->rows);
	free(x);
}

/* ---- comparing ---- */

static int zone_named(const struct replay *r, const char *name)
{
	return machine_zone(r->sys->machine, name);
}

/* The machine's zones, or, where there is one, the start state's. */
static int unknown_zone(const struct expectation *x, const struct row *row, const struct machine *m,
			const struct start_state *start, struct diag *d)
{
	unsigned nr = start != NULL ? start->nr_zones : m->nr_zones;
	struct name_list l;

	names_begin(&l, row->zone);
	for (unsigned z = 0; z < nr; z++)
		names_add(&l, start != NULL ? start->zone[z].name : m->zones[z].name);
	names_end(&l);
	return diag_set(d, x->name, row->line, 0, "zone '%s' is none of the %s, expected one of %s%s",
			row->zone, start != NULL ? "start state's" : "machine's", l.text, l.hint);
}

int expect_fits(const struct expectation *x, const struct machine *m,
		const struct start_state *start, struct diag *d)
{
	for (size_t i = 0; i < x->nr; i++) {
		unsigned z = 0;

		while (start != NULL && z < start->nr_zones &&
		       strcasecmp(start->zone[z].name, x->rows[i].zone) != 0)
			z++;
		if (start != NULL ? z == start->nr_zones : machine_zone(m, x->rows[i].zone) < 0)
			return unknown_zone(x, &x->rows[i], m, start, d);
	}
	return 0;
}

static void free_blocks(const struct replay *r, unsigned zone, uint64_t nr[ORDERS])
{
	const struct sys_alloc *h = r->sys->pages;
	unsigned max = h->ops->pages->max_order(h->alloc);

	for (unsigned o = 0; o < ORDERS; o++)
		nr[o] = o <= max ? h->ops->pages->nr_free(h->alloc, zone, o) : 0;
}

/* What a sample adds up to. */
struct sum {
	uint64_t off, blocks;
};

static void compare_indices(struct expect_score *s, const struct expectation *x,
			    const struct row *row, const uint64_t nr[ORDERS])
{
	struct free_area a = {.max_order = x->orders - 1};

	memcpy(a.nr_free, nr, x->orders * sizeof nr[0]);
	for (unsigned o = 0; o < x->orders; o++) {
		if (x->has_unusable) {
			s->indices++;
			s->indices_equal += unusable_index(&a, o) == row->unusable[o];
		}
		if (x->has_extfrag) {
			s->indices++;
			s->indices_equal += extfrag_index(&a, o) == row->extfrag[o];
		}
	}
}

static void compare_row(struct expect_score *s, const struct expectation *x, const struct row *row,
			const uint64_t nr[ORDERS], struct sum *sum)
{
	for (unsigned o = 0; o < x->orders; o++) {
		uint64_t n = row->nr_free[o];

		sum->off += nr[o] > n ? nr[o] - n : n - nr[o];
		sum->blocks += n;
	}
	compare_indices(s, x, row, nr);
}

static void end_sample(struct expect_score *s, const struct sum *sum, uint64_t us)
{
	uint64_t error =
		sum->blocks != 0 ? sum->off * 1000000000u / sum->blocks : sum->off * 1000000000u;

	s->samples++;
	s->exact += sum->off == 0;
	s->error_sum += error;
	if (error > s->worst_error) {
		s->worst_error = error;
		s->worst_us = us;
	}
}

/* One sample: the rows of one time. */
static void take_sample(struct expect_run *e, struct replay *r)
{
	const struct expectation *x = e->x;
	struct sum now = {0, 0}, nothing = {0, 0};
	uint64_t us = x->rows[e->next].us;

	for (; e->next < x->nr && x->rows[e->next].us == us; e->next++) {
		const struct row *row = &x->rows[e->next];
		int zone = zone_named(r, row->zone);
		uint64_t nr[ORDERS];

		if (zone < 0)
			continue;
		free_blocks(r, (unsigned)zone, nr);
		compare_row(&e->score, x, row, nr, &now);
		compare_row(&e->nothing, x, row, (*e->before)[zone], &nothing);
	}
	end_sample(&e->score, &now, us);
	end_sample(&e->nothing, &nothing, us);
}

/* Samples of moments before the start state, which nothing here can show. */
static void leave_out(struct expect_run *e, const struct replay *r)
{
	const struct row *row = e->x->rows;

	while (r->opt.has_start && e->next < e->x->nr &&
	       row[e->next].us * 1000 < r->opt.start_ns) {
		e->early += e->next == 0 || row[e->next].us != row[e->next - 1].us;
		e->next++;
	}
}

/* Every sample that lies before the event. */
static void before_event(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct expect_run *e = ctx;

	while ((ev->flags & EV_HAS_TIME) != 0 && e->next < e->x->nr &&
	       e->x->rows[e->next].us * 1000 < ev->time_ns)
		take_sample(e, r);
}

int expect_begin(struct expect_run *e, const struct expectation *x, struct replay *r,
		 struct diag *d)
{
	if (r->sys->pages == NULL)
		return diag_set(d, x->name, 0, 0, "the trace has no pages to compare");
	for (size_t i = 0; i < x->nr; i++)
		if (zone_named(r, x->rows[i].zone) < 0)
			return unknown_zone(x, &x->rows[i], r->sys->machine, NULL, d);
	expect_run_finish(e);
	*e = (struct expect_run){.x = x};
	e->before = calloc(1, sizeof *e->before);
	if (e->before == NULL)
		return diag_set(d, x->name, 0, 0, "out of memory");
	for (unsigned z = 0; z < r->sys->machine->nr_zones; z++)
		free_blocks(r, z, (*e->before)[z]);
	leave_out(e, r);
	r->opt.at_time = before_event;
	r->opt.at_time_ctx = e;
	return 0;
}

void expect_end(struct expect_run *e, struct replay *r)
{
	while (e->x != NULL && e->next < e->x->nr) {
		take_sample(e, r);
		e->late++;
	}
}

void expect_run_finish(struct expect_run *e)
{
	free(e->before);
	*e = (struct expect_run){0};
}
