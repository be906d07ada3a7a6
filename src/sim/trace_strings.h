/* The strings of a trace: call sites, tags, masters, marker texts; numbered from 1. */
#ifndef SIM_TRACE_STRINGS_H
#define SIM_TRACE_STRINGS_H

#include <stddef.h>
#include <stdint.h>

/* Limits keep a broken trace from filling the host: longer ones and more are refused. */
#define TRACE_STRING_BYTES 65535u
#define TRACE_NR_STRINGS   (1u << 20)

struct trace_strings {
	char **text;      /* [nr]; text[0] is "" */
	uint64_t *hash;   /* [nr]: XXH3 of the text; hash[0] is 0 */
	uint32_t nr;      /* including index 0 */
	uint32_t cap;
	uint32_t *cells;  /* nr_cells: an index, 0 empty */
	uint32_t nr_cells;
};

void trace_strings_init(struct trace_strings *s); /* none but index 0 */
void trace_strings_finish(struct trace_strings *s); /* frees all texts */

/* The index of a text, which is added where it is new.  0: no memory, or a limit. */
uint32_t trace_strings_add(struct trace_strings *s, const char *text, size_t bytes);

/* "" for 0 and for an index that does not exist. */
const char *trace_strings_get(const struct trace_strings *s, uint32_t index);

#endif
