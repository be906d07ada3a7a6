/* What a trace holds, for people and as JSON (memscape.trace/1). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/trace_stats.h"
#include "ui/cli/cli.h"
#include "ui/cli/info.h"
#include "ui/cli/text.h"

#define BAR_CELLS 40u

struct view {
	const char *path;
	struct trace_info info;
	struct trace_stats stats;
	uint64_t file_bytes; /* 0: a pipe */
};

static uint64_t bucket_low(unsigned k)
{
	return k ? UINT64_C(1) << (k - 1) : 0;
}

/* ---- text ---- */

static void print_count(FILE *out, const char *what, uint64_t n)
{
	char buf[COUNT_TEXT];

	fprintf(out, "  %-18s %16s\n", what, count_text((int64_t)n, buf));
}

static void print_bytes(FILE *out, const char *what, uint64_t n)
{
	char count[COUNT_TEXT], size[SIZE_TEXT], more[SIZE_TEXT + 8];

	snprintf(more, sizeof more, " B  (%s)", size_text((int64_t)n, size));
	fprintf(out, "  %-18s %16s%s\n", what, count_text((int64_t)n, count), more);
}

static void print_histogram(FILE *out, const char *title, const uint64_t *bucket)
{
	struct text_style style = {.width = 80};
	uint64_t most = 0;
	char low[COUNT_TEXT], n[COUNT_TEXT];

	for (unsigned k = 0; k < STATS_BUCKETS; k++)
		most = bucket[k] > most ? bucket[k] : most;
	if (most == 0)
		return;
	fprintf(out, "\n%s\n", title);
	for (unsigned k = 0; k < STATS_BUCKETS; k++) {
		if (bucket[k] == 0)
			continue;
		fprintf(out, "  from %14s  %14s  ", count_text((int64_t)bucket_low(k), low),
			count_text((int64_t)bucket[k], n));
		print_bar(out, &style, bucket[k], most, BAR_CELLS);
		fputc('\n', out);
	}
}

static void print_operations(FILE *out, const struct trace_stats *s)
{
	fputs("\nOperations\n", out);
	for (unsigned op = 0; op < NR_TRACE_OPS; op++)
		if (s->by_op[op] != 0)
			print_count(out, trace_op_word((enum trace_op)op), s->by_op[op]);
}

static void print_text(FILE *out, const struct view *v)
{
	const struct trace_stats *s = &v->stats;
	char count[COUNT_TEXT];

	fprintf(out, "%s: %s, %s events", v->path, v->info.format,
		count_text((int64_t)s->events, count));
	if (v->file_bytes != 0 && s->events != 0)
		fprintf(out, ", %.3f bytes an event", (double)v->file_bytes / (double)s->events);
	fputs("\n\nObjects\n", out);
	print_count(out, "births", s->births);
	print_count(out, "deaths", s->deaths);
	print_count(out, "live at the end", s->live_blocks);
	print_bytes(out, "bytes at the end", s->live_bytes);
	print_count(out, "peak blocks", s->peak_blocks);
	print_bytes(out, "peak bytes", s->peak_bytes);
	print_count(out, "  at event", s->peak_bytes_event);
	print_bytes(out, "bytes in all", s->total_bytes);
	print_bytes(out, "largest", s->largest);
	print_count(out, "slots", s->slots);
	if (s->null_calls != 0)
		print_count(out, "null or failed", s->null_calls);
	if (s->unknown_ids != 0)
		print_count(out, "unknown ids", s->unknown_ids);
	if (s->last_ns != 0)
		fprintf(out, "  %-18s %16.3f s\n", "time",
			(double)(s->last_ns - s->first_ns) / 1e9);
	print_operations(out, s);
	print_histogram(out, "Sizes in bytes (births)", s->sizes);
	print_histogram(out, "Lifetimes in events (deaths)", s->lifetimes);
	fprintf(out, "\nHash of the events: %s\n", s->hash);
}

/* ---- JSON ---- */

static json_t *histogram_json(const uint64_t *bucket)
{
	json_t *list = json_array();

	for (unsigned k = 0; k < STATS_BUCKETS; k++)
		if (bucket[k] != 0)
			json_array_append_new(list, json_pack("{s:I, s:I}", "from",
							      (json_int_t)bucket_low(k), "count",
							      (json_int_t)bucket[k]));
	return list;
}

static json_t *operations_json(const struct trace_stats *s)
{
	json_t *j = json_object();

	for (unsigned op = 0; op < NR_TRACE_OPS; op++)
		if (s->by_op[op] != 0)
			json_object_set_new(j, trace_op_word((enum trace_op)op),
					    json_integer((json_int_t)s->by_op[op]));
	return j;
}

static json_t *make_json(const struct view *v)
{
	const struct trace_stats *s = &v->stats;
	json_t *j =
		json_pack("{s:s, s:s, s:I, s:s, s:I, s:i}", "schema", "memscape.trace/1", "format",
			  v->info.format, "events", (json_int_t)s->events, "hash", s->hash,
			  "file_bytes", (json_int_t)v->file_bytes, "slots", (int)s->slots);

#define PUT(key, value)    json_object_set_new(j, key, value)
#define NUMBER(key, value) PUT(key, json_integer((json_int_t)(value)))
	if (j == NULL)
		return NULL;
	if (s->events != 0)
		PUT("bytes_per_event", json_real((double)v->file_bytes / (double)s->events));
	NUMBER("births", s->births);
	NUMBER("deaths", s->deaths);
	NUMBER("total_bytes", s->total_bytes);
	NUMBER("largest", s->largest);
	NUMBER("null_calls", s->null_calls);
	NUMBER("unknown_ids", s->unknown_ids);
	NUMBER("time_ns", s->last_ns - s->first_ns);
	PUT("peak",
	    json_pack("{s:I, s:I, s:I}", "live_bytes", (json_int_t)s->peak_bytes, "live_blocks",
		      (json_int_t)s->peak_blocks, "event", (json_int_t)s->peak_bytes_event));
	PUT("end", json_pack("{s:I, s:I}", "live_bytes", (json_int_t)s->live_bytes, "live_blocks",
			     (json_int_t)s->live_blocks));
	PUT("by_op", operations_json(s));
	PUT("sizes", histogram_json(s->sizes));
	PUT("lifetimes", histogram_json(s->lifetimes));
#undef NUMBER
#undef PUT
	return j;
}

static int print_json(FILE *out, const struct view *v, struct diag *d)
{
	json_t *j = make_json(v);

	if (j == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	json_dumpf(j, out, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	fputc('\n', out);
	json_decref(j);
	return 0;
}

int info_trace(const char *path, bool json, FILE *out)
{
	struct diag d = {0};
	struct trace_reader *r = trace_open(path, &d);
	struct view v = {.path = strcmp(path, "-") == 0 ? "standard input" : path};
	struct stat st;
	int result;

	if (r == NULL)
		return cli_bad_input(&d);
	trace_get_info(r, &v.info);
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		v.file_bytes = (uint64_t)st.st_size;
	result = trace_stats(r, &v.stats, &d);
	if (json && print_json(out, &v, &d) != 0)
		result = -1;
	if (!json)
		print_text(out, &v);
	trace_close(r);
	return result == 0 ? EXIT_RAN : cli_bad_input(&d);
}
