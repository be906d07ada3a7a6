#include "sim/trace_unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "sim/trace_input.h"

struct unpacker {
	int fd;
	ZSTD_DStream *z;
	ZSTD_inBuffer in;
	size_t room, pending; /* of buf; what zstd still expects of its frame */
	uint8_t *buf;
};

bool is_packed(const uint8_t *head, size_t bytes)
{
	static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

	return bytes >= sizeof magic && memcmp(head, magic, sizeof magic) == 0;
}

struct unpacker *unpacker_create(int fd, const uint8_t *head, size_t bytes)
{
	struct unpacker *u = calloc(1, sizeof *u);

	if (u == NULL)
		return NULL;
	u->fd = fd;
	u->z = ZSTD_createDStream();
	u->room = bytes > ZSTD_DStreamInSize() ? bytes : ZSTD_DStreamInSize();
	u->buf = malloc(u->room);
	if (u->z == NULL || u->buf == NULL) {
		unpacker_destroy(u);
		return NULL;
	}
	memcpy(u->buf, head, bytes);
	u->in = (ZSTD_inBuffer){u->buf, bytes, 0};
	u->pending = 1;
	return u;
}

void unpacker_destroy(struct unpacker *u)
{
	if (u == NULL)
		return;
	ZSTD_freeDStream(u->z);
	free(u->buf);
	free(u);
}

/* More packed bytes; *ended at the end of the file. */
static int refill(struct unpacker *u, bool *ended, const char *name, struct diag *d)
{
	ssize_t n;

	do
		n = read(u->fd, u->buf, u->room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return diag_set(d, name, 0, 0, "cannot read: %s", strerror(errno));
	*ended = n == 0;
	u->in = (ZSTD_inBuffer){u->buf, (size_t)n, 0};
	return 0;
}

int unpacker_read(struct unpacker *u, uint8_t *out, size_t room, size_t *n, const char *name,
		  struct diag *d)
{
	ZSTD_outBuffer o = {out, room, 0};
	bool ended = false;

	while (o.pos == 0 && !ended) {
		if (u->in.pos == u->in.size && refill(u, &ended, name, d) != 0)
			return -1;
		if (ended)
			break;
		u->pending = ZSTD_decompressStream(u->z, &o, &u->in);
		if (ZSTD_isError(u->pending))
			return diag_set(d, name, 0, 0, "is damaged: %s",
					ZSTD_getErrorName(u->pending));
	}
	*n = o.pos;
	if (o.pos == 0 && u->pending != 0)
		return diag_set(d, name, 0, 0, "ends in the middle of a zstd frame");
	return 0;
}

char *read_text_file(const char *path, size_t most, size_t *bytes, struct diag *d)
{
	struct trace_input in;
	size_t have = 0, want = 1u << 20;
	char *text = NULL;

	if (input_open(&in, path, d) != 0)
		return NULL;
	do { /* at least once: a file of a few bytes has ended already */
		if (input_fill(&in, want, &have, d) != 0)
			goto out;
		want *= 2;
	} while (!in.ended && have < most);
	if (have >= most) {
		diag_set(d, path, 0, 0, "is larger than %zu bytes", most);
		goto out;
	}
	text = malloc(have + 1);
	if (text == NULL) {
		diag_set(d, path, 0, 0, "out of memory");
		goto out;
	}
	memcpy(text, input_at(&in), have);
	text[have] = '\0';
	*bytes = have;
out:
	input_close(&in);
	return text;
}
