/* Replay's inner seams: what the event loop and the groups' dispatch share. */
#ifndef SIM_DISPATCH_H
#define SIM_DISPATCH_H

#include "sim/replay.h"

/* malloc, calloc, memalign, realloc or free, in the general way; false: nobody serves it. */
bool replay_heap_event(struct replay *r, const struct trace_event *ev);

/* All groups but the heap's; false: the machine serves no such group (r->problem may say more). */
bool dispatch(struct replay *r, const struct trace_event *ev);

/* The group virtual (dispatch_virtual.c); false as above. */
bool dispatch_virtual(struct replay *r, const struct trace_event *ev);

/* A heap request that placement rules or a master direct; false: nobody serves it. */
bool dispatch_routed(struct replay *r, const struct trace_event *ev, uint64_t align, bool zero);

/* Does a realloc leave the memory its block lies in: whole pages, or what other rules chose? */
bool dispatch_reroutes(const struct replay *r, const struct live *l, const struct trace_event *ev);

/* Moves the live block *l to where a request of ev->size belongs; false: nobody serves it. */
bool dispatch_move(struct replay *r, struct live *l, const struct trace_event *ev);

/* ---- recordings of a kernel's page events: dispatch_zone.c ---- */

/* Does the event belong to the level that is replayed? */
bool dispatch_is_due(const struct replay *r, const struct trace_event *ev);
/* Is the event part of the start state? */
bool dispatch_is_early(const struct replay *r, const struct trace_event *ev);
/* zone_alloc, zone_free, old and split blocks, and early events; false: nobody serves it. */
bool dispatch_zone(struct replay *r, const struct trace_event *ev);
/* The block that a free names, adopted if it is older than the recording; NULL: there is none. */
struct live *dispatch_old_block(struct replay *r, const struct trace_event *ev);
/* Tells the allocators the time of an event that has one. */
void dispatch_tick(struct replay *r, const struct trace_event *ev);

void dispatch_free_pages(struct replay *r, const struct trace_event *ev, struct live *l);

/* A block was granted: ledger, live table, figures. */
void replay_born(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		 struct grant g, uint64_t size, uint32_t extra);
/* Before anything is freed: keeps the ledger if live bytes stand at their peak. */
void replay_before_death(struct replay *r);
/* A block of `granted` bytes was given back; *l is dead after it. */
void replay_died(struct replay *r, struct sys_alloc *h, struct live *l, msize_t granted);
/* Only its memory: the object itself lives on elsewhere. */
void replay_vacated(struct replay *r, struct sys_alloc *h, const struct live *l, msize_t granted);
/* Gives a block of a heap back; its granted bytes, or FREE_BAD. */
msize_t replay_heap_free(struct replay *r, struct sys_alloc *h, vaddr_t va);
/* A live block stays where it is: its grant goes from `was` to `now` bytes, its request to `size`;
 * the kind has moved the grants' difference. */
void replay_resized(struct replay *r, struct sys_alloc *h, struct live *l, uint64_t was,
		    uint64_t now, uint64_t size);
/*
 * realloc of the live block *l of `h` to ev->size
 * bytes: in place, or moved; a failure leaves it.
 */
void replay_heap_resize(struct replay *r, struct sys_alloc *h, struct live *l,
			const struct trace_event *ev);
/* A request was refused; size and align as it was asked of `h`. */
void replay_failed(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		   uint64_t size, uint64_t align);
/*
 * A finding.  A block that `ev` should have freed
 * ('p': refused) has no name any more: it is lost.
 */
void replay_bad(struct replay *r, const struct trace_event *ev, uint8_t what);
/* The same with an address; replay_finding: with all there is to say. */
void replay_bad_at(struct replay *r, const struct trace_event *ev, uint8_t what, uint64_t where);
void replay_finding(struct replay *r, struct bad_event b);
/* An area whose pages are out of the ledger's payload again is dead. */
void replay_area_died(struct replay *r, struct sys_alloc *h, struct live *l);
/* Sets r->req for a request of pages with the event's flags and `more`. */
void dispatch_state_request(struct replay *r, const struct trace_event *ev, uint32_t more);
/* The live thing that an event frees or uses, of the wanted state. NULL: there is none; a failed
 * birth makes the event skipped, anything else a finding. */
struct live *replay_named(struct replay *r, const struct trace_event *ev, enum live_state want);
struct live *replay_object(struct replay *r, const struct trace_event *ev);
/* More live bytes, held by `h`, whose last grant ends at end_pa. */
void replay_more_live(struct replay *r, struct sys_alloc *h, uint64_t bytes, uint64_t pa,
		      uint64_t end_pa);
/* A request of ev->size served by `h`, which is asked for `want` bytes. */
bool replay_heap_grant(struct replay *r, struct sys_alloc *h, const struct trace_event *ev,
		       uint64_t want, uint64_t align, bool zero);

#endif
