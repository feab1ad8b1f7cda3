/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "compress/compress.h"

static void
fill(struct buf *bytes, size_t len, bool random)
{
	char *at = buf_room(bytes, len + 1);

	memset(at, 'x', len + 1);
	if (random) {
		random_bytes(at, len);
	}
	buf_grew(bytes, len);
}

static void
what_was_made_smaller_opens_to_the_same(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 4096, 1u << 20, 5000001 };

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
		auto_buf bytes = { 0 };
		auto_buf frame = { 0 };
		auto_buf opened = { 0 };
		struct err e = { 0 };

		fill(&bytes, sizes[i / 2], i % 2);
		buf_add_z(&opened, "before");
		compress_zstd(buf_str(&bytes), &frame);
		assert_int_equal(compress_zstd_open(buf_str(&frame),
		                     sizes[i / 2], &opened, &e),
		    0);
		assert_true(str_starts(buf_str(&opened), STR("before")));
		assert_true(str_eq(
		    str_sub(buf_str(&opened), 6, opened.len), buf_str(&bytes)));
		if (i % 2 == 0 && sizes[i / 2] > 100) {
			assert_true(frame.len < bytes.len / 10);
		}
	}
}

static void
a_frame_over_the_bound_is_refused(void **state)
{
	auto_buf bytes = { 0 };
	auto_buf frame = { 0 };
	auto_buf opened = { 0 };
	struct err e = { 0 };

	(void)state;
	fill(&bytes, 10000000, false);
	compress_zstd(buf_str(&bytes), &frame);
	assert_int_equal(
	    compress_zstd_open(buf_str(&frame), 9999999, &opened, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(opened.cap, 0);
}

static void
what_is_no_whole_frame_is_refused(void **state)
{
	auto_buf bytes = { 0 };
	auto_buf frame = { 0 };
	struct err e = { 0 };

	(void)state;
	fill(&bytes, 300, true);
	compress_zstd(buf_str(&bytes), &frame);
	for (size_t len = 0; len < frame.len; len++) {
		auto_buf opened = { 0 };

		assert_int_equal(
		    compress_zstd_open(
		        str_sub(buf_str(&frame), 0, len), 1000, &opened, &e),
		    -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_int_equal(opened.len, 0);
	}

	auto_buf opened = { 0 };
	buf_add_z(&frame, "more");
	assert_int_equal(
	    compress_zstd_open(buf_str(&frame), 1000, &opened, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(
	    compress_zstd_open(STR("not a frame at all"), 1000, &opened, &e),
	    -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_made_smaller_opens_to_the_same),
		cmocka_unit_test(a_frame_over_the_bound_is_refused),
		cmocka_unit_test(what_is_no_whole_frame_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
