/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U01: whoever has the file of the book, and all of our own code to write it,
 * but not the vault's key, changes it: a head, a body, the order, the end, all
 * of it.  Each is found and the first bad event is named, or the events among
 * which it is; and the same book untouched passes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/bytes.h"
#include "parts/verify.h"
#include "seal/seal.h"
#include "store/pack.h"
#include "json/json.h"

#define EVENTS  300 /* in batches of BATCH */
#define BATCH   10
#define SIGNED  200 /* event with a checkpoint of the events before it */
#define AT_RULE 296

static char folder[64];
static char path[96];
static struct seal_key *key;
static struct book_signer signer = { .name = { "handrail", 8 } };
static struct book_root kept; /* at the end, outside of the file */

/* --- the book --- */

static void
sign_note(const struct book_tree *tree, struct buf *body)
{
	struct book_root root = { tree->size, book_tree_root(tree) };
	uint8_t sign[BOOK_SIGN_SIZE];
	auto_buf text = { 0 };
	auto_buf note = { 0 };
	struct json_out o;

	book_note_text(signer.name, &root, &text);
	seal_sign(key, buf_str(&text), sign);
	book_note_seal(buf_str(&text), &signer, sign, &note);
	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_str(&o, "checkpoint", buf_str(&note));
	json_out_end(&o, '}');
}

static void
fill_head(uint64_t seq, struct str body, uint8_t bytes[BOOK_HEAD_SIZE])
{
	struct book_head head = {
		.seq = seq,
		.time = { 1000000 * (int64_t)seq },
		.kind = seq == SIGNED ? BOOK_CHECKPOINT : BOOK_CALL_DECIDED,
		.incarnation = 1,
		.identity = "linux__server__helper_coworker",
	};

	(void)snprintf(
	    head.rule, sizeof(head.rule), "gate.%u", (unsigned)(seq % 7));
	book_head_body(&head, body);
	book_head_encode(&head, bytes);
}

static void
write_event(struct store *s, struct book_tree *tree, uint64_t seq)
{
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct store_head head = { .seq = seq, .head = bytes };
	struct err e = { 0 };
	auto_buf body = { 0 };

	if (seq == SIGNED) {
		sign_note(tree, &body);
	} else {
		buf_addf(&body, "{\"n\":%u}", (unsigned)seq);
	}
	fill_head(seq, buf_str(&body), bytes);
	assert_int_equal(store_head_add(s, &head, &e), 0);
	assert_int_equal(store_body_add(s, seq, 1, buf_str(&body), &e), 0);
	book_tree_add(tree, book_leaf(str_span(bytes, sizeof(bytes))));
}

static int
make_book(void **state)
{
	struct book_tree tree = { 0 };
	struct store *s = NULL;
	struct err e = { 0 };
	char made[] = "/tmp/tamper-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(made));
	(void)snprintf(folder, sizeof(folder), "%s", made);
	(void)snprintf(path, sizeof(path), "%s/book.db", folder);
	key = seal_key_make();
	seal_sign_public(key, signer.key);
	assert_int_equal(store_open(path, STORE_CREATE, &s, &e), 0);
	for (uint64_t seq = 1; seq <= EVENTS; seq++) {
		if (seq % BATCH == 1) {
			assert_int_equal(store_begin(s, &e), 0);
		}
		write_event(s, &tree, seq);
		if (seq % BATCH == 0) {
			assert_int_equal(store_commit(s, &e), 0);
		}
	}
	kept.size = tree.size;
	kept.root = book_tree_root(&tree);
	store_close(s);
	return 0;
}

static int
remove_book(void **state)
{
	char command[128];

	(void)state;
	seal_key_free(key);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	return system(command);
}

/* Its sentence; "" when all is well. */
static const char *
verify_with(const struct book_root *against)
{
	static struct err e;
	struct store *s = NULL;
	struct verify v = { .signer = &signer, .verify = seal_verify };
	int left;

	e = (struct err){ 0 };
	if (store_open(path, STORE_READ, &s, &e)) {
		return e.text;
	}
	v.store = s;
	if (against) {
		v.against = *against;
	}
	left = verify_all(&v, &e);
	if (!left) {
		assert_int_equal(v.checkpoints, v.last >= SIGNED);
	}
	store_close(s);
	return left ? e.text : "";
}

