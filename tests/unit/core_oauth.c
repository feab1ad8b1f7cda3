/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as core knows them, by core's own code: what the vault and the egress
 * say in either order, and what is done about a token's age. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "core_book_help.h"
#include "core_meet_help.h"
#include "parts/core.h"
#include "parts/core_cell.h"
#include "parts/core_draft.h"
#include "parts/core_egress.h"
#include "parts/core_oauth.h"

#define FACTS                                                          \
	"{\"token_endpoint\":\"https://issuer.test/t\","               \
	"\"device_authorization_endpoint\":\"https://issuer.test/d\"," \
	"\"client_id\":\"house\"%s}"
#define SECONDS(n) ((n)*CLOCK_SECOND)

static struct {
	char folder[BOOK_FOLDER];
	struct core core;
	struct core_cell cell;
	struct core_credential credential;
	struct wire_peer *vault, *egress; /* the far ends */
	enum wire_use granted;            /* of the newest grant */
	size_t grants;
	uint64_t asked; /* the newest request of the token endpoint */
	size_t done;
	bool told; /* an answer */
	enum oauth_end end;
	char why[WIRE_TEXT_MAX];
	uint64_t on_disk; /* the version whose row was, when it was done */
} house;

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_grant, wire_vault_grant)
{
	struct wire_vault_granted yes = { .number = in->number, .ok = 1 };

	house.granted = (enum wire_use)in->use;
	house.grants++;
	wire_send(house.vault, WIRE_VAULT_GRANTED, &yes, NULL, 0);
}

TAKES(take_code, wire_vault_code)
{
	assert_int_equal(in->box_size, 4);
}

static void
take_do(void *owner, struct wire_peer *peer, const void *record, int *fds,
    size_t nfds)
{
	const struct wire_http_do *in = record;

	(void)owner;
	(void)peer;
	(void)fds;
	assert_int_equal(nfds, 1); /* the form */
	house.asked = in->go.id;
}

/* NOLINTEND(readability-non-const-parameter) */

static void
meet_parts(struct core *c)
{
	static const struct wire_handler from_vault[] = {
		{ WIRE_VAULT_GRANTED, core_vault_granted },
		{ WIRE_VAULT_KEPT, core_vault_kept },
	};
	static const struct wire_handler of_vault[] = {
		{ WIRE_VAULT_GRANT, take_grant },
		{ WIRE_VAULT_CODE, take_code },
	};
	static const struct wire_handler of_egress[] = {
		{ WIRE_HTTP_DO, take_do },
	};
	struct err e = { 0 };
	int vault[2];
	int egress[2];

	assert_int_equal(wire_pair(vault, &e), 0);
	assert_int_equal(wire_pair(egress, &e), 0);
	c->vault = core_meet(&house.core, PART_CORE, PART_VAULT, vault[0],
	    from_vault, COUNT(from_vault));
	house.vault = core_meet(&house.core, PART_VAULT, PART_CORE, vault[1],
	    of_vault, COUNT(of_vault));
	c->egress = core_meet(&house.core, PART_CORE, PART_EGRESS, egress[0],
	    core_own_egress_handlers, core_own_egress_handler_count);
	house.egress = core_meet(&house.core, PART_EGRESS, PART_CORE, egress[1],
	    of_egress, COUNT(of_egress));
	c->vault_ready = true;
}

static void
nothing(void *owner)
{
	(void)owner;
}

/* What was said outside a turn is of one that has something to do; in the end
 * all of it is on the disk. */
static void
settle(void)
{
	struct mono last = mono_after(mono_now(), SECONDS(60));
	int64_t us = CORE_LAZY_US;

	do {
		loop_later(house.core.part.loop, nothing, NULL);
		loop_advance(house.core.part.loop, us);
		us = 0; /* a disk has no virtual clock */
	} while (core_unwritten(&house.core) && !mono_passed(last, mono_now()));
	assert_false(core_unwritten(&house.core));
}

