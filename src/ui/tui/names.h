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

/* What a word of an allocator (index in the system) says memory of a class is. */
enum state word_state(const struct system *s, const char *what, unsigned class, unsigned alloc);

static inline enum state piece_state(const struct system *s, const struct piece *p)
{
	return p->class == MM_GRANTED ? STATE_LIVE : word_state(s, p->what, p->class, p->alloc);
}

/* The letter of its state; of free pages the order: 0 to 9, then a and so on. */
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

#endif
