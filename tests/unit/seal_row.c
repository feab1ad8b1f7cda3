/* SPDX-License-Identifier: Apache-2.0 */
#include "must_help.h"
#include "seal_help.h"

static struct seal_key *other_key;

static int
make_keys(void **state)
{
	(void)state;
	key = seal_key_make();
	other_key = seal_key_make();
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	seal_key_free(key);
	seal_key_free(other_key);
	return 0;
}

/* Lending and looking say what opening says. */
static void
try_lend(const struct seal_key *with, struct str row,
    const struct seal_binding *binding, enum err_kind opened)
{
	static uint8_t place[SEAL_ROW_MAX];
	struct seal_lent to = { .at = place, .room = sizeof(place) };
	struct err e = { 0 };

	assert_int_equal(
	    seal_row_check(with, row, binding, &e) ? e.kind : ERR_NONE, opened);
	if (seal_row_lend(with, row, binding, &to, &e)) {
		assert_int_equal(e.kind, opened);
		return;
	}
	assert_int_equal(opened, ERR_NONE);
	assert_true(str_eq(str_span(place, to.size), VALUE));
}

/* Tries to open; the kind of the error, ERR_NONE if it opened. */
static enum err_kind
try_open(const struct seal_key *with, struct str row,
    const struct seal_binding *binding)
{
	auto_secret value = NULL;
	struct str bytes;
	struct err e = { 0 };

	if (seal_row_open(with, row, binding, &value, &e)) {
		assert_null(value);
		assert_null(strstr(e.text, "ghp_"));
		try_lend(with, row, binding, e.kind);
		return e.kind;
	}
	secret_open(value, &bytes);
	assert_true(str_eq(bytes, VALUE));
	try_lend(with, row, binding, ERR_NONE);
	return ERR_NONE;
}

static void
refusal(const struct seal_key *with, struct str row,
    const struct seal_binding *binding, const char *word)
{
	struct secret *none = NULL;
	struct err e = { 0 };

	assert_int_equal(seal_row_open(with, row, binding, &none, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.text, word));
}

static void
a_row_opens_with_its_key_and_binding(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };
	auto_buf again = { 0 };

	(void)state;
	make_row(&row);
	make_row(&again);
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_NONE);
	assert_false(str_has_str(buf_str(&row), VALUE));
	/* Random nonces and row keys: no two rows share a byte of ciphertext.
	 */
	assert_false(str_eq(buf_str(&row), buf_str(&again)));
	/* The order in which hosts are named means nothing. */
	binding.hosts[0] = STR("api.github.com:8443");
	binding.hosts[1] = STR("github.com");
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_NONE);
}

static void
the_bytes_stand_where_the_design_draws_them(void **state)
{
	auto_buf row = { 0 };
	static const char clear[] = "\x06\0github\x03\0\0\0\x01\x02\0"
	                            "\x13\0api.github.com:8443\x0a\0github.com"
	                            "\0\0"
	                            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	                            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
	size_t bound = sizeof(clear) - 1;

	(void)state;
	make_row(&row);
	assert_memory_equal(row.at, "HRSR\x02\x01", 6);
	assert_int_equal(row.at[6], (char)bound);
	assert_int_equal(row.at[7], 0);
	assert_memory_equal(row.at + 16, clear, bound);
	assert_int_equal(row.len, 16 + bound + 112 - 16 + 16 + VALUE.len);
}

/* Made by the program that wrote format 1, under the root key 01 02 … 20. */
static const char old_row[] =
    "48525352010130002fb379b010ff7d9606006769746875620300000001020013"
    "006170692e6769746875622e636f6d3a383434330a006769746875622e636f6d"
    "6465666768696a6b6c6d6e6f707172737475767778797a7bb44e75344cc092ec"
    "77b602ad7669a18503256974c361f06975ff764aa8a5970506de8f71aa9db9c6"
    "24dd0b4b440ac1b882838485868788898a8b8c8d8e8f90919293949596979899"
    "0f80d8efd4da2abb0e9e36415a85ac95b5e84c968cc3945cbb84857ddbf5";

