/*
 * Whole replays on shipped machines: what the report says, that the ledger equals
 * a recount after every event, that a checkpoint continues the run identically,
 * and that ports, noise and words do not change a decision.
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

#include "sim/checkpoint.h"
#include "sim/report.h"
#include "sim/run.h"
#include "sim/trace_writer.h"

static char heap_trace[] = "/tmp/memscape-test-heap.XXXXXX";

/* xorshift64*: deterministic on every host. */
static uint64_t next_random(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545F4914F6CDD1Dull;
}

#define NR_EVENTS 20000
#define MAX_LIVE  300

/* A mix of malloc, calloc, memalign, realloc and free with at most MAX_LIVE blocks. */
static void write_heap_trace(const char *path)
{
	struct diag d = {0};
	struct trace_writer *w = trace_writer_open(path, NULL, &d);
	uint32_t live[MAX_LIVE];
	uint64_t seed = 12345;
	unsigned nr = 0;

	assert_non_null(w);
	for (unsigned i = 0; i < NR_EVENTS; i++) {
		uint64_t x = next_random(&seed);
		struct trace_event e = {.size = 1 + (x >> 20) % ((x & 7) == 0 ? 3000 : 200)};
		unsigned k = nr ? (unsigned)((x >> 8) % nr) : 0;

		if (nr == 0 || (nr < MAX_LIVE && x >> 63 != 0)) {
			e.op = (uint8_t)((x & 15) == 0   ? OP_CALLOC
					 : (x & 15) == 1 ? OP_MEMALIGN
							 : OP_MALLOC);
			e.arg = e.op == OP_MEMALIGN ? 64 : e.op == OP_CALLOC ? 1 : 0;
			assert_int_equal(trace_writer_put(w, &e, &d), 0);
			live[nr++] = e.slot;
		} else if ((x & 31) == 2) {
			e.op = OP_REALLOC;
			e.slot = live[k];
			assert_int_equal(trace_writer_put(w, &e, &d), 0);
		} else {
			e = (struct trace_event){.op = OP_FREE, .slot = live[k]};
			live[k] = live[--nr];
			assert_int_equal(trace_writer_put(w, &e, &d), 0);
		}
	}
	assert_int_equal(trace_writer_close(w, &d), 0);
}

static int setup(void **state)
{
	int fd = mkstemp(heap_trace);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_heap_trace(heap_trace);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(heap_trace);
	return 0;
}

static struct machine *load(const char *name, const char *const *sets, size_t nr)
{
	struct diag d = {0};
	struct machine *m = machine_load(name, NULL, sets, nr, &d);

	if (m == NULL)
		fail_msg("%s: %s", name, d.msg);
	return m;
}

/* A run must not move: views point into it. */
static struct run *run_it(const struct machine *m, struct run_request q)
{
	struct diag d = {0};
	struct run *r = calloc(1, sizeof *r);

	q.machine = m;
	if (q.trace == NULL)
		q.trace = heap_trace;
	assert_non_null(r);
	if (run_trace(r, &q, &d) != 0)
		fail_msg("%s", d.msg);
	return r;
}

static void end_it(struct run *r)
{
	run_finish(r);
	free(r);
}

static void assert_ended(const struct run *r, enum replay_end end)
{
	if (r->end != end)
		fail_msg("ended %d, expected %d: %s", r->end, end, r->replay.problem);
}

static void assert_same_hash(const struct physmem *a, const struct physmem *b)
{
	struct image_hash x = physmem_hash(a), y = physmem_hash(b);

	assert_int_equal(x.hi, y.hi);
	assert_int_equal(x.lo, y.lo);
}

static const char *const machines[] = {"stm32h7", "x86_32", "x86_64"};

/* Every kind that serves bytes: invariants and the recount after every 97th event. */
static void test_ledger_equals_recount(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct machine *m = load(machines[i], NULL, 0);
		const struct alloc_instance *in = find_instance("fast", m->word);

		for (unsigned k = 0; k < in->nr_kinds; k++) {
			struct run *r;

			if ((in->kinds[k]->serves & SERVES_BYTES) == 0)
				continue;
			r = run_it(m,
				   (struct run_request){.boot = {.port = "fast",
								 .heap_kind = in->kinds[k]->name},
							.replay = {.check_every = 97}});
			assert_ended(r, REPLAY_DONE);
			assert_int_equal(r->replay.fig->event, NR_EVENTS);
			end_it(r);
		}
		machine_free(m);
	}
}

