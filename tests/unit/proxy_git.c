/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/git.h"

#define OLD  "1111111111111111111111111111111111111111"
#define NEW  "2222222222222222222222222222222222222222"
#define ZERO "0000000000000000000000000000000000000000"
#define MORE "333333333333333333333333" /* makes a SHA-256 of a SHA-1 */

static void
add_line(struct buf *b, const char *text, size_t len)
{
	buf_addf(b, "%04zx", len + 4);
	buf_add(b, str_span(text, len));
}

static void
add_text(struct buf *b, const char *text)
{
	add_line(b, text, strlen(text));
}

#define FIRST(text) text "\0 report-status side-band-64k agent=git/2.39"

static int
read_all(struct buf *b, struct proxy_commands *c, struct err *e)
{
	*c = (struct proxy_commands){ 0 };
	return proxy_commands_read(c, buf_str(b), e);
}

static void
assert_refused(struct buf *b, const char *why)
{
	struct proxy_commands c;
	struct err e = { 0 };
	assert_int_equal(read_all(b, &c, &e), -1);
	if (!strstr(e.text, why)) {
		fail_msg("%s does not say %s", e.text, why);
	}
}

static void
the_commands_of_a_push_are_read(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	struct proxy_commands c;
	struct err e;
	static const char first[] = FIRST(OLD " " NEW " refs/heads/agent/fix");
	add_line(&b, first, sizeof(first) - 1);
	add_text(&b, ZERO " " NEW " refs/tags/v1\n");
	add_text(&b, OLD " " ZERO " refs/heads/old");
	buf_add_z(&b, "0000PACK\001\002");
	assert_int_equal(read_all(&b, &c, &e), 0);
	assert_true(c.done);
	assert_int_equal(c.count, 3);
	assert_string_equal(c.refs[0].name, "refs/heads/agent/fix");
	assert_false(c.refs[0].remove);
	assert_string_equal(c.refs[1].name, "refs/tags/v1");
	assert_false(c.refs[1].remove);
	assert_true(c.refs[2].remove);
	assert_int_equal(b.len - c.at, 6);
}

static void
a_push_that_comes_byte_by_byte_reads_the_same(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	struct proxy_commands c = { 0 };
	struct err e;
	static const char first[] = FIRST(OLD " " NEW " refs/heads/a");
	add_text(&b, "shallow " OLD);
	add_line(&b, first, sizeof(first) - 1);
	add_text(&b, OLD " " NEW " refs/heads/b\n");
	buf_add_z(&b, "0000");
	for (size_t n = 0; n <= b.len; n++) {
		assert_int_equal(
		    proxy_commands_read(&c, str_sub(buf_str(&b), 0, n), &e), 0);
		assert_int_equal(c.done, n == b.len);
	}
	assert_int_equal(c.count, 2);
}

static void
objects_may_be_named_by_sha256(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	struct proxy_commands c;
	struct err e;
	add_text(&b, OLD MORE " " NEW MORE " refs/heads/a");
	buf_add_z(&b, "0000");
	assert_int_equal(read_all(&b, &c, &e), 0);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.object, 64);
}

static void
a_lone_flush_is_a_push_of_nothing(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	struct proxy_commands c;
	struct err e;
	buf_add_z(&b, "0000");
	assert_int_equal(read_all(&b, &c, &e), 0);
	assert_true(c.done);
	assert_int_equal(c.count, 0);
}

static void
what_is_no_packet_line_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "0001", "0002", "0003", "0004",
		"fff1", "ffff", "00zz", "+0a3", "PACK", "    " };
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_buf b = { 0 };
		buf_add_z(&b, bad[i]);
		assert_refused(&b, "packet line");
	}
	/* A length with a byte that is no digit, and all else in order. */
	auto_buf b = { 0 };
	buf_add_z(&b, "006g" OLD " " NEW " refs/x/yz0000");
	assert_refused(&b, "packet line");
}

