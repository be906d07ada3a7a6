#include "sim/trace.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trace_format.h"
#include "sim/trace_plain.h"

const struct trace_format *const trace_formats[] = {
#define X(name) &trace_format_##name,
	TRACE_FORMATS(X)
#undef X
};

const unsigned nr_trace_formats = sizeof trace_formats / sizeof trace_formats[0];

int trace_bad_line(const struct trace_reader *r, struct diag *d, uint64_t line, size_t col,
		   const char *fmt, ...)
{
	char msg[sizeof d->msg];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	return diag_set(d, r->in.name, (int)(line < INT32_MAX ? line : INT32_MAX), (int)col, "%s",
			msg);
}

static const struct trace_format *find_format(const char *name)
{
	for (unsigned i = 0; i < nr_trace_formats; i++)
		if (strcmp(trace_formats[i]->name, name) == 0)
			return trace_formats[i];
	return NULL;
}

/* Called a .rep file, and lines of text, but not of the sort that begins one. */
static bool rep_without_header(const struct trace_reader *r)
{
	size_t n = strlen(r->in.name);

	return n > 4 && strcmp(r->in.name + n - 4, ".rep") == 0 && r->format == find_format("text");
}

/* What else a file may be that one would give; NULL: nobody knows. */
static const char *other_kind(const uint8_t *head, size_t bytes)
{
	static const struct {
		const char *magic;
		size_t bytes;
		const char *says;
	} known[] = {
		{"\x1f\x8b", 2, "compressed with gzip, which is not read (zstd is): zcat FILE | memscape ... -"},
		{"BZh", 3, "compressed with bzip2, which is not read (zstd is): bzcat FILE | memscape ... -"},
		{"\xfd" "7zXZ", 5, "compressed with xz, which is not read (zstd is): xzcat FILE | memscape ... -"},
		{"\xef\xbb\xbf", 3, "begins with a byte order mark, expected a trace without one"},
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (bytes >= known[i].bytes && memcmp(head, known[i].magic, known[i].bytes) == 0)
			return known[i].says;
	return NULL;
}

static int probe(struct trace_reader *r, struct diag *d)
{
	const char *other;
	size_t have;

	if (input_fill(&r->in, TRACE_PROBE_BYTES, &have, d) != 0)
		return -1;
	if (have == 0)
		return diag_set(d, r->in.name, 0, 0, "is empty, expected a trace");
	if (have > TRACE_PROBE_BYTES)
		have = TRACE_PROBE_BYTES;
	other = other_kind(input_at(&r->in), have);
	if (other != NULL)
		return diag_set(d, r->in.name, 0, 0, "%s", other);
	for (unsigned i = 0; i < nr_trace_formats && r->format == NULL; i++)
		if (trace_formats[i]->probe(input_at(&r->in), have))
			r->format = trace_formats[i];
	if (r->format == NULL)
		return diag_set(d, r->in.name, 0, 0,
				"unknown format, expected a memscape trace (binary or text) or a "
				"CS:APP .rep file or a kernel's kmem events");
	if (rep_without_header(r))
		return diag_set(
			d, r->in.name, 1, 1,
			"expected four lines of one number each before the first operation: "
			"heap bytes, ids, operations, weight");
	return 0;
}

static int start(struct trace_reader *r, const char *from, struct diag *d)
{
	if (from != NULL) {
		r->format = find_format(from);
		if (r->format == NULL)
			return diag_set(d, r->in.name, 0, 0,
					"unknown format '%s', expected binary, text, rep or kmem",
					from);
	} else if (probe(r, d) != 0) {
		return -1;
	}
	r->info = (struct trace_info){
		.format = r->format->version, .groups = UINT32_MAX, .seekable = r->in.regular};
	for (const char *const *l = r->format->losses; *l != NULL; l++)
		r->info.losses++;
	return r->format->start(r, d);
}

struct trace_reader *trace_open_as(const char *path, const char *from, struct diag *d)
{
	struct trace_reader *r = calloc(1, sizeof *r);

	if (r == NULL) {
		diag_set(d, path, 0, 0, "out of memory");
		return NULL;
	}
	slots_init(&r->slots);
	trace_strings_init(&r->strings);
	trace_hash_start(&r->hash);
	r->events = calloc(TRACE_CHUNK, sizeof *r->events);
	r->plain = calloc(TRACE_CHUNK, sizeof *r->plain);
	if (input_open(&r->in, path, d) != 0 || r->events == NULL || r->plain == NULL ||
	    start(r, from, d) != 0) {
		diag_set(d, path, 0, 0, "out of memory");
		trace_close(r);
		return NULL;
	}
	return r;
}

struct trace_reader *trace_open(const char *path, struct diag *d)
{
	return trace_open_as(path, NULL, d);
}

char *trace_label(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	const char *dot = strchr(base, '.');

	return strndup(base, dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
}

void trace_close(struct trace_reader *r)
{
	if (r == NULL)
		return;
	if (r->format != NULL)
		r->format->stop(r);
	input_close(&r->in);
	slots_finish(&r->slots);
	trace_strings_finish(&r->strings);
	free(r->events);
	free(r->plain);
	free(r);
}

typedef int next_fn(struct trace_reader *r, size_t *n, struct diag *d);

/* One block of the format; damage behind good events waits for the next call. */
static int next_block(struct trace_reader *r, next_fn *next, size_t *n, struct diag *d)
{
	if (r->damaged) {
		if (d != NULL)
			*d = r->pending;
		return -1;
	}
	if (next(r, n, &r->pending) == 0)
		return 0;
	r->damaged = true;
	if (*n != 0)
		return 0;
	if (d != NULL)
		*d = r->pending;
	return -1;
}

int trace_next(struct trace_reader *r, const struct trace_event **events, size_t *n, struct diag *d)
{
	*events = r->events + r->held_from;
	*n = r->held;
	r->held = r->held_from = 0;
	if (*n == 0) {
		if (next_block(r, r->format->next, n, d) != 0)
			return -1;
		r->delivered += *n;
	}
	if (r->want_hash)
		trace_hash_events(&r->hash, *events, *n, &r->strings);
	return 0;
}

/* Of a format without a short way, or where events were decoded or are to be hashed. */
static int shorten(struct trace_reader *r, struct plain_block *out, struct diag *d)
{
	if (trace_next(r, &out->other, &out->n, d) != 0)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		r->plain[i] = plain_from(&out->other[i], (uint32_t)i);
	return 0;
}

int trace_next_plain(struct trace_reader *r, struct plain_block *out, struct diag *d)
{
	*out = (struct plain_block){r->plain, 0, r->events};
	if (r->format->next_plain == NULL || r->held != 0 || r->want_hash)
		return shorten(r, out, d);
	if (next_block(r, r->format->next_plain, &out->n, d) != 0)
		return -1;
	r->delivered += out->n;
	return 0;
}

/* From the first event again. */
static int rewind_reader(struct trace_reader *r, struct diag *d)
{
	r->format->stop(r);
	r->state = NULL;
	slots_reset(&r->slots);
	r->delivered = 0;
	if (input_seek(&r->in, 0, d) != 0)
		return -1;
	return r->format->start(r, d);
}

/* Passes over what lies between here and `number`; keeps the rest of its block for trace_next. */
static int skip_to(struct trace_reader *r, uint64_t number, struct diag *d)
{
	uint64_t first = r->delivered + 1;
	size_t n = 0;

	while (r->delivered < number) {
		first = r->delivered + 1;
		if (next_block(r, r->format->next, &n, d) != 0)
			return -1;
		if (n == 0)
			return diag_set(
				d, r->in.name, 0, 0, "has no event %llu: it ends after %llu",
				(unsigned long long)number, (unsigned long long)r->delivered);
		r->delivered += n;
	}
	r->held_from = (size_t)(number - first);
	r->held = n - r->held_from;
	return 0;
}

int trace_seek(struct trace_reader *r, uint64_t number, struct diag *d)
{
	uint64_t at = 1;

	if (!r->info.seekable)
		return diag_set(d, r->in.name, 0, 0, "cannot seek in a pipe");
	if (number == 0 || (r->info.events != 0 && number > r->info.events))
		return diag_set(d, r->in.name, 0, 0, "has no event %llu, expected 1 to %llu",
				(unsigned long long)number, (unsigned long long)r->info.events);
	trace_hash_start(&r->hash);
	r->damaged = false;
	r->pending.msg[0] = '\0';
	r->held = r->held_from = 0;
	if (r->format->seek != NULL) {
		if (r->format->seek(r, number, &at, d) != 0)
			return -1;
		r->delivered = at - 1;
	} else if (number <= r->delivered && rewind_reader(r, d) != 0) {
		return -1;
	}
	return skip_to(r, number, d);
}

void trace_get_info(const struct trace_reader *r, struct trace_info *out)
{
	*out = r->info;
}

const char *trace_string(const struct trace_reader *r, uint32_t index)
{
	return trace_strings_get(&r->strings, index);
}

uint32_t trace_nr_strings(const struct trace_reader *r)
{
	return r->strings.nr;
}

uint64_t trace_delivered(const struct trace_reader *r)
{
	return r->delivered;
}

void trace_want_hash(struct trace_reader *r)
{
	r->want_hash = true;
}

void trace_hash(const struct trace_reader *r, char out[33])
{
	out[0] = '\0';
	if (r->want_hash)
		trace_hash_text(&r->hash, out);
}

uint32_t trace_slots(const struct trace_reader *r)
{
	return r->slots.high;
}

void trace_lost(const struct trace_reader *r, FILE *out)
{
	if (r->format->loss != NULL)
		r->format->loss(r, out);
}

void trace_loss(const struct trace_reader *r, FILE *out)
{
	for (const char *const *l = r->format->losses; *l != NULL; l++)
		fprintf(out, "%s\n", *l);
	trace_lost(r, out);
}
