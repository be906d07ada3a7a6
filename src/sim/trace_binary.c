/* Reading the native binary form, from a file or a pipe. */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "sim/trace_binary.h"
#include "sim/trace_block.h"
#include "sim/trace_format.h"

/* A section that the index names: strings, or a place where reading can begin. */
struct index_entry {
	uint64_t offset, first;
	bool is_slots;
};

struct binary_reader {
	ZSTD_DCtx *zstd;
	struct block_decoder *block;
	uint8_t *raw; /* the section at hand, unpacked, and BLOCK_SLACK bytes */
	size_t raw_cap;
	uint64_t section, offset; /* number and place of the section at hand */
	uint64_t first; /* number of the next event */
	bool in_block, want_slots, ended;
	struct index_entry *index;
	size_t nr_index;
};

static bool probe(const uint8_t *head, size_t bytes)
{
	return bytes >= BINARY_MAGIC_BYTES && memcmp(head, BINARY_MAGIC, BINARY_MAGIC_BYTES) == 0;
}

/* "block 3 at byte 1234, after event 131072: what". Returns -1. */
static int bad_block(const struct trace_reader *r, struct diag *d, uint64_t after, const char *what)
{
	const struct binary_reader *b = r->state;

	return diag_set(d, r->in.name, 0, 0, "block %llu at byte %llu, after event %llu: %s",
			(unsigned long long)b->section, (unsigned long long)b->offset,
			(unsigned long long)after, what);
}

static int bad_section(const struct trace_reader *r, struct diag *d, const char *what)
{
	return bad_block(r, d, ((const struct binary_reader *)r->state)->first - 1, what);
}

/* ---- sections ---- */

static bool raw_room(struct binary_reader *b, size_t bytes)
{
	uint8_t *raw;

	if (bytes <= b->raw_cap)
		return true;
	raw = realloc(b->raw, bytes + BLOCK_SLACK);
	if (raw == NULL)
		return false;
	b->raw = raw;
	b->raw_cap = bytes;
	return true;
}

/* Unpacks a section's payload into b->raw.  NULL, or what is wrong. */
static const char *unpack(struct binary_reader *b, const struct binary_section *s,
			  const uint8_t *packed)
{
	if (binary_section_checksum(s, packed) != s->checksum)
		return "checksum differs: the bytes were changed";
	if (s->raw > SECTION_RAW)
		return "a section larger than any this version writes";
	if (!raw_room(b, s->raw))
		return "out of memory";
	if (s->packed == s->raw)
		memcpy(b->raw, packed, s->raw);
	else if (ZSTD_decompressDCtx(b->zstd, b->raw, s->raw, packed, s->packed) != s->raw)
		return "cannot be unpacked";
	memset(b->raw + s->raw, 0, BLOCK_SLACK);
	return NULL;
}

/* Reads the section at the input's place into *s and b->raw. */
static int read_section(struct trace_reader *r, struct binary_section *s, struct diag *d)
{
	struct binary_reader *b = r->state;
	const char *wrong;
	size_t have;

	b->section++;
	b->offset = r->in.offset;
	if (input_fill(&r->in, sizeof *s, &have, d) != 0)
		return -1;
	if (have < sizeof *s)
		return bad_section(r, d, "truncated: the trace has no end section");
	memcpy(s, input_at(&r->in), sizeof *s);
	if (s->packed > ZSTD_COMPRESSBOUND(SECTION_RAW))
		return bad_section(r, d, "not a section header");
	if (input_fill(&r->in, sizeof *s + s->packed, &have, d) != 0)
		return -1;
	if (have < sizeof *s + s->packed)
		return bad_section(r, d, "truncated within a section");
	wrong = unpack(b, s, input_at(&r->in) + sizeof *s);
	if (wrong != NULL)
		return bad_section(r, d, wrong);
	input_skip(&r->in, sizeof *s + s->packed);
	return 0;
}

