/* SPDX-License-Identifier: Apache-2.0 */
#include "store_help.h"

#include "store/pack.h"

#define HEADS 300

/* Numbers that a seed tells; it is printed when a property fails. */
static uint64_t seed = 1;

static uint64_t
next(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return below ? seed % below : 0;
}

static void
noise(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		at[i] = (uint8_t)next(256);
	}
}

/* A head as the book writes them: some fields zero, some known from before. */
static void
some_head(uint64_t seq, uint8_t *head)
{
	static const unsigned words[][2] = { { 64, 32 }, { 96, 32 },
		{ 128, 32 }, { 200, 96 }, { 296, 64 } };

	memset(head, 0, STORE_HEAD_SIZE);
	put_u16(head, 1);
	put_u16(head + 2, (unsigned)next(40));
	put_u64(head + 8, seq);
	put_u64(head + 16, next(3) ? seq * 1000 : next(UINT64_MAX));
	put_u32(head + 24, (uint32_t)next(3));
	put_u32(head + 28, next(2) ? (uint32_t)next(UINT32_MAX) : 0);
	memset(head + 32, (int)next(5), STORE_ID_SIZE);
	memset(head + 48, (int)next(20), STORE_ID_SIZE);
	if (next(3)) {
		put_u32(head + 4, 1);
		noise(head + 160, 32);
		put_u32(head + 192, (uint32_t)next(UINT32_MAX));
	}
	put_u32(head + 196, next(2) ? (uint32_t)next(1000) : 0);
	for (size_t i = 0; i < COUNT(words); i++) {
		if (next(2)) {
			memset(head + words[i][0], 'a' + (int)next(9),
			    1 + next(words[i][1]));
		}
	}
}

/* What no head is: it must come back as well. */
static void
spoil(uint8_t *head)
{
	switch (next(4)) {
	case 0:
		noise(head, STORE_HEAD_SIZE);
		break;
	case 1:
		head[next(STORE_HEAD_SIZE)] ^= (uint8_t)(1 + next(255));
		break;
	case 2:
		memset(head, 0, STORE_HEAD_SIZE);
		break;
	default:
		put_u64(head + 8, next(UINT64_MAX));
		break;
	}
}

static size_t
some_heads(uint64_t first, struct pack_head *heads, size_t most)
{
	size_t count = 1 + next(most);

	for (size_t i = 0; i < count; i++) {
		some_head(first + i, heads[i].head);
		heads[i].before = next(2) ? next(first + i) : 0;
		if (next(8) == 0) {
			spoil(heads[i].head);
		}
	}
	return count;
}

struct expected {
	const struct pack_head *heads;
	uint64_t first;
	size_t count;
	size_t seen;
};

static int
expect(void *context, uint64_t seq, const struct pack_head *head, struct err *e)
{
	struct expected *x = context;

	(void)e;
	if (seq != x->first + x->seen || x->seen == x->count ||
	    head->before != x->heads[x->seen].before ||
	    memcmp(head->head, x->heads[x->seen].head, STORE_HEAD_SIZE) != 0) {
		fail_msg("head %llu is another", (unsigned long long)seq);
	}
	x->seen++;
	return 0;
}

static void
expect_same(const struct pack_words *w, struct str blob,
    const struct pack_head *heads, uint64_t first, size_t count)
{
	struct expected x = { .heads = heads, .first = first, .count = count };
	struct err e = { 0 };

	if (unpack_heads(w, first, blob, expect, &x, &e)) {
		fail_msg("%s", e.text);
	}
	assert_int_equal(x.seen, count);
}

/* The same words as a store reads them when it is opened. */
static struct pack_words *
words_read_anew(const struct pack_words *w)
{
	struct pack_words *anew = pack_words_new();
	struct err e = { 0 };

	for (uint32_t i = 0; i < pack_words_count(w); i++) {
		assert_int_equal(
		    pack_words_add(anew, i, pack_words_at(w, i), &e), 0);
	}
	return anew;
}

