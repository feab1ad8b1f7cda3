/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "e2m/inner.h"

/* The quick look against the reader itself: it may say less, never more. */

static uint64_t random_state;

static uint32_t
below(uint32_t most)
{
	random_state =
	    random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % most;
}

static struct str
any_text(void)
{
	const struct str texts[] = {
		STR(""),
		STR("a"),
		STR("b"),
		STR("\xfd"),
		STR("\xfe"),
		STR("\x01\\"),
		STR("a longer text of more than sixteen bytes"),
	};

	return texts[below(COUNT(texts))];
}

static struct str
any_number(void)
{
	const struct str numbers[] = {
		STR("0"),
		STR("-1"),
		STR("12.50"),
		STR("1e3"),
		STR("01"),
		STR("-"),
		STR("1."),
		STR(".5"),
		STR("inf"),
		STR("0x10"),
	};

	return numbers[below(COUNT(numbers))];
}

static struct json *
any_leaf(struct arena *a)
{
	static const enum json_type leaves[] = { JSON_NULL, JSON_TRUE,
		JSON_STRING, JSON_STRING, JSON_NUMBER, JSON_DATETIME };
	struct json *j = json_new(a, leaves[below(COUNT(leaves))]);

	if (j->type == JSON_NUMBER) {
		j->text = any_number();
	} else if (j->type == JSON_STRING) {
		j->text = any_text();
	} else if (j->type == JSON_DATETIME) {
		j->text = STR("2026-07-01T09:00:00Z");
	}
	return j;
}

/* A key may stand twice: json_push does not look. */
static struct json *
any_tree(struct arena *a, uint32_t size)
{
	struct json *root = json_new(a, below(5) ? JSON_OBJECT : JSON_ARRAY);
	struct json *open = root;

	for (uint32_t i = 0; i < size; i++) {
		struct json *j = any_leaf(a);

		if (below(4) == 0) {
			j = json_new(a, below(2) ? JSON_OBJECT : JSON_ARRAY);
		}
		if (open->type == JSON_OBJECT && below(8)) {
			(void)json_set(a, open, any_text().at, j);
		} else if (open->type == JSON_OBJECT) {
			open->type = JSON_ARRAY;
			(void)json_push(open, j);
			open->type = JSON_OBJECT;
			j->key = STR("a");
		} else {
			(void)json_push(open, j);
		}
		if (j->type == JSON_OBJECT || j->type == JSON_ARRAY) {
			open = j;
		}
	}
	return root;
}

static const struct json *
any_member(struct arena *a)
{
	return below(3) ? NULL
	                : (below(4) ? any_tree(a, below(6)) : any_leaf(a));
}

static struct e2m_record
any_task(struct arena *a)
{
	struct e2m_record r;
	struct e2m_task *t = &r.as.task;

	e2m_task_init(a, wall_now(), &r);
	t->queue = any_text();
	t->subject = below(9) ? any_text() : (struct str){ 0 };
	t->state = below(9);
	t->ke_fit_score = below(8);
	t->payload = any_member(a);
	t->result = any_member(a);
	t->error = any_member(a);
	t->depends_on = any_member(a);
	t->evaluator = below(4) ? NULL : any_member(a);
	return r;
}

static bool
reader_takes(const struct e2m_record *r)
{
	auto_arena a = { 0 };
	auto_buf line = { 0 };
	struct e2m_record again;
	struct err e = { 0 };

	e2m_write(&line, r);
	return e2m_parse_line(&a, buf_str(&line), &again, &e) == 0;
}

static void
what_looks_plain_is_taken_by_the_reader(void **state)
{
	uint32_t plain = 0;

	(void)state;
	random_state = random_u64();
	print_message("# seed %llu\n", (unsigned long long)random_state);
	for (int i = 0; i < 20000; i++) {
		auto_arena a = { 0 };
		struct e2m_record r = any_task(&a);

		if (e2m_is_plain(&r)) {
			plain++;
			assert_true(reader_takes(&r));
		}
	}
	assert_true(plain > 100);
}

static struct e2m_record
task_with(struct arena *a, const struct json *payload)
{
	struct e2m_record r;

	e2m_task_init(a, wall_now(), &r);
	r.as.task.queue = STR("q");
	r.as.task.subject = STR("s");
	r.as.task.payload = payload;
	return r;
}

static void
the_usual_task_is_seen_to_be_right(void **state)
{
	auto_arena a = { 0 };
	struct json *payload = NULL;
	struct json *ids = json_new(&a, JSON_ARRAY);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    json_parse(&a,
	        STR("{\"a\":[1,-2.5,{\"b\":null}],\"c\":{\"d\":\"\\n\"}}"),
	        NULL, &payload, &e),
	    0);
	struct e2m_record r = task_with(&a, payload);

	assert_true(e2m_is_plain(&r));
	(void)json_push(ids, json_new_str(&a, STR("x")));
	r.as.task.depends_on = ids;
	assert_true(e2m_is_plain(&r));
	(void)json_push(ids, json_new_i64(&a, 1));
	assert_false(e2m_is_plain(&r));
}

static void
what_is_too_much_is_left_to_the_reader(void **state)
{
	auto_arena a = { 0 };
	struct json *root = json_new(&a, JSON_OBJECT);
	struct json *at = root;
	struct e2m_record r = task_with(&a, root);
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < 63; i++) {
		at = json_set(&a, at, "x", json_new(&a, JSON_OBJECT));
	}
	assert_false(e2m_is_plain(&r));
	assert_int_equal(e2m_check(&r, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

/* Six bytes are written for each of them. */
static void
a_line_is_as_long_as_it_is_written(void **state)
{
	auto_arena a = { 0 };
	size_t len = E2M_LINE_MAX / 5;
	char *big = arena_alloc(&a, len + 1);
	struct json *root = json_new(&a, JSON_OBJECT);
	struct e2m_record r = task_with(&a, root);
	struct err e = { 0 };

	(void)state;
	memset(big, 1, len);
	(void)json_set_str(&a, root, "x", str_of(big));
	assert_false(e2m_is_plain(&r));
	assert_int_equal(e2m_check(&r, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

static void
a_record_reads_the_same_with_and_without_a_tree(void **state)
{
	(void)state;
	random_state = random_u64();
	print_message("# seed %llu\n", (unsigned long long)random_state);
	for (int i = 0; i < 2000; i++) {
		auto_arena a = { 0 };
		auto_buf with = { 0 };
		auto_buf without = { 0 };
		struct e2m_record r = any_task(&a);
		struct json_out o;

		if (!reader_takes(&r)) {
			continue;
		}
		json_out_init(&o, &with);
		json_out_object(&o, NULL);
		json_out_value(&o, "task", e2m_to_json(&a, &r));
		json_out_end(&o, '}');
		json_out_init(&o, &without);
		json_out_object(&o, NULL);
		e2m_out(&o, "task", &r);
		json_out_end(&o, '}');
		assert_string_equal(buf_z(&with), buf_z(&without));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_looks_plain_is_taken_by_the_reader),
		cmocka_unit_test(the_usual_task_is_seen_to_be_right),
		cmocka_unit_test(what_is_too_much_is_left_to_the_reader),
		cmocka_unit_test(a_line_is_as_long_as_it_is_written),
		cmocka_unit_test(
		    a_record_reads_the_same_with_and_without_a_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
