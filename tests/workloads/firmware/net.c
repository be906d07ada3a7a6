/*
 * The network: frames arrive by DMA in aligned buffers, which the stack passes up
 * as chains of packet buffers; what is sent is kept in segments until acknowledged,
 * within a window.  The session's secure layer holds two record buffers, and its
 * handshake makes and drops hundreds of big numbers and a chain of certificates.
 */
#include "firmware.h"

#include <string.h>

#define RX_RING        4
#define FRAME_MOST     1536
#define SEGMENT_MOST   536
#define IN_FLIGHT_MOST 12

struct packet { /* payload follows */
	ref_t next;
	uint16_t bytes, total;
	uint8_t flags, references, type, interface;
};

struct segment {
	ref_t next, packet;
	uint32_t sequence, sent_ms;
	uint16_t bytes, flags;
};

struct session {
	ref_t in_record, out_record, keys, peer;
	uint32_t sequence, window;
};

static ref_t rx_ring[RX_RING], session;
static uint32_t rx_at;
static struct queue unacknowledged;

/* ---- the handshake ---- */

/* A big number that grows limb by limb while it is computed. */
static ref_t big_number(uint32_t bytes)
{
	ref_t limbs = fw_zalloc(bytes / 16, 4);

	for (uint32_t n = bytes / 8; n <= bytes; n *= 2)
		limbs = fw_resize(limbs, n);
	return limbs;
}

static void key_exchange(void)
{
	ref_t accumulator = big_number(32), table[16];

	for (int i = 0; i < 16; i++)
		table[i] = big_number(32);
	for (int bit = 0; bit < 128; bit++) {
		ref_t square = big_number(64), reduced = fw_alloc(36);

		memset(at(reduced), bit, 36);
		fw_free(square);
		fw_free(accumulator);
		accumulator = reduced;
	}
	for (int i = 0; i < 16; i++)
		fw_free(table[i]);
	fw_free(accumulator);
}

/* Certificates are parsed into names, extensions and keys, checked and let go; the peer stays. */
static ref_t certificates(void)
{
	ref_t parts[3][12], raw[3], peer = fw_alloc(64);

	for (int c = 0; c < 3; c++) {
		raw[c] = fw_alloc(between(700, 1400));
		for (int i = 0; i < 12; i++)
			parts[c][i] = fw_alloc(i == 0 ? 308 : between(12, 90));
	}
	for (int c = 0; c < 3; c++) {
		key_exchange();
		for (int i = 0; i < 12; i++)
			fw_free(parts[c][i]);
		fw_free(raw[c]);
	}
	return peer;
}

static void handshake(uint32_t attempt)
{
	struct session s = {0};
	ref_t transcript = fw_alloc(512);

	(void)attempt;
	s.in_record = fw_alloc(4096 + 325);
	s.out_record = fw_alloc(2048 + 325);
	for (uint32_t n = 1024; n <= 4096; n += 1024)
		transcript = fw_resize(transcript, n);
	s.peer = certificates();
	s.keys = fw_zalloc(1, 272);
	fw_free(transcript);
	session = fw_alloc(sizeof s);
	*(struct session *)at(session) = s;
}

bool net_connected(void)
{
	return session != 0;
}

void net_drop(void)
{
	struct session s = *(struct session *)at(session);

	while (unacknowledged.n > 0)
		net_acknowledge();
	fw_free(s.in_record);
	fw_free(s.out_record);
	fw_free(s.keys);
	fw_free(s.peer);
	fw_free(session);
	session = 0;
	timer_start(between(500, 4000), handshake, 0);
}

/* ---- frames ---- */

static ref_t packet_alloc(uint32_t bytes)
{
	ref_t r = fw_alloc(sizeof(struct packet) + bytes);

	*(struct packet *)at(r) = (struct packet){.bytes = (uint16_t)bytes, .references = 1};
	return r;
}

/* A chain of packets of at most 512 bytes each. */
static struct queue packet_chain(uint32_t bytes)
{
	struct queue chain = {0, 0, 0};

	while (bytes > 0) {
		uint32_t part = bytes < 512 ? bytes : 512;

		queue_put(&chain, packet_alloc(part));
		bytes -= part;
	}
	return chain;
}

/* The filled buffer goes up, and a new one takes its place in the ring. */
void net_receive(uint32_t bytes)
{
	ref_t frame = rx_ring[rx_at], packet;
	struct queue chain;

	rx_ring[rx_at] = fw_dma_alloc(FRAME_MOST);
	rx_at = (rx_at + 1) % RX_RING;
	chain = packet_chain(bytes);
	memset(at(frame), (int)bytes, 64);
	fw_free(frame);
	while ((packet = queue_take(&chain)) != 0)
		fw_free(packet);
}

/* ---- sending ---- */

void net_acknowledge(void)
{
	ref_t r = queue_take(&unacknowledged);

	if (r == 0)
		return;
	fw_free(((struct segment *)at(r))->packet);
	fw_free(r);
}

static void send_segment(const char *data, uint32_t bytes)
{
	ref_t packet = packet_alloc(54 + bytes), r = fw_alloc(sizeof(struct segment));

	memcpy((char *)at(packet) + sizeof(struct packet) + 54, data, bytes);
	*(struct segment *)at(r) =
		(struct segment){.packet = packet, .sent_ms = now_ms, .bytes = (uint16_t)bytes};
	queue_put(&unacknowledged, r);
}

void net_send(const void *data, uint32_t bytes)
{
	const char *from = data;

	while (bytes > 0) {
		uint32_t part = bytes < SEGMENT_MOST ? bytes : SEGMENT_MOST;

		while (unacknowledged.n >= IN_FLIGHT_MOST)
			net_acknowledge();
		send_segment(from, part);
		from += part;
		bytes -= part;
	}
}

void net_start(void)
{
	for (int i = 0; i < RX_RING; i++)
		rx_ring[i] = fw_dma_alloc(FRAME_MOST);
	handshake(0);
}
