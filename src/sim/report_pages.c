/* The report's blocks of zones' reserves and lists, and of --expect. */
#include "sim/report_pages.h"

static json_t *uint_of(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* A share in 1/10^9 as a decimal number. */
static json_t *share(uint64_t n)
{
	return json_real((double)n / 1e9);
}

static json_t *score_json(const struct expect_score *s)
{
	return json_pack("{s:I, s:I, s:o}", "samples", (json_int_t)s->samples, "exact",
			 (json_int_t)s->exact, "mean_block_error",
			 share(s->samples == 0 ? 0 : s->error_sum / s->samples));
}

json_t *report_expect(const struct expect_report *x)
{
	json_t *o = score_json(&x->run), *controls = json_object();

	json_object_set_new(controls, "nothing_happens", score_json(&x->nothing_happens));
	if (x->has_no_types)
		json_object_set_new(controls, "no_migrate_types", score_json(&x->no_migrate_types));
	json_object_set_new(o, "indices", uint_of(x->run.indices));
	json_object_set_new(o, "indices_equal", uint_of(x->run.indices_equal));
	json_object_set_new(o, "worst_block_error", share(x->run.worst_error));
	json_object_set_new(o, "worst_time_us", uint_of(x->run.worst_us));
	if (x->early != 0)
		json_object_set_new(o, "early_samples", uint_of(x->early));
	if (x->late != 0)
		json_object_set_new(o, "late_samples", uint_of(x->late));
	json_object_set_new(o, "controls", controls);
	return o;
}

json_t *report_lists(const struct sys_alloc *a, unsigned zone, unsigned cpus)
{
	json_t *list = json_array();
	struct zone_lists l;

	for (unsigned cpu = 0; a->ops->pages->lists != NULL && cpu < cpus; cpu++)
		if (a->ops->pages->lists(a->alloc, zone, cpu, &l))
			json_array_append_new(list, json_pack("{s:I, s:I, s:I, s:I, s:I}", "count",
							      (json_int_t)l.count, "high",
							      (json_int_t)l.high, "batch",
							      (json_int_t)l.batch, "high_min",
							      (json_int_t)l.high_min, "high_max",
							      (json_int_t)l.high_max));
	return list;
}

void report_reserves(json_t *zone, const struct zone_figures *f)
{
	json_t *reserve = json_array();

	for (unsigned type = 0; type < ZONE_TYPES; type++)
		json_array_append_new(reserve, uint_of(f->reserve[type]));
	json_object_set_new(zone, "lowmem_reserve", reserve);
	json_object_set_new(zone, "claims", uint_of(f->claims));
	json_object_set_new(zone, "steals", uint_of(f->steals));
	json_object_set_new(zone, "reclaimed_pages", uint_of(f->reclaimed));
}
