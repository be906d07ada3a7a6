/* The other timeline: the same trace on the same machine, with another heap. */
#include <stdio.h>

#include "ui/tui/app.h"

bool open_other(struct app *a, const char *kind)
{
	struct timeline_request r = {.machine = a->machine,
				     .trace = a->q->trace,
				     .heap_kind = kind,
				     .noise = a->q->noise,
				     .memory = a->q->memory,
				     .poll = poll_keys,
				     .poll_ctx = a};
	struct diag d = {0};
	struct timeline *t = timeline_open(&r, &d);

	if (t == NULL) {
		say(a, STYLE_BAD, "%s", d.msg);
		return false;
	}
	timeline_close(a->other);
	a->other = t;
	snprintf(a->other_kind, sizeof a->other_kind, "%s", kind);
	return true;
}
