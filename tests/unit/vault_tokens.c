/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens as a vault's neighbours see them: what is lent of a set of them, what
 * its issuer is asked with, and what becomes of an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vault_help.h"

static int
both_up(void **state)
{
	if (vault_up(state)) {
		return -1;
	}
	house.egress[0] = attach(7);
	house.egress[1] = attach(8);
	seal_there();
	return 0;
}

static void
assert_lent(const struct wire_credential *c, const char *text)
{
	if (!c->ok) {
		fail_msg("%s", c->text);
	}
	assert_int_equal(c->size, strlen(text));
	assert_memory_equal(c->secret, text, c->size);
}

static void
an_access_token_is_lent_while_it_lives(void **state)
{
	int64_t now = wall_now().us / CLOCK_SECOND;
	struct seal_tokens t = { .access = STR("at"), .refresh = STR("rt") };
	const int64_t ends[] = { now + 3600, 0, now - 1, 1 };
	struct wire_credential c;

	(void)state;
	for (uint64_t i = 0; i < COUNT(ends); i++) {
		t.expires = ends[i];
		seal_tokens(&t);
		grant(9000 + i, 7, WIRE_USE_ACCESS);
		c = redeem(9000 + i, 7, HOST);
		if (i < 2) {
			assert_lent(&c, "at");
			continue;
		}
		assert_int_equal(c.ok, 0);
		assert_non_null(strstr(c.text, "ended before it was lent"));
	}
	/* Nor is what stands beside one that is not there. */
	t = (struct seal_tokens){ .refresh = STR("rt") };
	seal_tokens(&t);
	grant(9010, 7, WIRE_USE_ACCESS);
	assert_int_equal(redeem(9010, 7, HOST).ok, 0);
	seal_there();
}

static void
bring_code(uint64_t number, struct str text)
{
	struct wire_vault_code code = { .number = number };
	auto_buf box = { 0 };
	struct err e = { 0 };

	assert_int_equal(seal_box(house.hello.box_public, text, &box, &e), 0);
	code.box_size = (uint32_t)box.len;
	memcpy(code.box, box.at, box.len);
	tell(house.core, WIRE_VAULT_CODE, &code, NULL, 0);
}

static const struct seal_tokens all = {
	.access = { "at", 2 },
	.refresh = { "r&t", 3 },
	.client = { "cs", 2 },
	.pending = { "ver", 3 },
};

static struct wire_credential
asked_with(uint64_t number, enum wire_use use, enum wire_client secret)
{
	struct wire_vault_grant ask = grant_of(number, 7, use);

	(void)strcpy(ask.host, ISSUER);
	ask.secret = (uint8_t)secret;
	(void)strcpy(ask.client, "me");
	if (use == WIRE_USE_CODE) {
		bring_code(number, STR("c d"));
	}
	struct wire_vault_granted out = say_grant(&ask);

	if (!out.ok) {
		fail_msg("%s", out.text);
	}
	return redeem(number, 7, ISSUER);
}

static void
an_endpoint_is_asked_with_what_its_use_wants(void **state)
{
	static const struct {
		enum wire_use use;
		enum wire_client secret;
		const char *text;
	} asked[] = {
		{ WIRE_USE_REFRESH, WIRE_CLIENT_FORM,
		    "\nrefresh_token=r%26t&client_secret=cs" },
		{ WIRE_USE_REFRESH, WIRE_CLIENT_BASIC,
		    "bWU6Y3M=\nrefresh_token=r%26t" },
		{ WIRE_USE_CODE, WIRE_CLIENT_FORM,
		    "\ncode=c%20d&code_verifier=ver&client_secret=cs" },
		{ WIRE_USE_DEVICE, WIRE_CLIENT_FORM,
		    "\ndevice_code=ver&client_secret=cs" },
		{ WIRE_USE_CLIENT, WIRE_CLIENT_FORM, "\nclient_secret=cs" },
		{ WIRE_USE_BEGIN, WIRE_CLIENT_BASIC, "bWU6Y3M=\n" },
		{ WIRE_USE_REFRESH, WIRE_CLIENT_NONE, "\nrefresh_token=r%26t" },
		{ WIRE_USE_CLIENT, WIRE_CLIENT_NONE, "\n" },
		{ WIRE_USE_CLIENT, (enum wire_client)3, "\n" },
	};
	struct wire_credential c;

	(void)state;
	seal_tokens(&all);
	for (uint64_t i = 0; i < COUNT(asked); i++) {
		c = asked_with(9100 + i, asked[i].use, asked[i].secret);
		assert_lent(&c, asked[i].text);
	}
	/* What is not there is not asked for. */
	seal_there();
	for (uint64_t i = 0; i < 4; i++) {
		c = asked_with(9120 + i, asked[i].use, asked[i].secret);
		assert_int_equal(c.ok, 0);
		assert_non_null(strstr(c.text, "holds no"));
	}
}

