/*
 * The report: one JSON tree (memscape.report/1) from which the text is printed
 * and expressions are evaluated.  No host time, path or address is in it.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <jansson.h>

#include "sim/expect.h"
#include "sim/replay.h"

/* What the report says of the run that the replay does not know. */
struct report_run {
	const char *program_version;
	const char *alloc; /* --alloc; NULL */
	const char *const *sets; /* --set, as given */
	size_t nr_sets;
	uint64_t until; /* --until; 0: none */
	enum replay_end end;
	uint64_t noise;
	const char *level; /* --level; NULL: not given */
	bool started; /* --start */
	const struct expect_report *expect; /* --expect; NULL: not given */
	bool image_hash; /* compute it: O(touched frames) */
};

/* The whole report; NULL: out of host memory. Caller: json_decref. */
json_t *report_build(struct replay *r, const struct report_run *run);

/*
 * May a report get this figure, as expressions name it, in the course of the run though it
 * had none at its beginning?  Caches and failures, say; what is not so named is there from
 * the start or never.
 */
bool report_comes_later(const char *path);

#endif
