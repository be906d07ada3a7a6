/*
 * churn: allocates and frees, and does next to nothing else; for measuring what
 * recording costs a program that lives in its allocator.
 *
 *     churn [EVENTS [LIVE [THREADS]]]
 *
 * Each thread keeps LIVE places; again and again a random place's block is freed and
 * a new one of a random size (mostly small) is put there, and its first bytes written.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MOST 64

static uint64_t events = 4000000;
static size_t live = 4096;

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

/* 16 to 271 bytes, one in 32 up to 4 KiB. */
static size_t random_size(uint32_t r)
{
	return (r & 31) == 0 ? 16 + (r >> 5) % 4080 : 16 + (r >> 5) % 256;
}

static void *churn(void *arg)
{
	uint64_t state = (uintptr_t)arg;
	char **blocks = calloc(live, sizeof *blocks);

	for (uint64_t i = 0; blocks != NULL && i < events; i += 2) {
		size_t place = next_random(&state) % live;

		free(blocks[place]);
		blocks[place] = malloc(random_size(next_random(&state)));
		memset(blocks[place], (int)i, 16);
	}
	for (size_t i = 0; blocks != NULL && i < live; i++)
		free(blocks[i]);
	free(blocks);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned nr_threads = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	pthread_t threads[THREADS_MOST];

	if (argc > 1)
		events = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		live = strtoull(argv[2], NULL, 10);
	if (live == 0 || nr_threads == 0 || nr_threads > THREADS_MOST) {
		fputs("usage: churn [EVENTS [LIVE [THREADS]]]\n", stderr);
		return 2;
	}
	for (unsigned i = 1; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, churn, (void *)(uintptr_t)(i + 1)) != 0)
			return 1;
	churn((void *)(uintptr_t)1);
	for (unsigned i = 1; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