/* fast and checked, zeroed and noisy RAM: the same decisions. */
static void test_ports_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct machine *m = load(machines[i], NULL, 0);
		struct run *fast = run_it(m, (struct run_request){.boot = {.port = "fast"}});
		struct run *checked = run_it(m, (struct run_request){.boot = {.port = "checked"}});

		assert_ended(fast, REPLAY_DONE);
		assert_ended(checked, REPLAY_DONE);
		assert_same_hash(&fast->sys.pm, &checked->sys.pm);
		assert_memory_equal(fast->replay.fig, checked->replay.fig,
				    sizeof *fast->replay.fig);
		assert_memory_equal(fast->sys.ledger.block, checked->sys.ledger.block,
				    fast->sys.ledger.bytes);
		end_it(fast);
		end_it(checked);
		machine_free(m);
	}
}

static void test_noise_changes_nothing(void **state)
{
	struct machine *m = load("stm32h7", NULL, 0);
	struct run *plain = run_it(m, (struct run_request){.boot = {.port = "fast"}});
	struct run *noisy = run_it(m, (struct run_request){.boot = {.port = "fast", .noise = 7},
							   .replay = {.check_every = 499}});

	(void)state;
	assert_ended(noisy, REPLAY_DONE);
	assert_memory_equal(plain->replay.fig, noisy->replay.fig, sizeof *plain->replay.fig);
	assert_memory_equal(plain->sys.ledger.block, noisy->sys.ledger.block,
			    plain->sys.ledger.bytes);
	end_it(plain);
	end_it(noisy);
	machine_free(m);
}

/* --until N and going on from there equals one run, through a checkpoint taken at N. */
static void test_checkpoint_continues_identically(void **state)
{
	static const uint64_t at[] = {1, 777, 10000, NR_EVENTS - 1};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct machine *m = load(machines[i], NULL, 0);
		struct run *whole = run_it(m, (struct run_request){.boot = {.port = "fast"}});

		for (size_t k = 0; k < 4; k++) {
			struct run *part =
				run_it(m, (struct run_request){.boot = {.port = "fast"},
							       .replay = {.until = at[k]}});
			struct checkpoint *c;
			struct diag d = {0};

			assert_int_equal(part->replay.fig->event, at[k]);
			c = checkpoint_take(&part->replay);
			assert_non_null(c);
			/* Go on to the end, come back, and go on again. */
			part->replay.opt.until = 0;
			assert_int_equal(replay_run(&part->replay, &d), REPLAY_DONE);
			assert_same_hash(&whole->sys.pm, &part->sys.pm);
			assert_int_equal(checkpoint_restore(c, &part->replay, &d), 0);
			assert_int_equal(part->replay.fig->event, at[k]);
			assert_int_equal(replay_check(&part->replay), 0);
			assert_int_equal(replay_run(&part->replay, &d), REPLAY_DONE);
			assert_same_hash(&whole->sys.pm, &part->sys.pm);
			assert_memory_equal(whole->replay.fig, part->replay.fig,
					    sizeof *whole->replay.fig);
			assert_memory_equal(whole->sys.ledger.block, part->sys.ledger.block,
					    whole->sys.ledger.bytes);
			checkpoint_free(c);
			end_it(part);
		}
		end_it(whole);
		machine_free(m);
	}
}

/* ---- arenas that come and go ---- */

#define NR_ARENA_EVENTS 3000

/* Pushes on up to nine arenas at once, each freed now and then. */
static void write_arena_trace(const char *path)
{
	struct diag d = {0};
	struct trace_writer *w = trace_writer_open(path, NULL, &d);
	uint64_t seed = 99;

	assert_non_null(w);
	for (unsigned i = 0; i < NR_ARENA_EVENTS; i++) {
		uint64_t x = next_random(&seed);
		struct trace_event e = {.op = (x & 31) < 3 ? OP_ARENA_FREE : OP_ARENA_PUSH,
					.slot = SLOT_NONE,
					.arg = 1 + (x >> 8) % (1 + i * 9 / NR_ARENA_EVENTS)};

		if (e.op == OP_ARENA_PUSH)
			e.size = 1 + (x >> 20) % 700;
		assert_int_equal(trace_writer_put(w, &e, &d), 0);
	}
	assert_int_equal(trace_writer_close(w, &d), 0);
}

