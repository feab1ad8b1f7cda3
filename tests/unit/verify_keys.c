/* SPDX-License-Identifier: Apache-2.0 */
/* A book in which one key followed another, held against a signer's line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parts/verify.h"
#include "seal/seal.h"
#include "json/json.h"

enum who { NOBODY, A, B, C, COUNT_OF_KEYS };

static struct seal_key *keys[COUNT_OF_KEYS];

/* What one book says; a signature that is nobody's is not there. */
struct book {
	enum who first;  /* named by the first event */
	enum who before; /* signs the checkpoint behind it */
	enum who was;
	enum who by_old, by_new;
	enum who now;   /* named by the change; NOBODY: there is none */
	bool again;     /* the last key is named once more */
	bool expired;   /* the body of the first event is */
	enum who after; /* signs the last checkpoint */
};

static const struct book good = { A, A, A, A, B, B, false, false, B };

static struct book_signer
signer_of(enum who who)
{
	struct book_signer signer = { .name = STR("handrail") };

	seal_sign_public(keys[who], signer.key);
	return signer;
}

static void
line_of(enum who who, struct buf *out)
{
	struct book_signer signer = signer_of(who);

	book_signer_text(&signer, out);
}

/* --- the book --- */

struct writer {
	struct store *store;
	struct book_tree tree;
};

static void
write_event(
    struct writer *w, enum book_kind kind, struct str body, bool expired)
{
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct book_head head = {
		.seq = w->tree.size + 1,
		.time = { 1000000 },
		.kind = kind,
		.incarnation = 1,
	};
	struct store_head row = { .seq = head.seq, .head = bytes };
	struct err e = { 0 };

	book_head_body(&head, body);
	book_head_encode(&head, bytes);
	assert_int_equal(store_head_add(w->store, &row, &e), 0);
	if (!expired) {
		assert_int_equal(
		    store_body_add(w->store, head.seq, 1, body, &e), 0);
	}
	book_tree_add(&w->tree, book_leaf(str_span(bytes, sizeof(bytes))));
}

static void
write_checkpoint(struct writer *w, enum who who)
{
	struct book_root root = { w->tree.size, book_tree_root(&w->tree) };
	struct book_signer signer = signer_of(who);
	uint8_t sign[BOOK_SIGN_SIZE];
	auto_buf text = { 0 };
	auto_buf note = { 0 };
	auto_buf body = { 0 };
	struct json_out o;

	book_note_text(signer.name, &root, &text);
	seal_sign(keys[who], buf_str(&text), sign);
	book_note_seal(buf_str(&text), &signer, sign, &note);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "checkpoint", buf_str(&note));
	json_out_end(&o, '}');
	write_event(w, BOOK_CHECKPOINT, buf_str(&body), false);
}

static void
add_sign(struct json_out *o, const char *member, enum who who, struct str text)
{
	uint8_t sign[BOOK_SIGN_SIZE];
	auto_buf line = { 0 };

	if (who != NOBODY) {
		seal_sign(keys[who], text, sign);
		base64_add(&line, str_span(sign, sizeof(sign)));
		json_out_str(o, member, buf_str(&line));
	}
}

static void
write_key(struct writer *w, const struct book *b, enum who now, bool change)
{
	auto_buf line = { 0 };
	auto_buf was = { 0 };
	auto_buf text = { 0 };
	auto_buf body = { 0 };
	struct json_out o;

	line_of(now, &line);
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_str(&o, "signer", buf_str(&line));
	if (change) {
		line_of(b->was, &was);
		key_change_text(buf_str(&was), buf_str(&line), &text);
		json_out_str(&o, "was", buf_str(&was));
		add_sign(&o, "by_old", b->by_old, buf_str(&text));
		add_sign(&o, "by_new", b->by_new, buf_str(&text));
	}
	json_out_end(&o, '}');
	write_event(w, BOOK_KEY_IN_FORCE, buf_str(&body),
	    b->expired && w->tree.size == 0);
}

static struct str given_name = { "handrail", 8 };

