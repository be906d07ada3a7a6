/*
 * An observer: something that looks at every event and remembers.
 *
 * It changes nothing of the replay.  Its memory is pointer-free, so that a
 * checkpoint can keep it: save and restore are for observers whose memory is more
 * than `size` bytes at `state`, or needs work when it comes back; NULL: a copy.
 */
#ifndef SIM_OBSERVER_H
#define SIM_OBSERVER_H

#include "sim/replay.h"

struct observer {
	const char *name;
	size_t size; /* bytes a checkpoint keeps */
	void *state; /* owned by whoever made the observer */
	void (*on_event)(void *state, const struct replay *r, const struct trace_event *ev);
	void (*save)(const void *state, void *to);
	void (*restore)(void *state, const void *from);
};

#define MAX_OBSERVERS 4u

static inline void observer_save(const struct observer *o, void *to)
{
	if (o->save != NULL)
		o->save(o->state, to);
	else
		__builtin_memcpy(to, o->state, o->size);
}

static inline void observer_restore(const struct observer *o, const void *from)
{
	if (o->restore != NULL)
		o->restore(o->state, from);
	else
		__builtin_memcpy(o->state, from, o->size);
}

#endif
