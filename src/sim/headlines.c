#include "sim/headlines.h"

enum {
	LIVE,
	ROUNDING,
	METADATA,
	LOST,
	FOOTPRINT,
	PEAK_FOOTPRINT,
	FREE,
	LARGEST,
	BLOCKS,
	FAILED,
	STEPS,
	COPIED
};

const struct headline headline[NR_HEADLINES] = {
	[LIVE] = {"live bytes", "live_bytes"},
	[ROUNDING] = {"rounding bytes", "rounding_bytes"},
	[METADATA] = {"metadata bytes", "metadata_bytes"},
	[LOST] = {"lost bytes", "lost_bytes"},
	[FOOTPRINT] = {"footprint", "footprint_bytes"},
	[PEAK_FOOTPRINT] = {"peak footprint", "peak_footprint_bytes"},
	[FREE] = {"free in heaps", "heap_free_bytes"},
	[LARGEST] = {"largest free", "largest_free_bytes"},
	[BLOCKS] = {"free blocks", "free_blocks"},
	[FAILED] = {"failed requests", "failed"},
	[STEPS] = {"list steps", "search_steps"},
	[COPIED] = {"bytes copied", "bytes_copied"},
};

static uint64_t class_bytes(const struct system *s, enum mm_class c)
{
	int64_t sum[MM_NR_CLASSES];

	ledger_total(s->ledger.rows, &s->ledger, sum);
	return sum[c] > 0 ? (uint64_t)sum[c] : 0;
}

struct headlines headlines_of(const struct figures *f, const struct system *s,
			      const struct heap_space *heap, unsigned nr)
{
	struct headlines x = {.v = {[LIVE] = f->live_bytes,
				    [ROUNDING] = class_bytes(s, MM_ROUNDING),
				    [METADATA] = class_bytes(s, MM_METADATA),
				    [LOST] = class_bytes(s, MM_SLACK),
				    [FOOTPRINT] = f->footprint,
				    [PEAK_FOOTPRINT] = f->peak_footprint,
				    [FAILED] = f->failed,
				    [COPIED] = f->bytes_copied},
			      .walked = true};

	for (unsigned i = 0; i < nr; i++) {
		const struct free_space *space = &heap[i].space;

		x.v[FREE] += space->bytes;
		x.v[LARGEST] = space->largest > x.v[LARGEST] ? space->largest : x.v[LARGEST];
		x.v[BLOCKS] += space->blocks;
	}
	for (unsigned i = 0; i < s->nr_allocs; i++)
		if (sys_is_heap(&s->allocs[i]))
			x.v[STEPS] += s->ledger.search[s->allocs[i].owner].steps;
	return x;
}

struct reading {
	struct replay *r;
	struct heap_space heap[SYS_MAX_ALLOCS];
	unsigned nr;
};

static void read_heaps(void *ctx)
{
	struct reading *q = ctx;
	struct system *s = q->r->sys;

	for (unsigned i = 0; i < s->nr_allocs; i++)
		if (sys_is_heap(&s->allocs[i]))
			q->heap[q->nr++] = (struct heap_space){i, free_space(s, &s->allocs[i])};
}

struct headlines headlines_read(struct replay *r)
{
	struct reading q = {.r = r};
	bool walked = replay_read(r, read_heaps, &q);
	struct headlines x = headlines_of(r->fig, r->sys, q.heap, walked ? q.nr : 0);

	x.walked = walked;
	return x;
}

bool headline_known(const struct headlines *x, unsigned i)
{
	return x->walked || (i != FREE && i != LARGEST && i != BLOCKS);
}
