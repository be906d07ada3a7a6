/*
 * The format `kmem`: see trace_kmem.h.  Lines of other events are passed over, so that
 * a recording need not be filtered; a kmem event that lacks a field is damage.
 */
#include "sim/trace_kmem.h"

#include <stdlib.h>
#include <string.h>

#include "alloc/alloc.h"
#include "sim/trace_ops.h"

#define LINE_BYTES 65536u

/* ---- events ---- */

struct trace_event kmem_event(const struct kmem_line *l, enum trace_op op)
{
	return (struct trace_event){.time_ns = l->time_ns,
				    .slot = SLOT_NONE,
				    .ctx = (uint16_t)l->pid,
				    .op = (uint8_t)op,
				    .flags = EV_HAS_TIME,
				    .cpu = (uint8_t)l->cpu};
}

static bool grow_queue(struct kmem_reader *k)
{
	size_t cap = k->cap == 0 ? 64 : k->cap * 2;
	struct trace_event *q = realloc(k->queue, cap * sizeof *q);

	if (q == NULL)
		return false;
	k->queue = q;
	k->cap = cap;
	return true;
}

uint32_t kmem_put(struct kmem_reader *k, struct trace_event ev)
{
	struct slots *s = &k->r->slots;

	if (k->nr == k->cap && !grow_queue(k)) {
		k->failed = true;
		return SLOT_NONE;
	}
	if (trace_op_life((enum trace_op)ev.op) == LIFE_B && (ev.flags & EV_NULL) == 0) {
		if (!slots_reserve(s, 1)) {
			k->failed = true;
			return SLOT_NONE;
		}
		ev.slot = slots_take(s);
	} else if (trace_op_life((enum trace_op)ev.op) == LIFE_D && ev.slot != SLOT_NONE) {
		slots_give(s, ev.slot);
	}
	k->queue[k->nr++] = ev;
	return ev.slot;
}

/* ---- gfp flags ---- */

/* Names of other versions, and combinations that have no name in our table. */
#define HUGE_LIGHT                                                                                 \
	((GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) &                   \
	 ~(uint32_t)(__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM))

static const struct gfp_name {
	const char *name;
	uint32_t value;
} gfp_names[] = {
#define X(NAME, value) {"GFP_" #NAME, value},
	GFP_SETS(X)
#undef X
#define X(NAME, value) {"__GFP_" #NAME, value},
		GFP_FLAGS(X)
#undef X
			{"GFP_DMA", __GFP_DMA},
	{"GFP_DMA32", __GFP_DMA32},
	{"GFP_TRANSHUGE_LIGHT", HUGE_LIGHT},
	{"GFP_TRANSHUGE", HUGE_LIGHT | __GFP_DIRECT_RECLAIM},
	{"GFP_TEMPORARY", GFP_KERNEL | __GFP_RECLAIMABLE},
	{"__GFP_RECLAIM", __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM},
	{"__GFP_REPEAT", __GFP_RETRY_MAYFAIL},
	{"__GFP_WAIT", __GFP_DIRECT_RECLAIM},
	{"none", 0},
};

/* All bits that have a name. */
#define X(NAME, value) | (value)
static const uint32_t gfp_known = 0 GFP_FLAGS(X);
#undef X

/* A flag without a name is printed as its bits, and so are all by who does not know names. */
static bool number_flag(const char *text, size_t bytes, uint32_t *value)
{
	uint64_t bits;

	if (!kmem_value(text, bytes, &bits))
		return false;
	*value = (uint32_t)bits & gfp_known;
	return (bits & ~(uint64_t)gfp_known) == 0;
}

/* With and without the underscores: perf has dropped them for a while. */
static bool find_flag(const char *text, size_t bytes, uint32_t *value)
{
	for (size_t i = 0; i < sizeof gfp_names / sizeof gfp_names[0]; i++) {
		const char *name = gfp_names[i].name;

		if ((strlen(name) == bytes && memcmp(name, text, bytes) == 0) ||
		    (name[0] == '_' && strlen(name) == bytes + 2 &&
		     memcmp(name + 2, text, bytes) == 0)) {
			*value = gfp_names[i].value;
			return true;
		}
	}
	return false;
}

/* Name by name; *unknown: how many of them are none. */
static uint32_t read_flags(const char *text, size_t bytes, uint32_t *unknown)
{
	const char *p = text, *end = text + bytes;
	uint32_t gfp = 0;

	*unknown = 0;
	while (p < end) {
		const char *bar = memchr(p, '|', (size_t)(end - p));
		size_t n = (size_t)((bar != NULL ? bar : end) - p);
		uint32_t value = 0;

		if (!find_flag(p, n, &value) && !number_flag(p, n, &value))
			++*unknown;
		gfp |= value;
		p += n + 1;
	}
	return gfp;
}

