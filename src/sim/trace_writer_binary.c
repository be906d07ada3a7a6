/* Writing the native binary form. */
#include <stdlib.h>

#include "sim/trace_binary.h"
#include "sim/trace_block.h"
#include "sim/trace_encoder.h"
#include "sim/trace_ops.h"
#include "sim/trace_packer.h"

#define DEFAULT_LEVEL 3

/*
 * A slots section before another events section costs bytes, and saves whoever seeks
 * the way from the one before: every 16 sections, unless the free stack (about two
 * bytes a slot) would be more than about a thirtieth of what was written since.
 */
#define SLOTS_EVERY 16u
#define SLOTS_SHARE 64u

struct indexed {
	uint64_t offset, first;
	bool is_slots;
};

struct binary_writer {
	struct block_encoder *block;
	struct packer *packer;
	/* a section as it is made: the packer's; raw_cap bytes, at most SECTION_RAW */
	uint8_t *raw;
	size_t raw_cap;
	/* Events sections and the bytes that are written of them, since the last slots section. */
	uint64_t sections, bytes;
	uint32_t strings; /* the first that is not written yet */
	struct indexed *index;
	size_t nr_index, cap_index;
};

static void stop(struct trace_writer *w)
{
	struct binary_writer *b = w->state;

	if (b == NULL)
		return;
	block_encoder_destroy(b->block);
	packer_destroy(b->packer);
	free(b->index);
	free(b);
	w->state = NULL;
}

/* Room for a section of so many bytes. */
static int section_room(struct trace_writer *w, size_t bytes, struct diag *d)
{
	struct binary_writer *b = w->state;

	if (bytes <= b->raw_cap)
		return 0;
	b->raw = packer_raw(b->packer, bytes);
	if (b->raw == NULL)
		return diag_set(d, w->name, 0, 0, "out of memory");
	b->raw_cap = bytes;
	return 0;
}

static int begin(struct trace_writer *w, struct diag *d)
{
	struct binary_header h = {.magic = BINARY_MAGIC, .version = BINARY_VERSION};
	struct binary_writer *b = calloc(1, sizeof *b);

	w->state = b;
	if (b == NULL)
		return diag_set(d, w->name, 0, 0, "out of memory");
	b->block = block_encoder_create();
	b->packer = packer_create(w->fd, w->options.level ? w->options.level : DEFAULT_LEVEL);
	b->strings = 1;
	if (b->block == NULL || b->packer == NULL)
		return diag_set(d, w->name, 0, 0, "out of memory");
	if (section_room(w, BLOCK_RAW, d) != 0)
		return -1;
	w->heap = b->block;
	h.checksum = binary_header_checksum(&h);
	return trace_writer_write(w, &h, sizeof h, d);
}

/* Waits for the section under way: w->offset is right again. */
static int settle(struct trace_writer *w, struct diag *d)
{
	struct binary_writer *b = w->state;
	uint64_t written = 0;
	int err = packer_settle(b->packer, &written);

	w->offset += written;
	b->bytes += written;
	if (err == 0)
		return 0;
	w->failed = true;
	return diag_set(d, w->name, 0, 0, "cannot write: %s", strerror(err));
}

/* Packs and writes b->raw[0 .. raw), which is other memory then; settled before. */
static int write_section(struct trace_writer *w, enum binary_kind kind, size_t raw, uint32_t count,
			 uint64_t first, struct diag *d)
{
	struct binary_writer *b = w->state;
	const struct binary_section s = {
		.kind = kind, .raw = (uint32_t)raw, .count = count, .first = first};
	bool aside = w->options.thread && count == w->options.block_events;

	packer_put(b->packer, &s, aside);
	b->raw = packer_raw(b->packer, b->raw_cap);
	return aside ? 0 : settle(w, d);
}

/* Notes in the index that a section begins here. */
static int note_section(struct trace_writer *w, uint64_t first, bool is_slots, struct diag *d)
{
	struct binary_writer *b = w->state;

	if (settle(w, d) != 0)
		return -1;
	if (b->nr_index == b->cap_index) {
		size_t cap = b->cap_index ? b->cap_index * 2 : 64;
		struct indexed *index = realloc(b->index, cap * sizeof *index);

		if (index == NULL)
			return diag_set(d, w->name, 0, 0, "out of memory");
		b->index = index;
		b->cap_index = cap;
	}
	b->index[b->nr_index++] = (struct indexed){w->offset, first, is_slots};
	return 0;
}

