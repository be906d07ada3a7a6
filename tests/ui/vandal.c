/*
 * The program with a vandal in it: after an event it spoils the image, as no trace can.
 * Linked with --wrap=replay_init; what it does is in the environment:
 *
 *   VANDAL="EVENT OFFSET HEX"     writes the bytes of HEX at OFFSET of the heap's arena
 *   VANDAL="EVENT OFFSET HEX before"   before the event, where a command listens to what
 *                                      comes after it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/replay.h"

int __real_replay_init(struct replay *r, struct system *sys, struct trace_reader *trace,
		       const struct replay_options *o);
int __wrap_replay_init(struct replay *r, struct system *sys, struct trace_reader *trace,
		       const struct replay_options *o);

static void spoil(void *ctx, struct replay *r, const struct trace_event *ev)
{
	unsigned long long event, offset;
	char hex[4096];
	uint64_t at;

	(void)ev;
	if (sscanf(ctx, "%llu %llu %4095s", &event, &offset, hex) != 3) {
		fputs("VANDAL: expected EVENT OFFSET HEX\n", stderr);
		abort();
	}
	if (r->fig->event + (strstr(ctx, " before") != NULL) != event)
		return;
	at = r->heap->arena.base.v - r->sys->offset + offset;
	for (size_t i = 0; i + 1 < strlen(hex); i += 2) {
		char two[3] = {hex[i], hex[i + 1], '\0'};

		r->sys->pm.window[at + i / 2] = (unsigned char)strtoul(two, NULL, 16);
		r->sys->pm.touched[(at + i / 2) >> MM_TOUCH_SHIFT] = true;
	}
}

int __wrap_replay_init(struct replay *r, struct system *sys, struct trace_reader *trace,
		       const struct replay_options *o)
{
	int err = __real_replay_init(r, sys, trace, o);
	char *what = getenv("VANDAL");

	if (err == 0 && what != NULL && strstr(what, " before") != NULL) {
		r->opt.at_time = spoil;
		r->opt.at_time_ctx = what;
	} else if (err == 0 && what != NULL) {
		r->opt.after = spoil;
		r->opt.event_ctx = what;
	}
	return err;
}
