/* Between the files of kernel_write. */
#ifndef SIM_KERNEL_WRITE_PRIVATE_H
#define SIM_KERNEL_WRITE_PRIVATE_H

#include <stdio.h>

#include "sim/figures.h"
#include "sim/kernel_write.h"

/* A zone, read from the image before anything is printed: a corrupt one may fault. */
struct zone_reading {
	struct replay *r;
	struct sys_alloc *pages;
	unsigned zone;
	struct zone_figures figures;
	struct free_area area;
	uint64_t by_type[MIGRATE_LISTS][64], blocks[MIGRATE_LISTS];
	bool typed; /* by_type and blocks are told */
	unsigned block_order; /* of a pageblock; 0: there are none */
};

/* kernel_write_zone.c */
void kernel_write_zoneinfo(struct replay *r, struct zone_reading *z, FILE *out);
/* kernel_write_virtual.c */
void kernel_write_vmallocinfo(struct replay *r, FILE *out);
void kernel_write_iomem(struct replay *r, FILE *out);
/* kernel_write_slabs.c */
void kernel_write_slabinfo(struct replay *r, FILE *out);

#endif