static void
assert_says(const char *said, const char *words)
{
	if (!strstr(said, words)) {
		fail_msg("said \"%s\", expected \"%s\"", said, words);
	}
}

/* --- the tools of whoever changes it --- */

static sqlite3 *
open_raw(void)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *names = NULL;
	auto_buf drops = { 0 };

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db,
	        "SELECT name FROM sqlite_master WHERE type = 'trigger'", -1,
	        &names, NULL),
	    SQLITE_OK);
	while (sqlite3_step(names) == SQLITE_ROW) {
		buf_addf(&drops, "DROP TRIGGER %s;",
		    (const char *)sqlite3_column_text(names, 0));
	}
	sqlite3_finalize(names);
	assert_int_equal(
	    sqlite3_exec(db, buf_z(&drops), NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void
run_sql(const char *sql)
{
	sqlite3 *db = open_raw();
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
		fail_msg("%s: %s", sql, why);
	}
	sqlite3_close(db);
}

static void
put_blob(sqlite3 *db, const char *sql, uint64_t first, struct str blob)
{
	sqlite3_stmt *put = NULL;

	assert_int_equal(
	    sqlite3_prepare_v2(db, sql, -1, &put, NULL), SQLITE_OK);
	(void)sqlite3_bind_blob(put, 1, blob.at, (int)blob.len, SQLITE_STATIC);
	(void)sqlite3_bind_int64(put, 2, (sqlite3_int64)first);
	assert_int_equal(sqlite3_step(put), SQLITE_DONE);
	assert_int_equal(sqlite3_changes(db), 1);
	sqlite3_finalize(put);
}

static void
get_blob(sqlite3 *db, const char *sql, uint64_t first, struct buf *out)
{
	sqlite3_stmt *get = NULL;

	assert_int_equal(
	    sqlite3_prepare_v2(db, sql, -1, &get, NULL), SQLITE_OK);
	(void)sqlite3_bind_int64(get, 1, (sqlite3_int64)first);
	assert_int_equal(sqlite3_step(get), SQLITE_ROW);
	buf_add(out, str_span(sqlite3_column_blob(get, 0),
	                 (size_t)sqlite3_column_bytes(get, 0)));
	sqlite3_finalize(get);
}

static struct pack_words *
read_words(sqlite3 *db)
{
	struct pack_words *w = pack_words_new();
	sqlite3_stmt *get = NULL;
	struct err e = { 0 };

	assert_int_equal(sqlite3_prepare_v2(db,
	                     "SELECT number, bytes FROM word ORDER BY number",
	                     -1, &get, NULL),
	    SQLITE_OK);
	while (sqlite3_step(get) == SQLITE_ROW) {
		assert_int_equal(
		    pack_words_add(w, (uint32_t)sqlite3_column_int64(get, 0),
		        str_span(sqlite3_column_blob(get, 1),
		            (size_t)sqlite3_column_bytes(get, 1)),
		        &e),
		    0);
	}
	sqlite3_finalize(get);
	return w;
}

struct batch {
	struct pack_head at[BATCH];
	size_t count;
};

static int
keep_packed(
    void *context, uint64_t seq, const struct pack_head *head, struct err *e)
{
	struct batch *b = context;

	(void)seq;
	(void)e;
	b->at[b->count++] = *head;
	return 0;
}

/* Repacks the batch that starts with `first` as `change` makes its heads: the
 * row is one that the store itself could have written. */
static void
repack(uint64_t first, void change(struct batch *b))
{
	sqlite3 *db = open_raw();
	struct pack_words *w = read_words(db);
	uint32_t count = pack_words_count(w);
	struct batch b = { 0 };
	struct err e = { 0 };
	auto_buf blob = { 0 };

	get_blob(db, "SELECT heads FROM log WHERE first = ?1", first, &blob);
	assert_int_equal(
	    unpack_heads(w, first, buf_str(&blob), keep_packed, &b, &e), 0);
	assert_int_equal(b.count, BATCH);
	change(&b);
	buf_clear(&blob);
	pack_heads(w, first, b.at, b.count, &blob);
	put_blob(db, "UPDATE log SET heads = ?1 WHERE first = ?2", first,
	    buf_str(&blob));
	for (; count < pack_words_count(w); count++) {
		put_blob(db, "INSERT INTO word (bytes, number) VALUES (?1, ?2)",
		    count, pack_words_at(w, count));
	}
	pack_words_free(w);
	sqlite3_close(db);
}

/* --- the changes --- */

static void
the_untouched_book_passes(void **state)
{
	(void)state;
	assert_string_equal(verify_with(NULL), "");
	assert_string_equal(verify_with(&kept), "");
}

static void
other_rule(struct batch *b)
{
	memcpy(b->at[4].head + AT_RULE, "gate.none\0\0\0", 12);
}

static void
an_edited_head_is_found_by_the_next_checkpoint(void **state)
{
	(void)state;
	repack(41, other_rule);
	assert_says(verify_with(NULL), "one of 1 to 199");
	assert_says(verify_with(&kept), "one of 1 to 199");
}

static void
an_edited_head_after_the_last_checkpoint_is_found_from_outside(void **state)
{
	(void)state;
	repack(241, other_rule);
	assert_string_equal(verify_with(NULL), "");
	assert_says(verify_with(&kept), "one of 200 to 300");
}

static void
other_body_named(struct batch *b)
{
	struct book_head head;
	struct err e = { 0 };

	assert_int_equal(
	    book_head_decode(
	        str_span(b->at[2].head, BOOK_HEAD_SIZE), &head, &e),
	    0);
	book_head_body(&head, STR("{\"n\":0}"));
	book_head_encode(&head, b->at[2].head);
}

static void
write_bodies(uint64_t first, uint64_t changed)
{
	sqlite3 *db = open_raw();
	struct pack_body bodies[BATCH];
	auto_arena a = { 0 };
	auto_buf blob = { 0 };

	for (size_t i = 0; i < BATCH; i++) {
		uint64_t seq = first + i;

		bodies[i].seq = seq;
		bodies[i].bytes =
		    seq == changed
		        ? STR("{\"n\":0}")
		        : arena_printf(&a, "{\"n\":%u}", (unsigned)seq);
	}
	pack_bodies(first, bodies, BATCH, &blob);
	put_blob(db, "UPDATE body SET bodies = ?1 WHERE first = ?2", first,
	    buf_str(&blob));
	sqlite3_close(db);
}

static void
a_changed_body_is_named(void **state)
{
	(void)state;
	write_bodies(101, 105);
	assert_says(verify_with(NULL), "the body of event 105 was changed");
}

static void
a_changed_body_with_its_head_is_found(void **state)
{
	(void)state;
	write_bodies(101, 103);
	repack(101, other_body_named);
	assert_says(verify_with(NULL), "one of 1 to 199");
}

static void
reversed(struct batch *b)
{
	struct pack_head one = b->at[3];

	b->at[3] = b->at[4];
	b->at[4] = one;
}

static void
two_events_in_the_other_order_are_named(void **state)
{
	(void)state;
	repack(51, reversed);
	assert_says(verify_with(NULL), "event 54 is missing");
}

static void
put_seq(struct pack_head *head, uint64_t seq)
{
	put_u64(head->head + 8, seq);
}

static void
reversed_well(struct batch *b)
{
	reversed(b);
	put_seq(&b->at[3], 54);
	put_seq(&b->at[4], 55);
}

static void
two_events_reordered_with_their_numbers_are_found(void **state)
{
	(void)state;
	repack(51, reversed_well);
	/* Their bodies now lie under each other's number. */
	assert_says(verify_with(NULL), "the body of event 54 was changed");
}

static void
two_batches_that_changed_places_are_found(void **state)
{
	(void)state;
	run_sql("UPDATE log SET first = -61 WHERE first = 61;"
	        "UPDATE log SET first = 61 WHERE first = 71;"
	        "UPDATE log SET first = 71 WHERE first = -61;");
	assert_says(verify_with(NULL), "the body of event 61 was changed");
}

static void
a_batch_that_was_taken_out_is_named(void **state)
{
	(void)state;
	run_sql("DELETE FROM log WHERE first = 91");
	assert_says(verify_with(NULL), "event 91");
}

static void
a_batch_that_was_put_in_twice_is_found(void **state)
{
	(void)state;
	run_sql("UPDATE log SET heads = (SELECT heads FROM log WHERE "
	        "first = 81) WHERE first = 91");
	assert_says(verify_with(NULL), "the body of event 91 was changed");
}

static void
the_end_that_was_cut_off_is_found_from_outside_only(void **state)
{
	(void)state;
	run_sql("DELETE FROM log WHERE first >= 281;"
	        "DELETE FROM body WHERE first >= 281");
	assert_string_equal(verify_with(NULL), "");
	assert_says(verify_with(&kept), "cut off: it ends with event 280");
}

static void
a_word_that_was_changed_is_found(void **state)
{
	(void)state;
	run_sql("UPDATE word SET bytes = CAST('gate.9' AS BLOB) WHERE "
	        "bytes = CAST('gate.3' AS BLOB)");
	assert_says(verify_with(NULL), "one of 1 to 199");
}

static void
a_body_that_was_taken_away_alone_is_missing(void **state)
{
	(void)state;
	run_sql("DELETE FROM body WHERE first = 11");
	assert_says(verify_with(NULL), "the body of event 11 is missing");
}

static void
bodies_that_went_with_all_before_them_have_expired(void **state)
{
	(void)state;
	run_sql("DELETE FROM body WHERE first <= 11");
	assert_string_equal(verify_with(&kept), "");
}

static void
clock_back(struct batch *b)
{
	put_u64(b->at[5].head + 16, 1);
}

static void
a_time_that_was_set_back_is_found(void **state)
{
	(void)state;
	repack(31, clock_back);
	assert_says(verify_with(NULL), "one of 1 to 199");
}

static void
a_book_that_was_replaced_as_a_whole_is_found(void **state)
{
	struct book_root ours = kept;
	struct book_signer us = signer;

	remove_book(state);
	make_book(state); /* with a key of its own, all consistent */
	assert_string_equal(verify_with(&kept), "");
	signer = us;
	assert_says(verify_with(NULL), "the checkpoint in event 200");
	kept = ours;
}

static void
a_fork_of_the_book_is_found(void **state)
{
	struct book_root fork = kept;

	(void)state;
	/* Two books with one beginning: each has its own note. */
	repack(291, other_rule);
	assert_string_equal(verify_with(NULL), "");
	assert_says(verify_with(&fork), "not those of the checkpoint");
}

#define TAMPER(test) \
	cmocka_unit_test_setup_teardown(test, make_book, remove_book)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TAMPER(the_untouched_book_passes),
		TAMPER(an_edited_head_is_found_by_the_next_checkpoint),
		TAMPER(
		    an_edited_head_after_the_last_checkpoint_is_found_from_outside),
		TAMPER(a_changed_body_is_named),
		TAMPER(a_changed_body_with_its_head_is_found),
		TAMPER(two_events_in_the_other_order_are_named),
		TAMPER(two_events_reordered_with_their_numbers_are_found),
		TAMPER(two_batches_that_changed_places_are_found),
		TAMPER(a_batch_that_was_taken_out_is_named),
		TAMPER(a_batch_that_was_put_in_twice_is_found),
		TAMPER(the_end_that_was_cut_off_is_found_from_outside_only),
		TAMPER(a_word_that_was_changed_is_found),
		TAMPER(a_body_that_was_taken_away_alone_is_missing),
		TAMPER(bodies_that_went_with_all_before_them_have_expired),
		TAMPER(a_time_that_was_set_back_is_found),
		TAMPER(a_book_that_was_replaced_as_a_whole_is_found),
		TAMPER(a_fork_of_the_book_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
