/* Bytes of a file or a pipe, through one buffer that does not grow with the input. */
#ifndef SIM_TRACE_INPUT_H
#define SIM_TRACE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/diag.h"
#include "model/mem.h"

struct unpacker;

struct trace_input {
	char name[256]; /* as the user named it */
	int fd;
	bool regular; /* a file that can be read again */
	struct unpacker *unpacker; /* of a zstd-compressed input; NULL: it is not */
	bool ended; /* the last byte is in the buffer */
	uint64_t offset; /* of buf[pos] in the input */
	uint8_t *buf;
	size_t pos, end, cap; /* unread: buf[pos .. end), followed by INPUT_SLACK readable bytes */
};

/* Readable beyond the end of what input_fill gave: one newline, then zeros. */
#define INPUT_SLACK 64u

/*
 * Makes standard input a file that every later input_open("-") reads from its beginning: what
 * comes through a pipe goes to a file without a name, which takes the pipe's place.  0, or -1
 * with *d.
 */
int input_keep_stdin(struct diag *d) MUST_USE;

/* "-" is standard input; each reader of a file has its own place in it. */
int input_open(struct trace_input *in, const char *path, struct diag *d) MUST_USE;
void input_close(struct trace_input *in);

/*
 * Reads on until `want` bytes are unread or the input ends; *have is how many are.
 * Pointers into the buffer are void after it.
 */
int input_fill(struct trace_input *in, size_t want, size_t *have, struct diag *d) MUST_USE;

static inline const uint8_t *input_at(const struct trace_input *in)
{
	return in->buf + in->pos;
}

static inline void input_skip(struct trace_input *in, size_t bytes)
{
	in->pos += bytes;
	in->offset += bytes;
}

/* Goes to a byte of a regular file; of a compressed one only to the first. */
int input_seek(struct trace_input *in, uint64_t offset, struct diag *d) MUST_USE;

/*
 * Reads bytes [offset, offset + bytes) of a regular
 * file, not moving.  false: cannot, or shorter.
 */
bool input_peek(const struct trace_input *in, uint64_t offset, void *out, size_t bytes);

/* Size of a regular file, 0 of others. */
uint64_t input_bytes(const struct trace_input *in);

#endif