/* A checkpoint of before an arena was added, and one of after, in either order. */
static void test_checkpoints_of_arenas(void **state)
{
	char path[] = "/tmp/memscape-test-arena.XXXXXX";
	struct machine *m = load("stm32h7", NULL, 0);
	int fd = mkstemp(path);
	struct run *whole, *part;
	struct checkpoint *early, *late;
	struct diag d = {0};

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_arena_trace(path);
	whole = run_it(m, (struct run_request){.trace = path,
					       .boot = {.port = "checked"},
					       .replay = {.check_every = 1}});
	assert_ended(whole, REPLAY_DONE);
	assert_in_range(whole->replay.fig->nr_arenas, 5, 9);
	part = run_it(m, (struct run_request){
				 .trace = path, .boot = {.port = "fast"}, .replay = {.until = 20}});
	early = checkpoint_take(&part->replay);
	assert_int_equal(part->replay.fig->nr_arenas, 1);
	part->replay.opt.until = NR_ARENA_EVENTS - 1;
	assert_int_equal(replay_run(&part->replay, &d), REPLAY_DONE);
	late = checkpoint_take(&part->replay);
	part->replay.opt.until = 0;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(checkpoint_restore(early, &part->replay, &d), 0);
		assert_int_equal(part->sys.nr_allocs, part->sys.nr_booted);
		assert_int_equal(replay_check(&part->replay), 0);
		if (i == 0) {
			assert_int_equal(checkpoint_restore(late, &part->replay, &d), 0);
			assert_int_equal(replay_check(&part->replay), 0);
		}
		assert_int_equal(replay_run(&part->replay, &d), REPLAY_DONE);
		assert_same_hash(&whole->sys.pm, &part->sys.pm);
		assert_memory_equal(whole->replay.fig, part->replay.fig, sizeof *whole->replay.fig);
		assert_memory_equal(whole->sys.ledger.block, part->sys.ledger.block,
				    whole->sys.ledger.bytes);
	}
	checkpoint_free(early);
	checkpoint_free(late);
	end_it(whole);
	end_it(part);
	unlink(path);
	machine_free(m);
}

/* ---- small traces in the text form ---- */

static char text_path[] = "/tmp/memscape-test-text.XXXXXX";

/* Replays a trace in the text form; `kind` serves the heap, NULL: the machine's. */
static struct run *run_text_with(const struct machine *m, const char *text, const char *kind)
{
	struct run *r;
	FILE *f;
	int fd;

	strcpy(text_path + strlen(text_path) - 6, "XXXXXX");
	fd = mkstemp(text_path);
	f = fdopen(fd, "w");
	fputs(text, f);
	fclose(f);
	r = run_it(m, (struct run_request){.trace = text_path,
					   .boot = {.port = "checked", .heap_kind = kind},
					   .replay = {.check_every = 1}});
	unlink(text_path);
	return r;
}

static struct run *run_text(const struct machine *m, const char *text)
{
	return run_text_with(m, text, NULL);
}

/* BDMA reaches SRAM4 and the backup SRAM only: what does not fit there fails for reachability. */
static void test_bdma_reaches_sram4_only(void **state)
{
	struct machine *m = load("stm32h7", NULL, 0);
	struct run *r = run_text(m, "a = dma_alloc 500 master=bdma\n"
				    "b = dma_alloc 32768 master=bdma\n"
				    "c = dma_alloc 65536 master=bdma\n"
				    "d = dma_alloc 500 master=dma1\n");
	const struct figures *f = r->replay.fig;
	uint64_t sram4 = m->regions[machine_region(m, "d3_sram4")].base;

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(f->failed, 1);
	assert_int_equal(f->failure[0].event, 3);
	assert_int_equal(f->by_cause[CAUSE_REACHABILITY], 1);
	assert_in_range(live_pa(&r->replay.live.slot[0]), sram4, sram4 + 65535);
	/* The heap holds all of AXI: a zone without a page is not one to fall back from. */
	assert_int_equal(r->sys.pages->view.count[MM_EV_FALLBACK], 0);
	/* Aligned to and padded by cache lines. */
	assert_int_equal(live_pa(&r->replay.live.slot[0]) % m->cache_line, 0);
	end_it(r);
	machine_free(m);
}

