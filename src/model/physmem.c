#include "model/physmem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#define LARGE_BYTES     (2ull << 20) /* the host's large page */
#define NOISE_MAX_BYTES (256ull << 20)

static uint64_t span_of(const struct phys_region *regions, unsigned nr)
{
	uint64_t end = MM_TOUCH_BYTES;

	for (unsigned i = 0; i < nr; i++)
		if (regions[i].base + regions[i].bytes > end)
			end = regions[i].base + regions[i].bytes;
	return roundup_pow2(end);
}

/* Opens [base, base + bytes), rounded out to host pages. */
static int open_ram(struct physmem *pm, const struct phys_region *r)
{
	uint64_t lo = round_down(r->base, MM_TOUCH_BYTES);
	uint64_t hi = round_up(r->base + r->bytes, MM_TOUCH_BYTES);

	if (lo != r->base || hi != r->base + r->bytes)
		pm->host_aligned = false;
	return mprotect(pm->window + lo, hi - lo, PROT_READ | PROT_WRITE) == 0 ? 0 : -ENOMEM;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t noise_next(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545F4914F6CDD1Dull;
}

static void fill_noise(struct physmem *pm, const struct phys_region *r, uint64_t seed)
{
	uint64_t state = seed ^ (r->base + 1) * 0x9E3779B97F4A7C15ull;

	if (state == 0)
		state = 1;
	for (uint64_t i = 0; i < r->bytes; i++)
		pm->window[r->base + i] = (uint8_t)(noise_next(&state) >> 56);
	for (uint64_t f = r->base >> MM_TOUCH_SHIFT;
	     f <= (r->base + r->bytes - 1) >> MM_TOUCH_SHIFT; f++)
		pm->touched[f] = true;
}

static int open_regions(struct physmem *pm, uint64_t noise)
{
	uint64_t ram = 0;

	for (unsigned i = 0; i < pm->nr_regions; i++) {
		if (pm->regions[i].kind != REGION_RAM)
			continue;
		ram += pm->regions[i].bytes;
		if (open_ram(pm, &pm->regions[i]) != 0)
			return -ENOMEM;
	}
	if (noise == 0)
		return 0;
	if (ram > NOISE_MAX_BYTES)
		return -ERANGE;
	for (unsigned i = 0; i < pm->nr_regions; i++)
		if (pm->regions[i].kind == REGION_RAM)
			fill_noise(pm, &pm->regions[i], noise);
	return 0;
}

/* The first large page that begins in a mapping, so that the host's lie as the machine's. */
static uint8_t *large_begin(void *mapping)
{
	uintptr_t at = (uintptr_t)mapping;

	return (uint8_t *)mapping + (round_up(at, LARGE_BYTES) - at);
}

int physmem_init(struct physmem *pm, const struct phys_region *regions, unsigned nr, uint64_t noise)
{
	struct phys_region *copy = calloc(nr ? nr : 1, sizeof *copy);
	uint64_t bytes = span_of(regions, nr);
	int err;

	*pm = (struct physmem){
		.mask = bytes - 1, .host_aligned = true, .regions = copy, .nr_regions = nr};
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, regions, nr * sizeof *copy);
	pm->frames = bytes >> MM_TOUCH_SHIFT;
	pm->mapping_bytes = 2 * bytes + LARGE_BYTES;
	pm->mapping = mmap(NULL, pm->mapping_bytes, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pm->mapping == MAP_FAILED) {
		pm->mapping = NULL;
		physmem_finish(pm);
		return -ENOMEM;
	}
	pm->window = large_begin(pm->mapping);
	pm->touched = mmap(NULL, 2 * pm->frames, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pm->touched == MAP_FAILED)
		pm->touched = NULL;
	err = pm->touched == NULL ? -ENOMEM : open_regions(pm, noise);
	if (err != 0)
		physmem_finish(pm);
	return err;
}

void physmem_finish(struct physmem *pm)
{
	if (pm->mapping != NULL)
		munmap(pm->mapping, pm->mapping_bytes);
	if (pm->touched != NULL)
		munmap(pm->touched, 2 * pm->frames);
	free((void *)(uintptr_t)pm->regions);
	*pm = (struct physmem){0};
}

int physmem_region(const struct physmem *pm, uint64_t pa)
{
	unsigned lo = 0, hi = pm->nr_regions;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (pa < pm->regions[mid].base)
			hi = mid;
		else if (pa - pm->regions[mid].base >= pm->regions[mid].bytes)
			lo = mid + 1;
		else
			return (int)mid;
	}
	return -1;
}

