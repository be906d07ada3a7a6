/*
 * Machine-wide state of a run, shared by all views: what went wrong, and where
 * to unwind to.
 */
#ifndef MODEL_FAULT_H
#define MODEL_FAULT_H

#include <setjmp.h>

#include "model/mem.h"

struct mmu; /* model/mmu.h */

enum mm_unwind { MM_UNWIND_FAULT = 1, MM_UNWIND_BUG = 2, MM_UNWIND_SIGNAL = 3 };

/* A finding: something wrong, with the event it was seen at. */
struct mm_finding {
	uint64_t event;
	const char *what; /* a literal */
	uint64_t where;   /* address in the view; all ones: none */
	uint8_t owner;
	uint8_t kind;     /* 'w' warning, 'b' bug, 'f' fault */
	uint8_t fault;    /* enum mm_fault_kind, for 'f' */
	uint8_t bytes;    /* access width, for 'f' */
	bool store;       /* for 'f' */
};

#define MM_MAX_FINDINGS 64u

struct mm_shared {
	uint64_t event;   /* number of the event in progress, from 1; 0: boot */
	uint32_t cpu;     /* the CPU it happens on */
	uint8_t refusal;  /* enum mm_refusal of the request in progress */
	uint64_t row_finds; /* times a view went on to another row of the ledger */
	bool tainted;     /* a fault or a bug has left the image undefined */
	uint64_t nr_findings;
	struct mm_finding finding[MM_MAX_FINDINGS]; /* the first ones */
	struct mmu *mmu; /* whose TLBs software flushes; NULL: none */
	sigjmp_buf *unwind; /* where to go; NULL: abort the program (a host bug) */
};

/* Name of a fault kind, for messages: "hole", "read-only", ... */
const char *mm_fault_name(enum mm_fault_kind kind);

/*
 * Catches SIGSEGV and SIGBUS of this process's fast ports: a fault inside the
 * window of the thread's current machine unwinds with MM_UNWIND_SIGNAL, any
 * other is re-raised with the default action.  Installed once; set the machine
 * per thread (NULL: none).
 */
void mm_catch_signals(void);
void mm_signal_machine(const struct physmem *pm, struct mm_shared *sh);

#endif
