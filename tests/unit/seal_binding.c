/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and bindings as anybody can write them, before a key looks at them. */
#include "seal_help.h"

static int
make_key(void **state)
{
	(void)state;
	key = seal_key_make();
	return 0;
}

static int
free_key(void **state)
{
	(void)state;
	seal_key_free(key);
	return 0;
}

/* What lists read, and no key has looked at. */
static int
reads(struct str row)
{
	struct seal_binding read = { 0 };
	struct err e = { 0 };

	if (seal_row_read(row, &read, &e) == 0) {
		return 0;
	}
	assert_int_equal(e.kind, ERR_INPUT);
	assert_null(read.id.at);
	return -1;
}

static void
a_row_without_its_front_or_value_is_not_read(void **state)
{
	auto_buf row = { 0 };
	const size_t more = SEAL_VALUE_MAX - VALUE.len;

	(void)state;
	make_row(&row);
	assert_int_equal(reads(buf_str(&row)), 0);
	for (size_t bit = 0; bit < (size_t)8 * 6; bit++) {
		row.at[bit / 8] = (char)(row.at[bit / 8] ^ (1 << bit % 8));
		assert_int_equal(reads(buf_str(&row)), -1);
		row.at[bit / 8] = (char)(row.at[bit / 8] ^ (1 << bit % 8));
	}
	assert_int_equal(
	    reads(str_sub(buf_str(&row), 0, row.len - VALUE.len + 1)), 0);
	assert_int_equal(
	    reads(str_sub(buf_str(&row), 0, row.len - VALUE.len)), -1);
	memset(buf_room(&row, more + 1), 0, more + 1);
	buf_grew(&row, more);
	assert_int_equal(reads(buf_str(&row)), 0);
	buf_grew(&row, 1);
	assert_int_equal(reads(buf_str(&row)), -1);
}

/* A row of format 2 around a binding, as anybody can write one. */
static int
reads_around(struct str binding)
{
	static const uint8_t rest[24 + 48 + 24 + 16 + 1];
	auto_buf row = { 0 };

	buf_add(&row, STR("HRSR\x02\x01"));
	buf_add_byte(&row, (uint8_t)binding.len);
	buf_add_byte(&row, (uint8_t)(binding.len >> 8));
	buf_add(&row, STR("12345678"));
	buf_add(&row, binding);
	buf_add(&row, str_span(rest, sizeof(rest)));
	return reads(buf_str(&row));
}

static void
bind_by_hand(struct buf *out, const char *front, size_t count,
    struct str (*host)(size_t i))
{
	static const uint8_t end[2 + SEAL_FACTS];

	buf_clear(out);
	buf_add(out, str_span(front, 9)); /* id "id", version, kind */
	buf_add_byte(out, (uint8_t)count);
	buf_add_byte(out, (uint8_t)(count >> 8));
	for (size_t i = 0; i < count; i++) {
		buf_add(out, STR("\x02\0"));
		buf_add(out, host(i));
	}
	buf_add(out, str_span(end, sizeof(end)));
}

static struct str
rising(size_t i)
{
	static char text[2];

	text[0] = (char)('a' + i / 26);
	text[1] = (char)('a' + i % 26);
	return str_span(text, sizeof(text));
}

static struct str
falling(size_t i)
{
	return rising(600 - i);
}

static struct str
the_same(size_t i)
{
	return rising(i * 0);
}

static struct str
in_capitals(size_t i)
{
	return i ? STR("Zz") : STR("AA");
}

#define FRONT "\x02\0id\x01\0\0\0\x01"

static void
a_binding_that_no_seal_would_write_is_not_read(void **state)
{
	auto_buf bound = { 0 };

	(void)state;
	bind_by_hand(&bound, FRONT, SEAL_HOSTS_MAX, rising);
	assert_int_equal(reads_around(buf_str(&bound)), 0);
	for (size_t len = 0; len < bound.len; len++) {
		assert_int_equal(reads_around(str_span(bound.at, len)), -1);
	}
	buf_add_byte(&bound, 0);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	/* More than there is room for, and so many that they would go far. */
	bind_by_hand(&bound, FRONT, SEAL_HOSTS_MAX + 1, rising);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	bind_by_hand(&bound, FRONT, 600, rising);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	bind_by_hand(&bound, FRONT, 0, rising);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	bind_by_hand(&bound, FRONT, 2, falling);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	bind_by_hand(&bound, FRONT, 2, the_same);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	bind_by_hand(&bound, FRONT, 2, in_capitals);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	bind_by_hand(&bound, "\x02\0i \x01\0\0\0\x01", 1, rising);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	bind_by_hand(&bound, "\x02\0id\0\0\0\0\x01", 1, rising);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	bind_by_hand(&bound, "\x02\0id\x01\0\0\0\x07", 1, rising);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
	/* One kind in the row, another in its binding. */
	bind_by_hand(&bound, "\x02\0id\x01\0\0\0\x02", 1, rising);
	assert_int_equal(reads_around(buf_str(&bound)), -1);
}

