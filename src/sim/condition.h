/*
 * Conditions at one event: expressions of expr.h, which name report paths, and
 * besides what the event itself was:
 *
 *   event.number  event.op ("malloc")  event.id  event.size  event.align  event.order
 *   event.address  event.site (text)  event.tag (text)  event.cpu
 *   event.failed  event.skipped  event.finding  event.fallback  (1 or 0)
 *
 * Most paths are read straight from counters and the image; for the rest a report
 * is built.  `largest(NAME) < SIZE` walks the allocators only when it must: while a
 * block of that size, seen free, has not been granted from, it is still there.
 */
#ifndef SIM_CONDITION_H
#define SIM_CONDITION_H

#include "sim/timeline.h"

struct condition;

/* NULL with *d: cannot be parsed. `text` is copied. */
struct condition *condition_parse(const char *text, struct diag *d) MUST_USE;
void condition_free(struct condition *c); /* NULL is fine */

/* Is about the event itself, not about the state it left. */
bool condition_is_of_event(const struct condition *c);

/* Nothing is known of the state before; call when a replay was taken elsewhere. */
void condition_restart(struct condition *c);

struct condition_at {
	struct replay *r;
	const struct happening *h; /* the event just done */
	bool fallback;
	const struct mm_watch *watch; /* its stores */
};

/* After an event; call for each event in turn.  0, or -1 with *d: a name is unknown. */
int condition_holds(struct condition *c, const struct condition_at *at, bool *out,
		    struct diag *d) MUST_USE;

#endif
