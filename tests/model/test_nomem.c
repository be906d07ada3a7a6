/*
 * The Nth allocation of host memory fails, for every N: loading a machine says so
 * in one line, and keeps nothing.  Linked with --wrap for the four functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/machine.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t nr, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
void __real_free(void *p);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t nr, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);
void __wrap_free(void *p);

static unsigned calls, fail_at; /* fail_at 0: none */
static int live;

static bool fails(void)
{
	if (++calls != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t bytes)
{
	if (fails())
		return NULL;
	live++;
	return __real_malloc(bytes);
}

void *__wrap_calloc(size_t nr, size_t bytes)
{
	if (fails())
		return NULL;
	live++;
	return __real_calloc(nr, bytes);
}

void *__wrap_realloc(void *p, size_t bytes)
{
	if (fails())
		return NULL;
	live += p == NULL;
	return __real_realloc(p, bytes);
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

/* Loads once with the Nth allocation failing; true when there were fewer than N. */
static bool load(unsigned nth, const char *variant)
{
	const char *sets[] = {"regions.hi.size=3G", "allocators.heaps=[{name: x, kind: bins}]",
			      "virtual.nr_cpus=2", "placement=null"};
	struct diag d = {.msg = ""};
	int before = live;
	struct machine *m;

	calls = 0;
	fail_at = nth;
	m = machine_load(TESTS_DIR "/fuzz/corpus/conf/all-keys.yaml", variant, sets, 4, &d);
	fail_at = 0;
	if (m == NULL && d.msg[0] == '\0')
		fail_msg("no diagnosis when allocation %u fails", nth);
	if (m != NULL && calls >= nth)
		fail_msg("allocation %u failed and nobody noticed", nth);
	machine_free(m);
	if (live != before)
		fail_msg("%d blocks kept when allocation %u failed", live - before, nth);
	if (m == NULL && strstr(d.msg, "memory") == NULL)
		fail_msg("allocation %u: %s", nth, d.msg);
	return m != NULL;
}

static void test_each_allocation_fails(void **state)
{
	unsigned n = 1, w = 1;

	(void)state;
	while (!load(n, "v"))
		n++;
	while (!load(w, NULL))
		w++;
	assert_true(n > 15 && w > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_fails)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
