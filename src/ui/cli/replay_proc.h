/* replay --proc: the kernel's own files, of the end or of one event. */
#ifndef UI_CLI_REPLAY_PROC_H
#define UI_CLI_REPLAY_PROC_H

#include "sim/kernel_write.h"

struct proc {
	const char *dir; /* NULL: not asked for */
	uint64_t at; /* the event; 0: the end */
	struct kernel_texts texts;
	bool taken, failed; /* failed: out of memory */
};

/* Takes the texts, if it is their moment: after event `at`, or, with `end`, at the end. */
void proc_take(struct proc *p, struct replay *r, bool end);

/*
 * Writes them below the folder, which is made; each file is whole or not there.  0, or -1
 * with *d; nothing is written where the event never came.
 */
int proc_commit(struct proc *p, uint64_t events, struct diag *d) MUST_USE;
void proc_finish(struct proc *p); /* zeroed is fine */

#endif