/* A loop of a clock of its own, a book, and a credential of tokens in it. */
static int
set_up(void **state)
{
	struct core *c = &house.core;
	struct core_credential *k = &house.credential;

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	book_make(c, house.folder);
	core_commit_begin(c);
	meet_parts(c);
	house.cell = (struct core_cell){ .core = c, .number = 7 };
	c->cells = &house.cell;
	core_text(k->name, sizeof(k->name), "there");
	core_text(k->hosts, sizeof(k->hosts), "api.test");
	core_text(k->issuer, sizeof(k->issuer), "issuer.test");
	k->version = 1;
	k->has = WIRE_HAS_REFRESH;
	buf_addf(&k->facts, FACTS, "");
	buf_add(&k->row, STR("a sealed row"));
	c->credentials = k;
	core_credential_record(c, k, BOOK_CREDENTIAL_PUT, NULL);
	settle();
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
	wire_peer_free(house.vault);
	wire_peer_free(house.egress);
	wire_peer_free(c->vault);
	wire_peer_free(c->egress);
	buf_fini(&house.credential.facts);
	buf_fini(&house.credential.row);
	free(c->going);
	book_remove(c, house.folder);
	return 0;
}

static uint64_t
row_on_disk(struct buf *row)
{
	uint64_t version = 0;
	struct err e = { 0 };

	assert_int_equal(store_row_get(house.core.book.store, STR("sealed"),
	                     STR("there"), row, &version, &e),
	    0);
	return version;
}

static uint64_t
version_on_disk(void)
{
	auto_buf row = { 0 };

	return row_on_disk(&row);
}

static void
it_is_done(struct core *c, uint64_t owner, const struct core_credential *k,
    const struct oauth_told *told, const char *why)
{
	(void)c;
	assert_int_equal(owner, 77);
	assert_ptr_equal(k, &house.credential);
	house.done++;
	house.told = told != NULL;
	house.end = told ? told->end : OAUTH_FAILED;
	core_text(house.why, sizeof(house.why), why);
	house.on_disk = version_on_disk();
}

static void
ask_for(enum wire_use use)
{
	const struct core_oauth_ask asked = {
		.use = use,
		.code = use == WIRE_USE_CODE ? STR("code") : STR(""),
		.owner = 77,
		.done = it_is_done,
	};
	struct err e = { 0 };

	assert_int_equal(
	    core_oauth_ask(&house.core, &house.credential, &asked, &e), 0);
	settle();
	assert_int_equal(house.granted, use);
	assert_int_not_equal(house.asked, 0);
}

/* --- what is said of an answer -------------------------------------------- */

static struct wire_vault_kept
kept(void)
{
	return (struct wire_vault_kept){
		.number = house.asked,
		.ok = 1,
		.has = WIRE_HAS_ACCESS | WIRE_HAS_REFRESH,
		.expires = wall_now().us / CLOCK_SECOND + 3600,
		.row_size = 3,
		.row = "new",
	};
}

static void
vault_says(const struct wire_vault_kept *said)
{
	core_vault_kept(&house.core, NULL, said, NULL, 0);
}

static void
egress_says(enum oauth_end end)
{
	struct oauth_told told = { .end = end };
	struct wire_http_done said = {
		.id = house.asked,
		.ok = 1,
		.status = 200,
	};
	auto_buf body = { 0 };

	oauth_told_write(&body, &told);
	int fd = core_memfd(buf_str(&body));

	core_own_egress_handlers[0].take(&house.core, NULL, &said, &fd, 1);
	(void)close(fd);
}

static void
egress_fails(const char *why)
{
	struct wire_http_done said = { .id = house.asked };

	core_text(said.text, sizeof(said.text), why);
	core_own_egress_handlers[0].take(&house.core, NULL, &said, NULL, 0);
}

static void
tokens_are_there_when_their_row_is_on_the_disk(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 2; n++) {
		struct wire_vault_kept said;

		ask_for(WIRE_USE_REFRESH);
		said = kept();
		if (n) {
			egress_says(OAUTH_TOKENS);
			vault_says(&said);
		} else {
			vault_says(&said);
			egress_says(OAUTH_TOKENS);
		}
		assert_int_equal(house.done, n);
		assert_int_not_equal(house.credential.settling, 0);
		settle();
		assert_int_equal(house.done, n + 1);
		assert_int_equal(house.on_disk, n + 2);
		assert_int_equal(house.end, OAUTH_TOKENS);
		assert_int_equal(house.credential.settling, 0);
		assert_int_equal(house.credential.expires, said.expires);
		assert_in_range(house.credential.renew, said.expires - 3599,
		    said.expires - 1);
		assert_null(house.core.askings);
	}
}