static struct wire_vault_kept
kept(
    uint64_t number, enum wire_use use, const char *access, const char *refresh)
{
	struct wire_vault_kept out;
	struct wire_captured told = {
		.number = number,
		.expires = 1900000000,
		.access_size = (uint32_t)strlen(access),
		.refresh_size = (uint32_t)strlen(refresh),
	};

	assert_true(asked_with(number, use, WIRE_CLIENT_BASIC).ok);
	memcpy(told.secret, access, told.access_size);
	memcpy(told.secret + told.access_size, refresh, told.refresh_size);
	tell(house.egress[0], WIRE_CAPTURED, &told, NULL, 0);
	tell(house.egress[0], WIRE_CAPTURED, &told, NULL, 0); /* once */
	hear(house.core, WIRE_VAULT_KEPT, &out);
	assert_int_equal(out.number, number);
	return out;
}

static void
assert_row(const uint8_t *row, size_t size, uint32_t version,
    const struct seal_tokens *want)
{
	const struct seal_binding binding = {
		.id = STR(NAME),
		.version = version,
		.kind = SEAL_OAUTH_REFRESH,
		.host_count = 1,
		.hosts = { STR(HOST) },
		.issuer = STR(ISSUER),
	};
	struct seal_tokens is;
	auto_secret value = NULL;
	struct str clear;
	struct err e = { 0 };

	if (seal_row_open(
	        house.key, str_span(row, size), &binding, &value, &e)) {
		fail_msg("%s", e.text);
	}
	secret_open(value, &clear);
	assert_int_equal(seal_tokens_read(clear, &is, &e), 0);
	assert_true(str_eq(is.access, want->access));
	assert_true(str_eq(is.refresh, want->refresh));
	assert_true(str_eq(is.client, want->client));
	assert_true(str_eq(is.pending, want->pending));
	assert_int_equal(is.expires, want->expires);
}

static void
what_an_endpoint_answered_is_the_next_row(void **state)
{
	static const struct {
		enum wire_use use;
		const char *refresh;
		struct seal_tokens want;
	} answers[] = {
		{ WIRE_USE_REFRESH, "",
		    { 1900000000, STR("new"), STR("r&t"), STR("cs"),
		        STR("ver") } },
		{ WIRE_USE_REFRESH, "next",
		    { 1900000000, STR("new"), STR("next"), STR("cs"),
		        STR("ver") } },
		{ WIRE_USE_DEVICE, "next",
		    { 1900000000, STR("new"), STR("next"), STR("cs"),
		        STR("") } },
		{ WIRE_USE_CODE, "",
		    { 1900000000, STR("new"), STR("r&t"), STR("cs"),
		        STR("") } },
		{ WIRE_USE_BEGIN, "",
		    { 0, STR("at"), STR("r&t"), STR("cs"), STR("new") } },
	};
	struct wire_vault_sign other = { .id = 1 };
	struct wire_vault_signed is_signed;

	(void)state;
	seal_tokens(&all);
	for (uint64_t i = 0; i < COUNT(answers); i++) {
		struct wire_vault_kept out =
		    kept(9300 + i, answers[i].use, "new", answers[i].refresh);

		assert_int_equal(out.ok, 1);
		assert_row(out.row, out.row_size, 2, &answers[i].want);
	}
	/* What would end a header's line. */
	struct wire_vault_kept out = kept(9310, WIRE_USE_REFRESH, "a\nb", "");

	assert_int_equal(out.ok, 0);
	assert_string_not_equal(out.text, "");
	assert_null(strstr(out.text, "a\n"));
	/* Nothing more comes for any of them. */
	assert_int_equal(
	    asked_with(9311, WIRE_USE_CLIENT, WIRE_CLIENT_BASIC).ok, 1);
	tell(house.core, WIRE_VAULT_SIGN, &other, NULL, 0);
	hear(house.core, WIRE_VAULT_SIGNED, &is_signed);
	seal_there();
}