static void
a_row_of_format_1_still_opens(void **state)
{
	struct seal_binding binding = binding_of();
	struct seal_key *old_key = NULL;
	auto_buf row = { 0 };
	auto_buf moved = { 0 };
	uint8_t root[SEAL_RAW_KEY];
	uint8_t bytes[sizeof(old_row) / 2];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(root); i++) {
		root[i] = (uint8_t)(i + 1);
	}
	assert_int_equal(
	    seal_key_read(str_span(root, sizeof(root)), &old_key, &e), 0);
	assert_true(hex_bytes(str_of(old_row), bytes, sizeof(bytes)));
	buf_add(&row, str_span(bytes, sizeof(bytes)));
	assert_int_equal(try_open(old_key, buf_str(&row), &binding), ERR_NONE);
	assert_int_equal(
	    seal_row_rewrap(old_key, key, buf_str(&row), &moved, &e), 0);
	assert_int_equal(try_open(key, buf_str(&moved), &binding), ERR_NONE);
	/* It cannot be given what format 2 binds, nor pass for format 2. */
	binding.issuer = STR("id.example");
	refusal(old_key, buf_str(&row), &binding, "put it in again");
	binding = binding_of();
	binding.facts[31] = 1;
	refusal(old_key, buf_str(&row), &binding, "put it in again");
	binding = binding_of();
	row.at[4] = 2;
	assert_int_not_equal(
	    try_open(old_key, buf_str(&row), &binding), ERR_NONE);
	seal_key_free(old_key);
}

/* Who edits the store cannot send a refresh token elsewhere. */
static void
another_issuer_or_fact_does_not_open(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };
	struct err e = { 0 };

	(void)state;
	binding.issuer = STR("id.example:8443");
	binding.facts[7] = 1;
	assert_int_equal(seal_row(key, &binding, VALUE, &row, &e), 0);
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_NONE);
	binding.issuer = STR("id.examplf:8443");
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	char *issuer = memmem(row.at, row.len, "id.example", 10);
	assert_non_null(issuer);
	issuer[9] = 'f';
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	issuer[9] = 'e';
	binding.issuer = STR("id.example:8443");
	binding.facts[7] = 2;
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	binding.facts[7] = 1;
	binding.issuer = STR("");
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	binding.issuer = STR("Id.example");
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_INPUT);
}

static void
the_issuer_alone_gets_what_is_its(void **state)
{
	struct seal_binding binding = binding_of();

	(void)state;
	assert_false(seal_binding_issues(&binding, STR("github.com"), 443));
	assert_false(seal_binding_issues(&binding, STR(""), 443));
	binding.issuer = STR("id.example:8443");
	assert_true(seal_binding_issues(&binding, STR("id.example"), 8443));
	assert_false(seal_binding_issues(&binding, STR("id.example"), 443));
	assert_false(seal_binding_issues(&binding, STR("github.com"), 443));
	assert_false(seal_binding_allows(&binding, STR("id.example"), 8443));
}

static void
a_mark_tells_same_from_other_and_needs_the_key(void **state)
{
	uint8_t mark[SEAL_MAC];
	uint8_t again[SEAL_MAC];

	(void)state;
	seal_mark(key, VALUE, mark);
	seal_mark(key, VALUE, again);
	assert_memory_equal(mark, again, SEAL_MAC);
	seal_mark(key, STR("ghp_0123456788"), again);
	assert_memory_not_equal(mark, again, SEAL_MAC);
	seal_mark(other_key, VALUE, again);
	assert_memory_not_equal(mark, again, SEAL_MAC);
}

static void
another_key_does_not_open(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };
	struct err e = { 0 };
	struct secret *none = NULL;

	(void)state;
	make_row(&row);
	assert_int_equal(
	    try_open(other_key, buf_str(&row), &binding), ERR_DENIED);
	assert_int_equal(
	    seal_row_open(other_key, buf_str(&row), &binding, &none, &e), -1);
	assert_non_null(strstr(e.text, "another vault key"));
	/* Even if the row claims to belong to that key. */
	auto_buf theirs = { 0 };
	assert_int_equal(
	    seal_row(other_key, &binding, STR("x"), &theirs, &e), 0);
	memcpy(row.at + 8, theirs.at + 8, SEAL_KEY_ID);
	assert_int_equal(
	    try_open(other_key, buf_str(&row), &binding), ERR_DENIED);
}

static void
a_flipped_bit_anywhere_is_found(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };

	(void)state;
	make_row(&row);
	for (size_t bit = 0; bit < 8 * row.len; bit++) {
		row.at[bit / 8] = (char)(row.at[bit / 8] ^ (1 << bit % 8));
		assert_int_not_equal(
		    try_open(key, buf_str(&row), &binding), ERR_NONE);
		row.at[bit / 8] = (char)(row.at[bit / 8] ^ (1 << bit % 8));
	}
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_NONE);
}