/* A start must know that its refresh token may be used up. */
static void
a_question_is_on_the_disk_until_its_answer_is(void **state)
{
	struct core *c = &house.core;
	struct wire_vault_kept said;
	struct err e = { 0 };

	(void)state;
	for (int n = 0; n < 2; n++) {
		auto_buf row = { 0 };
		auto_buf body = { 0 };
		const struct core_oauth_ask second = { .use =
			                                   WIRE_USE_REFRESH };

		ask_for(WIRE_USE_REFRESH);
		assert_int_equal(
		    core_oauth_ask(c, &house.credential, &second, &e), -1);
		assert_int_equal(e.kind, ERR_CONFLICT);
		row_on_disk(&row);
		assert_true(str_has_str(buf_str(&row), STR("\"asked\":true")));
		/* Behind it are the request's intent and its grant. */
		assert_int_equal(
		    store_body_get(c->book.store, c->book.seq - 2, &body, &e),
		    0);
		assert_true(str_has_str(
		    buf_str(&body), STR("\"endpoint\":\"issuer.test\"")));
		assert_int_equal(
		    str_has_str(buf_str(&body), STR("\"again\":true")), n);
		if (n == 0) {
			egress_fails("nobody is there");
		}
	}
	said = kept();
	vault_says(&said);
	assert_false(house.credential.asked);
	egress_says(OAUTH_TOKENS);
	settle();
}

/* A login hears of its tokens, and no endpoint is asked again for others. */
static void
what_was_kept_counts_though_its_answer_was_lost(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 3; n++) {
		struct wire_vault_kept said;

		ask_for(WIRE_USE_CODE);
		said = kept();
		vault_says(&said);
		if (n) {
			settle(); /* its row is there already */
		}
		assert_int_equal(house.done, n);
		egress_fails(n == 2 ? "" : "the egress ended");
		settle();
		assert_int_equal(house.done, n + 1);
		assert_true(house.told);
		assert_int_equal(house.end, OAUTH_TOKENS);
		assert_int_equal(house.on_disk, n + 2);
		assert_int_equal(house.credential.fails, 0);
		assert_null(house.core.askings);
	}
}

/* What a person would be shown was in it. */
static void
a_device_code_whose_answer_was_lost_is_none(void **state)
{
	struct wire_vault_kept said;

	(void)state;
	ask_for(WIRE_USE_BEGIN);
	said = kept();
	vault_says(&said);
	egress_fails("the egress ended");
	settle();
	assert_int_equal(house.done, 1);
	assert_false(house.told);
	assert_string_equal(house.why, "the egress ended");
}

static void
one_question_has_one_row(void **state)
{
	struct wire_vault_kept said;

	(void)state;
	ask_for(WIRE_USE_REFRESH);
	said = kept();
	vault_says(&said);
	vault_says(&said);
	assert_int_equal(house.credential.version, 2);
	settle();
	assert_int_equal(house.done, 0);
	egress_says(OAUTH_TOKENS);
	settle();
	vault_says(&said); /* of a question that is over */
	settle();
	assert_int_equal(version_on_disk(), 2);
}

static void
a_row_that_is_not_its_next_is_not_kept(void **state)
{
	enum { NOT_OK, TOO_LONG, ARCHIVED, ANOTHER, NOT_IN_THE_BOOK, ALL };

	for (int what = NOT_OK; what < ALL; what++) {
		struct core_credential *k = &house.credential;
		struct wire_vault_kept said;

		ask_for(WIRE_USE_REFRESH);
		said = kept();
		said.ok = what != NOT_OK;
		core_text(said.text, sizeof(said.text), "no such grant");
		said.row_size = what == TOO_LONG ? sizeof(said.row) + 1 : 3;
		k->archived = what == ARCHIVED;
		k->version += what == ANOTHER;
		house.core.book.credentials->version += what == NOT_IN_THE_BOOK;
		vault_says(&said);
		assert_int_equal(house.done, 1);
		assert_false(house.told);
		assert_string_equal(house.why,
		    what <= TOO_LONG ? "no such grant"
		                     : "the credential was changed meanwhile");
		assert_true(str_eq(buf_str(&k->row), STR("a sealed row")));
		settle();
		assert_int_equal(version_on_disk(), 1);
		(void)take_down(state);
		(void)set_up(state);
	}
}

