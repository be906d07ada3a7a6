/*
 * A line of the text form under way, and the tokens it is made of.  Functions that can
 * fail return -1 with the reader's diagnosis filled: line, column, what was expected.
 */
#ifndef SIM_TRACE_TEXT_SCAN_H
#define SIM_TRACE_TEXT_SCAN_H

#include "sim/name_map.h"
#include "sim/trace_format.h"

struct text_reader {
	struct name_map names;
	struct name_map gone; /* caches and pools destroyed: who is still in use is named on */
	uint64_t line;
};

/* A line under way; `end` is its newline, which stands in the buffer. */
struct line {
	struct trace_reader *r;
	const char *first, *p, *end;
	const char *word; /* the token taken last */
	size_t bytes;
	const char *name; /* what stands before "=" */
	size_t name_bytes;
	const char *object; /* what the operation names */
	size_t object_bytes;
	unsigned seen; /* 1 << bit of the fields that were given */
	bool flags_given;
	uint8_t flags;
	struct trace_event ev;
	struct diag *d;
};

int text_bad(const struct line *l, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);

void text_skip_blanks(struct line *l);
/* Nothing but blanks or a comment is left. */
bool text_at_end(struct line *l);

/* The next word into l->word; false: there is none here. */
bool text_get_word(struct line *l);
bool text_word_is(const struct line *l, const char *text);

/* Digits of a base; NULL: none, or beyond 64 bits. */
const char *text_get_digits(const char *p, const char *end, int base, uint64_t *out);

/* 100, 0x64, 4K, 2M, 1G; `what` is for the message. */
int text_get_number(struct line *l, const char *what, uint64_t *out);

/* The index of a string in quotes, or of a word. */
int text_get_string(struct line *l, const char *what, uint32_t *index);

#endif
