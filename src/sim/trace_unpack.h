/* Inputs that are zstd-compressed as a whole: unpacked as they are read. */
#ifndef SIM_TRACE_UNPACK_H
#define SIM_TRACE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/diag.h"
#include "model/mem.h"

struct unpacker;

/* Do the first bytes begin a zstd frame? */
bool is_packed(const uint8_t *head, size_t bytes);

/* `head`: bytes of fd that were read already.  NULL: out of memory. */
struct unpacker *unpacker_create(int fd, const uint8_t *head, size_t bytes);
void unpacker_destroy(struct unpacker *u); /* NULL is fine; leaves fd open */

/* Up to `room` bytes; *n is 0 at the end.  -1 with *d: damaged, or cannot read. */
int unpacker_read(struct unpacker *u, uint8_t *out, size_t room, size_t *n, const char *name,
		  struct diag *d) MUST_USE;

/*
 * A whole file of text, unpacked if need be, with a zero behind it; free() it.  NULL
 * with *d: cannot be read, or beyond `most` bytes.
 */
char *read_text_file(const char *path, size_t most, size_t *bytes, struct diag *d) MUST_USE;

#endif
