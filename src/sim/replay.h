/*
 * Replay: events in, decisions of real allocators out.
 *
 *   read event -> dispatch to the facet -> tracepoints -> ledger, figures -> result
 *
 * A failed allocation is a result; a double free or corrupted metadata is a
 * finding.  All state of a replay is pointer-free (figures, live table, ledger,
 * image), so that a checkpoint is a copy: see checkpoint.h.
 */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "sim/event.h"
#include "sim/live.h"
#include "sim/system.h"
#include "sim/trace.h"

enum cause {
	CAUSE_CAPACITY, /* fewer free bytes than requested */
	CAUSE_FRAGMENTATION, /* enough free bytes, no block large enough */
	CAUSE_ALIGNMENT, /* a block large enough, none aligned as asked */
	CAUSE_REACHABILITY, /* enough elsewhere, but the master does not reach it */
	CAUSE_WATERMARK, /* enough, but held in reserve */
	CAUSE_LIMIT, /* larger than the kind, the window or the machine can ever give */
	CAUSE_INJECTED, /* told to fail */
	CAUSE_CONFLICT, /* somebody else holds the resource */
	CAUSE_PKMAP, /* the kmap window is full */
	NR_CAUSES
};

const char *cause_name(enum cause c);

#define MAX_FAILURES 100u
#define MAX_BLOCKERS 4u

/* A live block in the way: in the range that came nearest to serving the request. */
struct blocker {
	uint64_t pa, bytes, birth;
	uint32_t slot, site;
};

struct failure {
	uint64_t event, size, align;
	uint64_t free_bytes, largest_free; /* where the request could have been served */
	uint64_t range_base, range_bytes; /* the candidate range; bytes 0: none was sought */
	uint64_t range_free, range_held; /* of it: free bytes; metadata and slack */
	struct blocker blocker[MAX_BLOCKERS]; /* largest first */
	uint32_t nr_blockers; /* in the range, may be more than are kept */
	uint32_t slot, site;
	struct mm_resource conflict; /* CAUSE_CONFLICT: who holds what; bytes 0: none */
	uint16_t master; /* string index */
	uint8_t op, cause, alloc; /* alloc: index in the system */
};

/* A trace that contradicts itself: found by the replay, not by an allocator. */
struct bad_event {
	uint64_t event;
	uint64_t where; /* address, for the others but d and p */
	uint64_t number; /* bytes, or what finding_text says */
	uint32_t slot, other; /* the event's object; another one it concerns, SLOT_NONE: none */
	uint8_t op;
	/* 'd' double or unknown free, 'p' pointer refused, 'b' a cache in use; the others: findings.h */
	uint8_t what;
	uint8_t alloc; /* whose memory it concerns, index in the system + 1; 0: nobody's */
	uint32_t nr_holders; /* 'b': live objects of the cache; the first of them: */
	struct blocker holder[MAX_BLOCKERS];
};

/* Accesses of one window of the address space, and what translating them cost. */
enum access_window { ACCESS_DIRECT, ACCESS_VMALLOC, ACCESS_DEVICE, ACCESS_KMAP, ACCESS_USER, NR_ACCESS_WINDOWS };

struct access_figures {
	uint64_t events, bytes, accesses, tlb_misses, walks, walk_loads, cycles;
};

/* Grants of a recording's kernel that the trace tells (kmalloc's and cache_alloc's `arg`). */
struct recorded_grants {
	uint64_t grants, equal; /* requests served both there and here; with the same bytes */
	uint64_t bytes_there, bytes_here;
};

/* Contiguous areas. */
struct cma_counts {
	uint64_t served, moved_blocks, moved_pages, bytes_copied;
};

/* Kernel stacks. */
struct stack_figures {
	uint64_t pushes, overruns, guarded, smashed;
	uint64_t bytes_over; /* written below the usable bytes of a stack */
	struct stack_depth {
		uint64_t used, bytes, event; /* bytes in use, of the stack's `bytes`; when */
		uint32_t slot; /* whose; SLOT_NONE: a CPU's */
	} deepest, deepest_irq; /* of tasks; of interrupt stacks */
};

/* What one stack allocator holds: an arena of the trace. */
struct arena_figures {
	uint64_t number; /* the trace's, of the arena in it, or of the last one */
	uint64_t live_blocks; /* pushed and not mass-freed */
};

