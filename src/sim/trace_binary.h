/*
 * The native binary form: header, sections, trailer.  trace_writer.h has the
 * picture, trace_block.h the events section, docs/formats.md every byte.
 */
#ifndef SIM_TRACE_BINARY_H
#define SIM_TRACE_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

/* Versions that are read: 2 adds operations, see docs/formats.md. */
#define BINARY_OLDEST  1u
#define BINARY_VERSION 2u
#define BINARY_MAGIC    "MSTRACE\n"
#define BINARY_END      "MSTREND\n"
#define BINARY_MAGIC_BYTES 8u

struct binary_header {
	char magic[BINARY_MAGIC_BYTES];
	uint32_t version;
	uint32_t reserved; /* 0 */
	uint64_t checksum; /* XXH3-64 of the bytes before */
};

enum binary_kind {
	SECTION_STRINGS = 0x53525453, /* "STRS": varint bytes, text; again */
	SECTION_EVENTS = 0x53545645,  /* "EVTS": trace_block.h */
	SECTION_SLOTS = 0x544f4c53,   /* "SLOT": the free stack here */
	SECTION_END = 0x53444e45      /* "ENDS": totals and index */
};

struct binary_section {
	uint32_t kind;
	uint32_t packed;  /* bytes that follow; the same as raw: stored, else one zstd frame */
	uint32_t raw;     /* bytes of it unpacked */
	uint32_t count;   /* events or strings in it */
	uint64_t first;   /* number of its first event or string, or of the next event */
	uint64_t checksum; /* XXH3-64 of the packed bytes, seeded with that of the 24 bytes before */
};

struct binary_trailer {
	uint64_t end_offset; /* of the end section in the file */
	char magic[BINARY_MAGIC_BYTES];
};

_Static_assert(sizeof(struct binary_header) == 24, "wire format");
_Static_assert(sizeof(struct binary_section) == 32, "wire format");
_Static_assert(sizeof(struct binary_trailer) == 16, "wire format");

/* No section is larger unpacked. */
#define SECTION_RAW (16u << 20)

/* The end section's totals, in this order, as varints; then the index. */
struct binary_totals {
	uint64_t events;
	uint64_t slots;    /* most that were ever in use at once */
	uint64_t strings;  /* including index 0 */
	uint64_t groups;   /* bit set of 1 << enum trace_group */
	uint64_t has_time, has_sites; /* 0 or 1 */
};

#define BINARY_TOTALS 6u

static inline uint64_t binary_header_checksum(const struct binary_header *h)
{
	return XXH3_64bits(h, offsetof(struct binary_header, checksum));
}

static inline uint64_t binary_section_checksum(const struct binary_section *s, const void *packed)
{
	return XXH3_64bits_withSeed(packed, s->packed,
				    XXH3_64bits(s, offsetof(struct binary_section, checksum)));
}

#endif