static void
what_is_no_command_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		OLD " " NEW,
		OLD "  " NEW " refs/heads/a",
		OLD " " NEW "\trefs/heads/a",
		"111 " NEW " refs/heads/a",
		OLD "1111111111111111111111" NEW " refs/heads/a",
		OLD "1 " NEW "2 refs/heads/a",
		"A111111111111111111111111111111111111111 " NEW " refs/heads/a",
		"g111111111111111111111111111111111111111 " NEW " refs/heads/a",
		OLD " " NEW "222222222222222222222222 refs/heads/a",
		"shallow " OLD "x",
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_buf b = { 0 };
		add_text(&b, bad[i]);
		assert_refused(&b, "push: not a");
	}
	static const char *const later[] = { "shallow " OLD,
		OLD MORE " " NEW MORE " refs/heads/b" };
	for (size_t i = 0; i < COUNT(later); i++) {
		auto_buf b = { 0 };
		add_text(&b, OLD " " NEW " refs/heads/a");
		add_text(&b, later[i]);
		assert_refused(&b, "push: not a");
	}
}

static void
what_is_no_ref_name_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "HEAD", "heads/a", "refs/",
		"refs/heads/", "refs/heads//a", "refs/heads/../a",
		"refs/heads/a..b", "refs/heads/a/", "refs/heads/.a",
		"refs/heads/a.lock", "refs/heads/a.lock/b", "refs/heads/a b",
		"refs/heads/a\tb", "refs/heads/a~1", "refs/heads/a^",
		"refs/heads/a:b", "refs/heads/a?", "refs/heads/*",
		"refs/heads/[a", "refs/heads/a\\b", "refs/heads/a@{1}",
		"refs/heads/a.", "refs/heads/\303\244", "refs/heads/a\177" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_buf b = { 0 };
		auto_buf line = { 0 };
		buf_addf(&line, OLD " " NEW " %s", bad[i]);
		add_line(&b, line.at, line.len);
		assert_refused(&b, "not a ref name");
	}
}

static void
a_ref_named_twice_is_refused(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	add_text(&b, OLD " " NEW " refs/heads/a");
	add_text(&b, NEW " " OLD " refs/heads/a");
	assert_refused(&b, "named twice");
}

static void
a_second_capability_list_is_refused(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	static const char first[] = FIRST(OLD " " NEW " refs/heads/a");
	static const char second[] = FIRST(OLD " " NEW " refs/heads/b");
	add_line(&b, first, sizeof(first) - 1);
	add_line(&b, second, sizeof(second) - 1);
	assert_refused(&b, "capabilities behind");
}

static void
a_ninth_ref_is_refused(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	for (int i = 0; i < PROXY_REFS + 1; i++) {
		auto_buf line = { 0 };
		buf_addf(&line, OLD " " NEW " refs/heads/b%d", i);
		add_line(&b, line.at, line.len);
	}
	assert_refused(&b, "more than 8 refs");
}

static void
a_ref_name_that_no_record_holds_is_refused(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	auto_buf line = { 0 };
	buf_addf(&line, OLD " " NEW " refs/heads/%0*d", PROXY_REF_SIZE, 1);
	add_line(&b, line.at, line.len);
	assert_refused(&b, "longer than");
}