/* The egress has them, and nobody will ever open them. */
static void
tokens_that_are_not_sealed_in_time_are_lost(void **state)
{
	struct mono begun = mono_now();

	(void)state;
	ask_for(WIRE_USE_REFRESH);
	egress_says(OAUTH_TOKENS);
	settle();
	assert_int_equal(house.done, 0);
	loop_advance(house.core.part.loop, begun.us + SECONDS(3600));
	assert_int_equal(house.done, 1);
	assert_false(house.told);
	assert_non_null(strstr(house.why, "they are lost"));
}

/* --- what an endpoint did not give ---------------------------------------- */

static void
each_failure_in_a_row_is_followed_by_a_longer_pause(void **state)
{
	static const int64_t pause[] = { 5, 10, 20, 40, 80, 160, 300, 300, 300,
		300 };
	struct core_credential *k = &house.credential;

	(void)state;
	for (size_t n = 0; n < COUNT(pause); n++) {
		struct mono before;

		ask_for(WIRE_USE_REFRESH);
		before = mono_now();
		egress_fails("nobody is there");
		assert_int_equal(k->fails, n + 1);
		assert_true(k->again.us >= before.us + SECONDS(pause[n]));
		assert_true(k->again.us <= mono_now().us + SECONDS(pause[n]));
	}
	k->fails = 64; /* no doubling is that wide */
	ask_for(WIRE_USE_REFRESH);
	struct mono before = mono_now();

	egress_fails("nobody is there");
	assert_true(k->again.us >= before.us + SECONDS(300));
	ask_for(WIRE_USE_REFRESH);
	struct wire_vault_kept said = kept();

	vault_says(&said);
	assert_int_equal(k->fails, 0);
	assert_int_equal(k->again.us, 0);
}

/* A login that fails says nothing of the tokens that are there. */
static void
a_failed_login_keeps_nobody_from_the_endpoint(void **state)
{
	static const enum wire_use uses[] = { WIRE_USE_CODE, WIRE_USE_DEVICE,
		WIRE_USE_BEGIN };

	(void)state;
	for (size_t n = 0; n < COUNT(uses); n++) {
		ask_for(uses[n]);
		egress_fails("nobody is there");
		ask_for(uses[n]);
		egress_says(OAUTH_CLOSED);
		settle();
		assert_int_equal(house.credential.fails, 0);
		assert_int_equal(house.credential.again.us, 0);
		assert_string_equal(house.credential.closed, "");
	}
}

static void
an_answer_says_nothing_of_a_credential_that_is_archived(void **state)
{
	struct core_credential *k = &house.credential;

	(void)state;
	for (int n = 0; n < 2; n++) {
		k->archived = false;
		ask_for(WIRE_USE_REFRESH);
		k->archived = true;
		if (n) {
			egress_says(OAUTH_CLOSED);
		} else {
			egress_fails("nobody is there");
		}
		assert_int_equal(house.done, n + 1);
		assert_int_equal(k->fails, 0);
		assert_string_equal(k->closed, "");
	}
}

static void
a_no_closes_until_there_are_tokens(void **state)
{
	struct core_credential *k = &house.credential;
	struct wire_vault_kept said;

	(void)state;
	ask_for(WIRE_USE_REFRESH);
	egress_says(OAUTH_CLOSED);
	assert_true(k->closed[0] != '\0');
	assert_false(k->asked);
	assert_int_equal(house.end, OAUTH_CLOSED);
	/* A device code is none yet. */
	ask_for(WIRE_USE_BEGIN);
	said = kept();
	vault_says(&said);
	egress_says(OAUTH_TOKENS);
	settle();
	assert_true(k->closed[0] != '\0');
	ask_for(WIRE_USE_DEVICE);
	said = kept();
	vault_says(&said);
	assert_true(k->closed[0] == '\0');
	egress_says(OAUTH_TOKENS);
	settle();
}

/* --- whether a token is young ----------------------------------------------
 */

#define NOBODY WIRE_USE_ACCESS /* is asked */
#define ALL_OF (WIRE_HAS_ACCESS | WIRE_HAS_REFRESH)

struct age {
	const char *more; /* facts */
	int64_t expires;  /* seconds from now; 0: not known */
	int64_t renew;    /* the same */
	uint32_t has;
	uint32_t stale; /* of version 1 */
	enum wire_use asks;
	bool waits;
};