/* The latest are kept: whoever brings them asks at once. */
static void
assert_marks(const struct wire_marks *marks, const char *const text[3])
{
	static const uint8_t none[WIRE_MARK];

	for (size_t n = 0; n < COUNT(marks->of); n++) {
		struct wire_mark_ask ask = { .id = 1 };
		struct wire_mark_told told;

		if (!text[n]) {
			assert_memory_equal(marks->of[n], none, sizeof(none));
			continue;
		}
		ask.size = (uint32_t)strlen(text[n]);
		memcpy(ask.value, text[n], ask.size);
		tell(house.egress[0], WIRE_MARK_ASK, &ask, NULL, 0);
		hear(house.egress[0], WIRE_MARK_TOLD, &told);
		assert_memory_equal(marks->of[n], told.mark, WIRE_MARK);
	}
}

/* P08: whichever of them a cell sends is known. */
static void
each_token_of_a_set_has_its_mark(void **state)
{
	struct wire_vault_kept out;

	(void)state;
	seal_tokens(&all);
	out = kept(9300, WIRE_USE_REFRESH, "new", "next");
	assert_marks(&out.marks, (const char *const[]){ "next", "new", "cs" });
	out = kept(9301, WIRE_USE_REFRESH, "new", "");
	assert_marks(&out.marks, (const char *const[]){ "r&t", "new", "cs" });
	seal_there();
	out = kept(9302, WIRE_USE_CLIENT, "new", "");
	assert_marks(
	    &out.marks, (const char *const[]){ "new", "client-secret", NULL });
}

static void
of_many_codes_the_oldest_goes(void **state)
{
	struct wire_vault_grant ask = grant_of(9200, 7, WIRE_USE_CODE);
	struct wire_credential c;

	(void)state;
	seal_tokens(&all);
	for (uint64_t n = 0; n < 64; n++) {
		bring_code(9200 + n, STR("code"));
	}
	c = asked_with(9264, WIRE_USE_CODE, WIRE_CLIENT_BASIC); /* one more */
	assert_true(c.ok);
	(void)strcpy(ask.host, ISSUER);
	assert_non_null(strstr(say_grant(&ask).text, "did not come"));
	ask = grant_of(9201, 7, WIRE_USE_CODE);
	(void)strcpy(ask.host, ISSUER);
	assert_true(say_grant(&ask).ok);
	seal_there();
}

static struct wire_vault_sealed
login(uint32_t version, bool first, struct str row)
{
	struct wire_vault_login ask = { .id = 5, .first = first };
	struct wire_vault_sealed out;

	ask.binding = house.binding;
	ask.binding.version = version;
	ask.row_size = (uint32_t)row.len;
	if (row.len > 0) {
		memcpy(ask.row, row.at, row.len);
	}
	tell(house.core, WIRE_VAULT_LOGIN, &ask, NULL, 0);
	hear(house.core, WIRE_VAULT_SEALED, &out);
	return out;
}

static void
a_login_begins_on_the_row_before_it(void **state)
{
	const struct seal_tokens client = { .client = STR("cs") };
	struct wire_vault_login ask = { .id = 6, .first = 1 };
	struct wire_vault_sealed out;
	auto_buf value = { 0 };
	auto_buf box = { 0 };
	auto_buf row = { 0 };
	struct err e = { 0 };

	(void)state;
	/* A first one needs none, or has its client's secret in a box. */
	assert_int_equal(login(1, true, STR("")).has, WIRE_HAS_PENDING);
	assert_int_equal(seal_tokens_write(&client, &value, &e), 0);
	assert_int_equal(
	    seal_box(house.hello.box_public, buf_str(&value), &box, &e), 0);
	out = login(1, true, buf_str(&box));
	assert_int_equal(out.ok, 1);
	assert_int_equal(out.has, WIRE_HAS_PENDING | WIRE_HAS_CLIENT);
	assert_int_equal(strlen(out.challenge), WIRE_RANDOM - 1);
	buf_add(&row, str_span(out.row, out.row_size));
	/* The next one is of the version before, and of no other. */
	out = login(2, false, buf_str(&row));
	assert_int_equal(out.ok, 1);
	assert_int_equal(out.has, WIRE_HAS_PENDING | WIRE_HAS_CLIENT);
	assert_int_equal(login(1, false, buf_str(&row)).ok, 0);
	assert_int_equal(login(3, false, buf_str(&row)).ok, 0);
	assert_int_equal(login(0, false, buf_str(&row)).ok, 0);
	assert_int_equal(login(0, true, STR("")).ok, 0);
	ask.binding = house.binding;
	ask.row_size = sizeof(ask.row) + 1;
	tell(house.core, WIRE_VAULT_LOGIN, &ask, NULL, 0);
	hear(house.core, WIRE_VAULT_SEALED, &out);
	assert_non_null(strstr(out.text, "wrong form"));
	ask.row_size = 0;
	memset(ask.binding.hosts, 'a', sizeof(ask.binding.hosts));
	tell(house.core, WIRE_VAULT_LOGIN, &ask, NULL, 0);
	hear(house.core, WIRE_VAULT_SEALED, &out);
	assert_non_null(strstr(out.text, "wrong form"));
}

