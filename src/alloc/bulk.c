#include "alloc/bulk.h"

enum bulk_stop bulk_ordinary(struct alloc *a, struct bulk *b, const struct plain_req *req, size_t n,
			     size_t *done)
{
	const struct bulk_kind kind = {.malloc = a->ops->bytes->malloc,
				       .free = a->ops->bytes->free};

	return bulk_run(&kind, NULL, a, b, req, n, done);
}
