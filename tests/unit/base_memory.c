/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/base.h"
#include "heap_help.h"

static void
a_zeroed_buffer_is_empty_and_grows(void **state)
{
	auto_buf b = { 0 };

	(void)state;
	assert_int_equal(buf_str(&b).len, 0);
	assert_string_equal(buf_z(&b), "");
	buf_add(&b, STR("ab"));
	buf_add_z(&b, "cd");
	buf_add_byte(&b, 'e');
	buf_add_u64(&b, 0);
	buf_add_u64(&b, UINT64_MAX);
	buf_addf(&b, "-%s-%d", "x", 7);
	assert_string_equal(buf_z(&b), "abcde018446744073709551615-x-7");
	assert_int_equal(b.len, 30);
}

static void
room_and_grew_let_others_write_at_the_end(void **state)
{
	auto_buf b = { 0 };

	(void)state;
	buf_add_z(&b, "x");
	memcpy(buf_room(&b, 5000), "12345", 5);
	buf_grew(&b, 5);
	assert_true(b.cap >= 5001);
	assert_string_equal(buf_z(&b), "x12345");
}

static void
drop_takes_from_the_front_and_clear_keeps_the_memory(void **state)
{
	auto_buf b = { 0 };

	(void)state;
	buf_add_z(&b, "hello");
	buf_drop(&b, 2);
	assert_string_equal(buf_z(&b), "llo");
	size_t cap = b.cap;
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, cap);
	buf_drop(&b, 0);
	buf_wipe(&b);
	assert_null(b.at);
	buf_add_z(&b, "again");
	assert_string_equal(buf_z(&b), "again");
}

static void
many_small_additions_arrive_in_order(void **state)
{
	auto_buf b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		buf_add_byte(&b, (uint8_t)i);
	}
	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal((uint8_t)b.at[i], (uint8_t)i);
	}
}

static void
arena_memory_is_zero_aligned_and_apart(void **state)
{
	auto_arena a = { 0 };
	char *made[200];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		size_t size = 1 + i * 37;
		made[i] = arena_alloc(&a, size);
		assert_int_equal((uintptr_t)made[i] % 16, 0);
		for (size_t k = 0; k < size; k++) {
			assert_int_equal(made[i][k], 0);
		}
		memset(made[i], (int)(i & 0x7f), size);
	}
	for (size_t i = 0; i < 200; i++) {
		for (size_t k = 0; k < 1 + i * 37; k++) {
			assert_int_equal(made[i][k], i & 0x7f);
		}
	}
	assert_true(a.used >= 200);
}

static void
a_large_request_does_not_waste_the_block(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	char *first = arena_alloc(&a, 16);
	assert_non_null(arena_alloc(&a, 1 << 20));
	char *second = arena_alloc(&a, 16);
	assert_ptr_equal(first + 16, second);
}

static void
a_cleared_arena_is_zero_and_counts_from_nothing(void **state)
{
	auto_arena a = { 0 };

	(void)state;
	for (size_t size = 1; size < 200000; size *= 3) {
		char *at = arena_alloc(&a, size);

		memset(at, 0xaa, size);
		arena_clear(&a);
		assert_int_equal(a.used, 0);
		at = arena_alloc(&a, size);
		for (size_t i = 0; i < size; i++) {
			assert_int_equal(at[i], 0);
		}
		memset(at, 0xaa, size);
		memset(arena_alloc(&a, 3000), 0xaa, 3000);
		memset(arena_alloc(&a, 3000), 0xaa, 3000);
		arena_clear(&a);
		at = arena_alloc(&a, 6000);
		for (size_t i = 0; i < 6000; i++) {
			assert_int_equal(at[i], 0);
		}
		arena_clear(&a);
	}
}

/* What a large block held must not shine through, kept or not. */
static void
a_large_block_is_kept_wiped_if_it_may(void **state)
{
	auto_arena a = { 0 };
	char *first = arena_alloc(&a, 100000);

	(void)state;
	memset(first, 0xaa, 100000);
	arena_clear_to(&a, 200000);
	char *again = arena_alloc(&a, 100000);

	assert_ptr_equal(again, first);
	for (size_t i = 0; i < 100000; i++) {
		assert_int_equal(again[i], 0);
	}
	arena_clear_to(&a, 50000);
	assert_null(a.head);
}

/* Also of the blocks that are not kept, however many there are. */
static void
of_a_cleared_arena_no_byte_is_left_anywhere(void **state)
{
	static const char text[] = "what-an-arena-had-0123456789";
	auto_arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		(void)arena_str(&a, STR("in front"));
		(void)arena_str(&a, str_of(text));
	}
	assert_non_null(arena_alloc(&a, 1 << 20)); /* one of its own */
	assert_true(heap_holds(text));
	arena_clear(&a);
	assert_false(heap_holds(text));
}

static void
arena_strings_are_copies_with_a_nul_behind(void **state)
{
	auto_arena a = { 0 };
	char text[] = "abc";

	(void)state;
	struct str s = arena_str(&a, str_span(text, 2));
	text[0] = 'z';
	assert_true(str_eq(s, STR("ab")));
	assert_int_equal(s.at[2], 0);
	assert_string_equal(arena_z(&a, STR("")), "");
	s = arena_printf(&a, "%05d", 42);
	assert_true(str_eq(s, STR("00042")));
	assert_non_null(arena_array(&a, 0, 8));
	arena_fini(&a);
	assert_int_equal(a.used, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zeroed_buffer_is_empty_and_grows),
		cmocka_unit_test(room_and_grew_let_others_write_at_the_end),
		cmocka_unit_test(
		    drop_takes_from_the_front_and_clear_keeps_the_memory),
		cmocka_unit_test(many_small_additions_arrive_in_order),
		cmocka_unit_test(arena_memory_is_zero_aligned_and_apart),
		cmocka_unit_test(a_large_request_does_not_waste_the_block),
		cmocka_unit_test(
		    a_cleared_arena_is_zero_and_counts_from_nothing),
		cmocka_unit_test(a_large_block_is_kept_wiped_if_it_may),
		cmocka_unit_test(of_a_cleared_arena_no_byte_is_left_anywhere),
		cmocka_unit_test(arena_strings_are_copies_with_a_nul_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
