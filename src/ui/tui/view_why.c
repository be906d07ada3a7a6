/*
 * Why: the autopsy of each failed request, and what lay in the way.
 */
#include <string.h>

#include "sim/autopsy.h"
#include "ui/tui/names.h"
#include "ui/tui/views.h"

#define MAX_SHOWN 1024u /* lines of a screen, at the most */

struct why {
	struct failure all[MAX_FAILURES + 1]; /* up to now, as far as known */
	size_t cursor, top; /* among the failures so far */
	bool inside; /* the cursor is among the blockers */
	size_t blocker, blocker_top;
	struct blocker shown[MAX_SHOWN]; /* blockers from blocker_top on */
	size_t nr_shown, nr_listed; /* nr_listed: all that one can go through */
	uint64_t moment; /* event + 1 when last looked at; at another the newest is chosen anew */
};

/* Those kept from the start, and behind them one that was seen lately. */
static const struct failure *failures(const struct app *a, struct why *s, size_t *nr)
{
	const struct figures *f = moment_figures(a->t);
	const struct failure *last = timeline_last_failure(a->t);

	*nr = f->nr_failures;
	memcpy(s->all, f->failure, *nr * sizeof *s->all);
	if (last != NULL && *nr == MAX_FAILURES && last->event > s->all[*nr - 1].event)
		s->all[(*nr)++] = *last;
	return s->all;
}

static void draw_failure(struct app *a, struct box b, int y, const struct failure *f, bool on)
{
	char size[SHORT_SIZE];
	enum style s = on ? STYLE_CURSOR : STYLE_PLAIN;
	int x;

	if (on)
		put_fill(b, y, 0, b.w, s, ' ');
	x = put(b, y, 0, s, "%12llu %-12s %8s  %-13s %s", (unsigned long long)f->event,
		trace_op_word((enum trace_op)f->op), short_size(f->size, size),
		cause_name((enum cause)f->cause), moment_system(a->t)->allocs[f->alloc].name);
	if (f->site != 0)
		put(b, y, x, s, "  from %s", timeline_string(a->t, f->site));
}

/* ---- the explanation ---- */

static int explain_cause(struct app *a, struct box b, int y, const struct failure *f)
{
	const struct sys_alloc *s = &moment_system(a->t)->allocs[f->alloc];
	char want[LONG_COUNT], has[LONG_COUNT], largest[LONG_COUNT];

	long_count(f->size, want);
	long_count(f->free_bytes, has);
	long_count(f->largest_free, largest);
	switch ((enum cause)f->cause) {
	case CAUSE_CAPACITY:
		put(b, y++, 0, STYLE_PLAIN,
		    "Capacity: %s bytes were wanted, and %s (%s) had only %s free.", want, s->name,
		    s->ops->name, has);
		put(b, y++, 0, STYLE_PLAIN, "No allocator could have served it from this memory.");
		break;
	case CAUSE_FRAGMENTATION:
		put(b, y++, 0, STYLE_PLAIN,
		    "Fragmentation: %s bytes were wanted and %s were free in %s (%s),", want, has,
		    s->name, s->ops->name);
		put(b, y++, 0, STYLE_PLAIN, "but in pieces: the largest had %s.", largest);
		break;
	case CAUSE_ALIGNMENT:
		put(b, y++, 0, STYLE_PLAIN,
		    "Alignment: a free block of %s bytes was there for the %s wanted,", largest,
		    want);
		put(b, y++, 0, STYLE_PLAIN, "but none with room at a multiple of %llu.",
		    (unsigned long long)f->align);
		break;
	case CAUSE_REACHABILITY:
		put(b, y++, 0, STYLE_PLAIN,
		    "Reachability: there was memory, but not where %s can reach it.",
		    f->master != 0 ? timeline_string(a->t, f->master) : "the request");
		put(b, y++, 0, STYLE_PLAIN, "Where it can: %s bytes free, the largest block %s.",
		    has, largest);
		break;
	case CAUSE_WATERMARK:
		put(b, y++, 0, STYLE_PLAIN,
		    "Watermark: %s bytes were free, but kept in reserve for others.", has);
		break;
	case CAUSE_LIMIT:
		put(b, y++, 0, STYLE_PLAIN,
		    "Limit: %s bytes are more than %s (%s) can ever give at once.", want, s->name,
		    s->ops->name);
		break;
	default:
		put(b, y++, 0, STYLE_PLAIN, "Injected: the page source was told to fail.");
	}
	return y;
}

