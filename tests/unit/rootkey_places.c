/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "argon_help.h"
#include "must_help.h"
#include "rootkey/rootkey.h"

#define PASS STR("correct horse battery")

/* The contract of macOS's `security` as keychain.c uses it.  It keeps what it
 * was given and every argument it ever saw. */
static const char stand_in[] =
    "#!/bin/sh\n"
    "d=$(dirname \"$0\")\n"
    "echo \"$@\" >> \"$d/arguments\"\n"
    "case \"$1\" in\n"
    "-i) read -r verb u s service a account w hex\n"
    "    [ \"$verb $u $s $a $w\" = 'add-generic-password -U -s -a -w' ] || "
    "exit 2\n"
    "    [ -e \"$d/locked\" ] && exit 51\n"
    "    printf '%s\\n' \"$hex\" > \"$d/item-$service-$account\";;\n"
    "find-generic-password)\n"
    "    [ \"$2 $4 $6\" = '-s -a -w' ] || exit 2\n"
    "    [ -e \"$d/item-$3-$5\" ] || exit 44\n"
    "    cat \"$d/item-$3-$5\";;\n"
    "delete-generic-password) rm \"$d/item-$3-$5\";;\n"
    "*) exit 2;;\n"
    "esac\n";

static char state[64];
static char bin[64];
static char old_path[4096];

static void
put(const char *folder, const char *name, struct str text, unsigned mode)
{
	auto_buf path = { 0 };
	struct err e = { 0 };

	buf_addf(&path, "%s/%s", folder, name);
	assert_int_equal(file_write_atomic(buf_z(&path), text, mode, &e), 0);
}

static void
open_to(const char *folder, const char *name, unsigned mode)
{
	auto_buf path = { 0 };

	buf_addf(&path, "%s/%s", folder, name);
	assert_int_equal(chmod(buf_z(&path), mode), 0);
}

static bool
there(const char *folder, const char *name)
{
	auto_buf path = { 0 };

	buf_addf(&path, "%s/%s", folder, name);
	return access(buf_z(&path), F_OK) == 0;
}

static int
make(void **context)
{
	auto_buf path = { 0 };

	(void)context;
	argon_is_cheap = true;
	(void)snprintf(state, sizeof(state), "/tmp/rootkey-XXXXXX");
	(void)snprintf(bin, sizeof(bin), "/tmp/rootkey-XXXXXX");
	assert_non_null(mkdtemp(state));
	assert_non_null(mkdtemp(bin));
	put(bin, "security", str_of(stand_in), 0755);
	put(state, "vault.pass", PASS, 0600);
	(void)snprintf(old_path, sizeof(old_path), "%s", getenv("PATH"));
	buf_addf(&path, "%s:%s", bin, old_path);
	assert_int_equal(setenv("PATH", buf_z(&path), 1), 0);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	return 0;
}

static void
remove_folder(const char *folder)
{
	DIR *list = opendir(folder);

	assert_non_null(list);
	for (struct dirent *d = readdir(list); d; d = readdir(list)) {
		(void)unlinkat(dirfd(list), d->d_name, 0);
	}
	(void)closedir(list);
	assert_int_equal(rmdir(folder), 0);
}

static int
unmake(void **context)
{
	(void)context;
	assert_int_equal(setenv("PATH", old_path, 1), 0);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	remove_folder(state);
	remove_folder(bin);
	return 0;
}

static void
must_be(const struct seal_key *key)
{
	auto_seal_key found = NULL;
	enum rootkey_source source;
	char one[2 * SEAL_KEY_ID + 1];
	char other[2 * SEAL_KEY_ID + 1];
	struct err e = { 0 };

	if (rootkey_where(state, &source, &e) ||
	    rootkey_read(state, source, &found, &e)) {
		fail_msg("%s", e.text);
	}
	seal_key_id(key, one);
	seal_key_id(found, other);
	assert_string_equal(one, other);
}

