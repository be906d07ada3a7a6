#include "model/diag.h"

#include <stdarg.h>
#include <stdio.h>

/* A diagnosis is one line, whatever the input holds: control characters become '?'. */
static void one_line(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

int diag_set(struct diag *d, const char *file, int line, int col, const char *fmt, ...)
{
	va_list ap;

	if (d == NULL || d->msg[0] != '\0')
		return -1;
	snprintf(d->file, sizeof d->file, "%s", file ? file : "");
	d->line = line;
	d->col = col;
	va_start(ap, fmt);
	vsnprintf(d->msg, sizeof d->msg, fmt, ap);
	va_end(ap);
	one_line(d->file);
	one_line(d->msg);
	return -1;
}

void diag_text(const struct diag *d, char *buf, unsigned long bytes)
{
	if (d->file[0] == '\0')
		snprintf(buf, bytes, "%s", d->msg);
	else if (d->line == 0)
		snprintf(buf, bytes, "%s: %s", d->file, d->msg);
	else if (d->col == 0)
		snprintf(buf, bytes, "%s:%d: %s", d->file, d->line, d->msg);
	else
		snprintf(buf, bytes, "%s:%d:%d: %s", d->file, d->line, d->col, d->msg);
}
