/*
 * Traces that cannot be sought (a pipe), or only by reading from the first line
 * (the text forms), are rewritten in the binary form, in memory.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/timeline_private.h"
#include "sim/trace_copy.h"

static int copy_all(struct timeline *t, struct trace_reader *r, struct trace_writer *w,
		    struct diag *d)
{
	const struct trace_event *ev;
	struct trace_copy c;
	size_t n = 1;
	int err = 0;

	trace_copy_init(&c, r, w);
	while (n != 0 && err == 0) {
		/* What damage follows is told once the events before it are there. */
		if (trace_next(r, &ev, &n, &t->damage) != 0)
			break;
		for (size_t i = 0; i < n && err == 0; i++)
			err = trace_copy_put(&c, &ev[i], d);
		if (timeline_poll(t, "reading the trace", trace_delivered(r), 0))
			err = diag_set(d, t->q.trace, 0, 0, "interrupted while it was read");
	}
	trace_copy_finish(&c);
	return err;
}

static int rewrite(struct timeline *t, struct trace_reader *r, struct diag *d)
{
	static const struct trace_writer_options quick = {.level = 1};
	struct trace_writer *w;
	int fd = memfd_create("memscape-trace", MFD_CLOEXEC);

	t->memfd = fd;
	fd = fd < 0 ? -1 : dup(fd);
	if (fd < 0)
		return diag_set(d, t->q.trace, 0, 0,
				"cannot be kept in memory: no file descriptor");
	w = trace_writer_open_fd(fd, t->q.trace, &quick, d);
	if (w == NULL) {
		close(fd);
		return -1;
	}
	if (copy_all(t, r, w, d) != 0) {
		trace_writer_abort(w);
		return -1;
	}
	if (trace_writer_close(w, d) != 0)
		return -1;
	return asprintf(&t->path, "/proc/self/fd/%d", t->memfd) < 0
		       ? diag_set(d, "", 0, 0, "out of host memory")
		       : 0;
}

int timeline_trace(struct timeline *t, struct diag *d)
{
	struct trace_reader *r = trace_open(t->q.trace, d);
	struct trace_info info;
	int err = 0;

	if (r == NULL)
		return -1;
	trace_get_info(r, &info);
	if (info.seekable && strncmp(info.format, "memscape-binary", 15) == 0 && info.events != 0)
		t->path = strdup(t->q.trace);
	else
		err = rewrite(t, r, d);
	trace_close(r);
	if (err == 0 && t->path == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	return err;
}