static void test_findings_and_skipped(void **state)
{
	struct machine *m = load("stm32h7", NULL, 0);
	struct run *r =
		run_text(m, "a = malloc 100\nfree a\nfree a\nb = malloc 100000000\nfree b\n");
	const struct figures *f = r->replay.fig;

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(f->nr_bad, 1);
	assert_int_equal(f->bad[0].event, 3);
	assert_int_equal(f->failed, 1);
	assert_int_equal(f->skipped, 1);
	assert_int_equal(f->by_cause[CAUSE_LIMIT], 1);
	assert_int_equal(f->live_blocks, 0);
	end_it(r);
	machine_free(m);
}

/*
 * A free that is refused leaves a block that nobody
 * names: the slot is born again, the ledger holds.
 */
static void test_refused_free_loses_the_block(void **state)
{
	struct machine *m = load("x86_64", NULL, 0);
	struct run *r = run_text(m, "c = cache_create c 53\nd = cache_create d 72\n"
				    "x = cache_alloc c\ncache_free x d\ny = cache_alloc c\n"
				    "kfree y\nz = kmalloc 40\nfree_pages z\nw = kmalloc 30\n"
				    "kfree w\np = alloc_pages 0\nkfree p\nq = alloc_pages 1\n");
	const struct figures *f = r->replay.fig;

	(void)state;
	assert_ended(r, REPLAY_DONE); /* a recount after each event found no difference */
	assert_int_equal(f->nr_bad, 3);
	assert_int_equal(f->bad[0].event, 4);
	assert_int_equal(f->bad[1].event, 8);
	assert_int_equal(f->bad[2].event, 12);
	assert_int_equal(f->live_blocks, 1);
	assert_int_equal(f->live_bytes, 8192);
	end_it(r);
	machine_free(m);
}

/* |aaaa|bbbb|cccc|dddd| fills the heap; with a and c gone, a request of both has no block. */
static void test_fragmentation_names_the_blocker(void **state)
{
	const char *const sets[] = {"allocators.heap.kind=best_fit", "allocators.heap.bytes=16K"};
	struct machine *m = load("stm32h7", sets, 2);
	struct run *r = run_text(m, "a = malloc 4000\nb = malloc 4000\nc = malloc 4000\nd = malloc "
				    "4000\nfree a\nfree c\ne = malloc 6000\n");
	const struct failure *x = &r->replay.fig->failure[0];

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(r->replay.fig->failed, 1);
	assert_int_equal(x->cause, CAUSE_FRAGMENTATION);
	assert_true(x->free_bytes >= 8000);
	assert_in_range(x->largest_free, 4000, 5000);
	assert_int_equal(x->nr_blockers, 1);
	assert_int_equal(x->blocker[0].bytes, 4000);
	assert_int_equal(x->blocker[0].birth, 2);
	end_it(r);
	machine_free(m);
}

/* Small blocks to DTCM, DMA buffers to SRAM by tag, the rest to AXI. */
static void test_placement(void **state)
{
	const char *const sets[] = {
		"allocators.heaps=[{name: small, kind: best_fit, from: boot, region: d0_dtcm, "
		"bytes: 32K}]",
		"placement=[{name: tiny, size_max: 64, heap: small}]",
	};
	struct machine *m = load("stm32h7", sets, 2);
	struct run *r = run_text(m, "a = malloc 64\nb = malloc 65\nfree a\nc = malloc 1\n");
	uint64_t dtcm = m->regions[machine_region(m, "d0_dtcm")].base;

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_in_range(live_pa(&r->replay.live.slot[0]), dtcm, dtcm + 32767);
	assert_false(live_pa(&r->replay.live.slot[1]) - dtcm < 128 * 1024);
	end_it(r);
	machine_free(m);
}

/* The classes of the report's ledger at the peak, all regions together. */
static int64_t peak_sum(struct run *r, int64_t *payload)
{
	struct report_run rr = {.program_version = "test", .end = REPLAY_DONE};
	json_t *j = report_build(&r->replay, &rr), *v;
	const json_t *peak = json_object_get(json_object_get(j, "ledger"), "peak");
	const char *key;
	int64_t sum = 0;

	*payload = json_integer_value(json_object_get(peak, "payload"));
	json_object_foreach((json_t *)(uintptr_t)peak, key, v) sum += json_integer_value(v);
	json_decref(j);
	return sum;
}

