/* The gateway itself: sensors, telemetry over MQTT, the flash log, the web server, an update. */
#include "firmware.h"

#include <stdio.h>
#include <string.h>

#define SENSORS       12
#define LOG_MOST      48
#define PENDING_MOST  10
#define UPDATE_AT_MS  70000
#define UPDATE_CHUNKS 160
#define UPDATE_CHUNK  1024

struct sensor {
	ref_t name, unit, window; /* window: the latest samples */
	uint32_t period_ms, nr_samples, max_samples;
};

struct pending { /* a message at quality of service 1, kept until the broker answers */
	ref_t next, topic, payload;
	uint16_t id, bytes;
};

struct log_line { /* text follows */
	ref_t next;
	uint32_t at_ms;
	uint16_t level, bytes;
};

static ref_t sensors, topics[SENSORS];
static struct queue pending, lines;

/* ---- the flash log ---- */

/* A full batch is written to flash as one sector-sized buffer. */
static void log_flush(void)
{
	ref_t sector = fw_dma_alloc(4096), line;

	while ((line = queue_take(&lines)) != 0)
		fw_free(line);
	memset(at(sector), 0xff, 4096);
	fw_free(sector);
}

static void log_write(const char *what, uint32_t number)
{
	char text[96];
	int n = snprintf(text, sizeof text, "%s %u at %u ms", what, number, now_ms);
	ref_t r = fw_alloc(sizeof(struct log_line) + (size_t)n + 1);

	*(struct log_line *)at(r) = (struct log_line){.at_ms = now_ms, .bytes = (uint16_t)n};
	memcpy((char *)at(r) + sizeof(struct log_line), text, (size_t)n + 1);
	queue_put(&lines, r);
	if (lines.n == LOG_MOST)
		log_flush();
}

/* ---- MQTT ---- */

static void message_answered(uint32_t arg)
{
	ref_t r = queue_take(&pending);

	(void)arg;
	if (r == 0)
		return;
	net_receive(60);
	net_acknowledge();
	fw_free(((struct pending *)at(r))->topic);
	fw_free(((struct pending *)at(r))->payload);
	fw_free(r);
}

/* Takes the payload over. */
static void publish(const char *topic, ref_t payload)
{
	uint32_t bytes = (uint32_t)strlen(at(payload));
	ref_t packet = fw_alloc(bytes + strlen(topic) + 7), r = fw_alloc(sizeof(struct pending));

	memcpy(at(packet), at(payload), bytes);
	net_send(at(packet), bytes + (uint32_t)strlen(topic) + 7);
	fw_free(packet);
	*(struct pending *)at(r) = (struct pending){
		.topic = fw_copy(topic), .payload = payload, .bytes = (uint16_t)bytes};
	queue_put(&pending, r);
	timer_start(between(20, 400), message_answered, 0);
	if (pending.n > PENDING_MOST)
		message_answered(0);
}

/* ---- sensors ---- */

static ref_t telemetry(const struct sensor *s)
{
	ref_t doc = json_object(), values = json_array();
	const int32_t *window = at(s->window);

	json_add_text(doc, "id", at(s->name));
	json_add_text(doc, "unit", at(s->unit));
	json_add_number(doc, "time", (int32_t)now_ms);
	for (uint32_t i = 0; i < s->nr_samples; i++)
		json_add_number(values, NULL, window[i]);
	json_add(doc, "values", values);
	return doc;
}

static void report_sensor(uint32_t i)
{
	struct sensor *s = (struct sensor *)at(sensors) + i;
	ref_t doc = telemetry(s), text = json_print(doc);

	json_free(doc);
	if (net_connected())
		publish(at(topics[i]), text);
	else
		fw_free(text);
	s = (struct sensor *)at(sensors) + i;
	s->nr_samples = 0;
}

