/*
 * The port: all that allocator code knows of the machine it runs on.
 *
 * A `struct mem` is one *view* of simulated physical memory, owned by one
 * allocator.  Through it the allocator
 *   - loads and stores words of the image        mem_ld32(m, a), mem_stw(m, a, x), ...
 *   - tells the ledger which bytes change class  mm_account(m, a, bytes, from, to)
 *   - says what it does, in the field's words    mm_event(m, MM_EV_SPLIT, pfn, order, 0)
 *   - reports how far it had to search           mm_search(m, steps)
 *   - says what is wrong                         mm_warn, mm_bug, mm_assert
 *
 * The access functions come from "port.h", found by include path: one folder per
 * port under src/model/port/.  `fast` is one plain access; `checked` tests bounds,
 * region, permission and alignment.  Both give equal results in a run without a
 * fault.  The bare build puts a mem.h of its own before this one, in which loads
 * and stores are plain dereferences and everything else vanishes; the words of
 * both are in mem_words.h.
 *
 * Nothing here may be called by code that holds host resources: mm_bug and a
 * fault unwind to the operation boundary with longjmp.
 */
#ifndef MODEL_MEM_H
#define MODEL_MEM_H

#include "model/mem_words.h"
#include "model/paddr.h"

enum mm_fault_kind {
	MM_FAULT_HOLE, /* no region there */
	MM_FAULT_READONLY, /* store to flash, ROM, or through a read-only view */
	MM_FAULT_SIZE, /* access width the region forbids */
	MM_FAULT_ALIGNMENT, /* misaligned where the target forbids it */
	MM_FAULT_UNBACKED /* flash, ROM or MMIO: no contents are simulated */
};

/*
 * Search lengths: how many list steps each search for a block took.  Exact up
 * to 64 steps; beyond, 32 buckets per power of two (3 % wide).
 */
#define MM_SEARCH_EXACT   64u
#define MM_SEARCH_BUCKETS (MM_SEARCH_EXACT + 32u * 58u)

struct mm_search {
	uint64_t steps; /* list steps in all searches */
	uint64_t max; /* longest search, steps */
	uint64_t max_event; /* number of the event that made it */
	uint64_t bucket[MM_SEARCH_BUCKETS]; /* their sum is the number of searches */
};

/* Never moved; moved since the last snapshot; as the last snapshot has it. */
enum { MM_ROW_UNTOUCHED, MM_ROW_CHANGED, MM_ROW_KEPT };

/* One owner's bytes in one region, by class; what mm_account moves. */
struct mm_row {
	int64_t bytes[MM_NR_CLASSES]; /* may be negative: an owner takes from another's class */
	uint64_t changed; /* MM_ROW_ */
};

struct mem;
typedef void mm_event_fn(void *ctx, const struct mem *m, enum mm_ev ev, uint64_t a, uint64_t b,
			 uint64_t c);

/*
 * Who stores where, for checkpoints and highlights.  Told by the checked port and by
 * the block operations only: the fast port has no time for it.
 */
struct mm_stored {
	uint64_t pa;
	uint32_t bytes;
};

struct mm_watch {
	/* one a MM_TOUCH_BYTES frame: 1 once a store reached it; cleared by its owner */
	uint8_t *dirty;
	struct mm_stored *log; /* the stores in order; NULL: only dirty is kept */
	uint32_t nr, room; /* entries; stores beyond room are in dirty only */
};

struct mm_shared; /* machine-wide state of a run: model/fault.h */
struct physmem; /* the image: model/physmem.h */

struct mem {
	/* Translation: host = window + ((va - offset) & mask). */
	uint8_t *window; /* host address of physical 0 */
	uint64_t mask; /* bytes of the window (a power of two) - 1 */
	uint64_t offset; /* of the linear map: va - pa, bytes */
	bool *touched; /* one a MM_TOUCH_BYTES frame of the window; set by each store */
	uintptr_t marks; /* touched, less what lies before the window: mark of host address a at
			    marks + (a >> MM_TOUCH_SHIFT) */

