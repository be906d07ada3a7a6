/*
 * A line of a kmem trace.  All three forms have a CPU in brackets, a time stamp with
 * a colon, an event's name with a colon, and fields:
 *
 *   tracefs     <comm>-<pid> [(tgid)] [001] d..3. 1363.216404: mm_page_free: page=... pfn=...
 *   perf        <comm> <pid>[/<tid>] [001] 1363.216404: kmem:mm_page_free: page=... pfn=...
 *   trace-cmd   <comm>-<pid> [001] d..3. 1363.216404123: mm_page_free:  page=... pfn=...
 *
 * A comm may hold blanks, slashes, colons and brackets: what counts is a CPU behind
 * which, with one word between them at most, a time stamp stands.  Lines without such a
 * place (perf with other fields, trace-cmd in latency format, whose CPU stands in front of
 * the flags: "1d..3") are known by the name of an event of ours; what they do not tell is
 * taken as 0.
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

#define SAFE_DIGITS 18 /* whose number is below 2^64 */

/* Digits as a number; the first character behind them, NULL: none, or beyond 64 bits. */
static const char *get_digits(const char *p, const char *end, uint64_t *out)
{
	const char *first = p, *safe = end - p > SAFE_DIGITS ? p + SAFE_DIGITS : end;

	for (*out = 0; p < safe && is_digit(*p); p++)
		*out = *out * 10 + (uint64_t)(*p - '0');
	for (; p < end && is_digit(*p); p++)
		if (__builtin_mul_overflow(*out, 10u, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*p - '0'), out))
			return NULL;
	return p == first ? NULL : p;
}

/*
 * "1363.216404:" or with nanoseconds; or a count, as some of tracefs's clocks give; the first
 * character behind it, or NULL.
 */
static const char *get_time(const char *p, const char *end, uint64_t *ns)
{
	static const uint32_t unit[] = {1000000000, 100000000, 10000000, 1000000, 100000,
					10000,      1000,      100,      10,      1};
	uint64_t seconds, part;
	const char *q = get_digits(p, end, &seconds), *first;

	if (q != NULL && q < end && *q == ':') {
		*ns = seconds;
		return q + 1;
	}
	if (q == NULL || q >= end || *q != '.')
		return NULL;
	first = q + 1;
	q = get_digits(first, end, &part);
	if (q == NULL || q >= end || *q != ':' || q - first > 9)
		return NULL;
	part *= unit[q - first];
	if (__builtin_mul_overflow(seconds, 1000000000u, ns) ||
	    __builtin_add_overflow(*ns, part, ns))
		return NULL;
	return q + 1;
}

static void set_cpu(struct kmem_line *l, uint64_t cpu)
{
	l->cpu = (unsigned)(cpu % 256);
	l->far_cpu = cpu > 255;
}

