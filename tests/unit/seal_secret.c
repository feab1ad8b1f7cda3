/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "seal/seal.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define NEEDLE "needle-in-the-memory"

static void
a_secret_opens_as_it_was_put(void **state)
{
	struct secret *secret = secret_new(STR("a\0b"));
	struct str bytes;

	(void)state;
	secret_open(secret, &bytes);
	assert_true(str_eq(bytes, STR("a\0b")));
	secret_free(secret);
	secret = secret_new(STR(""));
	secret_open(secret, &bytes);
	assert_int_equal(bytes.len, 0);
	secret_free(secret);
	secret_free(NULL);
}

/* Longer than a page that is used again, and more at once than are kept. */
static void
no_secret_lies_in_another(void **state)
{
	struct secret *secrets[64];
	char text[5000];
	struct str bytes;

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(secrets); i++) {
			size_t size = i % 2 ? sizeof(text) : 100 + i;

			memset(text, 'A' + (int)i, sizeof(text));
			secrets[i] = secret_new(str_span(text, size));
		}
		for (size_t i = 0; i < COUNT(secrets); i++) {
			size_t size = i % 2 ? sizeof(text) : 100 + i;

			memset(text, 'A' + (int)i, sizeof(text));
			secret_open(secrets[i], &bytes);
			assert_true(str_eq(bytes, str_span(text, size)));
		}
		for (size_t i = 0; i < COUNT(secrets); i++) {
			secret_free(secrets[i]);
		}
	}
}

/* What a wrong access costs: the child must die of it. */
static int
signal_of(void (*act)(void))
{
	static const struct rlimit none = { 0, 0 };
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSEGV, SIG_DFL);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(2);
		act();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
write_into(void)
{
	auto_secret secret = secret_new(STR(NEEDLE));
	struct str bytes;

	secret_open(secret, &bytes);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	((volatile char *)(uintptr_t)bytes.at)[0] = 'x';
}

static void
read_behind(void)
{
	auto_secret secret = secret_new(STR(NEEDLE));
	struct str bytes;
	volatile char c;

	secret_open(secret, &bytes);
	c = ((const volatile char *)bytes.at)[bytes.len];
	(void)c;
}

static void
read_freed(void)
{
	struct secret *secret = secret_new(STR(NEEDLE));
	struct str bytes;
	volatile char c;

	secret_open(secret, &bytes);
	secret_free(secret);
	c = ((const volatile char *)bytes.at)[0];
	(void)c;
}

static void
a_secret_is_fenced(void **state)
{
	(void)state;
	assert_int_equal(signal_of(write_into), SIGSEGV);
	assert_int_equal(signal_of(read_behind), SIGSEGV);
	assert_int_equal(signal_of(read_freed), SIGSEGV);
}

/* Guarded memory is used again: nothing of the last secret is in it. */
static void
what_was_freed_is_gone_from_the_next(void **state)
{
	struct str bytes;
	struct str next;

	(void)state;
	struct secret *first = secret_new(STR(NEEDLE NEEDLE));

	secret_open(first, &bytes);
	secret_free(first);
	struct secret *second = secret_new(STR("short"));

	secret_open(second, &next);
	assert_true(str_eq(next, STR("short")));
	/* The same pages, if they are: what lies before it is empty. */
	assert_ptr_equal(next.at + next.len, bytes.at + bytes.len);
	for (size_t i = 1; i <= bytes.len - next.len; i++) {
		assert_int_equal(next.at[-(ptrdiff_t)i], 0);
	}
	secret_free(second);
}

static unsigned
count_in(struct str bytes, struct str needle)
{
	unsigned count = 0;
	const char *at = bytes.at;
	size_t left = bytes.len;

	while ((at = memmem(at, left, needle.at, needle.len))) {
		at++;
		left = (size_t)(bytes.at + bytes.len - at);
		count++;
	}
	return count;
}

/* Every page this process can read, for the secret's bytes. */
static unsigned
count_in_memory(struct str needle)
{
	auto_buf maps = { 0 };
	struct err e = { 0 };
	struct str rest;
	struct str line;
	unsigned count = 0;

	assert_int_equal(file_read("/proc/self/maps", 1 << 24, &maps, &e), 0);
	rest = buf_str(&maps);
	while (str_cut(&rest, '\n', &line)) {
		unsigned long from;
		unsigned long to;
		char mode;

		/* NOLINTNEXTLINE(cert-err34-c) */
		if (sscanf(line.at, "%lx-%lx %c", &from, &to, &mode) != 3 ||
		    mode != 'r' || str_has_str(line, STR("[v"))) {
			continue;
		}
		/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
		const char *at = (const char *)from;
		count += count_in(str_span(at, to - from), needle);
	}
	return count;
}

/* The needle is made at run time, so that it stands in memory only where this
 * test puts it: here, and in the secret. */
static void
a_freed_secret_is_wiped(void **state)
{
	char needle[33];
	uint8_t bytes[16];
	const struct str text = { needle, sizeof(needle) - 1 };
	unsigned before;

	(void)state;
	if (SANITIZED) {
		print_message("# a sanitizer's memory cannot be read\n");
		skip();
	}
	random_bytes(bytes, sizeof(bytes));
	hex_text(bytes, sizeof(bytes), needle);
	before = count_in_memory(text);
	assert_true(before >= 1);

	struct secret *secret = secret_new(text);
	assert_int_equal(count_in_memory(text), before + 1);
	secret_free(secret);
	assert_int_equal(count_in_memory(text), before);
}

