/* The port's out-of-line half: block operations, row lookup, long searches. */
#include "model/mem.h"

#include <string.h>

#include "model/fault.h"
#include "model/physmem.h"

struct mm_row *mm_row_find(struct mem *m, uint64_t pa)
{
	int i = physmem_region(m->pm, pa);

	if (i < 0)
		mm_bug(m, "accounting outside every region", (vaddr_t){pa + m->offset});
	m->sh->row_finds++;
	m->row_base = m->pm->regions[i].base;
	m->row_bytes = m->pm->regions[i].bytes;
	m->row = &m->rows[i];
	return m->row;
}

/*
 * Checks that [a, a + bytes) is stores' ground as the checked port would, first
 * and last byte and every region border between; returns the window offset.
 */
static uint64_t range_off(const struct mem *m, vaddr_t a, msize_t bytes, bool store)
{
	uint64_t pa = (a.v - m->offset) & m->mask;
	int i = physmem_region(m->pm, pa);

	if (i < 0 || m->pm->regions[i].kind != REGION_RAM || (store && m->readonly))
		mm_access_slow(m, a, 1, store);
	else if (m->pm->regions[i].bytes - (pa - m->pm->regions[i].base) < bytes)
		mm_access_slow(
			m, (vaddr_t){a.v + m->pm->regions[i].bytes - (pa - m->pm->regions[i].base)},
			1, store);
	return pa;
}

void mm_watch_store(struct mm_watch *w, uint64_t off, uint64_t bytes)
{
	for (uint64_t f = off >> MM_TOUCH_SHIFT; f <= (off + bytes - 1) >> MM_TOUCH_SHIFT; f++)
		w->dirty[f] = 1;
	if (w->nr < w->room)
		w->log[w->nr++] = (struct mm_stored){off, (uint32_t)bytes};
}

static void touch(const struct mem *m, uint64_t off, msize_t bytes)
{
	mm_watched(m, off, bytes);
	for (uint64_t f = off >> MM_TOUCH_SHIFT; f <= (off + bytes - 1) >> MM_TOUCH_SHIFT; f++)
		m->touched[f] = true;
}

void mm_fill(const struct mem *m, vaddr_t a, uint8_t byte, msize_t bytes)
{
	uint64_t off;

	if (bytes == 0)
		return;
	off = range_off(m, a, bytes, true);
	touch(m, off, bytes);
	memset(m->window + off, byte, bytes);
}

/* Bytes of [off, end) that lie in the frame of off. */
static uint64_t in_frame(uint64_t off, uint64_t end)
{
	uint64_t stop = round_down(off, MM_TOUCH_BYTES) + MM_TOUCH_BYTES;

	return (stop < end ? stop : end) - off;
}

void mm_zero(const struct mem *m, vaddr_t a, msize_t bytes)
{
	uint64_t off, end;

	if (bytes == 0)
		return;
	off = range_off(m, a, bytes, true);
	for (end = off + bytes; off < end;) {
		uint64_t n = in_frame(off, end);

		if (m->touched[off >> MM_TOUCH_SHIFT]) {
			mm_watched(m, off, n);
			memset(m->window + off, 0, n);
		}
		off += n;
	}
}

/*
 * Copies n bytes within one frame at each side.  From a frame never touched, which is
 * zero, to another one nothing needs to be stored: most of what a realloc moves was
 * never written, and the host need not give pages for it.
 */
static void copy_piece(const struct mem *m, uint64_t dst, uint64_t src, uint64_t n)
{
	if (m->touched[src >> MM_TOUCH_SHIFT]) {
		m->touched[dst >> MM_TOUCH_SHIFT] = true;
		mm_watched(m, dst, n);
		memcpy(m->window + dst, m->window + src, n);
	} else if (m->touched[dst >> MM_TOUCH_SHIFT]) {
		mm_watched(m, dst, n);
		memset(m->window + dst, 0, n);
	}
}

void mm_copy(const struct mem *m, vaddr_t to, vaddr_t from, msize_t bytes)
{
	uint64_t dst, src, end;

	if (bytes == 0)
		return;
	src = range_off(m, from, bytes, false);
	dst = range_off(m, to, bytes, true);
	for (end = dst + bytes; dst < end;) {
		uint64_t n = in_frame(dst, end), k = in_frame(src, src + n);

		n = k < n ? k : n;
		copy_piece(m, dst, src, n);
		dst += n;
		src += n;
	}
}

/* Bucket of a search of `steps` >= MM_SEARCH_EXACT: 32 to a power of two. */
static unsigned search_bucket(uint64_t steps)
{
	unsigned top = msb(steps);

	return MM_SEARCH_EXACT + (top - 6) * 32 + (unsigned)((steps >> (top - 5)) & 31);
}

void mm_search_long(const struct mem *m, uint64_t steps)
{
	struct mm_search *s = m->search;

	if (steps > s->max) {
		s->max = steps;
		s->max_event = m->sh->event;
	}
	s->bucket[steps < MM_SEARCH_EXACT ? steps : search_bucket(steps)]++;
}
