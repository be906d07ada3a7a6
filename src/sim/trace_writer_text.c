/* Writing the native text form; trace_text.h has its grammar. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trace.h"
#include "sim/trace_block.h"
#include "sim/trace_encoder.h"
#include "sim/trace_ops.h"
#include "sim/trace_text.h"

#define BUFFER 65536u
/* A line at most: four strings of which each byte may become four. */
#define LINE_BYTES (4u * TRACE_STRING_BYTES * 4u + 4096u)

struct text_writer {
	size_t used;
	char text[BUFFER + LINE_BYTES];
};

static void say(struct text_writer *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(struct text_writer *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->text + t->used, 512, fmt, ap);
	va_end(ap);
	t->used += (size_t)n;
}

static void say_string(struct text_writer *t, const char *s)
{
	say(t, "\"");
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			say(t, "\\%c", c);
		else if (c < 32 || c == 127)
			say(t, "\\x%02x", c);
		else
			t->text[t->used++] = *s;
	}
	say(t, "\"");
}

/* An object's name: its slot. */
static void say_object(struct text_writer *t, uint32_t slot, bool null)
{
	if (slot != SLOT_NONE)
		say(t, "b%u", slot);
	else
		say(t, "%s", null ? TEXT_NULL : TEXT_UNKNOWN);
}

static void say_gfp(struct text_writer *t, uint32_t gfp)
{
	const char *bar = "";
	uint32_t known = 0;

	for (const struct text_flag *f = text_gfp; f->name != NULL; f++)
		known |= f->value;
	if ((gfp & ~known) != 0) {
		say(t, " gfp=0x%x", gfp);
		return;
	}
	say(t, " gfp=");
	for (const struct text_flag *f = text_gfp; f->name != NULL && gfp != 0; f++) {
		if ((gfp & f->value) != f->value)
			continue;
		say(t, "%s%s", bar, f->name);
		bar = "|";
		gfp &= ~f->value;
	}
}

/* ---- arguments; each returns the fields it has told ---- */

/* count and element, where the size is their product. */
static unsigned say_product(struct text_writer *t, const struct trace_event *ev)
{
	if (ev->arg == 0 ? ev->size != 0 : ev->size % ev->arg != 0)
		return 0;
	say(t, " %" PRIu64 " %" PRIu64, ev->arg, ev->arg ? ev->size / ev->arg : 0);
	return TF_arg | TF_size;
}

static unsigned say_argument(struct trace_writer *w, const struct trace_event *ev, char kind)
{
	struct text_writer *t = w->state;

	switch (kind) {
	case 'i':
		say(t, " ");
		say_object(t, ev->slot, ev->flags & EV_NULL);
		return 0;
	case 'j':
		if (ev->slot2 != SLOT_NONE && !slots_is_live(&w->slots, ev->slot2))
			return 0;
		say(t, " ");
		say_object(t, ev->slot2, false);
		return TF_slot2;
	case 'z':
		say(t, " %" PRIu64, ev->size);
		return TF_size;
	case 'n':
		say(t, " %" PRIu64, ev->arg);
		return TF_arg;
	case 'o':
		say(t, " %u", ev->order);
		return TF_order;
	case 't':
		say(t, " ");
		say_string(t, trace_strings_get(&w->strings, ev->tag));
		return TF_tag;
	default:
		say(t, " ");
		say_string(t, trace_strings_get(&w->strings, (uint32_t)ev->arg));
		return TF_arg;
	}
}

static unsigned say_arguments(struct trace_writer *w, const struct trace_event *ev)
{
	const char *kinds = text_arguments[ev->op];
	unsigned told = 0;

	if (strcmp(kinds, "ne") == 0) {
		told = say_product(w->state, ev);
		if (told == 0)
			say(w->state, " size=%" PRIu64 " arg=%" PRIu64, ev->size, ev->arg);
		return TF_arg | TF_size;
	}
	for (; *kinds != '\0'; kinds++) {
		/* realloc of nothing reads "b1 = realloc null 20" */
		if (*kinds == 'i' && trace_op_births(ev->op, ev->flags))
			say(w->state, " " TEXT_NULL);
		else
			told |= say_argument(w, ev, *kinds);
	}
	return told;
}

