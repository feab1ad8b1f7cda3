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

#include "rootkey/rootkey.h"
#include "wire/wire.h"

#define UID     730000
#define ISSUER  "issuer.test"
#define HOST    "api.test"
#define NAME    "there"
#define SPENT   32 /* answers that one cell may wait for, vault_lend.c */
#define WAIT_US (60 * CLOCK_SECOND)

static struct {
	pid_t pid;
	int supervisor, core;
	int egress[2]; /* of cells 7 and 8 */
	struct wire_vault_hello hello;
	struct wire_binding binding;
	struct buf row;
	char state[64];
} house;

/* --- the process ------------------------------------------------------------
 */

static void
make_key(void)
{
	auto_seal_key key = seal_key_make();
	struct err e = { 0 };

	(void)strcpy(house.state, "/tmp/vault-part-XXXXXX");
	assert_non_null(mkdtemp(house.state));
	if (rootkey_keep(house.state, ROOTKEY_FILE, key, STR(""), &e)) {
		fail_msg("%s", e.text);
	}
}

static void
run_vault(int up, int down)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *libexec = getenv("HANDRAIL_LIBEXEC");
	char path[512];
	char uid[16];

	(void)snprintf(path, sizeof(path), "%s/vault", libexec);
	(void)snprintf(uid, sizeof(uid), "%d", getuid() ? 0 : UID);
	int a = fcntl(up, F_DUPFD, 64);
	int b = fcntl(down, F_DUPFD, 64);

	(void)dup2(a, 3);
	(void)dup2(b, 4);
	(void)close_range(5, ~0U, 0);
	(void)execl(
	    path, "vault", "--uid", uid, "--state", house.state, (char *)NULL);
	_exit(127);
}

static int
vault_up(void **state)
{
	struct wire_ready ready;
	struct err e = { 0 };
	int up[2];
	int down[2];

	(void)state;
	make_key();
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(down, &e), 0);
	house.pid = fork();
	if (house.pid == 0) {
		run_vault(up[1], down[1]);
	}
	(void)close(up[1]);
	(void)close(down[1]);
	house.supervisor = up[0];
	house.core = down[0];
	if (wire_take_now(house.core, WIRE_VAULT_HELLO, WAIT_US, &house.hello,
	        NULL, &e) ||
	    wire_take_now(house.supervisor, WIRE_VAULT_READY, WAIT_US, &ready,
	        NULL, &e)) {
		print_error("%s\n", e.text);
		return -1;
	}
	return 0;
}

