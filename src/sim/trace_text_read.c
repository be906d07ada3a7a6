/* Reading the native text form; trace_text.h has its grammar. */
#include <stdlib.h>
#include <string.h>

#include "sim/trace_block.h"
#include "sim/trace_format.h"
#include "sim/trace_ops.h"
#include "sim/trace_text.h"
#include "sim/trace_text_scan.h"

#define TEXT_VERSION 2u
#define LINE_BYTES (TRACE_STRING_BYTES * 4 + 4096u) /* a string of escapes, and the rest */

/* ---- attributes ---- */

static int set_field(struct line *l, const char *at, unsigned bit, uint64_t value)
{
	if (!trace_field_set(&l->ev, bit, value))
		return text_bad(l, at, "%llu is too large here", (unsigned long long)value);
	l->seen |= 1u << bit;
	return 0;
}

static int get_field(struct line *l, const char *what, unsigned bit)
{
	uint64_t value;

	if (text_get_number(l, what, &value) != 0)
		return -1;
	return set_field(l, l->word, bit, value);
}

static int get_string_field(struct line *l, const char *what, unsigned bit)
{
	const char *at = l->p;
	uint32_t index;

	if (text_get_string(l, what, &index) != 0)
		return -1;
	return set_field(l, at, bit, index);
}

/* GFP_KERNEL|__GFP_ZERO, of a cache SLAB_POISON|SLAB_RED_ZONE, or a number. */
static int get_gfp(struct line *l)
{
	const struct text_flag *flags = l->ev.op == OP_CACHE_CREATE ? text_slab_flags : text_gfp;
	const char *start = l->p, *p = start, *end;
	uint32_t gfp = 0;

	if (!text_get_word(l))
		return text_bad(l, start, "expected flags such as GFP_KERNEL|__GFP_ZERO");
	if (l->word[0] >= '0' && l->word[0] <= '9') {
		l->p = start;
		return get_field(l, "flags", 4);
	}
	for (end = l->word + l->bytes; p < end; p++) {
		const struct text_flag *f = flags;
		const char *bar = memchr(p, '|', (size_t)(end - p));
		size_t n = (size_t)((bar ? bar : end) - p);

		while (f->name != NULL && (strlen(f->name) != n || memcmp(f->name, p, n) != 0))
			f++;
		if (f->name == NULL)
			return text_bad(l, p,
					flags == text_gfp
						? "unknown flag, expected names such as GFP_KERNEL, "
						  "GFP_ATOMIC, GFP_DMA, __GFP_ZERO or a number"
						: "unknown flag of a cache, expected SLAB_RED_ZONE, "
						  "SLAB_POISON, SLAB_HWCACHE_ALIGN, "
						  "SLAB_CACHE_DMA, SLAB_TYPESAFE_BY_RCU or a "
						  "number");
		gfp |= f->value;
		p += n;
	}
	l->ev.gfp = gfp;
	return 0;
}

static int get_migratetype(struct line *l)
{
	const char *start = l->p;

	if (text_get_word(l)) {
		for (unsigned i = 0; i < TEXT_MIGRATETYPES; i++)
			if (text_word_is(l, text_migratetypes[i])) {
				l->ev.migratetype = (uint8_t)i;
				return 0;
			}
		if (l->word[0] >= '0' && l->word[0] <= '9') {
			l->p = start;
			return get_field(l, "a migrate type", 11);
		}
	}
	return text_bad(l, start, "expected unmovable, movable or reclaimable");
}

static int get_flags(struct line *l)
{
	uint64_t flags;

	if (text_get_number(l, "event flags", &flags) != 0)
		return -1;
	if ((flags & ~(uint64_t)EV_KNOWN_FLAGS) != 0 || flags & EV_HAS_TIME)
		return text_bad(l, l->word, "unknown event flag");
	l->flags_given = true;
	l->flags = (uint8_t)flags;
	return 0;
}

/* node=0 says more than no node. */
static int get_node(struct line *l)
{
	if (get_field(l, "node", TEXT_NODE_BIT) != 0)
		return -1;
	if (l->ev.node == 0)
		l->ev.flags |= EV_NODE_0;
	return 0;
}

