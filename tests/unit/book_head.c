/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "book/book.h"
#include "must_help.h"

static struct book_head
full_head(void)
{
	struct book_head head = {
		.seq = 0x0102030405,
		.time = { 1795456800000000 },
		.kind = BOOK_CALL_STARTED,
		.incarnation = 7,
		.epoch = 9,
		.call = 3,
	};

	memset(&head.run, 0x11, sizeof(head.run));
	memset(&head.task, 0x22, sizeof(head.task));
	memset(&head.policy, 0x33, sizeof(head.policy));
	memset(&head.contract, 0x44, sizeof(head.contract));
	memset(&head.role, 0x55, sizeof(head.role));
	book_head_body(&head, STR("{\"tool\":\"shell\"}"));
	(void)str_copy(head.identity, sizeof(head.identity),
	    STR("linux__server__engineering_coworker"));
	(void)str_copy(head.rule, sizeof(head.rule), STR("gate.push"));
	return head;
}

static struct str
span(const uint8_t bytes[BOOK_HEAD_SIZE])
{
	return str_span(bytes, BOOK_HEAD_SIZE);
}

static void
a_head_reads_back_as_it_was_written(void **state)
{
	struct book_head head = full_head();
	struct book_head back;
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct err e = { 0 };

	(void)state;
	book_head_encode(&head, bytes);
	assert_int_equal(book_head_decode(span(bytes), &back, &e), 0);
	assert_int_equal(back.seq, head.seq);
	assert_int_equal(back.time.us, head.time.us);
	assert_int_equal(back.kind, head.kind);
	assert_int_equal(back.incarnation, 7);
	assert_int_equal(back.epoch, 9);
	assert_int_equal(back.call, 3);
	assert_true(book_id_eq(back.run, head.run));
	assert_true(book_id_eq(back.task, head.task));
	assert_true(digest_eq(back.policy, head.policy));
	assert_true(digest_eq(back.contract, head.contract));
	assert_true(digest_eq(back.role, head.role));
	assert_true(
	    digest_eq(back.body, digest_of(STR("{\"tool\":\"shell\"}"))));
	assert_int_equal(back.body_size, 16);
	assert_true(back.has_body);
	assert_string_equal(back.identity, head.identity);
	assert_string_equal(back.rule, head.rule);
}

/* The bytes are drawn in DESIGN; a build that moves one breaks every book. */
static void
the_bytes_stand_where_the_design_draws_them(void **state)
{
	struct book_head head = full_head();
	uint8_t bytes[BOOK_HEAD_SIZE];
	static const uint8_t front[] = { 1, 0, 15, 0, 1, 0, 0, 0, 5, 4, 3, 2, 1,
		0, 0, 0 };

	(void)state;
	book_head_encode(&head, bytes);
	assert_memory_equal(bytes, front, sizeof(front));
	assert_int_equal(bytes[24], 7);
	assert_int_equal(bytes[28], 9);
	assert_int_equal(bytes[32], 0x11);
	assert_int_equal(bytes[48], 0x22);
	assert_int_equal(bytes[64], 0x33);
	assert_int_equal(bytes[96], 0x44);
	assert_int_equal(bytes[128], 0x55);
	assert_int_equal(bytes[192], 16);
	assert_int_equal(bytes[196], 3);
	assert_memory_equal(bytes + 200, "linux__server__", 15);
	assert_memory_equal(bytes + 296, "gate.push\0", 10);
}

