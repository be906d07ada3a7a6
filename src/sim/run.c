#include "sim/run.h"

#include <string.h>

/*
 * The trace's hash and length are the whole trace's, wherever the replay stopped;
 * they stay unknown where it was interrupted or the rest is damaged.
 */
static void read_rest(struct run *r)
{
	const struct trace_event *ev;
	struct diag d = {0};
	size_t n = 0;

	if (r->end == REPLAY_STOPPED || r->end == REPLAY_DAMAGE || r->end == REPLAY_SIGNAL)
		return;
	do {
		if (trace_next(r->trace, &ev, &n, &d) != 0)
			return;
	} while (n != 0);
	r->replay.nr_trace = trace_delivered(r->trace);
}

/*
 * The groups of requests that a trace makes, where its format does not tell before
 * the end: read once more.  So the same events boot the same allocators in any form.
 * Standard input cannot be read twice: all groups.
 */
static uint32_t trace_groups(const struct run_request *q, uint32_t told)
{
	struct diag d = {0};
	struct trace_reader *r;
	const struct trace_event *ev;
	uint32_t groups = 0;
	size_t n = 1;

	if (told != UINT32_MAX || strcmp(q->trace, "-") == 0)
		return told;
	r = trace_open(q->trace, &d);
	/* Damage ends the scan, as it will end the replay. */
	while (r != NULL && n != 0 && trace_next(r, &ev, &n, &d) == 0)
		for (size_t i = 0; i < n; i++)
			groups |= 1u << trace_op_group((enum trace_op)ev[i].op);
	trace_close(r);
	return groups;
}

static int begin(struct run *r, const struct run_request *q, const char *port, struct diag *d)
{
	struct boot_options boot = q->boot;
	struct trace_info info;

	*r = (struct run){0};
	r->trace = q->open != NULL ? q->open(q->open_ctx, d) : trace_open(q->trace, d);
	if (r->trace == NULL)
		return -1;
	if (q->trace_hash)
		trace_want_hash(r->trace);
	trace_get_info(r->trace, &info);
	boot.groups = info.seekable ? trace_groups(q, info.groups) : info.groups;
	boot.port = port;
	if (system_boot(&r->sys, q->machine, &boot, d) != 0)
		goto fail;
	if (replay_init(&r->replay, &r->sys, r->trace, &q->replay) != 0) {
		diag_set(d, "", 0, 0, "out of host memory");
		goto fail;
	}
	if (q->ready != NULL)
		q->ready(q->ready_ctx, &r->replay);
	r->end = replay_run(&r->replay, d);
	if (q->trace_hash)
		read_rest(r);
	return 0;
fail:
	run_finish(r);
	return -1;
}

/* A machine whose RAM borders are not host pages shows its faults only under checked. */
static const char *effective_port(const struct run_request *q)
{
	for (unsigned i = 0; i < q->machine->nr_regions; i++) {
		const struct region *g = &q->machine->regions[i];

		if (g->kind == REGION_RAM && ((g->base | g->bytes) & (MM_TOUCH_BYTES - 1)) != 0)
			return "checked";
	}
	return q->boot.port != NULL ? q->boot.port : "fast";
}

int run_trace(struct run *r, const struct run_request *q, struct diag *d)
{
	mm_catch_signals();
	if (begin(r, q, effective_port(q), d) != 0)
		return -1;
	if (r->end != REPLAY_SIGNAL)
		return 0;
	run_finish(r);
	if (strcmp(q->trace, "-") == 0)
		return diag_set(
			d, "", 0, 0,
			"the run faulted; standard input cannot be read again to find out where: "
			"use --port checked or a file");
	if (begin(r, q, "checked", d) != 0)
		return -1;
	r->repeated = true;
	return 0;
}

void run_finish(struct run *r)
{
	replay_finish(&r->replay);
	system_finish(&r->sys);
	trace_close(r->trace);
	*r = (struct run){0};
}