/* From "[001]" on: CPU and time; the first character behind the time, or NULL. */
static const char *get_place(const char *p, const char *end, struct kmem_line *l)
{
	uint64_t cpu;
	const char *q = get_digits(p + 1, end, &cpu), *t;

	if (q == NULL || q >= end || *q != ']')
		return NULL;
	set_cpu(l, cpu);
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

/*
 * tracefs "CPU:1 [LOST 12 EVENTS]", trace-cmd "CPU:1 [12 EVENTS DROPPED]" or without a number, perf
 * "PERF_RECORD_LOST lost 12" and "PERF_RECORD_LOST_SAMPLES lost 12".
 */
static bool says_lost(const char *text, const char *end, uint64_t *n)
{
	static const char *const words[][2] = {
		{"PERF_RECORD_LOST", "lost "}, {"[LOST ", "LOST "}, {"EVENTS DROPPED]", NULL}};
	const char *at = NULL, *number = NULL;
	unsigned i = 0;

	while (i < 3 && (at = find(text, end, words[i][0])) == NULL)
		i++;
	if (at == NULL)
		return false;
	if (i == 2) {
		for (number = at; number > text && number[-1] != '[';)
			number--;
	} else {
		number = find(at, end, words[i][1]);
		number = number != NULL ? number + 5 : NULL;
	}
	if (number == NULL || get_digits(skip_blanks(number, end), end, n) == NULL)
		*n = 1;
	return true;
}

/* "kmem:kmalloc: fields", behind the time or at the line's begin. */
static enum kmem_line_kind take_event(const char *name, const char *end, struct kmem_line *l)
{
	const char *colon, *word;
	uint64_t period;

	/* perf may print the sample's period */
	if (name < end && is_digit(*name)) {
		word = skip_word(name, end);
		if (get_digits(name, end, &period) == word)
			name = skip_blanks(word, end);
	}
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

/* What stands before the event's name at `stop`: the last time, and a CPU in front of flags. */
static void take_head(const char *text, const char *stop, struct kmem_line *l)
{
	const char *p = skip_blanks(text, stop), *before = NULL, *before_end = NULL;

	while (p < stop) {
		const char *next = skip_word(p, stop), *q;
		uint64_t ns, cpu;

		if (get_time(p, next, &ns) == next) {
			l->time_ns = ns;
			l->has_time = true;
			q = before != NULL ? get_digits(before, before_end, &cpu) : NULL;
			if (q != NULL && q < before_end &&
			    memchr(q, '-', (size_t)(before_end - q)) == NULL &&
			    memchr(q, '/', (size_t)(before_end - q)) == NULL) {
				set_cpu(l, cpu);
				p = before;
			}
			l->pid = get_pid(text, p);
		}
		before = p;
		before_end = next;
		p = skip_blanks(next, stop);
	}
}

/* A line without a CPU in brackets that has the name of an event of ours. */
static enum kmem_line_kind take_loosely(const char *text, const char *end, struct kmem_line *l)
{
	const char *colon = text;

	while ((colon = memchr(colon, ':', (size_t)(end - colon))) != NULL) {
		const char *name = colon;

		while (name > text && name[-1] != ' ' && name[-1] != '\t' && name[-1] != ':')
			name--;
		if (kmem_knows(name, (size_t)(colon - name))) {
			take_event(name, end, l);
			if (name - text >= 5 && memcmp(name - 5, "kmem:", 5) == 0)
				name -= 5;
			take_head(text, name, l);
			return KMEM_EVENT;
		}
		colon++;
	}
	return KMEM_OTHER;
}

enum kmem_line_kind kmem_take_apart(const char *text, const char *end, struct kmem_line *l)
{
	const char *name = NULL;
	enum kmem_line_kind kind;

	l->time_ns = 0;
	l->cpu = 0;
	l->pid = 0;
	l->has_time = l->far_cpu = false;
	l->nr_fields = 0;
	if (text < end && *text == '#')
		return KMEM_OTHER;
	for (const char *p = text; name == NULL && p < end; p++) {
		p = memchr(p, '[', (size_t)(end - p));
		if (p == NULL)
			break;
		name = get_place(p, end, l);
		if (name != NULL)
			l->pid = get_pid(text, p);
	}
	l->has_time = name != NULL;
	kind = name != NULL ? take_event(skip_blanks(name, end), end, l)
			    : take_loosely(text, end, l);
	if (kind == KMEM_OTHER && says_lost(text, end, &l->time_ns))
		return KMEM_LOST;
	return kind;
}

/* The end of the word at p. */
static const char *word_end(const char *p, const char *end, bool tabs)
{
	const char *blank = tabs ? skip_word(p, end) : memchr(p, ' ', (size_t)(end - p));

	return blank != NULL ? blank : end;
}

void kmem_split(struct kmem_line *l)
{
	const char *p = skip_blanks(l->fields, l->end), *end = l->end;
	bool tabs;

	while (end > p && end[-1] == '\r')
		end--;
	tabs = memchr(p, '\t', (size_t)(end - p)) != NULL;
	for (l->nr_fields = 0; p < end && l->nr_fields < KMEM_FIELDS; p = skip_blanks(p, end)) {
		const char *key = p, *equals;

		p = word_end(p, end, tabs);
		equals = memchr(key, '=', (size_t)(p - key));
		if (equals != NULL)
			l->field[l->nr_fields++] =
				(struct kmem_field){key, equals + 1, (size_t)(equals - key),
						    (size_t)(p - equals - 1)};
	}
}

bool kmem_hex(const char *p, size_t bytes, uint64_t *out)
{
	const char *end = p + bytes, *first;

	if (bytes > 2 && p[0] == '0' && (p[1] | 32) == 'x')
		p += 2;
	first = p;
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

bool kmem_value(const char *text, size_t bytes, uint64_t *out)
{
	if (bytes > 2 && text[0] == '0' && (text[1] | 32) == 'x')
		return kmem_hex(text + 2, bytes - 2, out);
	return get_digits(text, text + bytes, out) == text + bytes;
}
