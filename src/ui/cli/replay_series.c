#include "ui/cli/replay_series.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/expr.h"
#include "sim/report.h"

#define MAP_CELLS 256u

/* ---- columns ---- */

/* Errors of a column point into the whole list. */
static int shift_column(struct diag *d, int at)
{
	d->col += at;
	return -1;
}

static int add_column(struct series *s, const char *text, int at, struct diag *d)
{
	if (s->nr_columns == SERIES_MAX_COLUMNS)
		return diag_set(d, "--columns", 1, 1, "more than %u columns", SERIES_MAX_COLUMNS);
	s->expr[s->nr_columns] = expr_parse(text, "--columns", d);
	if (s->expr[s->nr_columns] == NULL)
		return shift_column(d, at);
	s->at[s->nr_columns] = at;
	s->name[s->nr_columns] = strdup(text);
	return s->name[s->nr_columns++] != NULL ? 0 : diag_set(d, "", 0, 0, "out of memory");
}

static bool is_group(const char *word)
{
	return strcmp(word, "zones") == 0 || strcmp(word, "heaps") == 0;
}

static int parse_columns(struct series *s, struct diag *d)
{
	char *copy = s->columns != NULL ? strdup(s->columns) : NULL, *save = NULL;
	int err = 0;

	for (char *w = copy != NULL ? strtok_r(copy, ";", &save) : NULL; w != NULL && err == 0;
	     w = strtok_r(NULL, ";", &save)) {
		w += strspn(w, " ");
		if (!is_group(w))
			err = add_column(s, w, (int)(w - copy), d);
	}
	free(copy);
	return err;
}

static void finish(struct series *s)
{
	for (unsigned i = 0; i < s->nr_columns; i++) {
		expr_free(s->expr[i]);
		free(s->name[i]);
	}
	free(s->cell);
	s->nr_columns = 0;
	s->cell = NULL;
}

int series_open(struct series *s, const char *csv, const char *map, struct diag *d)
{
	s->last = UINT64_MAX;
	if (parse_columns(s, d) == 0 && (csv == NULL || outfile_open(&s->csv, csv, d) == 0) &&
	    (map == NULL || outfile_open(&s->map, map, d) == 0))
		return 0;
	series_abandon(s);
	return -1;
}

void series_abandon(struct series *s)
{
	finish(s);
	outfile_abandon(&s->csv);
	outfile_abandon(&s->map);
}

int series_commit(struct series *s, struct diag *d)
{
	int err = 0;

	if (s->problem[0] != '\0')
		err = diag_set(d, "", 0, 0, "%s", s->problem);
	if (err == 0 && s->csv.f != NULL)
		err = outfile_commit(&s->csv, d);
	if (err == 0 && s->map.f != NULL)
		err = outfile_commit(&s->map, d);
	series_abandon(s);
	return err;
}

static json_t *report_now(struct replay *r)
{
	struct report_run run = {.program_version = MEMSCAPE_VERSION, .end = REPLAY_DONE};

	return report_build(r, &run);
}

/* The columns of a zone or a heap, by the figures that its report has. */
static int add_entry(struct series *s, const char *list, const json_t *entry,
		     const char *const *figures)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	struct diag d = {0};
	char path[256];

	for (; *figures != NULL; figures++) {
		const json_t *x = json_object_get(entry, *figures);

		for (size_t i = 0; i < (json_is_array(x) ? json_array_size(x) : 1); i++) {
			if (json_is_array(x))
				snprintf(path, sizeof path, "%s.%s.%s[%zu]", list, name, *figures,
					 i);
			else
				snprintf(path, sizeof path, "%s.%s.%s", list, name, *figures);
			if (add_column(s, path, 0, &d) != 0) {
				snprintf(s->problem, sizeof s->problem, "--columns: %.400s", d.msg);
				return -1;
			}
		}
	}
	return 0;
}

static int add_group(struct series *s, const char *list, const json_t *report)
{
	static const char *const zone[] = {
		"free_pages", "largest_free_bytes", "nr_free", "unusable", "extfrag", NULL};
	static const char *const heap[] = {"live_bytes",  "free_bytes",     "largest_free_bytes",
					   "free_blocks", "metadata_bytes", NULL};
	const json_t *entries = json_object_get(report, list);

	for (size_t i = 0; i < json_array_size(entries); i++)
		if (add_entry(s, list, json_array_get(entries, i),
			      strcmp(list, "zones") == 0 ? zone : heap) != 0)
			return -1;
	return 0;
}

/* Is the group among the words, not part of an expression as zones.dma.free_pages? */
static bool asks_group(const struct series *s, const char *group)
{
	size_t n = strlen(group);

	for (const char *w = s->columns; w != NULL && *w != '\0'; w += *w == ';') {
		size_t length;

		w += strspn(w, " ");
		length = strcspn(w, ";");
		if (length == n && strncmp(w, group, n) == 0)
			return true;
		w += length;
	}
	return false;
}

int series_names(const struct series *s, const json_t *early, struct diag *d)
{
	for (unsigned i = 0; i < s->nr_columns; i++)
		if (expr_names(s->expr[i], early, report_comes_later, d) != 0)
			return shift_column(d, s->at[i]);
	return 0;
}

/* ---- heads ---- */

static void restart(FILE *f)
{
	rewind(f);
	(void)!ftruncate(fileno(f), 0);
}