static int64_t machine_bytes(const struct machine *m)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < m->nr_regions; i++)
		sum += (int64_t)m->regions[i].bytes;
	return sum;
}

/* A realloc that moves is one object before and after: no peak counts it twice. */
static void test_realloc_counts_once(void **state)
{
	struct machine *m = load("stm32h7", NULL, 0);
	struct run *r = run_text(m, "a = malloc 100\nb = malloc 200\nrealloc a 400\n"
				    "free b\nfree a\n");
	int64_t payload;

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(r->replay.fig->bytes_copied, 100);
	assert_int_equal(r->replay.fig->peak_live_bytes, 600);
	assert_int_equal(r->replay.fig->peak_live_blocks, 2);
	assert_int_equal(r->replay.fig->peak_event, 3);
	assert_int_equal(peak_sum(r, &payload), machine_bytes(m));
	assert_int_equal(payload, 600);
	end_it(r);
	machine_free(m);
}

/* Where nothing ever lives the peak is the beginning, and its classes add up as well. */
static void test_peak_of_nothing(void **state)
{
	static const char *const traces[] = {"phase x\n", "a = malloc 0\nfree a\n"};
	struct machine *m = load("stm32h7", NULL, 0);
	int64_t payload;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct run *r = run_text(m, traces[i]);

		assert_int_equal(peak_sum(r, &payload), machine_bytes(m));
		assert_int_equal(payload, 0);
		end_it(r);
	}
	machine_free(m);
}

static bool lies_in(const struct machine *m, const struct run *r, unsigned slot, const char *region)
{
	const struct region *g = &m->regions[machine_region(m, region)];

	return live_pa(&r->replay.live.slot[slot]) - g->base < g->bytes;
}

/* A block that outgrows its rule moves to where its new size belongs, and back; pages too. */
static void test_realloc_follows_placement(void **state)
{
	const char *const heaps = "allocators.heaps=[{name: small, kind: best_fit, from: boot, "
				  "region: d0_dtcm, bytes: 32K}]";
	const char *const rules[] = {"placement=[{name: tiny, size_max: 64, heap: small}]",
				     "placement=[{name: tiny, size_max: 64, region: d0_dtcm}]"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *const sets[] = {heaps, rules[i]};
		struct machine *m = load("stm32h7", sets, 2);
		struct run *r = run_text(m, "a = malloc 40\nb = malloc 500\nc = malloc 30\n"
					    "realloc a 2000\nrealloc b 50\nrealloc c 31\n");

		assert_ended(r, REPLAY_DONE);
		assert_int_equal(r->replay.fig->nr_bad, 0);
		assert_int_equal(r->replay.fig->live_bytes, 2000 + 50 + 31);
		assert_int_equal(r->replay.fig->peak_live_bytes, 40 + 500 + 30 + 1960);
		assert_int_equal(r->replay.fig->bytes_copied, 40 + 50);
		assert_true(lies_in(m, r, 0, "d1_axi"));
		assert_true(lies_in(m, r, 1, "d0_dtcm"));
		assert_true(lies_in(m, r, 2, "d0_dtcm"));
		end_it(r);
		machine_free(m);
	}
}

/* A rule for all DMA buffers does not give a master memory that it does not reach. */
static void test_rule_keeps_reachability(void **state)
{
	const char *const sets[] = {"placement=[{name: buffers, dma: true, heap: main}]"};
	struct machine *m = load("stm32h7", sets, 1);
	struct run *r = run_text(m, "a = dma_alloc 100 master=dma1\nb = dma_alloc 100 master=bdma\n"
				    "dma_free b\ndma_free a\n");

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(r->replay.fig->failed, 1);
	assert_int_equal(r->replay.fig->skipped, 1);
	assert_int_equal(r->replay.fig->by_cause[CAUSE_REACHABILITY], 1);
	end_it(r);
	machine_free(m);
}

/* The zone a block lies in, by the machine's index. */
static unsigned zone_at(const struct machine *m, uint64_t pa)
{
	for (unsigned z = 0; z < m->nr_zones; z++)
		for (unsigned i = 0; i < m->zones[z].nr_ranges; i++)
			if (pa - m->zones[z].ranges[i].base < m->zones[z].ranges[i].bytes)
				return z;
	return m->nr_zones;
}

