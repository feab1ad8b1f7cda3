/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A saved form that is taken, of a task or of a letter, is saved again in a
 * way that gives the same machine.
 */
#include "queue/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
load(struct queue *q, struct str form, struct err *e)
{
	return queue_task_load(q, form, e) == 0 ||
	               queue_letter_load(q, form, e) == 0
	           ? queue_load_end(q, e)
	           : -1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct queue *first = queue_new(1);
	struct queue *second = queue_new(2);
	const struct queue_task *t = NULL;
	struct err e = { 0 };
	auto_buf form = { 0 };
	auto_buf a = { 0 };
	auto_buf b = { 0 };

	if (load(first, str_span(data, size), &e)) {
		must(e.kind == ERR_INPUT);
	} else if ((t = queue_at(first, 0))) {
		queue_task_save(first, t, &form);
		must(load(second, buf_str(&form), &e) == 0);
		queue_dump(first, &a);
		queue_dump(second, &b);
		must(str_eq(buf_str(&a), buf_str(&b)));
	}
	queue_free(first);
	queue_free(second);
	return 0;
}
