#include "ui/cli/tracefile.h"

#include <string.h>

#include "ui/cli/cli.h"
#include "ui/cli/options.h"

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

void stop_at_interrupt(struct trace_writer_options *o)
{
	catch_interrupt();
	o->stop = interrupted;
}

int written_status(int result, const struct diag *d)
{
	if (result == 0)
		return EXIT_RAN;
	return interrupted() ? EXIT_INTERRUPTED : cli_bad_input(d);
}
