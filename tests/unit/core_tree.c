/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a checkpoint covers, by core's own code on both stores: every head that
 * core knows to be on the disk, and none of a batch that is in flight or forms.
 * Core hears of no commit until the test lets it.
 */
#include "store_help.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "parts/core.h"
#include "parts/core_proof.h"
#include "wire_meet.h"

#define FIRST 20  /* heads of the first batch: SQLite syncs it later */
#define NEXT  128 /* and of those behind it: so many are sent at once */

static struct {
	struct core core;
	struct wire_peer *vault; /* the far end */
	char text[sizeof(((struct wire_vault_sign *)0)->text) + 1];
	unsigned landed;
} house;

/* NOLINTBEGIN(bugprone-reserved-identifier): the names of ld --wrap */

#ifdef STORE_ON_POSTGRES
/* A server knows its owner by a name; core has its own from its main. */
const char *__wrap_core_node_name(void);
const char *
__wrap_core_node_name(void)
{
	return "test";
}

#endif

/* How many heads are asked for. */
static uint64_t walked;
/* A log with a hole: this one is not in it; 0: it has all. */
static uint64_t lost;

struct holed {
	store_head_fn *each;
	void *context;
};

static int
each_but_lost(void *context, const struct store_head *head, struct err *e)
{
	const struct holed *h = context;

	return head->seq == lost ? 0 : h->each(h->context, head, e);
}

int __real_store_heads_walk(struct store *store, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e);
int __wrap_store_heads_walk(struct store *store, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e);
int
__wrap_store_heads_walk(struct store *store, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e)
{
	struct holed holed = { each, context };

	walked += limit;
	return __real_store_heads_walk(
	    store, from, limit, each_but_lost, &holed, e);
}

/* NOLINTEND(bugprone-reserved-identifier) */

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

TAKES(take_sign, wire_vault_sign)
{
	assert_true(in->size < sizeof(house.text));
	memcpy(house.text, in->text, in->size);
	house.text[in->size] = '\0';
}

/* NOLINTEND(readability-non-const-parameter) */

static void
gone(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	(void)why;
}

static struct wire_peer *
meet(enum part self, enum part other, int fd,
    const struct wire_handler *handlers, size_t count)
{
	struct wire_end end = { .self = self,
		.other = other,
		.handlers = handlers,
		.count = count,
		.closed = gone };

	return wire_meet(house.core.part.loop, fd, &end);
}

/* A house on what the store has. */
static void
start(void)
{
	static const struct wire_handler handlers[] = {
		{ WIRE_VAULT_SIGN, take_sign },
	};
	struct core *c = &house.core;
	struct err e = { 0 };
	int fds[2];

	memset(&house, 0, sizeof(house));
	lost = 0;
	c->part.loop = loop_new_virtual();
	if (core_book_open(c, path, &e) || core_book_recover(c, &e)) {
		fail_msg("%s", e.text);
	}
	core_commit_begin(c);
	assert_int_equal(wire_pair(fds, &e), 0);
	c->vault = meet(PART_CORE, PART_VAULT, fds[0], NULL, 0);
	house.vault =
	    meet(PART_VAULT, PART_CORE, fds[1], handlers, COUNT(handlers));
	c->vault_ready = true;
}

static void
is_signed(struct core *c, uint64_t number, const struct book_root *root,
    struct str note)
{
	(void)c;
	(void)number;
	(void)root;
	(void)note;
}

/* It falls: no batch that forms is written, no tree is settled. */
static void
fall(void)
{
	core_sign_gone(&house.core);
	core_proof_end(&house.core);
	wire_peer_free(house.core.vault);
	wire_peer_free(house.vault);
	loop_io_close(&house.core.book.io);
	store_close(house.core.book.store);
}

static int
begin_house(void **state)
{
	if (make_folder(state)) {
		return -1;
	}
	start();
	return 0;
}

static int
end_house(void **state)
{
	fall();
	return remove_folder(state);
}

/* --- what is signed --- */

static int
add_leaf(void *context, const struct store_head *row, struct err *e)
{
	(void)e;
	book_tree_add(context, book_leaf(str_span(row->head, BOOK_HEAD_SIZE)));
	return 0;
}

