/*
 * A line of a kmem trace.  All three forms have a CPU in brackets, a time stamp with
 * a colon, an event's name with a colon, and fields:
 *
 *   tracefs     <comm>-<pid> [(tgid)] [001] d..3. 1363.216404: mm_page_free: page=... pfn=...
 *   perf        <comm> <pid>[/<tid>] [001] 1363.216404: kmem:mm_page_free: page=... pfn=...
 *   trace-cmd   <comm>-<pid> [001] d..3. 1363.216404123: mm_page_free:  page=... pfn=...
 *
 * A comm may hold blanks, slashes, colons and brackets: what counts is a CPU behind
 * which, with one word between them at most, a time stamp stands.
 */
#include <string.h>

#include "sim/trace_kmem.h"

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

static const char *skip_word(const char *p, const char *end)
{
	while (p < end && *p != ' ' && *p != '\t')
		p++;
	return p;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits as a number; the first character behind them, NULL: none, or beyond 64 bits. */
static const char *get_digits(const char *p, const char *end, uint64_t *out)
{
	const char *first = p;

	for (*out = 0; p < end && is_digit(*p); p++)
		if (__builtin_mul_overflow(*out, 10u, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*p - '0'), out))
			return NULL;
	return p == first ? NULL : p;
}

/* "1363.216404:" or with nanoseconds; the first character behind it, or NULL. */
static const char *get_time(const char *p, const char *end, uint64_t *ns)
{
	uint64_t seconds, part;
	const char *q = get_digits(p, end, &seconds), *first;

	if (q == NULL || q >= end || *q != '.')
		return NULL;
	first = q + 1;
	q = get_digits(first, end, &part);
	if (q == NULL || q >= end || *q != ':' || q - first > 9)
		return NULL;
	for (long digits = q - first; digits < 9; digits++)
		part *= 10;
	if (__builtin_mul_overflow(seconds, 1000000000u, ns) ||
	    __builtin_add_overflow(*ns, part, ns))
		return NULL;
	return q + 1;
}

/* From "[001]" on: CPU and time; the first character behind the time, or NULL. */
static const char *get_place(const char *p, const char *end, struct kmem_line *l)
{
	uint64_t cpu;
	const char *q = get_digits(p + 1, end, &cpu), *t;

	if (q == NULL || q >= end || *q != ']' || cpu > 255)
		return NULL;
	l->cpu = (unsigned)cpu;
	q = skip_blanks(q + 1, end);
	t = get_time(q, end, &l->time_ns);
	if (t == NULL)
		t = get_time(skip_blanks(skip_word(q, end), end), end, &l->time_ns);
	return t;
}

/* The task's number: the digits before [p, ...), behind a '-', a blank or (perf) a '/'. */
static uint32_t get_pid(const char *text, const char *p)
{
	const char *last;
	uint64_t pid;

	while (p > text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	if (p > text && p[-1] == ')') /* (tgid) */
		while (p > text && p[-1] != '-' && *p != '(')
			p--;
	while (p > text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	for (last = p; p > text && is_digit(p[-1]);)
		p--;
	return get_digits(p, last, &pid) != NULL && pid <= UINT32_MAX ? (uint32_t)pid : 0;
}

static const char *find(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	for (; (size_t)(end - p) >= n; p++)
		if (memcmp(p, word, n) == 0)
			return p;
	return NULL;
}

/* "CPU:1 [LOST 12 EVENTS]" and "CPU:1 [EVENTS DROPPED]" and perf's "PERF_RECORD_LOST lost 12". */
static bool says_lost(const char *text, const char *end, uint64_t *n)
{
	const char *at = find(text, end, "LOST "), *number;

	*n = 1;
	if (at == NULL)
		return find(text, end, "EVENTS DROPPED]") != NULL;
	at = find(at, end, "lost ") != NULL ? find(at, end, "lost ") : at;
	number = get_digits(skip_blanks(at + 5, end), end, n);
	return number != NULL;
}

enum kmem_line_kind kmem_take_apart(const char *text, const char *end, struct kmem_line *l)
{
	const char *name = NULL, *colon;

	*l = (struct kmem_line){.event = NULL};
	if (text < end && *text == '#')
		return KMEM_OTHER;
	for (const char *p = text; name == NULL && p < end; p++) {
		if (*p == '[')
			name = get_place(p, end, l);
		if (name != NULL)
			l->pid = get_pid(text, p);
	}
	if (name == NULL)
		return says_lost(text, end, &l->time_ns) ? KMEM_LOST : KMEM_OTHER;
	name = skip_blanks(name, end);
	if (end - name > 5 && memcmp(name, "kmem:", 5) == 0)
		name += 5;
	colon = memchr(name, ':', (size_t)(end - name));
	if (colon == NULL)
		return KMEM_OTHER;
	l->event = name;
	l->event_bytes = (size_t)(colon - name);
	l->fields = colon + 1;
	l->end = end;
	return KMEM_EVENT;
}

bool kmem_text(const struct kmem_line *l, const char *key, const char **value, size_t *bytes)
{
	size_t n = strlen(key);

	for (const char *p = skip_blanks(l->fields, l->end); p < l->end;
	     p = skip_blanks(skip_word(p, l->end), l->end)) {
		if ((size_t)(l->end - p) <= n || memcmp(p, key, n) != 0 || p[n] != '=')
			continue;
		*value = p + n + 1;
		*bytes = (size_t)(skip_word(p, l->end) - *value);
		while (*bytes > 0 && (*value)[*bytes - 1] == '\r')
			--*bytes;
		return true;
	}
	return false;
}

static bool get_hex(const char *p, const char *end, uint64_t *out)
{
	const char *first = p;

	for (*out = 0; p < end; p++) {
		unsigned c = (unsigned char)*p | 32u, digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else
			return false;
		if (*out >> 60 != 0)
			return false;
		*out = *out << 4 | digit;
	}
	return p != first;
}

bool kmem_number(const struct kmem_line *l, const char *key, uint64_t *out)
{
	const char *p, *end;
	size_t n;

	if (!kmem_text(l, key, &p, &n))
		return false;
	end = p + n;
	if (n > 2 && p[0] == '0' && (p[1] | 32) == 'x')
		return get_hex(p + 2, end, out);
	return get_digits(p, end, out) == end;
}
