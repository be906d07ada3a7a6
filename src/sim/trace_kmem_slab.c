/*
 * kmem's events of the slab layer:
 *
 *   kmalloc, kmalloc_node                      kmalloc
 *   kmem_cache_alloc, kmem_cache_alloc_node    cache_alloc; before the first of a cache, cache_create
 *   kfree, kmem_cache_free                     kfree or cache_free, whichever the object is
 *
 * Objects are named by their address, which may be a hash of it: that is the same for the
 * same address until the kernel boots again.  A free of an address that no event gave out is
 * of something older, or of something that was given out in bulk, of which there are no
 * events; the size is not told, so nothing can be made of it but a count.  An allocation
 * at a live address implies a free without an event (in bulk, by RCU, or lost).
 *
 * What is asked for is bytes_req, and bytes_alloc is what this kernel gave; the replay
 * compares.  A cache is one (name, bytes_req, bytes_alloc); kernels before 6.1 tell
 * no name.  Its alignment and flags are the simplest with which SLUB's rule makes
 * bytes_alloc of bytes_req.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/ptr_map.h"
#include "sim/trace_kmem.h"

#define OBJECT_MOST UINT64_C(0x400000) /* bytes of a cache's object: KMALLOC_MAX_SIZE */
#define ASKED_MOST  UINT64_C(0xffffffffff) /* of a request that can be told */
#define NAME_BYTES  160u
#define WORD        8u /* kernels of 32 bits round to 4, which is tried first */
#define LINE        64u

enum {
	OF_KMALLOC = 1,
	OF_CACHE
}; /* `what` of a live object; from OF_CACHE on + the cache's slot */

struct kmem_slab {
	struct ptr_map live; /* objects, by address */
	struct ptr_map caches; /* by name and sizes */
	struct ptr_map names; /* by name: given to a cache already */
};

bool kmem_slab_start(struct kmem_reader *k)
{
	struct kmem_slab *s = calloc(1, sizeof *s);

	k->slab = s;
	return s != NULL && ptr_map_init(&s->live) && ptr_map_init(&s->caches) &&
	       ptr_map_init(&s->names);
}

void kmem_slab_stop(struct kmem_reader *k)
{
	struct kmem_slab *s = k->slab;

	if (s == NULL)
		return;
	ptr_map_finish(&s->live);
	ptr_map_finish(&s->caches);
	ptr_map_finish(&s->names);
	free(s);
	k->slab = NULL;
}

/* ---- fields ---- */

enum pointer { POINTER_GOOD, POINTER_NULL, POINTER_HIDDEN, POINTER_MISSING };

static bool text_is(const char *text, size_t bytes, const char *word)
{
	return strlen(word) == bytes && memcmp(text, word, bytes) == 0;
}

/* Before 4.15 a null pointer is as wide as others: "ptr=          (null)". */
static bool is_wide_null(const struct kmem_line *l, const char *text)
{
	while (text < l->end && *text == ' ')
		text++;
	return (size_t)(l->end - text) >= 6 && memcmp(text, "(null)", 6) == 0;
}

/*
 * ptr=: 16 or 8 digits, with 0x or without; (null), (nil), or ZERO_SIZE_PTR, which is 16: nothing;
 * (____ptrval____) and other words: hidden.
 */
static enum pointer get_pointer(const struct kmem_line *l, uint64_t *out)
{
	const char *text;
	size_t n;

	if (!kmem_text(l, "ptr", &text, &n))
		return POINTER_MISSING;
	if (n == 0)
		return is_wide_null(l, text) ? POINTER_NULL : POINTER_MISSING;
	if (text_is(text, n, "(null)") || text_is(text, n, "(nil)"))
		return POINTER_NULL;
	if (!kmem_hex(text, n, out))
		return POINTER_HIDDEN;
	return *out <= 16 ? POINTER_NULL : POINTER_GOOD;
}

/* Addresses have too many digits to mean a name. */
static bool is_number(const char *text, size_t bytes)
{
	uint64_t x;

	return bytes >= 8 && kmem_hex(text, bytes, &x);
}

/* "f+0x12/0x40" less the function's size; trace-cmd's "(f+0x12)" where call_site is a number. */
static uint32_t get_site(struct kmem_reader *k, const struct kmem_line *l)
{
	const char *text = "", *p = l->fields, *cut;
	size_t n = 0;

	kmem_text(l, "call_site", &text, &n);
	while (p < l->end && *p == ' ')
		p++;
	if ((n == 0 || is_number(text, n)) && p < l->end && *p == '(') {
		const char *close = memchr(p, ')', (size_t)(l->end - p));

		if (close != NULL) {
			text = p + 1;
			n = (size_t)(close - text);
		}
	}
	cut = memchr(text, '/', n);
	if (cut != NULL)
		n = (size_t)(cut - text);
	return n == 0 ? 0 : trace_strings_add(&k->r->strings, text, n);
}