static void
a_cut_or_longer_row_is_refused(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };

	(void)state;
	make_row(&row);
	for (size_t len = 0; len < row.len; len++) {
		/* Behind a secret lies a page that may not be read. */
		auto_secret cut = secret_new(str_span(row.at, len));
		struct str bytes;

		secret_open(cut, &bytes);
		assert_int_not_equal(try_open(key, bytes, &binding), ERR_NONE);
	}
	buf_add_byte(&row, 0);
	assert_int_not_equal(try_open(key, buf_str(&row), &binding), ERR_NONE);
}

static void
lend_into_too_little(void)
{
	struct seal_binding binding = binding_of();
	uint8_t place[64];
	struct seal_lent to = { .at = place, .room = VALUE.len - 1 };
	auto_buf row = { 0 };
	struct err e = { 0 };

	make_row(&row);
	(void)!seal_row_lend(key, buf_str(&row), &binding, &to, &e);
}

static void
a_value_is_lent_into_room_for_it(void **state)
{
	(void)state;
	assert_true(breaks_a_promise(lend_into_too_little));
}

static void
another_binding_does_not_open(void **state)
{
	auto_buf row = { 0 };
	struct seal_binding binding = binding_of();

	(void)state;
	make_row(&row);
	binding.id = STR("githuc");
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	binding = binding_of();
	binding.version = 4; /* the book knows a later one: rolled back */
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	binding = binding_of();
	binding.kind = SEAL_BASIC;
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	binding = binding_of();
	binding.hosts[0] = STR("github.org");
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	binding = binding_of();
	binding.host_count = 1;
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	binding = binding_of();
	binding.hosts[binding.host_count++] = STR("evil.example");
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
}

/* Whoever edits the row's clear part to match what is asked for, too. */
static void
an_edited_binding_does_not_open(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };
	struct seal_binding read;
	struct err e = { 0 };

	(void)state;
	make_row(&row);
	char *version = memmem(row.at, row.len, "github\x03", 7);
	assert_non_null(version);
	version[6] = 4;
	binding.version = 4;
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
	version[6] = 3;
	binding.version = 3;
	char *host = memmem(row.at, row.len, "github.com", 10);
	host = memmem(
	    host + 1, row.len - (size_t)(host + 1 - row.at), "github.com", 10);
	assert_non_null(host);
	host[9] = 'n';
	binding.hosts[0] = STR("github.con");
	assert_int_equal(seal_row_read(buf_str(&row), &read, &e), 0);
	assert_true(str_eq(read.hosts[1], STR("github.con")));
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
}

static void
a_refusal_says_what_differs(void **state)
{
	auto_buf row = { 0 };
	struct seal_binding binding = binding_of();

	(void)state;
	make_row(&row);
	binding.id = STR("gitlab");
	refusal(
	    key, buf_str(&row), &binding, "in the place of credential gitlab");
	binding = binding_of();
	binding.version = 4;
	refusal(key, buf_str(&row), &binding, "the book knows version 4");
	binding = binding_of();
	binding.host_count = 1;
	refusal(key, buf_str(&row), &binding, "for other hosts");
}

