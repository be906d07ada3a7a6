#include "sim/trace_packer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

struct packer {
	ZSTD_CCtx *zstd;
	int fd, level;
	uint8_t *raw; /* the caller's */
	uint8_t *given; /* of the section under way */
	uint8_t *packed; /* its header, then as many bytes as zstd may need for raw_cap */
	size_t raw_cap; /* of both */
	struct binary_section section; /* under way */
	uint64_t written; /* since the caller last settled */
	int err;
	pthread_t thread;
	pthread_mutex_t lock; /* of the next three, and of all above while `busy` changes */
	pthread_cond_t changed;
	bool busy, ending;
	bool threaded; /* the caller's */
};

struct packer *packer_create(int fd, int level)
{
	struct packer *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->fd = fd;
	p->level = level;
	p->zstd = ZSTD_createCCtx();
	if (p->zstd == NULL) {
		free(p);
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	return p;
}

/* ---- one section ---- */

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n != 0) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno != EINTR)
			return errno;
		if (done > 0) {
			bytes += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

static void pack(struct packer *p)
{
	struct binary_section *s = &p->section;
	uint8_t *packed = p->packed + sizeof *s;
	size_t n = ZSTD_compressCCtx(p->zstd, packed, ZSTD_compressBound(p->raw_cap), p->given,
				     s->raw, p->level);

	if (p->err != 0)
		return;
	if (ZSTD_isError(n) || n >= s->raw) {
		memcpy(packed, p->given, s->raw);
		n = s->raw;
	}
	s->packed = (uint32_t)n;
	s->checksum = binary_section_checksum(s, packed);
	memcpy(p->packed, s, sizeof *s);
	p->err = write_all(p->fd, p->packed, sizeof *s + n);
	p->written += sizeof *s + n;
}

/* ---- the thread ---- */

static void *work(void *arg)
{
	struct packer *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->busy && !p->ending)
			pthread_cond_wait(&p->changed, &p->lock);
		if (!p->busy)
			break;
		pthread_mutex_unlock(&p->lock);
		pack(p);
		pthread_mutex_lock(&p->lock);
		p->busy = false;
		pthread_cond_broadcast(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void begin_thread(struct packer *p)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	p->threaded = pthread_create(&p->thread, NULL, work, p) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void wait_idle(struct packer *p)
{
	if (!p->threaded)
		return;
	pthread_mutex_lock(&p->lock);
	while (p->busy)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static void tell(struct packer *p, bool *what)
{
	pthread_mutex_lock(&p->lock);
	*what = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

void packer_destroy(struct packer *p)
{
	if (p == NULL)
		return;
	if (p->threaded) {
		tell(p, &p->ending);
		pthread_join(p->thread, NULL);
	}
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	ZSTD_freeCCtx(p->zstd);
	free(p->raw);
	free(p->given);
	free(p->packed);
	free(p);
}

/* ---- the caller's side ---- */

static bool grow(uint8_t **memory, size_t bytes)
{
	uint8_t *more = realloc(*memory, bytes);

	if (more != NULL)
		*memory = more;
	return more != NULL;
}

uint8_t *packer_raw(struct packer *p, size_t bytes)
{
	if (bytes <= p->raw_cap)
		return p->raw;
	wait_idle(p);
	if (!grow(&p->raw, bytes) || !grow(&p->given, bytes) ||
	    !grow(&p->packed, sizeof p->section + ZSTD_compressBound(bytes)))
		return NULL;
	p->raw_cap = bytes;
	return p->raw;
}

void packer_put(struct packer *p, const struct binary_section *s, bool aside)
{
	uint8_t *raw = p->raw;

	wait_idle(p);
	p->raw = p->given;
	p->given = raw;
	p->section = *s;
	if (aside && !p->threaded)
		begin_thread(p);
	if (aside && p->threaded)
		tell(p, &p->busy);
	else
		pack(p);
}

int packer_settle(struct packer *p, uint64_t *written)
{
	wait_idle(p);
	*written += p->written;
	p->written = 0;
	return p->err;
}