static int
vault_down(void **state)
{
	char command[128];
	int status = -1;

	(void)state;
	auto_close_fd(&house.egress[0]);
	auto_close_fd(&house.egress[1]);
	auto_close_fd(&house.core);
	auto_close_fd(&house.supervisor);
	buf_fini(&house.row);
	(void)waitpid(house.pid, &status, 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", house.state);
	return system(command) || status;
}

/* --- what core and an egress say
 * ---------------------------------------------- */

static void
tell(int fd, enum wire_type type, const void *record, const int *fds, size_t n)
{
	struct err e = { 0 };

	if (wire_send_now(fd, type, record, fds, n, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
hear(int fd, enum wire_type type, void *record)
{
	struct err e = { 0 };

	if (wire_take_now(fd, type, WAIT_US, record, NULL, &e)) {
		fail_msg("%s", e.text);
	}
}

static int
attach(uint64_t cell)
{
	struct wire_attach a = { .cell = cell };
	struct err e = { 0 };
	int ends[2];

	assert_int_equal(wire_pair(ends, &e), 0);
	tell(house.core, WIRE_VAULT_ATTACH, &a, &ends[1], 1);
	return ends[0];
}

/* A credential of tokens that has its client's secret alone. */
static void
seal_there(void)
{
	struct wire_vault_seal ask = { .id = 1 };
	struct wire_vault_sealed out;
	struct seal_tokens tokens = { .client = STR("client-secret") };
	auto_buf value = { 0 };
	auto_buf box = { 0 };
	struct err e = { 0 };

	house.binding = (struct wire_binding){ .version = 1, .kind = 6 };
	(void)strcpy(house.binding.credential, NAME);
	(void)strcpy(house.binding.hosts, HOST);
	(void)strcpy(house.binding.issuer, ISSUER);
	ask.binding = house.binding;
	assert_int_equal(seal_tokens_write(&tokens, &value, &e), 0);
	assert_int_equal(
	    seal_box(house.hello.box_public, buf_str(&value), &box, &e), 0);
	ask.box_size = (uint32_t)box.len;
	memcpy(ask.box, box.at, box.len);
	tell(house.core, WIRE_VAULT_SEAL, &ask, NULL, 0);
	hear(house.core, WIRE_VAULT_SEALED, &out);
	assert_int_equal(out.ok, 1);
	buf_add(&house.row, str_span(out.row, out.row_size));
}

static struct wire_vault_grant
grant_of(uint64_t number, uint64_t cell, enum wire_use use)
{
	struct wire_vault_grant ask = {
		.number = number,
		.cell = cell,
		.not_after =
		    (uint64_t)mono_after(mono_now(), 20 * CLOCK_SECOND).us,
		.binding = house.binding,
		.port = 443,
		.use = (uint8_t)use,
		.row_size = (uint32_t)house.row.len,
	};

	(void)strcpy(ask.host, use == WIRE_USE_TAKE ? ISSUER : HOST);
	memcpy(ask.row, house.row.at, house.row.len);
	return ask;
}

static struct wire_vault_granted
say_grant(const struct wire_vault_grant *ask)
{
	struct wire_vault_granted out;

	tell(house.core, WIRE_VAULT_GRANT, ask, NULL, 0);
	hear(house.core, WIRE_VAULT_GRANTED, &out);
	assert_int_equal(out.number, ask->number);
	return out;
}

static void
grant(uint64_t number, uint64_t cell, enum wire_use use)
{
	struct wire_vault_grant ask = grant_of(number, cell, use);
	struct wire_vault_granted out = say_grant(&ask);

	if (!out.ok) {
		fail_msg(
		    "grant %llu: %s", (unsigned long long)number, out.text);
	}
}

static struct wire_credential
redeem(uint64_t number, uint64_t cell, const char *host)
{
	struct wire_redeem ask = {
		.count = 1, .port = 443, .number = { number }
	};
	struct wire_credential out;

	(void)strcpy(ask.host, host);
	tell(house.egress[cell - 7], WIRE_REDEEM, &ask, NULL, 0);
	hear(house.egress[cell - 7], WIRE_CREDENTIAL, &out);
	return out;
}

/* Its token endpoint answered the request of that grant. */
static void
captured(uint64_t number, uint64_t cell, const char *token)
{
	struct wire_captured told = {
		.number = number,
		.expires = wall_now().us / CLOCK_SECOND + 3600,
		.access_size = (uint32_t)strlen(token),
	};

	memcpy(told.secret, token, strlen(token));
	tell(house.egress[cell - 7], WIRE_CAPTURED, &told, NULL, 0);
}

/* What this cell is lent of its own tokens now; empty: it has none. */
static const char *
taken(uint64_t number, uint64_t cell)
{
	static char text[64];

	grant(number, cell, WIRE_USE_TAKEN);
	struct wire_credential c = redeem(number, cell, HOST);

	must(c.size < sizeof(text));
	memcpy(text, c.secret, c.size);
	text[c.ok ? c.size : 0] = '\0';
	return text;
}

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
	} else if (fault == TO_ITS_ISSUER || fault == NO_USE) {
		/* where what is no value itself may go */
		(void)strcpy(ask->host, ISSUER);
	} else if (fault == OTHER_BINDING) {
		(void)strcpy(ask->binding.hosts, "evil.test");
		(void)strcpy(ask->host, "evil.test");
	}
}

/* What core says is looked at like any word of another part. */
static void
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
	told.refresh_size = 0;
	told.expires = INT64_MAX; /* of no year */
	tell(house.egress[1], WIRE_CAPTURED, &told, NULL, 0);
	assert_string_equal(taken(7004, 8), "of-the-other");
	/* Its time is over. */
	told.expires = wall_now().us / CLOCK_SECOND;
	tell(house.egress[1], WIRE_CAPTURED, &told, NULL, 0);
	assert_string_equal(taken(7005, 8), "");
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
