/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INBOX_H
#define CLI_INBOX_H

/* What inbox.c prints of what waits. */

#include "cli/cli.h"

bool cli_is_request(const char *tool);
/* Printable ASCII and newlines, all else as \xNN; `before` each line. */
void cli_print_lines(struct str text, const char *before);
/* args: as the approval binds them; NULL: the book has them no more. */
void cli_print_request(struct cli *c, const struct json *args);
/* Asks the house what w is about, and prints it. */
int cli_print_asked(
    struct cli *c, const struct json *w, struct err *e) MUST_CHECK;

#endif
