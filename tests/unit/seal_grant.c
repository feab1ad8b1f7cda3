/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "must_help.h"
#include "seal/seal.h"

static const struct mono now = { 1000 * CLOCK_SECOND };

static struct seal_grant
grant_of(void)
{
	struct seal_grant grant = {
		.number = 77,
		.cell = 5,
		.epoch = 9,
		.not_after = { 1010 * CLOCK_SECOND },
		.version = 3,
		.port = 443,
		.place = SEAL_IN_HEADER,
		.once = true,
		.credential = "github",
		.host = "api.github.com",
	};

	return grant;
}

static struct seal_grant_use
use_of(void)
{
	struct seal_grant_use use = {
		.number = 77,
		.cell = 5,
		.epoch = 9,
		.version = 3,
		.port = 443,
		.place = SEAL_IN_HEADER,
		.credential = STR("github"),
		.host = STR("api.github.com"),
	};

	return use;
}

static void
expect(const struct seal_grant *grant, const struct seal_grant_use *use,
    struct mono at, const char *word)
{
	struct err e = { 0 };

	if (!word) {
		assert_int_equal(seal_grant_check(grant, use, at, &e), 0);
		return;
	}
	assert_int_equal(seal_grant_check(grant, use, at, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.text, word));
}

static void
a_grant_serves_the_use_it_was_made_for(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	expect(&grant, &use, now, NULL);
	expect(&grant, &use, mono_after(grant.not_after, -1), NULL);
}

static void
a_grant_of_another_number_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	use.number = 78;
	expect(&grant, &use, now, "not the one");
}

static void
a_grant_of_another_cell_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	use.cell = 6;
	expect(&grant, &use, now, "another cell");
}

static void
a_grant_of_an_ended_claim_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	use.epoch = 10;
	expect(&grant, &use, now, "another claim");
}

static void
a_grant_is_used_once(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	grant.used = true;
	expect(&grant, &use, now, "used before");
	grant.once = false;
	expect(&grant, &use, now, NULL);
}

static void
a_grant_out_of_date_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	expect(&grant, &use, grant.not_after, "out of date");
	expect(&grant, &use, mono_after(grant.not_after, 1), "out of date");
}

static void
a_grant_that_lasts_too_long_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	grant.not_after = mono_after(now, SEAL_GRANT_MAX_US);
	expect(&grant, &use, now, NULL);
	grant.not_after = mono_after(now, SEAL_GRANT_MAX_US + 1);
	expect(&grant, &use, now, "longer than any");
	grant.not_after.us = INT64_MAX;
	expect(&grant, &use, now, "longer than any");
}

static void
a_grant_for_another_credential_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	use.credential = STR("gitlab");
	expect(&grant, &use, now, "another credential");
	use.credential = STR("githu");
	expect(&grant, &use, now, "another credential");
	use.credential = STR("github\0");
	expect(&grant, &use, now, "another credential");
}

static void
a_grant_for_another_version_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	use.version = 4;
	expect(&grant, &use, now, "another version");
	use.version = 2;
	expect(&grant, &use, now, "another version");
}

static void
a_grant_for_another_host_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	use.host = STR("github.com");
	expect(&grant, &use, now, "another host");
	use.host = STR("api.github.com.evil.example");
	expect(&grant, &use, now, "another host");
	use.host = STR("");
	expect(&grant, &use, now, "another host");
}

static void
a_grant_for_another_port_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	use.port = 8443;
	expect(&grant, &use, now, "another port");
}

static void
a_grant_for_another_place_is_refused(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant_use use = use_of();

	(void)state;
	use.place = SEAL_IN_QUERY;
	expect(&grant, &use, now, "another place");
}

static void
a_grant_reads_back_as_it_was_written(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant back = { 0 };
	uint8_t bytes[SEAL_GRANT_SIZE];
	static const uint8_t front[32] = { 77, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0,
		9, 0, 0, 0, 0x80, 0x60, 0x33, 0x3c, 0, 0, 0, 0, 3, 0, 0, 0,
		0xbb, 1, 1, 1 };
	struct err e = { 0 };

	(void)state;
	seal_grant_encode(&grant, bytes);
	assert_memory_equal(bytes, front, sizeof(front));
	assert_string_equal((const char *)bytes + 32, "github");
	assert_string_equal((const char *)bytes + 96, "api.github.com");
	assert_int_equal(
	    seal_grant_decode(str_span(bytes, sizeof(bytes)), &back, &e), 0);
	assert_int_equal(back.number, 77);
	assert_int_equal(back.cell, 5);
	assert_int_equal(back.epoch, 9);
	assert_int_equal(back.not_after.us, grant.not_after.us);
	assert_int_equal(back.version, 3);
	assert_int_equal(back.port, 443);
	assert_int_equal(back.place, SEAL_IN_HEADER);
	assert_true(back.once);
	assert_false(back.used);
	assert_string_equal(back.credential, "github");
	assert_string_equal(back.host, "api.github.com");
}