/* Its sentence for whoever kept this one's line; "" when all is well. */
static const char *
verified(const struct book *b, enum who given)
{
	static struct err e;
	char folder[] = "/tmp/handrail-keys-XXXXXX";
	char path[64];
	char command[96];
	struct writer w = { 0 };
	struct book_signer signer = signer_of(given);
	struct verify v = { .signer = &signer, .verify = seal_verify };
	int left;

	signer.name = given_name;
	e = (struct err){ 0 };
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/book.db", folder);
	assert_int_equal(store_open(path, STORE_CREATE, &w.store, &e), 0);
	assert_int_equal(store_begin(w.store, &e), 0);
	write_key(&w, b, b->first, false);
	write_checkpoint(&w, b->before);
	if (b->now != NOBODY) {
		write_key(&w, b, b->now, true);
	}
	if (b->again) {
		write_key(&w, b, b->now != NOBODY ? b->now : b->first, false);
	}
	write_checkpoint(&w, b->after);
	assert_int_equal(store_commit(w.store, &e), 0);
	v.store = w.store;
	left = verify_all(&v, &e);
	store_close(w.store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	assert_int_equal(system(command), 0);
	return left ? e.text : "";
}

static void
assert_refused(struct book b, enum who given, const char *words)
{
	const char *said = verified(&b, given);

	if (!strstr(said, words)) {
		fail_msg("said \"%s\", expected \"%s\"", said, words);
	}
}

/* --- tests --- */

static void
either_key_of_a_change_knows_the_other_by_it(void **state)
{
	struct book never = { .first = A, .before = A, .after = A };

	(void)state;
	assert_string_equal(verified(&good, A), "");
	assert_string_equal(verified(&good, B), "");
	assert_string_equal(verified(&never, A), "");
	assert_refused(good, C, "never was in force");
	assert_refused(never, B, "never was in force");
}

/* The same key under another name signs another log. */
static void
a_signer_is_its_name_and_its_key(void **state)
{
	(void)state;
	given_name = STR("handrail2");
	assert_refused(good, A, "never was in force");
	assert_refused(good, B, "never was in force");
	given_name = STR("handrail");
	assert_string_equal(verified(&good, A), "");
}

/* Books of before have it: a vault that began twice in its first moment. */
static void
the_same_key_named_again_is_no_change(void **state)
{
	struct book b = good;

	(void)state;
	b.again = true;
	assert_string_equal(verified(&b, A), "");
	assert_string_equal(verified(&b, B), "");
	b.now = NOBODY;
	b.after = A;
	assert_string_equal(verified(&b, A), "");
	assert_refused(b, B, "never was in force");
}

/* [book] keep_bodies: what named the first key is gone, the change is not. */
static void
a_key_whose_name_has_expired_is_known_by_the_change(void **state)
{
	struct book b = good;

	(void)state;
	b.expired = true;
	assert_string_equal(verified(&b, A), "");
	assert_string_equal(verified(&b, B), "");
	assert_refused(b, C, "never was in force");
	b.by_old = C;
	assert_refused(b, A, "the key in event 3: the keys did not");
	assert_refused(b, B, "the key in event 3: the keys did not");
	b = good;
	b.expired = true;
	b.before = B;
	assert_refused(b, B, "the checkpoint in event 2");
	b.before = A;
	b.now = NOBODY;
	b.after = A;
	assert_string_equal(verified(&b, A), "");
	assert_refused(b, B, "the checkpoint in event 2");
}

static void
a_change_counts_by_the_word_of_both_keys(void **state)
{
	static const enum who wrong[] = { NOBODY, C };

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct book b = good;

		b.by_old = wrong[i];
		assert_refused(b, A, "the key in event 3: the keys did not");
		b = good;
		b.by_new = wrong[i];
		assert_refused(b, B, "the key in event 3: the keys did not");
	}
	struct book b = good; /* of another key, which would gladly sign it */

	b.was = b.by_old = C;
	assert_refused(b, B, "the key in event 3: it is not the successor");
}

static void
each_note_is_of_the_key_in_force(void **state)
{
	struct book b = good;

	(void)state;
	b.before = B;
	assert_refused(b, B, "the checkpoint in event 2");
	b = good;
	b.after = A;
	assert_refused(b, A, "the checkpoint in event 4");
}

static int
make_keys(void **state)
{
	(void)state;
	for (size_t i = A; i < COUNT_OF_KEYS; i++) {
		keys[i] = seal_key_make();
	}
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	for (size_t i = A; i < COUNT_OF_KEYS; i++) {
		seal_key_free(keys[i]);
	}
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_key_of_a_change_knows_the_other_by_it),
		cmocka_unit_test(a_signer_is_its_name_and_its_key),
		cmocka_unit_test(the_same_key_named_again_is_no_change),
		cmocka_unit_test(
		    a_key_whose_name_has_expired_is_known_by_the_change),
		cmocka_unit_test(a_change_counts_by_the_word_of_both_keys),
		cmocka_unit_test(each_note_is_of_the_key_in_force),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
