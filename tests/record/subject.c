/*
 * What the recorder's tests record: one program, one deed for each way a recording could go
 * wrong.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS   8
#define ROUNDS    20000
#define MAILBOXES 64

static void *volatile sink;

/* ---- before main ---- */

static void before_everything(int argc, char **argv, char **envp)
{
	(void)argc, (void)argv, (void)envp;
	sink = malloc(111);
	free(sink);
}
__attribute__((section(".preinit_array"),
	       used)) static void (*preinit)(int, char **, char **) = before_everything;

__attribute__((constructor(101))) static void early(void)
{
	sink = calloc(3, 37);
}

__attribute__((destructor(101))) static void late(void)
{
	free(sink);
}

/* ---- deeds ---- */

/*
 * Blocks pass from thread to thread through mailboxes: whoever takes one out frees or resizes
 * it.
 */
static _Atomic(void *) mailboxes[MAILBOXES];

static void *pass_on(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		void *mine, *other;

		state = state * 6364136223846793005u + 1442695040888963407u;
		mine = malloc(16 + (state >> 40) % 2000);
		other = __atomic_exchange_n((void **)&mailboxes[(state >> 33) % MAILBOXES], mine,
					    __ATOMIC_ACQ_REL);
		if (state >> 63 != 0)
			other = realloc(other, 16 + (state >> 41) % 5000);
		free(other);
	}
	return NULL;
}

static int threads(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, pass_on, (void *)(uintptr_t)(i + 1)) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < MAILBOXES; i++)
		free((void *)mailboxes[i]);
	return 0;
}

/* The marked stretch is compared event by event: test_record.c has the list. */
static int corners(void)
{
	volatile size_t huge = SIZE_MAX / 2, most = SIZE_MAX;
	void *a, *c;
	void *volatile b; /* lives on after a realloc that fails */

	free(malloc(7777001));
	a = malloc(0);
	free(NULL);
	b = realloc(NULL, 10);
	b = realloc(b, 100000);
	sink = realloc(b, huge);
	sink = realloc(b, 0);
	c = calloc(3, 7);
	sink = calloc(most, 2);
	b = reallocarray(NULL, 4, 5);
	sink = reallocarray(b, most, 2);
	b = reallocarray(b, 6, 5);
	sink = malloc(huge);
	free(b);
	free(c);
	free(a);
	free(malloc(7777002));
	return 0;
}

static int aligned(void)
{
	void *p[5];

	free(malloc(7777001));
	if (posix_memalign(&p[0], 64, 100) != 0)
		return 1;
	p[1] = aligned_alloc(256, 512);
	p[2] = memalign(32, 5);
	p[3] = valloc(10);
	p[4] = pvalloc(10);
	for (int i = 0; i < 5; i++)
		free(p[i]);
	free(malloc(7777002));
	return 0;
}

/* The child frees what it inherited and makes its own; then it runs this program again. */
static int forks(char **argv)
{
	void *inherited[10];
	int status;
	pid_t child;

	for (int i = 0; i < 10; i++)
		inherited[i] = malloc((size_t)(1000 + i));
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 10; i++)
			free(inherited[i]);
		sink = malloc(2000);
		execl(argv[0], argv[0], "corners", (char *)NULL);
		_exit(9);
	}
	for (int i = 0; i < 5; i++)
		free(inherited[i]);
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

static int killed(int signal)
{
	for (int i = 0; i < 100000; i++)
		sink = malloc((size_t)(i % 100));
	raise(signal);
	return 0;
}

static int left(void)
{
	for (int i = 0; i < 1000; i++)
		sink = malloc(10);
	_exit(3);
}

/* A handler that allocates, between the program's own calls. */
static void on_alarm(int signal)
{
	(void)signal;
	free(malloc(77));
}

static int signals(void)
{
	signal(SIGUSR1, on_alarm);
	for (int i = 0; i < 1000; i++) {
		void *p = malloc(50);

		raise(SIGUSR1);
		free(p);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *deed = argc > 1 ? argv[1] : "";

	if (strcmp(deed, "threads") == 0)
		return threads();
	if (strcmp(deed, "corners") == 0)
		return corners();
	if (strcmp(deed, "aligned") == 0)
		return aligned();
	if (strcmp(deed, "forks") == 0)
		return forks(argv);
	if (strcmp(deed, "kill") == 0)
		return killed(SIGKILL);
	if (strcmp(deed, "abort") == 0)
		return killed(SIGABRT);
	if (strcmp(deed, "left") == 0)
		return left();
	if (strcmp(deed, "signals") == 0)
		return signals();
	return 7;
}