/* A size that its record does not hold. */
static void
what_is_longer_than_its_record_is_not_read(void **state)
{
	static const uint8_t zero[64];
	struct wire_vault_sign sign = { .id = 1 };
	struct wire_vault_signed is_signed;
	struct wire_mark_ask ask = { .id = 1 };
	struct wire_mark_told told;

	(void)state;
	sign.size = sizeof(sign.text);
	tell(house.core, WIRE_VAULT_SIGN, &sign, NULL, 0);
	hear(house.core, WIRE_VAULT_SIGNED, &is_signed);
	assert_memory_not_equal(is_signed.signature, zero, sizeof(zero));
	sign.size++;
	tell(house.core, WIRE_VAULT_SIGN, &sign, NULL, 0);
	hear(house.core, WIRE_VAULT_SIGNED, &is_signed);
	assert_memory_equal(is_signed.signature, zero, sizeof(zero));
	ask.size = sizeof(ask.value);
	tell(house.egress[0], WIRE_MARK_ASK, &ask, NULL, 0);
	hear(house.egress[0], WIRE_MARK_TOLD, &told);
	assert_memory_not_equal(told.mark, zero, sizeof(told.mark));
	ask.size++;
	tell(house.egress[0], WIRE_MARK_ASK, &ask, NULL, 0);
	hear(house.egress[0], WIRE_MARK_TOLD, &told);
	assert_memory_equal(told.mark, zero, sizeof(told.mark));
}

/* Of a binding with as many hosts as its record holds. */
static void
bind_widely(enum seal_kind kind)
{
	char *at = house.binding.hosts + sizeof(HOST) - 1;

	bind(NAME, kind);
	for (int i = 0; i < 6; i++) {
		*at++ = ' ';
		memset(at, 'b' + i, 70);
		at += 70;
	}
	*at = '\0';
}

/* Behind a text without an end stands what is not of it. */
static void
a_binding_is_of_texts_that_end(void **state)
{
	struct wire_vault_seal ask = { .id = 3 };
	struct wire_vault_check check = { .id = 4 };
	struct wire_vault_sealed out;
	struct wire_vault_checked checked;

	(void)state;
	for (int n = 0; n < 3; n++) {
		struct wire_binding *b = &ask.binding;

		bind(NAME, SEAL_STATIC_BEARER);
		*b = house.binding;
		memset(n == 0   ? b->credential
		       : n == 1 ? b->hosts
		                : b->issuer,
		    'a',
		    n == 0   ? sizeof(b->credential)
		    : n == 1 ? sizeof(b->hosts)
		             : sizeof(b->issuer));
		check.binding = *b;
		tell(house.core, WIRE_VAULT_SEAL, &ask, NULL, 0);
		hear(house.core, WIRE_VAULT_SEALED, &out);
		assert_int_equal(out.ok, 0);
		assert_non_null(strstr(out.text, "wrong form"));
		tell(house.core, WIRE_VAULT_CHECK, &check, NULL, 0);
		hear(house.core, WIRE_VAULT_CHECKED, &checked);
		assert_int_equal(checked.ok, 0);
		assert_non_null(strstr(checked.text, "wrong form"));
	}
	seal_there();
}