/* What the ratios of one heap are made of, bytes; as the run's, see struct figures. */
struct heap_figures {
	uint64_t jw_sum, jw_samples;
	uint64_t peak_live, footprint_at_peak_live;
	uint64_t peak_footprint, live_at_peak_footprint;
};

#define MAX_BAD_EVENTS 32u

/* Everything counted, exact after every event; pointer-free. */
struct figures {
	uint64_t event; /* number of the last event, which is how many are done */
	uint64_t failed, skipped;
	uint64_t early; /* page events not later than the start state, passed over */
	uint64_t by_op[NR_TRACE_OPS], failed_by_op[NR_TRACE_OPS];
	uint64_t by_cause[NR_CAUSES];
	uint64_t live_bytes, live_blocks;
	uint64_t peak_live_bytes, peak_live_blocks, peak_event; /* blocks: at the same event */
	uint64_t footprint; /* bytes all heaps have taken from the machine */
	uint64_t peak_footprint, peak_footprint_event;
	uint64_t live_at_peak_footprint, footprint_at_peak_live;
	uint64_t jw_sum, jw_samples; /* sum of footprint / live in 1/65536, one an event */
	uint64_t bytes_requested, bytes_copied;
	bool peak_pending; /* the ledger's peak rows are to be taken before live falls */
	uint64_t nr_bad;
	struct bad_event bad[MAX_BAD_EVENTS];
	struct access_figures access[NR_ACCESS_WINDOWS];
	struct recorded_grants recorded;
	struct stack_figures stacks;
	struct cma_counts cma;
	uint32_t nr_failures; /* kept */
	struct failure failure[MAX_FAILURES];
	uint64_t next_tick_ms; /* when the allocators are told the time again */
	struct arena_figures arena[SYS_MAX_ARENAS]; /* as system_arena numbers them */
	uint32_t nr_arenas, last_arena; /* that the trace has named; of the last event of arenas */
};

/*
 * The node that an event's request is for: the one it names, else that of its CPU.  A
 * machine of one node takes an event's as it is, and serves all from that one.
 */
static inline uint8_t event_node(const struct machine *m, const struct trace_event *ev)
{
	if (mm_likely(m->cpu_node == NULL) ||
	    ((ev->node != 0 || (ev->flags & EV_NODE_0) != 0) && ev->node < m->nodes))
		return ev->node;
	return m->cpu_node[ev->cpu < m->cpus ? ev->cpu : m->cpus - 1];
}

struct replay;

/* Which events of a kernel's recording are replayed: see event.h. */
enum replay_level {
	LEVEL_REQUEST, /* requests of any kind */
	LEVEL_BUDDY, /* what left the buddy lists and came back */
	LEVEL_OBJECT /* no pages: the slab layer takes its own */
};

/*
 * After each of the first thousand events, then each time a thousandth more are done, and
 * at the end: a check looks at all there is, and at every event of a long trace it would
 * take days.  Of a million events 7,900 are checked, of 40 million 11,600.
 */
#define CHECK_SPACED UINT64_MAX

struct replay_options {
	enum replay_level level;
	bool level_given; /* by the user; else what the trace has decides */
	bool pages_only; /* requests of pages say what slabs took, too: set by run_trace */
	bool has_start; /* the machine began from a recorded state ... */
	uint32_t groups; /* bit set of 1 << enum trace_group that the trace has; 0: it tells itself */
	uint64_t start_ns; /* ... of which events up to this time are part */
	uint64_t until; /* stop after this event; 0: the end */
	uint64_t check_every; /* events from one check to the next; 0: none; or CHECK_SPACED */
	uint64_t max_steps; /* list steps, all heaps together; 0: no limit */
	bool stop_at_failure;
	bool (*stop)(void *ctx); /* polled between blocks; NULL: never */
	void *stop_ctx;
	/* An `expect` marker with its expression: false ends the run as refused. NULL: ignored. */
	bool (*expect)(void *ctx, struct replay *r, const char *expression);
	void *expect_ctx;
	/* Called before and after each event, for narration; NULL: nobody listens. */
	void (*before)(void *ctx, struct replay *r, const struct trace_event *ev);
	void (*after)(void *ctx, struct replay *r, const struct trace_event *ev);
	void *event_ctx;
	/* Called before each event, for samples at moments of a recording; NULL: never. */
	void (*at_time)(void *ctx, struct replay *r, const struct trace_event *ev);
	void *at_time_ctx;
	/* Called after every `sample_every`th event; NULL: never. */
	void (*sample)(void *ctx, struct replay *r);
	void *sample_ctx;
	uint64_t sample_every;
};

