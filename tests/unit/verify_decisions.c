/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions of a book, made again by the policies that its own store holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parts/verify.h"

#define WHO "linux__server__payer_coworker"

static const char gates[] = "[defaults]\n"
                            "unmatched = \"allow\"\n"
                            "[gate.pay]\n"
                            "match = { tool = \"pay\" }\n"
                            "require = \"operator\"\n";

static char folder[64];
static char path[96];

static int
make_folder(void **state)
{
	char made[] = "/tmp/decisions-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(made));
	(void)snprintf(folder, sizeof(folder), "%s", made);
	(void)snprintf(path, sizeof(path), "%s/book.db", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	return system(command);
}

static struct digest
put_text(struct store *s, const char *key, const char *text)
{
	struct digest d = digest_of(str_of(key));
	char hex[DIGEST_TEXT];
	struct err e = { 0 };

	digest_text(d, hex);
	struct store_row row = {
		.space = STR("text"),
		.key = str_of(hex),
		.value = str_of(text),
		.version = 1,
	};

	assert_int_equal(store_row_put(s, &row, &e), 0);
	return d;
}

static void
put_head(struct store *s, uint64_t seq, struct digest policy,
    enum book_kind kind, const char *rule, const char *body)
{
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct store_head row = { .seq = seq, .head = bytes };
	struct err e = { 0 };
	struct book_head head = {
		.seq = seq,
		.time = { 1000000 * (int64_t)seq },
		.kind = kind,
		.incarnation = 1,
		.policy = policy,
		.identity = WHO,
	};

	(void)snprintf(head.rule, sizeof(head.rule), "%s", rule);
	book_head_body(&head, str_of(body));
	book_head_encode(&head, bytes);
	assert_int_equal(store_head_add(s, &row, &e), 0);
	assert_int_equal(store_body_add(s, seq, 1, str_of(body), &e), 0);
}

static void
call_body(char *text, size_t size, const char *verdict)
{
	char hex[DIGEST_TEXT];

	digest_text(digest_of(STR("{\"to\":\"anna\"}")), hex);
	assert_true((size_t)snprintf(text, size,
	                "{\"verdict\":\"%s\",\"tool\":\"pay\",\"action\":"
	                "\"write\",\"args\":\"%s\",\"arguments\":"
	                "{\"to\":\"anna\"}}",
	                verdict, hex) < size);
}

/* A book of three heads: the policy said ask; it let a call of the same kind
 * go; a request of which the book holds nothing. */
static void
make_book(const char *text_key, const char *text)
{
	struct store *s = NULL;
	struct err e = { 0 };
	char asked[400];
	char allowed[400];
	char made[200];

	(void)snprintf(made, sizeof(made), "rm -f %s*", path);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	assert_int_equal(system(made), 0);
	call_body(asked, sizeof(asked), "ask");
	call_body(allowed, sizeof(allowed), "allow");
	assert_int_equal(store_open(path, STORE_CREATE, &s, &e), 0);
	assert_int_equal(store_begin(s, &e), 0);
	struct digest policy = put_text(s, text_key, text);

	put_head(s, 1, policy, BOOK_CALL_DECIDED, "gate.pay", asked);
	put_head(s, 2, policy, BOOK_CALL_DECIDED, "gate.pay", allowed);
	put_head(s, 3, policy, BOOK_REQUEST_DENIED, "egress", "{\"cell\":1}");
	put_head(s, 4, digest_of(STR("another")), BOOK_CALL_DECIDED, "gate.pay",
	    asked);
	put_head(s, 5, (struct digest){ 0 }, BOOK_REQUEST_INTENT, "model",
	    "{\"cell\":0}");
	assert_int_equal(store_commit(s, &e), 0);
	store_close(s);
}

static int
verify(struct decisions *d, struct store **s, struct err *e)
{
	struct verify v = { .decisions = d };

	assert_int_equal(store_open(path, STORE_READ, s, e), 0);
	v.store = *s;
	d->store = *s;
	return verify_all(&v, e);
}

static void
a_decision_that_its_policy_did_not_make_is_told(void **state)
{
	struct decisions d = { 0 };
	struct store *s = NULL;
	struct err e = { 0 };
	auto_buf text = { 0 };
	int64_t seq = 0;

	(void)state;
	make_book(gates, gates);
	if (verify(&d, &s, &e)) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(d.same, 1);
	assert_int_equal(d.differ, 1);
	assert_int_equal(d.not_held, 1);
	assert_int_equal(d.no_policy, 1);
	assert_int_equal(d.not_asked, 1);
	assert_true(json_i64(json_at(d.told, 0), "seq", &seq));
	assert_int_equal(seq, 2);
	decisions_print(&d, &text);
	assert_non_null(strstr(buf_z(&text),
	    "event 2  pay: it was decided allow; the policy in force says ask "
	    "(gate.pay)\n"));
	assert_int_equal(decisions_end(&d, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	decisions_fini(&d);
	store_close(s);
}

/* Calls that no policy decided, and a request under a rule of a policy. */
static void
a_decision_of_no_policy_is_told(void **state)
{
	struct decisions d = { 0 };
	struct store *s = NULL;
	struct err e = { 0 };
	auto_buf text = { 0 };
	char allowed[400];

	(void)state;
	make_book(gates, gates);
	call_body(allowed, sizeof(allowed), "allow");
	assert_int_equal(store_open(path, 0, &s, &e), 0);
	assert_int_equal(store_begin(s, &e), 0);
	put_head(
	    s, 6, (struct digest){ 0 }, BOOK_CALL_DECIDED, "schema", allowed);
	put_head(s, 7, (struct digest){ 0 }, BOOK_REQUEST_INTENT, "egress.api",
	    "{\"method\":\"GET\",\"host\":\"a.test\"}");
	put_head(s, 8, (struct digest){ 0 }, BOOK_REQUEST_INTENT,
	    "audit.publish", "{\"method\":\"POST\",\"host\":\"a.test\"}");
	put_head(s, 9, digest_of(str_of(gates)), BOOK_CALL_DECIDED, "whoever",
	    allowed);
	/* What core asks of its own are requests, never a call. */
	put_head(
	    s, 10, (struct digest){ 0 }, BOOK_CALL_DECIDED, "model", allowed);
	assert_int_equal(store_commit(s, &e), 0);
	store_close(s);
	assert_int_equal(verify(&d, &s, &e), 0);
	assert_int_equal(d.differ, 5); /* with that of make_book */
	assert_int_equal(d.not_asked, 2);
	decisions_print(&d, &text);
	assert_non_null(strstr(buf_z(&text), "event 6"));
	assert_non_null(strstr(buf_z(&text), "event 7"));
	assert_null(strstr(buf_z(&text), "event 8"));
	assert_non_null(strstr(buf_z(&text), "event 9"));
	assert_non_null(strstr(buf_z(&text), "event 10"));
	assert_non_null(strstr(buf_z(&text), "it names no policy"));
	assert_non_null(strstr(buf_z(&text), "no check of this house"));
	assert_int_equal(decisions_end(&d, &e), -1);
	decisions_fini(&d);
	store_close(s);
}

static void
a_policy_text_that_was_changed_is_refused(void **state)
{
	struct decisions d = { 0 };
	struct store *s = NULL;
	struct err e = { 0 };

	(void)state;
	make_book(gates, "[defaults]\nunmatched = \"allow\"\n");
	assert_int_equal(verify(&d, &s, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.text, "was changed"));
	decisions_fini(&d);
	store_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_decision_that_its_policy_did_not_make_is_told),
		cmocka_unit_test(a_decision_of_no_policy_is_told),
		cmocka_unit_test(a_policy_text_that_was_changed_is_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
