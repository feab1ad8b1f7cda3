/* SPDX-License-Identifier: Apache-2.0 */
/* The wall-clock budget of a run that began anew, from its heads in a book. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "core_book_help.h"
#include "parts/core.h"
#include "parts/core_run.h"

#define BUDGET CLOCK_MINUTE

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct core_run run;
	struct task_type type;
} house;

static void
put_task(struct core *c, struct core_run *r)
{
	struct id task_id = id_new();
	struct id run_id = id_new();
	struct e2m_record task = { .kind = E2M_TASK };
	struct queue_put put = { .task = &task.as.task };
	struct queue_step step = { 0 };
	auto_arena a = { 0 };
	auto_buf record = { 0 };
	char now[WALL_TEXT_MAX];
	struct err e = { 0 };

	wall_text(wall_now(), now);
	task.as.task.id = str_of(task_id.text);
	task.as.task.queue = STR("payer");
	task.as.task.subject = STR("one");
	task.as.task.from = STR("operator");
	task.as.task.state = E2M_PENDING;
	task.as.task.created_at = str_of(now);
	task.as.task.updated_at = str_of(now);
	task.as.task.payload = json_new(&a, JSON_OBJECT);
	if (queue_put(c->queue, &a, &put, &step, &e)) {
		fail_msg("%s", e.text);
	}
	core_queue_step(c, &step, NULL);
	json_write(&record, e2m_to_json(&a, &task));
	core_task_put(c, queue_find(c->queue, step.id), buf_str(&record));
	assert_true(book_id_parse(str_of(task_id.text), &r->task) &&
	            book_id_parse(str_of(run_id.text), &r->run));
	core_text(r->task_text, sizeof(r->task_text), task_id.text);
	core_text(r->run_text, sizeof(r->run_text), run_id.text);
}

static int
set_up(void **state)
{
	struct core *c = &house.core;

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	house.type.wall = BUDGET;
	house.run.core = c;
	house.run.type = &house.type;
	queue_add_name(c->queue, STR("payer"));
	put_task(c, &house.run);
	return 0;
}

static int
take_down(void **state)
{
	(void)state;
	loop_timer_cancel(&house.run.wall);
	book_remove(&house.core, house.folder);
	return 0;
}

/* Each a moment behind the one before it. */
static void
happens(enum book_kind kind, uint32_t epoch)
{
	struct wall before = wall_now();
	const struct core_event event = {
		.kind = kind,
		.task = house.run.task,
		.run_id = house.run.run,
		.epoch = epoch,
	};

	while (wall_now().us == before.us) {
		;
	}
	(void)core_append(&house.core, &event);
}

/* When the n-th of its events was. */
static int64_t
at(size_t n)
{
	auto_buf heads = { 0 };
	struct book_head head;
	struct err e = { 0 };

	assert_int_equal(
	    core_run_heads(&house.core, house.run.run, 0, &heads, &e), 0);
	assert_true((n + 1) * BOOK_HEAD_SIZE <= heads.len);
	assert_int_equal(
	    book_head_decode(
	        str_span(heads.at + n * BOOK_HEAD_SIZE, BOOK_HEAD_SIZE), &head,
	        &e),
	    0);
	return head.time.us;
}

/* Of the budget; the timer is armed over it. */
static void
leaves(int64_t us)
{
	struct core *c = &house.core;
	struct err e = { 0 };

	if (core_run_budget(c, &house.run, &e)) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(
	    house.run.wall.deadline.us - loop_now(c->part.loop).us, us);
}

static void
commit(void)
{
	struct err e = { 0 };

	assert_int_equal(core_commit_now(&house.core, &e), 0);
}

static void
the_time_of_every_claim_counts_and_none_between_them(void **state)
{
	(void)state;
	happens(BOOK_TASK_CLAIMED, 1);
	happens(BOOK_RUN_STARTED, 1);
	happens(BOOK_REQUEST_DENIED, 1);
	/* The house ended, and the run begins anew. */
	happens(BOOK_TASK_CLAIMED, 2);
	commit();
	leaves(BUDGET - (at(2) - at(0)));
	assert_true(at(2) > at(0));
	happens(BOOK_REQUEST_DENIED, 2);
	happens(BOOK_REQUEST_DENIED, 1); /* of the claim that is over */
	happens(BOOK_TASK_CLAIMED, 3);
	commit();
	leaves(BUDGET - (at(2) - at(0)) - (at(4) - at(3)));
}

static void
what_is_spent_is_not_less_than_none(void **state)
{
	(void)state;
	house.type.wall = 1;
	happens(BOOK_TASK_CLAIMED, 1);
	happens(BOOK_RUN_STARTED, 1);
	happens(BOOK_REQUEST_DENIED, 1);
	happens(BOOK_TASK_CLAIMED, 2);
	commit();
	leaves(0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(the_time_of_every_claim_counts_and_none_between_them),
		TEST(what_is_spent_is_not_less_than_none),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