/* GFP flags choose zones as in Linux; without any flag the zonelist alone decides. */
static void test_gfp_chooses_zones(void **state)
{
	static const char *const want[] = {"normal", "highmem", "dma", "highmem", "normal"};
	struct machine *m = load("x86_32", NULL, 0);
	struct run *r = run_text(m, "a = alloc_pages 0 gfp=GFP_KERNEL\n"
				    "b = alloc_pages 0 gfp=GFP_HIGHUSER\n"
				    "c = alloc_pages 0 gfp=GFP_DMA\n"
				    "d = alloc_pages 0\n"
				    "e = alloc_pages 0 gfp=GFP_DMA32|__GFP_ZERO\n");

	(void)state;
	assert_ended(r, REPLAY_DONE);
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(m->zones[zone_at(m, live_pa(&r->replay.live.slot[i]))].name,
				    want[i]);
	end_it(r);
	machine_free(m);
}

/* No block crosses zones: what is free in all of them together does not make a fragmentation. */
static void test_cause_is_of_one_zone(void **state)
{
	struct machine *m = load("stm32h7", NULL, 0);
	struct run *r = run_text(
		m, "a = alloc_pages 7\nb = alloc_pages 6\nc = alloc_pages 50\nd = malloc 8\n");

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(r->replay.fig->failed, 2);
	assert_int_equal(r->replay.fig->by_cause[CAUSE_CAPACITY], 1);
	assert_true(r->replay.fig->failure[0].free_bytes < 128 * 1024);
	assert_int_equal(r->replay.fig->by_cause[CAUSE_LIMIT], 1);
	assert_int_equal(r->replay.fig->failure[1].size, INT64_MAX);
	end_it(r);
	machine_free(m);
}

static uint64_t heap_figure(struct run *run, const char *name, const char *figure)
{
	struct report_run q = {.program_version = "x", .end = REPLAY_DONE};
	json_t *report = report_build(&run->replay, &q), *h;
	uint64_t found = UINT64_MAX;
	size_t i;

	json_array_foreach(json_object_get(report, "heaps"), i, h) {
		if (strcmp(json_string_value(json_object_get(h, "name")), name) == 0)
			found = (uint64_t)json_integer_value(json_object_get(h, figure));
	}
	json_decref(report);
	return found;
}

/* The ratios of a heap, as the report has them. */
static void jw_of(struct run *run, const char *name, double out[4])
{
	struct report_run q = {.program_version = "x", .end = REPLAY_DONE};
	json_t *report = report_build(&run->replay, &q), *h;
	size_t i;

	json_array_foreach(json_object_get(report, "heaps"), i, h) {
		if (strcmp(json_string_value(json_object_get(h, "name")), name) != 0)
			continue;
		for (size_t k = 0; k < 4; k++)
			out[k] = json_number_value(
				json_array_get(json_object_get(h, "jw"), k));
	}
	json_decref(report);
}

#define HEAP_EVENTS "a = malloc 1000\nb = malloc 3000\nfree a\nc = malloc 200\nfree b\n"

/*
 * A heap's ratios are those it has alone, whoever serves before or after it: while nothing
 * of it lives no event counts, and what comes later leaves its peaks alone.
 */
static void test_ratios_of_each_heap(void **state)
{
	static const char *const others[] = {
		"arena_push 1 5000\narena_push 2 50\n" HEAP_EVENTS,
		"p = alloc_pages 3\n" HEAP_EVENTS,
		"x = dma_alloc 500 master=dma1\n" HEAP_EVENTS "y = dma_alloc 900 master=dma1\n",
		HEAP_EVENTS "arena_push 1 5000\narena_free 1\np = alloc_pages 2\n",
	};
	struct machine *m = load("stm32h7", NULL, 0);
	struct run *r = run_text(m, HEAP_EVENTS);
	double alone[4] = {0}, with[4] = {0};

	(void)state;
	assert_ended(r, REPLAY_DONE);
	jw_of(r, "main", alone);
	assert_true(alone[0] > 1 && alone[1] > 1 && alone[2] > 1 && alone[3] > 1);
	end_it(r);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		r = run_text(m, others[i]);
		assert_ended(r, REPLAY_DONE);
		jw_of(r, "main", with);
		for (unsigned k = i < 2 ? 0 : 1; k < 4; k++)
			assert_true(alone[k] == with[k]);
		end_it(r);
	}
	/* 9 KiB for 5,000 bytes, 1 KiB for 50. */
	r = run_text(m, "arena_push 1 5000\na = malloc 100\narena_push 2 50\n");
	jw_of(r, "arena", with);
	assert_true(with[3] == 1.843);
	jw_of(r, "arena_2", with);
	assert_true(with[0] == 20.48 && with[1] == 20.48);
	end_it(r);
	machine_free(m);
}