/* The tree of the first `size` heads of the store. */
static void
expect_signed(uint64_t size)
{
	struct core *c = &house.core;
	struct book_tree tree = { 0 };
	struct book_root root = { .size = size };
	struct digest proved;
	auto_buf text = { 0 };
	struct err e = { 0 };

	assert_int_equal(c->book.durable, size);
	house.text[0] = '\0';
	assert_int_equal(core_sign_tree(c, is_signed, 0, &e), 0);
	wire_poll(house.vault);
	if (size > 0) {
		assert_int_equal(store_heads_walk(c->book.store, 1, size,
		                     add_leaf, &tree, &e),
		    0);
	}
	assert_int_equal(tree.size, size);
	root.root = book_tree_root(&tree);
	book_note_text(STR(BOOK_ORIGIN), &root, &text);
	assert_string_equal(house.text, buf_z(&text));
	/* Where proofs lead to. */
	assert_int_equal(core_root_at(c, size, &proved, &e), 0);
	assert_true(digest_eq(proved, root.root));
}

/* --- batches --- */

/* Of a batch, the moment it is on the disk: all of it is covered, and nothing
 * behind it. */
static void
landed(struct core *c, uint64_t last)
{
	(void)c;
	house.landed++;
	expect_signed(last);
}

static void
grow(unsigned count)
{
	struct core_event event = {
		.kind = BOOK_OPERATOR_MADE,
		.rule = STR("somebody"),
		.body = STR("{\"operator\":\"somebody\"}"),
	};

	for (unsigned i = 0; i < count; i++) {
		(void)core_append(&house.core, &event);
	}
}

static void
append(unsigned count)
{
	grow(count);
	core_after(&house.core, landed, house.core.book.seq);
}

static void
nothing(void *owner)
{
	(void)owner;
}

static void
turn(void)
{
	loop_later(house.core.part.loop, nothing, &house);
	loop_turn(house.core.part.loop, 0);
}

/* It is given to the store, whose word core does not hear yet. */
static void
send_batch(unsigned in_flight)
{
	turn();
	loop_io_want(&house.core.book.io, 0);
	assert_int_equal(house.core.book.given, in_flight);
	assert_int_equal(house.core.book.flight_count, in_flight);
}

static void /* NOLINTNEXTLINE(*-function-size): fail_msg is a loop */
land_all(void)
{
	struct core *c = &house.core;
	struct mono limit = mono_after(mono_now(), CLOCK_MINUTE);

	while (c->book.durable < c->book.seq || core_unwritten(c)) {
		bool for_write = false;
		struct pollfd one = {
			.fd = store_fd(c->book.store, &for_write),
		};

		if (mono_passed(limit, mono_now())) {
			fail_msg("a batch has not landed within a minute");
		}
		one.events = for_write ? POLLIN | POLLOUT : POLLIN;
		(void)poll(&one, 1, 50);
		loop_io_want(
		    &c->book.io, LOOP_READ | (for_write ? LOOP_WRITE : 0));
		turn();
	}
}

/* --- tests --- */

static void
a_checkpoint_never_covers_a_batch_in_flight(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STORE_FLIGHTS_MAX; i++) {
		append(i == 0 ? FIRST : NEXT);
		expect_signed(0);
		send_batch(i + 1);
		expect_signed(0);
	}
	append(3);
	send_batch(STORE_FLIGHTS_MAX); /* there is no room for it: it forms */
	expect_signed(0);
	land_all();
	assert_int_equal(house.landed, STORE_FLIGHTS_MAX + 1);
	expect_signed(FIRST + (STORE_FLIGHTS_MAX - 1) * NEXT + 3);
}

static void
a_checkpoint_covers_each_batch_that_has_landed(void **state)
{
	uint64_t size = 0;

	(void)state;
	for (unsigned count = 1; count < 70; count += count / 3 + 1) {
		append(count);
		land_all();
		size += count;
		if (count % 2) { /* of the others, heads wait to be hashed */
			expect_signed(size);
		}
	}
	expect_signed(size);
}

#ifndef STORE_ON_POSTGRES /* which says nothing without a batch */
/* A word that comes when all has landed: nobody takes it before the next batch,
 * and until then it would wake core again and again. */