static void
commands_without_an_end_are_bounded(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	struct proxy_commands c = { 0 };
	struct err e;
	while (b.len < PROXY_COMMANDS) {
		add_text(&b, "shallow " OLD);
	}
	assert_int_equal(proxy_commands_read(&c, buf_str(&b), &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

static void
signed_pushes_are_refused(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	static const char line[] = "push-cert\0 push-options";
	add_line(&b, line, sizeof(line) - 1);
	assert_refused(&b, "signed");
}

/* They stand behind the flush, and nobody sees what they ask of the server. */
static void
push_options_are_refused(void **state)
{
	(void)state;
	auto_buf b = { 0 };
	struct proxy_commands c;
	struct err e = { 0 };
	static const char first[] =
	    OLD " " NEW " refs/heads/a\0 report-status push-options x=y";
	add_line(&b, first, sizeof(first) - 1);
	buf_add_z(&b, "0000");
	add_text(&b, "merge_request.create");
	assert_refused(&b, "options");
	assert_int_equal(read_all(&b, &c, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(c.next, "git push -o"));
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
behind_the_flush_stands_a_pack_or_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *tail;
		bool whole, known, bad;
	} rows[] = {
		{ "", false, false, false },
		{ "", true, true, false },
		{ "PA", false, false, false },
		{ "PA", true, true, true },
		{ "PACK", false, true, false },
		{ "PACK\2", true, true, false },
		{ "0", false, false, true },
		{ "000aci.skip0000PACK", false, true, true },
		{ "0000", true, true, true },
		{ "PAXX", false, true, true },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_buf b = { 0 };
		struct proxy_commands c;
		struct err e = { 0 };
		bool known = false;
		add_text(&b, OLD " " ZERO " refs/heads/old");
		buf_add_z(&b, "0000");
		buf_add_z(&b, rows[i].tail);
		assert_int_equal(read_all(&b, &c, &e), 0);
		int failed = proxy_commands_tail(
		    &c, buf_str(&b), rows[i].whole, &known, &e);
		if ((failed != 0) != rows[i].bad ||
		    (!failed && known != rows[i].known)) {
			fail_msg("%s: %d, %d", rows[i].tail, failed, known);
		}
	}
}

static void
services_are_told_by_method_path_and_query(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path, *query;
		enum proxy_git git;
	} cases[] = {
		{ "GET", "/r.git/info/refs", "service=git-upload-pack",
		    PROXY_GIT_FETCH },
		{ "GET", "/r.git/info/refs", "service=git-receive-pack",
		    PROXY_GIT_PUSH },
		{ "GET", "/r.git/info/refs", "", PROXY_GIT_NONE },
		{ "GET", "/r.git/info/refs", "service=git-receive-pack&a=b",
		    PROXY_GIT_NONE },
		{ "GET", "/r.git/info", "service=git-receive-pack",
		    PROXY_GIT_NONE },
		{ "POST", "/r.git/info/refs", "service=git-upload-pack",
		    PROXY_GIT_NONE },
		{ "POST", "/r.git/git-upload-pack", "", PROXY_GIT_FETCH },
		{ "POST", "/r.git/git-receive-pack", "", PROXY_GIT_PUSH },
		{ "POST", "/r.git/git-receive-pack", "x=y", PROXY_GIT_PUSH },
		{ "POST", "/r.git/git-receive-pack/x", "", PROXY_GIT_NONE },
		{ "GET", "/r.git/git-receive-pack", "", PROXY_GIT_NONE },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(cases[i].git,
		    proxy_git_service(str_of(cases[i].method),
		        str_of(cases[i].path), str_of(cases[i].query)));
	}
	assert_true(
	    proxy_git_has_commands(STR("POST"), STR("/r/git-receive-pack")));
	assert_false(
	    proxy_git_has_commands(STR("GET"), STR("/r/git-receive-pack")));
	assert_false(
	    proxy_git_has_commands(STR("POST"), STR("/r/git-upload-pack")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_commands_of_a_push_are_read),
		cmocka_unit_test(a_push_that_comes_byte_by_byte_reads_the_same),
		cmocka_unit_test(objects_may_be_named_by_sha256),
		cmocka_unit_test(a_lone_flush_is_a_push_of_nothing),
		cmocka_unit_test(what_is_no_packet_line_is_refused),
		cmocka_unit_test(what_is_no_command_is_refused),
		cmocka_unit_test(what_is_no_ref_name_is_refused),
		cmocka_unit_test(a_ref_named_twice_is_refused),
		cmocka_unit_test(a_second_capability_list_is_refused),
		cmocka_unit_test(a_ninth_ref_is_refused),
		cmocka_unit_test(a_ref_name_that_no_record_holds_is_refused),
		cmocka_unit_test(commands_without_an_end_are_bounded),
		cmocka_unit_test(signed_pushes_are_refused),
		cmocka_unit_test(push_options_are_refused),
		cmocka_unit_test(behind_the_flush_stands_a_pack_or_nothing),
		cmocka_unit_test(services_are_told_by_method_path_and_query),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
