/* Typed scalars, and errors at a node. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/conf.h"

int conf_error(struct diag *d, const struct conf_node *n, const char *fmt, ...)
{
	char msg[sizeof d->msg];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	return diag_set(d, n->file, n->line, n->col, "%s", msg);
}

/* ---- numbers ---- */

static int digit_of(char c, unsigned base)
{
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if (c >= 'a' && c <= 'f')
		v = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		v = c - 'A' + 10;
	return v < (int)base ? v : -1;
}

/* Digits of a decimal or 0x number; *rest is what follows them. */
static bool parse_number(const char *text, uint64_t *out, const char **rest)
{
	unsigned base = 10;
	uint64_t v = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (digit_of(text[0], base) < 0)
		return false;
	/* 010 is eight to some and ten to others. */
	if (base == 10 && text[0] == '0' && digit_of(text[1], 10) >= 0)
		return false;
	for (int x; (x = digit_of(*text, base)) >= 0; text++)
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (unsigned)x, &v))
			return false;
	*rest = text;
	*out = v;
	return true;
}

/* "", "K", "k", "KiB" ... to a shift; -1: no unit we know. */
static int unit_shift(const char *unit)
{
	static const char units[] = "KMGT";
	const char *u;

	if (unit[0] == '\0')
		return 0;
	u = strchr(units, unit[0] == 'k' ? 'K' : unit[0]);
	if (u == NULL || (unit[1] != '\0' && strcmp(unit + 1, "iB") != 0))
		return -1;
	return 10 * (int)(u - units + 1);
}

bool parse_size(const char *text, uint64_t *out)
{
	const char *unit;
	uint64_t v;
	int shift;

	if (!parse_number(text, &v, &unit))
		return false;
	shift = unit_shift(unit);
	if (shift < 0 || (v != 0 && v > UINT64_MAX >> shift))
		return false;
	*out = v << shift;
	return true;
}

/* ---- nodes ---- */

static const char *type_name(const struct conf_node *n)
{
	static const char *const names[] = {
		[CONF_NULL] = "nothing", [CONF_LIST] = "a list", [CONF_MAP] = "a mapping"};

	return n->type == CONF_SCALAR ? "a text" : names[n->type];
}

/* Says what stands there instead of what was expected. */
static int expected(struct diag *d, const struct conf_node *n, const char *what)
{
	if (n->type != CONF_SCALAR)
		return conf_error(d, n, "%s, expected %s", type_name(n), what);
	if (n->quoted)
		return conf_error(d, n, "'%.64s' in quotes, expected %s", n->text, what);
	return conf_error(d, n, "'%.64s', expected %s", n->text, what);
}

int conf_size(const struct conf_node *n, uint64_t *out, struct diag *d)
{
	if (n->type != CONF_SCALAR || n->quoted || !parse_size(n->text, out))
		return expected(d, n, "a size such as 64K, 0x10000 or 2M");
	return 0;
}

int conf_uint(const struct conf_node *n, uint64_t max, uint64_t *out, struct diag *d)
{
	const char *rest = "";
	uint64_t v;

	if (n->type != CONF_SCALAR || n->quoted || !parse_number(n->text, &v, &rest) ||
	    *rest != '\0')
		return expected(d, n, "a whole number such as 10 or 0x20");
	if (v > max)
		return conf_error(d, n, "%.64s, expected at most %llu", n->text,
				  (unsigned long long)max);
	*out = v;
	return 0;
}

int conf_bool(const struct conf_node *n, bool *out, struct diag *d)
{
	static const char *const words[] = {"false", "true", "no", "yes"};

	if (n->type == CONF_SCALAR && !n->quoted)
		for (unsigned i = 0; i < 4; i++)
			if (strcmp(n->text, words[i]) == 0) {
				*out = i % 2 != 0;
				return 0;
			}
	return expected(d, n, "true or false");
}

int conf_string(const struct conf_node *n, const char **out, struct diag *d)
{
	if (n->type != CONF_SCALAR)
		return expected(d, n, "a text");
	*out = n->text;
	return 0;
}