static void
whatever_is_packed_comes_back(void **state)
{
	static struct pack_head heads[HEADS];
	struct pack_words *w = pack_words_new();
	uint64_t first = 1;

	(void)state;
	seed = random_u64() | 1;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 300; round++) {
		auto_buf blob = { 0 };
		size_t count = some_heads(first, heads, HEADS);

		pack_heads(w, first, heads, count, &blob);
		expect_same(w, buf_str(&blob), heads, first, count);
		if (round % 50 == 0) {
			struct pack_words *anew = words_read_anew(w);

			expect_same(anew, buf_str(&blob), heads, first, count);
			pack_words_free(anew);
		}
		first += count;
	}
	pack_words_free(w);
}

static void
words_that_are_forgotten_get_their_numbers_again(void **state)
{
	struct pack_words *w = pack_words_new();
	struct pack_head head = { 0 };
	struct err e = { 0 };

	(void)state;
	head_bytes(1, head.head);
	assert_int_equal(pack_words_add(w, 0, STR("first"), &e), 0);
	for (int i = 0; i < 3; i++) {
		auto_buf blob = { 0 };

		pack_heads(w, 1, &head, 1, &blob);
		assert_int_equal(pack_words_count(w), 3);
		expect_same(w, buf_str(&blob), &head, 1, 1);
		pack_words_forget(w, 1);
		assert_int_equal(pack_words_count(w), 1);

		struct expected x = { .heads = &head, .first = 1, .count = 1 };
		assert_int_equal(
		    unpack_heads(w, 1, buf_str(&blob), expect, &x, &e), -1);
		assert_int_equal(e.kind, ERR_IO);
	}
	assert_true(str_eq(pack_words_at(w, 0), STR("first")));
	pack_words_free(w);
}

