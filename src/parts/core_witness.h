/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_WITNESS_H
#define PARTS_CORE_WITNESS_H

/*
 * Witnesses of the book (https://c2sp.org/tlog-witness): each signed tree goes
 * to every [witness.NAME] with the proof that it grew from the one which that
 * witness saw last.  What it signs is checked by its key and stands in the
 * note.  The row "meta"/"witness/NAME" holds the size of the tree that it saw;
 * it is a hint, since the witness says which it is if that is wrong.
 */

#include "parts/core.h"
#include "parts/core_pause.h"

/* The keys of a configuration; ERR_INPUT names the one that is none. */
int core_witness_check(const struct config *config, struct err *e) MUST_CHECK;
/* The witnesses of the configuration in force, which was checked: one of a name
 * and a key that it had before is still the same. */
void core_witness_follow(struct core *c);
/* Asks all that are not left alone about this note, whose head is on the disk.
 * done is called once, with every line that came in time added to the note. */
typedef void core_witnessed_fn(struct core *c, struct str note);
void core_witness_ask(struct core *c, const struct book_root *root,
    struct str note, core_witnessed_fn *done);
/* Adds to a note the lines of an answer, whoever gave it, that are good
 * cosignatures of witnesses in handrail.toml and not there yet; how many. */
size_t core_witness_add(struct core *c, const struct book_root *root,
    struct str answer, struct buf *note);
/* Of those that did not take what they were asked last, and are left alone,
 * the one that is asked next; NULL: there is none. */
const struct core_pause *core_witness_pause(const struct core *c);
/* Member "witnesses": what each saw last, and what is wrong. */
void core_witness_write(const struct core *c, struct json_out *o);

#endif
