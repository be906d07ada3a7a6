/* What count.c counts. */
#ifndef TESTS_RECORD_COUNT_H
#define TESTS_RECORD_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

struct counts {
	_Atomic uint64_t malloc, calloc, realloc, memalign, free;
};

#endif