void physmem_dense(const struct physmem *pm, uint64_t pa, uint64_t bytes)
{
	int i = physmem_region(pm, pa);
	uint64_t lo, hi, end;

	if (i < 0 || pm->regions[i].kind != REGION_RAM)
		return;
	lo = round_down(pa, LARGE_BYTES);
	hi = round_up(pa + bytes, LARGE_BYTES);
	end = round_down(pm->regions[i].base + pm->regions[i].bytes, LARGE_BYTES);
	if (lo < pm->regions[i].base)
		lo += LARGE_BYTES;
	if (hi > end)
		hi = end;
	if (lo < hi)
		(void)madvise(pm->window + lo, hi - lo, MADV_HUGEPAGE);
}

void physmem_view(const struct physmem *pm, struct mem *m, uint64_t offset)
{
	*m = (struct mem){
		.window = pm->window,
		.mask = pm->mask,
		.offset = offset,
		.touched = pm->touched,
		.marks = (uintptr_t)pm->touched - ((uintptr_t)pm->window >> MM_TOUCH_SHIFT),
		.pm = pm,
	};
}

/*
 * Calls fn for each RAM frame's index; frames shared by two regions come once.
 */
static void each_ram_frame(const struct physmem *pm, void (*fn)(void *ctx, uint64_t frame),
			   void *ctx)
{
	uint64_t done = 0;

	for (unsigned i = 0; i < pm->nr_regions; i++) {
		const struct phys_region *r = &pm->regions[i];
		uint64_t f = r->base >> MM_TOUCH_SHIFT;
		uint64_t end = (r->base + r->bytes + MM_TOUCH_BYTES - 1) >> MM_TOUCH_SHIFT;

		if (r->kind != REGION_RAM)
			continue;
		for (f = f > done ? f : done; f < end; f++)
			if (pm->touched[f])
				fn(ctx, f);
		done = end > done ? end : done;
	}
}

struct copy_ctx {
	struct physmem *to;
	const struct physmem *from;
};

static void copy_frame(void *ctx, uint64_t f)
{
	struct copy_ctx *c = ctx;

	memcpy(c->to->window + (f << MM_TOUCH_SHIFT), c->from->window + (f << MM_TOUCH_SHIFT),
	       MM_TOUCH_BYTES);
	c->to->touched[f] = true;
}

static void clear_frame(void *ctx, uint64_t f)
{
	struct copy_ctx *c = ctx;

	if (c->from->touched[f])
		return;
	memset(c->to->window + (f << MM_TOUCH_SHIFT), 0, MM_TOUCH_BYTES);
	c->to->touched[f] = false;
}

void physmem_copy(struct physmem *to, const struct physmem *from)
{
	struct copy_ctx c = {to, from};

	each_ram_frame(to, clear_frame, &c);
	each_ram_frame(from, copy_frame, &c);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

struct hash_ctx {
	const struct physmem *pm;
	XXH3_state_t *state;
};

static void hash_frame(void *ctx, uint64_t f)
{
	struct hash_ctx *h = ctx;
	const uint8_t *p = h->pm->window + (f << MM_TOUCH_SHIFT);

	if (all_zero(p, MM_TOUCH_BYTES))
		return;
	XXH3_128bits_update(h->state, &f, sizeof f);
	XXH3_128bits_update(h->state, p, MM_TOUCH_BYTES);
}

struct image_hash physmem_hash(const struct physmem *pm)
{
	struct hash_ctx h = {pm, XXH3_createState()};
	XXH128_hash_t x;

	if (h.state == NULL)
		abort();
	XXH3_128bits_reset(h.state);
	each_ram_frame(pm, hash_frame, &h);
	x = XXH3_128bits_digest(h.state);
	XXH3_freeState(h.state);
	return (struct image_hash){x.high64, x.low64};
}

static void count_frame(void *ctx, uint64_t f)
{
	(void)f;
	++*(uint64_t *)ctx;
}

uint64_t physmem_touched(const struct physmem *pm)
{
	uint64_t n = 0;

	each_ram_frame(pm, count_frame, &n);
	return n;
}

bool physmem_read(const struct physmem *pm, uint64_t pa, void *buf, size_t bytes)
{
	int r = physmem_region(pm, pa);

	if (r < 0 || pm->regions[r].kind != REGION_RAM ||
	    pm->regions[r].bytes - (pa - pm->regions[r].base) < bytes)
		return false;
	memcpy(buf, pm->window + pa, bytes);
	return true;
}
