/*
 * A kernel's events through a whole replay: pages that are really zeroed, blocks that CMA
 * moves with their contents, stacks that overflow in silence, and who owns a page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/run.h"
#include "sim/trace_writer.h"

static char path[] = "/tmp/memscape-test-kernel.XXXXXX";

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void write_trace(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Replays `text`, checked after every event. */
static struct run *run_text(const char *machine, const char *const *sets, size_t nr,
			    struct machine **m, struct run_request q, const char *text)
{
	struct run *r = calloc(1, sizeof *r);
	struct diag d = {0};

	write_trace(text);
	*m = machine_load(machine, NULL, sets, nr, &d);
	if (*m == NULL)
		fail_msg("%s: %s", machine, d.msg);
	assert_non_null(r);
	q.machine = *m;
	q.trace = path;
	q.boot.port = "fast";
	q.replay.check_every = 1;
	if (run_trace(r, &q, &d) != 0)
		fail_msg("%s", d.msg);
	if (r->end != REPLAY_DONE)
		fail_msg("ended %d: %s", r->end, r->replay.problem);
	return r;
}

static void end_run(struct run *r, struct machine *m)
{
	run_finish(r);
	free(r);
	machine_free(m);
}

static uint8_t *bytes_of(const struct run *r, uint32_t slot)
{
	return r->sys.pm.window + live_pa(&r->replay.live.slot[slot]);
}

/* ---- get_zeroed_page ---- */

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* RAM is full of noise: only the pages that are to be zero are. */
static void test_zeroed(void **state)
{
	struct machine *m;
	struct run *r = run_text(
		"stm32h7", NULL, 0, &m, (struct run_request){.boot = {.noise = 7}},
		"a = alloc_pages 0\nb = get_zeroed_page\nc = alloc_pages 2 gfp=__GFP_ZERO\n");

	(void)state;
	assert_false(is_zero(bytes_of(r, 0), 1024));
	assert_true(is_zero(bytes_of(r, 1), 1024));
	assert_true(is_zero(bytes_of(r, 2), 4096));
	end_run(r, m);
}

/* ---- CMA ---- */

struct marking {
	uint64_t first; /* where the block lay before it was moved */
};

/* After the first event its block gets contents. */
static void mark(void *ctx, struct replay *r, const struct trace_event *ev)
{
	struct marking *k = ctx;

	(void)ev;
	if (r->fig->event != 1)
		return;
	k->first = live_pa(&r->live.slot[0]);
	for (unsigned i = 0; i < 16384; i++)
		r->sys->pm.window[k->first + i] = (uint8_t)(i * 7 + i / 4096);
	for (unsigned i = 0; i < 4; i++)
		r->sys->pm.touched[(k->first >> MM_TOUCH_SHIFT) + i] = true;
}

static void test_cma_moves_contents(void **state)
{
	static const char *const sets[] = {
		"machine.rules=linux-6",    "regions.ram.size=63M",
		"allocators.heap.bytes=1M", "allocators.pages.percpu_lists=false",
		"allocators.cma.kind=cma",  "allocators.cma.size=24M",
	};
	struct marking k = {0};
	struct machine *m;
	struct run *r = run_text("x86_32", sets, 6, &m,
				 (struct run_request){.replay = {.after = mark, .event_ctx = &k}},
				 "v = alloc_pages 2 gfp=GFP_USER mt=movable\n"
				 "k = alloc_pages 0 gfp=GFP_KERNEL\n"
				 "buf = cma_alloc 64K\n");
	uint64_t now = live_pa(&r->replay.live.slot[0]);

	(void)state;
	assert_int_equal(live_pa(&r->replay.live.slot[2]), k.first);
	assert_int_not_equal(now, k.first);
	for (unsigned i = 0; i < 16384; i++)
		assert_int_equal(r->sys.pm.window[now + i], (uint8_t)(i * 7 + i / 4096));
	assert_int_equal(r->replay.fig->cma.moved_blocks, 1);
	assert_int_equal(r->replay.fig->cma.moved_pages, 4);
	assert_int_equal(r->replay.fig->cma.bytes_copied, 16384);
	assert_int_equal(r->replay.fig->bytes_copied, 16384);
	end_run(r, m);
}

/* ---- stacks ---- */

/*
 * 8192 bytes, of which thread_info has 64 and the end mark a word: 8124 are for frames.
 * 8000 leave 124; a frame of 200 writes over 76 - 8 of them that are the low end's 68, and
 * the rest of 8 bytes into the page below.
 */
static void test_stack_overflow(void **state)
{
	struct machine *m;
	struct run *r = run_text("x86_32", NULL, 0, &m, (struct run_request){.trace = NULL},
				 "a = task_create 8K\nstack_push a 8000\nstack_push a 124\n"
				 "stack_pop a 124\nstack_push a 200\n");
	const struct figures *f = r->replay.fig;

	(void)state;
	assert_int_equal(f->stacks.pushes, 3);
	assert_int_equal(f->stacks.overruns, 1);
	assert_int_equal(f->stacks.bytes_over, 68 + 8);
	assert_int_equal(f->nr_bad, 1);
	assert_int_equal(f->bad[0].what, 'S');
	assert_int_equal(f->bad[0].event, 5);
	assert_int_equal(f->bad[0].number, 8);
	assert_int_equal(f->stacks.deepest.used, 8200);
	end_run(r, m);
}

/* A task with one page and interrupts on it: 68 bytes for each, and the handlers' frames. */
static void test_interrupts_share(void **state)
{
	static const char *const sets[] = {"allocators.stack.irq_stacks=false"};
	static const char text[] = "a = task_create 4K\nstack_push a 2000\nirq_enter 14\n"
				   "stack_push a 1000\nirq_enter 0\nstack_push a 400\nirq_exit 0\n"
				   "irq_exit 14\nstack_pop a 2000\ntask_exit a\n";
	struct machine *m;
	struct run *r = run_text("x86_32", sets, 1, &m, (struct run_request){.trace = NULL}, text);

	(void)state;
	assert_int_equal(r->replay.fig->nr_bad, 0);
	assert_int_equal(r->replay.fig->stacks.deepest.used, 2000 + 68 + 1000 + 68 + 400);
	end_run(r, m);
	/* With stacks of their own the handlers' frames lie there. */
	r = run_text("x86_32", NULL, 0, &m, (struct run_request){.trace = NULL}, text);
	assert_int_equal(r->replay.fig->nr_bad, 0);
	assert_int_equal(r->replay.fig->stacks.deepest.used, 2000);
	assert_int_equal(r->replay.fig->stacks.deepest_irq.used, 68 + 1000 + 68 + 400);
	end_run(r, m);
}

/* The unmapped page catches the frame; the task is gone, what comes after is passed over. */
static void test_guarded_stack(void **state)
{
	static const char *const sets[] = {"allocators.stack.vmapped=true"};
	struct machine *m;
	struct run *r = run_text("x86_32", sets, 1, &m, (struct run_request){.trace = NULL},
				 "a = task_create 8K\nstack_push a 8000\nstack_push a 200\n"
				 "stack_push a 8\ntask_exit a\n");

	(void)state;
	assert_int_equal(r->replay.fig->stacks.guarded, 1);
	assert_int_equal(r->replay.fig->stacks.overruns, 0);
	assert_int_equal(r->replay.fig->skipped, 2);
	assert_int_equal(r->replay.fig->live_bytes, 0);
	end_run(r, m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed),         cmocka_unit_test(test_cma_moves_contents),
		cmocka_unit_test(test_stack_overflow), cmocka_unit_test(test_interrupts_share),
		cmocka_unit_test(test_guarded_stack),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