/* Nothing stands behind the last host that a row has room for. */
static void
of_more_hosts_than_a_row_names_the_first_are_bound(void **state)
{
	const char *why = "";
	auto_buf hosts = { 0 };

	(void)state;
	bind(NAME, SEAL_STATIC_BEARER);
	for (int n = 0; n <= SEAL_HOSTS_MAX; n++) {
		buf_addf(&hosts, "h%d.test ", n);
	}
	assert_true(str_copy(
	    house.binding.hosts, sizeof(house.binding.hosts), buf_str(&hosts)));
	if (!seal_value(STR("value"), &why)) {
		fail_msg("%s", why);
	}
	seal_there();
}

/* What could not be lent, or not be kept, is refused when it comes. */
static void
a_value_keeps_its_bounds(void **state)
{
	struct wire_vault_seal ask = { .id = 3 };
	struct wire_vault_check check = { .id = 4 };
	struct wire_vault_sealed out;
	struct wire_vault_checked checked;
	struct seal_tokens t = { .refresh = STR("rt") };
	char text[WIRE_SECRET_MAX + 1];
	const char *why;

	(void)state;
	memset(text, '&', sizeof(text));
	bind(NAME, SEAL_STATIC_BEARER);
	assert_true(seal_value(str_span(text, WIRE_SECRET_MAX), &why));
	assert_false(seal_value(str_span(text, WIRE_SECRET_MAX + 1), &why));
	bind_widely(SEAL_STATIC_BEARER);
	assert_false(seal_value(str_span(text, WIRE_SECRET_MAX), &why));
	assert_non_null(strstr(why, "too long"));
	ask.binding = check.binding = house.binding;
	ask.box_size = sizeof(ask.box) + 1;
	tell(house.core, WIRE_VAULT_SEAL, &ask, NULL, 0);
	hear(house.core, WIRE_VAULT_SEALED, &out);
	assert_non_null(strstr(out.text, "wrong form"));
	check.row_size = sizeof(check.row) + 1;
	tell(house.core, WIRE_VAULT_CHECK, &check, NULL, 0);
	hear(house.core, WIRE_VAULT_CHECKED, &checked);
	assert_non_null(strstr(checked.text, "wrong form"));
	/* Tokens, with all that is in their set, and with their hosts. */
	bind(NAME, SEAL_OAUTH_REFRESH);
	seal_tokens(&t);
	text[WIRE_SECRET_MAX - 22] = '\0';
	assert_int_equal(kept(9400, WIRE_USE_REFRESH, text, "").ok, 1);
	text[WIRE_SECRET_MAX - 22] = '&';
	text[WIRE_SECRET_MAX - 21] = '\0';
	assert_int_equal(kept(9401, WIRE_USE_REFRESH, text, "").ok, 0);
	bind_widely(SEAL_OAUTH_REFRESH);
	seal_tokens(&t);
	text[1950] = '\0';
	struct wire_vault_kept long_row =
	    kept(9402, WIRE_USE_REFRESH, text, "");

	assert_int_equal(long_row.ok, 0);
	assert_non_null(strstr(long_row.text, "too long"));
	/* A form is longer than what it says. */
	bind(NAME, SEAL_OAUTH_REFRESH);
	t.client = str_span(text, 700);
	seal_tokens(&t);
	struct wire_credential c =
	    asked_with(9403, WIRE_USE_CLIENT, WIRE_CLIENT_FORM);

	assert_int_equal(c.ok, 0);
	assert_non_null(strstr(c.text, "more than"));
	seal_there();
}

/* To the last byte that its record holds. */
static void
a_form_is_as_long_as_its_record(void **state)
{
	char text[WIRE_SECRET_MAX];
	struct seal_tokens t = { 0 };
	bool full = false;
	bool over = false;

	(void)state;
	bind(NAME, SEAL_OAUTH_REFRESH);
	memset(text, 'a', sizeof(text));
	memset(text, '&', 20); /* three bytes each, in a form */
	for (uint64_t n = 0; n < 40; n++) {
		t.client = str_span(text, WIRE_SECRET_MAX - 80 + n);
		seal_tokens(&t);
		struct wire_credential c =
		    asked_with(9410 + n, WIRE_USE_CLIENT, WIRE_CLIENT_FORM);

		full |= c.ok && c.size == WIRE_SECRET_MAX;
		over |= !c.ok;
		assert_true(c.ok || strstr(c.text, "more than"));
	}
	assert_true(full && over);
	seal_there();
}

