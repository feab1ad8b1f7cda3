/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_QUEUE_FIGURES_H
#define BENCH_QUEUE_FIGURES_H

/* What the figures of the queue are made of. */

#include <stdlib.h>
#include <sys/resource.h>

#include "base/base.h"

static inline double
processor_us(void)
{
	struct rusage use;

	must(getrusage(RUSAGE_SELF, &use) == 0);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static inline int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static inline uint32_t
share(uint32_t *samples, size_t count, unsigned percent)
{
	qsort(samples, count, sizeof(*samples), by_value);
	return count ? samples[count * percent / 100] : 0;
}

#endif
