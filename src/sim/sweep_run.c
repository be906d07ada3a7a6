/*
 * The scheduler.  It looks a little ahead in the list of points, so that the next trace
 * is decoded while points of the last one still run, and gives the next point to a
 * worker before it stores what the last one found.
 */
#include "sim/sweep_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "sim/sweep_pool.h"

#define AHEAD 1024u /* points looked ahead: some for each of POOL_MAX_WORKERS */

/* ---- the plan ---- */

static bool is_mine(const struct sweep_run_request *q, uint64_t ordinal)
{
	return ordinal % q->shards == q->shard;
}

/* A hash over all points and keys, and what of it is known: one look at each. */
static int count_points(const struct sweep_run_request *q, struct sweep_tally *t,
			char hash[SWEEP_KEY_TEXT], struct diag *d)
{
	XXH3_state_t *state = XXH3_createState();
	struct sweep_point p = {0};
	uint64_t ordinal = 0;
	XXH128_hash_t h;
	int more;

	if (state == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	XXH3_128bits_reset(state);
	while ((more = sweep_next(q->s, &p, d)) > 0) {
		char key[SWEEP_KEY_TEXT];

		sweep_key(q->keys, &p, key);
		XXH3_128bits_update(state, &p.index, sizeof p.index);
		XXH3_128bits_update(state, key, sizeof key);
		if (is_mine(q, ordinal++)) {
			t->planned++;
			t->known += sweep_db_known(q->db, key, q->retry);
		}
		p.index++;
	}
	h = XXH3_128bits_digest(state);
	snprintf(hash, SWEEP_KEY_TEXT, "%016llx%016llx", (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
	XXH3_freeState(state);
	if (more == 0 && ordinal == 0)
		return diag_set(d, q->s->name, 0, 0,
				"no point is left, expected include and exclude to leave some");
	return more;
}

static int add_point(const struct sweep_run_request *q, const struct sweep_point *p, struct diag *d)
{
	char key[SWEEP_KEY_TEXT], label[SWEEP_LABEL], *text;
	json_t *axes = sweep_axes(q->s, p);
	int err;

	sweep_key(q->keys, p, key);
	sweep_label(q->s, p, label);
	text = json_dumps(axes, JSON_COMPACT);
	json_decref(axes);
	err = sweep_db_plan_add(
		q->db,
		&(struct sweep_row){.index = p->index, .key = key, .point = label, .axes = text},
		d);
	free(text);
	return err;
}

static int write_plan(const struct sweep_run_request *q, const char *hash, const char *definition,
		      struct diag *d)
{
	struct sweep_point p = {0};
	int more;

	if (sweep_db_plan_begin(q->db, d) != 0)
		return -1;
	while ((more = sweep_next(q->s, &p, d)) > 0) {
		if (add_point(q, &p, d) != 0)
			return -1;
		p.index++;
	}
	if (more != 0 || sweep_db_set(q->db, "program", sweep_program(), d) != 0 ||
	    sweep_db_set(q->db, "sweep", definition, d) != 0 ||
	    sweep_db_set(q->db, "plan", hash, d) != 0)
		return -1;
	return sweep_db_plan_end(q->db, d);
}

int sweep_plan(const struct sweep_run_request *q, struct sweep_tally *t, struct diag *d)
{
	char hash[SWEEP_KEY_TEXT], *there = sweep_db_get(q->db, "plan"), *text, *old;
	json_t *definition = sweep_definition(q->s);
	int err;

	*t = (struct sweep_tally){0};
	text = json_dumps(definition, JSON_COMPACT);
	json_decref(definition);
	old = sweep_db_get(q->db, "sweep");
	err = count_points(q, t, hash, d);
	if (err == 0 &&
	    (there == NULL || strcmp(there, hash) != 0 || old == NULL || strcmp(old, text) != 0))
		err = write_plan(q, hash, text, d);
	free(old);
	free(text);
	free(there);
	return err;
}

/* ---- the scheduler ---- */

struct pending {
	uint64_t index;
	unsigned trace; /* sweep_trace_number */
	char key[SWEEP_KEY_TEXT];
};

enum slot_state { SLOT_FREE, SLOT_DECODING, SLOT_READY, SLOT_FAILED };

struct slot {
	enum slot_state state;
	unsigned trace;
	uint64_t generation;
	unsigned running; /* points at work with it */
	char message[512]; /* SLOT_FAILED */
};

struct running {
	bool used;
	struct pending p;
};

struct schedule {
	const struct sweep_run_request *q;
	struct sweep_tally *t;
	struct sweep_pool *pool;
	struct sweep_point cursor;
	uint64_t ordinal;
	bool ended; /* no more points beyond the queue */
	unsigned last_trace; /* of the point queued last */
	struct pending queue[AHEAD];
	unsigned nr_queue;
	struct slot slot[POOL_SLOTS];
	struct running running[2 * POOL_MAX_WORKERS];
	uint64_t generation;
	struct diag *d;
};

static int fill_queue(struct schedule *c)
{
	while (!c->ended && c->nr_queue < AHEAD) {
		struct pending *p = &c->queue[c->nr_queue];
		int more = sweep_next(c->q->s, &c->cursor, c->d);

		if (more < 0)
			return -1;
		c->ended = more == 0;
		if (c->ended)
			break;
		if (is_mine(c->q, c->ordinal++)) {
			sweep_key(c->q->keys, &c->cursor, p->key);
			p->index = c->cursor.index;
			p->trace = sweep_trace_number(c->q->s, &c->cursor);
			c->last_trace = p->trace;
			c->nr_queue += !sweep_db_known(c->q->db, p->key, c->q->retry);
		}
		c->cursor.index++;
	}
	return 0;
}

static struct slot *slot_of(struct schedule *c, unsigned trace)
{
	for (unsigned i = 0; i < POOL_SLOTS; i++)
		if (c->slot[i].state != SLOT_FREE && c->slot[i].trace == trace)
			return &c->slot[i];
	return NULL;
}

/* Points come by trace: one that no queued point wants, and is not the last, is done with. */
static void drop_slots(struct schedule *c)
{
	for (unsigned i = 0; i < POOL_SLOTS; i++) {
		struct slot *s = &c->slot[i];
		bool wanted = s->running != 0 || s->state == SLOT_DECODING ||
			      (!c->ended && s->trace == c->last_trace);

		for (unsigned k = 0; k < c->nr_queue && !wanted; k++)
			wanted = c->queue[k].trace == s->trace;
		if (wanted || s->state == SLOT_FREE)
			continue;
		sweep_pool_drop(c->pool, i);
		*s = (struct slot){0};
	}
}

/* Has a queued point's trace decoded, where there is room.  1: done so, 0: nothing to do. */
static int give_decoding(struct schedule *c)
{
	for (unsigned k = 0; k < c->nr_queue; k++) {
		unsigned i = 0;
		struct sweep_job job;

		if (slot_of(c, c->queue[k].trace) != NULL)
			continue;
		while (i < POOL_SLOTS && c->slot[i].state != SLOT_FREE)
			i++;
		if (i == POOL_SLOTS)
			return 0;
		job = (struct sweep_job){.decode = 1,
					 .slot = i,
					 .index = c->queue[k].index,
					 .generation = ++c->generation};
		c->slot[i] = (struct slot){.state = SLOT_DECODING,
					   .trace = c->queue[k].trace,
					   .generation = c->generation};
		return sweep_pool_give(c->pool, &job, c->d) == 0 ? 1 : -1;
	}
	return 0;
}

static void dequeue(struct schedule *c, unsigned k)
{
	memmove(&c->queue[k], &c->queue[k + 1], (c->nr_queue - k - 1) * sizeof c->queue[0]);
	c->nr_queue--;
}

static struct running *free_running(struct schedule *c)
{
	unsigned i = 0;

	while (c->running[i].used)
		i++;
	return &c->running[i];
}

static int store(struct schedule *c, const struct pending *p, const struct sweep_done *done);

/* A point whose trace is ready.  1: given, or settled without; 0: none. */
static int give_point(struct schedule *c)
{
	for (unsigned k = 0; k < c->nr_queue; k++) {
		struct slot *s = slot_of(c, c->queue[k].trace);
		struct pending p = c->queue[k];
		struct running *r;
		struct sweep_job job;

		if (s == NULL || s->state == SLOT_DECODING)
			continue;
		dequeue(c, k);
		if (s->state == SLOT_FAILED) {
			struct sweep_done none = {.result = {.status = "error"}};

			memcpy(none.result.message, s->message, sizeof s->message);
			return store(c, &p, &none) == 0 ? 1 : -1;
		}
		r = free_running(c);
		*r = (struct running){true, p};
		s->running++;
		job = (struct sweep_job){.slot = (uint32_t)(s - c->slot),
					 .index = p.index,
					 .generation = s->generation};
		return sweep_pool_give(c->pool, &job, c->d) == 0 ? 1 : -1;
	}
	return 0;
}

/*
 * A worker may have its next point at hand while it runs one, as long as there are many
 * left: near the end a point that waits behind another is one that an idle worker lacks.
 */
static bool wants_work(const struct schedule *c)
{
	return sweep_pool_idle(c->pool) > 0 ||
	       (c->nr_queue > 2 * c->q->jobs && sweep_pool_has_room(c->pool));
}

/* Work for all that are idle, or soon will be. */
static int give_all(struct schedule *c)
{
	int given = 1;

	if (fill_queue(c) != 0)
		return -1;
	drop_slots(c);
	while (given > 0 && wants_work(c)) {
		given = give_decoding(c);
		if (given == 0)
			given = give_point(c);
		if (given > 0 && fill_queue(c) != 0)
			return -1;
	}
	return given < 0 ? -1 : 0;
}

static void count_result(struct schedule *c, const struct pending *p, const struct sweep_done *done)
{
	struct sweep_tally *t = c->t;
	const char *s = done->result.status;
	struct sweep_point point;
	char label[SWEEP_LABEL];

	t->done++;
	t->cpu_ns += done->cpu_ns;
	t->ok += strcmp(s, "ok") == 0;
	t->limit += strcmp(s, "limit") == 0;
	t->timeout += strcmp(s, "timeout") == 0;
	t->fault += strcmp(s, "fault") == 0;
	t->error += strcmp(s, "error") == 0;
	t->crash += strcmp(s, "crash") == 0;
	if (t->first_problem[0] != '\0' || strcmp(s, "ok") == 0)
		return;
	sweep_at(c->q->s, p->index, &point);
	sweep_label(c->q->s, &point, label);
	snprintf(t->first_problem, sizeof t->first_problem, "%.200s: %.300s", label,
		 done->result.message);
}

static int store(struct schedule *c, const struct pending *p, const struct sweep_done *done)
{
	struct sweep_row row = {.key = p->key,
				.status = done->result.status,
				.message = done->result.message,
				.report = done->result.report};

	if (sweep_db_put(c->q->db, &row, done->cpu_ns, done->wall_ns, c->d) != 0)
		return -1;
	count_result(c, p, done);
	if (c->q->progress != NULL)
		c->q->progress(c->q->ctx, c->t);
	return 0;
}

static void decoded(struct schedule *c, const struct sweep_done *done)
{
	struct slot *s = &c->slot[done->job.slot];

	s->state = strcmp(done->result.status, "ok") == 0 ? SLOT_READY : SLOT_FAILED;
	if (s->state == SLOT_FAILED)
		snprintf(s->message, sizeof s->message, "its trace cannot be read: %.400s",
			 done->result.message);
}

/* A job has ended: first the next job, then what this one found. */
static int took(struct schedule *c, struct sweep_done *done)
{
	struct running *r = c->running;
	struct pending p;
	int err;

	if (done->job.decode) {
		decoded(c, done);
		return give_all(c);
	}
	while (!r->used || r->p.index != done->job.index)
		r++;
	p = r->p;
	r->used = false;
	c->slot[done->job.slot].running--;
	err = give_all(c);
	if (err == 0)
		err = store(c, &p, done);
	free(done->result.report);
	return err;
}

static int run_all(struct schedule *c)
{
	struct sweep_done done;

	if (give_all(c) != 0)
		return -1;
	while (sweep_pool_is_busy(c->pool)) {
		if (c->q->stop != NULL && c->q->stop(c->q->ctx))
			return 0;
		if (sweep_pool_wait(c->pool, 200, &done) && took(c, &done) != 0)
			return -1;
	}
	return 0;
}

int sweep_run(const struct sweep_run_request *q, struct sweep_tally *t, struct diag *d)
{
	struct schedule *c = calloc(1, sizeof *c);
	int err = -1;

	if (c == NULL)
		return diag_set(d, "", 0, 0, "out of host memory");
	c->q = q;
	c->t = t;
	c->d = d;
	c->pool = sweep_pool_new(q->s, q->jobs, d);
	if (c->pool != NULL)
		err = run_all(c);
	sweep_pool_free(c->pool);
	free(c);
	return err;
}

/* ---- how long it may take ---- */

#define MEASURED 8u
#define TRIED    64u /* of those that do not end well another is tried */

/* Decodes a point's trace and runs it.  Returns its CPU time, 0: it did not end well. */
static uint64_t measure(struct sweep_pool *pool, uint64_t index, uint64_t generation,
			const struct sweep_run_request *q)
{
	struct sweep_job job = {.decode = 1, .index = index, .generation = generation};
	struct sweep_done done = {0};
	struct diag d = {0};

	for (int step = 0; step < 2; step++, job.decode = 0) {
		free(done.result.report);
		if (sweep_pool_give(pool, &job, &d) != 0)
			return 0;
		while (!sweep_pool_wait(pool, 200, &done))
			if (q->stop != NULL && q->stop(q->ctx))
				return 0;
	}
	free(done.result.report);
	return strcmp(done.result.status, "ok") == 0 ? done.cpu_ns : 0;
}

int sweep_expect(const struct sweep_run_request *q, double *seconds, unsigned *measured,
		 struct diag *d)
{
	uint64_t mean = q->db != NULL ? sweep_db_mean_cpu(q->db) : 0, sum = 0, generation = 0;
	struct sweep_point p = {0};
	struct sweep_pool *pool;
	unsigned last = UINT32_MAX;
	int more = 1;

	*measured = 0;
	*seconds = (double)mean / 1e9;
	if (mean != 0)
		return 0;
	pool = sweep_pool_new(q->s, 1, d);
	if (pool == NULL)
		return -1;
	while (*measured < MEASURED && generation < TRIED && (more = sweep_next(q->s, &p, d)) > 0) {
		uint64_t ns = p.trace != last ? measure(pool, p.index, ++generation, q) : 0;

		if (ns != 0) {
			sum += ns;
			++*measured;
			last = p.trace;
		}
		p.index++;
	}
	sweep_pool_free(pool);
	*seconds = *measured != 0 ? (double)sum / *measured / 1e9 : 0;
	return more < 0 ? -1 : 0;
}
