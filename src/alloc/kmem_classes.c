/* kmem: the table of kmalloc's sizes. */
#include "alloc/kmem_classes.h"

void kmalloc_setup(struct kmalloc_classes *k, uint32_t least, uint32_t largest, bool powers)
{
	k->least = least;
	k->largest = largest;
	k->powers = powers;
	for (uint32_t i = 0; i < KMALLOC_SMALL / 8; i++) {
		uint32_t size = (i + 1) * 8;
		unsigned index = size <= least ? msb(least) : msb(size - 1) + 1;

		if (size > 64 && size <= 96 && kmalloc_has(k, 1))
			index = 1;
		else if (size > 128 && size <= 192 && kmalloc_has(k, 2))
			index = 2;
		k->index_of[i] = (uint8_t)index;
	}
}
