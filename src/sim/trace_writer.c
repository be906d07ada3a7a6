/* The writer's part that both encodings share: files, strings, slots, checks. */
#include "sim/trace_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/trace_block.h"
#include "sim/trace_encoder.h"
#include "sim/trace_ops.h"
#include "sim/trace.h"

int trace_writer_write(struct trace_writer *w, const void *bytes, size_t n, struct diag *d)
{
	const char *p = bytes;

	while (n != 0) {
		ssize_t done = write(w->fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			w->failed = true;
			return diag_set(d, w->name, 0, 0, "cannot write: %s", strerror(errno));
		}
		p += done;
		n -= (size_t)done;
		w->offset += (uint64_t)done;
	}
	return 0;
}

static void destroy(struct trace_writer *w)
{
	if (w->encoder != NULL)
		w->encoder->stop(w);
	if (w->fd >= 0)
		close(w->fd);
	slots_finish(&w->slots);
	trace_strings_finish(&w->strings);
	free(w->path);
	free(w->temporary);
	free(w);
}

static struct trace_writer *begin(struct trace_writer *w, int fd, const char *name,
				  const struct trace_writer_options *o, struct diag *d)
{
	w->fd = fd;
	snprintf(w->name, sizeof w->name, "%s", name);
	if (o != NULL)
		w->options = *o;
	if (w->options.block_events == 0 || w->options.block_events > BLOCK_EVENTS)
		w->options.block_events = BLOCK_EVENTS;
	slots_init(&w->slots);
	trace_strings_init(&w->strings);
	w->encoder =
		w->options.encoding == TRACE_TEXT ? &trace_encoder_text : &trace_encoder_binary;
	if (w->encoder->begin(w, d) == 0)
		return w;
	trace_writer_abort(w);
	return NULL;
}

struct trace_writer *trace_writer_open_fd(int fd, const char *name,
					  const struct trace_writer_options *o, struct diag *d)
{
	struct trace_writer *w = calloc(1, sizeof *w);

	if (w == NULL) {
		diag_set(d, name, 0, 0, "out of memory");
		close(fd);
		return NULL;
	}
	return begin(w, fd, name, o, d);
}

/* A device or a pipe is written to as it is: no file may take its name. */
static bool is_special(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static struct trace_writer *open_special(const char *path, const struct trace_writer_options *o,
					 struct diag *d)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		return trace_writer_open_fd(fd, path, o, d);
	diag_set(d, path, 0, 0, "cannot write: %s", strerror(errno));
	return NULL;
}

struct trace_writer *trace_writer_open(const char *path, const struct trace_writer_options *o,
				       struct diag *d)
{
	struct trace_writer *w;

	if (strcmp(path, "-") == 0)
		return trace_writer_open_fd(dup(STDOUT_FILENO), "standard output", o, d);
	if (is_special(path))
		return open_special(path, o, d);
	w = calloc(1, sizeof *w);
	if (w == NULL || (w->path = strdup(path)) == NULL ||
	    asprintf(&w->temporary, "%s.tmp%ld", path, (long)getpid()) < 0) {
		diag_set(d, path, 0, 0, "out of memory");
		if (w != NULL) {
			free(w->path);
			free(w);
		}
		return NULL;
	}
	w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (w->fd < 0) {
		diag_set(d, path, 0, 0, "cannot create: %s", strerror(errno));
		destroy(w);
		return NULL;
	}
	return begin(w, w->fd, path, o, d);
}

uint32_t trace_writer_string(struct trace_writer *w, const char *text, size_t bytes)
{
	return trace_strings_add(&w->strings, text, bytes);
}

uint64_t trace_writer_events(const struct trace_writer *w)
{
	return w->events;
}

/* ---- events ---- */

static int refuse(const struct trace_writer *w, struct diag *d, const struct trace_event *ev,
		  const char *what)
{
	return diag_set(d, w->name, 0, 0, "event %llu (%s, slot %u): %s",
			(unsigned long long)w->events + 1, trace_op_word(ev->op), ev->slot, what);
}

static bool strings_exist(const struct trace_writer *w, const struct trace_event *ev)
{
	uint32_t nr = w->strings.nr;

	return ev->site < nr && ev->tag < nr && ev->master < nr &&
	       (!trace_op_is_marker(ev->op) || ev->arg < nr);
}

