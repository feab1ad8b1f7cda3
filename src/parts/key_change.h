/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_KEY_CHANGE_H
#define PARTS_KEY_CHANGE_H

/*
 * One root key in the place of another (`handrail vault rekey`): what the head
 * key_in_force then holds.  Each key signs the change from one to the other, so
 * that whoever has kept either signer's line knows the other by it.
 *
 *   {"signer": LINE, "was": LINE, "by_old": base64, "by_new": base64}
 */

#include "book/book.h"
#include "json/json.h"

#define KEY_CHANGE_ROW  "rekeyed" /* meta/…, until it is a head */
#define KEY_CHANGE_RULE "rekeyed" /* of that head */
#define KEY_LINE_MAX    300

/* What both sign. */
void key_change_text(struct str was, struct str now, struct buf *out);
/* ERR_DENIED: this does not show that `was` became what the body names. */
int key_change_check(const struct json *body, struct str was,
    book_verify_fn *verify, struct err *e) MUST_CHECK;

#endif
