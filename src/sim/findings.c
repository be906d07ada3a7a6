#include "sim/findings.h"

#include <stdio.h>

typedef unsigned long long ull;

static void device_text(const struct replay *r, const struct bad_event *b, char *buf, size_t n)
{
	const struct region *g = &r->sys->machine->regions[b->other];

	if (b->what == 'm')
		snprintf(buf, n,
			 "an access of %llu bytes at 0x%llx: region %s allows no such width",
			 (ull)b->number, (ull)b->where, g->name);
	else if (b->what == 'a')
		snprintf(buf, n, "a misaligned access of %llu bytes at 0x%llx in region %s",
			 (ull)b->number, (ull)b->where, g->name);
	else
		snprintf(
			buf, n,
			"an accessor of the wrong byte order at 0x%llx: registers of region %s are "
			"%s-endian",
			(ull)b->where, g->name, g->big_endian ? "big" : "little");
}

static void owner_text(const struct bad_event *b, char buf[32])
{
	if (b->slot == SLOT_NONE)
		snprintf(buf, 32, "a CPU's stack");
	else
		snprintf(buf, 32, "the stack of #%u", b->slot);
}

/* Into what an overflow ran. */
static void victim_text(const struct replay *r, const struct bad_event *b, char buf[80])
{
	const char *name = b->alloc != 0 ? r->sys->allocs[b->alloc - 1].name : "nobody";

	if (b->other != SLOT_NONE)
		snprintf(buf, 80, "#%u below it", b->other);
	else
		snprintf(buf, 80, "memory of '%.40s' below it", name);
}

static void stack_text(const struct replay *r, const struct bad_event *b, char *buf, size_t n)
{
	char owner[32], victim[80];

	owner_text(b, owner);
	victim_text(r, b, victim);
	switch (b->what) {
	case 'I':
		snprintf(buf, n,
			 "stack overflow: %s is full, the frame at 0x%llx writes over %u bytes of "
			 "thread_info and end mark; nothing notices",
			 owner, (ull)b->where, b->nr_holders);
		break;
	case 'S':
		snprintf(buf, n,
			 "stack overflow: from %s the frame at 0x%llx runs over %u bytes of "
			 "thread_info and end mark, and %llu bytes into %s; nothing notices",
			 owner, (ull)b->where, b->nr_holders, (ull)b->number, victim);
		break;
	case 'G':
		snprintf(buf, n,
			 "stack overflow: the unmapped page below %s catches a frame that would "
			 "reach 0x%llx, %llu bytes too far: nothing is overwritten, the task is "
			 "killed",
			 owner, (ull)b->where, (ull)b->number);
		break;
	case 'E':
		snprintf(buf, n, "the end mark of %s is overwritten: noticed only now", owner);
		break;
	case 'X':
		snprintf(buf, n,
			 "a return on %s through the frame at 0x%llx, which was overwritten: a "
			 "kernel would crash here",
			 owner, (ull)b->where);
		break;
	case 'U':
		snprintf(buf, n, "more is popped from %s than was pushed", owner);
		break;
	default:
		snprintf(buf, n, "no interrupt to leave on this CPU, no such CPU, or too many "
				 "interrupts in each other");
	}
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
		snprintf(
			buf, n,
			"the slot at 0x%llx shows another page by now: a later kmap_atomic took it",
			(ull)b->where);
		break;
	case 'm':
	case 'a':
	case 'e':
		device_text(r, b, buf, n);
		break;
	case 'I':
	case 'S':
	case 'G':
	case 'E':
	case 'X':
	case 'U':
	case 'Q':
		stack_text(r, b, buf, n);
		break;
	default:
		snprintf(buf, n, "expectation not met");
	}
}

const char *fault_region(const struct system *s, uint64_t va)
{
	int i = physmem_region(&s->pm, va - s->offset);

	return i < 0 ? NULL : s->machine->regions[i].name;
}

void fault_text(const struct replay *r, char *buf, size_t n)
{
	const char *op = trace_op_word((enum trace_op)r->fault_op), *region;
	ull event = (ull)r->fig->event;
	const struct mm_finding *f;

	if (r->fault == 0 || r->fault > MM_MAX_FINDINGS) {
		snprintf(buf, n, "event %llu (%s) faulted, after many findings", event, op);
		return;
	}
	f = &r->sys->sh.finding[r->fault - 1];
	region = fault_region(r->sys, f->where);
	if (f->kind == 'f')
		snprintf(buf, n, "event %llu (%s) faulted: %s, a %s of %u bytes at 0x%llx in %s%s",
			 event, op, f->what, f->store ? "store" : "load", f->bytes, (ull)f->where,
			 region != NULL ? "region " : "no region", region != NULL ? region : "");
	else
		snprintf(buf, n, "event %llu (%s) faulted: %s, at 0x%llx", event, op, f->what,
			 (ull)f->where);
}
