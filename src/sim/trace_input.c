#include "sim/trace_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BUFFER (256u << 10)

int input_open(struct trace_input *in, const char *path, struct diag *d)
{
	struct stat st;
	bool standard = strcmp(path, "-") == 0;

	*in = (struct trace_input){.fd = -1};
	snprintf(in->name, sizeof in->name, "%s", standard ? "standard input" : path);
	in->fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0 || fstat(in->fd, &st) != 0)
		return diag_set(d, in->name, 0, 0, "cannot open: %s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return diag_set(d, in->name, 0, 0, "is a directory, expected a trace");
	in->regular = S_ISREG(st.st_mode) && !standard;
	in->cap = FIRST_BUFFER;
	in->buf = malloc(in->cap + INPUT_SLACK);
	if (in->buf == NULL)
		return diag_set(d, in->name, 0, 0, "out of memory");
	return 0;
}

void input_close(struct trace_input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	free(in->buf);
	in->fd = -1;
	in->buf = NULL;
}

/* Room for `want` bytes from pos on. */
static bool make_room(struct trace_input *in, size_t want)
{
	if (in->pos != 0) {
		memmove(in->buf, in->buf + in->pos, in->end - in->pos);
		in->end -= in->pos;
		in->pos = 0;
	}
	if (want > in->cap) {
		uint8_t *buf = realloc(in->buf, want + INPUT_SLACK);

		if (buf == NULL)
			return false;
		in->buf = buf;
		in->cap = want;
	}
	return true;
}

int input_fill(struct trace_input *in, size_t want, size_t *have, struct diag *d)
{
	if (in->end - in->pos < want && !in->ended && !make_room(in, want))
		return diag_set(d, in->name, 0, 0, "out of memory for %zu bytes", want);
	while (in->end - in->pos < want && !in->ended) {
		ssize_t n = read(in->fd, in->buf + in->end, in->cap - in->end);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_set(d, in->name, 0, 0, "cannot read: %s", strerror(errno));
		in->ended = n == 0;
		in->end += (size_t)n;
	}
	in->buf[in->end] = '\n';
	memset(in->buf + in->end + 1, 0, INPUT_SLACK - 1);
	*have = in->end - in->pos;
	return 0;
}

int input_seek(struct trace_input *in, uint64_t offset, struct diag *d)
{
	if (!in->regular)
		return diag_set(d, in->name, 0, 0, "a pipe cannot be read again");
	if (lseek(in->fd, (off_t)offset, SEEK_SET) < 0)
		return diag_set(d, in->name, 0, 0, "cannot seek: %s", strerror(errno));
	in->pos = in->end = 0;
	in->offset = offset;
	in->ended = false;
	return 0;
}

bool input_peek(const struct trace_input *in, uint64_t offset, void *out, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = pread(in->fd, (char *)out + done, bytes - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

uint64_t input_bytes(const struct trace_input *in)
{
	struct stat st;

	return in->regular && fstat(in->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}