static void
each_grant_has_exactly_one_form(void **state)
{
	struct seal_grant grant = grant_of();
	uint8_t bytes[SEAL_GRANT_SIZE];
	unsigned accepted = 0;

	(void)state;
	seal_grant_encode(&grant, bytes);
	for (size_t bit = 0; bit < (size_t)8 * SEAL_GRANT_SIZE; bit++) {
		uint8_t again[SEAL_GRANT_SIZE];
		struct seal_grant back;
		struct err e = { 0 };

		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (seal_grant_decode(
		        str_span(bytes, sizeof(bytes)), &back, &e) == 0) {
			seal_grant_encode(&back, again);
			assert_memory_equal(bytes, again, sizeof(bytes));
			accepted++;
		} else {
			assert_int_equal(e.kind, ERR_INPUT);
		}
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(accepted > 200);
}

struct edit {
	size_t at;
	uint8_t value;
};

static void
a_grant_that_breaks_a_rule_is_refused(void **state)
{
	static const struct edit edits[] = {
		{ 0, 0 },  /* no number */
		{ 24, 0 }, /* no version */
		{ 29, 0 }, /* no port */
		{ 30, 0 }, /* no place */
		{ 30, 8 }, /* an unknown place */
		{ 31, 3 }, /* a flag without a meaning */
		{ 32, 0 }, /* no credential, with bytes behind it */
		{ 33, '/' },
		{ 95, 1 }, /* an unterminated credential */
		{ 96, 'A' },
		{ 99, 0 }, /* a host within a host */
		{ 111, 'x' },
		{ 351, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		struct seal_grant grant = grant_of();
		struct seal_grant back;
		uint8_t bytes[SEAL_GRANT_SIZE];
		struct err e = { 0 };

		grant.port = 256;
		seal_grant_encode(&grant, bytes);
		bytes[edits[i].at] = edits[i].value;
		assert_int_equal(seal_grant_decode(
		                     str_span(bytes, sizeof(bytes)), &back, &e),
		    -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

static void
a_grant_has_its_size(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant back;
	uint8_t bytes[SEAL_GRANT_SIZE + 1] = { 0 };
	struct err e = { 0 };

	(void)state;
	seal_grant_encode(&grant, bytes);
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		assert_int_equal(
		    seal_grant_decode(str_span(bytes, size), &back, &e),
		    size == SEAL_GRANT_SIZE ? 0 : -1);
	}
}

/* A field without an end would be read on into what lies behind it. */
static void
a_text_that_fills_its_field_is_refused(void **state)
{
	static const struct {
		size_t at;
		size_t size;
	} fields[] = { { 32, 64 }, { 96, 256 } };

	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++) {
		struct seal_grant grant = grant_of();
		struct seal_grant back;
		uint8_t bytes[SEAL_GRANT_SIZE];
		struct err e = { 0 };

		seal_grant_encode(&grant, bytes);
		memset(bytes + fields[i].at, 'a', fields[i].size);
		assert_int_equal(seal_grant_decode(
		                     str_span(bytes, sizeof(bytes)), &back, &e),
		    -1);
		assert_non_null(strstr(e.text, "mean nothing"));
		bytes[fields[i].at + fields[i].size - 1] = 0;
		assert_int_equal(seal_grant_decode(
		                     str_span(bytes, sizeof(bytes)), &back, &e),
		    0);
	}
}

static void
the_first_grant_is_one(void **state)
{
	struct seal_grant grant = grant_of();
	struct seal_grant back = { 0 };
	uint8_t bytes[SEAL_GRANT_SIZE];
	struct err e = { 0 };

	(void)state;
	grant.number = 1;
	grant.version = 1;
	grant.port = 1;
	seal_grant_encode(&grant, bytes);
	assert_int_equal(
	    seal_grant_decode(str_span(bytes, sizeof(bytes)), &back, &e), 0);
	assert_int_equal(back.number, 1);
	assert_int_equal(back.version, 1);
	assert_int_equal(back.port, 1);
}

static void
encode_without_a_host(void)
{
	struct seal_grant grant = grant_of();
	uint8_t bytes[SEAL_GRANT_SIZE];

	grant.host[0] = 0;
	seal_grant_encode(&grant, bytes);
}

static void
a_grant_for_nowhere_is_our_own_bug(void **state)
{
	(void)state;
	assert_true(breaks_a_promise(encode_without_a_host));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_serves_the_use_it_was_made_for),
		cmocka_unit_test(a_grant_of_another_number_is_refused),
		cmocka_unit_test(a_grant_of_another_cell_is_refused),
		cmocka_unit_test(a_grant_of_an_ended_claim_is_refused),
		cmocka_unit_test(a_grant_is_used_once),
		cmocka_unit_test(a_grant_out_of_date_is_refused),
		cmocka_unit_test(a_grant_that_lasts_too_long_is_refused),
		cmocka_unit_test(a_grant_for_another_credential_is_refused),
		cmocka_unit_test(a_grant_for_another_version_is_refused),
		cmocka_unit_test(a_grant_for_another_host_is_refused),
		cmocka_unit_test(a_grant_for_another_port_is_refused),
		cmocka_unit_test(a_grant_for_another_place_is_refused),
		cmocka_unit_test(a_grant_reads_back_as_it_was_written),
		cmocka_unit_test(each_grant_has_exactly_one_form),
		cmocka_unit_test(a_grant_that_breaks_a_rule_is_refused),
		cmocka_unit_test(a_grant_has_its_size),
		cmocka_unit_test(a_text_that_fills_its_field_is_refused),
		cmocka_unit_test(the_first_grant_is_one),
		cmocka_unit_test(a_grant_for_nowhere_is_our_own_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
