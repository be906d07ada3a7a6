#include "firmware.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t now_ms;
static uint32_t seed = 0x6d656d73;
static uintptr_t heap; /* references count from 16 bytes before the first block */

/* ---- memory ---- */

ref_t fw_ref(void *p)
{
	if (p == NULL) {
		fputs("firmware: out of memory\n", stderr);
		exit(1);
	}
	if (heap == 0) {
		mallopt(M_MMAP_MAX, 0); /* one contiguous heap: every block has a reference */
		heap = (uintptr_t)p - 16;
	}
	return (ref_t)((uintptr_t)p - heap);
}

void *at(ref_t r)
{
	return (void *)(heap + r);
}

ref_t fw_copy(const char *text)
{
	ref_t r = fw_alloc(strlen(text) + 1);

	strcpy(at(r), text);
	return r;
}

/* ---- chance ---- */

uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

uint32_t between(uint32_t least, uint32_t most)
{
	return least + chance(most - least + 1);
}

bool one_in(uint32_t n)
{
	return chance(n) == 0;
}

/* ---- queues ---- */

void queue_put(struct queue *q, ref_t object)
{
	*(ref_t *)at(object) = 0;
	if (q->last != 0)
		*(ref_t *)at(q->last) = object;
	else
		q->first = object;
	q->last = object;
	q->n++;
}

ref_t queue_take(struct queue *q)
{
	ref_t object = q->first;

	if (object == 0)
		return 0;
	q->first = *(ref_t *)at(object);
	if (q->first == 0)
		q->last = 0;
	q->n--;
	return object;
}

/* ---- the kernel ---- */

struct task {
	ref_t next, stack;
	char name[16];
	uint32_t registers[16];
};

ref_t task_create(size_t stack_bytes)
{
	ref_t stack = fw_alloc(stack_bytes), r = fw_alloc(sizeof(struct task));
	struct task *t = at(r);

	memset(at(stack), 0xa5, stack_bytes); /* the pattern that shows how deep it was used */
	memset(t, 0, sizeof *t);
	t->stack = stack;
	return r;
}

void task_delete(ref_t task)
{
	fw_free(((struct task *)at(task))->stack);
	fw_free(task);
}

ref_t message_queue_create(uint32_t length, uint32_t item_bytes)
{
	return fw_alloc(76 + (size_t)length * item_bytes);
}

struct timer {
	ref_t next;
	uint32_t due_ms, arg, kind;
};

#define TIMER_KINDS 16

static ref_t timers; /* by due time */
static timer_fn
	*kinds[TIMER_KINDS]; /* a target's code pointer has 32 bits: the kind stands for it */

static uint32_t kind_of(timer_fn *fn)
{
	uint32_t i = 0;

	while (i < TIMER_KINDS - 1 && kinds[i] != NULL && kinds[i] != fn)
		i++;
	kinds[i] = fn;
	return i;
}

void timer_start(uint32_t in_ms, timer_fn *fn, uint32_t arg)
{
	ref_t r = fw_alloc(sizeof(struct timer)), *link = &timers;
	struct timer *t = at(r);

	*t = (struct timer){0, now_ms + in_ms, arg, kind_of(fn)};
	while (*link != 0 && ((struct timer *)at(*link))->due_ms <= t->due_ms)
		link = &((struct timer *)at(*link))->next;
	t->next = *link;
	*link = r;
}

void timers_run(void)
{
	while (timers != 0 && ((struct timer *)at(timers))->due_ms <= now_ms) {
		ref_t due = timers;
		struct timer t = *(struct timer *)at(due);

		timers = t.next;
		fw_free(due);
		kinds[t.kind](t.arg);
	}
}