/* Where a text of flags is remembered: by its length, and letters from its middle and end. */
static struct kmem_flags *flags_place(struct kmem_reader *k, const char *text, size_t bytes)
{
	unsigned h = (unsigned)bytes * 7u + (unsigned char)text[bytes - 1] * 5u +
		     (unsigned char)text[bytes / 2] * 3u + (unsigned char)text[bytes / 4];

	return &k->flags[h % KMEM_FLAGS_SEEN];
}

uint32_t kmem_gfp(struct kmem_reader *k, const char *text, size_t bytes)
{
	struct kmem_flags *f, once;

	if (bytes == 0)
		return 0;
	f = bytes <= KMEM_FLAGS_BYTES ? flags_place(k, text, bytes) : &once;
	if (f == &once || f->bytes != bytes || memcmp(f->text, text, bytes) != 0) {
		f->value = read_flags(text, bytes, &f->unknown);
		f->bytes = bytes;
		if (f != &once)
			memcpy(f->text, text, bytes);
	}
	k->count[KMEM_UNKNOWN_FLAG] += f->unknown;
	return f->value;
}

/* ---- lines ---- */

static const struct kmem_event_kind *const kinds[] = {kmem_page_events, kmem_slab_events};

static bool is_kind(const struct kmem_event_kind *e, const char *event, size_t bytes)
{
	return e->bytes == bytes && memcmp(e->name, event, bytes) == 0;
}

static const struct kmem_event_kind *find_kind(const char *event, size_t bytes)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		for (const struct kmem_event_kind *e = kinds[i]; e->name != NULL; e++)
			if (is_kind(e, event, bytes))
				return e;
	return NULL;
}

/* Events of a kind often come one after the other. */
static const struct kmem_event_kind *kind_of(struct kmem_reader *k, const struct kmem_line *l)
{
	const struct kmem_event_kind *e = k->last_kind;

	if (e == NULL || !is_kind(e, l->event, l->event_bytes))
		e = find_kind(l->event, l->event_bytes);
	if (e != NULL)
		k->last_kind = e;
	return e;
}

bool kmem_knows(const char *event, size_t bytes)
{
	return find_kind(event, bytes) != NULL;
}

/* "# entries-in-buffer/entries-written: 10/12   #P:2": what was overwritten before it was read. */
static uint64_t overwritten(const char *text, const char *end)
{
	static const char head[] = "entries-in-buffer/entries-written:";
	char line[128];
	unsigned long long kept, written;
	size_t n = (size_t)(end - text) < sizeof line ? (size_t)(end - text) : sizeof line - 1;
	const char *at;

	memcpy(line, text, n);
	line[n] = '\0';
	at = strstr(line, head);
	if (at == NULL || sscanf(at + sizeof head - 1, "%llu/%llu", &kept, &written) != 2)
		return 0;
	return written > kept ? written - kept : 0;
}

/* `whole`: the line ends with a newline. */
static int read_line(struct kmem_reader *k, const char *text, const char *end, bool whole,
		     struct diag *d)
{
	const struct kmem_event_kind *kind;
	const char *wrong = NULL;
	struct kmem_line l;
	bool bad;

	switch (kmem_take_apart(text, end, &l)) {
	case KMEM_LOST:
		k->count[KMEM_LOST_EVENTS] += l.time_ns;
		return 0;
	case KMEM_OTHER:
		k->count[KMEM_LOST_EVENTS] += overwritten(text, end);
		return 0;
	default:
		break;
	}
	kind = kind_of(k, &l);
	if (kind == NULL)
		k->count[KMEM_LINES_OTHER]++;
	if (kind == NULL || kind->handler == NULL)
		return 0;
	k->count[KMEM_FAR] += l.far_cpu || l.pid > UINT16_MAX;
	if (!l.has_time)
		l.time_ns = k->last_ns;
	k->count[KMEM_BACKWARD] += l.time_ns < k->last_ns;
	k->last_ns = l.time_ns;
	kmem_split(&l);
	bad = kind->handler(k, &l, &wrong) != 0;
	if (bad && !whole) {
		k->count[KMEM_CUT]++;
		return 0;
	}
	if (bad)
		return trace_bad_line(k->r, d, k->line, (size_t)(l.event - text) + 1,
				      "%.*s without a good '%s', expected fields such as "
				      "pfn=0x1234 order=0, ptr=0x1234 bytes_req=100",
				      (int)l.event_bytes, l.event, wrong);
	return k->failed ? trace_bad_line(k->r, d, k->line, 1, "out of memory") : 0;
}