	/* Accounting: the row of the region last accounted to, and how to find others. */
	uint64_t row_base; /* first physical address of that region */
	uint64_t row_bytes; /* its size; 0: no row cached yet */
	struct mm_row *row;
	struct mm_row *rows; /* this owner's rows, one a region, in the order of the machine */

	/* Observation. */
	uint64_t *count; /* MM_NR_EV counters of this owner */
	struct mm_search *search; /* of this owner */
	mm_event_fn *on_event; /* NULL: nobody listens */
	void *event_ctx;

	/* The rest. */
	struct mm_shared *sh;
	const uint32_t *cpu; /* the CPU of the operation in progress; NULL: 0 */
	const struct physmem *pm;
	struct mm_watch *watch; /* NULL: nobody watches; see there */
	uint64_t ok_base; /* checked port: range last found accessible, physical */
	uint64_t ok_bytes;
	uint8_t ok_sizes; /* bit set of access widths allowed there (1, 2, 4, 8) */
	bool readonly; /* stores fault: walkers, checkers, visualizer */
	bool strict_align; /* the target faults on misaligned accesses */
	uint8_t owner; /* index of the allocator in the ledger */
};

/* Granularity of the touched map, bytes: the host's page. */
#define MM_TOUCH_SHIFT 12u
#define MM_TOUCH_BYTES (1u << MM_TOUCH_SHIFT)

/* ---- out of line, in src/model ---- */

/* Notes a store to [off, off + bytes) of the window; see struct mm_watch. */
void mm_watch_store(struct mm_watch *w, uint64_t off, uint64_t bytes);

/* [off, off + bytes) of the window has been stored to. */
static inline void mm_watched(const struct mem *m, uint64_t off, uint64_t bytes)
{
	if (mm_unlikely(m->watch != NULL))
		mm_watch_store(m->watch, off, bytes);
}

/*
 * The owner's row of counters for the region of physical address `pa`; the view keeps it for
 * the next time.  mm_bug: pa lies in no region.
 */
struct mm_row *mm_row_find(struct mem *m, uint64_t pa);
void mm_fill(const struct mem *m, vaddr_t a, uint8_t byte, msize_t bytes);
void mm_zero(const struct mem *m, vaddr_t a, msize_t bytes);
void mm_copy(const struct mem *m, vaddr_t to, vaddr_t from, msize_t bytes);
void mm_access_slow(const struct mem *m, vaddr_t a, unsigned bytes, bool store);

/*
 * Something is wrong but the allocator can go on (a wrong order, a suspicious
 * free).  Recorded with the event number as a finding.
 */
void mm_warn(const struct mem *m, const char *what, vaddr_t where);

/*
 * The image contradicts itself.  Abandons the operation: unwinds to the
 * replay, which taints the run and reports `what` (a string literal).
 */
_Noreturn void mm_bug(const struct mem *m, const char *what, vaddr_t where);

/* Says why the request in progress is about to be refused; read by the autopsy. */
void mm_refuse(const struct mem *m, enum mm_refusal why);

/* Drops what the TLBs of all CPUs know of [va, va + bytes); all ones in bytes: everything. */
void mm_tlb_flush(const struct mem *m, vaddr_t va, msize_t bytes);

/* ---- translation between the types, linear view ---- */

static inline vaddr_t mem_va(const struct mem *m, paddr_t pa)
{
	return (vaddr_t){pa.v + m->offset};
}

static inline paddr_t mem_pa(const struct mem *m, vaddr_t va)
{
	return (paddr_t){(va.v - m->offset) & m->mask};
}

static inline vaddr_t pfn_to_va(const struct mem *m, pfn_t pfn, unsigned page_shift)
{
	return (vaddr_t){((uint64_t)pfn.v << page_shift) + m->offset};
}