/* Strings already known (after a seek) are passed over. */
static int take_strings(struct trace_reader *r, const struct binary_section *s, struct diag *d)
{
	const struct binary_reader *b = r->state;
	const uint8_t *p = b->raw, *end = b->raw + s->raw;
	uint64_t bytes;

	if (s->first + s->count <= r->strings.nr)
		return 0;
	if (s->first != r->strings.nr)
		return bad_section(r, d, "strings out of order");
	for (uint32_t i = 0; i < s->count; i++) {
		p = varint_get(p, end, &bytes);
		if (p == NULL || bytes > (uint64_t)(end - p))
			return bad_section(r, d, "a string beyond the section's end");
		if (trace_strings_add(&r->strings, (const char *)p, bytes) != s->first + i)
			return bad_section(r, d, "a string that is empty, too long or there twice");
		p += bytes;
	}
	return p == end ? 0 : bad_section(r, d, "bytes behind the last string");
}

/* The free stack: varint live, number free, the free slots as differences. */
static int take_slots(struct trace_reader *r, const struct binary_section *s, struct diag *d)
{
	struct binary_reader *b = r->state;
	const uint8_t *end = b->raw + s->raw, *p;
	uint64_t live, nr, step;
	uint32_t *list, slot = 0;
	bool good;

	b->want_slots = false;
	p = varint_get(varint_get(b->raw, end, &live), end, &nr);
	if (p == NULL || live > SLOTS_MAX || nr > s->raw)
		return bad_section(r, d, "an impossible number of slots");
	list = malloc((nr + 1) * sizeof *list);
	if (list == NULL)
		return bad_section(r, d, "out of memory");
	for (uint64_t i = 0; i < nr; i++) {
		p = varint_get(p, end, &step);
		slot += (uint32_t)unzigzag(step);
		list[i] = slot;
	}
	good = p == end && slots_load(&r->slots, (uint32_t)live, list, (uint32_t)nr);
	free(list);
	return good ? 0 : bad_section(r, d, "slots that are not a permutation");
}

/* ---- the end ---- */

static const uint8_t *get_totals(const uint8_t *p, const uint8_t *end, struct binary_totals *t)
{
	uint64_t v[BINARY_TOTALS];

	_Static_assert(sizeof v == sizeof *t, "totals are six numbers");
	for (unsigned i = 0; i < BINARY_TOTALS; i++)
		p = varint_get(p, end, &v[i]);
	memcpy(t, v, sizeof *t);
	return p;
}

/* Totals agree with what was read, and nothing but the trailer follows. */
static int take_end(struct trace_reader *r, const struct binary_section *s, struct diag *d)
{
	struct binary_reader *b = r->state;
	struct binary_totals t;
	struct binary_trailer trailer;
	uint64_t end_offset = b->offset;
	size_t have;

	if (get_totals(b->raw, b->raw + s->raw, &t) == NULL)
		return bad_section(r, d, "an end section without totals");
	if (t.events != b->first - 1 || t.strings != r->strings.nr || t.slots < r->slots.high)
		return bad_section(r, d, "the totals differ from the events read");
	b->section++;
	b->offset = r->in.offset;
	if (input_fill(&r->in, sizeof trailer + 1, &have, d) != 0)
		return -1;
	if (have < sizeof trailer)
		return bad_section(r, d, "truncated within the trailer");
	memcpy(&trailer, input_at(&r->in), sizeof trailer);
	if (trailer.end_offset != end_offset ||
	    memcmp(trailer.magic, BINARY_END, BINARY_MAGIC_BYTES) != 0)
		return bad_section(r, d, "the trailer is damaged");
	if (have > sizeof trailer)
		return bad_section(r, d, "bytes behind the trailer");
	b->ended = true;
	r->info.events = t.events;
	return 0;
}