static struct core_intent *
use_of(const struct age *age)
{
	struct core_credential *k = &house.credential;
	struct core_intent *i = core_intent_new(&house.core, 7, 1);
	int64_t now = wall_now().us / CLOCK_SECOND;

	k->has = age->has;
	k->expires = age->expires ? now + age->expires : 0;
	k->renew = age->renew ? now + age->renew : 0;
	if (age->more) {
		buf_clear(&k->facts);
		buf_addf(&k->facts, FACTS, age->more);
	}
	i->credential = STR("there");
	i->rule = STR("egress.there");
	i->stale = age->stale;
	return i;
}

static void
a_token_is_renewed_by_its_age(void **state)
{
	static const struct age ages[] = {
		{ NULL, 1000, 500, ALL_OF, 0, NOBODY, false },
		{ NULL, 1000, -10, ALL_OF, 0, WIRE_USE_REFRESH, false },
		{ NULL, -10, -500, ALL_OF, 0, WIRE_USE_REFRESH, true },
		{ NULL, 0, 0, WIRE_HAS_REFRESH, 0, WIRE_USE_REFRESH, true },
		/* Five seconds before its end at the latest, or a fourth of
		 * what is left of it when it is old. */
		{ NULL, 3, -100, ALL_OF, 0, WIRE_USE_REFRESH, true },
		{ NULL, 60, -1000, ALL_OF, 0, WIRE_USE_REFRESH, false },
		/* Of one whose lifetime is not known the last minute is old. */
		{ NULL, 30, 0, ALL_OF, 0, WIRE_USE_REFRESH, false },
		{ NULL, 1000, 0, ALL_OF, 0, NOBODY, false },
		{ NULL, 0, 0, ALL_OF, 0, NOBODY, false },
		/* What was answered 401, if it is what is here. */
		{ NULL, 1000, 500, ALL_OF, 1, WIRE_USE_REFRESH, true },
		{ NULL, 1000, 500, ALL_OF, 2, NOBODY, false },
		/* Nothing else makes one. */
		{ NULL, -10, -500, WIRE_HAS_ACCESS, 0, NOBODY, false },
		{ NULL, 0, 0, WIRE_HAS_CLIENT, 0, NOBODY, false },
		{ ",\"grant\":\"client_credentials\"", 0, 0, WIRE_HAS_CLIENT, 0,
		    WIRE_USE_CLIENT, true },
		{ ",\"grant\":\"client_credentials\"", -10, -500,
		    WIRE_HAS_ACCESS, 0, NOBODY, false },
	};

	for (size_t n = 0; n < COUNT(ages); n++) {
		struct core_intent *i = use_of(&ages[n]);

		house.granted = NOBODY;
		assert_int_equal(
		    core_oauth_holds(&house.core, i), ages[n].waits);
		assert_int_equal(i->parked, ages[n].waits);
		assert_null(i->refusal);
		settle();
		assert_int_equal(house.granted, ages[n].asks);
		(void)take_down(state);
		(void)set_up(state);
	}
}

static void
what_no_token_helps_waits_for_none(void **state)
{
	enum {
		NO_ISSUER,
		CLOSED,
		ARCHIVED,
		REFUSED,
		COMMITTED,
		PLAIN,
		TAKEN,
		ALL
	};
	static const struct age ended = { NULL, -10, -500, ALL_OF, 0,
		WIRE_USE_REFRESH, true };

	for (int what = NO_ISSUER; what < ALL; what++) {
		struct core_credential *k = &house.credential;
		struct core_intent *i = use_of(&ended);

		k->issuer[0] = what == NO_ISSUER ? '\0' : 'i';
		k->closed[0] = what == CLOSED ? 'x' : '\0';
		k->archived = what == ARCHIVED;
		k->refused[0] = what == REFUSED ? 'x' : '\0';
		i->committed = what == COMMITTED;
		k->has = what == PLAIN ? 0 : ALL_OF;
		if (what == TAKEN) {
			core_text(k->id, sizeof(k->id), "vcrd_there");
			core_text(house.cell.taken[0],
			    sizeof(house.cell.taken[0]), k->id);
		}
		assert_false(core_oauth_holds(&house.core, i));
		assert_int_equal(
		    i->use, what == TAKEN ? WIRE_USE_TAKEN : WIRE_USE_ACCESS);
		assert_null(house.core.askings);
		(void)take_down(state);
		(void)set_up(state);
	}
}

