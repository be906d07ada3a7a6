/* What several commands share: choosing the machine, numbers, progress, Ctrl-C. */
#ifndef UI_CLI_OPTIONS_H
#define UI_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/machine.h"

#define MAX_SETS 64u

struct machine_choice {
	const char *name, *variant;
	const char *sets[MAX_SETS];
	size_t nr_sets;
};

/* A --set PATH=VALUE of the command.  0, or the status of a usage error, told. */
int choose_set(const char *command, struct machine_choice *c, const char *arg);

/* Loads it, or prints why not and returns NULL. */
struct machine *load_choice(const struct machine_choice *c);

/* A decimal or hex number, or a size with K, M, G. */
bool read_number(const char *text, uint64_t *out);

/* A progress line on standard error when it is a terminal and the work takes over a second. */
struct progress {
	const char *what; /* "events" */
	uint64_t total; /* 0: unknown */
	double begun, shown;
	bool on, printed;
};
void progress_begin(struct progress *p, const char *what, uint64_t total);
void progress_at(struct progress *p, uint64_t done);
void progress_end(struct progress *p);

/* Ctrl-C sets a flag (twice: ends at once). */
void catch_interrupt(void);
bool interrupted(void);

/* Seconds of CPU time of this process, and of wall time. */
double cpu_seconds(void);
double wall_seconds(void);

#endif
