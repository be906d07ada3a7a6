#include "sim/trace_text_scan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int text_bad(const struct line *l, const char *at, const char *fmt, ...)
{
	const struct text_reader *t = l->r->state;
	char msg[sizeof l->d->msg];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	return trace_bad_line(l->r, l->d, t->line, (size_t)(at - l->first) + 1, "%s", msg);
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_.-$?|:+/", c) != NULL);
}

void text_skip_blanks(struct line *l)
{
	while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\r'))
		l->p++;
}

bool text_at_end(struct line *l)
{
	text_skip_blanks(l);
	return l->p >= l->end || *l->p == '#';
}

/* The next word into l->word; false: there is none here. */
bool text_get_word(struct line *l)
{
	text_skip_blanks(l);
	l->word = l->p;
	while (l->p < l->end && is_word_char(*l->p))
		l->p++;
	l->bytes = (size_t)(l->p - l->word);
	return l->bytes != 0;
}

bool text_word_is(const struct line *l, const char *text)
{
	return strlen(text) == l->bytes && memcmp(l->word, text, l->bytes) == 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Digits of a base; NULL: none, or beyond 64 bits. */
const char *text_get_digits(const char *p, const char *end, int base, uint64_t *out)
{
	const char *first = p;

	*out = 0;
	for (; p < end; p++) {
		int digit = hex_digit(*p);

		if (digit < 0 || digit >= base)
			break;
		if (__builtin_mul_overflow(*out, (uint64_t)base, out) ||
		    __builtin_add_overflow(*out, (uint64_t)digit, out))
			return NULL;
	}
	return p == first ? NULL : p;
}

/* 100, 0x64, 4K, 2M, 1G. */
int text_get_number(struct line *l, const char *what, uint64_t *out)
{
	const char *p, *end;
	unsigned shift = 0;

	if (!text_get_word(l))
		return text_bad(l, l->p, "expected %s, a number such as 100, 0x64 or 4K", what);
	p = l->word;
	end = p + l->bytes;
	if (l->bytes > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p = text_get_digits(p + 2, end, 16, out);
	else
		p = text_get_digits(p, end, 10, out);
	if (p != NULL && p + 1 == end && strchr("KMG", *p) != NULL)
		shift = *p == 'K' ? 10 : *p == 'M' ? 20 : 30;
	if (p == NULL || p + (shift != 0) != end || *out << shift >> shift != *out)
		return text_bad(l, l->word,
				"expected %s, a number such as 100, 0x64 or 4K, not '%.*s'", what,
				(int)(l->bytes < 60 ? l->bytes : 60), l->word);
	*out <<= shift;
	return 0;
}

/* One character of a quoted string, unescaped; -1: not one. */
static int get_char(struct line *l)
{
	char c = *l->p++;
	int high, low;

	if (c != '\\')
		return (unsigned char)c;
	if (l->p >= l->end)
		return -1;
	c = *l->p++;
	if (c == 'n')
		return '\n';
	if (c == 't')
		return '\t';
	if (c != 'x')
		return c == '"' || c == '\\' ? c : -1;
	if (l->end - l->p < 2)
		return -1;
	high = hex_digit(*l->p++);
	low = hex_digit(*l->p++);
	return high < 0 || low < 0 || high + low == 0 ? -1 : high * 16 + low;
}

/* A quoted string's or a word's index. */
int text_get_string(struct line *l, const char *what, uint32_t *index)
{
	const char *first = l->p;
	char *text = NULL;
	size_t n = 0;
	int c = 0;

	text_skip_blanks(l);
	if (l->p < l->end && *l->p != '"' && text_get_word(l)) {
		*index = trace_strings_add(&l->r->strings, l->word, l->bytes);
		return *index != 0 ? 0
				   : text_bad(l, l->word, "a string too long, or too many strings");
	}
	if (l->p >= l->end || *l->p != '"')
		return text_bad(l, l->p, "expected %s in quotes", what);
	first = l->p++;
	text = malloc((size_t)(l->end - l->p) + 1);
	while (text != NULL && c >= 0 && l->p < l->end && *l->p != '"') {
		c = get_char(l);
		text[n++] = (char)c;
	}
	if (text == NULL || c < 0 || l->p >= l->end) {
		free(text);
		return c < 0 ? text_bad(l, l->p - 1,
					"expected \\\" \\\\ \\n \\t or \\xHH after a backslash")
			     : text_bad(l, first, "expected a closing quote");
	}
	l->p++;
	*index = trace_strings_add(&l->r->strings, text, n);
	free(text);
	return *index != 0 || n == 0 ? 0
				     : text_bad(l, first, "a string too long, or too many strings");
}