static void
a_word_out_of_its_order_is_refused(void **state)
{
	struct pack_words *w = pack_words_new();
	struct err e = { 0 };
	char great[STORE_WORD_MAX + 1];

	(void)state;
	memset(great, 'x', sizeof(great));
	assert_int_equal(pack_words_add(w, 1, STR("a"), &e), -1);
	assert_int_equal(pack_words_add(w, 0, STR(""), &e), -1);
	assert_int_equal(
	    pack_words_add(w, 0, str_span(great, sizeof(great)), &e), -1);
	assert_int_equal(pack_words_add(w, 0, STR("a"), &e), 0);
	assert_int_equal(pack_words_add(w, 1, STR("a"), &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	pack_words_free(w);
}

/* Names of ever new hosts must not fill the memory. */
static void
words_without_end_are_written_out(void **state)
{
	static struct pack_head heads[HEADS];
	struct pack_words *w = pack_words_new();
	auto_buf blob = { 0 };

	(void)state;
	for (uint64_t first = 1; first < STORE_WORDS_MAX + 2 * HEADS;
	     first += HEADS) {
		for (size_t i = 0; i < HEADS; i++) {
			head_bytes(first + i, heads[i].head);
			(void)snprintf((char *)heads[i].head + 296, 64,
			    "host-%zu.example", (size_t)first + i);
		}
		buf_clear(&blob);
		pack_heads(w, first, heads, HEADS, &blob);
		expect_same(w, buf_str(&blob), heads, first, HEADS);
	}
	assert_int_equal(pack_words_count(w), STORE_WORDS_MAX);
	pack_words_free(w);
}

static int
take_any(
    void *context, uint64_t seq, const struct pack_head *head, struct err *e)
{
	size_t *left = context;

	(void)e;
	assert_true(head->before < seq);
	assert_true((*left)-- > 0);
	return 0;
}

/* Cut anywhere, or with any byte changed: an error or heads, and never more
 * heads than there are bytes for.  Many blobs, because one of a few raw heads
 * takes nearly every byte. */
static size_t
refused_of(struct pack_words *w, struct buf *blob)
{
	size_t refused = 0;
	struct err e = { 0 };

	for (size_t len = 0; len < blob->len; len++) {
		size_t left = blob->len;

		assert_int_equal(
		    unpack_heads(w, 1, str_sub(buf_str(blob), 0, len), take_any,
		        &left, &e),
		    -1);
		assert_int_equal(e.kind, ERR_IO);
	}
	for (size_t i = 0; i < 1000; i++) {
		uint8_t *at = (uint8_t *)&blob->at[next(blob->len)];
		uint8_t old = *at;
		size_t left = blob->len;

		*at = (uint8_t)next(256);
		if (unpack_heads(
		        w, 1 + next(50), buf_str(blob), take_any, &left, &e)) {
			assert_int_equal(e.kind, ERR_IO);
			refused++;
		}
		*at = old;
	}
	return refused;
}

static void
a_blob_that_was_not_packed_is_an_error(void **state)
{
	static struct pack_head heads[20];
	struct pack_words *w = pack_words_new();
	size_t refused = 0;

	(void)state;
	seed = random_u64() | 1;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (size_t i = 0; i < 40; i++) {
		auto_buf blob = { 0 };

		pack_heads(w, 1, heads, some_heads(1, heads, 20), &blob);
		refused += refused_of(w, &blob);
	}
	assert_true(refused > 1000);
	pack_words_free(w);
}

/* Blobs of one head: one that a rule forbids beside one that none does. */
static const struct {
	struct str blob;
	bool good;
} blobs[] = {
	/* format, count, bits, kind, time */
	{ STR("\x01\x01\x00\x00\x07\x02"), true },
	{ STR("\x02\x01\x00\x00\x07\x02"), false },
	{ STR("\x01\x00"), false },
	{ STR("\x01\x01\x00\x00\x07\x02\x00"), false },
	{ STR("\x01\x01\x00\x20\x07\x02"), false },
	{ STR("\x01\x01\x80\x00\x01\x07\x02"), true },
	/* before: itself; none that late */
	{ STR("\x01\x01\x80\x00\x00\x07\x02"), false },
	{ STR("\x01\x01\x80\x00\x05\x07\x02"), false },
	/* the task of a head that is not there */
	{ STR("\x01\x01\x04\x00\x07\x02\x01"), false },
	/* an identity: word 0, none such, written out, empty */
	{ STR("\x01\x01\x00\x08\x07\x02\x01"), true },
	{ STR("\x01\x01\x00\x08\x07\x02\x02"), false },
	{ STR("\x01\x01\x00\x08\x07\x02\x00\x02me"), true },
	{ STR("\x01\x01\x00\x08\x07\x02\x00\x00"), false },
	/* a kind and a number that are too great */
	{ STR("\x01\x01\x00\x00\x80\x80\x04\x02"), false },
	{ STR("\x01\x01\x00\x00\x07\xff\xff\xff\xff\xff\xff\xff\xff"
	      "\xff\x02"),
	    false },
	/* raw and something else */
	{ STR("\x01\x01\x03\x00"), false },
};

static void
each_rule_of_a_blob_is_kept(void **state)
{
	struct pack_words *w = pack_words_new();
	struct err e = { 0 };

	(void)state;
	assert_int_equal(pack_words_add(w, 0, STR("me"), &e), 0);
	for (size_t i = 0; i < COUNT(blobs); i++) {
		size_t left = 1;
		int done =
		    unpack_heads(w, 5, blobs[i].blob, take_any, &left, &e);

		print_message("# blob %zu\n", i);
		assert_int_equal(done, blobs[i].good ? 0 : -1);
	}
	assert_int_equal(
	    unpack_heads(w, 0, blobs[0].blob, take_any, NULL, &e), -1);
	pack_words_free(w);
}

/* Fifty bodies, some of nothing; random ones do not get smaller. */
static void
some_bodies(struct pack_body bodies[50], char text[50][80], bool random)
{
	for (size_t i = 0; i < 50; i++) {
		memset(text[i], (int)i, 80);
		if (random) {
			random_bytes(text[i], 80);
		}
		bodies[i].seq = 100 + i * i;
		bodies[i].bytes = str_span(text[i], i % 80);
	}
}

static void
expect_bodies(struct str content, const struct pack_body bodies[50])
{
	struct str found = { 0 };
	struct err e = { 0 };

	for (size_t i = 0; i < 50; i++) {
		assert_int_equal(
		    unpack_body(100, content, bodies[i].seq, &found, &e), 0);
		assert_true(str_eq(found, bodies[i].bytes));
	}
	assert_int_equal(unpack_body(100, content, 102, &found, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
}

static void
bodies_come_back_one_by_one(void **state)
{
	struct pack_body bodies[50];
	char text[50][80];

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		auto_buf blob = { 0 };
		auto_buf content = { 0 };
		struct err e = { 0 };
		uint64_t count;
		uint64_t last;

		some_bodies(bodies, text, plain);
		pack_bodies(100, bodies, COUNT(bodies), &blob);
		assert_int_equal(blob.at[1], plain ? 0 : 1);
		assert_int_equal(
		    unpack_bodies(buf_str(&blob), &content, &e), 0);
		expect_bodies(buf_str(&content), bodies);
		assert_int_equal(unpack_body_check(
		                     100, buf_str(&content), &count, &last, &e),
		    0);
		assert_int_equal(count, COUNT(bodies));
		assert_int_equal(last, 100 + 49 * 49);
	}
}

/* Of one letter: whatever presses them makes them small. */
static void
few_bytes_of_bodies_are_not_pressed(void **state)
{
	char text[2000];
	struct err e = { 0 };

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t size = 400; size <= sizeof(text); size += 400) {
		struct pack_body one = { 7, { text, size } };
		auto_buf blob = { 0 };
		auto_buf content = { 0 };
		struct str found = { 0 };

		pack_bodies(7, &one, 1, &blob);
		assert_int_equal(blob.at[1], size > 1024);
		assert_int_equal(
		    unpack_bodies(buf_str(&blob), &content, &e), 0);
		assert_int_equal(
		    unpack_body(7, buf_str(&content), 7, &found, &e), 0);
		assert_int_equal(found.len, size);
	}
}

static void
bodies_that_were_not_packed_are_an_error(void **state)
{
	struct pack_body bodies[] = { { 5, STR("five") }, { 6, STR("six") },
		{ 9, STR("") } };
	auto_buf content = { 0 };
	auto_buf blob = { 0 };
	auto_buf made = { 0 };
	struct str found = { 0 };
	uint64_t count;
	struct err e = { 0 };

	(void)state;
	pack_bodies(5, bodies, COUNT(bodies), &blob);
	assert_int_equal(unpack_bodies(buf_str(&blob), &content, &e), 0);
	for (size_t len = 0; len < content.len; len++) {
		assert_int_equal(
		    unpack_body_check(5, str_sub(buf_str(&content), 0, len),
		        &count, &count, &e),
		    -1);
		assert_int_equal(
		    unpack_body(
		        5, str_sub(buf_str(&content), 0, len), 9, &found, &e),
		    -1);
		assert_int_equal(e.kind, ERR_IO);
	}
	buf_add(&made, STR("\x02"));
	buf_add(&made, str_sub(buf_str(&blob), 1, blob.len));
	assert_int_equal(unpack_bodies(buf_str(&made), &content, &e), -1);
	made.at[0] = 1;
	made.at[1] = 9;
	assert_int_equal(unpack_bodies(buf_str(&made), &content, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
}

/* Bodies as a queue writes them when it claims and finishes. */
static void
claim_and_finish(uint64_t task, struct pack_head *claim,
    struct pack_head *finish, char bodies[2][400])
{
	char id[ID_TEXT];
	static const uint8_t digest[32] = "a digest of the policy in force";

	/* As random as an id of version 7 is. */
	(void)snprintf(id, sizeof(id),
	    "019a%04llx-%04llx-7%03llx-a%03llx-%012llx",
	    (unsigned long long)next(1 << 4), (unsigned long long)next(1 << 16),
	    (unsigned long long)next(1 << 12),
	    (unsigned long long)next(1 << 12),
	    (unsigned long long)next(UINT64_C(1) << 48));
	for (int i = 0; i < 2; i++) {
		uint8_t *head = i ? finish->head : claim->head;
		uint64_t seq = 2 * task + (uint64_t)i + 1;

		memset(head, 0, STORE_HEAD_SIZE);
		put_u16(head, 1);
		put_u16(head + 2, i ? 7 : 6);
		put_u32(head + 4, 1);
		put_u64(head + 8, seq);
		put_u64(head + 16, 1795456800000000 + seq * 50);
		put_u32(head + 24, 3);
		put_u32(head + 28, 1);
		memcpy(head + 64, digest, sizeof(digest));
		noise(head + 160, 32);
		copy_text(head + 200, "linux__cli__engineering_coworker");
	}
	claim->before = task + 1 > 50 ? task - 50 : 0;
	finish->before = 2 * task + 1;
	noise(claim->head + 48, STORE_ID_SIZE);
	memcpy(finish->head + 48, claim->head + 48, STORE_ID_SIZE);
	(void)snprintf(bodies[0], 400,
	    "{\"at\":\"2026-11-26T11:40:%02llu.%03lluZ\",\"epoch\":1,"
	    "\"from\":\"pending\",\"id\":\"%s\",\"incarnation\":3,\"kind\":"
	    "\"claim\",\"owner\":\"engineering-coworker\",\"queue\":"
	    "\"engineering\",\"to\":\"in_progress\"}",
	    (unsigned long long)task % 60, (unsigned long long)task % 1000, id);
	(void)snprintf(bodies[1], 400,
	    "{\"ack_key\":\"%012llx\",\"at\":\"2026-11-26T11:40:%02llu.%"
	    "03lluZ\","
	    "\"epoch\":1,\"from\":\"in_progress\",\"id\":\"%s\",\"kind\":"
	    "\"complete\",\"owner\":\"engineering-coworker\",\"result\":"
	    "{\"ok\":true},\"to\":\"completed\"}",
	    (unsigned long long)next(UINT64_C(1) << 48),
	    (unsigned long long)task % 60,
	    (unsigned long long)(task * 7) % 1000, id);
}

/* The figure of the design: what a task costs in the log. */
static void
a_claim_and_its_finish_take_few_bytes(void **state)
{
	static struct pack_head heads[200];
	static char texts[100][2][400];
	struct pack_body bodies[200];
	struct pack_words *w = pack_words_new();
	auto_buf blob = { 0 };
	auto_buf body_blob = { 0 };
	size_t raw = 0;

	(void)state;
	seed = 88172645463325252u;
	for (size_t i = 0; i < 100; i++) {
		claim_and_finish(i, &heads[2 * i], &heads[2 * i + 1], texts[i]);
	}
	for (size_t i = 0; i < COUNT(bodies); i++) {
		bodies[i].seq = i + 1;
		bodies[i].bytes = str_of(texts[i / 2][i % 2]);
		raw += bodies[i].bytes.len;
	}
	pack_heads(w, 1, heads, COUNT(heads), &blob);
	pack_bodies(1, bodies, COUNT(bodies), &body_blob);
	print_message("# a task: %zu bytes of heads, %zu of bodies (%zu raw)\n",
	    blob.len / 100, body_blob.len / 100, raw / 100);
	expect_same(w, buf_str(&blob), heads, 1, COUNT(heads));
	assert_true(blob.len + body_blob.len <= 190 * (size_t)100);
	pack_words_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_packed_comes_back),
		cmocka_unit_test(
		    words_that_are_forgotten_get_their_numbers_again),
		cmocka_unit_test(a_word_out_of_its_order_is_refused),
		cmocka_unit_test(words_without_end_are_written_out),
		cmocka_unit_test(a_blob_that_was_not_packed_is_an_error),
		cmocka_unit_test(each_rule_of_a_blob_is_kept),
		cmocka_unit_test(bodies_come_back_one_by_one),
		cmocka_unit_test(few_bytes_of_bodies_are_not_pressed),
		cmocka_unit_test(bodies_that_were_not_packed_are_an_error),
		cmocka_unit_test(a_claim_and_its_finish_take_few_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