/* bytes_req, bytes_alloc, gfp_flags, node and call_site into *ev. */
static int get_request(struct kmem_reader *k, const struct kmem_line *l, struct trace_event *ev,
		       const char **wrong)
{
	const char *text;
	uint64_t node;
	size_t n;

	*wrong = "bytes_req";
	if (!kmem_number(l, "bytes_req", &ev->size) || ev->size > ASKED_MOST)
		return -1;
	*wrong = "bytes_alloc";
	if (kmem_text(l, "bytes_alloc", &text, &n) &&
	    (!kmem_number(l, "bytes_alloc", &ev->arg) || ev->arg > 2 * ASKED_MOST))
		return -1;
	if (kmem_text(l, "gfp_flags", &text, &n))
		ev->gfp = kmem_gfp(k, text, n);
	if (kmem_number(l, "node", &node) && node < 256) { /* -1: any */
		ev->node = (uint8_t)node;
		ev->flags |= node == 0 ? EV_NODE_0 : 0;
	}
	ev->site = get_site(k, l);
	return 0;
}

/* ---- objects ---- */

static void free_cell(struct kmem_reader *k, const struct kmem_line *l, struct ptr_cell *c,
		      uint32_t site)
{
	struct trace_event ev = kmem_event(l, c->what == OF_KMALLOC ? OP_KFREE : OP_CACHE_FREE);

	ev.slot = c->slot;
	ev.slot2 = c->what == OF_KMALLOC ? 0 : c->what - OF_CACHE;
	ev.site = site;
	ptr_map_del(&k->slab->live, c);
	kmem_put(k, ev);
}

/* The object of *ev is born at `ptr`; `what` says of which kind. */
static void give_out(struct kmem_reader *k, const struct kmem_line *l, struct trace_event ev,
		     enum pointer p, uint64_t ptr, uint32_t what)
{
	struct ptr_cell *c = p == POINTER_GOOD ? ptr_map_find(&k->slab->live, ptr) : NULL;
	uint32_t slot;

	if (c != NULL) {
		k->count[KMEM_IMPLIED]++;
		free_cell(k, l, c, 0);
	}
	if (p == POINTER_NULL)
		ev.flags |= EV_NULL;
	if (p == POINTER_HIDDEN)
		k->count[KMEM_HIDDEN]++;
	slot = kmem_put(k, ev);
	if (p == POINTER_GOOD && slot != SLOT_NONE && !ptr_map_put(&k->slab->live, ptr, slot, what))
		k->failed = true;
}

static int on_kmalloc(struct kmem_reader *k, const struct kmem_line *l, const char **wrong)
{
	struct trace_event ev = kmem_event(l, OP_KMALLOC);
	uint64_t ptr = 0;
	enum pointer p = get_pointer(l, &ptr);

	if (get_request(k, l, &ev, wrong) != 0)
		return -1;
	*wrong = "ptr";
	if (p == POINTER_MISSING)
		return -1;
	give_out(k, l, ev, p, ptr, OF_KMALLOC);
	return 0;
}

static int on_any_free(struct kmem_reader *k, const struct kmem_line *l, const char **wrong)
{
	uint64_t ptr = 0;
	enum pointer p = get_pointer(l, &ptr);
	struct ptr_cell *c = p == POINTER_GOOD ? ptr_map_find(&k->slab->live, ptr) : NULL;

	*wrong = "ptr";
	if (p == POINTER_MISSING)
		return -1;
	if (p == POINTER_NULL) {
		struct trace_event ev = kmem_event(l, OP_KFREE);

		ev.flags |= EV_NULL;
		ev.site = get_site(k, l);
		kmem_put(k, ev);
	} else if (c != NULL) {
		free_cell(k, l, c, get_site(k, l));
	} else {
		k->count[p == POINTER_HIDDEN ? KMEM_HIDDEN_FREE : KMEM_OLD_OBJECTS]++;
	}
	return 0;
}

/* ---- caches ---- */

static uint64_t rounded(uint64_t bytes, uint64_t to)
{
	return (bytes + to - 1) & ~(to - 1);
}

/* The alignment that SLAB_HWCACHE_ALIGN means for objects of that size. */
static uint64_t line_align(uint64_t bytes)
{
	uint64_t line = LINE;

	while (bytes <= line / 2)
		line /= 2;
	return line > WORD ? line : WORD;
}

