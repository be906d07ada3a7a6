#include "sim/run.h"

#include <string.h>

#include "sim/trace_input.h"

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

/* What a look at the whole trace tells before it is replayed. */
struct outlook {
	uint32_t groups;
	uint32_t most; /* the largest pfn that an event of pages names */
};

/*
 * The groups of requests that a trace makes, where its format does not tell before
 * the end: read once more.  So the same events boot the same allocators in any form.
 */
static struct outlook look_at(const struct run_request *q, const struct trace_info *info)
{
	struct diag d = {0};
	struct trace_reader *r;
	const struct trace_event *ev;
	struct outlook o = {0, 0};
	size_t n = 1;

	if ((info->groups != UINT32_MAX && q->start == NULL) || !info->seekable)
		return (struct outlook){info->groups, 0};
	r = trace_open(q->trace, &d);
	/* Damage ends the scan, as it will end the replay. */
	while (r != NULL && n != 0 && trace_next(r, &ev, &n, &d) == 0)
		for (size_t i = 0; i < n; i++) {
			enum trace_group g = trace_op_group((enum trace_op)ev[i].op);

			o.groups |= 1u << g;
			if (g == TG_PAGES && ev[i].arg < UINT32_MAX &&
			    ev[i].arg + (1u << (ev[i].order & 31)) > o.most)
				o.most = (uint32_t)(ev[i].arg + (1u << (ev[i].order & 31)) - 1);
		}
	trace_close(r);
	return o;
}

/* The machine that the trace was recorded on, as far as the start state tells. */
static const struct machine *machine_of(struct run *r, const struct run_request *q,
					struct boot_options *boot, uint32_t most, struct diag *d)
{
	if (q->start == NULL)
		return q->machine;
	r->derived = start_machine(q->machine, q->start, most, &boot->desc_place, d);
	boot->start = &q->start->pages;
	return r->derived;
}

int run_begin(struct run *r, const struct run_request *q, const char *port, struct diag *d)
{
	struct boot_options boot = q->boot;
	struct replay_options opt = q->replay;
	const struct machine *m;
	struct outlook look;
	struct trace_info info;

	*r = (struct run){0};
	r->trace = q->open != NULL ? q->open(q->open_ctx, d) : trace_open(q->trace, d);
	if (r->trace == NULL)
		return -1;
	if (q->trace_hash)
		trace_want_hash(r->trace);
	trace_get_info(r->trace, &info);
	look = look_at(q, &info);
	boot.groups = look.groups;
	boot.port = port;
	m = machine_of(r, q, &boot, look.most, d);
	if (m == NULL || system_boot(&r->sys, m, &boot, d) != 0)
		goto fail;
	opt.has_start = q->start != NULL;
	opt.pages_only = opt.level == LEVEL_REQUEST && (opt.has_start || opt.level_given) &&
			 (look.groups & 1u << TG_PAGES) != 0;
	opt.groups = look.groups;
	opt.start_ns = q->start != NULL ? q->start->time_ns : 0;
	if (replay_init(&r->replay, &r->sys, r->trace, &opt) != 0) {
		diag_set(d, "", 0, 0, "out of host memory");
		goto fail;
	}
	return 0;
fail:
	run_finish(r);
	return -1;
}

static int run_once(struct run *r, const struct run_request *q, const char *port, struct diag *d)
{
	if (run_begin(r, q, port, d) != 0)
		return -1;
	if (q->ready != NULL)
		q->ready(q->ready_ctx, &r->replay);
	r->end = replay_run(&r->replay, d);
	if (q->trace_hash)
		read_rest(r);
	return 0;
}

/* A machine whose RAM borders are not host pages shows its faults only under checked. */
const char *run_port(const struct run_request *q)
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
	/* It is looked at before it is replayed, and replayed again after a fault. */
	if (q->open == NULL && strcmp(q->trace, "-") == 0 && input_keep_stdin(d) != 0)
		return -1;
	mm_catch_signals();
	if (run_once(r, q, run_port(q), d) != 0)
		return -1;
	if (r->end != REPLAY_SIGNAL)
		return 0;
	run_finish(r);
	if (run_once(r, q, "checked", d) != 0)
		return -1;
	r->repeated = true;
	return 0;
}

void run_finish(struct run *r)
{
	replay_finish(&r->replay);
	system_finish(&r->sys);
	trace_close(r->trace);
	start_machine_free(r->derived);
	*r = (struct run){0};
}
