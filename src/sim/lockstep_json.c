/* memscape.compare/1: where two runs part, and what differs in their reports. */
#include <string.h>

#include "sim/lockstep.h"
#include "sim/report_diff.h"
#include "sim/report_parts.h"

static json_t *lines_json(const char *text)
{
	json_t *list = json_array();

	while (*text != '\0') {
		size_t n = strcspn(text, "\n"), indent = strspn(text, " ");

		indent = indent < n ? indent : n;
		json_array_append_new(list, json_stringn(text + indent, n - indent));
		text += n + (text[n] == '\n');
	}
	return list;
}

static json_t *telling_json(const struct replay *r, const struct telling *t)
{
	static const char *const words[] = {[OUTCOME_DONE] = "done",
					    [OUTCOME_FAILED] = "failed",
					    [OUTCOME_SKIPPED] = "skipped",
					    [OUTCOME_FINDING] = "finding"};
	bool placed = t->decision.placed;

	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "outcome", words[t->decision.outcome],
			 "place", placed ? json_integer(t->decision.place) : json_null(), "address",
			 placed ? json_integer((json_int_t)t->did.pa) : json_null(), "failure",
			 t->why.event != 0 ? report_failure(r, &t->why) : json_null(), "steps",
			 lines_json(t->did.text));
}

static json_t *parting_json(const struct lockstep *l, const struct parting *p)
{
	const struct trace_event *ev = &p->side[0].did.ev;

	if (p->event == 0)
		return json_null();
	return json_pack("{s:I, s:s, s:o, s:I, s:s, s:o, s:o}", "event", (json_int_t)p->event, "op",
			 trace_op_word((enum trace_op)ev->op), "id",
			 ev->slot == SLOT_NONE ? json_null() : json_integer(ev->slot), "size",
			 (json_int_t)ev->size, "site",
			 ev->site != 0 ? trace_string(l->run[0].trace, ev->site) : "", "a",
			 telling_json(&l->run[0].replay, &p->side[0]), "b",
			 telling_json(&l->run[1].replay, &p->side[1]));
}

static json_t *side_json(const struct lockstep_side *s)
{
	return json_pack("{s:s, s:O, s:O, s:O}", "name", s->name, "run",
			 json_object_get(s->report, "run"), "machine",
			 json_object_get(s->report, "machine"), "events",
			 json_object_get(json_object_get(s->report, "events"), "done"));
}

static json_t *headline_json(const struct headlines *x, unsigned i)
{
	return headline_known(x, i) ? json_integer((json_int_t)x->v[i]) : json_null();
}

static json_t *figures_json(const struct lockstep_side side[2])
{
	json_t *o = json_object();

	for (unsigned i = 0; i < NR_HEADLINES; i++)
		json_object_set_new(o, headline[i].key,
				    json_pack("{s:o, s:o}", "a",
					      headline_json(&side[0].headlines, i), "b",
					      headline_json(&side[1].headlines, i)));
	return o;
}

static json_t *or_null(const json_t *j)
{
	return j != NULL ? json_incref((json_t *)(uintptr_t)j) : json_null();
}

static void add_difference(void *list, const char *path, const json_t *a, const json_t *b)
{
	if (!report_is_asked(path))
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "figure", path, "a",
						      or_null(a), "b", or_null(b)));
}

json_t *lockstep_json(const struct lockstep *l, const struct lockstep_side side[2])
{
	json_t *differences = json_array();

	report_diff(side[0].report, side[1].report, add_difference, differences);
	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", "memscape.compare/1",
			 "compared", (json_int_t)l->compared, "a", side_json(&side[0]), "b",
			 side_json(&side[1]), "first", parting_json(l, &l->first), "outcome",
			 parting_json(l, &l->outcome), "figures", figures_json(side), "differences",
			 differences);
}
