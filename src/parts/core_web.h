/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_WEB_H
#define PARTS_CORE_WEB_H

/*
 * A chapter of core.h, which includes it: the inbox in a browser: logins, what
 * their pages were shown, and the stream of what changes.
 *
 * A login lives in memory only: a house that starts anew knows none.  Of its
 * cookie core has the digest.  What was shown whole to a login has a mark,
 * SHA-256 of the login's own key and of what is shown; a decision without that
 * mark is none.  So nothing is kept for each wait that is shown.
 *
 * Changes of waits stand in a ring, from the first login on.  A page that knows
 * everything up to a head of the book asks for what came after it; what the
 * ring has no more, or never had, is a reset: the page reads all anew.
 */

#define CORE_LOGINS_MAX  32  /* of all operators */
#define CORE_STREAMS_MAX 64  /* open pages */
#define CORE_CHANGES_MAX 512 /* in the ring */

struct core_web_login {
	uint64_t number;      /* 0: free */
	struct digest cookie; /* SHA-256 of what the browser keeps */
	struct digest token;  /* of the operator: another token ends it */
	uint8_t key[DIGEST_SIZE];
	struct mono until;
};

enum core_told {
	CORE_ASKED,   /* a wait came */
	CORE_YES,     /* one of several said yes */
	CORE_CHANGED, /* told again, or to another who may decide now */
	CORE_OVER,    /* it waits no more */
};

struct core_change {
	uint64_t seq; /* of its head */
	enum core_told told;
	char id[WAIT_ID_TEXT];
	char state[16];
	char by[WAIT_NAME_MAX + 1];
	char surface[16];
	char reason[200]; /* of a no, cut */
};

struct core_web {
	struct core_web_login logins[CORE_LOGINS_MAX];
	size_t streams;
	uint64_t wrong_from; /* the minute in which wrong tokens are counted */
	unsigned wrong;
	struct core_change *changes; /* NULL until the first login */
	uint64_t count; /* ever; the newest is [(count - 1) % MAX] */
	uint64_t since; /* all later changes are in the ring */
};

struct core_operator;

/* --- core_web_events.c: what changes --- */

void core_web_record(struct core *c); /* from now on it is kept */
void core_web_saw(
    struct core *c, uint64_t seq, enum book_kind kind, struct str id);
bool core_web_lives(const struct core *c); /* somebody may decide on a page */
void core_web_ended(struct core *c);       /* a login: its pages hear so */
void core_web_left(struct core *c);        /* a page is gone */

/* --- core_web.c: logins --- */

/* Of a cookie's digest; NULL: none that counts. */
const struct core_web_login *core_login_of(
    struct core *c, struct digest cookie);
const struct core_web_login *core_web_login_find(
    const struct core *c, uint64_t number);
const struct core_operator *core_login_operator(
    const struct core *c, const struct core_web_login *in);
/* Its person's word counts on the page; else it only reads. */
bool core_web_decides(const struct core *c, const struct core_web_login *in);

/* --- core_web_page.c: what is shown, what is decided --- */

/* The run that asks; NULL: it is known no more. */
const struct session_run *core_web_run(
    const struct core *c, const struct wait_item *w);
/* "role", "task" and "subject" of the run that asks; empty: not known. */
void core_web_task(
    struct core *c, struct json_out *o, const struct wait_item *w);
/* One wait as JSON, whole, as it was when it was asked; with its marks for this
 * login. */
void core_web_item(struct core *c, struct json_out *o,
    const struct wait_item *w, const struct core_web_login *in);
/* "may" and, if not, "why": would a yes of this login count now? */
void core_web_may(struct core *c, struct json_out *o, const struct wait_item *w,
    const struct core_web_login *in);

/* --- core_notify.c: somebody outside hears that it waits --- */

void core_notify_wait(struct core *c, struct str id);
void core_notify_write(const struct core *c, struct json_out *o); /* status */

#endif
