/*
 * CS:APP .rep files: four numbers, each on a line (heap size, ids, operations, weight),
 * then a line an operation:
 *   a id bytes    malloc
 *   r id bytes    realloc of that id
 *   f id          free; "f -1" frees a null pointer
 *
 * An `r` of an id that is not live is a realloc of a null pointer, as the course's
 * driver makes it.  An `f` of one that is not live is an event with EV_UNKNOWN_ID; an
 * `a` of one that is live is an error, since nobody could ever free the first.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/id_map.h"
#include "sim/trace_format.h"
#include "sim/trace_plain.h"
#include "sim/trace_rep_usual.h"

#define LINE_BYTES 128u /* more than any good line has */

enum { HEAD_HEAP, HEAD_IDS, HEAD_OPS, HEAD_WEIGHT, HEAD_LINES };

struct rep_reader {
	struct id_map map;
	uint64_t head[HEAD_LINES];
	uint64_t line; /* lines read */
	uint64_t done; /* operations read */
};

/* A line under way. */
struct cursor {
	const uint8_t *p, *line;
};

static inline bool is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') < 10;
}

static inline const uint8_t *skip_blanks(const uint8_t *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* false: not a number, or beyond 64 bits; the cursor stands where it ought to begin. */
static bool get_long_number(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = skip_blanks(c->p), *first = p;
	uint64_t v = 0;

	while (is_digit(*p))
		v = v * 10 + (uint64_t)(*p++ - '0');
	*out = v;
	c->p = p != first && p - first <= 19 ? p : first;
	return c->p != first;
}

/*
 * A number of up to nine digits, digit by digit: how many there are is easy to predict,
 * and then the next number is begun before this one is done.  (Eight digits at once in a
 * word is slower: the cursor would wait for their count.)
 */
__attribute__((always_inline)) static inline bool get_number(struct cursor *c, uint64_t *out)
{
	const uint8_t *p = c->p + (*c->p == ' '), *first = p;
	uint32_t v = 0, digit;

	while ((digit = (uint32_t)(*p - '0')) < 10) {
		v = v * 10 + digit;
		p++;
	}
	if (mm_unlikely(p == first || p - first > 9))
		return get_long_number(c, out);
	*out = v;
	c->p = p;
	return true;
}

/* Only blanks and a carriage return may stand before the newline. */
static inline bool get_newline(struct cursor *c)
{
	if (mm_unlikely(*c->p != '\n')) {
		c->p = skip_blanks(c->p);
		if (*c->p == '\r')
			c->p++;
		if (*c->p != '\n')
			return false;
	}
	c->p++;
	return true;
}

static bool probe(const uint8_t *head, size_t bytes)
{
	struct cursor c;
	char text[TRACE_PROBE_BYTES + 2];
	uint64_t ignored;

	memcpy(text, head, bytes);
	text[bytes] = '\n';
	text[bytes + 1] = '\0';
	c.p = (const uint8_t *)text;
	for (unsigned i = 0; i < 2; i++)
		if (!get_long_number(&c, &ignored) || !get_newline(&c))
			return false;
	return true;
}

static int bad(const struct trace_reader *r, const struct cursor *c, struct diag *d,
	       const char *expected)
{
	const struct rep_reader *b = r->state;
	const uint8_t *end = r->in.buf + r->in.end;

	if (c->p >= end && r->in.ended)
		return trace_bad_line(r, d, b->line + 1, (size_t)(c->p - c->line) + 1,
				      "the file ends here, expected %s", expected);
	return trace_bad_line(r, d, b->line + 1, (size_t)(c->p - c->line) + 1, "expected %s",
			      expected);
}

static void stop(struct trace_reader *r)
{
	struct rep_reader *b = r->state;

	if (b == NULL)
		return;
	id_map_finish(&b->map);
	free(b);
	r->state = NULL;
}

static int start(struct trace_reader *r, struct diag *d)
{
	static const char *const expected[] = {
		"the heap size (a CS:APP trace begins with four numbers, each on a line)",
		"the number of ids", "the number of operations", "the weight"};
	struct rep_reader *b = calloc(1, sizeof *b);
	size_t have;

	r->state = b;
	if (b == NULL || !id_map_init(&b->map, &r->slots.next))
		return diag_set(d, r->in.name, 0, 0, "out of memory");
	for (; b->line < HEAD_LINES; b->line++) {
		struct cursor c;

		if (input_fill(&r->in, LINE_BYTES, &have, d) != 0)
			return -1;
		c.p = c.line = input_at(&r->in);
		if (have == 0 || !get_long_number(&c, &b->head[b->line]) || !get_newline(&c))
			return bad(r, &c, d, expected[b->line]);
		input_skip(&r->in, (size_t)(c.p - c.line) < have ? (size_t)(c.p - c.line) : have);
	}
	if (b->head[HEAD_IDS] > SLOTS_MAX)
		return trace_bad_line(r, d, 2, 1, "%llu ids, expected at most %u",
				      (unsigned long long)b->head[HEAD_IDS], SLOTS_MAX);
	r->info.events = b->head[HEAD_OPS];
	r->info.groups = 1u << TG_HEAP;
	return 0;
}

/* ---- operations ---- */

static bool is_null_free(struct cursor *c)
{
	const uint8_t *p = skip_blanks(c->p);

	if (p[0] != '-' || p[1] != '1' || is_digit(p[2]))
		return false;
	c->p = p + 2;
	return true;
}

/* What the id names, and what becomes of it.  NULL, or what was expected. */
__attribute__((always_inline)) static inline const char *take_alloc(struct rep_reader *b,
								    struct slots *s,
								    struct trace_event *ev,
								    uint32_t id)
{
	if (mm_unlikely(!id_map_is_free(&b->map, id)))
		return "an id that is not live: this one was not freed yet";
	ev->slot = slots_take_as(s, id);
	return mm_likely(id_map_put(&b->map, id, ev->slot)) ? NULL : "less: out of memory";
}

static inline void take_free(struct rep_reader *b, struct slots *s, struct trace_event *ev,
			     uint32_t id)
{
	ev->slot = id_map_take(&b->map, id);
	if (mm_likely(ev->slot != SLOT_NONE))
		slots_give_live(s, ev->slot);
	else
		ev->flags = EV_UNKNOWN_ID;
}

static const char *take_realloc(struct rep_reader *b, struct slots *s, struct trace_event *ev,
				uint32_t id)
{
	ev->slot = id_map_find(&b->map, id);
	if (ev->slot != SLOT_NONE)
		return NULL;
	ev->flags = EV_NULL;
	return take_alloc(b, s, ev, id);
}

/* After the id: what remains of the line, and what it does.  NULL, or what was expected. */
__attribute__((always_inline)) static inline const char *take_operation(struct rep_reader *b,
									struct slots *s,
									struct cursor *c,
									struct trace_event *ev,
									uint8_t letter, uint32_t id)
{
	const char *wrong;

	if (letter == 'f') {
		ev->op = OP_FREE;
		if (mm_unlikely(!get_newline(c)))
			return "the end of the line";
		take_free(b, s, ev, id);
		return NULL;
	}
	if (mm_unlikely(!get_number(c, &ev->size)))
		return "a size in bytes";
	if (mm_unlikely(!get_newline(c)))
		return "the end of the line";
	ev->op = letter == 'a' ? OP_MALLOC : OP_REALLOC;
	wrong = letter == 'a' ? take_alloc(b, s, ev, id) : take_realloc(b, s, ev, id);
	if (mm_unlikely(wrong != NULL))
		c->p = c->line + 2;
	return wrong;
}

/* One line into *ev.  NULL, or what was expected at c->p. */
__attribute__((always_inline)) static inline const char *read_operation(struct rep_reader *b,
									struct slots *s,
									struct cursor *c,
									struct trace_event *ev)
{
	uint8_t letter = *c->p++;
	uint64_t id;

	ev->flags = 0;
	ev->size = 0;
	if (mm_unlikely(letter != 'a' && letter != 'f' && letter != 'r')) {
		c->p--;
		return "an operation: 'a id bytes', 'r id bytes' or 'f id'";
	}
	if (mm_unlikely(!get_number(c, &id))) {
		if (letter != 'f' || !is_null_free(c))
			return "an id: a number from 0";
		ev->op = OP_FREE;
		ev->slot = SLOT_NONE;
		ev->flags = EV_NULL;
		return get_newline(c) ? NULL : "the end of the line";
	}
	if (mm_unlikely(id >= b->head[HEAD_IDS])) {
		c->p = skip_blanks(c->line + 1);
		return "an id below the number of ids in line 2";
	}
	return take_operation(b, s, c, ev, letter, (uint32_t)id);
}

static bool is_blank_line(const uint8_t *p)
{
	p = skip_blanks(p);
	return *p == '\n' || *p == '\r';
}

/* What a line says, as a plain request, or among the others. */
static inline struct plain_req in_short(struct trace_reader *r, const struct trace_event *ev,
					uint32_t *others)
{
	bool births = ev->op == OP_MALLOC || (ev->op == OP_REALLOC && ev->flags == EV_NULL);

	if (mm_likely(births && ev->size <= PLAIN_SIZE_MAX))
		return (struct plain_req){ev->size, ev->slot, plain_note(ev)};
	if (mm_likely(ev->op == OP_FREE && ev->flags == 0))
		return (struct plain_req){PLAIN_FREE, ev->slot, 0};
	r->events[*others] = *ev;
	return (struct plain_req){PLAIN_OTHER, (*others)++, 0};
}

/*
 * Lines from the buffer until it holds no whole one, or the chunk is full; `shorten`:
 * to r->plain, with the others, *others so far, in r->events.
 */
__attribute__((always_inline)) static inline int read_lines(struct trace_reader *r, size_t have,
							    size_t *n, bool shorten,
							    uint32_t *others, struct diag *d)
{
	struct rep_reader *b = r->state;
	struct cursor c = {.p = input_at(&r->in)};
	const uint8_t *const first = c.p, *const end = first + have;
	const uint8_t *const last = r->in.ended ? end : end - LINE_BYTES;
	const uint64_t most = b->head[HEAD_OPS] - b->done + *n;
	const size_t usual_most = most < TRACE_CHUNK ? (size_t)most : TRACE_CHUNK;
	struct trace_event ev = {.op = 0};
	const char *wrong = NULL;
	size_t k;

	for (k = *n; c.p < last && k < TRACE_CHUNK; b->line++) {
		if (shorten) {
			size_t usual = rep_usual_lines(&b->map, &r->slots,
						       (uint32_t)b->head[HEAD_IDS], &c.p, last,
						       r->plain + k, usual_most - k);

			k += usual;
			b->line += usual;
			if (k == TRACE_CHUNK || c.p >= last)
				break;
		}
		c.line = c.p;
		if (mm_unlikely(*c.p <= ' ' && is_blank_line(c.p))) {
			if (get_newline(&c))
				continue;
			wrong = "the end of the line";
			break;
		}
		if (mm_unlikely(k >= most)) {
			wrong = "the end of the file: these are all operations of line 3";
			break;
		}
		wrong = read_operation(b, &r->slots, &c, shorten ? &ev : &r->events[k]);
		if (mm_unlikely(wrong != NULL))
			break;
		if (shorten)
			r->plain[k] = in_short(r, &ev, others);
		k++;
	}
	b->done += k - *n;
	*n = k;
	if (mm_unlikely(wrong != NULL))
		return bad(r, &c, d, wrong);
	input_skip(&r->in, (size_t)(c.p < end ? c.p - first : end - first));
	return 0;
}

typedef int lines_fn(struct trace_reader *r, size_t have, size_t *n, uint32_t *others,
		     struct diag *d);

static int whole_lines(struct trace_reader *r, size_t have, size_t *n, uint32_t *others,
		       struct diag *d)
{
	return read_lines(r, have, n, false, others, d);
}

static int short_lines(struct trace_reader *r, size_t have, size_t *n, uint32_t *others,
		       struct diag *d)
{
	return read_lines(r, have, n, true, others, d);
}

static int next_by(struct trace_reader *r, lines_fn *lines, size_t *n, struct diag *d)
{
	struct rep_reader *b = r->state;
	uint32_t others = 0;
	size_t have;

	*n = 0;
	if (!slots_reserve(&r->slots, TRACE_CHUNK))
		return trace_bad_line(r, d, b->line + 1, 0,
				      "more live objects than there is memory for");
	while (*n < TRACE_CHUNK) {
		if (input_fill(&r->in, LINE_BYTES + 1, &have, d) != 0)
			return -1;
		if (have == 0)
			break;
		if (lines(r, have, n, &others, d) != 0)
			return -1;
	}
	if (*n == 0 && b->done != b->head[HEAD_OPS])
		return trace_bad_line(r, d, b->line, 0,
				      "the file ends after %llu operations, line 3 says %llu",
				      (unsigned long long)b->done,
				      (unsigned long long)b->head[HEAD_OPS]);
	return 0;
}

static int next(struct trace_reader *r, size_t *n, struct diag *d)
{
	return next_by(r, whole_lines, n, d);
}

static int next_plain(struct trace_reader *r, size_t *n, struct diag *d)
{
	return next_by(r, short_lines, n, d);
}

static const char *const losses[] = {
	"calloc, memalign and the like: every birth is a malloc, alignment is lost",
	"time stamps, threads, call sites", NULL};

const struct trace_format trace_format_rep = {
	.name = "rep",
	.version = "rep",
	.summary = "CS:APP malloc lab traces: a id bytes, r id bytes, f id",
	.losses = losses,
	.probe = probe,
	.start = start,
	.next = next,
	.next_plain = next_plain,
	.stop = stop,
};
