/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_DRAFT_H
#define PARTS_CORE_DRAFT_H

/* What a client says of a credential: read, checked, shown again. */

#include "parts/core.h"

/* A new credential, not yet in any list, its version the newest that the book
 * names (0: none) and without a row.  NULL: refused, `e` says why. */
struct core_credential *core_draft_read(struct core *c, struct arena *a,
    const struct json *body, struct err *e) MUST_CHECK;
void core_credential_free(struct core_credential *k);
/* Into the list, in the place of an archived one of its name. */
void core_credential_add(struct core *c, struct core_credential *k);
/* Once this batch is on the disk, tools that need it are seen. */
void core_credential_seen_after(struct core *c);
/* display_name and metadata, where they are there. */
int core_draft_labels(const struct json *body, char label[CORE_LABEL_MAX],
    struct buf *metadata, struct err *e) MUST_CHECK;
/* ERR_INPUT if the body names what never changes. */
int core_draft_mutable(const struct json *body, struct err *e) MUST_CHECK;
int core_draft_name(
    const char *what, struct str name, struct err *e) MUST_CHECK;

/* Everything but the value; key NULL in arrays. */
void core_credential_write(struct core *c, struct arena *a, struct json_out *o,
    const char *key, const struct core_credential *k);
void core_write_wall(struct json_out *o, const char *key, struct wall at);
void core_write_json(
    struct arena *a, struct json_out *o, const char *key, struct str text);
/* The row and the head that knows its version: one batch.  who is NULL: the
 * house itself. */
void core_credential_record(struct core *c, const struct core_credential *k,
    enum book_kind kind, const struct core_operator *who);

void core_credential_archive(
    struct core *c, struct core_credential *k, const struct core_operator *who);
void core_credential_delete(
    struct core *c, struct core_credential *k, const struct core_operator *who);

#endif
