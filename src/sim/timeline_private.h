/* The time machine's inside; for timeline*.c and moment.c. */
#ifndef SIM_TIMELINE_PRIVATE_H
#define SIM_TIMELINE_PRIVATE_H

#include "sim/checkpoint_store.h"
#include "sim/explain.h"
#include "sim/moment.h"
#include "sim/postings.h"
#include "sim/timeline.h"

#define STORE_LOG 256u /* stores of an event that are kept */

/* A replay of the machine, with what it needs to be watched. */
struct side {
	struct timeline *t;
	struct system sys;
	struct replay replay;
	struct trace_reader *trace;
	struct mm_watch watch;
	struct mm_stored stored[STORE_LOG];
	struct seen seen;
	struct observer obs[MAX_OBSERVERS];
	unsigned nr_obs;
	struct trace_event ev; /* the last one done */
	struct happening_before was; /* of the moment before it */
	bool narrate;
	bool polls; /* long work: ask whether to stop */
	enum replay_end end; /* of the last run */
};

/* By kind of key; TOUCH_MEMORY's are frames of MM_TOUCH_BYTES. */
struct touch_index {
	struct postings by[NR_TOUCH_KINDS];
	struct postings
		big; /* key 0: blocks of more than BIG_FRAMES frames, whose frames are not listed */
	uint64_t limit; /* bytes; beyond it nothing more is listed */
	uint64_t full_from; /* events from here on are not listed; UINT64_MAX: all are */
};

#define BIG_FRAMES 64u

struct timeline {
	struct timeline_request q;
	char *path; /* of the trace as it is read; owned */
	int memfd; /* holds it when it was rewritten; -1 */
	struct diag damage; /* of the trace; msg "" none */
	struct side view, index;
	struct checkpoint_store *store;
	struct touch_index touch;
	struct series series;
	uint64_t spacing; /* events between checkpoints */
	uint64_t total; /* events; exact once complete */
	bool complete;
	char end_text[600];
	uint64_t stands; /* of the view: see checkpoint_store_restore */
	struct happening past[TIMELINE_PAST]; /* by number % TIMELINE_PAST */
	uint64_t told_from; /* events told_from ... now are in past */
	struct failure last_failure; /* of those not kept by the figures; event 0: none seen */
	struct explainer explainer;
	struct trace_event future[TIMELINE_FUTURE];
	unsigned nr_future;
	uint64_t future_of; /* the event it follows; UINT64_MAX: none */
	struct trace_reader *ahead; /* reads the future */
	char *text; /* of the narration under way */
	size_t text_bytes;
	struct moment moment;
};

/* Replays up to `event`; how it ended is in s->end.  false: stopped by poll. */
bool side_run(struct side *s, uint64_t event, struct diag *d);

/* Takes the view to `event`, which is indexed, with nothing told. */
int view_place(struct timeline *t, uint64_t event, struct diag *d);

/* What happened in the last event done by s. */
struct happening side_happening(const struct side *s);

bool touches(const struct touch *q, const struct side *s, const struct happening *h);

int index_begin(struct timeline *t, struct diag *d);
void index_finish(struct timeline *t);
/* Indexes until event `to`, a checkpoint or the end is reached.  As timeline_seek. */
int index_to(struct timeline *t, uint64_t to, struct diag *d);

/* Runs a reader of the view's image; what a corrupt one leaves half-read stays so. */
void moment_look(struct timeline *t, void (*fn)(void *ctx), void *ctx);

bool timeline_poll(const struct timeline *t, const char *what, uint64_t done, uint64_t total);

/* A trace that can be sought: `path` itself, or what it holds rewritten; fills t->path. */
int timeline_trace(struct timeline *t, struct diag *d);

#endif
