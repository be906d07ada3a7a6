#include "sim/trace_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/trace_unpack.h"

#define FIRST_BUFFER (256u << 10)

/* The next bytes of the file itself; *n is 0 at its end. */
static int read_some(struct trace_input *in, uint8_t *out, size_t room, size_t *n, struct diag *d)
{
	ssize_t got;

	do
		got = read(in->fd, out, room);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return diag_set(d, in->name, 0, 0, "cannot read: %s", strerror(errno));
	*n = (size_t)got;
	return 0;
}

/* Reads the first bytes, which say whether the input is compressed. */
static int begin(struct trace_input *in, struct diag *d)
{
	size_t have = 0, n = 1;

	while (have < 4 && n != 0) {
		if (read_some(in, in->buf + have, in->cap - have, &n, d) != 0)
			return -1;
		have += n;
	}
	in->pos = in->end = 0;
	in->ended = false;
	if (!is_packed(in->buf, have)) {
		in->end = have;
		in->ended = n == 0;
		return 0;
	}
	in->unpacker = unpacker_create(in->fd, in->buf, have);
	return in->unpacker == NULL ? diag_set(d, in->name, 0, 0, "out of memory") : 0;
}

/* ---- standard input ---- */

/* A file from its first byte on? */
static bool stdin_is_file(void)
{
	struct stat st;

	return fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
	       lseek(STDIN_FILENO, 0, SEEK_CUR) == 0;
}

/* A file without a name; in memory where there is no room for it. */
static int nameless_file(void)
{
	const char *folder = getenv("TMPDIR");
	int fd = open(folder != NULL ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : memfd_create("memscape-stdin", MFD_CLOEXEC);
}

static bool write_all(int fd, const char *p, size_t bytes)
{
	while (bytes != 0) {
		ssize_t n = write(fd, p, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		p += n;
		bytes -= (size_t)n;
	}
	return true;
}

static bool copy_stdin(int to)
{
	char block[65536];
	ssize_t n;

	for (;;) {
		n = read(STDIN_FILENO, block, sizeof block);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		if (!write_all(to, block, (size_t)n))
			return false;
	}
}

int input_keep_stdin(struct diag *d)
{
	int fd;
	bool ok;

	if (stdin_is_file())
		return 0;
	fd = nameless_file();
	ok = fd >= 0 && copy_stdin(fd) && lseek(fd, 0, SEEK_SET) == 0 &&
	     dup2(fd, STDIN_FILENO) >= 0;
	if (!ok)
		diag_set(d, "standard input", 0, 0, "cannot be kept: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

/* A file is opened once more, so that each reader has a place of its own. */
static int open_stdin(void)
{
	int fd = stdin_is_file() ? open("/proc/self/fd/0", O_RDONLY | O_CLOEXEC) : -1;

	return fd >= 0 ? fd : dup(STDIN_FILENO);
}

int input_open(struct trace_input *in, const char *path, struct diag *d)
{
	struct stat st;
	bool standard = strcmp(path, "-") == 0, file = standard && stdin_is_file();

	*in = (struct trace_input){.fd = -1};
	snprintf(in->name, sizeof in->name, "%s", standard ? "standard input" : path);
	in->fd = standard ? open_stdin() : open(path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0 || fstat(in->fd, &st) != 0)
		return diag_set(d, in->name, 0, 0, "cannot open: %s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return diag_set(d, in->name, 0, 0, "is a directory, expected a trace");
	in->regular = S_ISREG(st.st_mode) && (!standard || file);
	in->cap = FIRST_BUFFER;
	in->buf = malloc(in->cap + INPUT_SLACK);
	if (in->buf == NULL)
		return diag_set(d, in->name, 0, 0, "out of memory");
	return begin(in, d);
}

void input_close(struct trace_input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	free(in->buf);
	unpacker_destroy(in->unpacker);
	in->unpacker = NULL;
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
		uint8_t *to = in->buf + in->end;
		size_t n, room = in->cap - in->end;

		if (in->unpacker != NULL
			    ? unpacker_read(in->unpacker, to, room, &n, in->name, d) != 0
			    : read_some(in, to, room, &n, d) != 0)
			return -1;
		in->ended = n == 0;
		in->end += n;
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
	if (in->unpacker == NULL)
		return 0;
	unpacker_destroy(in->unpacker);
	in->unpacker = NULL;
	return begin(in, d);
}

bool input_peek(const struct trace_input *in, uint64_t offset, void *out, size_t bytes)
{
	if (in->unpacker != NULL)
		return false;
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

	return in->regular && in->unpacker == NULL && fstat(in->fd, &st) == 0 ? (uint64_t)st.st_size
									      : 0;
}
