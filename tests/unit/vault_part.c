/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault as its neighbours see it.  This program plays supervisor, core and
 * the egresses of two cells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault_help.h"

/* --- tests
 * -------------------------------------------------------------------- */

static void
one_cell_waits_for_so_many_answers_and_the_oldest_goes(void **state)
{
	(void)state;
	house.egress[0] = attach(7);
	house.egress[1] = attach(8);
	seal_there();
	grant(1000, 8, WIRE_USE_TAKE);
	assert_int_equal(redeem(1000, 8, ISSUER).ok, 1);
	assert_int_equal(redeem(1000, 8, ISSUER).ok, 0); /* once */
	/* Eight more than it may wait for: the first eight go. */
	for (uint64_t n = 1; n <= SPENT + 8; n++) {
		grant(n, 7, WIRE_USE_TAKE);
		assert_int_equal(redeem(n, 7, ISSUER).ok, 1);
	}
	captured(1, 7, "of-the-first");
	assert_string_equal(taken(2001, 7), "");
	captured(8, 7, "of-the-eighth");
	assert_string_equal(taken(2002, 7), "");
	captured(9, 7, "of-the-ninth");
	assert_string_equal(taken(2003, 7), "of-the-ninth");
	captured(SPENT + 8, 7, "of-the-last");
	assert_string_equal(taken(2004, 7), "of-the-last");
	/* Another cell's own is not among them, and nobody else may bring it.
	 */
	captured(1000, 7, "stolen");
	assert_string_equal(taken(2005, 8), "");
	captured(1000, 8, "of-the-other");
	assert_string_equal(taken(2006, 8), "of-the-other");
	assert_string_equal(taken(2007, 7), "of-the-last");
}

enum fault {
	NO_NUMBER,
	PAST,
	TOO_LONG,
	OTHER_PORT,
	OTHER_HOST,
	OPEN_HOST,
	OPEN_CLIENT,
	OPEN_BINDING,
	TO_ITS_ISSUER,
	OTHER_VERSION,
	OTHER_BINDING,
	OTHER_ROW,
	LONG_ROW,
	NO_USE,
	FAULTS
};

static void
spoil(struct wire_vault_grant *ask, enum fault fault)
{
	struct mono now = mono_now();

	ask->number = fault == NO_NUMBER ? 0 : ask->number;
	ask->port ^= fault == OTHER_PORT;
	ask->binding.version += fault == OTHER_VERSION;
	ask->row[ask->row_size - 1] ^= fault == OTHER_ROW;
	ask->row_size =
	    fault == LONG_ROW ? sizeof(ask->row) + 1 : ask->row_size;
	ask->use = fault == NO_USE ? WIRE_USE_TAKEN + 1 : ask->use;
	if (fault == PAST) {
		ask->not_after = (uint64_t)now.us;
	} else if (fault == TOO_LONG) {
		ask->not_after =
		    (uint64_t)mono_after(now, SEAL_GRANT_MAX_US + CLOCK_SECOND)
		        .us;
	} else if (fault == OTHER_HOST) {
		ask->host[0] ^= 1;
	} else if (fault == OPEN_HOST) {
		memset(ask->host, 'a', sizeof(ask->host));
	} else if (fault == OPEN_CLIENT) {
		memset(ask->client, 'a', sizeof(ask->client));
	} else if (fault == OPEN_BINDING) {
		memset(ask->binding.issuer, 'a', sizeof(ask->binding.issuer));
	} else if (fault == TO_ITS_ISSUER || fault == NO_USE) {
		/* where what is no value itself may go */
		(void)strcpy(ask->host, ISSUER);
	} else if (fault == OTHER_BINDING) {
		(void)strcpy(ask->binding.hosts, "evil.test");
		(void)strcpy(ask->host, "evil.test");
	}
}

/* What is longer than its record is told before it is read. */
static bool
is_form(enum fault fault)
{
	return fault == NO_NUMBER || fault == OPEN_HOST ||
	       fault == OPEN_CLIENT || fault == OPEN_BINDING ||
	       fault == LONG_ROW || fault == NO_USE;
}

/* What core says is looked at like any word of another part. */
static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
a_grant_with_a_fault_is_refused(void **state)
{
	(void)state;
	for (enum fault fault = NO_NUMBER; fault < FAULTS; fault++) {
		struct wire_vault_grant ask =
		    grant_of(3000 + fault, 7, WIRE_USE_ACCESS);

		spoil(&ask, fault);
		struct wire_vault_granted out = say_grant(&ask);

		if (out.ok || !out.text[0]) {
			fail_msg("fault %d is granted", fault);
		}
		if (is_form(fault) != !!strstr(out.text, "wrong form")) {
			fail_msg("fault %d: %s", fault, out.text);
		}
	}
	struct wire_vault_grant good = grant_of(3100, 7, WIRE_USE_ACCESS);

	assert_true(say_grant(&good).ok);
	assert_non_null(strstr(say_grant(&good).text, "twice"));
}