/* The bytes of the next line without its newline; *has is false at the input's end. */
static int next_line(struct kmem_reader *k, size_t *bytes, bool *has, struct diag *d)
{
	struct trace_input *in = &k->r->in;
	size_t have, want = 4096;
	const uint8_t *newline;

	for (;;) {
		if (input_fill(in, want, &have, d) != 0)
			return -1;
		newline = memchr(input_at(in), '\n', have);
		*has = have != 0;
		*bytes = newline != NULL ? (size_t)(newline - input_at(in)) : have;
		if (newline != NULL || in->ended)
			return 0;
		if (want > LINE_BYTES)
			return trace_bad_line(k->r, d, k->line + 1, 1,
					      "a line of more than %u bytes", LINE_BYTES);
		want *= 2;
	}
}

/* ---- the format ---- */

/* One of the first lines is an event, or the heading of tracefs, perf or trace-cmd. */
static bool probe(const uint8_t *head, size_t bytes)
{
	static const char *const heads[] = {"# tracer:", "# ========\n# captured on", "cpus="};
	const char *p = (const char *)head, *end = p + bytes;
	struct kmem_line l;

	if (memchr(head, '\0', bytes) != NULL)
		return false;
	for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++)
		if (bytes > strlen(heads[i]) && memcmp(p, heads[i], strlen(heads[i])) == 0)
			return true;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		if (newline == NULL)
			return false;
		if (kmem_take_apart(p, newline, &l) == KMEM_EVENT)
			return true;
		p = newline + 1;
	}
	return false;
}

static void stop(struct trace_reader *r)
{
	struct kmem_reader *k = r->state;

	if (k == NULL)
		return;
	kmem_pages_stop(k);
	kmem_slab_stop(k);
	free(k->queue);
	free(k);
	r->state = NULL;
}

static int start(struct trace_reader *r, struct diag *d)
{
	struct kmem_reader *k = calloc(1, sizeof *k);

	r->state = k;
	if (k == NULL)
		return diag_set(d, r->in.name, 0, 0, "out of memory");
	k->r = r;
	r->info.has_time = true;
	if (!kmem_pages_start(k) || !kmem_slab_start(k))
		return diag_set(d, r->in.name, 0, 0, "out of memory");
	return 0;
}

static int next(struct trace_reader *r, size_t *n, struct diag *d)
{
	struct kmem_reader *k = r->state;
	size_t bytes;
	bool has = true, whole;

	for (*n = 0; *n < TRACE_CHUNK;) {
		const char *text;
		int err;

		if (k->from < k->nr) {
			r->events[(*n)++] = k->queue[k->from++];
			continue;
		}
		k->from = k->nr = 0;
		if (next_line(k, &bytes, &has, d) != 0)
			return -1;
		if (!has)
			return 0;
		k->line++;
		text = (const char *)input_at(&r->in);
		whole = bytes < r->in.end - r->in.pos;
		err = read_line(k, text, text + bytes, whole, d);
		input_skip(&r->in, whole ? bytes + 1 : bytes);
		if (err != 0)
			return -1;
	}
	return 0;
}

static void loss(const struct trace_reader *r, FILE *out)
{
	static const char *const words[KMEM_COUNTS] = {
		[KMEM_LOST_EVENTS] = "events that the kernel lost",
		[KMEM_LINES_OTHER] = "lines of other events, passed over",
		[KMEM_OLD] =
			"frees of what is older than the recording (told as old_pages, zone_old)",
		[KMEM_SPLIT] = "frees of parts of a block (told as split_pages, zone_split)",
		[KMEM_JOINED] = "frees of several blocks at once (told one by one)",
		[KMEM_IMPLIED] = "frees without an event, implied by the next use of the place",
		[KMEM_OLD_OBJECTS] = "frees of objects older than the recording, or given out "
				     "in bulk: passed over",
		[KMEM_HIDDEN] = "objects whose address the kernel hid: never freed",
		[KMEM_HIDDEN_FREE] = "frees of objects whose address the kernel hid",
		[KMEM_ODD_CACHES] = "caches whose size no alignment explains: told with "
				    "bytes_alloc as the object's size",
		[KMEM_FAR] = "events of CPUs above 255 or tasks above 65,535, whose numbers are "
			     "told modulo 256 and 65,536",
		[KMEM_UNKNOWN_FLAG] = "gfp flags of unknown names, dropped",
		[KMEM_BACKWARD] = "steps back in time: lines are taken as they stand, so sort "
				  "the recording by time first",
		[KMEM_CUT] = "last line that is not whole",
	};
	const struct kmem_reader *k = r->state;

	for (unsigned i = 0; k != NULL && i < KMEM_COUNTS; i++)
		if (k->count[i] != 0)
			fprintf(out, "%llu %s\n", (unsigned long long)k->count[i], words[i]);
}

static const char *const losses[] = {"names of tasks; addresses of page descriptors", NULL};

const struct trace_format trace_format_kmem = {
	.name = "kmem",
	.version = "kmem",
	.summary = "a Linux kernel's kmem events, of pages and of the slab layer: tracefs, perf script, trace-cmd report",
	.losses = losses,
	.loss = loss,
	.probe = probe,
	.start = start,
	.next = next,
	.stop = stop,
};
