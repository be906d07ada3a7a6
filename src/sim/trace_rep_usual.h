/*
 * The usual lines of a .rep file, "a id bytes" and "f id" with single blanks and up to
 * eight digits a number: read without a branch.  In traces that are not written by a
 * loop, how many digits a number has and whether an `a` or an `f` comes next is anybody's
 * guess, and a wrong guess costs as much as all the rest of a line.
 *
 *   a 1234 567\n        16 characters are compared with blanks and newlines at once;
 *         ^   ^
 *         id  len        what lies between is both numbers' digits, eight each
 *
 * Digits become a number by pairs, then fours, then eight, both numbers in one register
 * (the idea: D. Lemire, Quickly parsing eight digits, 2018).  Without SSE2, which every
 * x86-64 has, all lines go the ordinary way.
 */
#ifndef SIM_TRACE_REP_USUAL_H
#define SIM_TRACE_REP_USUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "alloc/alloc.h"
#include "sim/id_map.h"
#include "sim/slots.h"

#ifdef __SSE2__
#include <emmintrin.h>

struct rep_line {
	uint32_t id, size; /* size: 0 of an `f` */
	unsigned bytes; /* without the newline */
	uint64_t takes; /* all ones: an `a`; 0: an `f` */
};

/* The first n digits at p, the last of them in the top byte; n of 0 and beyond 8: none. */
static inline __m128i rep_digits(const uint8_t *p, unsigned n)
{
	uint64_t w;

	memcpy(&w, p, sizeof w);
	w ^= UINT64_C(0x3030303030303030); /* '0' */
	return _mm_sll_epi64(_mm_cvtsi64_si128((int64_t)w), _mm_cvtsi32_si128((int)(64 - 8 * n)));
}

static inline bool rep_all_digits(__m128i v)
{
	const __m128i nine = _mm_set1_epi8(9);

	return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(v, nine), nine)) == 0xffff;
}

/* The number of eight digits in each half of v. */
static inline __m128i rep_values(__m128i v)
{
	const __m128i low = _mm_set1_epi16(0xff), ten = _mm_set1_epi16(10);
	const __m128i hundred = _mm_set1_epi32(1 << 16 | 100);

	v = _mm_add_epi16(_mm_mullo_epi16(_mm_and_si128(v, low), ten), _mm_srli_epi16(v, 8));
	v = _mm_madd_epi16(v, hundred);
	return _mm_add_epi64(_mm_mul_epu32(v, _mm_set1_epi64x(10000)), _mm_srli_epi64(v, 32));
}

static inline unsigned rep_equal(__m128i line, char c)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(line, _mm_set1_epi8(c)));
}

/* The line at p, 24 bytes readable; false: it is none of the usual. */
static inline bool rep_usual_line(const uint8_t *p, struct rep_line *l)
{
	unsigned end, blanks, second, id, len;
	uint16_t begin, want;
	__m128i line, v;

	memcpy(&line, p, sizeof line);
	memcpy(&begin, p, sizeof begin);
	end = rep_equal(line, '\n') | 1u << 16;
	blanks = rep_equal(line, ' ') & (end - 1) & ~end;
	second = blanks & (blanks - 1);
	len = (unsigned)__builtin_ctz(end);
	id = (unsigned)__builtin_ctz(second | end);
	want = (uint16_t)(second != 0 ? 'a' | ' ' << 8 : 'f' | ' ' << 8);
	v = _mm_unpacklo_epi64(rep_digits(p + 2, id - 2), rep_digits(p + id + 1, len - id - 1));
	if (mm_unlikely((begin != want) | (len - 3 >= 13) | (id - 3 >= 8) | (len - id == 1) |
			(len - id > 9) | !rep_all_digits(v)))
		return false;
	v = rep_values(v);
	l->bytes = len;
	l->takes = 0 - (uint64_t)(second != 0);
	l->id = (uint32_t)_mm_cvtsi128_si32(v);
	l->size = (uint32_t)_mm_cvtsi128_si32(_mm_unpackhi_epi64(v, v));
	return true;
}

/* Chooses without a branch, by a mask of ones or zeros. */
static inline uint32_t rep_choose(uint32_t mask, uint32_t yes, uint32_t no)
{
	return no ^ ((yes ^ no) & mask);
}

/*
 * What the line does to the id and the free slots, as id_map_put, id_map_take, slots_take_as
 * and slots_give_live; false, nothing done: it takes more.  `s` is the caller's copy.
 */
static inline bool rep_usual_slot(const struct id_map *map, struct slots *s,
				  const struct rep_line *l, uint32_t *slot)
{
	struct id_cell *const w = &map->window[l->id % ID_WINDOW];
	const uint32_t takes = (uint32_t)l->takes, was = w->slot, head = s->head;
	uint32_t named, next;

	if (mm_unlikely((rep_choose(takes, was, w->id ^ l->id) != 0) |
			(l->id <= (map->newest_old & takes))))
		return false;
	named = rep_choose(takes, head, was - 1);
	*w = (struct id_cell){l->id | ~takes, (named + 1) & takes};
	next = s->next[named];
	s->next[named] = rep_choose(takes, l->id, head);
	s->head = rep_choose(takes, next, named);
	s->live += (takes & 2) - 1;
	s->high = s->live > s->high ? s->live : s->high;
	*slot = named;
	return true;
}

/*
 * Up to `max` usual lines with ids below `ids` that begin before `last`; *at is the next
 * one then; returns how many.  The slots have room for them all.
 */
static inline size_t rep_usual_lines(const struct id_map *map, struct slots *slots, uint32_t ids,
				     const uint8_t **at, const uint8_t *last, struct plain_req *out,
				     size_t max)
{
	const struct id_map m = *map;
	const struct plain_req *const begin = out, *const end = out + max;
	struct slots s = *slots;
	const uint8_t *p = *at;
	struct rep_line l;
	uint32_t slot;

	for (; out < end && p < last; out++) {
		if (mm_unlikely(!rep_usual_line(p, &l)) || mm_unlikely(l.id >= ids) ||
		    mm_unlikely(!rep_usual_slot(&m, &s, &l, &slot)))
			break;
		*out = (struct plain_req){l.size | ~l.takes, slot, 0};
		p += l.bytes + 1;
	}
	*at = p;
	*slots = s;
	return (size_t)(out - begin);
}

#else

static inline size_t rep_usual_lines(const struct id_map *map, struct slots *s, uint32_t ids,
				     const uint8_t **at, const uint8_t *last, struct plain_req *out,
				     size_t max)
{
	(void)map, (void)s, (void)ids, (void)at, (void)last, (void)out, (void)max;
	return 0;
}

#endif

#endif