static void
a_late_word_of_the_store_is_heard_once(void **state)
{
	struct core *c = &house.core;

	(void)state;
	append(FIRST);
	send_batch(1);
	land_all();
	assert_non_null(c->book.io.loop);
	assert_int_equal(eventfd_write(c->book.io_fd, 1), 0);
	turn();
	assert_null(c->book.io.loop);
	append(FIRST);
	turn();
	assert_int_equal(c->book.given, 1);
	assert_non_null(c->book.io.loop);
	land_all();
	expect_signed(2ULL * FIRST);
}
#endif

static void
expect_proofs(uint64_t first, uint64_t last)
{
	struct core *c = &house.core;
	struct book_root root = { .size = c->book.durable };
	struct err e = { 0 };

	assert_int_equal(core_root_at(c, root.size, &root.root, &e), 0);
	for (uint64_t seq = first; seq <= last; seq++) {
		struct book_proof proof;
		auto_buf head = { 0 };

		assert_int_equal(
		    core_prove_leaf(c, seq, root.size, &proof, &e), 0);
		assert_int_equal(core_head_get(c, seq, &head, &e), 0);
		assert_int_equal(book_check_leaf(book_leaf(buf_str(&head)),
		                     seq - 1, &root, &proof, &e),
		    0);
	}
}

static bool filled;

static void
blocks_are_there(struct core *c, const struct err *failed)
{
	(void)c;
	assert_null(failed);
	filled = true;
}

/* Of a receipt each event is proven: no block is read again for each. */
static void
proofs_of_neighbours_read_each_head_once(void **state)
{
	const uint64_t size = BOOK_BLOCK + 200;

	(void)state;
	grow((unsigned)size);
	land_all();
	core_proof_then(&house.core, blocks_are_there);
	while (!filled) {
		turn();
	}
	walked = 0;
	expect_proofs(1, size);
	assert_int_equal(walked, size);
	/* What is known of the last block grows with it. */
	grow(3);
	land_all();
	expect_proofs(BOOK_BLOCK - 9, size + 3);
	assert_true(walked <= 2 * size + 3);
}

static void
a_book_that_was_closed_is_read_no_more(void **state)
{
	(void)state;
	grow(BOOK_BLOCK);
	land_all();
	filled = false;
	core_proof_then(&house.core, blocks_are_there);
	core_book_close(&house.core);
	walked = 0;
	turn();
	turn();
	assert_int_equal(walked, 0);
	assert_false(filled);
}

/* No proof is made of what stands behind a hole as if there was none. */
static void
a_hole_in_the_log_is_told_and_not_proven_over(void **state)
{
	struct core *c = &house.core;
	struct book_proof proof;
	struct err e = { 0 };

	(void)state;
	grow(FIRST);
	land_all();
	lost = 7;
	for (uint64_t seq = 7; seq <= FIRST; seq++) {
		assert_int_equal(
		    core_prove_leaf(c, seq, FIRST, &proof, &e), -1);
		assert_string_equal(
		    e.text, "event 7 is missing: run `handrail audit verify`");
	}
	lost = 0;
	expect_proofs(1, FIRST);
}

/* The saved tree has none of the heads that were in flight with it, and the
 * oldest head to be read is behind them all. */
static void
a_start_hashes_what_its_saved_tree_lacks(void **state)
{
	(void)state;
	append(FIRST);
	send_batch(1);
	append(NEXT);
	core_save_whole(&house.core);
	send_batch(2);
	land_all();
	fall();
	start();
	assert_int_equal(house.core.book.saved_seq, 0);
	expect_signed(FIRST + NEXT);
	append(1);
	land_all();
	expect_signed(FIRST + NEXT + 1);
}

/* As an older program wrote it, with the heads of its own batch. */
static void
a_saved_tree_may_have_every_head(void **state)
{
	(void)state;
	append(FIRST);
	land_all();
	core_save_tree(&house.core, true);
	land_all();
	fall();
	start();
	assert_int_equal(house.core.book.saved_seq, FIRST);
	expect_signed(FIRST);
}

