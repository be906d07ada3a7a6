/* Printing for people: sizes with units, numbers with separators, bars, colours. */
#ifndef UI_CLI_TEXT_H
#define UI_CLI_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct text_style {
	bool color, utf8;
	unsigned width; /* columns, at least 60 */
};

/* "auto", "always", "never"; auto: `out` is a terminal, NO_COLOR is not set, TERM is not dumb. */
bool text_style_init(struct text_style *s, const char *when, FILE *out);

/* 512, 1.5 KiB, 12.0 MiB: 4 significant digits at most. Returns buf. */
#define SIZE_TEXT 24
char *size_text(int64_t bytes, char buf[SIZE_TEXT]);

/* 1,234,567. Returns buf. */
#define COUNT_TEXT 32
char *count_text(int64_t n, char buf[COUNT_TEXT]);

/* What a bar ends with that goes beyond its scale. */
const char *beyond_mark(const struct text_style *s);

/* A bar of `cells` columns filled by part/whole; of a part beyond the whole, with the mark. */
void print_bar(FILE *out, const struct text_style *s, uint64_t part, uint64_t whole,
	       unsigned cells);

enum text_color { TEXT_PLAIN, TEXT_BOLD, TEXT_GOOD, TEXT_BAD, TEXT_DIM };
/* As fprintf, in a colour where the style has colours. */
void print_in(FILE *out, const struct text_style *s, enum text_color c, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The report of a replay (memscape.report/1) as a page one reads without a manual. */
void report_text(const json_t *report, const struct text_style *s, FILE *out);

#endif
