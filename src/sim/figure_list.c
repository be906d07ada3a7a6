#include "sim/figure_list.h"

#include <stddef.h>

#define CLASSES(prefix)                                                                            \
	{prefix ".payload", "bytes", "requested by live allocations"},                             \
		{prefix ".rounding", "bytes", "granted beyond the request"},                       \
		{prefix ".metadata", "bytes", "descriptors, headers, tables"},                     \
		{prefix ".slack", "bytes", "lost inside what an allocator holds"},                 \
		{prefix ".cached", "bytes", "free, but held above the page allocator"},            \
		{prefix ".free", "bytes", "free in the page allocator"},                           \
		{prefix ".reserved", "bytes", "reserved by the machine"},                          \
	{                                                                                          \
		prefix ".unmanaged", "bytes", "RAM given to no allocator"                          \
	}

const struct figure_entry figure_list[] = {
	{"events.done", "events", "events executed, failed requests included"},
	{"events.failed", "events", "requests that were refused"},
	{"events.skipped", "events", "events of objects whose birth failed"},
	{"events.findings", "events", "double frees, unknown ids, refused pointers"},
	{"events.bytes_requested", "bytes", "sum of all requests"},
	{"events.bytes_copied", "bytes", "copied by realloc that could not resize in place"},
	{"events.by_op.OP", "events", "events of one operation"},
	{"peak.live_bytes", "bytes", "most bytes requested and live at once"},
	{"peak.live_blocks", "blocks", "blocks live at that moment"},
	{"peak.event", "event", "its number"},
	{"peak.footprint_bytes", "bytes", "most memory the allocators had taken"},
	CLASSES("ledger.peak"),
	CLASSES("ledger.final"),
	{"ledger.by_owner.NAME.metadata", "bytes", "metadata that one allocator holds"},
	{"ledger.regions.NAME.CLASS", "bytes", "one class of one region at the end"},
	{"ledger.regions.NAME.largest_free_bytes", "bytes", "largest free block in one region"},
	{"zones.NAME.managed_pages", "pages", "pages given to the page allocator"},
	{"zones.NAME.free_pages", "pages", "pages in its free lists"},
	{"zones.NAME.min, .low, .high", "pages", "watermarks"},
	{"zones.NAME.nr_free[ORDER]", "blocks", "free blocks of an order"},
	{"zones.NAME.unusable[ORDER]", "0 to 1", "unusable free space index"},
	{"zones.NAME.extfrag[ORDER]", "-1 to 1", "Linux's fragmentation index"},
	{"zones.NAME.largest_free_bytes", "bytes", "largest free block"},
	{"zones.NAME.fallbacks", "requests", "served here although another zone was preferred"},
	{"nodes.NODE.CLASS", "bytes", "one class of one NUMA node; also .free_pages .fallbacks"},
	{"heaps.NAME.arena_bytes", "bytes", "arena, or pages held"},
	{"heaps.NAME.free_bytes", "bytes", "free in it"},
	{"heaps.NAME.largest_free_bytes", "bytes", "largest free block"},
	{"heaps.NAME.free_blocks", "blocks", "free blocks"},
	{"heaps.NAME.footprint_bytes", "bytes", "high-water mark in the arena, or pages held"},
	{"heaps.NAME.jw[0..3]", "ratio", "the four ratios of Johnstone and Wilson"},
	{"heaps.NAME.search.mean", "steps", "list steps of a search; also .p50 .p99 .max .count"},
	{"caches.NAME.active_objects", "objects", "live objects; also .total_objects .slabs"},
	{"failures_by_cause.CAUSE", "requests",
	 "capacity, fragmentation, alignment, reachability, ..."},
	{"live_at_end.bytes", "bytes", "still live after the last event; also .blocks"},
	{"largest(NAME)", "bytes", "largest free block of a heap, zone or region, or of all"},
	{"unusable(ZONE, ORDER)", "0 to 1", "unusable free space index"},
	{"extfrag(ZONE, ORDER)", "-1 to 1", "fragmentation index"},
	{"count(LIST)", "entries", "entries of a list, as count(failures)"},
	{NULL, NULL, NULL},
};
