/* SPDX-License-Identifier: Apache-2.0 */
/* The root key of a house: made once, moved from place to place.  No house is
 * needed, and none is disturbed. */
#include <unistd.h>

#include "cli/vault.h"
#include "rootkey/rootkey.h"

/* Reads --source, --to or --forget; without it the default stands. */
static int
take_place(const char *name, enum rootkey_source *place, struct err *e)
{
	return !name || rootkey_parse(str_of(name), place)
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "%s is no place for a key: file, passphrase, systemd, "
	                 "secret-service or keychain",
	                 err_quote(str_of(name)));
}

/* The passphrase of a file, to be wiped. */
static int
take_pass(const char *file, enum rootkey_source place, struct buf *pass,
    struct err *e)
{
	if ((place == ROOTKEY_PASSPHRASE) != (file != NULL)) {
		return err_set(e, ERR_INPUT,
		    "the place passphrase, and it alone, wants "
		    "--passphrase-file F");
	}
	return file ? file_read_given_secret(file, ROOTKEY_PASS_FILE, pass, e)
	            : 0;
}

static void
say_passphrase(const struct cli *c, enum rootkey_source place)
{
	if (place == ROOTKEY_PASSPHRASE) {
		printf("the house reads the passphrase from %s/vault.pass\n",
		    c->state);
	}
}

/* The one and the other are vault.key. */
static bool
is_file(enum rootkey_source place)
{
	return place == ROOTKEY_FILE || place == ROOTKEY_PASSPHRASE;
}

/* What the house will not find there would be the end of it. */
static int
check_pass(const struct cli *c, enum rootkey_source from,
    enum rootkey_source to, struct err *e)
{
	auto_buf path = { 0 };

	buf_addf(&path, "%s/vault.pass", c->state);
	return to == ROOTKEY_PASSPHRASE && from != to &&
	               access(buf_z(&path), F_OK)
	           ? err_set(e, ERR_MISSING,
	                 "the house reads the passphrase from %s: put it into "
	                 "%s (mode 0600) first; nothing was changed",
	                 buf_z(&path), buf_z(&path))
	           : 0;
}

int
vault_init(struct cli *c, int argc, char **argv)
{
	const char *file = cli_option(&argc, argv, "passphrase-file");
	const char *name = cli_option(&argc, argv, "source");
	enum rootkey_source place = file ? ROOTKEY_PASSPHRASE : ROOTKEY_FILE;
	auto_seal_key key = seal_key_make();
	auto_buf pass = { 0 };
	struct err e = { 0 };
	int result;

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "vault", "init wants no name");
	}
	result = take_place(name, &place, &e) ||
	         take_pass(file, place, &pass, &e) || cli_knows_state(c, &e) ||
	         file_mkdirs(c->state, 0711, &e) ||
	         rootkey_keep(c->state, place, key, buf_str(&pass), &e);
	wipe(pass.at, pass.cap);
	if (result) {
		return cli_fail(&e);
	}
	if (is_file(place)) {
		printf(
		    "wrote %s/vault.key (0600): keep a copy of it elsewhere, "
		    "without it no credential can be opened\n",
		    c->state);
	} else {
		printf("the root key is in %s: without it no credential can be "
		       "opened\n",
		    rootkey_what(place));
	}
	say_passphrase(c, place);
	return 0;
}

int
vault_migrate(struct cli *c, int argc, char **argv)
{
	const char *file = cli_option(&argc, argv, "passphrase-file");
	const char *to = cli_option(&argc, argv, "to");
	const char *forget = cli_option(&argc, argv, "forget");
	enum rootkey_source place = ROOTKEY_FILE;
	enum rootkey_source old = ROOTKEY_FILE;
	enum rootkey_source from;
	auto_buf pass = { 0 };
	struct err e = { 0 };
	int result;

	cli_words(c, &argc, argv);
	if (argc || (!to && !forget)) {
		return cli_usage(c, "vault",
		    "migrate wants --to PLACE, and then --forget OLDPLACE");
	}
	result = take_place(to, &place, &e) || take_place(forget, &old, &e) ||
	         cli_knows_state(c, &e) || rootkey_where(c->state, &from, &e);
	if (!result && to) {
		result = take_pass(file, place, &pass, &e) ||
		         check_pass(c, from, place, &e) ||
		         rootkey_move(c->state, place, buf_str(&pass), &e);
		wipe(pass.at, pass.cap);
	}
	if (!result && to) {
		printf("the root key is in %s, read back from there\n",
		    rootkey_what(place));
		say_passphrase(c, place);
	}
	if (!result && forget) {
		result = rootkey_forget(c->state, old, &e);
	}
	if (result) {
		return cli_fail(&e);
	}
	if (forget) {
		printf("it is no longer in %s\n", rootkey_what(old));
	} else if (from != place && from != ROOTKEY_SYSTEMD &&
	           !(is_file(from) && is_file(place))) {
		printf("it still is in %s: `handrail vault migrate --forget "
		       "%s` removes it there\n",
		    rootkey_what(from), rootkey_name(from));
	}
	return 0;
}