/* What is no set of tokens has none for an issuer, and no cell took any. */
static void
a_plain_value_is_lent_as_one(void **state)
{
	struct wire_vault_grant ask;
	struct wire_credential c;
	const char *why;

	(void)state;
	bind(NAME, SEAL_STATIC_BEARER);
	assert_true(seal_value(STR("plain"), &why));
	grant(9500, 7, WIRE_USE_ACCESS);
	c = redeem(9500, 7, HOST);
	assert_lent(&c, "plain");
	grant(9501, 7, WIRE_USE_TAKEN);
	c = redeem(9501, 7, HOST);
	assert_int_equal(c.ok, 0);
	assert_non_null(strstr(c.text, "has no token"));
	ask = grant_of(9502, 7, WIRE_USE_CLIENT);
	(void)strcpy(ask.host, ISSUER);
	assert_false(say_grant(&ask).ok);
	seal_there();
}

static void
a_token_that_a_cell_took_is_of_one_credential(void **state)
{
	const struct seal_tokens tokens = { .client = STR("other-secret") };

	(void)state;
	grant(9600, 7, WIRE_USE_TAKE);
	assert_int_equal(redeem(9600, 7, ISSUER).ok, 1);
	captured(9600, 7, "of-there");
	bind("elsewhere", SEAL_OAUTH_REFRESH);
	seal_tokens(&tokens);
	grant(9601, 7, WIRE_USE_TAKEN);
	assert_int_equal(redeem(9601, 7, HOST).ok, 0);
	seal_there();
	assert_string_equal(taken(9602, 7), "of-there");
}

/* What the endpoint answers is the new value: it may come when the old one is
 * over, or its request taken back. */
static void
an_answer_comes_though_its_value_is_over(void **state)
{
	struct wire_vault_revoke over = { .version = 1, .credential = NAME };
	struct wire_vault_unlend back = {
		.cell = 7, .count = 1, .number = { 9700 }
	};
	struct wire_vault_kept out;

	(void)state;
	seal_tokens(&all);
	assert_true(asked_with(9700, WIRE_USE_REFRESH, WIRE_CLIENT_BASIC).ok);
	tell(house.core, WIRE_VAULT_UNLEND, &back, NULL, 0);
	tell(house.core, WIRE_VAULT_REVOKE, &over, NULL, 0);
	grant(9701, 7, WIRE_USE_TAKE); /* it has heard both */
	captured(9700, 7, "new");
	hear(house.core, WIRE_VAULT_KEPT, &out);
	assert_int_equal(out.number, 9700);
	assert_int_equal(out.ok, 1);
	seal_there();
}

/* A grant ends in seconds, and an endpoint may take longer to answer. */
static void
an_answer_comes_though_its_grant_has_ended(void **state)
{
	struct mono end = { 0 };
	uint64_t number = 9710;
	bool lent = false;

	(void)state;
	for (int64_t us = CLOCK_SECOND / 10; !lent; us *= 2) {
		struct wire_vault_grant ask =
		    grant_of(++number, 7, WIRE_USE_TAKE);

		end = mono_after(mono_now(), us);
		ask.not_after = (uint64_t)end.us;
		assert_true(us < 16 * CLOCK_SECOND);
		lent = say_grant(&ask).ok && redeem(number, 7, ISSUER).ok;
	}
	while (!mono_passed(end, mono_now())) {
		(void)usleep(1000);
	}
	grant(9730, 7, WIRE_USE_TAKE); /* what is old goes */
	captured(number, 7, "late");
	assert_string_equal(taken(9731, 7), "late");
}

/* Core asks endpoints for everybody: it waits for as many as there are. */
static void
the_house_waits_for_more_answers_than_a_cell(void **state)
{
	struct wire_captured told = {
		.expires = wall_now().us / CLOCK_SECOND + 3600,
		.access_size = 1,
		.secret = { 'a' },
	};
	struct wire_vault_kept kept;
	struct wire_credential c;
	int own = attach(0);

	(void)state;
	for (uint64_t n = 0; n <= SPENT; n++) {
		struct wire_redeem ask = {
			.count = 1, .port = 443, .number = { 9740 + n }
		};
		struct wire_vault_grant g =
		    grant_of(9740 + n, 0, WIRE_USE_CLIENT);

		(void)strcpy(g.host, ISSUER);
		(void)strcpy(ask.host, ISSUER);
		assert_true(say_grant(&g).ok);
		tell(own, WIRE_REDEEM, &ask, NULL, 0);
		hear(own, WIRE_CREDENTIAL, &c);
		assert_int_equal(c.ok, 1);
	}
	for (uint64_t n = 0; n <= SPENT; n++) {
		told.number = 9740 + n;
		tell(own, WIRE_CAPTURED, &told, NULL, 0);
	}
	for (uint64_t n = 0; n <= SPENT; n++) {
		hear(house.core, WIRE_VAULT_KEPT, &kept);
		assert_int_equal(kept.number, 9740 + n);
	}
	auto_close_fd(&own);
}

