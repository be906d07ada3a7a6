/*
 * A page of a checkpoint: the mask of its 8-byte words that are not zero, and those
 * words, in order.  A frame of scattered headers takes 5 % of what it held.
 */
#ifndef SIM_CHECKPOINT_PAGE_H
#define SIM_CHECKPOINT_PAGE_H

#include <stdint.h>

#define CKPT_PAGE_BYTES 4096u
#define CKPT_WORDS      (CKPT_PAGE_BYTES / 8)

struct ckpt_page {
	uint64_t mask[CKPT_WORDS / 64];
	uint32_t nr; /* words */
	uint32_t reserved;
	uint64_t word[];
};

/* NULL: out of host memory.  Owned by the caller: free. */
struct ckpt_page *ckpt_page_pack(const uint8_t raw[CKPT_PAGE_BYTES]);
void ckpt_page_unpack(const struct ckpt_page *p, uint8_t raw[CKPT_PAGE_BYTES]);

static inline uint64_t ckpt_page_bytes(const struct ckpt_page *p)
{
	return sizeof *p + 8ull * p->nr + 16; /* 16: the host allocator's header, about */
}

#endif
