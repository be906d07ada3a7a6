#include "ui/cli/tracefile.h"

#include <string.h>

bool read_encoding(const char *text, enum trace_encoding *out)
{
	*out = strcmp(text, "text") == 0 ? TRACE_TEXT : TRACE_BINARY;
	return *out == TRACE_TEXT || strcmp(text, "binary") == 0;
}

int copy_all(struct trace_copy *c,
	     int (*put)(struct trace_copy *c, const struct trace_event *ev, struct diag *d),
	     struct diag *d)
{
	const struct trace_event *ev;
	size_t n;

	do {
		if (trace_next(c->r, &ev, &n, d) != 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (put(c, &ev[i], d) != 0)
				return -1;
	} while (n != 0);
	return 0;
}