/* Whoever says 401 to all that is new would have an endpoint asked for ever. */
static void
a_401_has_tokens_made_once_in_a_while(void **state)
{
	static const struct age refused = { NULL, 1000, 500, ALL_OF, 1,
		WIRE_USE_REFRESH, true };
	struct core_credential *k = &house.credential;
	struct mono before = mono_now();

	(void)state;
	assert_true(core_oauth_holds(&house.core, use_of(&refused)));
	assert_true(k->forced.us >= before.us + SECONDS(30));
	assert_true(k->forced.us <= mono_now().us + SECONDS(30));
	assert_false(core_oauth_holds(&house.core, use_of(&refused)));
	k->forced = before;
	assert_true(core_oauth_holds(&house.core, use_of(&refused)));
}

/* A 401 is mended once, and by what an endpoint would be asked for. */
static void
what_could_be_renewed_is_said(void **state)
{
	enum { ONCE, TWICE, REFRESHING, NONE_NAMED, NO_ISSUER, PLAIN, ALL };
	static const struct age young = { NULL, 1000, 500, ALL_OF, 0, NOBODY,
		false };

	(void)state;
	for (int what = ONCE; what < ALL; what++) {
		struct core_credential *k = &house.credential;
		struct core_intent *i = use_of(&young);

		i->stale = what == TWICE;
		i->use =
		    what == REFRESHING ? WIRE_USE_REFRESH : WIRE_USE_ACCESS;
		i->credential = what == NONE_NAMED ? STR("") : i->credential;
		k->issuer[0] = what == NO_ISSUER ? '\0' : 'i';
		k->has = what == PLAIN ? 0 : ALL_OF;
		assert_int_equal(
		    core_oauth_renews(&house.core, i), what == ONCE);
	}
}

/* One question, however many wait; and none in the pause behind a failure. */
static void
an_endpoint_is_asked_once_and_not_before_its_time(void **state)
{
	static const struct age old = { NULL, 1000, -10, ALL_OF, 0,
		WIRE_USE_REFRESH, false };
	static const struct age ended = { NULL, -10, -500, ALL_OF, 0,
		WIRE_USE_REFRESH, true };
	struct core *c = &house.core;
	struct core_intent *i;

	(void)state;
	house.credential.again = (struct mono){ INT64_MAX };
	assert_false(core_oauth_holds(c, use_of(&old)));
	i = use_of(&ended);
	assert_true(core_oauth_holds(c, i));
	assert_false(i->parked);
	assert_non_null(strstr(i->refusal->reason, "its token has ended"));
	assert_int_equal(i->refusal->status, 503);
	assert_null(c->askings);
	house.credential.again = (struct mono){ 0 };
	for (int n = 0; n < 2; n++) {
		i = use_of(&ended);
		assert_true(core_oauth_holds(c, i));
		assert_true(i->parked);
	}
	settle();
	assert_int_equal(house.grants, 1);
	assert_false(core_oauth_holds(c, use_of(&old)));
	settle();
	assert_int_equal(house.grants, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)
	const struct CMUnitTest tests[] = {
		TEST(tokens_are_there_when_their_row_is_on_the_disk),
		TEST(a_question_is_on_the_disk_until_its_answer_is),
		TEST(what_was_kept_counts_though_its_answer_was_lost),
		TEST(a_device_code_whose_answer_was_lost_is_none),
		TEST(one_question_has_one_row),
		TEST(a_row_that_is_not_its_next_is_not_kept),
		TEST(tokens_that_are_not_sealed_in_time_are_lost),
		TEST(each_failure_in_a_row_is_followed_by_a_longer_pause),
		TEST(a_failed_login_keeps_nobody_from_the_endpoint),
		TEST(an_answer_says_nothing_of_a_credential_that_is_archived),
		TEST(a_no_closes_until_there_are_tokens),
		TEST(a_token_is_renewed_by_its_age),
		TEST(what_no_token_helps_waits_for_none),
		TEST(a_401_has_tokens_made_once_in_a_while),
		TEST(what_could_be_renewed_is_said),
		TEST(an_endpoint_is_asked_once_and_not_before_its_time),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