static void
move_to(enum rootkey_source to)
{
	struct err e = { 0 };

	if (rootkey_move(state, to, PASS, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
a_key_moves_from_place_to_place_and_stays_the_same(void **context)
{
	static const enum rootkey_source way[] = { ROOTKEY_PASSPHRASE,
		ROOTKEY_KEYCHAIN, ROOTKEY_FILE, ROOTKEY_KEYCHAIN,
		ROOTKEY_PASSPHRASE, ROOTKEY_FILE };
	auto_seal_key key = seal_key_make();
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e), 0);
	must_be(key);
	for (size_t i = 0; i < COUNT(way); i++) {
		enum rootkey_source now;

		move_to(way[i]);
		assert_int_equal(rootkey_where(state, &now, &e), 0);
		assert_int_equal(now, way[i]);
		must_be(key);
		move_to(way[i]); /* whoever was interrupted moves again */
		must_be(key);
	}
}

static void
a_place_that_refuses_leaves_the_old_one_in_force(void **context)
{
	auto_seal_key key = seal_key_make();
	enum rootkey_source now;
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e), 0);
	put(bin, "locked", STR("x"), 0600);
	assert_int_equal(rootkey_move(state, ROOTKEY_KEYCHAIN, PASS, &e), -1);
	assert_non_null(strstr(e.text, "51"));
	assert_false(there(state, "vault.source"));
	assert_int_equal(
	    rootkey_move(state, ROOTKEY_PASSPHRASE, STR("short"), &e), -1);
	assert_int_equal(rootkey_where(state, &now, &e), 0);
	assert_int_equal(now, ROOTKEY_FILE);
	must_be(key);
	assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
	assert_int_equal(rootkey_move(state, ROOTKEY_KEYCHAIN, PASS, &e), -1);
	assert_non_null(strstr(e.text, "no program"));
	must_be(key);
}

/* Proven: what the new place gives back must be this key. */
static void
a_place_that_gives_back_another_key_is_not_taken(void **context)
{
	static const char liar[] =
	    "#!/bin/sh\n"
	    "d=$(dirname \"$0\")\n"
	    "[ \"$1\" = -i ] && touch \"$d/locked\" && exit 0\n"
	    "[ -e \"$d/locked\" ] || exit 44\n"
	    "printf '%064d\\n' 7\n";
	auto_seal_key key = seal_key_make();
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e), 0);
	put(bin, "security", str_of(liar), 0755);
	assert_int_equal(rootkey_move(state, ROOTKEY_KEYCHAIN, PASS, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_false(there(state, "vault.source"));
	/* The same when it was there before. */
	assert_int_equal(rootkey_move(state, ROOTKEY_KEYCHAIN, PASS, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	must_be(key);
}

/* What is sealed under the first would be lost. */
static void
a_house_has_one_first_key(void **context)
{
	static const enum rootkey_source others[] = { ROOTKEY_FILE,
		ROOTKEY_PASSPHRASE, ROOTKEY_KEYCHAIN };
	auto_seal_key key = seal_key_make();
	auto_seal_key other = seal_key_make();

	(void)context;
	for (size_t i = 0; i < COUNT(others); i++) {
		struct err e = { 0 };

		if (i == 0) {
			assert_int_equal(
			    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e),
			    0);
		}
		assert_int_equal(
		    rootkey_keep(state, others[i], other, PASS, &e), -1);
		assert_int_equal(e.kind, ERR_CONFLICT);
		must_be(key);
	}
}

/* Whether it holds one cannot be told: it is not written over. */
static void
a_place_that_cannot_be_asked_is_not_written(void **context)
{
	static const char locked[] = "#!/bin/sh\n"
	                             "[ \"$1\" = -i ] || exit 51\n"
	                             "touch \"$(dirname \"$0\")/written\"\n";
	auto_seal_key key = seal_key_make();
	struct err e = { 0 };

	(void)context;
	put(bin, "security", str_of(locked), 0755);
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_KEYCHAIN, key, STR(""), &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_false(there(bin, "written"));
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e), 0);
	assert_int_equal(rootkey_move(state, ROOTKEY_KEYCHAIN, PASS, &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_false(there(bin, "written"));
	must_be(key);
}

static void
a_program_that_takes_its_reader_along_is_an_error(void **context)
{
	static const char killer[] = "#!/bin/sh\nkill -9 $PPID\n";
	auto_seal_key none = NULL;
	struct err e = { 0 };

	(void)context;
	put(bin, "security", str_of(killer), 0755);
	assert_int_equal(rootkey_read(state, ROOTKEY_KEYCHAIN, &none, &e), -1);
	assert_int_equal(e.kind, ERR_IO);
	assert_non_null(strstr(e.text, "without a word"));
}

static void
keep_the_next_one_outside_a_file(void)
{
	auto_seal_key key = seal_key_make();
	struct err e = { 0 };

	(void)!rootkey_next_keep(state, ROOTKEY_KEYCHAIN, key, &e);
}

static void
the_next_key_lies_in_a_file(void **context)
{
	(void)context;
	assert_true(breaks_a_promise(keep_the_next_one_outside_a_file));
}

static void
no_argument_of_a_program_holds_a_key(void **context)
{
	auto_seal_key key = seal_key_make();
	auto_secret raw = NULL;
	auto_buf hex = { 0 };
	auto_buf path = { 0 };
	auto_buf seen = { 0 };
	struct str clear;
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_KEYCHAIN, key, STR(""), &e), 0);
	must_be(key);
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_KEYCHAIN, key, STR(""), &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	seal_key_export(key, &raw);
	secret_open(raw, &clear);
	hex_add(&hex, clear);
	buf_addf(&path, "%s/arguments", bin);
	assert_int_equal(file_read(buf_z(&path), 4096, &seen, &e), 0);
	assert_true(str_has_str(buf_str(&seen), STR("find-generic-password")));
	assert_false(str_has_str(buf_str(&seen), buf_str(&hex)));
}

