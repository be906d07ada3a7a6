#include "firmware.h"

#define RUN_MS  180000
#define TICK_MS 10

/* Tasks, their queues and the configuration: made at boot, kept for ever. */
static void boot(void)
{
	static const uint16_t stacks[] = {512, 1024, 1024, 2048, 2048, 3072, 4096, 6144};

	for (unsigned i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
		task_create(stacks[i]);
		message_queue_create(8 + 4 * i, 12);
	}
	fw_alloc(3200);
	for (int i = 0; i < 40; i++)
		fw_alloc(between(8, 48));
}

int main(void)
{
	boot();
	net_start();
	script_start();
	app_start();
	for (now_ms = 0; now_ms < RUN_MS; now_ms += TICK_MS)
		app_tick();
	return 0;
}
