#include "ui/cli/tracefile.h"

#include <string.h>

#include "ui/cli/cli.h"

int choose_encoding(const char *command, const char *word, enum trace_encoding *out)
{
	if (word == NULL || strcmp(word, "binary") == 0)
		*out = TRACE_BINARY;
	else if (strcmp(word, "text") == 0)
		*out = TRACE_TEXT;
	else
		return cli_usage(command, "--to '%s': expected binary or text", word);
	return 0;
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
