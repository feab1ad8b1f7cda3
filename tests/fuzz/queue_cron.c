/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cron line, a newline, the bytes of a time zone's file.  Whatever is taken
 * of both gives times that go forward, for some thousand years of zone rules.
 */
#include "queue/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	struct str zone = str_span(data, size);
	struct str line = { 0 };
	struct queue_cron c = { 0 };
	const struct queue_zone *z = NULL;
	struct wall now = { 0 };
	struct wall next = { 0 };
	struct err e = { 0 };

	(void)str_cut(&zone, '\n', &line);
	if (queue_cron_parse(line, &c, &e) < 0) {
		must(e.kind == ERR_INPUT || e.kind == ERR_LIMIT);
		return 0;
	}
	if (queue_zone_parse(&a, zone, &z, &e) < 0) {
		must(e.kind == ERR_INPUT && z == NULL);
	}
	for (int i = 0; i < 8; i++) {
		now.us += 86400 * CLOCK_SECOND * 3000 * i;
		if (queue_cron_next(&c, z, now, &next)) {
			must(next.us > now.us);
			now = next;
		}
	}
	return 0;
}