/* At the failure's own moment they are all there to see; else the largest few are kept. */
static bool all_are_there(const struct app *a, const struct failure *f)
{
	return timeline_now(a->t) == f->event && f->nr_blockers > MAX_BLOCKERS;
}

/*
 * Live blocks in the range, by address: up to `max` of them, the first `skip` left out.
 * Returns how many there are.
 */
static size_t read_blockers(struct app *a, const struct failure *f, size_t skip, size_t max,
			    struct blocker *out)
{
	size_t nr, found = 0, i = moment_piece_at(a->t, f->range_base);
	const struct piece *p = moment_pieces(a->t, &nr);

	for (; i < nr && p[i].base < f->range_base + f->range_bytes; i++) {
		const struct live *l;

		if (p[i].slot == SLOT_NONE)
			continue;
		l = moment_live(a->t, p[i].slot);
		if (found >= skip && found - skip < max)
			out[found - skip] = (struct blocker){.pa = p[i].base,
							     .bytes = live_size(l),
							     .birth = live_birth(l),
							     .slot = p[i].slot,
							     .site = moment_site(a->t, l)};
		found++;
	}
	return found;
}

/* Those that `rows` lines show around the cursor. */
static void list_blockers(struct app *a, struct why *s, const struct failure *f, int rows)
{
	bool all = all_are_there(a, f);
	size_t left;

	rows = rows < 1 ? 1 : rows > (int)MAX_SHOWN ? (int)MAX_SHOWN : rows;
	s->nr_listed = all                             ? read_blockers(a, f, 0, 0, NULL)
		       : f->nr_blockers < MAX_BLOCKERS ? f->nr_blockers
						       : MAX_BLOCKERS;
	if (s->blocker >= s->nr_listed)
		s->blocker = s->nr_listed != 0 ? s->nr_listed - 1 : 0;
	s->blocker_top = scroll_to(s->blocker_top, s->blocker, s->nr_listed, rows);
	left = s->nr_listed - s->blocker_top;
	s->nr_shown = left < (size_t)rows ? left : (size_t)rows;
	if (all)
		(void)read_blockers(a, f, s->blocker_top, s->nr_shown, s->shown);
	else
		memcpy(s->shown, &f->blocker[s->blocker_top], s->nr_shown * sizeof *s->shown);
}

/* The one under the cursor; list_blockers has listed them. */
static const struct blocker *chosen(const struct why *s)
{
	return &s->shown[s->blocker - s->blocker_top];
}

static void draw_blocker(struct app *a, struct box b, int y, const struct failure *f,
			 const struct blocker *k, bool on)
{
	put(b, y, 2, on ? STYLE_CURSOR : STYLE_PLAIN,
	    "#%u  %llu bytes at 0x%llx, born at %llu (%llu events before)%s%s", k->slot,
	    (unsigned long long)k->bytes, (unsigned long long)k->pa, (unsigned long long)k->birth,
	    (unsigned long long)(f->event - k->birth), k->site != 0 ? ", from " : "",
	    k->site != 0 ? timeline_string(a->t, k->site) : "");
}