enum replay_end {
	REPLAY_DONE, /* the trace's end, or `until` */
	REPLAY_STOPPED, /* stop() said so */
	REPLAY_FAILURE, /* stop_at_failure */
	REPLAY_LIMIT, /* max_steps */
	REPLAY_FAULT, /* a fault or a bug: the image is tainted */
	REPLAY_SIGNAL, /* the same in the fast port: repeat under checked */
	REPLAY_DAMAGE, /* the trace is damaged: everything before it was replayed */
	REPLAY_CHECK, /* an invariant or the ledger is broken */
	REPLAY_REFUSED /* the trace asks for what the machine does not offer */
};

struct replay {
	struct system *sys;
	struct trace_reader *trace; /* borrowed; NULL: events come from replay_events */
	struct replay_options opt;
	struct figures *fig; /* owned */
	struct live_table live; /* owned */
	/* See heap_ratios.h: by index in the system, owned; NULL: `server` alone serves the trace. */
	struct heap_figures *apart;
	const struct sys_alloc *server;
	struct sys_alloc *heap; /* serves the heap group when no rule says otherwise */
	bool routed; /* heap requests take the long way: placement rules, no heap, one_size */
	bool one_size; /* the heap is a kind of fixed size: every request must be of the first one's */
	uint64_t size; /* that size, once known; 0 before */
	bool headers; /* its blocks have a header before them, which a free reads */
	struct alloc_req req;
	struct {
		uint32_t gfp, zones;
	} flags; /* those of the last request, and the zones that they allow; gfp 0: all */
	struct mm_resource conflict; /* of the request in progress, for its autopsy */
	struct failure *last_failure; /* where those beyond MAX_FAILURES are told; NULL: nowhere */
	uint32_t *lent; /* owned: scratch of cma_alloc, an entry for each page of the range */
	struct stack_move stack; /* of the event in progress, for the narration */
	const struct trace_event *rest; /* events of the reader's block beyond `until` */
	size_t nr_rest;
	struct plain_block plain; /* the same of plain events: the last nr_plain are to be done */
	size_t nr_plain;
	bool in_bulk; /* the figures are brought up to date when the bulk operation is over */
	uint64_t nr_trace; /* events of the whole trace, once read to its end; 0: not known */
	uint64_t nr_check, nr_sample; /* events left until the next */
	uint64_t fault; /* REPLAY_FAULT: number of the finding that ended the run, from 1 ... */
	uint8_t fault_op; /* ... and the operation of its event, or of the last one observed */
	uint64_t nr_checked; /* checks made, all good but the last */
	char problem[512]; /* REPLAY_CHECK, REPLAY_REFUSED: one line */
};

int replay_init(struct replay *r, struct system *sys, struct trace_reader *trace,
		const struct replay_options *o) MUST_USE; /* 0 or -ENOMEM */
void replay_finish(struct replay *r);

/* Reads and replays to the end, `until`, or the first reason to stop. *d: the trace's damage. */
enum replay_end replay_run(struct replay *r, struct diag *d);

/* Replays a block of events that the caller has; used by fit, which decodes once. */
enum replay_end replay_events(struct replay *r, const struct trace_event *ev, size_t n);

/* Checks every allocator and recounts the ledger by walk. 0, or -1 with r->problem. */
int replay_check(struct replay *r) MUST_USE;

/*
 * Runs fn, which reads the image outside of an event and holds no host resources.
 * false: a corrupt image made it fault; the run is tainted, *ctx is half-written.
 */
bool replay_read(struct replay *r, void (*fn)(void *ctx), void *ctx) MUST_USE;

/* Free bytes and largest free block (bytes) of an allocator, by walk. */
struct free_space {
	uint64_t bytes, largest, blocks;
};
struct free_space free_space(struct system *s, struct sys_alloc *a);

#endif
