/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_VERIFY_DECISIONS_H
#define PARTS_VERIFY_DECISIONS_H

/*
 * Decides every decision of a book again, with the policy that its head names:
 * the texts stand in the book's store under their digests.  A decision that
 * differs was not made by that policy, and is told.
 */

#include "book/book.h"
#include "policy/policy.h"
#include "store/store.h"
#include "json/json.h"

#define DECISIONS_TOLD     100 /* differences that are listed; all are counted */
#define DECISIONS_POLICIES 64  /* compiled ones that are kept */

struct decisions_policy;

struct decisions {
	struct store *store;
	uint64_t same;
	uint64_t differ;
	uint64_t
	    not_asked;     /* another check, a person or a grant had the word */
	uint64_t not_held; /* the book does not hold what was asked */
	uint64_t no_policy; /* its text is not in the store */
	struct arena arena; /* of what is told */
	struct json *told;  /* array of {seq, kind, identity, what, text} */
	struct decisions_policy *policies;
	size_t policy_count;
};

/* A head and its body, empty if it has expired; other kinds are nothing. */
int decisions_head(struct decisions *d, const struct book_head *head,
    struct str body, struct err *e) MUST_CHECK;
/* "decisions": {again, differ, not_asked, not_held, no_policy, differences} */
void decisions_write(const struct decisions *d, struct json_out *o);
/* The same as lines for people. */
void decisions_print(const struct decisions *d, struct buf *out);
/* ERR_DENIED with a sentence if any differs. */
int decisions_end(const struct decisions *d, struct err *e) MUST_CHECK;
void decisions_fini(struct decisions *d); /* a zeroed one is valid */

#endif