static inline pfn_t va_to_pfn(const struct mem *m, vaddr_t va, unsigned page_shift)
{
	return (pfn_t){(uint32_t)(((va.v - m->offset) & m->mask) >> page_shift)};
}

/* ---- accounting and tracepoints ---- */

/*
 * The row of the region that holds pa, about to be changed by mm_row_move: a few
 * instructions while accounts stay in one region.
 */
static inline struct mm_row *mm_row_pa(struct mem *m, paddr_t pa)
{
	struct mm_row *row = m->row;

	if (mm_unlikely(pa.v - m->row_base >= m->row_bytes))
		row = mm_row_find(m, pa.v);
	row->changed = MM_ROW_CHANGED;
	return row;
}

static inline struct mm_row *mm_row_at(struct mem *m, vaddr_t a)
{
	return mm_row_pa(m, mem_pa(m, a));
}

/* One of several moves of one operation in a row that mm_row_at gave it. */
static inline void mm_row_move(struct mm_row *row, msize_t bytes, enum mm_class from,
			       enum mm_class to)
{
	row->bytes[from] -= (int64_t)bytes;
	row->bytes[to] += (int64_t)bytes;
}

/*
 * Moves `bytes` from class `from` to class `to`; [a, a + bytes) lies in one
 * region.
 */
static inline void mm_account(struct mem *m, vaddr_t a, msize_t bytes, enum mm_class from,
			      enum mm_class to)
{
	mm_row_move(mm_row_at(m, a), bytes, from, to);
}

/*
 * Hands bytes of one class from one owner's account to another's: pages that a
 * taker got from the page allocator, an arena carved at boot.
 */
static inline void mm_transfer(struct mem *from, struct mem *to, vaddr_t a, msize_t bytes,
			       enum mm_class class)
{
	uint64_t pa = (a.v - from->offset) & from->mask;
	struct mm_row *f = from->row, *t = to->row;

	if (mm_unlikely(pa - from->row_base >= from->row_bytes))
		f = mm_row_find(from, pa);
	if (mm_unlikely(pa - to->row_base >= to->row_bytes))
		t = mm_row_find(to, pa);
	f->bytes[class] -= (int64_t)bytes;
	t->bytes[class] += (int64_t)bytes;
	f->changed = t->changed = MM_ROW_CHANGED;
}

static inline void mm_event(const struct mem *m, enum mm_ev ev, uint64_t a, uint64_t b, uint64_t c)
{
	m->count[ev]++;
	if (mm_unlikely(m->on_event != NULL))
		m->on_event(m->event_ctx, m, ev, a, b, c);
}

/* n more of an event that comes in numbers: nobody is called. */
static inline void mm_count(const struct mem *m, enum mm_ev ev, uint64_t n)
{
	m->count[ev] += n;
}

/* For events whose numbers cost something to find out: counted by mm_count, told if asked for. */
static inline bool mm_listens(const struct mem *m)
{
	return m->on_event != NULL;
}

static inline void mm_tell(const struct mem *m, enum mm_ev ev, uint64_t a, uint64_t b, uint64_t c)
{
	m->on_event(m->event_ctx, m, ev, a, b, c);
}

/* The CPU that the operation in progress runs on. */
static inline unsigned mm_cpu(const struct mem *m)
{
	return m->cpu == NULL ? 0 : *m->cpu;
}

/* The part of mm_search for a longest search, and for one that has no counter of its own. */
void mm_search_long(const struct mem *m, uint64_t steps);

/* A search for a block ended after `steps` list steps (0: found at once). */
static inline void mm_search(const struct mem *m, uint64_t steps)
{
	struct mm_search *s = m->search;

	s->steps += steps;
	if (mm_unlikely(steps > s->max || steps >= MM_SEARCH_EXACT))
		mm_search_long(m, steps);
	else
		s->bucket[steps]++;
}

#include "port.h"

#endif
