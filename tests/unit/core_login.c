/* SPDX-License-Identifier: Apache-2.0 */
/* The row with which a login begins, as the vault made it, by core's own code:
 * what it may still not become a credential's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_book_help.h"
#include "core_meet_help.h"
#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_draft.h"
#include "parts/core_egress.h"
#include "parts/core_oauth.h"

#define FACTS                                                    \
	"{\"authorization_endpoint\":\"https://issuer.test/a\"," \
	"\"client_id\":\"house\","                               \
	"\"token_endpoint\":\"https://issuer.test/t\"}"

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct core_credential credential;
	struct wire_peer *api, *vault, *egress; /* the far ends */
	uint32_t status;                        /* of the newest answer */
	char text[WIRE_API_SHORT];
	struct core_ask *ask;
	struct wire_vault_sealed sealed; /* what the vault said to it */
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_answer, wire_api_answer)
{
	house.status = in->head.status;
	str_fit(house.text, sizeof(house.text),
	    str_span(in->text, in->head.body_size));
}

/* NOLINTEND(readability-non-const-parameter) */

static void
meet_parts(struct core *c)
{
	static const struct wire_handler of_api[] = {
		{ WIRE_API_ANSWER, take_answer },
	};

	house.api = core_meet_far(
	    &house.core, PART_API, &c->api, of_api, COUNT(of_api));
	house.vault =
	    core_meet_far(&house.core, PART_VAULT, &c->vault, NULL, 0);
	house.egress =
	    core_meet_far(&house.core, PART_EGRESS, &c->egress, NULL, 0);
	c->vault_ready = true;
}

static void
commit(void)
{
	struct err e = { 0 };

	assert_int_equal(core_commit_now(&house.core, &e), 0);
	loop_advance(house.core.part.loop, 0);
}

/* Somebody begins a login to the credential that is there. */
static void
begin(struct core *c)
{
	struct core_ask *ask = core_ask_new(c);
	struct json *body = json_new(&ask->arena, JSON_OBJECT);

	(void)json_set_str(&ask->arena, body, "redirect_uri",
	    STR("http://127.0.0.1:4711/back"));
	ask->body = body;
	ask->version = 2;
	ask->authorizing = true;
	core_text(ask->credential, sizeof(ask->credential), "there");
	house.ask = ask;
	house.sealed = (struct wire_vault_sealed){
		.id = ask->number,
		.ok = 1,
		.row_size = 3,
		.row = "new",
		.has = WIRE_HAS_REFRESH | WIRE_HAS_PENDING,
		.marks.of[0] = { 7 },
	};
	memset(house.sealed.challenge, 'c', WIRE_RANDOM - 1);
}

static int
set_up(void **state)
{
	struct core *c = &house.core;
	struct core_credential *k = &house.credential;

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	meet_parts(c);
	core_text(k->id, sizeof(k->id), "id");
	core_text(k->name, sizeof(k->name), "there");
	core_text(k->hosts, sizeof(k->hosts), "api.test");
	core_text(k->issuer, sizeof(k->issuer), "issuer.test");
	k->version = 1;
	k->has = WIRE_HAS_REFRESH;
	buf_add(&k->facts, STR(FACTS));
	buf_add(&k->row, STR("old"));
	c->credentials = k;
	core_credential_record(c, k, BOOK_CREDENTIAL_PUT, NULL);
	commit();
	begin(c);
	return 0;
}

static int
take_down(void **state)
{
	struct core *c = &house.core;

	(void)state;
	while (c->intents) {
		core_intent_free(c, c->intents);
	}
	wire_peer_free(house.api);
	wire_peer_free(house.vault);
	wire_peer_free(house.egress);
	wire_peer_free(c->api);
	wire_peer_free(c->vault);
	wire_peer_free(c->egress);
	buf_fini(&house.credential.facts);
	buf_fini(&house.credential.row);
	book_remove(c, house.folder);
	return 0;
}

