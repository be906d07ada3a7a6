#include "model/fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "model/physmem.h"

/* The machine whose fast port runs on this thread; the handler must not touch another's. */
static _Thread_local const struct physmem *signal_pm;
static _Thread_local struct mm_shared *signal_sh;

const char *mm_fault_name(enum mm_fault_kind kind)
{
	static const char *const names[] = {
		[MM_FAULT_HOLE] = "no memory there",           [MM_FAULT_READONLY] = "read-only",
		[MM_FAULT_SIZE] = "access width not allowed",  [MM_FAULT_ALIGNMENT] = "misaligned",
		[MM_FAULT_UNBACKED] = "no contents simulated",
	};

	return names[kind];
}

static void add_finding(const struct mem *m, struct mm_finding f)
{
	struct mm_shared *sh = m->sh;

	f.event = sh->event;
	f.owner = m->owner;
	if (sh->nr_findings < MM_MAX_FINDINGS)
		sh->finding[sh->nr_findings] = f;
	sh->nr_findings++;
}

_Noreturn static void unwind(const struct mem *m, int how)
{
	m->sh->tainted = true;
	if (m->sh->unwind == NULL)
		abort();
	siglongjmp(*m->sh->unwind, how);
}

void mm_warn(const struct mem *m, const char *what, vaddr_t where)
{
	add_finding(m, (struct mm_finding){.what = what, .where = where.v, .kind = 'w'});
}

_Noreturn void mm_bug(const struct mem *m, const char *what, vaddr_t where)
{
	add_finding(m, (struct mm_finding){.what = what, .where = where.v, .kind = 'b'});
	unwind(m, MM_UNWIND_BUG);
}

void mm_refuse(const struct mem *m, enum mm_refusal why)
{
	m->sh->refusal = (uint8_t)why;
}

_Noreturn static void fault(const struct mem *m, enum mm_fault_kind kind, vaddr_t a, unsigned bytes,
			    bool store)
{
	add_finding(m, (struct mm_finding){.what = mm_fault_name(kind),
					   .where = a.v,
					   .kind = 'f',
					   .fault = (uint8_t)kind,
					   .bytes = (uint8_t)bytes,
					   .store = store});
	unwind(m, MM_UNWIND_FAULT);
}

/*
 * The checked port missed its cached range: find the region and cache it, or
 * fault.  The cache is the only thing written, which is why the cast is fine:
 * no view lies in read-only memory.
 */
void mm_access_slow(const struct mem *m, vaddr_t a, unsigned bytes, bool store)
{
	uint64_t pa = a.v - m->offset;
	int i = physmem_region(m->pm, pa);
	const struct phys_region *r;
	struct mem *cache = (struct mem *)(uintptr_t)m;

	if (i < 0)
		fault(m, MM_FAULT_HOLE, a, bytes, store);
	r = &m->pm->regions[i];
	if (r->bytes - (pa - r->base) < bytes)
		fault(m, MM_FAULT_HOLE, a, bytes, store);
	if (r->kind != REGION_RAM && store && r->kind != REGION_MMIO)
		fault(m, MM_FAULT_READONLY, a, bytes, store);
	if (r->kind != REGION_RAM)
		fault(m, MM_FAULT_UNBACKED, a, bytes, store);
	if ((r->sizes & bytes) == 0)
		fault(m, MM_FAULT_SIZE, a, bytes, store);
	if (store && m->readonly)
		fault(m, MM_FAULT_READONLY, a, bytes, store);
	if (m->strict_align && (pa & (bytes - 1)) != 0)
		fault(m, MM_FAULT_ALIGNMENT, a, bytes, store);
	cache->ok_base = r->base;
	cache->ok_bytes = r->bytes;
	cache->ok_sizes = r->sizes;
}

static void on_signal(int sig, siginfo_t *info, void *ucontext)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	const struct physmem *pm = signal_pm;

	(void)ucontext;
	if (pm != NULL && at >= (uintptr_t)pm->mapping &&
	    at - (uintptr_t)pm->mapping < pm->mapping_bytes && signal_sh->unwind != NULL) {
		signal_sh->tainted = true;
		siglongjmp(*signal_sh->unwind, MM_UNWIND_SIGNAL);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

void mm_catch_signals(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = on_signal;
	sa.sa_flags = SA_SIGINFO | SA_NODEFER;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

void mm_signal_machine(const struct physmem *pm, struct mm_shared *sh)
{
	signal_pm = pm;
	signal_sh = sh;
}
