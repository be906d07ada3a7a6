/*
 * Many checkpoints of one run, as differences, in bounded memory.
 *
 * The image's frames and the replay's arenas (figures, ledger, live table, host
 * counters, observers) are one space of 4 KiB pages.  A checkpoint keeps the pages
 * that changed since the one before it: frames are found by a dirty byte each (see
 * mm_watch), arenas by comparison.  A page is kept as the mask of its 8-byte words
 * that are not zero, and those words: most frames hold a few headers.
 *
 *   restore(c): for each page that changed between c and where the replay stands,
 *               the last version at or before c
 *
 * Dropping a checkpoint hands its pages to the next one, so any may go.
 */
#ifndef SIM_CHECKPOINT_STORE_H
#define SIM_CHECKPOINT_STORE_H

#include "sim/observer.h"

struct checkpoint_store;

/* NULL: out of host memory. */
struct checkpoint_store *checkpoint_store_create(const struct system *s);
void checkpoint_store_free(struct checkpoint_store *s); /* NULL is fine */

/*
 * Keeps the state of r, whose stores `w` watched since the last one (all of them,
 * since boot), and clears w->dirty.  r's event is beyond the last one's.
 * 0, or -1: out of host memory; the store can then only be freed.
 */
int checkpoint_store_add(struct checkpoint_store *s, struct replay *r, struct mm_watch *w,
			 const struct observer *o, unsigned nr_observers) MUST_USE;

/* The last checkpoint at or before `event`; there is one of event 0. */
size_t checkpoint_store_find(const struct checkpoint_store *s, uint64_t event);
uint64_t checkpoint_store_event(const struct checkpoint_store *s, size_t i);
size_t checkpoint_store_nr(const struct checkpoint_store *s);

/* Bytes of host memory that all of it takes. */
uint64_t checkpoint_store_bytes(const struct checkpoint_store *s);

/* Drops every second checkpoint, never the first or the last. */
void checkpoint_store_thin(struct checkpoint_store *s);

/*
 * Makes r, of a system booted alike, stand at checkpoint i, all but its trace.
 * *stands is the event of a checkpoint, now or once in the store, that r's image equals
 * but for the frames dirty in w (0: as booted); both are brought up to date.  0, or -1 with
 * *d.  O(pages changed in between).
 */
int checkpoint_store_restore(struct checkpoint_store *s, size_t i, struct replay *r,
			     struct mm_watch *w, uint64_t *stands, const struct observer *o,
			     unsigned nr_observers, struct diag *d) MUST_USE;

#endif
