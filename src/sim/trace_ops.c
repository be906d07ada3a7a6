#include "sim/trace_ops.h"

#include "sim/trace.h"

static const struct {
	const char *word;
	uint8_t group, life;
} ops[NR_TRACE_OPS] = {
#define X(NAME, word, group, life) [OP_##NAME] = {word, TG_##group, LIFE_##life},
	TRACE_OPS(X)
#undef X
};

const char *trace_op_word(enum trace_op op)
{
	return op < NR_TRACE_OPS ? ops[op].word : "?";
}

enum trace_group trace_op_group(enum trace_op op)
{
	return op < NR_TRACE_OPS ? ops[op].group : TG_NONE;
}

enum trace_life trace_op_life(enum trace_op op)
{
	return op < NR_TRACE_OPS ? ops[op].life : LIFE_N;
}

bool trace_op_has_slot(enum trace_op op)
{
	return trace_op_life(op) != LIFE_N && trace_op_group(op) != TG_ARENA;
}

bool trace_op_has_slot2(enum trace_op op)
{
	switch (op) {
	case OP_CACHE_ALLOC:
	case OP_CACHE_FREE:
	case OP_MEMPOOL_ALLOC:
	case OP_MEMPOOL_FREE:
	case OP_KMAP:
	case OP_KMAP_ATOMIC:
	case OP_FORK:
	case OP_SPLIT_PAGES:
	case OP_ZONE_SPLIT:
		return true;
	default:
		return false;
	}
}