static bool
has(const char *row)
{
	return str_eq_z(buf_str(&house.credential.row), row);
}

/* The row that comes is not taken. */
static void
refused(uint32_t status, const char *says)
{
	core_login_sealed(&house.core, house.ask, &house.sealed);
	assert_true(has("old"));
	assert_int_equal(house.credential.version, 1);
	commit();
	if (house.status != status || !strstr(house.text, says)) {
		fail_msg("%u %s", house.status, house.text);
	}
}

static void
a_login_is_answered_when_its_row_is_on_the_disk(void **state)
{
	(void)state;
	core_login_sealed(&house.core, house.ask, &house.sealed);
	loop_advance(house.core.part.loop, 0);
	assert_int_equal(house.status, 0);
	commit();
	assert_int_equal(house.status, 200);
	assert_non_null(strstr(house.text, "https://issuer.test/a?"));
	assert_true(has("new"));
	assert_int_equal(house.credential.version, 2);
}

static void
never(struct core *c, uint64_t owner, const struct core_credential *k,
    const struct oauth_told *told, const char *why)
{
	(void)c;
	(void)owner;
	(void)k;
	(void)told;
	fail_msg("%s", why);
}

/* What it answers would be of tokens that are not these any more. */
static void
a_row_that_comes_while_the_endpoint_is_asked_is_not_taken(void **state)
{
	const struct core_oauth_ask renew = {
		.use = WIRE_USE_REFRESH,
		.done = never,
	};
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    core_oauth_ask(&house.core, &house.credential, &renew, &e), 0);
	core_login_sealed(&house.core, house.ask, &house.sealed);
	assert_true(has("old"));
	assert_int_equal(house.credential.version, 1);
	assert_int_equal(house.ask->status, 409);
}

static void
a_row_of_another_version_is_not_taken(void **state)
{
	(void)state;
	house.ask->version = 3;
	refused(409, "was changed meanwhile");
}

static void
a_row_of_a_credential_that_was_archived_is_not_taken(void **state)
{
	(void)state;
	house.credential.archived = true;
	refused(409, "was changed meanwhile");
}

static void
a_row_that_the_vault_did_not_make_is_not_taken(void **state)
{
	(void)state;
	house.sealed.ok = 0;
	core_text(house.sealed.text, sizeof(house.sealed.text), "it says no");
	refused(400, "it says no");
}

static void
a_row_that_is_longer_than_its_record_is_not_taken(void **state)
{
	(void)state;
	house.sealed.row_size = sizeof(house.sealed.row) + 1;
	refused(400, "the vault refused");
}

static void
a_secret_that_is_over_does_not_come_back_by_a_login(void **state)
{
	struct core_mark over = { .mark = { 7 }, .name = "other" };

	(void)state;
	house.core.marks = &over;
	refused(409, "does not come back");
	house.core.marks = NULL;
}

/* Nobody could be held to a challenge that is none. */
static void
without_a_verifier_nobody_is_sent_to_the_issuer(void **state)
{
	(void)state;
	house.sealed.challenge[0] = '\0';
	core_login_sealed(&house.core, house.ask, &house.sealed);
	commit();
	assert_int_equal(house.status, 503);
	assert_non_null(strstr(house.text, "the vault made no verifier"));
	assert_null(strstr(house.text, "https://"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(a_login_is_answered_when_its_row_is_on_the_disk),
		TEST(a_row_that_comes_while_the_endpoint_is_asked_is_not_taken),
		TEST(a_row_of_another_version_is_not_taken),
		TEST(a_row_of_a_credential_that_was_archived_is_not_taken),
		TEST(a_row_that_the_vault_did_not_make_is_not_taken),
		TEST(a_row_that_is_longer_than_its_record_is_not_taken),
		TEST(a_secret_that_is_over_does_not_come_back_by_a_login),
		TEST(without_a_verifier_nobody_is_sent_to_the_issuer),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