static void say_attributes(struct trace_writer *w, const struct trace_event *ev, unsigned told)
{
	struct text_writer *t = w->state;
	bool slot2_is_none = trace_op_has_slot2(ev->op) && !(told & TF_slot2);
	unsigned done = told;

	if ((ev->op == OP_KMALLOC || ev->op == OP_CACHE_ALLOC) && ev->arg != 0) {
		say(t, " granted=%" PRIu64, ev->arg);
		done |= TF_arg;
	}
#define X(key, field, bit)                                                                         \
	if (ev->field != 0 && !(done & 1u << (bit))) {                                             \
		say(t, " " key "=%" PRIu64, (uint64_t)ev->field);                                  \
		done |= 1u << (bit);                                                               \
	}
	TEXT_NUMBERS(X)
#undef X
	if (ev->node == 0 && (ev->flags & EV_NODE_0) != 0)
		say(t, " node=0");
	if (slot2_is_none && ev->slot2 == 0)
		say(t, " slot2=0");
	if (ev->gfp != 0 && ev->op == OP_CACHE_CREATE)
		say(t, " gfp=0x%x", ev->gfp); /* flags of the cache, which older readers have no names of */
	else if (ev->gfp != 0)
		say_gfp(t, ev->gfp);
	if (ev->migratetype != 0 && ev->migratetype < TEXT_MIGRATETYPES)
		say(t, " mt=%s", text_migratetypes[ev->migratetype]);
	else if (ev->migratetype != 0)
		say(t, " mt=%u", ev->migratetype);
#define X(key, field, bit)                                                                         \
	if (ev->field != 0 && !(told & 1u << (bit))) {                                             \
		say(t, " " key "=");                                                               \
		say_string(t, trace_strings_get(&w->strings, ev->field));                          \
	}
	TEXT_STRINGS(X)
#undef X
}

/* The flags that the reader would find by itself. */
static unsigned implied_flags(const struct trace_event *ev)
{
	bool birth = trace_op_births(ev->op, ev->flags);
	const char *kinds = text_arguments[ev->op];

	if (birth && strchr(kinds, 'i') != NULL)
		return EV_NULL;
	if (ev->slot != SLOT_NONE || (!birth && strchr(kinds, 'i') == NULL))
		return 0;
	return birth || ev->flags & EV_NULL ? EV_NULL : EV_UNKNOWN_ID;
}

static void say_flags(struct text_writer *t, const struct trace_event *ev)
{
	unsigned flags = ev->flags & ~(unsigned)EV_HAS_TIME, implied = implied_flags(ev);

	bool stray = (flags & EV_NODE_0) != 0 && ev->node != 0;

	if (stray || (flags | implied) != flags || (flags & (EV_NULL | EV_UNKNOWN_ID)) != implied) {
		say(t, " flags=%u", flags);
		return;
	}
	if (flags & EV_FAILED)
		say(t, " failed");
	if (flags & EV_CTOR)
		say(t, " ctor");
}

/* ---- the encoding ---- */

static void stop(struct trace_writer *w)
{
	free(w->state);
	w->state = NULL;
}

static int flush(struct trace_writer *w, struct diag *d)
{
	struct text_writer *t = w->state;
	size_t n = t->used;

	t->used = 0;
	return trace_writer_write(w, t->text, n, d);
}

static int begin(struct trace_writer *w, struct diag *d)
{
	struct text_writer *t = malloc(sizeof *t);

	w->state = t;
	if (t == NULL)
		return diag_set(d, w->name, 0, 0, "out of memory");
	t->used = 0;
	say(t, "# memscape-text/2\n");
	return 0;
}

static int put(struct trace_writer *w, const struct trace_event *ev, struct diag *d)
{
	struct text_writer *t = w->state;

	if (ev->flags & EV_HAS_TIME)
		say(t, "@%" PRIu64 " ", ev->time_ns);
	if (trace_op_births(ev->op, ev->flags)) {
		say_object(t, ev->slot, true);
		say(t, " = ");
	}
	say(t, "%s", trace_op_word(ev->op));
	say_attributes(w, ev, say_arguments(w, ev));
	say_flags(t, ev);
	say(t, "\n");
	return t->used >= BUFFER ? flush(w, d) : 0;
}

static int finish(struct trace_writer *w, struct diag *d)
{
	return w->failed ? diag_set(d, w->name, 0, 0, "an earlier write failed") : flush(w, d);
}

const struct trace_encoder trace_encoder_text = {
	.begin = begin,
	.put = put,
	.flush = flush,
	.finish = finish,
	.stop = stop,
};
