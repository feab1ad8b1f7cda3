/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REVIEW_REVIEW_H
#define REVIEW_REVIEW_H

/*
 * Decides again what a policy once decided: a head of the book and its body
 * say what was asked and what the answer was; the policy is the caller's,
 * another one (`policy replay`) or the one that was in force (`audit verify
 * --decisions`).  Pure.  Only the policy's own word is judged: what the schema,
 * a person, a standing grant, an ancestor's policy or a bound said besides is
 * not its doing.  Which members of a body are read: DESIGN.
 */

#include "book/book.h"
#include "policy/policy.h"

enum review_end {
	REVIEW_SAME,
	REVIEW_DIFFERS,
	REVIEW_NOT_ASKED, /* the policy had no word in it */
	REVIEW_NOT_HELD,  /* the book does not hold what was asked */
	REVIEW_BROKEN,    /* nothing of this house decides so: out->text */
};

struct review {
	enum policy_verdict was;
	enum policy_verdict now;
	struct str rule; /* of now */
	struct str what; /* the tool, or "METHOD host:port/path" */
	struct str text; /* of BROKEN: a sentence */
};

/* Does such a head say what a policy was asked? */
bool review_is_decision(enum book_kind kind);

/* A rule of the house's own (a model, a token endpoint, a witness, …): its
 * requests are judged by no role's policy. */
bool review_house_rule(struct str rule);

/* identity and rule are the head's.  Strings live in a, in p or in body. */
enum review_end review_decision(struct arena *a, const struct policy *p,
    enum book_kind kind, struct str identity, struct str rule,
    const struct json *body, struct review *out);

#endif