/* One egress of a cell ends, and the next is there already. */
static void
a_cell_keeps_its_grants_while_an_egress_of_it_is_there(void **state)
{
	int more = attach(7);

	(void)state;
	grant(9790, 7, WIRE_USE_TAKE);
	auto_close_fd(&more);
	for (uint64_t n = 1; n <= 4; n++) { /* its end is heard */
		grant(9790 + n, 7, WIRE_USE_TAKE);
		assert_int_equal(redeem(9790 + n, 7, ISSUER).ok, 1);
	}
	assert_int_equal(redeem(9790, 7, ISSUER).ok, 1);
}

/* Else the room of all would be full of what nobody can have. */
static void
grants_of_cells_that_are_gone_take_no_room(void **state)
{
	uint64_t number = 20000;

	(void)state;
	for (uint64_t cell = 100; cell < 120; cell++) {
		int egress = attach(cell);

		for (int n = 0; n < 256; n++) {
			grant(++number, cell, WIRE_USE_TAKE);
		}
		auto_close_fd(&egress);
	}
	grant(++number, 7, WIRE_USE_TAKE);
}

/* More numbers than its record holds, and a host without an end. */
static void
a_redemption_keeps_its_form(void **state)
{
	struct wire_redeem ask = { .count = WIRE_TOGETHER + 1, .port = 443 };
	struct wire_credential c;
	struct wire_mark_ask other = { .id = 1, .size = 1 };
	struct wire_mark_told told;

	(void)state;
	(void)strcpy(ask.host, HOST);
	tell(house.egress[0], WIRE_REDEEM, &ask, NULL, 0);
	for (int n = 0; n < WIRE_TOGETHER; n++) {
		hear(house.egress[0], WIRE_CREDENTIAL, &c);
		assert_int_equal(c.ok, 0);
	}
	tell(house.egress[0], WIRE_MARK_ASK, &other, NULL, 0);
	hear(house.egress[0], WIRE_MARK_TOLD, &told);
	grant(9800, 7, WIRE_USE_TAKEN);
	memset(ask.host, 'a', sizeof(ask.host));
	ask.count = 1;
	ask.number[0] = 9800;
	tell(house.egress[0], WIRE_REDEEM, &ask, NULL, 0);
	hear(house.egress[0], WIRE_CREDENTIAL, &c);
	assert_non_null(strstr(c.text, "no such grant"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_access_token_is_lent_while_it_lives),
		cmocka_unit_test(an_endpoint_is_asked_with_what_its_use_wants),
		cmocka_unit_test(what_an_endpoint_answered_is_the_next_row),
		cmocka_unit_test(each_token_of_a_set_has_its_mark),
		cmocka_unit_test(of_many_codes_the_oldest_goes),
		cmocka_unit_test(a_login_begins_on_the_row_before_it),
		cmocka_unit_test(what_is_longer_than_its_record_is_not_read),
		cmocka_unit_test(a_binding_is_of_texts_that_end),
		cmocka_unit_test(
		    of_more_hosts_than_a_row_names_the_first_are_bound),
		cmocka_unit_test(a_value_keeps_its_bounds),
		cmocka_unit_test(a_form_is_as_long_as_its_record),
		cmocka_unit_test(a_plain_value_is_lent_as_one),
		cmocka_unit_test(a_token_that_a_cell_took_is_of_one_credential),
		cmocka_unit_test(an_answer_comes_though_its_value_is_over),
		cmocka_unit_test(an_answer_comes_though_its_grant_has_ended),
		cmocka_unit_test(the_house_waits_for_more_answers_than_a_cell),
		cmocka_unit_test(
		    a_cell_keeps_its_grants_while_an_egress_of_it_is_there),
		cmocka_unit_test(grants_of_cells_that_are_gone_take_no_room),
		cmocka_unit_test(a_redemption_keeps_its_form),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name(
	    "vault_tokens", tests, both_up, vault_down);
}
