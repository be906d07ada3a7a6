#include "ui/cli/text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned terminal_width(FILE *out)
{
	struct winsize w;
	const char *columns = getenv("COLUMNS");
	unsigned n = 80;

	if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col != 0)
		n = w.ws_col;
	else if (columns != NULL && atoi(columns) > 0)
		n = (unsigned)atoi(columns);
	return n < 60 ? 60 : n > 120 ? 120 : n;
}

bool text_style_init(struct text_style *s, const char *when, FILE *out)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
	bool tty = isatty(fileno(out)) != 0;

	setlocale(LC_CTYPE, "");
	s->width = terminal_width(out);
	s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (strcmp(when, "always") == 0)
		s->color = true;
	else if (strcmp(when, "never") == 0)
		s->color = false;
	else if (strcmp(when, "auto") == 0)
		s->color = tty && (no == NULL || *no == '\0') && term != NULL &&
			   strcmp(term, "dumb") != 0;
	else
		return false;
	return true;
}

char *size_text(int64_t bytes, char buf[SIZE_TEXT])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	uint64_t n = (uint64_t)(bytes < 0 ? -bytes : bytes), tenths;
	const char *sign = bytes < 0 ? "-" : "";
	unsigned u = 0;

	while (u < 4 && n >> (10 * (u + 1)) != 0)
		u++;
	if (u == 0) {
		snprintf(buf, SIZE_TEXT, "%s%llu B", sign, (unsigned long long)n);
		return buf;
	}
	tenths = (n >> (10 * (u - 1))) * 10 + 512;
	tenths >>= 10;
	if (tenths % 10 == 0 && (n & ((1ull << (10 * u)) - 1)) == 0)
		snprintf(buf, SIZE_TEXT, "%s%llu %s", sign, (unsigned long long)(tenths / 10),
			 units[u]);
	else
		snprintf(buf, SIZE_TEXT, "%s%llu.%llu %s", sign, (unsigned long long)(tenths / 10),
			 (unsigned long long)(tenths % 10), units[u]);
	return buf;
}

char *count_text(int64_t n, char buf[COUNT_TEXT])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? -n : n)), k = 0;

	if (n < 0)
		buf[k++] = '-';
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf[k++] = ',';
		buf[k++] = digits[i];
	}
	buf[k] = '\0';
	return buf;
}

const char *beyond_mark(const struct text_style *s)
{
	return s->utf8 ? "►" : ">";
}

void print_bar(FILE *out, const struct text_style *s, uint64_t part, uint64_t whole, unsigned cells)
{
	unsigned filled =
		whole == 0
			? 0
			: (unsigned)((__extension__(unsigned __int128) part * cells + whole / 2) /
				     whole);

	if (part != 0 && filled == 0)
		filled = 1;
	if (part > whole)
		cells--;
	for (unsigned i = 0; i < cells; i++)
		fputs(i < filled ? (s->utf8 ? "█" : "#") : (s->utf8 ? "·" : "."), out);
	if (part > whole)
		fputs(beyond_mark(s), out);
}

void print_in(FILE *out, const struct text_style *s, enum text_color c, const char *fmt, ...)
{
	static const char *const codes[] = {"", "\033[1m", "\033[1;32m", "\033[1;31m", "\033[2m"};
	va_list ap;

	if (s->color && c != TEXT_PLAIN)
		fputs(codes[c], out);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	if (s->color && c != TEXT_PLAIN)
		fputs("\033[0m", out);
}
