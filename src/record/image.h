/*
 * One program image (a process from its start or fork to its exit or exec) as the
 * recorder sees it: the reading end of its ring, and the trace that comes of it.
 */
#ifndef RECORD_IMAGE_H
#define RECORD_IMAGE_H

#include <stdbool.h>

#include "record/ring.h"
#include "record/translate.h"

#define IMAGE_SNAPSHOTS 64

/* What was live when the image forked, until the child claims it. */
struct snapshot {
	uint64_t pos;
	struct livemap live;
};

enum image_state {
	IMAGE_WAITING, /* for its predecessor to end, its parent's ring to be read up to the fork */
	IMAGE_RUNNING,
	IMAGE_ENDED /* all read, the trace is complete */
};

struct image {
	enum image_state state;
	uint32_t number;
	int32_t pid;
	int pidfd; /* -1: the process was gone already, or the kernel has none */
	bool superseded; /* its process has begun another image */
	const struct image *predecessor; /* that it superseded; NULL: none */
	struct ring *ring;
	uint32_t parts; /* of the ring */
	uint64_t leg; /* that `records` and `phase` are of; UINT64_MAX: none yet */
	const struct ring_record *records;
	uint64_t phase;
	uint64_t head; /* next position to read; ring->head follows in steps */
	/* Since when the record at head is missing while producers wait; 0: it is not. */
	uint64_t stuck_ns;
	struct heap_call call; /* attributes seen, whose call has not come */
	bool attributes; /* there are any */
	struct translator translator;
	struct snapshot snapshots[IMAGE_SNAPSHOTS];
	unsigned nr_snapshots; /* ever taken; the last IMAGE_SNAPSHOTS are kept */
	uint64_t calls, lost, events;
	char command[256];
	uint64_t waited_ns;
};

/* Opens ring file FOLDER/number, of so many parts, and removes its name.  NULL with *d. */
struct image *image_open(const char *folder, uint32_t number, uint32_t parts,
			 struct diag *d) MUST_USE;

/*
 * Reads up to `most` records.  How many were read, 0: none there now.
 * -1 with *d: the trace could not be written.
 */
int image_drain(struct image *im, unsigned most, struct diag *d) MUST_USE;

/* Is a record there to be read? */
bool image_has_record(struct image *im);

/*
 * The process is gone and image_drain found nothing: passes over a record that was
 * begun and never written, if others follow it.  False: nothing follows.
 */
bool image_pass_gap(struct image *im);

/* Has the process, or this image of it, ended?  (What it wrote may still be unread.) */
bool image_process_gone(const struct image *im);

/* Completes the trace and lets go of everything but the counts.  0; -1 with *d. */
int image_end(struct image *im, struct diag *d) MUST_USE;

/*
 * Takes what a child inherits that forked at `pos`; false: not kept, or not yet read up to
 * there.
 */
bool image_claim(struct image *parent, uint64_t pos, struct livemap *out);

void image_free(struct image *im); /* its ring is unmapped, an open trace abandoned */

#endif
