#include "sim/checkpoint_page.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mask_of(const uint64_t w[64])
{
	uint64_t m = 0;

	for (unsigned i = 0; i < 64; i++)
		m |= (uint64_t)(w[i] != 0) << i;
	return m;
}

struct ckpt_page *ckpt_page_pack(const uint8_t raw[CKPT_PAGE_BYTES])
{
	uint64_t w[CKPT_WORDS], mask[CKPT_WORDS / 64];
	struct ckpt_page *p;
	uint32_t nr = 0;

	memcpy(w, raw, sizeof w);
	for (unsigned g = 0; g < CKPT_WORDS / 64; g++) {
		mask[g] = mask_of(w + 64 * g);
		nr += (uint32_t)__builtin_popcountll(mask[g]);
	}
	p = malloc(sizeof *p + nr * sizeof p->word[0]);
	if (p == NULL)
		return NULL;
	memcpy(p->mask, mask, sizeof mask);
	p->nr = nr;
	p->reserved = 0;
	nr = 0;
	for (unsigned g = 0; g < CKPT_WORDS / 64; g++)
		for (uint64_t m = mask[g]; m != 0; m &= m - 1)
			p->word[nr++] = w[64 * g + (unsigned)__builtin_ctzll(m)];
	return p;
}

void ckpt_page_unpack(const struct ckpt_page *p, uint8_t raw[CKPT_PAGE_BYTES])
{
	const uint64_t *from = p->word;

	memset(raw, 0, CKPT_PAGE_BYTES);
	for (unsigned g = 0; g < CKPT_WORDS / 64; g++)
		for (uint64_t m = p->mask[g]; m != 0; m &= m - 1)
			memcpy(raw + 8 * (64 * g + (unsigned)__builtin_ctzll(m)), from++, 8);
}