/* Index entries that make sense; the rest is left to the sequential reading. */
static void keep_index(struct binary_reader *b, const uint8_t *p, const uint8_t *end)
{
	uint64_t nr, kind, offset = 0, step, first;

	p = varint_get(p, end, &nr);
	if (p == NULL || nr > SECTION_RAW)
		return;
	b->index = calloc(nr + 1, sizeof *b->index);
	for (uint64_t i = 0; b->index != NULL && i < nr; i++) {
		p = varint_get(varint_get(varint_get(p, end, &kind), end, &step), end, &first);
		if (p == NULL)
			return;
		offset += step;
		b->index[b->nr_index++] = (struct index_entry){offset, first, kind != 0};
	}
}

/* From a regular file's end: totals and index, if they are whole. */
static void read_end_first(struct trace_reader *r)
{
	struct binary_reader *b = r->state;
	uint64_t bytes = input_bytes(&r->in);
	struct binary_trailer trailer;
	struct binary_section s;
	struct binary_totals t;
	uint8_t *packed;
	const uint8_t *p;

	if (bytes < sizeof(struct binary_header) + sizeof s + sizeof trailer ||
	    !input_peek(&r->in, bytes - sizeof trailer, &trailer, sizeof trailer) ||
	    trailer.end_offset > bytes - sizeof trailer - sizeof s ||
	    !input_peek(&r->in, trailer.end_offset, &s, sizeof s) || s.kind != SECTION_END ||
	    s.packed != bytes - sizeof trailer - sizeof s - trailer.end_offset)
		return;
	packed = malloc((size_t)s.packed + 1);
	if (packed != NULL && input_peek(&r->in, trailer.end_offset + sizeof s, packed, s.packed) &&
	    unpack(b, &s, packed) == NULL) {
		p = get_totals(b->raw, b->raw + s.raw, &t);
		if (p != NULL) {
			r->info.events = t.events;
			r->info.groups = (uint32_t)t.groups;
			r->info.has_time = t.has_time;
			r->info.has_sites = t.has_sites;
			keep_index(b, p, b->raw + s.raw);
		}
	}
	free(packed);
}

/* ---- the format ---- */

static void stop(struct trace_reader *r)
{
	struct binary_reader *b = r->state;

	if (b == NULL)
		return;
	ZSTD_freeDCtx(b->zstd);
	block_decoder_destroy(b->block);
	free(b->raw);
	free(b->index);
	free(b);
	r->state = NULL;
}

static int start(struct trace_reader *r, struct diag *d)
{
	struct binary_reader *b = calloc(1, sizeof *b);
	struct binary_header h;
	size_t have;

	r->state = b;
	if (b == NULL)
		return diag_set(d, r->in.name, 0, 0, "out of memory");
	b->zstd = ZSTD_createDCtx();
	b->block = block_decoder_create();
	b->first = 1;
	if (b->zstd == NULL || b->block == NULL)
		return diag_set(d, r->in.name, 0, 0, "out of memory");
	if (input_fill(&r->in, sizeof h, &have, d) != 0)
		return -1;
	if (have < sizeof h)
		return bad_section(r, d, "truncated within the file's header");
	memcpy(&h, input_at(&r->in), sizeof h);
	if (h.checksum != binary_header_checksum(&h) ||
	    memcmp(h.magic, BINARY_MAGIC, BINARY_MAGIC_BYTES) != 0)
		return bad_section(r, d, "the file's header is damaged");
	if (h.version < BINARY_OLDEST || h.version > BINARY_VERSION)
		return diag_set(d, r->in.name, 0, 0,
				"format version %u, expected %u to %u: %s",
				h.version, BINARY_OLDEST, BINARY_VERSION,
				h.version != 0 ? "written by a newer memscape" : "there is no version 0");
	if (h.version == 1)
		r->info.format = "memscape-binary/1";
	input_skip(&r->in, sizeof h);
	read_end_first(r);
	return 0;
}

