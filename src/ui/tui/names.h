/* Words and letters for what lies in memory, the same in every view. */
#ifndef UI_TUI_NAMES_H
#define UI_TUI_NAMES_H

#include "ui/tui/app.h"

/* What a piece of memory is, as cells show it. */
enum state {
	STATE_HOLE, /* no memory */
	STATE_DEVICE, /* flash, ROM, devices */
	STATE_RESERVED,
	STATE_UNMANAGED,
	STATE_FREE, /* free pages; lettered by order */
	STATE_CACHED, /* free, held by a heap or slab */
	STATE_LIVE, /* a live block */
	STATE_ROUNDING,
	STATE_HEADER, /* of a chunk */
	STATE_SLAB, /* a slab's header, map, record */
	STATE_TABLE, /* page tables */
	STATE_DESCRIPTORS, /* page descriptors */
	STATE_METADATA, /* other metadata */
	STATE_SLACK,
	STATE_HELD, /* pages taken by an allocator that shows nothing of them */
	NR_STATES
};

struct state_info {
	char letter;
	enum style style;
	const char *name;
};

extern const struct state_info states[NR_STATES];

/* States of words for metadata: literals, a few dozen, asked for a hundred thousand times a screen. */
struct word_state {
	const char *what;
	enum state state;
};

#define NR_WORD_STATES 64u

extern struct word_state word_states[NR_WORD_STATES];

static inline size_t word_place(const char *what)
{
	return ((uintptr_t)what ^ (uintptr_t)what >> 6) % NR_WORD_STATES;
}

enum state learn_word(const char *what);
enum state unusual_state(const struct system *s, const struct piece *p);

static inline enum state piece_state(const struct system *s, const struct piece *p)
{
	const struct word_state *w;

	if (p->class == MM_GRANTED)
		return STATE_LIVE;
	if (p->class != MM_METADATA)
		return unusual_state(s, p);
	w = &word_states[word_place(p->what)];
	return w->what == p->what ? w->state : learn_word(p->what);
}
char piece_letter(const struct system *s, const struct piece *p);

enum style class_style(enum mm_class c);

/* 512, 1.5K, 12.0M: at most 6 characters. Returns buf. */
#define SHORT_SIZE 24
char *short_size(uint64_t bytes, char buf[SHORT_SIZE]);

/* 1,234,567. Returns buf. */
#define LONG_COUNT 32
char *long_count(uint64_t n, char buf[LONG_COUNT]);

/* "malloc #12, 100 bytes, from site". */
void event_text(const struct timeline *t, const struct trace_event *ev, char *buf, size_t bytes);

/* What lies at an address, in one line: "free chunk of main (tlsf), 96 bytes". */
void describe_address(struct app *a, uint64_t pa, char *buf, size_t bytes);

/* The field of a record that the byte at pa belongs to: "next", "size"; "" unknown. */
struct field {
	char name[40];
	uint64_t base; /* its first byte */
	unsigned bytes;
	uint64_t value;
};
bool field_at(struct app *a, uint64_t pa, struct field *f);

#endif
