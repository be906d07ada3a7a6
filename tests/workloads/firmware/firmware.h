/*
 * firmware: a telemetry gateway in miniature, for recording what such a program asks
 * of its heap.  Three minutes of virtual time of a device with an Ethernet port: a
 * network stack with packet buffers and sessions, MQTT over a TLS-like layer, JSON
 * documents, software timers, sensors, a flash log, a small rule language with
 * garbage collection, a web server with a task a connection, and one firmware update.
 *
 * Everything is computed, nothing is real input or output, and a seed decides all:
 * each run makes the same calls.  Links between objects are 32-bit references, so
 * that requests have the sizes that they have on a 32-bit microcontroller.
 */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef uint32_t ref_t; /* distance from the first block; 0: none */

/* ---- base.c: memory, chance, time ---- */

ref_t fw_ref(void *block); /* NULL: out of memory, and the program ends */
void *at(ref_t r);

/* These are inline so that a recording of call sites names who really asked. */
#define FW_INLINE static inline __attribute__((always_inline))

FW_INLINE ref_t fw_alloc(size_t bytes)
{
	return fw_ref(malloc(bytes));
}

FW_INLINE ref_t fw_zalloc(size_t count, size_t bytes)
{
	return fw_ref(calloc(count, bytes));
}

FW_INLINE ref_t fw_resize(ref_t r, size_t bytes)
{
	return fw_ref(realloc(r == 0 ? NULL : at(r), bytes));
}

/* On a cache line of 32 bytes, and whole ones. */
FW_INLINE ref_t fw_dma_alloc(size_t bytes)
{
	return fw_ref(aligned_alloc(32, (bytes + 31) & ~(size_t)31));
}

/* 0 is fine. */
FW_INLINE void fw_free(ref_t r)
{
	if (r != 0)
		free(at(r));
}

ref_t fw_copy(const char *text);

uint32_t chance(uint32_t below); /* 0 ... below - 1 */
uint32_t between(uint32_t least, uint32_t most);
bool one_in(uint32_t n);
extern uint32_t now_ms;

/* First-in first-out chain of objects whose first member is their link. */
struct queue {
	ref_t first, last;
	uint32_t n;
};
void queue_put(struct queue *q, ref_t object);
ref_t queue_take(struct queue *q); /* 0: empty */

/* ---- base.c: the kernel's tasks, queues and timers ---- */

ref_t task_create(size_t stack_bytes);
void task_delete(ref_t task);
ref_t message_queue_create(uint32_t length, uint32_t item_bytes);

typedef void timer_fn(uint32_t arg);
void timer_start(uint32_t in_ms, timer_fn *fn, uint32_t arg);
void timers_run(void);

/* ---- net.c: packet buffers, segments in flight, the session with the server ---- */

void net_start(void);
void net_receive(uint32_t bytes); /* a frame arrives, is passed up and freed */
void net_send(const void *data, uint32_t bytes); /* kept until acknowledged */
void net_acknowledge(void);
bool net_connected(void);
void net_drop(void); /* the session breaks; a handshake makes a new one */

/* ---- json.c: a document tree ---- */

ref_t json_object(void);
ref_t json_array(void);
void json_add_number(ref_t into, const char *name, int32_t value);
void json_add_text(ref_t into, const char *name, const char *text);
void json_add(ref_t into, const char *name, ref_t item);
ref_t json_print(ref_t tree); /* text in a block that grew as needed */
void json_free(ref_t tree);

/* ---- app.c: MQTT, sensors, log, web server, update ---- */

void app_start(void);
void app_tick(void); /* each 10 ms */

/* ---- script.c: the rule language ---- */

void script_start(void);
void script_event(uint32_t sensor, int32_t value); /* runs the rules */

#endif