static void draw_blockers(struct app *a, struct box b, int y, struct why *s,
			  const struct failure *f)
{
	char at[LONG_COUNT], of[LONG_COUNT];

	if (f->range_bytes == 0) {
		if (f->cause == CAUSE_FRAGMENTATION)
			put_text(b, y, 0, STYLE_DIM,
				 "What lay in the way is kept for the first failures only.");
		return;
	}
	if (f->nr_blockers == 0) {
		put(b, y++, 0, STYLE_PLAIN,
		    "Nearest: %llu bytes at 0x%llx, of which %llu were free.  In the way:",
		    (unsigned long long)f->range_bytes, (unsigned long long)f->range_base,
		    (unsigned long long)f->range_free);
		put(b, y++, 0, STYLE_PLAIN, "%s.",
		    obstacle_text(obstacle_name(failure_obstacle(f))));
		put_text(b, y, 2, STYLE_DIM, "Enter shows the place in the atlas");
		return;
	}
	put(b, y++, 0, STYLE_PLAIN,
	    "Nearest: %llu bytes at 0x%llx, of which %llu were free.  In the way: %u live blocks",
	    (unsigned long long)f->range_bytes, (unsigned long long)f->range_base,
	    (unsigned long long)f->range_free, f->nr_blockers);
	list_blockers(a, s, f, b.h - y - 1);
	for (size_t i = 0; i < s->nr_shown; i++)
		draw_blocker(a, b, y++, f, &s->shown[i],
			     s->inside && s->blocker == s->blocker_top + i);
	if (s->inside) {
		put(b, y, 2, STYLE_DIM, "%s of %s by %s; Enter: the atlas, b: its birth",
		    long_count(s->blocker + 1, at), long_count(s->nr_listed, of),
		    all_are_there(a, f) ? "address" : "size");
		return;
	}
	if (s->nr_listed < f->nr_blockers)
		put(b, y, 2, STYLE_DIM,
		    "the largest are shown; Enter goes to the moment and lists all %u",
		    f->nr_blockers);
	else
		put_text(
			b, y, 2, STYLE_DIM,
			"Enter chooses one; then Enter shows it in the atlas, b goes to its birth");
}

static void draw_none(struct app *a, struct box b)
{
	const struct figures *f = moment_figures(a->t);
	char name[16];

	put(b, 1, 0, STYLE_PLAIN, "No request has failed up to event %llu.",
	    (unsigned long long)f->event);
	put(b, 2, 0, STYLE_PLAIN, "%s goes to the next failed request, if there is one.",
	    keymap_key(&a->keymap, ACTION_FAIL_NEXT, name));
}

static void draw_causes(struct app *a, struct box b, int y)
{
	const struct figures *f = moment_figures(a->t);
	int x = put(b, y, 0, STYLE_DIM, "%llu failed:", (unsigned long long)f->failed);

	for (unsigned c = 0; c < NR_CAUSES; c++)
		if (f->by_cause[c] != 0)
			x = put(b, y, x, STYLE_DIM, " %llu %s", (unsigned long long)f->by_cause[c],
				cause_name((enum cause)c));
	if (f->failed > f->nr_failures)
		put(b, y, x, STYLE_DIM, "; the first %u are kept, and the last one seen",
		    f->nr_failures);
}

static void follow(struct app *a, struct why *s, size_t nr)
{
	if (s->moment == timeline_now(a->t) + 1)
		return;
	s->moment = timeline_now(a->t) + 1;
	s->inside = false;
	s->blocker = 0;
	s->cursor = nr ? nr - 1 : 0;
}

static void why_draw(struct app *a, void *state, struct box b)
{
	struct why *s = state;
	size_t nr;
	const struct failure *f = failures(a, s, &nr);
	int rows = b.h - 13 < 3 ? 3 : b.h - 13, y;

	follow(a, s, nr);
	put_fill(b, 0, 0, b.w, STYLE_HEAD, ' ');
	put_text(b, 0, 0, STYLE_HEAD, "       event request          size  cause         asked of");
	if (nr == 0) {
		draw_none(a, b);
		return;
	}
	s->cursor = s->cursor < nr ? s->cursor : nr - 1;
	rows = rows < (int)nr ? rows : (int)nr;
	s->top = scroll_to(s->top, s->cursor, nr, rows);
	for (int i = 0; i < rows && s->top + (size_t)i < nr; i++)
		draw_failure(a, b, 1 + i, &f[s->top + (size_t)i],
			     s->top + (size_t)i == s->cursor && !s->inside);
	draw_causes(a, b, rows + 2);
	y = explain_cause(a, b, rows + 4, &f[s->cursor]);
	draw_blockers(a, b, y + 1, s, &f[s->cursor]);
}

