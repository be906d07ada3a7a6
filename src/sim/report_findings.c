/* The report's findings: what is wrong in the trace, or was seen by an allocator. */
#include "sim/findings.h"
#include "sim/report_parts.h"

static const char *string_of(const struct replay *r, uint32_t i)
{
	return r->trace != NULL ? trace_string(r->trace, i) : "";
}

static json_t *bad_json(const struct replay *r, const struct bad_event *b)
{
	json_t *o, *holders;
	char text[FINDING_TEXT];

	finding_text(r, b, text, sizeof text);
	o = json_pack("{s:I, s:s, s:s}", "event", (json_int_t)b->event, "op",
		      trace_op_word((enum trace_op)b->op), "what", text);
	if (b->what != 'b')
		return o;
	holders = json_array();
	for (uint32_t i = 0; i < b->nr_holders && i < MAX_BLOCKERS; i++) {
		const struct blocker *k = &b->holder[i];

		json_array_append_new(
			holders, json_pack("{s:I, s:I, s:I, s:s}", "id", (json_int_t)k->slot,
					   "address", (json_int_t)k->pa, "born",
					   (json_int_t)k->birth, "site", string_of(r, k->site)));
	}
	json_object_set_new(o, "objects", json_integer((json_int_t)b->nr_holders));
	json_object_set_new(o, "holders", holders);
	return o;
}

static json_t *finding_json(const struct replay *r, const struct mm_finding *f)
{
	const char *who = f->owner > 0 ? r->sys->allocs[f->owner - 1].name : "machine";
	json_t *o = json_pack("{s:I, s:s, s:s, s:I}", "event", (json_int_t)f->event, "allocator",
			      who, "what", f->what, "where", (json_int_t)f->where);

	if (f->kind == 'f')
		json_object_update_new(
			o, json_pack("{s:s, s:i, s:s?}", "access", f->store ? "store" : "load",
				     "bytes", (int)f->bytes, "region",
				     fault_region(r->sys, f->where)));
	return o;
}

json_t *report_findings(const struct replay *r)
{
	const struct mm_shared *sh = &r->sys->sh;
	json_t *list = json_array();

	for (unsigned i = 0; i < MAX_BAD_EVENTS && i < r->fig->nr_bad; i++)
		json_array_append_new(list, bad_json(r, &r->fig->bad[i]));
	for (unsigned i = 0; i < MM_MAX_FINDINGS && i < sh->nr_findings; i++)
		json_array_append_new(list, finding_json(r, &sh->finding[i]));
	return list;
}