static int begin_csv(struct series *s, struct replay *r)
{
	json_t *report = s->columns != NULL ? report_now(r) : NULL;
	int err = 0;

	/* A run that is repeated begins its rows anew, with the same columns. */
	if (s->csv.tmp[0] != '\0')
		restart(s->csv.f);
	if (!s->grouped && asks_group(s, "zones"))
		err = add_group(s, "zones", report);
	if (err == 0 && !s->grouped && asks_group(s, "heaps"))
		err = add_group(s, "heaps", report);
	s->grouped = true;
	json_decref(report);
	fputs("event,live_bytes,live_blocks,footprint_bytes,failed", s->csv.f);
	for (unsigned c = 0; c < MM_GRANTED; c++)
		fprintf(s->csv.f, ",%s", mm_class_name((enum mm_class)c));
	for (unsigned i = 0; i < s->nr_columns; i++)
		fprintf(s->csv.f, strchr(s->name[i], ',') != NULL ? ",\"%s\"" : ",%s", s->name[i]);
	fputc('\n', s->csv.f);
	return err;
}

/* The region asked for, or the one of the machine's with most bytes in allocators' hands. */
static int choose_region(struct series *s, const struct replay *r)
{
	const struct machine *m = r->sys->machine;
	int64_t best = -1;
	int found = -1;

	if (s->region != NULL)
		return machine_region(m, s->region);
	for (unsigned i = 0; i < m->nr_regions; i++) {
		int64_t sum[MM_NR_CLASSES];

		ledger_region(r->sys->ledger.rows, &r->sys->ledger, i, sum);
		if (sum[MM_CACHED] > best) {
			best = sum[MM_CACHED];
			found = (int)i;
		}
	}
	return found;
}

static int begin_map(struct series *s, struct replay *r)
{
	int region = choose_region(s, r);

	if (region < 0)
		return -1;
	if (s->map.tmp[0] != '\0')
		restart(s->map.f);
	s->map_region = (unsigned)region;
	s->map_step = region_map_step(r->sys->machine, s->map_region, MAP_CELLS);
	s->map_cells = (unsigned)((r->sys->machine->regions[region].bytes + s->map_step - 1) /
				  s->map_step);
	free(s->cell);
	s->cell = calloc(s->map_cells, sizeof *s->cell);
	fputs("event,address", s->map.f);
	for (unsigned c = 0; c < MM_NR_CLASSES; c++)
		if (c != MM_GRANTED)
			fprintf(s->map.f, ",%s", mm_class_name((enum mm_class)c));
	fputc('\n', s->map.f);
	return s->cell != NULL ? 0 : -1;
}

int series_begin(struct series *s, struct replay *r)
{
	s->last = UINT64_MAX;
	if (s->csv.f != NULL && begin_csv(s, r) != 0)
		return -1;
	return s->map.f != NULL ? begin_map(s, r) : 0;
}

/* ---- rows ---- */

static void put_number(FILE *out, const struct expr *e, const json_t *report)
{
	struct diag d = {0};
	long long v;

	fputc(',', out);
	/* What is not there yet, as a cache, is an empty field. */
	if (expr_number(e, report, &v, &d) != 0)
		return;
	if (v % 1000000 == 0)
		fprintf(out, "%lld", v / 1000000);
	else
		fprintf(out, "%s%lld.%06lld", v < 0 ? "-" : "", (v < 0 ? -v : v) / 1000000,
			(v < 0 ? -v : v) % 1000000);
}

static void csv_row(struct series *s, struct replay *r)
{
	const struct figures *f = r->fig;
	json_t *report = s->nr_columns != 0 ? report_now(r) : NULL;
	int64_t sum[MM_NR_CLASSES];
	FILE *out = s->csv.f;

	ledger_total(r->sys->ledger.rows, &r->sys->ledger, sum);
	fprintf(out, "%llu,%llu,%llu,%llu,%llu", (unsigned long long)f->event,
		(unsigned long long)f->live_bytes, (unsigned long long)f->live_blocks,
		(unsigned long long)f->footprint, (unsigned long long)f->failed);
	for (unsigned c = 0; c < MM_GRANTED; c++)
		fprintf(out, ",%lld", (long long)sum[c]);
	for (unsigned i = 0; i < s->nr_columns; i++)
		put_number(out, s->expr[i], report);
	fputc('\n', out);
	json_decref(report);
}

struct painting {
	struct series *s;
	struct replay *r;
	int err;
};

static void paint(void *ctx)
{
	struct painting *p = ctx;

	p->err = region_map(p->r, p->s->map_region, p->s->map_step, p->s->cell);
}

static void map_row(struct series *s, struct replay *r)
{
	struct painting p = {s, r, -1};
	uint64_t base = r->sys->machine->regions[s->map_region].base;

	if (!replay_read(r, paint, &p) || p.err != 0)
		return;
	for (unsigned i = 0; i < s->map_cells; i++) {
		fprintf(s->map.f, "%llu,%llu", (unsigned long long)r->fig->event,
			(unsigned long long)(base + i * s->map_step));
		for (unsigned c = 0; c < MM_NR_CLASSES; c++)
			if (c != MM_GRANTED)
				fprintf(s->map.f, ",%lld", (long long)s->cell[i].bytes[c]);
		fputc('\n', s->map.f);
	}
}

void series_row(struct series *s, struct replay *r)
{
	if (s->problem[0] != '\0')
		return;
	s->last = r->fig->event;
	if (s->csv.f != NULL)
		csv_row(s, r);
	if (s->map.f != NULL)
		map_row(s, r);
}

void series_end(struct series *s, struct replay *r)
{
	if ((s->csv.f != NULL || s->map.f != NULL) && s->last != r->fig->event)
		series_row(s, r);
}
