/*
 * Replay of plain events in bulk: the usual run of a program's trace on one heap,
 * with nobody watching single events.
 */
#ifndef SIM_REPLAY_PLAIN_H
#define SIM_REPLAY_PLAIN_H

#include "sim/replay.h"

/* Can r's heap and options go this way? */
bool replay_is_plain(const struct replay *r);

/*
 * Replays n requests; `other` are the events that PLAIN_OTHER ones name, which go the
 * ordinary way: `step` does one and says whether to go on.
 */
typedef bool plain_step_fn(struct replay *r, const struct trace_event *ev);
enum replay_end replay_plain(struct replay *r, const struct plain_req *req, size_t n,
			     const struct trace_event *other, plain_step_fn *step);

#endif
