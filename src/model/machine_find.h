/* Where machine files are: inside of the loader. */
#ifndef MODEL_MACHINE_FIND_H
#define MODEL_MACHINE_FIND_H

#include "model/diag.h"
#include "model/mem.h"

#define MACHINE_PATH 1024u

/* The file of a machine's name or path into `path`; -1 with *d and the names there are. */
int machine_find(const char *name, char path[MACHINE_PATH], struct diag *d) MUST_USE;

#endif