/* Whatever decodes, encodes to the same bytes: no two forms of one head. */
static void
each_head_has_exactly_one_form(void **state)
{
	struct book_head head = full_head();
	uint8_t bytes[BOOK_HEAD_SIZE];
	unsigned accepted = 0;

	(void)state;
	book_head_encode(&head, bytes);
	for (size_t bit = 0; bit < (size_t)8 * BOOK_HEAD_SIZE; bit++) {
		struct book_head back;
		uint8_t again[BOOK_HEAD_SIZE];
		struct err e = { 0 };

		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (book_head_decode(span(bytes), &back, &e) == 0) {
			book_head_encode(&back, again);
			assert_memory_equal(bytes, again, BOOK_HEAD_SIZE);
			accepted++;
		} else {
			assert_int_equal(e.kind, ERR_INPUT);
		}
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(accepted > 1000);
}

struct edit {
	size_t at;
	uint8_t value;
};

static void
a_head_that_breaks_a_rule_is_refused(void **state)
{
	static const struct edit edits[] = {
		{ 0, 2 },      /* a later format */
		{ 2, 0 },      /* no kind */
		{ 3, 1 },      /* an unknown kind */
		{ 5, 1 },      /* a flag without a meaning */
		{ 15, 1 },     /* a number beyond any tree */
		{ 23, 4 },     /* a time after the year 9999 */
		{ 23, 0x80 },  /* and one long before 0000 */
		{ 200, 0 },    /* text after the end of a text */
		{ 203, '\n' }, /* a control byte */
		{ 295, 'x' },  /* text after the zeros */
		{ 297, 0x80 }, /* not ASCII */
		{ 4, 0 },      /* a digest of a body without a body */
		{ 360, 1 },    /* the reserved bytes */
		{ 383, 0x80 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		struct book_head head = full_head();
		struct book_head back;
		uint8_t bytes[BOOK_HEAD_SIZE];
		struct err e = { 0 };

		book_head_encode(&head, bytes);
		bytes[edits[i].at] = edits[i].value;
		assert_int_equal(book_head_decode(span(bytes), &back, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

/* A head without a body, from which no byte may speak of one. */
static void
what_no_body_may_say_is_refused(void **state)
{
	static const struct edit edits[] = { { 160, 1 }, { 191, 0x80 },
		{ 192, 1 }, { 195, 0x80 }, { 8, 0 } /* and no number */ };
	const struct book_head bare = { .seq = 1, .kind = BOOK_TASK_PUT };

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		struct book_head back;
		uint8_t bytes[BOOK_HEAD_SIZE];
		struct err e = { 0 };

		book_head_encode(&bare, bytes);
		assert_int_equal(book_head_decode(span(bytes), &back, &e), 0);
		bytes[edits[i].at] = edits[i].value;
		assert_int_equal(book_head_decode(span(bytes), &back, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

static void
write_without_a_number(void)
{
	struct book_head head = full_head();
	uint8_t bytes[BOOK_HEAD_SIZE];

	head.seq = 0;
	book_head_encode(&head, bytes);
}

static void
write_a_line_end(void)
{
	struct book_head head = full_head();
	uint8_t bytes[BOOK_HEAD_SIZE];

	head.rule[3] = '\n';
	book_head_encode(&head, bytes);
}

static void
write_more_than_a_field(void)
{
	struct book_head head = full_head();
	uint8_t bytes[BOOK_HEAD_SIZE];

	memset(head.identity, 'i', sizeof(head.identity));
	book_head_encode(&head, bytes);
}

static void
promise_no_body(void)
{
	struct book_head head = full_head();

	book_head_body_later(&head, STR(""));
}

/* What could not be read again is not written. */
static void
a_head_that_breaks_a_rule_is_our_own_bug(void **state)
{
	(void)state;
	assert_true(breaks_a_promise(write_without_a_number));
	assert_true(breaks_a_promise(write_a_line_end));
	assert_true(breaks_a_promise(write_more_than_a_field));
	assert_true(breaks_a_promise(promise_no_body));
}

static void
a_head_of_another_length_is_refused(void **state)
{
	uint8_t bytes[BOOK_HEAD_SIZE + 1] = { 0 };
	struct book_head head = full_head();
	struct err e = { 0 };

	(void)state;
	book_head_encode(&head, bytes);
	assert_int_equal(
	    book_head_decode(str_span(bytes, BOOK_HEAD_SIZE - 1), &head, &e),
	    -1);
	assert_int_equal(
	    book_head_decode(str_span(bytes, BOOK_HEAD_SIZE + 1), &head, &e),
	    -1);
	assert_int_equal(book_head_decode(STR(""), &head, &e), -1);
}

static void
a_text_may_fill_its_field(void **state)
{
	struct book_head head = full_head();
	struct book_head back;
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct err e = { 0 };

	(void)state;
	memset(head.identity, 'i', BOOK_IDENTITY_MAX);
	memset(head.rule, 'r', BOOK_RULE_MAX);
	book_head_encode(&head, bytes);
	assert_int_equal(book_head_decode(span(bytes), &back, &e), 0);
	assert_int_equal(strlen(back.identity), BOOK_IDENTITY_MAX);
	assert_int_equal(strlen(back.rule), BOOK_RULE_MAX);
}

static void
every_kind_has_its_own_number_and_name(void **state)
{
	unsigned count = 0;

	(void)state;
#define BOOK_KIND(number, kind, name, sentence)            \
	assert_int_equal(++count, number);                 \
	assert_string_equal(book_kind_name(number), name); \
	assert_string_equal(book_kind_sentence(number), sentence);
#include "book/kinds.def"
#undef BOOK_KIND
	for (unsigned i = 1; i <= count; i++) {
		enum book_kind kind = BOOK_KIND_NONE;

		assert_true(book_kind_parse(str_of(book_kind_name(i)), &kind));
		assert_int_equal(kind, i);
	}
	assert_string_equal(book_kind_name(0), "unknown");
	assert_string_equal(book_kind_name(count + 1), "unknown");
	assert_string_equal(book_kind_name(65535), "unknown");
}

static void
every_character_of_an_id_is_looked_at(void **state)
{
	static const char good[] = "01234567-89ab-7def-8123-456789abcdef";
	struct book_id id;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(good); i++) {
		char text[sizeof(good)];

		memcpy(text, good, sizeof(text));
		text[i] = text[i] == '-' ? '0' : '-';
		assert_false(book_id_parse(str_of(text), &id));
	}
}

static void
an_id_is_a_uuid_or_none(void **state)
{
	static const char text[] = "01234567-89ab-7def-8123-456789abcdef";
	struct book_id id = { 0 };
	char back[ID_TEXT];

	(void)state;
	assert_true(
	    book_id_parse(STR("01234567-89AB-7def-8123-456789abcdef"), &id));
	book_id_text(id, back);
	assert_string_equal(back, text);
	assert_false(
	    book_id_parse(STR("0123456789ab7def8123456789abcdef"), &id));
	assert_false(
	    book_id_parse(STR("01234567-89ab-7def-8123-456789abcdeg"), &id));
	assert_false(
	    book_id_parse(STR("01234567-89ab-7def-81234-56789abcdef"), &id));
	assert_false(
	    book_id_parse(STR("01234567x89ab-7def-8123-456789abcdef"), &id));
	assert_false(book_id_parse(STR(""), &id));
	assert_false(
	    book_id_parse(STR("01234567-89ab-7def-8123-456789abcde"), &id));
	assert_false(
	    book_id_parse(STR("01234567-89ab-7def-8123-456789abcdef0"), &id));
	book_id_text(id, back);
	assert_string_equal(back, text);
	memset(&id, 0, sizeof(id));
	book_id_text(id, back);
	assert_string_equal(back, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_reads_back_as_it_was_written),
		cmocka_unit_test(the_bytes_stand_where_the_design_draws_them),
		cmocka_unit_test(each_head_has_exactly_one_form),
		cmocka_unit_test(a_head_that_breaks_a_rule_is_refused),
		cmocka_unit_test(what_no_body_may_say_is_refused),
		cmocka_unit_test(a_head_that_breaks_a_rule_is_our_own_bug),
		cmocka_unit_test(a_head_of_another_length_is_refused),
		cmocka_unit_test(a_text_may_fill_its_field),
		cmocka_unit_test(every_kind_has_its_own_number_and_name),
		cmocka_unit_test(an_id_is_a_uuid_or_none),
		cmocka_unit_test(every_character_of_an_id_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
