/*
 * One of two that a trace is replayed against, as people name it: a heap kind, a machine,
 * or settings, in any order and separated by blanks.
 *
 *   tlsf                            another kind serves the user heap
 *   x86_32  x86_32:2g  my.yaml      another machine, with a variant of it
 *   :h742                           a variant of the machine that both have
 *   allocators.heap.bytes=128K      a setting, as behind --set
 */
#ifndef SIM_CONTENDER_H
#define SIM_CONTENDER_H

#include "model/diag.h"
#include "model/machine.h"
#include "sim/system.h"

#define CONTENDER_TEXT  256u
#define CONTENDER_WORDS 16u
#define CONTENDER_SETS  64u /* that both have */
#define CONTENDER_NAME  64u

struct contender {
	char text[CONTENDER_TEXT]; /* the words, cut apart */
	const char *kind, *machine, *variant; /* NULL: not said; point into text */
	const char *sets[CONTENDER_WORDS];
	size_t nr_sets;
};

/* The machine of one who names none, as it was asked for. */
struct contender_base {
	const char *machine, *variant; /* NULL: none is */
	const char *const *sets; /* borrowed */
	size_t nr_sets; /* at most CONTENDER_SETS */
};

/* 0, or -1 with *d: two machines, or too many words.  *c must not be moved. */
int contender_read(struct contender *c, const char *text, struct diag *d) MUST_USE;

/* Is the machine the base's as it is? */
bool contender_stays(const struct contender *c);

/*
 * Its machine: the base's with the base's settings before its own, or another one.  NULL
 * with *d.  Caller: machine_free.
 */
struct machine *contender_machine(const struct contender *c, const struct contender_base *base,
				  struct diag *d) MUST_USE;

/* All its settings in their order, the base's first; how many. */
#define CONTENDER_ALL_SETS (CONTENDER_SETS + CONTENDER_WORDS)
size_t contender_sets(const struct contender *c, const struct contender_base *base,
		      const char *sets[CONTENDER_ALL_SETS]);

/* The kind that serves the heap; else the pages; "": nobody does. */
const char *system_heap_kind(const struct system *s);

/*
 * Its name in a heading: what tells it from the other one.  `said` is its text as given,
 * `kind` what serves its heap.
 */
void contender_name(const struct contender *c, const char *said, const char *machine,
		    const char *kind, char name[CONTENDER_NAME]);

#endif
