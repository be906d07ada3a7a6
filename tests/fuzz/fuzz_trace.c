/*
 * Any bytes as a trace.  The first byte says how: an even one, the rest is a file of
 * any format; an odd one, the rest is the number of events and the raw bytes of an
 * events section of a binary trace whose checksums are right.
 *
 * What is delivered must be sound (slots and strings exist, births take slots that
 * are free, deaths name ones that are live), must end with a diagnosis or without
 * one, and, written again in both native forms, must give the same hash.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/trace.h"
#include "sim/trace_binary.h"
#include "sim/trace_ops.h"
#include "sim/trace_writer.h"

#define MAX_SLOTS (1u << 20)

/* A file in memory that can be opened by name. */
struct memory_file {
	int fd;
	char path[64];
};

static void expect(bool sound)
{
	if (!sound)
		abort();
}

static struct memory_file create(void)
{
	struct memory_file f = {.fd = memfd_create("fuzz", 0)};

	expect(f.fd >= 0);
	snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
	return f;
}

static void put_bytes(const struct memory_file *f, const void *bytes, size_t n)
{
	expect(write(f->fd, bytes, n) == (ssize_t)n);
}

static void put_section(const struct memory_file *f, uint32_t kind, uint32_t count, uint64_t first,
			const void *bytes, size_t n)
{
	struct binary_section s = {.kind = kind,
				   .packed = (uint32_t)n,
				   .raw = (uint32_t)n,
				   .count = count,
				   .first = first};

	s.checksum = binary_section_checksum(&s, bytes);
	put_bytes(f, &s, sizeof s);
	put_bytes(f, bytes, n);
}

/* The bytes as an events section of a trace that defines two strings. */
static void put_wrapped(const struct memory_file *f, const uint8_t *data, size_t bytes)
{
	struct binary_header h = {.magic = BINARY_MAGIC, .version = BINARY_VERSION};

	h.checksum = binary_header_checksum(&h);
	put_bytes(f, &h, sizeof h);
	put_section(f, SECTION_STRINGS, 2, 1, "\1a\2bc", 5);
	if (bytes >= 2)
		put_section(f, SECTION_EVENTS, data[0] | (uint32_t)data[1] << 8, 1, data + 2,
			    bytes - 2);
}

/* ---- what was delivered ---- */

struct shadow {
	uint8_t *live;
	struct trace_writer *binary, *text;
};

static void check_event(struct shadow *s, const struct trace_reader *r,
			const struct trace_event *ev)
{
	uint32_t strings = trace_nr_strings(r), slots = trace_slots(r);
	bool birth = trace_op_births(ev->op, ev->flags);

	expect(ev->op < NR_TRACE_OPS && ev->reserved == 0);
	expect(ev->site < strings && ev->tag < strings && ev->master < strings);
	expect(!trace_op_is_marker(ev->op) || ev->arg < strings);
	expect(ev->flags & EV_HAS_TIME || ev->time_ns == 0);
	if (trace_op_has_slot2(ev->op) && ev->slot2 != SLOT_NONE)
		expect(ev->slot2 < slots || ev->slot2 == 0);
	if (ev->slot == SLOT_NONE)
		return;
	expect(ev->slot < slots && slots <= MAX_SLOTS);
	expect(s->live[ev->slot] == !birth);
	s->live[ev->slot] = trace_op_life(ev->op) != LIFE_D;
}

static uint32_t copy_string(struct trace_writer *w, const struct trace_reader *r, uint64_t index)
{
	const char *text = trace_string(r, (uint32_t)index);

	return trace_writer_string(w, text, strlen(text));
}

static void copy_event(struct trace_writer *w, const struct trace_reader *r, struct trace_event ev)
{
	struct diag d = {.msg = ""};
	uint32_t slot = ev.slot;

	ev.site = copy_string(w, r, ev.site);
	ev.tag = copy_string(w, r, ev.tag);
	ev.master = (uint16_t)copy_string(w, r, ev.master);
	if (trace_op_is_marker(ev.op))
		ev.arg = copy_string(w, r, ev.arg);
	expect(trace_writer_put(w, &ev, &d) == 0 && ev.slot == slot);
}

/* Reads a file to its end or its damage; into *s, where it is given. */
static void read_all(const char *path, struct shadow *s, char hash[33], uint64_t *events)
{
	struct diag d = {.msg = ""};
	struct trace_reader *r = trace_open(path, &d);
	const struct trace_event *ev;
	int result;
	size_t n;

	*events = 0;
	hash[0] = '\0';
	if (r == NULL) {
		expect(d.msg[0] != '\0' && strchr(d.msg, '\n') == NULL);
		return;
	}
	trace_want_hash(r);
	while ((result = trace_next(r, &ev, &n, &d)) == 0 && n != 0) {
		*events += n;
		for (size_t i = 0; s != NULL && i < n; i++) {
			check_event(s, r, &ev[i]);
			copy_event(s->binary, r, ev[i]);
			copy_event(s->text, r, ev[i]);
		}
	}
	expect((result != 0) == (d.msg[0] != '\0') && strchr(d.msg, '\n') == NULL);
	expect(s != NULL || result == 0);
	trace_hash(r, hash);
	trace_close(r);
}

/* Written again, the events have the same hash. */
static void read_again(const struct memory_file *f, const char *hash, uint64_t events)
{
	uint64_t again;
	char other[33];

	read_all(f->path, NULL, other, &again);
	expect(events == again && (events == 0 || strcmp(hash, other) == 0));
	close(f->fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct trace_writer_options text = {.encoding = TRACE_TEXT};
	struct diag d = {.msg = ""};
	struct memory_file in, a, b;
	struct shadow s;
	uint64_t events;
	char hash[33];

	if (bytes == 0)
		return 0;
	in = create();
	a = create();
	b = create();
	s.live = calloc(MAX_SLOTS, 1);
	if (data[0] & 1)
		put_wrapped(&in, data + 1, bytes - 1);
	else
		put_bytes(&in, data + 1, bytes - 1);
	s.binary = trace_writer_open_fd(dup(a.fd), "a", NULL, &d);
	s.text = trace_writer_open_fd(dup(b.fd), "b", &text, &d);
	expect(s.live != NULL && s.binary != NULL && s.text != NULL);
	read_all(in.path, &s, hash, &events);
	expect(trace_writer_close(s.binary, &d) == 0 && trace_writer_close(s.text, &d) == 0);
	free(s.live);
	close(in.fd);
	read_again(&a, hash, events);
	read_again(&b, hash, events);
	return 0;
}
