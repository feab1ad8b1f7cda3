/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

/* Questions and answers inside their records. */

struct question {
	struct wire_api_ask record;
	struct str target;
	struct str body;
};

static struct question
good_question(void)
{
	struct question q = { 0 };

	q.record.head.transport = WIRE_TCP;
	memcpy(q.record.head.method, "POST", 5);
	wire_api_ask_put(&q.record.head, q.record.text, sizeof(q.record.text),
	    STR("/api/tasks?key=7"), STR("{\"a\":1}"));
	return q;
}

static bool
taken(struct question *q, size_t nfds)
{
	return wire_api_ask_take(&q->record.head,
	    str_span(q->record.text, sizeof(q->record.text)), nfds, &q->target,
	    &q->body);
}

static void
a_question_says_what_was_put_into_it(void **state)
{
	struct question q = good_question();

	(void)state;
	assert_true(taken(&q, 0));
	assert_true(str_eq_z(q.target, "/api/tasks?key=7"));
	assert_true(str_eq_z(q.body, "{\"a\":1}"));
}

static void
a_question_without_a_body_is_whole(void **state)
{
	struct question q = good_question();

	(void)state;
	q.record.head.body_size = 0;
	assert_true(taken(&q, 0));
	assert_int_equal(q.body.len, 0);
}

static void
a_body_fills_the_record_to_its_last_byte_and_no_more(void **state)
{
	struct question q = good_question();
	size_t room = sizeof(q.record.text) - q.record.head.target_size - 1;

	(void)state;
	q.record.head.body_size = (uint16_t)room;
	assert_true(taken(&q, 0));
	assert_ptr_equal(
	    q.body.at + q.body.len, q.record.text + sizeof(q.record.text));
	q.record.head.body_size = (uint16_t)(room + 1);
	assert_false(taken(&q, 0));
	q.record.head.body_size = UINT16_MAX;
	assert_false(taken(&q, 0));
}

static void
a_target_that_leaves_its_record_is_refused(void **state)
{
	struct question q = good_question();

	(void)state;
	memset(q.record.text, 'a', sizeof(q.record.text));
	q.record.head.body_size = 0;
	q.record.head.target_size = sizeof(q.record.text);
	assert_false(taken(&q, 0));
	q.record.head.target_size = UINT16_MAX;
	assert_false(taken(&q, 0));
}

static void
a_target_that_does_not_end_where_it_says_is_refused(void **state)
{
	struct question q = good_question();

	(void)state;
	q.record.head.target_size--;
	assert_false(taken(&q, 0));
	q = good_question();
	q.record.text[3] = 0;
	assert_false(taken(&q, 0));
}

static void
a_target_over_the_limit_is_refused(void **state)
{
	struct wire_api_ask_long record = { 0 };
	struct str text = str_span(record.text, sizeof(record.text));
	struct str target;
	struct str body;

	(void)state;
	record.head.transport = WIRE_LOCAL;
	memset(record.text, 'a', WIRE_API_TARGET_MAX);
	record.head.target_size = WIRE_API_TARGET_MAX;
	assert_true(wire_api_ask_take(&record.head, text, 0, &target, &body));
	record.text[WIRE_API_TARGET_MAX] = 'a';
	record.head.target_size = WIRE_API_TARGET_MAX + 1;
	assert_false(wire_api_ask_take(&record.head, text, 0, &target, &body));
}

static void
a_method_or_a_key_without_an_end_is_refused(void **state)
{
	struct question q = good_question();

	(void)state;
	memset(q.record.head.method, 'A', sizeof(q.record.head.method));
	assert_false(taken(&q, 0));
	q = good_question();
	memset(q.record.head.key, 'A', sizeof(q.record.head.key));
	assert_false(taken(&q, 0));
}

static void
a_transport_that_is_none_is_refused(void **state)
{
	struct question q = good_question();

	(void)state;
	q.record.head.transport = 0;
	assert_false(taken(&q, 0));
	q.record.head.transport = 3;
	assert_false(taken(&q, 0));
}