static enum err_kind
try_seal(const struct seal_binding *binding)
{
	auto_buf row = { 0 };
	struct err e = { 0 };

	if (seal_row(key, binding, VALUE, &row, &e)) {
		return e.kind;
	}
	assert_int_equal(reads(buf_str(&row)), 0);
	return ERR_NONE;
}

static void
a_binding_keeps_its_bounds(void **state)
{
	struct seal_binding binding = binding_of();
	char text[SEAL_HOST_MAX + 1];
	char hosts[SEAL_HOSTS_MAX][2];

	(void)state;
	memset(text, 'a', sizeof(text));
	binding.id = str_span(text, SEAL_ID_MAX);
	assert_int_equal(try_seal(&binding), ERR_NONE);
	binding.id = str_span(text, SEAL_ID_MAX + 1);
	assert_int_equal(try_seal(&binding), ERR_INPUT);
	binding = binding_of();
	binding.hosts[0] = str_span(text, SEAL_HOST_MAX);
	assert_int_equal(try_seal(&binding), ERR_NONE);
	binding.hosts[0] = str_span(text, SEAL_HOST_MAX + 1);
	assert_int_equal(try_seal(&binding), ERR_INPUT);
	/* The port is a part of it. */
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): has no end */
	memcpy(text + sizeof(text) - 5, ":8443", 5);
	binding.hosts[0] = str_span(text + 1, SEAL_HOST_MAX);
	assert_int_equal(try_seal(&binding), ERR_NONE);
	binding.hosts[0] = str_span(text, SEAL_HOST_MAX + 1);
	assert_int_equal(try_seal(&binding), ERR_INPUT);
	for (size_t i = 0; i < SEAL_HOSTS_MAX; i++) {
		memcpy(hosts[i], rising(i).at, 2);
		binding.hosts[i] = str_span(hosts[i], 2);
	}
	binding.host_count = SEAL_HOSTS_MAX;
	binding.issuer = STR("id.example"); /* it lies behind the last */
	assert_int_equal(try_seal(&binding), ERR_NONE);
	binding.host_count++;
	assert_int_equal(try_seal(&binding), ERR_INPUT);
}

/* Of an id and of a host: letters, digits, and ".-_". */
static void
each_byte_of_a_name_is_looked_at(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char c = (char)byte;
		bool lower = (byte >= 'a' && byte <= 'z') ||
		             (byte >= '0' && byte <= '9') || byte == '.' ||
		             byte == '-' || byte == '_';
		bool upper = byte >= 'A' && byte <= 'Z';
		struct seal_binding binding = binding_of();

		binding.id = str_span(&c, 1);
		assert_int_equal(
		    try_seal(&binding), lower || upper ? ERR_NONE : ERR_INPUT);
		binding = binding_of();
		binding.hosts[0] = str_span(&c, 1);
		assert_int_equal(
		    try_seal(&binding), lower ? ERR_NONE : ERR_INPUT);
	}
}

static void
a_port_is_one_that_can_be_dialled(void **state)
{
	static const struct {
		struct str host;
		enum err_kind kind;
	} rows[] = {
		{ STR("a:1"), ERR_NONE },
		{ STR("a:65535"), ERR_NONE },
		{ STR("a:0"), ERR_INPUT },
		{ STR("a:65536"), ERR_INPUT },
		{ STR("a:01"), ERR_INPUT },
		{ STR("a:"), ERR_INPUT },
		{ STR(":1"), ERR_INPUT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct seal_binding binding = binding_of();

		binding.hosts[0] = rows[i].host;
		assert_int_equal(try_seal(&binding), rows[i].kind);
	}
}

static void
issuer_and_facts_read_back(void **state)
{
	struct seal_binding binding = binding_of();
	struct seal_binding read = { 0 };
	auto_buf row = { 0 };
	struct err e = { 0 };

	(void)state;
	binding.issuer = STR("id.example");
	memset(binding.facts, 7, sizeof(binding.facts));
	assert_int_equal(seal_row(key, &binding, VALUE, &row, &e), 0);
	assert_int_equal(seal_row_read(buf_str(&row), &read, &e), 0);
	assert_true(str_eq(read.issuer, binding.issuer));
	assert_memory_equal(read.facts, binding.facts, SEAL_FACTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_without_its_front_or_value_is_not_read),
		cmocka_unit_test(
		    a_binding_that_no_seal_would_write_is_not_read),
		cmocka_unit_test(a_binding_keeps_its_bounds),
		cmocka_unit_test(each_byte_of_a_name_is_looked_at),
		cmocka_unit_test(a_port_is_one_that_can_be_dialled),
		cmocka_unit_test(issuer_and_facts_read_back),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