static void
what_would_end_a_header_is_not_sealed(void **state)
{
	static const struct str values[] = { STR("a\rb"), STR("a\nb"),
		STR("a\0b"), STR("plain") };

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct wire_vault_seal ask = { .id = 9 };
		struct wire_vault_sealed out;
		auto_buf box = { 0 };
		struct err e = { 0 };

		ask.binding = (struct wire_binding){ .version = 1,
			.kind = SEAL_STATIC_BEARER };
		(void)strcpy(ask.binding.credential, NAME);
		(void)strcpy(ask.binding.hosts, HOST);
		assert_int_equal(
		    seal_box(house.hello.box_public, values[i], &box, &e), 0);
		ask.box_size = (uint32_t)box.len;
		memcpy(ask.box, box.at, box.len);
		tell(house.core, WIRE_VAULT_SEAL, &ask, NULL, 0);
		hear(house.core, WIRE_VAULT_SEALED, &out);
		assert_int_equal(out.ok, i + 1 == COUNT(values));
	}
}

/* What a token endpoint is asked with goes to the issuer of the binding. */
static void
a_clients_secret_goes_to_its_issuer_alone(void **state)
{
	static const enum wire_use uses[] = { WIRE_USE_REFRESH, WIRE_USE_CLIENT,
		WIRE_USE_DEVICE, WIRE_USE_BEGIN, WIRE_USE_TAKE };

	(void)state;
	for (size_t i = 0; i < COUNT(uses); i++) {
		struct wire_vault_grant ask =
		    grant_of(4000 + i, 7, WIRE_USE_TAKE);

		ask.use = (uint8_t)uses[i];
		(void)strcpy(ask.host, HOST);
		assert_false(say_grant(&ask).ok);
		(void)strcpy(ask.host, ISSUER);
		ask.port = 444;
		assert_false(say_grant(&ask).ok);
		ask.port = 443;
		assert_true(say_grant(&ask).ok);
	}
}

/* More than the vault takes in one turn stands before the grant. */
static void
a_value_that_is_over_was_granted_first(void **state)
{
	static const struct wire_attach none;
	struct wire_vault_revoke over = { .version = 1, .credential = NAME };
	struct wire_vault_grant ask = grant_of(5000, 7, WIRE_USE_TAKE);
	struct wire_vault_sign other = { .id = 1 };
	struct wire_vault_signed is_signed;
	struct wire_vault_granted granted;
	struct err e = { 0 };
	int back[2];
	int status;

	(void)state;
	assert_int_equal(wire_pair(back, &e), 0);
	tell(house.core, WIRE_VAULT_BACK, &none, &back[1], 1);
	grant(5001, 7, WIRE_USE_TAKE); /* it has that channel */
	grant(5005, 8, WIRE_USE_TAKE); /* its tokens are under way */
	assert_int_equal(redeem(5005, 8, ISSUER).ok, 1);
	assert_int_equal(kill(house.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(house.pid, &status, WUNTRACED), house.pid);
	for (int n = 0; n < WIRE_TURN_RECORDS + 1; n++) {
		tell(house.core, WIRE_VAULT_SIGN, &other, NULL, 0);
	}
	tell(house.core, WIRE_VAULT_GRANT, &ask, NULL, 0);
	tell(back[0], WIRE_VAULT_REVOKE, &over, NULL, 0);
	assert_int_equal(kill(house.pid, SIGCONT), 0);
	for (int n = 0; n < WIRE_TURN_RECORDS + 1; n++) {
		hear(house.core, WIRE_VAULT_SIGNED, &is_signed);
	}
	hear(house.core, WIRE_VAULT_GRANTED, &granted);
	assert_int_equal(granted.ok, 1);
	assert_int_equal(redeem(5000, 7, ISSUER).ok, 0);
	assert_int_equal(redeem(5001, 7, ISSUER).ok, 0);
	/* What a cell took of it is over too, until it takes anew. */
	captured(5005, 8, "too-late");
	assert_string_equal(taken(5002, 8), "");
	grant(5003, 8, WIRE_USE_TAKE);
	assert_int_equal(redeem(5003, 8, ISSUER).ok, 1);
	captured(5003, 8, "of-the-other");
	assert_string_equal(taken(5004, 8), "of-the-other");
	(void)close(back[0]);
}

/* What an egress says that it captured is looked at too. */
static void
what_nothing_was_lent_for_is_not_taken(void **state)
{
	struct wire_captured told = {
		.number = 7000,
		.expires = wall_now().us / CLOCK_SECOND + 3600,
		.access_size = 5,
		.secret = "token",
	};

	(void)state;
	grant(7000, 8, WIRE_USE_TAKE);
	tell(house.egress[1], WIRE_CAPTURED, &told, NULL, 0);
	assert_string_equal(taken(7001, 8), "of-the-other"); /* as before */
	assert_int_equal(redeem(7000, 8, ISSUER).ok, 1);
	told.access_size = sizeof(told.secret) + 1;
	tell(house.egress[1], WIRE_CAPTURED, &told, NULL, 0);
	assert_string_equal(taken(7002, 8), "of-the-other");
	told.access_size = 5;
	told.refresh_size = sizeof(told.secret) - 4;
	tell(house.egress[1], WIRE_CAPTURED, &told, NULL, 0);
	assert_string_equal(taken(7003, 8), "of-the-other");
	/* Nothing takes the place of nothing. */
	told.access_size = told.refresh_size = 0;
	tell(house.egress[1], WIRE_CAPTURED, &told, NULL, 0);
	assert_string_equal(taken(7004, 8), "of-the-other");
	grant(7005, 8, WIRE_USE_TAKE);
	assert_int_equal(redeem(7005, 8, ISSUER).ok, 1);
	told.number = 7005;
	told.access_size = 5;
	told.expires = INT64_MAX; /* of no year */
	tell(house.egress[1], WIRE_CAPTURED, &told, NULL, 0);
	assert_string_equal(taken(7006, 8), "of-the-other");
	/* Its time is over. */
	told.expires = wall_now().us / CLOCK_SECOND;
	tell(house.egress[1], WIRE_CAPTURED, &told, NULL, 0);
	assert_string_equal(taken(7007, 8), "");
}

static void
a_code_is_of_one_login(void **state)
{
	struct wire_vault_code code = { .number = 8000 };
	struct wire_vault_grant ask = grant_of(8001, 7, WIRE_USE_TAKE);
	auto_buf box = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    seal_box(house.hello.box_public, STR("code"), &box, &e), 0);
	code.box_size = (uint32_t)box.len;
	memcpy(code.box, box.at, box.len);
	tell(house.core, WIRE_VAULT_CODE, &code, NULL, 0);
	ask.use = WIRE_USE_CODE;
	assert_non_null(strstr(say_grant(&ask).text, "did not come"));
	ask.number = 8000;
	assert_true(say_grant(&ask).ok);
}