/* Rewrapping must not make an edited row genuine. */
static void
an_edited_row_is_not_rewrapped(void **state)
{
	auto_buf row = { 0 };
	auto_buf moved = { 0 };
	size_t clear;

	(void)state;
	make_row(&row);
	clear = 16 + (size_t)(uint8_t)row.at[6];
	for (size_t bit = 0; bit < 8 * (clear + 24 + 48); bit++) {
		struct err e = { 0 };

		row.at[bit / 8] = (char)(row.at[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(
		    seal_row_rewrap(key, other_key, buf_str(&row), &moved, &e),
		    -1);
		assert_int_equal(moved.len, 0);
		row.at[bit / 8] = (char)(row.at[bit / 8] ^ (1 << bit % 8));
	}
}

static void
parts_of_two_rows_do_not_open_together(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };
	auto_buf other = { 0 };
	size_t tail = 24 + VALUE.len + 16;

	(void)state;
	make_row(&row);
	make_row(&other);
	memcpy(row.at + row.len - tail, other.at + other.len - tail, tail);
	assert_int_equal(try_open(key, buf_str(&row), &binding), ERR_DENIED);
}

static void
the_clear_part_is_read_without_a_key(void **state)
{
	auto_buf row = { 0 };
	struct seal_binding read;
	struct err e = { 0 };

	(void)state;
	make_row(&row);
	assert_int_equal(seal_row_read(buf_str(&row), &read, &e), 0);
	assert_true(str_eq(read.id, STR("github")));
	assert_int_equal(read.version, 3);
	assert_int_equal(read.kind, SEAL_STATIC_BEARER);
	assert_int_equal(read.host_count, 2);
	assert_true(str_eq(read.hosts[0], STR("api.github.com:8443")));
	assert_true(str_eq(read.hosts[1], STR("github.com")));
}

static void
a_rewrapped_row_opens_with_the_new_key_alone(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };
	auto_buf moved = { 0 };
	auto_buf none = { 0 };
	struct err e = { 0 };

	(void)state;
	make_row(&row);
	assert_int_equal(
	    seal_row_rewrap(key, other_key, buf_str(&row), &moved, &e), 0);
	assert_int_equal(
	    try_open(other_key, buf_str(&moved), &binding), ERR_NONE);
	assert_int_equal(try_open(key, buf_str(&moved), &binding), ERR_DENIED);
	assert_int_equal(
	    seal_row_rewrap(other_key, key, buf_str(&row), &none, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(none.len, 0);
}

struct refused {
	const char *id;
	uint32_t version;
	unsigned kind;
	const char *hosts[3];
};

static void
a_binding_that_is_none_is_refused(void **state)
{
	static const struct refused wrong[] = {
		{ "", 1, 1, { "a.example" } },
		{ "with space", 1, 1, { "a.example" } },
		{ "../up", 1, 1, { "a.example" } },
		{ "new\nline", 1, 1, { "a.example" } },
		{ "id", 0, 1, { "a.example" } },
		{ "id", 1, 0, { "a.example" } },
		{ "id", 1, 7, { "a.example" } },
		{ "id", 1, 1, { 0 } },
		{ "id", 1, 1, { "" } },
		{ "id", 1, 1, { "A.example" } },
		{ "id", 1, 1, { "*.example" } },
		{ "id", 1, 1, { "a.example/path" } },
		{ "id", 1, 1, { "a.example:0" } },
		{ "id", 1, 1, { "a.example:0443" } },
		{ "id", 1, 1, { "a.example:65536" } },
		{ "id", 1, 1, { "a.example:65979" } }, /* 443 in 16 bits */
		{ "id", 1, 1, { "a.example:" } },
		{ "id", 1, 1, { ":443" } },
		{ "id", 1, 1, { "a.example:1:2" } },
		{ "id", 1, 1, { "2001:db8::1" } },
		{ "id", 1, 1, { "[]" } },
		{ "id", 1, 1, { "[2001:db8::b" } },
		{ "id", 1, 1, { "x::1]" } },
		{ "id", 1, 1, { "[::1]x" } },
		{ "id", 1, 1, { "b.example", "a.example", "b.example" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct seal_binding binding = {
			.id = str_of(wrong[i].id),
			.version = wrong[i].version,
			.kind = (enum seal_kind)wrong[i].kind,
		};
		auto_buf row = { 0 };
		struct err e = { 0 };

		while (binding.host_count < 3 &&
		       wrong[i].hosts[binding.host_count]) {
			binding.hosts[binding.host_count] =
			    str_of(wrong[i].hosts[binding.host_count]);
			binding.host_count++;
		}
		assert_int_equal(seal_row(key, &binding, VALUE, &row, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_int_equal(row.len, 0);
	}
	/* A NUL, which ends no text of ours. */
	struct seal_binding binding = binding_of();
	auto_buf row = { 0 };
	struct err e = { 0 };

	binding.id = STR("id\0");
	assert_int_equal(seal_row(key, &binding, VALUE, &row, &e), -1);
	binding = binding_of();
	binding.hosts[0] = STR("github.com\0.evil");
	assert_int_equal(seal_row(key, &binding, VALUE, &row, &e), -1);
}

static void
a_value_over_its_bounds_is_refused(void **state)
{
	struct seal_binding binding = binding_of();
	auto_buf big = { 0 };
	auto_buf row = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(buf_room(&big, SEAL_VALUE_MAX + 1), 'x', SEAL_VALUE_MAX + 1);
	buf_grew(&big, SEAL_VALUE_MAX + 1);
	assert_int_equal(seal_row(key, &binding, buf_str(&big), &row, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(seal_row(key, &binding, STR(""), &row, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_int_equal(
	    seal_row(key, &binding, str_span(big.at, SEAL_VALUE_MAX), &row, &e),
	    0);
	assert_true(row.len <= SEAL_ROW_MAX);
}

static void
a_host_is_allowed_only_as_it_is_bound(void **state)
{
	struct seal_binding binding = binding_of();

	(void)state;
	assert_true(seal_binding_allows(&binding, STR("github.com"), 443));
	assert_true(seal_binding_allows(&binding, STR("api.github.com"), 8443));
	assert_false(seal_binding_allows(&binding, STR("github.com"), 80));
	assert_false(seal_binding_allows(&binding, STR("github.com"), 0));
	assert_false(seal_binding_allows(&binding, STR("api.github.com"), 443));
	assert_false(seal_binding_allows(&binding, STR("GitHub.com"), 443));
	assert_false(seal_binding_allows(&binding, STR("xgithub.com"), 443));
	assert_false(seal_binding_allows(&binding, STR("github.com."), 443));
	assert_false(
	    seal_binding_allows(&binding, STR("github.com\0.evil"), 443));
	assert_false(seal_binding_allows(&binding, STR(""), 443));
	binding.hosts[0] = STR("[2001:db8::1]");
	binding.hosts[1] = STR("[2001:db8::1]:8443");
	assert_true(seal_binding_allows(&binding, STR("[2001:db8::1]"), 443));
	assert_true(seal_binding_allows(&binding, STR("[2001:db8::1]"), 8443));
	assert_false(seal_binding_allows(&binding, STR("2001:db8::1"), 443));
	binding = binding_of();
	/* A host that carries the port of the entry in its own name. */
	assert_false(
	    seal_binding_allows(&binding, STR("api.github.com:8443"), 443));
	/* Nor what a binding says that nobody has looked at. */
	binding.hosts[0] = STR("GitHub.com");
	binding.hosts[1] = STR("github.com:0");
	binding.issuer = STR("Id.example");
	assert_false(seal_binding_allows(&binding, STR("GitHub.com"), 443));
	assert_false(seal_binding_allows(&binding, STR("github.com:0"), 0));
	assert_false(seal_binding_allows(&binding, STR("github.com"), 0));
	assert_false(seal_binding_issues(&binding, STR("Id.example"), 443));
}

static void
every_kind_has_its_own_number_and_name(void **state)
{
	enum seal_kind kind = SEAL_KIND_NONE;

	(void)state;
#define SEAL_KIND(number, name, text)                      \
	assert_int_equal(SEAL_##name, number);             \
	assert_string_equal(seal_kind_name(number), text); \
	assert_true(seal_kind_parse(STR(text), &kind));    \
	assert_int_equal(kind, number);
#include "seal/kinds.def"
#undef SEAL_KIND
	assert_string_equal(seal_kind_name(0), "unknown");
	assert_string_equal(seal_kind_name(256), "unknown");
	assert_false(seal_kind_parse(STR(""), &kind));
}

/* The root key wraps the keys of all rows: not twice under one nonce, also
 * where the same row is wrapped again. */
static void
no_nonce_is_used_twice(void **state)
{
	enum { FRONT = 16, NONCE = 24, WRAPPED = 48 };
	struct buf rows[2] = { { 0 }, { 0 } };
	struct buf again[2] = { { 0 }, { 0 } };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make_row(&rows[i]);
		assert_int_equal(seal_row_rewrap(key, other_key,
		                     buf_str(&rows[0]), &again[i], &e),
		    0);
	}
	const size_t at = FRONT + (uint8_t)rows[0].at[6];
	const size_t behind = at + NONCE + WRAPPED;

	assert_memory_not_equal(rows[0].at + at, rows[1].at + at, NONCE);
	assert_memory_not_equal(
	    rows[0].at + behind, rows[1].at + behind, NONCE);
	assert_memory_not_equal(again[0].at + at, again[1].at + at, NONCE);
	for (size_t i = 0; i < 2; i++) {
		buf_fini(&rows[i]);
		buf_fini(&again[i]);
	}
}

/* Made by this program when it wrote format 2, under the same root key. */
static const char row_of_2[] =
    "4852535202015c002fb379b010ff7d9606006769746875620300000001020013"
    "006170692e6769746875622e636f6d3a383434330a006769746875622e636f6d"
    "0a0069642e6578616d706c650707070707070707070707070707070707070707"
    "07070707070707070707070755e175cf0e840929cd45e154b8e592befc228525"
    "6c7fe6d9636343e878262f787e7fd0f29eaaeed87afdefa75547d9d64f3c9bb3"
    "efd4ca91ac3c9e61be9c06da08bceffdd30e61e330c2a90c6ac841cc354a33ce"
    "4c1095aeecfad8759ea5ac0c521e0683db7ae25df94d6e34b142c3f46bf8ce82"
    "a7bbb28c131660fbcc63";
static const char mark_of_value[] =
    "4873d4a1c556600baef5aaaecb3aa79d0f733073d5318605e6affa49fad9ecfc";

/* What was written once must open for ever: the words that keep one use of a
 * key from another are a part of the format. */
static void
a_row_and_a_mark_stay_what_they_are(void **state)
{
	struct seal_binding binding = binding_of();
	struct seal_key *old_key = NULL;
	uint8_t root[SEAL_RAW_KEY];
	uint8_t row[sizeof(row_of_2) / 2];
	uint8_t right[SEAL_MAC];
	uint8_t mark[SEAL_MAC];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(root); i++) {
		root[i] = (uint8_t)(i + 1);
	}
	assert_int_equal(
	    seal_key_read(str_span(root, sizeof(root)), &old_key, &e), 0);
	assert_true(hex_bytes(str_of(row_of_2), row, sizeof(row)));
	binding.issuer = STR("id.example");
	memset(binding.facts, 7, sizeof(binding.facts));
	assert_int_equal(
	    try_open(old_key, str_span(row, sizeof(row)), &binding), ERR_NONE);
	assert_true(hex_bytes(str_of(mark_of_value), right, sizeof(right)));
	seal_mark(old_key, VALUE, mark);
	assert_memory_equal(mark, right, sizeof(mark));
	seal_key_free(old_key);
}

static void
the_clear_part_of_format_1_is_read(void **state)
{
	struct seal_binding read = { 0 };
	uint8_t row[sizeof(old_row) / 2];
	struct err e = { 0 };

	(void)state;
	assert_true(hex_bytes(str_of(old_row), row, sizeof(row)));
	assert_int_equal(
	    seal_row_read(str_span(row, sizeof(row)), &read, &e), 0);
	assert_true(str_eq(read.id, STR("github")));
	assert_int_equal(read.issuer.len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_opens_with_its_key_and_binding),
		cmocka_unit_test(the_bytes_stand_where_the_design_draws_them),
		cmocka_unit_test(a_row_of_format_1_still_opens),
		cmocka_unit_test(another_issuer_or_fact_does_not_open),
		cmocka_unit_test(the_issuer_alone_gets_what_is_its),
		cmocka_unit_test(
		    a_mark_tells_same_from_other_and_needs_the_key),
		cmocka_unit_test(another_key_does_not_open),
		cmocka_unit_test(a_flipped_bit_anywhere_is_found),
		cmocka_unit_test(a_cut_or_longer_row_is_refused),
		cmocka_unit_test(a_value_is_lent_into_room_for_it),
		cmocka_unit_test(another_binding_does_not_open),
		cmocka_unit_test(an_edited_binding_does_not_open),
		cmocka_unit_test(a_refusal_says_what_differs),
		cmocka_unit_test(an_edited_row_is_not_rewrapped),
		cmocka_unit_test(parts_of_two_rows_do_not_open_together),
		cmocka_unit_test(the_clear_part_is_read_without_a_key),
		cmocka_unit_test(a_rewrapped_row_opens_with_the_new_key_alone),
		cmocka_unit_test(a_binding_that_is_none_is_refused),
		cmocka_unit_test(a_value_over_its_bounds_is_refused),
		cmocka_unit_test(a_host_is_allowed_only_as_it_is_bound),
		cmocka_unit_test(every_kind_has_its_own_number_and_name),
		cmocka_unit_test(no_nonce_is_used_twice),
		cmocka_unit_test(a_row_and_a_mark_stay_what_they_are),
		cmocka_unit_test(the_clear_part_of_format_1_is_read),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
