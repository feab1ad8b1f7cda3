/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/http_help.h"

#include <string.h>

static void
what_is_written_is_read_again(void **state)
{
	auto_buf b = { 0 };
	struct err e = { 0 };
	struct http_reader r;
	struct told t = { 0 };

	(void)state;
	assert_int_equal(
	    http_write_request(&b, STR("POST"), STR("/x?y"), &e), 0);
	assert_int_equal(
	    http_write_header(&b, STR("Host"), STR("good.test"), &e), 0);
	http_write_header_z(&b, "Transfer-Encoding", "chunked");
	http_write_end(&b);
	http_write_chunk(&b, STR("hello "));
	http_write_chunk(&b, STR(""));
	http_write_chunk(&b, STR("a chunk of more than sixteen bytes"));
	http_write_last_chunk(&b);
	http_reader_request(&r);
	tell(&t, &r, buf_str(&b), 7);
	assert_int_equal(t.refusal, 0);
	assert_int_equal(t.rest, 0);
	assert_string_equal(
	    buf_z(&t.body), "hello a chunk of more than sixteen bytes");
	assert_true(str_ends(buf_str(&t.story), STR("end\n")));
	told_fini(&t);
	http_reader_fini(&r);
}

static void
P06_line_breaks_are_never_written(void **state)
{
	auto_buf b = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    http_write_header(&b, STR("A"), STR("x\r\nB: y"), &e), -1);
	assert_null(strstr(e.text, "B: y"));
	assert_int_equal(http_write_header(&b, STR("A"), STR("x\ny"), &e), -1);
	assert_int_equal(http_write_header(&b, STR("A"), STR("x\0y"), &e), -1);
	assert_int_equal(http_write_header(&b, STR("A:"), STR("x"), &e), -1);
	assert_int_equal(http_write_header(&b, STR(""), STR("x"), &e), -1);
	assert_int_equal(
	    http_write_request(&b, STR("GET"), STR("/ HTTP/1.1\r\nA: b"), &e),
	    -1);
	assert_int_equal(http_write_request(&b, STR("G T"), STR("/"), &e), -1);
	assert_int_equal(http_write_request(&b, STR("GET"), STR(""), &e), -1);
	assert_int_equal(b.len, 0);
}

/* Eight are looked at at once. */
static void
P06_each_byte_is_judged_at_each_place_of_a_value(void **state)
{
	auto_buf b = { 0 };
	struct err e;

	(void)state;
	for (size_t place = 0; place < 20; place++) {
		for (int byte = 0; byte < 256; byte++) {
			char value[20];
			bool may =
			    byte == '\t' || (byte >= ' ' && byte != 0x7f);

			memset(value, 'a', sizeof(value));
			value[place] = (char)byte;
			assert_int_equal(http_write_header(&b, STR("A"),
			                     str_span(value, 20), &e),
			    may ? 0 : -1);
		}
	}
}

static void
a_whole_answer_states_its_length(void **state)
{
	auto_buf b = { 0 };

	(void)state;
	http_write_answer(&b, 403, "application/json", STR("{}"), false);
	assert_string_equal(buf_z(&b),
	    "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"
	    "Content-Length: 2\r\nConnection: close\r\n\r\n{}");
	buf_clear(&b);
	http_write_answer(&b, 204, NULL, STR(""), true);
	assert_string_equal(buf_z(&b), "HTTP/1.1 204 No Content\r\n\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(P06_line_breaks_are_never_written),
		cmocka_unit_test(
		    P06_each_byte_is_judged_at_each_place_of_a_value),
		cmocka_unit_test(a_whole_answer_states_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