/* The value behind "key=", the key being the word at hand. */
static int get_attribute(struct line *l)
{
	l->p++;
	if (text_word_is(l, "node"))
		return get_node(l);
#define X(key, field, bit)                                                                         \
	if (text_word_is(l, key))                                                                  \
		return get_field(l, key, bit);
	TEXT_NUMBERS(X)
#undef X
#define X(key, field, bit)                                                                         \
	if (text_word_is(l, key))                                                                  \
		return get_string_field(l, key, bit);
	TEXT_STRINGS(X)
#undef X
	if (text_word_is(l, "gfp"))
		return get_gfp(l);
	if (text_word_is(l, "mt"))
		return get_migratetype(l);
	if (text_word_is(l, "flags"))
		return get_flags(l);
	return text_bad(
		l, l->word,
		"unknown attribute, expected one of size, arg, align, offset, count, "
		"dev, granted, order, gfp, mt, node, cpu, ctx, site, tag, master, slot2, flags");
}

/* Is the word at hand a key, with its "=" right behind and a value right behind that? */
static bool is_key(const struct line *l)
{
	return l->p < l->end && *l->p == '=' && l->p + 1 < l->end && l->p[1] != ' ' &&
	       l->p[1] != '\t' && l->p[1] != '\r';
}

/* "@1000", "@5us", "@2ms", "@1s": nanoseconds without a unit. */
static int get_time(struct line *l)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {{"", 1}, {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
	const char *p, *end;
	uint64_t value;

	l->p++;
	if (!text_get_word(l))
		return text_bad(l, l->p, "expected a time such as @1000, @5us, @2ms or @1s");
	end = l->word + l->bytes;
	p = text_get_digits(l->word, end, 10, &value);
	for (unsigned i = 0; p != NULL && i < sizeof units / sizeof units[0]; i++) {
		if (strlen(units[i].unit) != (size_t)(end - p) ||
		    memcmp(units[i].unit, p, (size_t)(end - p)) != 0 ||
		    __builtin_mul_overflow(value, units[i].ns, &l->ev.time_ns))
			continue;
		l->ev.flags |= EV_HAS_TIME;
		return 0;
	}
	return text_bad(l, l->word, "expected a time such as @1000, @5us, @2ms or @1s");
}

/* ---- arguments ---- */

static int get_object(struct line *l)
{
	const struct text_reader *t = l->r->state;

	if (!text_get_word(l) || is_key(l))
		return text_bad(l, l->word,
				"expected the name of an object, " TEXT_NULL " or " TEXT_UNKNOWN);
	l->object = l->word;
	l->object_bytes = l->bytes;
	if (text_word_is(l, TEXT_NULL))
		l->ev.flags |= EV_NULL;
	else
		l->ev.slot = name_map_find(&t->names, l->word, l->bytes);
	if (l->ev.slot == SLOT_NONE && !(l->ev.flags & EV_NULL))
		l->ev.flags |= EV_UNKNOWN_ID;
	return 0;
}

/*
 * A cache or pool is named by what it serves, also behind its end: objects that outlive
 * it are freed, or it could not be destroyed since it was in use.
 */
static uint32_t find_gone(const struct line *l)
{
	const struct text_reader *t = l->r->state;
	uint32_t slot = name_map_find(&t->gone, l->word, l->bytes);

	return slot != SLOT_NONE && slots_is_live(&l->r->slots, slot) ? SLOT_NONE : slot;
}

static int get_second_object(struct line *l)
{
	const struct text_reader *t = l->r->state;
	const char *start = l->p;

	l->ev.slot2 = SLOT_NONE;
	if (text_at_end(l) || !text_get_word(l) || is_key(l)) {
		l->p = start;
		return 0;
	}
	l->seen |= TF_slot2;
	l->ev.slot2 = name_map_find(&t->names, l->word, l->bytes);
	if (l->ev.slot2 == SLOT_NONE)
		l->ev.slot2 = find_gone(l);
	if (l->ev.slot2 != SLOT_NONE || text_word_is(l, TEXT_UNKNOWN))
		return 0;
	if (name_map_find(&t->gone, l->word, l->bytes) != SLOT_NONE)
		return text_bad(l, l->word,
				"it was destroyed, and its slot is another object's by now: "
				"expected a name, or " TEXT_UNKNOWN);
	return text_bad(l, l->word, "no object of this name is live");
}

/* A marker's text: in quotes, or the rest of the line as it stands. */
static int get_marker(struct line *l)
{
	const char *end = l->end;
	uint32_t index = 0;

	text_skip_blanks(l);
	if (l->p < l->end && *l->p == '"') {
		if (text_get_string(l, "a text", &index) != 0)
			return -1;
		return set_field(l, l->p, 2, index);
	}
	while (end > l->p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	if (end > l->p) {
		index = trace_strings_add(&l->r->strings, l->p, (size_t)(end - l->p));
		if (index == 0)
			return text_bad(l, l->p, "a text too long, or too many strings");
	}
	l->p = l->end;
	return set_field(l, l->first, 2, index);
}

/* An element's bytes, which multiply the count. */
static int get_element(struct line *l)
{
	uint64_t value, product;

	if (text_get_number(l, "an element's size", &value) != 0)
		return -1;
	if (__builtin_mul_overflow(value, l->ev.arg, &product))
		return text_bad(l, l->word, "count times size is beyond 64 bits");
	return set_field(l, l->word, 1, product);
}

static int get_argument(struct line *l, char kind)
{
	switch (kind) {
	case 'i':
		return get_object(l);
	case 'j':
		return get_second_object(l);
	case 'z':
		return get_field(l, "a size in bytes", 1);
	case 'n':
		return get_field(l, "a number", 2);
	case 'e':
		return get_element(l);
	case 'o':
		return get_field(l, "an order", 10);
	case 't':
		return get_string_field(l, "a name", 6);
	default:
		return get_marker(l);
	}
}

/* Bit of the field an argument gives; 0: none that an attribute could give. */
static unsigned argument_field(char kind)
{
	switch (kind) {
	case 'z':
	case 'e':
		return TF_size;
	case 'n':
		return TF_arg;
	case 'o':
		return TF_order;
	case 't':
		return TF_tag;
	default:
		return 0;
	}
}

/* ---- a line ---- */

/* Attributes and the words "failed" and "ctor", to the line's end. */
static int get_attributes(struct line *l)
{
	while (!text_at_end(l)) {
		if (!text_get_word(l))
			return text_bad(l, l->p,
					"expected an attribute (key=value) or the line's end");
		if (is_key(l)) {
			if (get_attribute(l) != 0)
				return -1;
		} else if (text_word_is(l, "failed")) {
			l->ev.flags |= EV_FAILED;
		} else if (text_word_is(l, "ctor")) {
			l->ev.flags |= EV_CTOR;
		} else {
			return text_bad(l, l->word,
					"expected an attribute (key=value) or the line's end");
		}
	}
	return 0;
}

/* Time and attributes before the operation, and the name that is born. */
static int get_prefix(struct line *l)
{
	for (;;) {
		text_skip_blanks(l);
		if (l->p < l->end && *l->p == '@') {
			if (get_time(l) != 0)
				return -1;
			continue;
		}
		if (!text_get_word(l))
			return text_bad(l, l->p, "expected an operation such as 'a = malloc 100'");
		if (is_key(l)) {
			if (get_attribute(l) != 0)
				return -1;
			continue;
		}
		text_skip_blanks(l);
		if (l->name != NULL || l->p >= l->end || *l->p != '=')
			return 0;
		l->p++;
		l->name = l->word;
		l->name_bytes = l->bytes;
	}
}

static int get_operation(struct line *l)
{
	for (unsigned op = 0; op < NR_TRACE_OPS; op++)
		if (text_word_is(l, trace_op_word((enum trace_op)op))) {
			l->ev.op = (uint8_t)op;
			return 0;
		}
	return text_bad(l, l->word,
			"unknown operation '%.*s', expected one such as malloc, free, "
			"alloc_pages (docs/formats.md lists them)",
			(int)(l->bytes < 60 ? l->bytes : 60), l->word);
}

static int get_arguments(struct line *l)
{
	const char *kinds = text_arguments[l->ev.op], *rest = kinds;

	for (; *rest != '\0'; rest++) {
		const char *start = l->p;

		if (*rest != 's' && text_at_end(l))
			break;
		if (*rest != 's' && text_get_word(l) && is_key(l)) {
			l->p = start;
			break;
		}
		l->p = start;
		if (get_argument(l, *rest) != 0)
			return -1;
	}
	if (*rest == 'j') {
		l->ev.slot2 = SLOT_NONE;
		rest++;
	}
	if (get_attributes(l) != 0)
		return -1;
	for (; *rest != '\0'; rest++)
		if (!(l->seen & argument_field(*rest)))
			return text_bad(l, l->p, "expected %s",
					*rest == 'i'   ? "the name of an object"
					: *rest == 't' ? "a name in quotes"
					: *rest == 'o'
						? "an order (order=2)"
						: "a number: this operation has more arguments");
	return 0;
}

/* ---- objects ---- */

static int give_birth(struct line *l)
{
	struct text_reader *t = l->r->state;

	if (l->name == NULL)
		return text_bad(l, l->first, "expected a name for what is allocated: x = %s ...",
				trace_op_word(l->ev.op));
	l->word = l->name;
	l->bytes = l->name_bytes;
	if (text_word_is(l, TEXT_NULL)) {
		l->ev.flags |= EV_NULL;
		return 0;
	}
	if (text_word_is(l, TEXT_UNKNOWN))
		return text_bad(l, l->name, "expected a name or " TEXT_NULL);
	if (name_map_find(&t->names, l->name, l->name_bytes) != SLOT_NONE)
		return text_bad(l, l->name, "'%.*s' is live already, expected a name that is free",
				(int)(l->bytes < 60 ? l->bytes : 60), l->name);
	name_map_remove(&t->gone, l->name, l->name_bytes);
	if (!slots_reserve(&l->r->slots, 1))
		return text_bad(l, l->name, "more live objects than there is memory for");
	l->ev.slot = slots_take(&l->r->slots);
	return name_map_put(&t->names, l->name, l->name_bytes, l->ev.slot)
		       ? 0
		       : text_bad(l, l->name, "out of memory");
}

static int take_life(struct line *l)
{
	struct text_reader *t = l->r->state;

	slots_give(&l->r->slots, l->ev.slot);
	name_map_remove(&t->names, l->object, l->object_bytes);
	if (l->ev.op != OP_CACHE_DESTROY && l->ev.op != OP_MEMPOOL_DESTROY)
		return 0;
	return name_map_put(&t->gone, l->object, l->object_bytes, l->ev.slot)
		       ? 0
		       : text_bad(l, l->object, "out of memory");
}

/* What the operation does to the objects it names. */
static int settle_objects(struct line *l)
{
	enum trace_life life = trace_op_life(l->ev.op);
	bool same;

	if (trace_op_births(l->ev.op, l->ev.flags))
		return give_birth(l);
	same = life == LIFE_M && l->name_bytes == l->object_bytes && l->name != NULL &&
	       memcmp(l->name, l->object, l->name_bytes) == 0;
	if (l->name != NULL && !same)
		return text_bad(l, l->name, "%s gives no new object, expected no name before it",
				trace_op_word(l->ev.op));
	return life == LIFE_D && l->ev.slot != SLOT_NONE ? take_life(l) : 0;
}

static int read_line(struct line *l)
{
	const struct slots *slots = &l->r->slots;

	l->ev.slot = SLOT_NONE;
	if (get_prefix(l) != 0 || get_operation(l) != 0 || get_arguments(l) != 0)
		return -1;
	if (l->seen & TF_slot2 && trace_op_has_slot2(l->ev.op) && l->ev.slot2 != 0 &&
	    l->ev.slot2 != SLOT_NONE && l->ev.slot2 >= slots->high)
		return text_bad(l, l->first, "slot2 names a slot that was never taken");
	if (settle_objects(l) != 0)
		return -1;
	if (l->flags_given)
		l->ev.flags = (uint8_t)((l->ev.flags & EV_HAS_TIME) | l->flags);
	return 0;
}

/* ---- the format ---- */

static bool probe(const uint8_t *head, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (head[i] < 32 && head[i] != '\n' && head[i] != '\t' && head[i] != '\r')
			return false;
	return true;
}

static void stop(struct trace_reader *r)
{
	struct text_reader *t = r->state;

	if (t != NULL) {
		name_map_finish(&t->names);
		name_map_finish(&t->gone);
	}
	free(t);
	r->state = NULL;
}

/* A first line of another version than those that are read says so; one without any may stand. */
static int check_version(struct trace_reader *r, struct diag *d)
{
	static const char head[] = "# memscape-text/";
	const size_t n = sizeof head - 1;
	const char *line, *end;
	uint64_t version = 0;
	size_t have;

	if (input_fill(&r->in, n + 21, &have, d) != 0)
		return -1;
	line = (const char *)input_at(&r->in);
	if (have <= n || memcmp(line, head, n) != 0)
		return 0;
	end = text_get_digits(line + n, line + (have < n + 21 ? have : n + 21), 10, &version);
	if (end == NULL || version == 0 || version > TEXT_VERSION)
		return trace_bad_line(r, d, 1, (unsigned)n + 1,
				      "format version %llu, expected 1 to %u: written by a newer memscape",
				      (unsigned long long)version, TEXT_VERSION);
	if (version == 1)
		r->info.format = "memscape-text/1";
	return 0;
}

static int start(struct trace_reader *r, struct diag *d)
{
	struct text_reader *t = calloc(1, sizeof *t);

	r->state = t;
	if (t == NULL)
		return diag_set(d, r->in.name, 0, 0, "out of memory");
	name_map_init(&t->names);
	name_map_init(&t->gone);
	return check_version(r, d);
}

/* The bytes of the next line, without its newline; *has is false at the input's end. */
static int next_line(struct trace_reader *r, size_t *bytes, bool *has, struct diag *d)
{
	const struct text_reader *t = r->state;
	size_t have, want = 4096;
	const uint8_t *newline;

	for (;;) {
		if (input_fill(&r->in, want, &have, d) != 0)
			return -1;
		newline = memchr(input_at(&r->in), '\n', have);
		*has = have != 0;
		*bytes = newline != NULL ? (size_t)(newline - input_at(&r->in)) : have;
		if (newline != NULL || r->in.ended)
			return 0;
		if (want > LINE_BYTES)
			return trace_bad_line(r, d, t->line + 1, 1, "a line of more than %u bytes",
					      LINE_BYTES);
		want *= 2;
	}
}

static int next(struct trace_reader *r, size_t *n, struct diag *d)
{
	struct text_reader *t = r->state;
	size_t bytes;
	bool has;

	for (*n = 0; *n < TRACE_CHUNK;) {
		struct line l = {.r = r, .d = d};

		if (next_line(r, &bytes, &has, d) != 0)
			return -1;
		if (!has)
			return 0;
		t->line++;
		l.first = l.p = (const char *)input_at(&r->in);
		l.end = l.first + bytes;
		if (!text_at_end(&l)) {
			if (read_line(&l) != 0)
				return -1;
			r->events[(*n)++] = l.ev;
		}
		input_skip(&r->in, bytes < r->in.end - r->in.pos ? bytes + 1 : bytes);
	}
	return 0;
}

static const char *const losses[] = {NULL};

const struct trace_format trace_format_text = {
	.name = "text",
	.version = "memscape-text/2",
	.summary = "the native form for people: a = malloc 100, free a",
	.losses = losses,
	.probe = probe,
	.start = start,
	.next = next,
	.stop = stop,
};