/* ---- keys ---- */

static bool inside_key(struct app *a, struct why *s, enum action act, uint32_t key,
		       const struct failure *f)
{
	const struct blocker *k = chosen(s);

	if (move_cursor(act, &s->blocker, s->nr_listed, s->nr_shown != 0 ? s->nr_shown : 1))
		return true;
	if (act == ACTION_BACK || act == ACTION_CANCEL || act == ACTION_LEFT) {
		s->inside = false;
		return true;
	}
	if (act == ACTION_ENTER) {
		uint64_t pa = k->pa;

		/* It lay there when the request failed. */
		if (timeline_now(a->t) != f->event)
			go_to(a, f->event);
		show_address(a, pa);
		return true;
	}
	if (key == 'b') {
		go_to(a, k->birth);
		show_view(a, view_index("events"));
		return true;
	}
	return false;
}

static bool enter_failure(struct app *a, struct why *s, const struct failure *f)
{
	size_t cursor = s->cursor;
	uint64_t event = f->event;
	bool inside = f->nr_blockers != 0;

	if (timeline_now(a->t) != event)
		go_to(a, event);
	s->moment = timeline_now(a->t) + 1;
	s->cursor = cursor;
	s->inside = inside;
	s->blocker = 0;
	if (!inside && f->range_bytes != 0)
		show_address(a, f->range_base);
	else if (!inside)
		say(a, STYLE_WARN, "nothing lay in the way that could be shown");
	return true;
}

static bool why_key(struct app *a, void *state, enum action act, struct input in)
{
	struct why *s = state;
	size_t nr;
	const struct failure *f = failures(a, s, &nr);

	follow(a, s, nr);
	if (in.key == INPUT_MOUSE) {
		if (in.y >= 1 && s->top + (size_t)in.y - 1 < nr && in.y < a->body.h - 11) {
			s->cursor = s->top + (size_t)in.y - 1;
			s->inside = false;
		}
		return in.y >= 0 && in.y < a->body.h;
	}
	if (nr == 0)
		return false;
	s->cursor = s->cursor < nr ? s->cursor : nr - 1;
	if (s->inside) {
		list_blockers(a, s, &f[s->cursor], (int)s->nr_shown);
		return s->nr_listed != 0 && inside_key(a, s, act, in.key, &f[s->cursor]);
	}
	if (move_cursor(act, &s->cursor, nr, (size_t)(a->body.h > 12 ? a->body.h - 11 : 2)))
		return true;
	return act == ACTION_ENTER && enter_failure(a, s, &f[s->cursor]);
}

static bool why_selected(struct app *a, void *state, struct touch *q)
{
	struct why *s = state;
	size_t nr;
	const struct failure *f = failures(a, s, &nr);
	const struct blocker *k;

	*q = (struct touch){.kind = TOUCH_FAILED};
	if (s->inside && s->cursor < nr)
		list_blockers(a, s, &f[s->cursor], (int)s->nr_shown);
	if (s->inside && s->cursor < nr && s->nr_shown != 0) {
		k = chosen(s);
		*q = (struct touch){.kind = TOUCH_MEMORY, .lo = k->pa, .hi = k->pa + k->bytes};
	}
	return true;
}

static const char *const help[] = {
	"j k\tchoose a failed request (up to now; f and F go in time)",
	"Enter\tgo to its moment, and into the blocks in its way (or show the place in the atlas)",
	"j k\tthere: through all of them, by address; g G, PgUp PgDn, Ctrl-u Ctrl-d",
	"Enter\tthere: show the block in the atlas; b: the event of its birth; Backspace: out",
	"[ ]\tprevious and next event that touched the block, or failed request",
	NULL,
};

const struct view_ops view_why = {
	.name = "why",
	.title = "Why",
	.summary = "why requests failed, and what lay in the way",
	.help = help,
	.private_size = sizeof(struct why),
	.draw = why_draw,
	.key = why_key,
	.selected = why_selected,
};