static void
what_a_page_asks_comes_over_tcp_and_by_a_cookie_alone(void **state)
{
	struct question q = good_question();

	(void)state;
	q.record.head.page = WIRE_PAGE_ASK;
	assert_true(taken(&q, 0));
	q.record.head.has_token = 1;
	assert_false(taken(&q, 0));
	q.record.head.page = WIRE_PAGE_LOGIN;
	assert_true(taken(&q, 0));
	q.record.head.transport = WIRE_LOCAL;
	assert_false(taken(&q, 0));
	q.record.head.page = WIRE_NO_PAGE;
	assert_true(taken(&q, 0));
	q.record.head.page = WIRE_PAGE_ASK + 1;
	q.record.head.transport = WIRE_TCP;
	assert_false(taken(&q, 0));
}

static void
a_body_is_in_one_place_and_its_descriptor_is_announced(void **state)
{
	struct question q = good_question();

	(void)state;
	assert_false(taken(&q, 1));
	q.record.head.has_body = 1;
	assert_false(taken(&q, 1));
	q.record.head.body_size = 0;
	assert_true(taken(&q, 1));
	assert_false(taken(&q, 0));
	assert_false(taken(&q, 2));
	q.record.head.has_body = 2;
	assert_false(taken(&q, 2));
}

static void
what_is_yes_or_no_is_nothing_else(void **state)
{
	struct question q = good_question();

	(void)state;
	q.record.head.has_token = 2;
	assert_false(taken(&q, 0));
	q = good_question();
	q.record.head.events = 2;
	assert_false(taken(&q, 0));
}

static bool
answer_taken(const struct wire_api_answer *a, size_t nfds, struct str *body)
{
	return wire_api_answer_take(
	    &a->head, str_span(a->text, sizeof(a->text)), nfds, body);
}

static void
an_answer_stays_inside_its_record(void **state)
{
	struct wire_api_answer a = { .head = { .status = 200 } };
	struct str body;

	(void)state;
	a.head.body_size = sizeof(a.text);
	assert_true(answer_taken(&a, 0, &body));
	assert_int_equal(body.len, sizeof(a.text));
	a.head.body_size = sizeof(a.text) + 1;
	assert_false(answer_taken(&a, 0, &body));
}

static void
an_answer_has_a_status_and_a_type_that_ends(void **state)
{
	struct wire_api_answer a = { .head = { .status = 200 } };
	struct str body;

	(void)state;
	assert_true(answer_taken(&a, 0, &body));
	a.head.status = 99;
	assert_false(answer_taken(&a, 0, &body));
	a.head.status = 600;
	assert_false(answer_taken(&a, 0, &body));
	a.head.status = 200;
	memset(a.head.content_type, 'a', sizeof(a.head.content_type));
	assert_false(answer_taken(&a, 0, &body));
	a.head.content_type[0] = 0;
	assert_true(answer_taken(&a, 0, &body));
	memset(a.head.allow, 'a', sizeof(a.head.allow));
	assert_false(answer_taken(&a, 0, &body));
	a.head.allow[0] = 0;
	a.head.more = 2;
	assert_false(answer_taken(&a, 0, &body));
}

static void
the_body_of_an_answer_is_in_one_place_too(void **state)
{
	struct wire_api_answer a = { .head = { .status = 200 } };
	struct str body;

	(void)state;
	assert_false(answer_taken(&a, 1, &body));
	a.head.has_body = 1;
	assert_false(answer_taken(&a, 0, &body));
	assert_true(answer_taken(&a, 1, &body));
	a.head.body_size = 1;
	assert_false(answer_taken(&a, 1, &body));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_says_what_was_put_into_it),
		cmocka_unit_test(a_question_without_a_body_is_whole),
		cmocka_unit_test(
		    a_body_fills_the_record_to_its_last_byte_and_no_more),
		cmocka_unit_test(a_target_that_leaves_its_record_is_refused),
		cmocka_unit_test(
		    a_target_that_does_not_end_where_it_says_is_refused),
		cmocka_unit_test(a_target_over_the_limit_is_refused),
		cmocka_unit_test(a_method_or_a_key_without_an_end_is_refused),
		cmocka_unit_test(a_transport_that_is_none_is_refused),
		cmocka_unit_test(
		    what_a_page_asks_comes_over_tcp_and_by_a_cookie_alone),
		cmocka_unit_test(
		    a_body_is_in_one_place_and_its_descriptor_is_announced),
		cmocka_unit_test(what_is_yes_or_no_is_nothing_else),
		cmocka_unit_test(an_answer_stays_inside_its_record),
		cmocka_unit_test(an_answer_has_a_status_and_a_type_that_ends),
		cmocka_unit_test(the_body_of_an_answer_is_in_one_place_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
