/*
 * Garbage in the image of a running heap: the run ends with a finding or goes on,
 * the fast port's is repeated under checked with the same result as a checked run,
 * and the report of what is left never crashes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/report.h"
#include "sim/run.h"

#define GARBAGE_EVENT 1500u
#define LAST_EVENT    4000u

static const char *const patterns[] = {"holes", "ones", "random"};

/* What to write, over how much of the heap, and where. */
struct vandal {
	unsigned pattern;
	uint64_t bytes;
};

/* xorshift64: deterministic on every host. */
static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void vandalize(void *ctx, struct replay *r, const struct trace_event *ev)
{
	const struct vandal *v = ctx;
	const struct mm_range arena = r->heap->arena;
	uint64_t seed = 88172645463325252u, at = arena.base.v - r->sys->offset;

	(void)ev;
	if (r->fig->event != GARBAGE_EVENT)
		return;
	for (uint64_t i = 0; i + 4 <= v->bytes && i + 4 <= arena.bytes; i += 4) {
		uint32_t x = v->pattern == 0   ? 0x1A5A5A58u
			     : v->pattern == 1 ? UINT32_MAX
					       : (uint32_t)next_random(&seed);

		memcpy(r->sys->pm.window + at + i, &x, sizeof x);
		r->sys->pm.touched[(at + i) >> MM_TOUCH_SHIFT] = true;
	}
}

static void prepare(void *ctx, struct replay *r)
{
	r->opt.after = vandalize;
	r->opt.event_ctx = ctx;
}

struct outcome {
	enum replay_end end;
	bool repeated;
	uint64_t event;
	char *report;
};

static struct outcome run_vandalized(const struct machine *m, const char *kind, const char *port,
				     struct vandal *v)
{
	struct diag d = {0};
	struct run *r = calloc(1, sizeof *r);
	struct run_request q = {.machine = m,
				.trace = TRACES_DIR "/firmware.mst",
				.boot = {.port = port, .heap_kind = kind},
				.replay = {.until = LAST_EVENT},
				.ready = prepare,
				.ready_ctx = v};
	struct report_run rr = {.program_version = "test", .image_hash = true};
	struct outcome o;
	json_t *j;

	assert_non_null(r);
	if (run_trace(r, &q, &d) != 0)
		fail_msg("%s", d.msg);
	rr.end = r->end;
	j = report_build(&r->replay, &rr);
	o = (struct outcome){r->end, r->repeated, r->replay.fig->event, json_dumps(j, 0)};
	json_decref(j);
	run_finish(r);
	free(r);
	return o;
}

/*
 * The fast port sees what the host sees: holes.  A fault that only checked knows (a
 * misaligned access, an address beyond the window, which wraps) may leave it running to
 * the end; whatever stops it is repeated, and then it is checked's result.  1 if so, else 0.
 */
static unsigned compare_ports(const struct machine *m, const char *kind, struct vandal *v)
{
	struct outcome fast = run_vandalized(m, kind, "fast", v);
	struct outcome checked = run_vandalized(m, kind, "checked", v);

	bool missed = !fast.repeated && fast.end == REPLAY_DONE && checked.end == REPLAY_FAULT;

	if (!missed && (fast.end != checked.end || strcmp(fast.report, checked.report) != 0))
		fail_msg("%s, %s over %llu bytes: fast ended %d at %llu, checked %d at %llu", kind,
			 patterns[v->pattern], (unsigned long long)v->bytes, fast.end,
			 (unsigned long long)fast.event, checked.end,
			 (unsigned long long)checked.event);
	assert_int_equal(fast.repeated, fast.end == REPLAY_FAULT);
	free(fast.report);
	free(checked.report);
	return fast.repeated;
}

/* `kinds`: names, each between spaces; NULL: all that serve bytes. */
static void every_kind(const char *name, const char *kinds)
{
	struct diag d = {0};
	struct machine *m = machine_load(name, NULL, NULL, 0, &d);
	const struct alloc_instance *in;
	unsigned repeated = 0;

	if (m == NULL)
		fail_msg("%s: %s", name, d.msg);
	in = find_instance("fast", m->word);
	for (unsigned k = 0; k < in->nr_kinds; k++) {
		char word[64];

		snprintf(word, sizeof word, " %s ", in->kinds[k]->name);
		if ((in->kinds[k]->serves & SERVES_BYTES) == 0 ||
		    (kinds != NULL && strstr(kinds, word) == NULL))
			continue;
		for (unsigned i = 0; i < 6; i++) {
			struct vandal v = {i % 3, i < 3 ? 256 : 64 * 1024};

			repeated += compare_ports(m, in->kinds[k]->name, &v);
		}
	}
	assert_true(repeated > 0);
	machine_free(m);
}

static void test_words_of_four(void **state)
{
	(void)state;
	every_kind("stm32h7", NULL);
}

/* Not the kinds that search one list: where an arena has gigabytes, garbage makes it a cycle. */
static void test_words_of_eight(void **state)
{
	(void)state;
	every_kind("x86_64", " bins buddy_heap half_fit tlsf ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_of_four),
		cmocka_unit_test(test_words_of_eight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
