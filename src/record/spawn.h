/* Starting the command of a recording session. */
#ifndef RECORD_SPAWN_H
#define RECORD_SPAWN_H

#include <sys/types.h>

#include "model/diag.h"
#include "record/session.h"

/*
 * Starts `command` with the library preloaded and the session's folder in its
 * environment; *pid is its process.  0; -1 with *d: it cannot be run.
 */
int spawn_command(const struct record_options *o, const char *folder, char **command, pid_t *pid,
		  struct diag *d) MUST_USE;

/* Of waitpid: the exit status, or 128 + the signal. */
int spawn_status(int wait_status);

#endif
