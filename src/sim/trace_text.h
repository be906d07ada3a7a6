/*
 * The native text form's grammar as tables, shared by its reader and writer:
 *
 *   line      = [prefix ...] [name "="] operation [argument ...] [attribute ...] ["#" comment]
 *   prefix    = "@" time | attribute
 *   attribute = key "=" value, or one of the words "failed" and "ctor"
 *
 * docs/formats.md describes it for people.
 */
#ifndef SIM_TRACE_TEXT_H
#define SIM_TRACE_TEXT_H

#include "sim/event.h"

/*
 * The arguments of an operation, a letter each:
 *   i an object   j a second object (optional)   z bytes   n a number (the event's arg)
 *   e an element's bytes (size = arg * e)   o an order   t a name (the tag)   s a marker's text
 */
extern const char *const text_arguments[NR_TRACE_OPS];

/* X(key, field, bit): attributes that are numbers; `bit` is the field's in trace_block.h. */
#define TEXT_NODE_BIT 9
#define TEXT_NUMBERS(X)     \
	X("size", size, 1)  \
	X("align", arg, 2)  \
	X("arg", arg, 2)    \
	X("offset", arg, 2) \
	X("count", arg, 2)  \
	X("dev", arg, 2)    \
	X("granted", arg, 2) \
	X("slot2", slot2, 3) \
	X("ctx", ctx, 7)    \
	X("cpu", cpu, 8)    \
	X("node", node, TEXT_NODE_BIT)  \
	X("order", order, 10)

/* X(key, field, bit): attributes that are strings. */
#define TEXT_STRINGS(X)    \
	X("site", site, 5) \
	X("tag", tag, 6)   \
	X("master", master, 12)

#define TEXT_MIGRATETYPES 3
extern const char *const text_migratetypes[TEXT_MIGRATETYPES];

struct text_flag {
	const char *name;
	uint32_t value;
};

/* GFP names, sets of flags before single flags; ends with a NULL name. */
extern const struct text_flag text_gfp[];
/* The same of cache_create, whose gfp are flags of the cache. */
extern const struct text_flag text_slab_flags[];

/* What the objects' names cannot be. */
#define TEXT_NULL    "null" /* no object: a null pointer */
#define TEXT_UNKNOWN "?"    /* an object that the trace never gave birth to */

#endif
