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