/* Strings that events may name from here on. */
static int write_strings(struct trace_writer *w, struct diag *d)
{
	struct binary_writer *b = w->state;

	while (b->strings < w->strings.nr) {
		uint32_t first = b->strings;
		uint8_t *p = b->raw;

		while (b->strings < w->strings.nr &&
		       p + TRACE_STRING_BYTES + VARINT_BYTES < b->raw + b->raw_cap) {
			const char *text = w->strings.text[b->strings++];
			size_t bytes = strlen(text);

			p = varint_put(p, bytes);
			memcpy(p, text, bytes);
			p += bytes;
		}
		if (note_section(w, first, false, d) != 0 ||
		    write_section(w, SECTION_STRINGS, (size_t)(p - b->raw), b->strings - first,
				  first, d) != 0)
			return -1;
	}
	return 0;
}

/* The free stack, so that a reader can begin with the next event. */
static int write_slots(struct trace_writer *w, struct diag *d)
{
	struct binary_writer *b = w->state;
	const struct slots *s = &w->slots;
	uint32_t nr = s->high - s->live, slot = 0;
	uint8_t *p;

	if (section_room(w, (nr + 2u) * VARINT_BYTES, d) != 0)
		return -1;
	p = varint_put(varint_put(b->raw, s->live), nr);
	for (uint32_t i = s->head; i < s->high; i = s->next[i]) {
		p = varint_put(p, zigzag((uint64_t)(int64_t)(int32_t)(i - slot)));
		slot = i;
	}
	if (note_section(w, w->events + 1, true, d) != 0 ||
	    write_section(w, SECTION_SLOTS, (size_t)(p - b->raw), 0, w->events + 1, d) != 0)
		return -1;
	b->sections = b->bytes = 0;
	return 0;
}

/* Is it time for a slots section?  By what is written before the block that comes. */
static bool slots_due(const struct trace_writer *w)
{
	const struct binary_writer *b = w->state;
	uint64_t free_slots = w->slots.high - w->slots.live;

	return b->sections + 1 >= SLOTS_EVERY && free_slots * SLOTS_SHARE <= b->bytes &&
	       free_slots + 2 <= SECTION_RAW / VARINT_BYTES;
}

static int write_events(struct trace_writer *w, struct diag *d)
{
	struct binary_writer *b = w->state;
	uint32_t n = block_encoder_events(b->block);
	bool due;
	size_t raw;

	if (n == 0)
		return 0;
	if (write_strings(w, d) != 0 || settle(w, d) != 0)
		return -1;
	due = slots_due(w);
	raw = block_encoder_take(b->block, b->raw);
	if (write_section(w, SECTION_EVENTS, raw, n, w->events + 1 - n, d) != 0)
		return -1;
	b->sections++;
	return due ? write_slots(w, d) : 0;
}

static int put(struct trace_writer *w, const struct trace_event *ev, struct diag *d)
{
	struct binary_writer *b = w->state;

	if (block_encoder_events(b->block) >= w->options.block_events && write_events(w, d) != 0)
		return -1;
	if (block_encoder_put(b->block, ev))
		return 0;
	if (write_events(w, d) != 0)
		return -1;
	if (!block_encoder_put(b->block, ev))
		return diag_set(d, w->name, 0, 0, "an event that no block can hold");
	return 0;
}

static int flush(struct trace_writer *w, struct diag *d)
{
	return write_events(w, d) != 0 ? -1 : settle(w, d);
}

/* Totals and index, in b->raw. */
static size_t make_end(const struct trace_writer *w, size_t nr)
{
	const struct binary_writer *b = w->state;
	uint64_t at = 0;
	uint8_t *p = b->raw;

	p = varint_put(varint_put(p, w->events), w->slots.high);
	p = varint_put(varint_put(p, w->strings.nr), w->groups);
	p = varint_put(varint_put(p, w->has_time), w->has_sites);
	p = varint_put(p, nr);
	for (size_t i = 0; i < nr; i++) {
		p = varint_put(p, b->index[i].is_slots);
		p = varint_put(p, b->index[i].offset - at);
		p = varint_put(p, b->index[i].first);
		at = b->index[i].offset;
	}
	return (size_t)(p - b->raw);
}

static int finish(struct trace_writer *w, struct diag *d)
{
	const struct binary_writer *b = w->state;
	struct binary_trailer t = {.magic = BINARY_END};
	size_t most = SECTION_RAW / (3 * VARINT_BYTES) - 4;
	size_t nr;

	if (w->failed)
		return diag_set(d, w->name, 0, 0, "an earlier write failed");
	if (write_events(w, d) != 0 || write_strings(w, d) != 0 || settle(w, d) != 0)
		return -1;
	nr = b->nr_index < most ? b->nr_index : most;
	if (section_room(w, (nr + 4) * 3 * VARINT_BYTES, d) != 0)
		return -1;
	t.end_offset = w->offset;
	if (write_section(w, SECTION_END, make_end(w, nr), 0, w->events + 1, d) != 0)
		return -1;
	return trace_writer_write(w, &t, sizeof t, d);
}

const struct trace_encoder trace_encoder_binary = {
	.begin = begin,
	.put = put,
	.flush = flush,
	.finish = finish,
	.stop = stop,
};