static bool
maced(struct wire_vault_mac *ask, struct wire_vault_maced *out)
{
	tell(house.core, WIRE_VAULT_MAC, ask, NULL, 0);
	hear(house.core, WIRE_VAULT_MACED, out);
	return out->good != 0;
}

/* Of many decisions, each must be one that was sealed here. */
static void
a_decision_is_known_again_and_no_other(void **state)
{
	struct wire_vault_mac ask = { .id = 1, .count = 3 };
	struct wire_vault_maced out;

	(void)state;
	for (uint8_t n = 0; n < 3; n++) {
		ask.digest[n][0] = n;
	}
	assert_true(maced(&ask, &out));
	memcpy(ask.mac, out.mac, sizeof(ask.mac));
	ask.check = 1;
	assert_true(maced(&ask, &out));
	for (int n = 0; n < 3; n++) {
		ask.mac[n][5] ^= 1;
		assert_false(maced(&ask, &out));
		ask.mac[n][5] ^= 1;
		ask.digest[n][31] ^= 1;
		assert_false(maced(&ask, &out));
		ask.digest[n][31] ^= 1;
	}
	ask.count = 0;
	assert_false(maced(&ask, &out));
	ask.count = WIRE_MACS + 1;
	assert_false(maced(&ask, &out));
	ask.check = 0;
	assert_false(maced(&ask, &out));
	ask.count = WIRE_MACS;
	assert_true(maced(&ask, &out));
}

/* Its channel is closed at a moment of the vault's own, then nothing is left of
 * what the cell took: another with its number has none. */
static void
what_a_cell_took_goes_with_it(void **state)
{
	struct mono limit = mono_after(mono_now(), 60 * CLOCK_SECOND);
	uint64_t number = 6000;

	(void)state;
	grant(number, 7, WIRE_USE_TAKE);
	assert_int_equal(redeem(number, 7, ISSUER).ok, 1);
	captured(number, 7, "of-the-seventh");
	assert_string_equal(taken(++number, 7), "of-the-seventh");
	do {
		assert_false(mono_passed(limit, mono_now()));
		auto_close_fd(&house.egress[0]);
		house.egress[0] = attach(7);
	} while (taken(++number, 7)[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    one_cell_waits_for_so_many_answers_and_the_oldest_goes),
		cmocka_unit_test(a_grant_with_a_fault_is_refused),
		cmocka_unit_test(what_would_end_a_header_is_not_sealed),
		cmocka_unit_test(a_clients_secret_goes_to_its_issuer_alone),
		cmocka_unit_test(a_value_that_is_over_was_granted_first),
		cmocka_unit_test(what_nothing_was_lent_for_is_not_taken),
		cmocka_unit_test(a_code_is_of_one_login),
		cmocka_unit_test(a_decision_is_known_again_and_no_other),
		cmocka_unit_test(what_a_cell_took_goes_with_it),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name(
	    "vault_part", tests, vault_up, vault_down);
}