/* Sets the cache's flags and alignment; false: none leads from its one size to the other. */
static bool explain(struct trace_event *create, uint64_t req, uint64_t alloc)
{
	uint64_t line = line_align(req), more = rounded(req, WORD) + WORD;

	if (alloc == rounded(req, 4) || alloc == rounded(req, WORD))
		return true;
	if (alloc == rounded(req, line)) {
		create->gfp = SLAB_HWCACHE_ALIGN;
		return true;
	}
	if (alloc == more || alloc == rounded(more, line)) {
		create->gfp = alloc == more ? SLAB_TYPESAFE_BY_RCU
					    : SLAB_TYPESAFE_BY_RCU | SLAB_HWCACHE_ALIGN;
		return true;
	}
	for (uint64_t align = 2 * WORD; align <= alloc; align *= 2) {
		if (alloc != rounded(req, align) && alloc != rounded(more, align))
			continue;
		create->arg = align;
		create->gfp = alloc != rounded(req, align) ? SLAB_TYPESAFE_BY_RCU : 0;
		return true;
	}
	return false;
}

/* name=, which may hold blanks, up to the field behind it. */
static size_t get_name(const struct kmem_line *l, char name[NAME_BYTES])
{
	const char *text, *stop;
	size_t n;

	if (!kmem_text(l, "name", &text, &n))
		return 0;
	for (stop = text + n; stop < l->end; stop++)
		if (*stop == '=') {
			while (stop > text && *stop != ' ')
				stop--;
			n = (size_t)(stop - text);
			break;
		}
	n = n < NAME_BYTES - 32 ? n : NAME_BYTES - 32;
	memcpy(name, text, n);
	return n;
}

/* The name by which the cache is known here: its own, unless another size has that already. */
static uint32_t cache_name(struct kmem_reader *k, const char *own, size_t n, uint32_t own_index,
			   uint64_t req)
{
	char name[NAME_BYTES];
	int all;

	if (n != 0 && ptr_map_find(&k->slab->names, own_index) == NULL) {
		if (!ptr_map_put(&k->slab->names, own_index, 0, 1))
			k->failed = true;
		return own_index;
	}
	all = snprintf(name, sizeof name, "%.*s-%llu", n != 0 ? (int)n : 7,
		       n != 0 ? own : "unnamed", (unsigned long long)req);
	return trace_strings_add(&k->r->strings, name, (size_t)all);
}

/* The slot of the line's cache, which is made if it is new; SLOT_NONE: out of memory. */
static uint32_t cache_of(struct kmem_reader *k, const struct kmem_line *l, uint64_t req,
			 uint64_t alloc)
{
	char name[NAME_BYTES];
	size_t n = get_name(l, name);
	uint32_t index = n != 0 ? trace_strings_add(&k->r->strings, name, n) : 0, slot;
	uint64_t key = (uint64_t)index << 44 | (req - 1) << 22 | (alloc - 1);
	struct ptr_cell *c = ptr_map_find(&k->slab->caches, key);
	struct trace_event ev = kmem_event(l, OP_CACHE_CREATE);

	if (c != NULL)
		return c->slot;
	ev.size = req;
	if (!explain(&ev, req, alloc)) {
		ev.size = alloc;
		k->count[KMEM_ODD_CACHES]++;
	}
	ev.tag = cache_name(k, name, n, index, req);
	slot = kmem_put(k, ev);
	if (slot == SLOT_NONE || !ptr_map_put(&k->slab->caches, key, slot, 1))
		k->failed = true;
	return slot;
}

static int on_cache_alloc(struct kmem_reader *k, const struct kmem_line *l, const char **wrong)
{
	struct trace_event ev = kmem_event(l, OP_CACHE_ALLOC);
	uint64_t ptr = 0;
	enum pointer p = get_pointer(l, &ptr);

	if (get_request(k, l, &ev, wrong) != 0)
		return -1;
	if (ev.arg == 0)
		ev.arg = ev.size;
	*wrong = "bytes_req";
	if (ev.size == 0 || ev.size > ev.arg || ev.arg > OBJECT_MOST)
		return -1;
	*wrong = "ptr";
	if (p == POINTER_MISSING)
		return -1;
	ev.slot2 = cache_of(k, l, ev.size, ev.arg);
	ev.size = 0; /* the cache says it */
	if (!k->failed)
		give_out(k, l, ev, p, ptr, OF_CACHE + ev.slot2);
	return 0;
}

const struct kmem_event_kind kmem_slab_events[] = {
	KMEM_KIND("kmalloc", on_kmalloc),
	KMEM_KIND("kmalloc_node", on_kmalloc),
	KMEM_KIND("kfree", on_any_free),
	KMEM_KIND("kmem_cache_alloc", on_cache_alloc),
	KMEM_KIND("kmem_cache_alloc_node", on_cache_alloc),
	KMEM_KIND("kmem_cache_free", on_any_free),
	{NULL, 0, NULL},
};