static void
secrets_are_locked_and_not_dumped(void **state)
{
	auto_secret secret = NULL;
	auto_buf smaps = { 0 };
	struct err e = { 0 };
	struct str rest;
	struct str line;
	struct str bytes;
	bool inside = false;
	bool seen = false;

	(void)state;
	secret_free(secret_new(STR(NEEDLE)));
	if (SANITIZED || !secret_memory_locked()) {
		print_message("# RLIMIT_MEMLOCK is too small, or a sanitizer "
		              "takes mlock away\n");
		skip();
	}
	secret = secret_new(STR(NEEDLE));
	secret_open(secret, &bytes);
	assert_int_equal(file_read("/proc/self/smaps", 1 << 26, &smaps, &e), 0);
	rest = buf_str(&smaps);
	while (str_cut(&rest, '\n', &line)) {
		unsigned long from;
		unsigned long to;

		/* NOLINTNEXTLINE(cert-err34-c) */
		if (sscanf(line.at, "%lx-%lx ", &from, &to) == 2) {
			inside = from <= (unsigned long)bytes.at &&
			         (unsigned long)bytes.at < to;
		}
		if (inside && str_starts(line, STR("VmFlags:"))) {
			seen = true;
			assert_true(str_has_str(line, STR(" lo")));
			assert_true(str_has_str(line, STR(" dd")));
		}
	}
	assert_true(seen);
}

/* An ordinary user's, of whom nothing may be locked. */
static void
memory_that_is_not_locked_is_told(void **state)
{
	static const struct rlimit none = { 0, 0 };
	int status = 0;
	pid_t child;

	(void)state;
	if (SANITIZED) {
		print_message("# a sanitizer takes mlock away\n");
		skip();
	}
	child = fork();
	if (child == 0) {
		if (setrlimit(RLIMIT_MEMLOCK, &none) ||
		    (geteuid() == 0 && setuid(65534))) {
			_exit(2);
		}
		secret_free(secret_new(STR(NEEDLE NEEDLE)));
		_exit(secret_memory_locked());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* What came out of a row and out of a box, and the key itself. */
static void
write_into_value(void (*open)(struct seal_key *key, struct secret **value))
{
	auto_seal_key key = seal_key_make();
	auto_secret value = NULL;
	struct str bytes;

	open(key, &value);
	secret_open(value, &bytes);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
	((volatile char *)(uintptr_t)bytes.at)[0] = 'x';
}

static void
open_row(struct seal_key *key, struct secret **value)
{
	const struct seal_binding binding = { .id = STR("id"),
		.version = 1,
		.kind = SEAL_BASIC,
		.host_count = 1,
		.hosts = { STR("a") } };
	auto_buf row = { 0 };
	struct err e = { 0 };

	must(seal_row(key, &binding, STR(NEEDLE), &row, &e) == 0);
	must(seal_row_open(key, buf_str(&row), &binding, value, &e) == 0);
}

static void
open_box(struct seal_key *key, struct secret **value)
{
	uint8_t public[SEAL_PUBLIC];
	auto_buf box = { 0 };
	struct err e = { 0 };

	seal_box_public(key, public);
	must(seal_box(public, STR(NEEDLE), &box, &e) == 0);
	must(seal_box_open(key, buf_str(&box), value, &e) == 0);
}

static void
write_into_row(void)
{
	write_into_value(open_row);
}

static void
write_into_box(void)
{
	write_into_value(open_box);
}

static void
write_into_key(void)
{
	auto_seal_key key = seal_key_make();

	*(volatile char *)key = 'x';
}

static void
what_was_opened_and_the_key_cannot_be_written(void **state)
{
	(void)state;
	assert_int_equal(signal_of(write_into_row), SIGSEGV);
	assert_int_equal(signal_of(write_into_box), SIGSEGV);
	assert_int_equal(signal_of(write_into_key), SIGSEGV);
}

static void
read_at(const volatile char *at)
{
	(void)*at;
}

/* Longer than a page that is used again. */
static void
read_freed_long(void)
{
	static const char text[5000] = NEEDLE;
	struct secret *secret = secret_new(str_span(text, sizeof(text)));
	struct str bytes;

	secret_open(secret, &bytes);
	secret_free(secret);
	read_at(bytes.at);
}

static void
read_freed_key(void)
{
	const volatile char *at;
	{
		auto_seal_key key = seal_key_make();

		at = (const volatile char *)key;
	}
	read_at(at);
}

static void
read_behind_its_scope(void)
{
	struct str bytes;
	{
		auto_secret secret = secret_new(STR(NEEDLE));

		secret_open(secret, &bytes);
	}
	read_at(bytes.at);
}

static void
what_is_over_cannot_be_read(void **state)
{
	(void)state;
	assert_int_equal(signal_of(read_freed_long), SIGSEGV);
	assert_int_equal(signal_of(read_freed_key), SIGSEGV);
	assert_int_equal(signal_of(read_behind_its_scope), SIGSEGV);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_that_is_not_locked_is_told),
		cmocka_unit_test(what_was_freed_is_gone_from_the_next),
		cmocka_unit_test(a_secret_opens_as_it_was_put),
		cmocka_unit_test(no_secret_lies_in_another),
		cmocka_unit_test(a_secret_is_fenced),
		cmocka_unit_test(a_freed_secret_is_wiped),
		cmocka_unit_test(secrets_are_locked_and_not_dumped),
		cmocka_unit_test(what_was_opened_and_the_key_cannot_be_written),
		cmocka_unit_test(what_is_over_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