/* Of the row "meta/start"; what stood there before. */
static char
put_byte(size_t at, char byte)
{
	auto_store store = open_store();
	auto_buf value = { 0 };
	struct store_row row = { .space = STR("meta"), .key = STR("start") };
	struct err e = { 0 };

	assert_int_equal(
	    store_row_get(store, row.space, row.key, &value, &row.version, &e),
	    0);
	char before = value.at[at];

	value.at[at] = byte;
	row.value = buf_str(&value);
	begin(store);
	assert_int_equal(store_row_put(store, &row, &e), 0);
	commit(store);
	return before;
}

static void
is_refused_for(size_t at, char byte, const char *word)
{
	struct core *c = &house.core;
	char before = put_byte(at, byte);
	struct err e = { 0 };

	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	assert_int_equal(core_book_open(c, path, &e), 0);
	assert_int_equal(core_book_recover(c, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_non_null(strstr(e.text, word));
	assert_non_null(strstr(e.text, "`handrail restore`"));
	store_close(c->book.store);
	(void)put_byte(at, before);
}

/* Who reads it is told which program can, or what else to do. */
static void
a_saved_tree_that_is_not_this_programs_is_refused(void **state)
{
	(void)state;
	append(FIRST);
	land_all();
	core_save_tree(&house.core, true);
	land_all();
	fall();
	is_refused_for(0, 2, "has format 2, this program knows 1");
	is_refused_for(7, 1, "says more than its log has");
	is_refused_for(11, 1, "is damaged");
	start();
	expect_signed(FIRST);
}

/* Heads of an older program, which wrote no row "meta/start"; the last cannot
 * be read. */
static void
make_old_book(uint64_t count)
{
	struct book_head head = { .kind = BOOK_RUN_STARTED,
		.time = { 1795456800000000 },
		.incarnation = 1,
		.run = { { 1 } },
		.task = { { 2 } } };
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct store_head row = { .head = bytes };
	auto_store store = open_store();
	struct err e = { 0 };

	begin(store);
	for (row.seq = 1; row.seq <= count; row.seq++) {
		head.seq = row.seq;
		book_head_encode(&head, bytes);
		bytes[0] = row.seq == count ? 0xff : bytes[0];
		assert_int_equal(store_head_add(store, &row, &e), 0);
	}
	commit(store);
}

/* Else the next start would take it for whole, and read no head before it. */
static void
a_first_start_that_ends_too_early_leaves_no_saved_tree(void **state)
{
	struct core *c = &house.core;
	auto_buf value = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(&house, 0, sizeof(house));
	c->part.loop = loop_new_virtual();
	loop_advance(c->part.loop, CLOCK_MINUTE);
	make_old_book(5000);
	assert_int_equal(core_book_open(c, path, &e), 0);
	assert_int_equal(core_book_recover(c, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	e = (struct err){ 0 };
	/* It had begun to write what a later start needs. */
	assert_int_equal(
	    store_row_get(c->book.store, STR("run"),
	        STR("01000000-0000-0000-0000-000000000000"), &value, NULL, &e),
	    0);
	assert_int_equal(store_row_get(c->book.store, STR("meta"), STR("start"),
	                     &value, NULL, &e),
	    -1);
	assert_int_equal(e.kind, ERR_MISSING);
	store_close(c->book.store);
}

int
main(void)
{
#define TREE(test) cmocka_unit_test_setup_teardown(test, begin_house, end_house)
	const struct CMUnitTest tests[] = {
		TREE(a_checkpoint_never_covers_a_batch_in_flight),
		TREE(a_checkpoint_covers_each_batch_that_has_landed),
#ifndef STORE_ON_POSTGRES
		TREE(a_late_word_of_the_store_is_heard_once),
#endif
		TREE(proofs_of_neighbours_read_each_head_once),
		TREE(a_book_that_was_closed_is_read_no_more),
		TREE(a_hole_in_the_log_is_told_and_not_proven_over),
		TREE(a_start_hashes_what_its_saved_tree_lacks),
		TREE(a_saved_tree_may_have_every_head),
		TREE(a_saved_tree_that_is_not_this_programs_is_refused),
		cmocka_unit_test_setup_teardown(
		    a_first_start_that_ends_too_early_leaves_no_saved_tree,
		    make_folder, remove_folder),
	};
#undef TREE

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
