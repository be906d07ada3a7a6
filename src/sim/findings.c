#include "sim/findings.h"

#include <stdio.h>

typedef unsigned long long ull;

static void device_text(const struct replay *r, const struct bad_event *b, char *buf, size_t n)
{
	const struct region *g = &r->sys->machine->regions[b->other];

	if (b->what == 'm')
		snprintf(buf, n, "an access of %llu bytes at 0x%llx: region %s allows no such width",
			 (ull)b->number, (ull)b->where, g->name);
	else if (b->what == 'a')
		snprintf(buf, n, "a misaligned access of %llu bytes at 0x%llx in region %s",
			 (ull)b->number, (ull)b->where, g->name);
	else
		snprintf(buf, n,
			 "an accessor of the wrong byte order at 0x%llx: registers of region %s are "
			 "%s-endian",
			 (ull)b->where, g->name, g->big_endian ? "big" : "little");
}

void finding_text(const struct replay *r, const struct bad_event *b, char *buf, size_t n)
{
	switch (b->what) {
	case 'd':
		snprintf(buf, n,
			 "names an object that is not live (double free, or never allocated)");
		break;
	case 'p':
		snprintf(buf, n, "pointer refused by the allocator");
		break;
	case 'b':
		snprintf(buf, n, "the cache is in use: it cannot be destroyed");
		break;
	case 'f':
		snprintf(buf, n, "page fault: nothing is mapped at 0x%llx", (ull)b->where);
		break;
	case 'w':
		snprintf(buf, n, "protection fault: the page at 0x%llx allows no writes",
			 (ull)b->where);
		break;
	case 'h':
		snprintf(buf, n,
			 "the page at physical 0x%llx lies in HIGHMEM and has no kernel address: "
			 "kmap it first",
			 (ull)b->where);
		break;
	case 'o':
		snprintf(buf, n,
			 "the slot at 0x%llx shows another page by now: a later kmap_atomic took it",
			 (ull)b->where);
		break;
	case 'm':
	case 'a':
	case 'e':
		device_text(r, b, buf, n);
		break;
	default:
		snprintf(buf, n, "expectation not met");
	}
}
