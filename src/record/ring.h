/*
 * What the recorded process and the recorder share: a ring of call records in
 * shared memory, one ring for each program image, and one control page for all.
 *
 * The recorded process only writes 16-byte records; naming slots, encoding and
 * compressing is the recorder's work, in its own process.  A record is in shared
 * memory as soon as it is written, so a process that is killed loses nothing.
 *
 * Order.  A record's position is taken from one counter of the process: for free
 * before the block is given back, for an allocation after it was received.  So a
 * free always comes before the allocation that reuses the address, whichever
 * threads make them.  realloc may give back its old block while it runs: with
 * several threads CALL_REALLOC_BEGIN takes the old name out before.
 *
 * A call is one record, preceded by records of its attributes (old address,
 * alignment, time, ...) at adjacent positions.
 *
 * Legs.  Positions are divided into legs of 2048 records.  The process lays each leg
 * onto a part of the file: one whose records have been read, the oldest first, or
 * else a fresh one.  So few parts stay in use, and in the caches, while the recorder
 * keeps up; and the process can run far ahead when it does not.
 *
 *     position     | leg ............... | record in it, 11 bits |
 *     map[leg % RING_LEGS] = part << 1 | phase
 *     descriptor   63            22 21      6 5       1 0
 *                 | size, 42 bits  | thread  | kind    | phase |
 *
 * A record is published by the store of its descriptor, whose phase bit alternates
 * from use to use of its part (the first is 1); nothing is ever cleared.
 */
#ifndef RECORD_RING_H
#define RECORD_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_MAGIC     0x676e6972736d656dULL /* "memsring" */
#define RING_ENV       "MEMSCAPE_RECORD" /* names the session's folder to recorded processes */
#define RING_LEG_SHIFT 11
#define RING_LEG                                                                                   \
	(UINT64_C(1)                                                                               \
	 << RING_LEG_SHIFT) /* records; a producer looks after the recorder this often */
#define RING_LEGS       16384u /* in use at once, at most: 512 MiB */
#define RING_LEGS_LEAST 16u
#define CONTROL_RINGS   65536 /* images in one session */

enum ring_kind {
	CALL_MALLOC, /* value: the address received, 0: failed; size: bytes asked */
	CALL_CALLOC, /* after ATTR_COUNT; size: the product, all ones: it overflowed */
	CALL_REALLOC, /* after ATTR_OLD */
	CALL_REALLOC_BEGIN, /* value: the old address; its CALL_REALLOC follows in this thread */
	CALL_MEMALIGN, /* after ATTR_ALIGN */
	CALL_FREE, /* value: the address */
	CALL_FORK, /* the process forks here: a child inherits what is live */
	ATTR_OLD,
	ATTR_ALIGN,
	ATTR_COUNT,
	ATTR_SIZE, /* a size that does not fit the descriptor */
	ATTR_TIME, /* ns, CLOCK_MONOTONIC */
	ATTR_SITE, /* return address of the call */
	NR_RING_KINDS
};

#define RING_ATTRS     5 /* attributes of one call, at most */
#define RING_SIZE_BITS 42

struct ring_record {
	_Atomic uint64_t value;
	_Atomic uint64_t descriptor;
};

/* The beginning of a ring's file; the parts follow. */
struct ring {
	uint64_t magic;
	int32_t pid;
	/* Number of the ring that this image was forked from, or one of the next two. */
	uint32_t parent;
	uint64_t parent_pos; /* position of the CALL_FORK in it */
	char command[256];
	_Alignas(64) _Atomic uint64_t head; /* written by the recorder: everything before is read */
	_Alignas(64) _Atomic uint64_t legs; /* laid so far: no record is stored beyond them */
	_Atomic uint32_t waiting; /* producers that wait for head to move */
	_Atomic uint64_t waited_ns;
	_Alignas(64) _Atomic uint32_t map[RING_LEGS];
};

#define RING_NO_PARENT UINT32_MAX /* begun by exec: nothing was inherited */
#define RING_LOST_PARENT                                                                           \
	(UINT32_MAX - 1) /* forked past the fork handlers: what was inherited is unknown */
#define RING_HEADER_BYTES 69632u
#define RING_PART_BYTES   ((size_t)RING_LEG * sizeof(struct ring_record))

_Static_assert(sizeof(struct ring) <= RING_HEADER_BYTES, "the parts begin on a page");

enum ring_state { RING_ABSENT, RING_READY, RING_FAILED };

/* The session's control page, file "control" in its folder. */
struct control {
	uint64_t magic;
	int32_t recorder; /* its process id */
	uint32_t times, sites; /* attributes wanted */
	uint32_t parts; /* of every ring, at most RING_LEGS */
	_Atomic uint32_t closed; /* the recorder reads no more: nobody may wait for it */
	_Atomic uint32_t bell; /* futex: counts rings being started and legs run */
	_Atomic uint32_t sleeping; /* the recorder waits at the bell */
	_Atomic uint32_t nr_rings; /* numbers given out; may exceed CONTROL_RINGS */
	_Atomic uint32_t nr_unrecorded; /* images that could not make a ring */
	_Atomic uint8_t state[CONTROL_RINGS]; /* enum ring_state, of file "NUMBER" in the folder */
};

/*
 * The writing end, private to a process.  `limit` is where the next look at the
 * recorder is due; 0 (also after a fork, which wipes these pages): not started.
 * The leg that begins at the limit is laid already, for threads that pass it together.
 */
struct producer {
	_Alignas(4096) _Atomic uint64_t tail; /* next position to give out; alone in its pages */
	_Atomic uint64_t limit;
	bool extras; /* times or sites are wanted */
	_Atomic bool locked; /* a thread lays a leg */
	uint32_t fresh; /* parts used so far */
	uint32_t parts; /* that may be used */
	uint64_t reused; /* legs whose part was given to another */
	struct ring *ring;
	struct control *control;
	_Atomic uintptr_t legs[RING_LEGS]; /* address of the leg's first record | phase */
};

static inline size_t ring_bytes(uint32_t parts)
{
	return RING_HEADER_BYTES + parts * RING_PART_BYTES;
}

static inline uint64_t ring_descriptor(enum ring_kind kind, uint32_t thread, uint64_t size)
{
	return size << 22 | (uint64_t)thread << 6 | (uint64_t)kind << 1;
}

static inline bool ring_size_fits(uint64_t size)
{
	return size >> RING_SIZE_BITS == 0;
}

/* Takes n adjacent positions. */
static inline uint64_t ring_reserve(struct producer *p, uint64_t n)
{
	return atomic_fetch_add_explicit(&p->tail, n, memory_order_relaxed);
}

static inline void ring_publish(const struct producer *p, uint64_t pos, uint64_t value,
				uint64_t descriptor)
{
	uintptr_t leg = atomic_load_explicit(&p->legs[pos >> RING_LEG_SHIFT & (RING_LEGS - 1)],
					     memory_order_relaxed);
	struct ring_record *r =
		(struct ring_record *)(leg & ~(uintptr_t)1) + (pos & (RING_LEG - 1));

	atomic_store_explicit(&r->value, value, memory_order_relaxed);
	atomic_store_explicit(&r->descriptor, descriptor | (leg & 1), memory_order_release);
}

#endif
