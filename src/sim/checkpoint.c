#include "sim/checkpoint.h"
#include "sim/checkpoint_state.h"

#include <stdlib.h>
#include <string.h>

struct checkpoint {
	uint64_t event, bytes;
	uint64_t nr_frames;
	uint64_t *frame; /* index of each saved frame, ascending */
	uint8_t *content; /* MM_TOUCH_BYTES each */
	void *ledger;
	void *mmu; /* NULL: the machine has none */
	struct figures fig;
	struct heap_figures *apart; /* NULL: the replay has none */
	struct live *live;
	uint32_t nr_live;
	struct host_state host;
};

static bool save_frames(struct checkpoint *c, const struct physmem *pm)
{
	uint64_t n = 0;

	c->nr_frames = physmem_touched(pm);
	c->frame = malloc((c->nr_frames + 1) * sizeof *c->frame);
	c->content = malloc((c->nr_frames + 1) * MM_TOUCH_BYTES);
	if (c->frame == NULL || c->content == NULL)
		return false;
	for (uint64_t f = 0; f < pm->frames && n < c->nr_frames; f++) {
		if (!pm->touched[f])
			continue;
		c->frame[n] = f;
		memcpy(c->content + n * MM_TOUCH_BYTES, pm->window + (f << MM_TOUCH_SHIFT),
		       MM_TOUCH_BYTES);
		n++;
	}
	c->nr_frames = n;
	return true;
}

void host_state_save(struct host_state *s, const struct replay *r)
{
	*s = (struct host_state){.nr_check = r->nr_check,
				 .nr_sample = r->nr_sample,
				 .nr_allocs = r->sys->nr_allocs};
	s->sh = r->sys->sh;
	s->sh.unwind = NULL;
	s->sh.mmu = NULL;
	for (unsigned i = 0; i < r->sys->nr_allocs; i++) {
		const struct sys_alloc *a = &r->sys->allocs[i];

		s->alloc[i] = (struct alloc_state){a->alloc->root, a->footprint, a->reached,
						   a->low_used,    a->high_used, a->source.held,
						   a->source.calls};
	}
}

struct checkpoint *checkpoint_take(const struct replay *r)
{
	const struct system *sys = r->sys;
	struct checkpoint *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->event = r->fig->event;
	c->fig = *r->fig;
	host_state_save(&c->host, r);
	c->nr_live = r->live.nr;
	c->live = malloc((r->live.nr + 1ull) * sizeof *c->live);
	c->ledger = malloc(sys->ledger.bytes);
	c->mmu = sys->mmu.state != NULL ? malloc(sys->mmu.bytes) : NULL;
	c->apart = r->apart != NULL ? malloc(SYS_MAX_ALLOCS * sizeof *c->apart) : NULL;
	if (c->live == NULL || c->ledger == NULL || (r->apart != NULL && c->apart == NULL) || (sys->mmu.state != NULL && c->mmu == NULL) ||
	    !save_frames(c, &sys->pm)) {
		checkpoint_free(c);
		return NULL;
	}
	memcpy(c->live, r->live.slot, r->live.nr * sizeof *c->live);
	memcpy(c->ledger, sys->ledger.block, sys->ledger.bytes);
	if (c->apart != NULL)
		memcpy(c->apart, r->apart, SYS_MAX_ALLOCS * sizeof *c->apart);
	if (c->mmu != NULL)
		memcpy(c->mmu, sys->mmu.state, sys->mmu.bytes);
	c->bytes = sizeof *c + c->nr_frames * (MM_TOUCH_BYTES + sizeof *c->frame) +
		   c->nr_live * sizeof *c->live + sys->ledger.bytes + sys->mmu.bytes;
	return c;
}

void checkpoint_free(struct checkpoint *c)
{
	if (c == NULL)
		return;
	free(c->frame);
	free(c->content);
	free(c->live);
	free(c->ledger);
	free(c->mmu);
	free(c->apart);
	free(c);
}

/* Frames touched now but not then become untouched and zero again. */
static void restore_frames(const struct checkpoint *c, struct physmem *pm)
{
	uint64_t n = 0;

	for (uint64_t f = 0; f < pm->frames; f++) {
		bool then = n < c->nr_frames && c->frame[n] == f;

		if (then) {
			memcpy(pm->window + (f << MM_TOUCH_SHIFT), c->content + n * MM_TOUCH_BYTES,
			       MM_TOUCH_BYTES);
			pm->touched[f] = true;
			n++;
		} else if (pm->touched[f]) {
			memset(pm->window + (f << MM_TOUCH_SHIFT), 0, MM_TOUCH_BYTES);
			pm->touched[f] = false;
		}
	}
}

static int restore_alloc(const struct alloc_state *s, struct sys_alloc *a, struct diag *d)
{
	a->footprint = s->footprint;
	a->reached = s->reached;
	a->low_used = s->low_used;
	a->high_used = s->high_used;
	a->source.held = s->held;
	a->source.calls = s->calls;
	a->env.root = s->root;
	memset(a->alloc, 0, a->ops->handle_bytes);
	if (a->ops->attach(a->alloc, &a->env) != 0)
		return diag_set(d, "", 0, 0, "allocator %s cannot adopt the image of a checkpoint",
				a->name);
	return 0;
}

/* As many allocators as there were; what they hold is attached later. */
static int restore_arenas(struct system *sys, uint64_t nr_allocs, struct diag *d)
{
	while (sys->nr_allocs > nr_allocs)
		system_drop_arena(sys);
	while (sys->nr_allocs < nr_allocs)
		if (system_add_arena(sys, d) == NULL)
			return -1;
	return 0;
}

int host_state_restore(const struct host_state *s, struct replay *r, struct diag *d)
{
	struct system *sys = r->sys;
	sigjmp_buf *unwind = sys->sh.unwind;
	struct mmu *mmu = sys->sh.mmu;

	sys->ledger.finds = UINT64_MAX;
	sys->sh = s->sh;
	sys->sh.unwind = unwind;
	sys->sh.mmu = mmu;
	r->nr_rest = r->nr_plain = 0;
	r->nr_check = s->nr_check;
	r->nr_sample = s->nr_sample;
	if (restore_arenas(sys, s->nr_allocs, d) != 0)
		return -1;
	for (unsigned i = 0; i < sys->nr_allocs; i++)
		if (restore_alloc(&s->alloc[i], &sys->allocs[i], d) != 0)
			return -1;
	return 0;
}

int checkpoint_restore(const struct checkpoint *c, struct replay *r, struct diag *d)
{
	struct system *sys = r->sys;

	if (c->nr_live != 0 && r->live.nr < c->nr_live && !live_grow(&r->live, c->nr_live - 1))
		return diag_set(d, "", 0, 0, "out of host memory");
	memset(r->live.slot, 0, r->live.nr * sizeof *r->live.slot);
	memcpy(r->live.slot, c->live, c->nr_live * sizeof *c->live);
	memcpy(sys->ledger.block, c->ledger, sys->ledger.bytes);
	if (c->mmu != NULL)
		memcpy(sys->mmu.state, c->mmu, sys->mmu.bytes);
	*r->fig = c->fig;
	if (c->apart != NULL)
		memcpy(r->apart, c->apart, SYS_MAX_ALLOCS * sizeof *c->apart);
	restore_frames(c, &sys->pm);
	if (host_state_restore(&c->host, r, d) != 0)
		return -1;
	return r->trace != NULL ? trace_seek(r->trace, c->event + 1, d) : 0;
}