/* Each arena has memory and figures of its own; an empty one leaves its place to the next. */
static void test_several_arenas(void **state)
{
	static const struct {
		const char *text;
		uint64_t live, blocks;
		unsigned arenas;
	} cases[] = {
		{"arena_push 1 100\narena_free 1\narena_push 2 50\n", 50, 1, 1},
		{"arena_push 1 100\narena_free 2\n", 100, 1, 1},
		{"arena_push 1 100\narena_push 2 50\n", 150, 2, 2},
		{"arena_push 1 100\narena_push 2 50\narena_free 1\n", 50, 1, 2},
		{"arena_push 1 100\narena_push 2 50\narena_free 2\narena_push 1 1\n", 101, 2, 2},
		{"arena_push 1 9K\narena_push 2 5K\narena_free 1\narena_push 3 7\narena_push 1 2\n",
		 5129, 3, 3},
		{"arena_free 1\narena_free 1\n", 0, 0, 0},
	};
	struct machine *m = load("stm32h7", NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct run *r = run_text(m, cases[i].text);

		assert_ended(r, REPLAY_DONE); /* a recount after each event found no difference */
		assert_int_equal(r->replay.fig->live_bytes, cases[i].live);
		assert_int_equal(r->replay.fig->live_blocks, cases[i].blocks);
		assert_int_equal(r->replay.fig->nr_arenas, cases[i].arenas);
		end_it(r);
	}
	machine_free(m);
}

static void test_arenas_are_told_apart(void **state)
{
	struct machine *m = load("stm32h7", NULL, 0);
	struct run *r = run_text(m, "arena_push 5 100\narena_push 6 5000\narena_push 5 30\n"
				    "arena_push 7 1\narena_free 7\n");

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(heap_figure(r, "arena", "arena"), 5);
	assert_int_equal(heap_figure(r, "arena", "live_bytes"), 130);
	assert_int_equal(heap_figure(r, "arena", "pushes"), 2);
	assert_int_equal(heap_figure(r, "arena_2", "arena"), 6);
	assert_int_equal(heap_figure(r, "arena_2", "live_bytes"), 5000);
	assert_int_equal(heap_figure(r, "arena_3", "live_bytes"), 0);
	assert_int_equal(heap_figure(r, "arena_3", "footprint_bytes"), 1024);
	end_it(r);
	machine_free(m);
}

/* More arenas than there can be, and arenas where no page is left, are failures, not ends. */
static void test_too_many_arenas(void **state)
{
	static const char *const at_boot[] = {"allocators.arena.from=boot",
					      "allocators.arena.bytes=8K"};
	struct machine *m = load("stm32h7", NULL, 0), *boot = load("stm32h7", at_boot, 2);
	char text[32768] = "";
	struct run *r;

	(void)state;
	for (unsigned i = 0; i <= SYS_MAX_ARENAS; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "arena_push %u 10\n", i);
	r = run_text(m, text);
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(r->replay.fig->failed, 1);
	assert_int_equal(r->replay.fig->by_cause[CAUSE_LIMIT], 1);
	assert_int_equal(r->replay.fig->live_blocks, SYS_MAX_ARENAS);
	end_it(r);
	r = run_text(boot, "arena_push 1 10\narena_push 2 10\narena_free 1\narena_push 2 10\n");
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(r->replay.fig->by_cause[CAUSE_LIMIT], 1);
	assert_int_equal(r->replay.fig->live_bytes, 10);
	end_it(r);
	/* All pages are taken: the booted arena has room left, another finds no page. */
	text[0] = '\0';
	for (unsigned i = 0; i < 1200; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "p%u = alloc_pages 0\n",
			 i);
	strcat(text, "arena_push 1 10\narena_push 2 10\nfree_pages p0\narena_push 2 10\n");
	r = run_text(m, text);
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(r->replay.fig->failed_by_op[OP_ARENA_PUSH], 1);
	assert_int_equal(r->replay.fig->failed, r->replay.fig->by_cause[CAUSE_CAPACITY]);
	assert_int_equal(r->replay.fig->nr_arenas, 2);
	end_it(r);
	machine_free(boot);
	machine_free(m);
}