/* A sample is kept; a full window is reported, and now and then has another size after that. */
static void sample(uint32_t i)
{
	struct sensor *s = (struct sensor *)at(sensors) + i;
	int32_t value = (int32_t)chance(4096);

	((int32_t *)at(s->window))[s->nr_samples++] = value;
	timer_start(s->period_ms, sample, i);
	script_event(i, value);
	if (s->nr_samples < s->max_samples)
		return;
	report_sensor(i);
	s = (struct sensor *)at(sensors) + i;
	if (one_in(6)) {
		fw_free(s->window);
		s->max_samples = between(4, 40);
		s->window = fw_alloc(4 * (size_t)s->max_samples);
	}
}

static void sensor_start(uint32_t i)
{
	struct sensor *s = (struct sensor *)at(sensors) + i;
	char name[32];

	snprintf(name, sizeof name, "gateway/7/sensor/%u", i);
	topics[i] = fw_copy(name);
	s->name = fw_copy(name + 17);
	s->unit = fw_copy(i % 2 == 0 ? "millidegree" : "pascal");
	s->period_ms = between(150, 900);
	s->max_samples = between(4, 40);
	s->window = fw_alloc(4 * (size_t)s->max_samples);
	timer_start(between(1, 500), sample, i);
}

/* ---- the web server: a task and a few buffers a connection ---- */

static void page_done(uint32_t task)
{
	task_delete(task);
	log_write("web: connection closed", task);
}

static void serve_page(uint32_t arg)
{
	ref_t task = task_create(2048), request = fw_alloc(between(300, 900)), headers[8];
	ref_t doc = json_object(), body;

	(void)arg;
	net_receive(between(300, 900));
	for (int i = 0; i < 8; i++)
		headers[i] = fw_alloc(between(16, 70));
	for (int i = 0; i < SENSORS; i++)
		json_add_text(doc, at(topics[i]), "ok");
	body = json_print(doc);
	json_free(doc);
	net_send(at(body), (uint32_t)strlen(at(body)));
	fw_free(body);
	for (int i = 0; i < 8; i++)
		fw_free(headers[i]);
	fw_free(request);
	timer_start(between(30, 1500), page_done, task);
	timer_start(between(1500, 9000), serve_page, 0);
}

/* ---- the firmware update: an unpacker's window and tables while chunks arrive ---- */

struct update {
	ref_t window, tables, signature;
	uint32_t chunk;
};

static void update_chunk(uint32_t state)
{
	struct update u = *(struct update *)at(state);
	ref_t in = fw_dma_alloc(UPDATE_CHUNK),
	      out = fw_alloc(between(UPDATE_CHUNK, 3 * UPDATE_CHUNK));

	for (uint32_t got = 0; got < UPDATE_CHUNK; got += 512)
		net_receive(512);
	memset(at(out), 0, UPDATE_CHUNK);
	fw_free(out);
	fw_free(in);
	if (u.chunk < UPDATE_CHUNKS) {
		((struct update *)at(state))->chunk++;
		timer_start(between(20, 120), update_chunk, state);
		return;
	}
	fw_free(u.window);
	fw_free(u.tables);
	fw_free(u.signature);
	fw_free(state);
	log_write("update: complete", u.chunk);
}

static void update_start(uint32_t arg)
{
	ref_t state = fw_alloc(sizeof(struct update));

	*(struct update *)at(state) =
		(struct update){fw_alloc(32768), fw_alloc(7152), fw_alloc(256), arg};
	update_chunk(state);
}

/* ---- the whole ---- */

static void reconnect(uint32_t arg)
{
	if (net_connected()) {
		log_write("net: session dropped", arg);
		net_drop();
	}
	timer_start(between(40000, 60000), reconnect, arg + 1);
}

void app_start(void)
{
	sensors = fw_zalloc(SENSORS, sizeof(struct sensor));
	for (uint32_t i = 0; i < SENSORS; i++)
		sensor_start(i);
	timer_start(2000, serve_page, 0);
	timer_start(45000, reconnect, 1);
	timer_start(UPDATE_AT_MS, update_start, 0);
}

void app_tick(void)
{
	timers_run();
	if (one_in(8))
		net_receive(one_in(4) ? between(200, 1400) : between(60, 120));
	if (one_in(5))
		net_acknowledge();
	if (one_in(60))
		log_write("app: heartbeat", now_ms);
}
