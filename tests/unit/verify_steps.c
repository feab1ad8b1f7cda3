/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A book of many steps: what the tree was is known at every size, at the end
 * of a step and on both sides of it, and a checkpoint that is too old for that
 * is counted and not believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "parts/verify.h"
#include "json/json.h"

#define STEP   2048ULL /* verify.c's CHUNK */
#define EVENTS (STEP + VERIFY_LEAVES + 100)
#define BATCH  500

/* Of so many events, in the event behind them; the last is too old. */
static const uint64_t noted[] = { 1, STEP - 1, STEP, STEP + 1, 2 * STEP,
	2 * STEP + 700, EVENTS - 1 };
#define OLD STEP /* noted once more, in the last event but one */

static char folder[] = "/tmp/verify-steps-XXXXXX";
static char path[64];
static struct digest roots[EVENTS + 1];

/* What event 700 notes besides, if anything. */
static uint64_t ahead;

static uint64_t
noted_in(uint64_t seq)
{
	if (ahead && seq == 700) {
		return ahead;
	}
	for (size_t i = 0; i < COUNT(noted); i++) {
		if (noted[i] + 1 == seq) {
			return noted[i];
		}
	}
	return seq == EVENTS - 1 ? OLD : 0;
}

static void
write_note(uint64_t size, bool lie, struct buf *body)
{
	struct book_signer signer = { .name = STR("handrail") };
	struct book_root root = { size, roots[size - lie] };
	uint8_t sign[BOOK_SIGN_SIZE] = { 0 };
	auto_buf text = { 0 };
	auto_buf note = { 0 };
	struct json_out o;

	book_note_text(signer.name, &root, &text);
	book_note_seal(buf_str(&text), &signer, sign, &note);
	json_out_init(&o, body);
	json_out_object(&o, NULL);
	json_out_str(&o, "checkpoint", buf_str(&note));
	json_out_end(&o, '}');
}

static void
write_event(struct store *s, struct book_tree *tree, uint64_t seq, uint64_t lie)
{
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct store_head row = { .seq = seq, .head = bytes };
	struct book_head head = {
		.seq = seq, .time = { (int64_t)seq }, .kind = BOOK_CALL_DECIDED
	};
	uint64_t size = noted_in(seq);
	auto_buf body = { 0 };
	struct err e = { 0 };

	if (size) {
		head.kind = BOOK_CHECKPOINT;
		write_note(size, size == lie, &body);
		book_head_body(&head, buf_str(&body));
	}
	book_head_encode(&head, bytes);
	assert_int_equal(store_head_add(s, &row, &e), 0);
	assert_true(
	    !size || store_body_add(s, seq, 1, buf_str(&body), &e) == 0);
	book_tree_add(tree, book_leaf(str_span(bytes, sizeof(bytes))));
	roots[seq] = book_tree_root(tree);
}

static struct store *
write_book(uint64_t lie)
{
	struct book_tree tree = { 0 };
	struct store *s = NULL;
	struct err e = { 0 };

	(void)unlink(path);
	assert_int_equal(store_open(path, STORE_CREATE, &s, &e), 0);
	for (uint64_t seq = 1; seq <= EVENTS; seq++) {
		assert_true(seq % BATCH != 1 || store_begin(s, &e) == 0);
		write_event(s, &tree, seq, lie);
		assert_true((seq % BATCH != 0 && seq != EVENTS) ||
		            store_commit(s, &e) == 0);
	}
	return s;
}

static void
every_checkpoint_of_many_steps_is_compared(void **state)
{
	struct store *s = write_book(0);
	struct verify v = { .store = s };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(verify_all(&v, &e), 0);
	assert_int_equal(v.tree.size, EVENTS);
	assert_int_equal(v.checkpoints, COUNT(noted));
	assert_int_equal(v.unchecked, 1);
	assert_true(digest_eq(book_tree_root(&v.tree), roots[EVENTS]));
	store_close(s);
}

static void
a_checkpoint_that_lies_is_found_in_any_step(void **state)
{
	(void)state;
	for (size_t i = 1; i < COUNT(noted); i++) {
		struct store *s = write_book(noted[i]);
		struct verify v = { .store = s };
		struct err e;

		assert_int_equal(verify_all(&v, &e), -1);
		assert_int_equal(e.kind, ERR_DENIED);
		assert_int_equal(v.read, noted[i] + 1);
		assert_int_equal(v.good, noted[i - 1]);
		store_close(s);
	}
}

/* Not taken for one that is too far behind to be compared. */
static void
a_checkpoint_of_what_comes_after_it_is_refused(void **state)
{
	static const uint64_t sizes[] = { 700, 701, STEP, STEP + 1, EVENTS };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		ahead = sizes[i];
		struct store *s = write_book(0);
		struct verify v = { .store = s };
		struct err e;

		ahead = 0;
		assert_int_equal(verify_all(&v, &e), -1);
		assert_int_equal(e.kind, ERR_DENIED);
		assert_non_null(strstr(e.text, "came after it"));
		assert_int_equal(v.read, 700);
		store_close(s);
	}
}

static void
a_root_from_outside_is_compared_at_any_size(void **state)
{
	static const uint64_t sizes[] = { 1, STEP - 1, STEP, STEP + 1, 2 * STEP,
		3 * STEP + 5, EVENTS };
	struct store *s = write_book(0);

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct verify good = { .store = s,
			.against = { sizes[i], roots[sizes[i]] } };
		struct verify bad = { .store = s,
			.against = { sizes[i], roots[sizes[i] - 1] } };
		struct err e;

		assert_int_equal(verify_all(&good, &e), 0);
		assert_int_equal(verify_all(&bad, &e), -1);
		assert_int_equal(e.kind, ERR_DENIED);
		assert_int_equal(bad.read, sizes[i]);
	}
	store_close(s);
}

static int
make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/book.db", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_checkpoint_of_many_steps_is_compared),
		cmocka_unit_test(a_checkpoint_that_lies_is_found_in_any_step),
		cmocka_unit_test(
		    a_checkpoint_of_what_comes_after_it_is_refused),
		cmocka_unit_test(a_root_from_outside_is_compared_at_any_size),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