/* Every kind of heap aligns to cache lines, and to 4 KiB, in the arena that boot carves for it. */
static void test_heaps_align_to_lines(void **state)
{
	static const char *const names[] = {"stm32h7", "x86_32", "x86_64"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct machine *m = load(names[i], NULL, 0);
		const struct alloc_instance *in = find_instance("checked", m->word);
		char text[128];

		snprintf(text, sizeof text,
			 "a = malloc 3\nb = memalign %u 1536\nc = memalign %u 9\n"
			 "d = memalign 4096 5000\ne = memalign 4096 3\n",
			 m->cache_line, m->cache_line);
		for (unsigned k = 0; k < in->nr_kinds; k++) {
			struct run *r;

			if ((in->kinds[k]->serves & SERVES_BYTES) == 0)
				continue;
			r = run_text_with(m, text, in->kinds[k]->name);
			assert_ended(r, REPLAY_DONE);
			assert_int_equal(r->replay.fig->failed, 0);
			end_it(r);
		}
		machine_free(m);
	}
}

/* What names an object whose birth failed is skipped, realloc too; a new birth is not. */
static void test_realloc_of_the_unborn(void **state)
{
	struct machine *m = load("stm32h7", NULL, 0);
	struct run *r = run_text(m, "a = malloc 600K\nrealloc a 100\nfree a\n"
				    "b = realloc null 50\nrealloc b 60\n");

	(void)state;
	assert_ended(r, REPLAY_DONE);
	assert_int_equal(r->replay.fig->failed, 1);
	assert_int_equal(r->replay.fig->skipped, 2);
	assert_int_equal(r->replay.fig->live_bytes, 60);
	end_it(r);
	machine_free(m);
}

/* The textbook's sum: 4 GiB in 8 KiB pages are 524,288 descriptors of 40 bytes, 20 MiB. */
static void test_textbook_descriptors(void **state)
{
	struct diag d = {0};
	struct machine *m = machine_load("x86_32", "textbook-8k", NULL, 0, &d);
	struct run *r;
	int64_t sum[MM_NR_CLASSES];

	(void)state;
	assert_non_null(m);
	r = run_text(m, "p = alloc_pages 3\nfree_pages p\n");
	assert_ended(r, REPLAY_DONE);
	ledger_total(r->sys.ledger.rows, &r->sys.ledger, sum);
	assert_in_range(sum[MM_METADATA], 20 << 20, (20 << 20) + 16384);
	assert_true(physmem_touched(&r->sys.pm) < 2000);
	end_it(r);
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ledger_equals_recount),
		cmocka_unit_test(test_ports_agree),
		cmocka_unit_test(test_noise_changes_nothing),
		cmocka_unit_test(test_checkpoint_continues_identically),
		cmocka_unit_test(test_checkpoints_of_arenas),
		cmocka_unit_test(test_bdma_reaches_sram4_only),
		cmocka_unit_test(test_findings_and_skipped),
		cmocka_unit_test(test_refused_free_loses_the_block),
		cmocka_unit_test(test_fragmentation_names_the_blocker),
		cmocka_unit_test(test_placement),
		cmocka_unit_test(test_realloc_counts_once),
		cmocka_unit_test(test_peak_of_nothing),
		cmocka_unit_test(test_realloc_follows_placement),
		cmocka_unit_test(test_rule_keeps_reachability),
		cmocka_unit_test(test_gfp_chooses_zones),
		cmocka_unit_test(test_cause_is_of_one_zone),
		cmocka_unit_test(test_ratios_of_each_heap),
		cmocka_unit_test(test_several_arenas),
		cmocka_unit_test(test_arenas_are_told_apart),
		cmocka_unit_test(test_too_many_arenas),
		cmocka_unit_test(test_heaps_align_to_lines),
		cmocka_unit_test(test_realloc_of_the_unborn),
		cmocka_unit_test(test_textbook_descriptors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
