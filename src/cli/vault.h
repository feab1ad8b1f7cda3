/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VAULT_H
#define CLI_VAULT_H

/* Values on their way in: read here, boxed to the vault's key, wiped. */

#include "cli/cli.h"

/* What a value is made of; files that are NULL are not there, and without any
 * the value comes from standard input or the terminal. */
struct vault_value {
	const char *file;    /* the value, or the access token */
	const char *refresh; /* with one of these it is a set of tokens */
	const char *client;
	int64_t expires; /* Unix seconds, 0: not known */
	bool tokens;
	bool only_client; /* a set with the client's secret alone */
};

/* base64 of the box. */
int vault_box(struct cli *c, const struct vault_value *from, struct buf *text,
    struct err *e) MUST_CHECK;

/* The same of a text that is at hand. */
int vault_box_text(struct cli *c, struct str value, struct buf *text,
    struct err *e) MUST_CHECK;
/* Options that say something of a credential, into the request's members. */
void vault_said(struct cli *c, int *argc, char **argv, struct json *body);

cli_command_fn vault_login;
cli_command_fn vault_init;
cli_command_fn vault_migrate;
cli_command_fn vault_rekey; /* backup.c */

#endif
