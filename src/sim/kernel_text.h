/* Lines of a kernel's files: words, numbers, and where they stand. */
#ifndef SIM_KERNEL_TEXT_H
#define SIM_KERNEL_TEXT_H

#include "sim/kernel_snapshot.h"

struct kernel_line {
	struct kernel_snapshot *k;
	const char *file;
	struct diag *d;
	const char *next; /* the line after this one */
	const char *line, *p, *end;
	int nr;
};

/* The next line, blanks passed over; false: there is none. */
bool kernel_next_line(struct kernel_line *l);

/* -1, told at `at`. */
int kernel_bad(const struct kernel_line *l, const char *at, const char *expected);

/* At the line's end, blanks passed over? */
bool kernel_line_ends(struct kernel_line *l);

/* Takes a word if it is the next one. */
bool kernel_word(struct kernel_line *l, const char *word);

/* A decimal number that fits in 63 bits. */
int kernel_number(struct kernel_line *l, const char *expected, uint64_t *out) MUST_USE;

/* "Node 0, zone   Normal": the zone, made if it is new. */
int kernel_zone_head(struct kernel_line *l, struct kernel_zone **out) MUST_USE;

/* Room for one more entry of an array; NULL with *d: out of memory. */
void *kernel_room(const struct kernel_line *l, void *array, unsigned nr, unsigned *cap,
		  size_t bytes);

#endif