/* NULL: the event may be appended; or what is wrong with it. */
static const char *check(struct trace_writer *w, struct trace_event *ev, bool birth)
{
	if (ev->op >= NR_TRACE_OPS)
		return "unknown operation";
	if ((ev->flags & ~EV_KNOWN_FLAGS) != 0 || ev->reserved != 0)
		return "unknown flag";
	if (!strings_exist(w, ev))
		return "a string index that was never given";
	if (ev->slot2 != 0 && ev->slot2 != SLOT_NONE && trace_op_has_slot2(ev->op) &&
	    ev->slot2 >= w->slots.high)
		return "a second slot that was never given";
	if (ev->slot == SLOT_NONE)
		return NULL;
	if (!trace_op_has_slot(ev->op))
		return "an operation that names no object, with a slot";
	if (birth)
		return slots_reserve(&w->slots, 1) ? NULL : "out of memory for slots";
	return slots_is_live(&w->slots, ev->slot) ? NULL : "the slot is not live";
}

/* Also between blocks of those that went the short way. */
static bool is_stopped(const struct trace_writer *w)
{
	return w->events % 8192 == 0 && w->options.stop != NULL && w->options.stop();
}

int trace_writer_put(struct trace_writer *w, struct trace_event *ev, struct diag *d)
{
	bool birth = ev->op < NR_TRACE_OPS && trace_op_births(ev->op, ev->flags);
	const char *wrong = check(w, ev, birth);

	if (wrong != NULL)
		return refuse(w, d, ev, wrong);
	if (w->failed)
		return refuse(w, d, ev, "an earlier write failed");
	if (is_stopped(w))
		return refuse(w, d, ev, "interrupted");
	if (!(ev->flags & EV_HAS_TIME))
		ev->time_ns = 0;
	if (birth && ev->slot != SLOT_NONE)
		ev->slot = w->slots.head;
	if (w->encoder->put(w, ev, d) != 0)
		return -1;
	if (ev->slot != SLOT_NONE && birth)
		slots_take(&w->slots);
	else if (ev->slot != SLOT_NONE && trace_op_life(ev->op) == LIFE_D)
		slots_give(&w->slots, ev->slot);
	w->events++;
	w->groups |= 1u << trace_op_group(ev->op);
	w->has_time |= ev->flags & EV_HAS_TIME;
	w->has_sites |= ev->site != 0;
	return 0;
}

int trace_writer_malloc(struct trace_writer *w, uint16_t ctx, uint64_t size, uint32_t *slot,
			struct diag *d)
{
	struct trace_event ev = {.op = OP_MALLOC, .ctx = ctx, .size = size};

	if (w->heap != NULL && !w->failed && slots_reserve(&w->slots, 1)) {
		struct heap_event born = {size, w->slots.head, ctx, OP_MALLOC};

		if (block_encoder_heap(w->heap, &born, w->options.block_events)) {
			*slot = slots_take(&w->slots);
			w->events++;
			w->groups |= 1u << TG_HEAP;
			return 0;
		}
	}
	if (trace_writer_put(w, &ev, d) != 0)
		return -1;
	*slot = ev.slot;
	return 0;
}

int trace_writer_free(struct trace_writer *w, uint16_t ctx, uint32_t slot, struct diag *d)
{
	struct trace_event ev = {.op = OP_FREE, .ctx = ctx, .slot = slot};

	if (w->heap != NULL && !w->failed && slots_is_live(&w->slots, slot)) {
		struct heap_event dead = {0, slot, ctx, OP_FREE};

		if (block_encoder_heap(w->heap, &dead, w->options.block_events)) {
			slots_give(&w->slots, slot);
			w->events++;
			w->groups |= 1u << TG_HEAP;
			return 0;
		}
	}
	return trace_writer_put(w, &ev, d);
}

/* ---- the end ---- */

int trace_writer_flush(struct trace_writer *w, struct diag *d)
{
	return w->encoder->flush(w, d);
}

int trace_writer_close(struct trace_writer *w, struct diag *d)
{
	int result = w->encoder->finish(w, d);

	if (close(w->fd) != 0 && result == 0)
		result = diag_set(d, w->name, 0, 0, "cannot write: %s", strerror(errno));
	w->fd = -1;
	if (w->temporary != NULL && result == 0 && rename(w->temporary, w->path) != 0)
		result = diag_set(d, w->name, 0, 0, "cannot rename %s: %s", w->temporary,
				  strerror(errno));
	if (w->temporary != NULL && result != 0)
		unlink(w->temporary);
	destroy(w);
	return result;
}

void trace_writer_abort(struct trace_writer *w)
{
	if (w == NULL)
		return;
	if (w->temporary != NULL)
		unlink(w->temporary);
	destroy(w);
}

void trace_writer_forget(struct trace_writer *w)
{
	destroy(w);
}
