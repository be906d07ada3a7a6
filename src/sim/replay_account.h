/*
 * What every birth and death does to the ledger, the live table and the figures:
 * inline, for the event loop and the heap group.
 */
#ifndef SIM_REPLAY_ACCOUNT_H
#define SIM_REPLAY_ACCOUNT_H

#include "sim/dense.h"
#include "sim/replay.h"

static inline void sample_jw(struct figures *f)
{
	if (mm_likely(f->live_bytes != 0)) {
		f->jw_sum += (f->footprint << 16) / f->live_bytes;
		f->jw_samples++;
	}
}

static inline void set_footprint(struct replay *r, struct sys_alloc *h, uint64_t now)
{
	struct figures *f = r->fig;

	f->footprint += now - h->footprint;
	h->footprint = now;
	if (f->footprint > f->peak_footprint) {
		f->peak_footprint = f->footprint;
		f->peak_footprint_event = f->event;
		f->live_at_peak_footprint = f->live_bytes;
	}
}

/* What grows from pages has taken what it holds, which a free can lower. */
static inline void held_footprint(struct replay *r, struct sys_alloc *h)
{
	if (mm_unlikely(h->source.held != h->footprint))
		set_footprint(r, h, h->source.held);
}

/*
 * An arena's footprint is its high-water mark, or less in kinds that fill it from both
 * ends: what lies below the gap between its parts, and above.  [begin, end) is a
 * grant's, bytes from the arena's base.
 */
void arena_reached(struct replay *r, struct sys_alloc *h, uint64_t begin, uint64_t end);

static inline void arena_footprint(struct replay *r, struct sys_alloc *h, uint64_t arena_pa,
				   uint64_t pa, uint64_t end_pa)
{
	if (mm_unlikely(end_pa - arena_pa > h->low_used))
		arena_reached(r, h, pa - arena_pa, end_pa - arena_pa);
}

/* The heap's footprint after a grant of [pa, end_pa). */
static inline void take_footprint(struct replay *r, struct sys_alloc *h, uint64_t pa,
				  uint64_t end_pa)
{
	if (h->arena.bytes == 0)
		held_footprint(r, h);
	else
		arena_footprint(r, h, h->arena.base.v - r->sys->offset, pa, end_pa);
}

static inline void note_peak(struct figures *f)
{
	if (f->live_bytes > f->peak_live_bytes) {
		f->peak_live_bytes = f->live_bytes;
		f->peak_live_blocks = f->live_blocks;
		f->peak_event = f->event;
		f->footprint_at_peak_live = f->footprint;
		f->peak_pending = true;
	}
}

/* Live bytes are about to fall: if they stand at their maximum, keep the ledger. */
static inline void before_death(struct replay *r)
{
	if (mm_likely(!r->fig->peak_pending))
		return;
	r->fig->peak_pending = false;
	ledger_snapshot_peak(&r->sys->ledger, r->sys->sh.row_finds);
}

static inline void more_live(struct replay *r, struct sys_alloc *h, uint64_t bytes, uint64_t pa,
			     uint64_t end_pa)
{
	r->fig->bytes_requested += bytes;
	r->fig->live_bytes += bytes;
	take_footprint(r, h, pa, end_pa);
	note_peak(r->fig);
}

/* What was granted becomes payload and rounding: one row, found once. */
static inline void split_grant(struct mem *m, uint64_t pa, uint64_t granted, uint64_t size)
{
	struct mm_row *row =
		mm_likely(pa - m->row_base < m->row_bytes) ? m->row : mm_row_find(m, pa);

	row->bytes[MM_GRANTED] -= (int64_t)granted;
	row->bytes[MM_PAYLOAD] += (int64_t)size;
	row->bytes[MM_ROUNDING] += (int64_t)(granted - size);
	row->changed = MM_ROW_CHANGED;
}

/* And the way back. */
static inline void join_grant(struct mem *m, uint64_t pa, uint64_t granted, uint64_t size)
{
	split_grant(m, pa, 0 - granted, 0 - size);
}

static inline void born(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
			struct grant g, uint64_t size, uint32_t extra)
{
	uint64_t pa = mem_pa(&h->view, g.va).v;

	split_grant(&h->view, pa, g.bytes, size);
	live_set(&r->live, &r->live.slot[ev->slot], LIVE_BLOCK, (unsigned)(h - r->sys->allocs), pa,
		 size, ev->site, r->fig->event, extra);
	r->fig->live_blocks++;
	more_live(r, h, size, pa, pa + g.bytes);
}

/* The memory of a block that was given back leaves the ledger's payload. */
static inline void vacated(struct replay *r, struct sys_alloc *h, const struct live *l,
			   msize_t granted)
{
	join_grant(&h->view, live_pa(l), granted, live_size(l));
	if (h->arena.bytes == 0)
		held_footprint(r, h);
}

static inline void died(struct replay *r, struct sys_alloc *h, struct live *l, msize_t granted)
{
	r->fig->live_bytes -= live_size(l);
	r->fig->live_blocks--;
	vacated(r, h, l, granted);
	l->place = 0;
}

#endif