static int take_section(struct trace_reader *r, struct diag *d)
{
	struct binary_reader *b = r->state;
	struct binary_section s;
	const char *wrong;

	if (read_section(r, &s, d) != 0)
		return -1;
	switch (s.kind) {
	case SECTION_STRINGS:
		return take_strings(r, &s, d);
	case SECTION_SLOTS:
		return b->want_slots ? take_slots(r, &s, d) : 0;
	case SECTION_END:
		return take_end(r, &s, d);
	case SECTION_EVENTS:
		break;
	default:
		return bad_section(r, d, "a section of unknown kind");
	}
	if (s.first != b->first)
		return bad_section(r, d, "events out of order");
	wrong = block_decoder_begin(b->block, b->raw, s.raw, s.count, r->strings.nr);
	if (wrong != NULL)
		return bad_section(r, d, wrong);
	b->in_block = true;
	return 0;
}

typedef const char *decode_fn(struct trace_reader *r, size_t *n);

static const char *decode_whole(struct trace_reader *r, size_t *n)
{
	struct binary_reader *b = r->state;

	return block_decoder_next(b->block, &r->slots, r->events, TRACE_CHUNK, n);
}

static const char *decode_plain(struct trace_reader *r, size_t *n)
{
	struct binary_reader *b = r->state;

	return block_decoder_next_plain(b->block, &r->slots, r->plain, r->events, TRACE_CHUNK, n);
}

static int next_by(struct trace_reader *r, decode_fn *decode, size_t *n, struct diag *d)
{
	struct binary_reader *b = r->state;
	const char *wrong;

	*n = 0;
	for (;;) {
		if (b->in_block) {
			wrong = decode(r, n);
			b->first += *n;
			if (wrong != NULL)
				return bad_section(r, d, wrong);
			if (*n != 0)
				return 0;
			b->in_block = false;
		}
		if (b->ended)
			return 0;
		if (take_section(r, d) != 0)
			return -1;
	}
}

static int next(struct trace_reader *r, size_t *n, struct diag *d)
{
	return next_by(r, decode_whole, n, d);
}

static int next_plain(struct trace_reader *r, size_t *n, struct diag *d)
{
	return next_by(r, decode_plain, n, d);
}

/* Strings that are defined before `offset` and not known yet. */
static int load_strings(struct trace_reader *r, uint64_t offset, struct diag *d)
{
	struct binary_reader *b = r->state;
	struct binary_section s;

	for (size_t i = 0; i < b->nr_index && b->index[i].offset < offset; i++) {
		if (b->index[i].is_slots || b->index[i].first < r->strings.nr)
			continue;
		if (input_seek(&r->in, b->index[i].offset, d) != 0 || read_section(r, &s, d) != 0)
			return -1;
		if (s.kind != SECTION_STRINGS)
			return bad_section(r, d, "the index is wrong");
		if (take_strings(r, &s, d) != 0)
			return -1;
	}
	return 0;
}

/* Begins at the last slots section before `number`, or stays where reading on is shorter. */
static int seek(struct trace_reader *r, uint64_t number, uint64_t *at, struct diag *d)
{
	struct binary_reader *b = r->state;
	struct index_entry best = {sizeof(struct binary_header), 1, false};

	for (size_t i = 0; i < b->nr_index; i++)
		if (b->index[i].is_slots && b->index[i].first <= number)
			best = b->index[i];
	if (b->first <= number && best.first <= b->first && !b->ended) {
		*at = b->first;
		return 0;
	}
	b->in_block = b->ended = false;
	if (load_strings(r, best.offset, d) != 0 || input_seek(&r->in, best.offset, d) != 0)
		return -1;
	slots_reset(&r->slots);
	b->want_slots = best.is_slots;
	b->first = *at = best.first;
	return 0;
}

static const char *const losses[] = {NULL};

const struct trace_format trace_format_binary = {
	.name = "binary",
	.version = "memscape-binary/2",
	.summary = "the native compact form: zstd blocks, checksums, index",
	.losses = losses,
	.probe = probe,
	.start = start,
	.next = next,
	.next_plain = next_plain,
	.seek = seek,
	.stop = stop,
};