static void
a_key_is_forgotten_only_where_it_is_not_in_force(void **context)
{
	auto_seal_key key = seal_key_make();
	auto_seal_key none = NULL;
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e), 0);
	assert_int_equal(rootkey_forget(state, ROOTKEY_FILE, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	/* The same file, by its other name. */
	e = (struct err){ 0 };
	assert_int_equal(rootkey_forget(state, ROOTKEY_PASSPHRASE, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_non_null(strstr(e.text, rootkey_what(ROOTKEY_FILE)));
	must_be(key);
	move_to(ROOTKEY_KEYCHAIN);
	assert_true(there(state, "vault.key")); /* until it is said */
	assert_int_equal(rootkey_forget(state, ROOTKEY_KEYCHAIN, &e), -1);
	assert_int_equal(rootkey_forget(state, ROOTKEY_FILE, &e), 0);
	assert_false(there(state, "vault.key"));
	must_be(key);
	move_to(ROOTKEY_FILE);
	assert_int_equal(rootkey_forget(state, ROOTKEY_KEYCHAIN, &e), 0);
	assert_int_equal(rootkey_read(state, ROOTKEY_KEYCHAIN, &none, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
	must_be(key);
}

static void
a_systemd_credential_is_proven_and_never_written(void **context)
{
	auto_seal_key key = seal_key_make();
	auto_secret raw = NULL;
	enum rootkey_source now;
	struct str clear;
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_SYSTEMD, key, STR(""), &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e), 0);
	assert_int_equal(rootkey_move(state, ROOTKEY_SYSTEMD, PASS, &e), -1);
	assert_int_equal(e.kind, ERR_MISSING);
	put(state, "vault.source", STR("file\n"), 0644);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", bin, 1), 0);
	put(bin, "handrail-vault-key", STR("0123456789abcdef0123456789abcdef"),
	    0600);
	assert_int_equal(rootkey_move(state, ROOTKEY_SYSTEMD, PASS, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	seal_key_export(key, &raw);
	secret_open(raw, &clear);
	put(bin, "handrail-vault-key", clear, 0444);
	assert_int_equal(rootkey_move(state, ROOTKEY_SYSTEMD, PASS, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	/* As systemd makes it: root's, with the mask of an ACL. */
	open_to(bin, "handrail-vault-key", geteuid() == 0 ? 0440 : 0400);
	move_to(ROOTKEY_SYSTEMD);
	assert_int_equal(rootkey_where(state, &now, &e), 0);
	assert_int_equal(now, ROOTKEY_SYSTEMD);
	must_be(key);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(rootkey_read(state, now, &key, &e), -1);
}

/* It is in force as soon as it is handed over, and nobody has compared it: what
 * is sealed opens by the key in the file alone. */
static void
a_credential_of_another_key_takes_the_place_of_none(void **context)
{
	auto_seal_key key = seal_key_make();
	auto_secret raw = NULL;
	struct str clear;
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_FILE, key, STR(""), &e), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", bin, 1), 0);
	put(bin, "handrail-vault-key", STR("0123456789abcdef0123456789abcdef"),
	    0600);
	assert_int_equal(rootkey_move(state, ROOTKEY_SYSTEMD, PASS, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_int_equal(rootkey_move(state, ROOTKEY_FILE, PASS, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_int_equal(rootkey_forget(state, ROOTKEY_FILE, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	must_be(key);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", bin, 1), 0);
	seal_key_export(key, &raw);
	secret_open(raw, &clear);
	put(bin, "handrail-vault-key", clear, 0600);
	move_to(ROOTKEY_SYSTEMD);
	assert_int_equal(rootkey_forget(state, ROOTKEY_FILE, &e), 0);
	must_be(key);
}

#define NEW STR("another battery of horses")

static bool
pass_is(struct str pass)
{
	auto_buf path = { 0 };
	auto_buf bytes = { 0 };
	struct err e = { 0 };

	buf_addf(&path, "%s/vault.pass", state);
	assert_int_equal(file_read(buf_z(&path), 4096, &bytes, &e), 0);
	return str_eq(buf_str(&bytes), pass);
}

static void
another_passphrase_takes_the_place_of_the_old(void **context)
{
	auto_seal_key key = seal_key_make();
	auto_seal_key none = NULL;
	auto_buf path = { 0 };
	auto_buf was = { 0 };
	struct err e = { 0 };

	(void)context;
	buf_addf(&path, "%s/vault.key", state);
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_PASSPHRASE, key, PASS, &e), 0);
	assert_int_equal(file_read(buf_z(&path), 4096, &was, &e), 0);
	assert_int_equal(
	    rootkey_move(state, ROOTKEY_PASSPHRASE, STR("short"), &e), -1);
	must_be(key);
	assert_true(pass_is(PASS));
	assert_int_equal(rootkey_move(state, ROOTKEY_PASSPHRASE, NEW, &e), 0);
	assert_true(pass_is(NEW));
	assert_false(there(state, "vault.pass.next"));
	must_be(key);
	/* The old one opens it no more. */
	put(state, "vault.pass", PASS, 0600);
	assert_int_equal(
	    rootkey_read(state, ROOTKEY_PASSPHRASE, &none, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	/* It fell between the file and its passphrase: both are there. */
	put(state, "vault.pass.next", NEW, 0600);
	must_be(key);
	/* A third one does not overwrite the one that opens. */
	assert_int_equal(
	    rootkey_move(state, ROOTKEY_PASSPHRASE, STR("short"), &e), -1);
	must_be(key);
	assert_true(pass_is(NEW));
	/* It fell before the file: the next one opens nothing yet. */
	put(state, "vault.key", buf_str(&was), 0600);
	put(state, "vault.pass", PASS, 0600);
	put(state, "vault.pass.next", NEW, 0600);
	must_be(key);
	assert_int_equal(rootkey_move(state, ROOTKEY_PASSPHRASE, NEW, &e), 0);
	assert_true(pass_is(NEW));
	must_be(key);
}

static bool
next_is(const struct seal_key *key)
{
	auto_seal_key next = NULL;
	char one[2 * SEAL_KEY_ID + 1];
	char other[2 * SEAL_KEY_ID + 1];
	struct err e = { 0 };

	assert_int_equal(rootkey_next_read(state, &next, &e), 0);
	seal_key_id(key, one);
	seal_key_id(next, other);
	return strcmp(one, other) == 0;
}

/* Of a change that fell behind its transaction it is the only one that opens
 * what is sealed. */
static void
a_next_key_is_not_written_over_by_a_move(void **context)
{
	static const enum rootkey_source to[] = { ROOTKEY_FILE,
		ROOTKEY_PASSPHRASE, ROOTKEY_KEYCHAIN };
	auto_seal_key key = seal_key_make();
	auto_seal_key next = seal_key_make();
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_PASSPHRASE, key, PASS, &e), 0);
	assert_int_equal(
	    rootkey_next_keep(state, ROOTKEY_PASSPHRASE, next, &e), 0);
	for (size_t i = 0; i < COUNT(to); i++) {
		e = (struct err){ 0 };
		assert_int_equal(rootkey_move(state, to[i], NEW, &e), -1);
		assert_int_equal(e.kind, ERR_CONFLICT);
		assert_non_null(strstr(e.text, "vault rekey"));
		assert_true(next_is(next));
		must_be(key);
	}
	/* Nor one that nobody can tell. */
	put(state, "vault.key.next", STR("half a key"), 0600);
	assert_int_equal(rootkey_move(state, ROOTKEY_FILE, STR(""), &e), -1);
	assert_true(there(state, "vault.key.next"));
	/* What an interrupted move left is the same key. */
	assert_int_equal(
	    rootkey_next_keep(state, ROOTKEY_PASSPHRASE, key, &e), 0);
	move_to(ROOTKEY_FILE);
	must_be(key);
	assert_false(there(state, "vault.key.next"));
}

/* Each file of the key, and what the mistake is not: a wrong passphrase. */
static void
a_key_or_passphrase_that_others_may_read_is_refused(void **context)
{
	static const char *const names[] = { "vault.key", "vault.pass" };
	auto_seal_key key = seal_key_make();
	auto_seal_key none = NULL;
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_PASSPHRASE, key, PASS, &e), 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		open_to(state, names[i], 0640);
		assert_int_equal(
		    rootkey_read(state, ROOTKEY_PASSPHRASE, &none, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_non_null(strstr(e.text, "`chmod 600 "));
		assert_non_null(strstr(e.text, names[i]));
		assert_null(strstr(e.text, "made with"));
		assert_int_equal(
		    rootkey_next_keep(state, ROOTKEY_PASSPHRASE, key, &e),
		    i == 0 ? 0 : -1);
		open_to(state, names[i], 0600);
		must_be(key);
	}
	/* Nor does the next one take its place. */
	open_to(state, "vault.pass", 0640);
	put(state, "vault.pass.next", PASS, 0600);
	assert_int_equal(
	    rootkey_read(state, ROOTKEY_PASSPHRASE, &none, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	open_to(state, "vault.key.next", 0604);
	assert_int_equal(rootkey_next_read(state, &none, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
}

/* Another key in its place would lose all that the old one sealed. */
static void
of_a_damaged_key_file_the_copy_is_asked_for(void **context)
{
	auto_seal_key key = seal_key_make();
	auto_seal_key none = NULL;
	auto_buf path = { 0 };
	auto_buf whole = { 0 };
	struct err e = { 0 };

	(void)context;
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_PASSPHRASE, key, PASS, &e), 0);
	buf_addf(&path, "%s/vault.key", state);
	assert_int_equal(file_read(buf_z(&path), 4096, &whole, &e), 0);
	for (size_t cut = 0; cut < 2; cut++) {
		whole.at[4] = (char)(whole.at[4] + 1); /* its format */
		put(state, "vault.key",
		    str_sub(buf_str(&whole), cut, whole.len), 0600);
		assert_int_equal(
		    rootkey_read(state, ROOTKEY_PASSPHRASE, &none, &e), -1);
		assert_non_null(strstr(e.text, "put the kept copy back"));
		assert_non_null(strstr(e.text, "opens nothing"));
	}
}

static void
the_longest_passphrase_may_end_its_line(void **context)
{
	auto_seal_key key = seal_key_make();
	char text[SEAL_PASS_MAX + 2];
	struct str pass = { text, SEAL_PASS_MAX + 1 };
	struct err e = { 0 };
	auto_seal_key none = NULL;

	(void)context;
	memset(text, 'p', sizeof(text));
	text[SEAL_PASS_MAX] = '\n';
	assert_int_equal(
	    rootkey_keep(state, ROOTKEY_PASSPHRASE, key, pass, &e), 0);
	put(state, "vault.pass", pass, 0600);
	must_be(key);
	put(state, "vault.pass", str_span(text + 1, sizeof(text) - 1), 0600);
	assert_int_equal(
	    rootkey_read(state, ROOTKEY_PASSPHRASE, &none, &e), -1);
}

static void
a_source_that_is_none_is_refused(void **context)
{
	enum rootkey_source source = ROOTKEY_FILE;
	struct err e = { 0 };

	(void)context;
	put(state, "vault.source", STR("cloud\n"), 0644);
	assert_int_equal(rootkey_where(state, &source, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	for (int i = 0; i < ROOTKEY_COUNT; i++) {
		assert_true(rootkey_parse(
		    str_of(rootkey_name((enum rootkey_source)i)), &source));
		assert_int_equal(source, i);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_moves_from_place_to_place_and_stays_the_same),
		TEST(a_place_that_refuses_leaves_the_old_one_in_force),
		TEST(a_place_that_gives_back_another_key_is_not_taken),
		TEST(a_house_has_one_first_key),
		TEST(a_place_that_cannot_be_asked_is_not_written),
		TEST(a_program_that_takes_its_reader_along_is_an_error),
		TEST(the_next_key_lies_in_a_file),
		TEST(no_argument_of_a_program_holds_a_key),
		TEST(a_key_is_forgotten_only_where_it_is_not_in_force),
		TEST(a_systemd_credential_is_proven_and_never_written),
		TEST(a_credential_of_another_key_takes_the_place_of_none),
		TEST(another_passphrase_takes_the_place_of_the_old),
		TEST(a_next_key_is_not_written_over_by_a_move),
		TEST(a_key_or_passphrase_that_others_may_read_is_refused),
		TEST(of_a_damaged_key_file_the_copy_is_asked_for),
		TEST(the_longest_passphrase_may_end_its_line),
		TEST(a_source_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
