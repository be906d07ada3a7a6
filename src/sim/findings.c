#include "sim/findings.h"

#include <stdio.h>

typedef unsigned long long ull;

void finding_text(const struct replay *r, const struct bad_event *b, char *buf, size_t n)
{
	(void)r;
	switch (b->what) {
	case 'd':
		snprintf(buf, n,
			 "names an object that is not live (double free, or never allocated)");
		break;
	case 'p':
		snprintf(buf, n, "pointer refused by the allocator");
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
	default:
		snprintf(buf, n, "expectation not met");
	}
}
