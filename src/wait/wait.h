/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAIT_WAIT_H
#define WAIT_WAIT_H

/*
 * The one waiting object: something that only a person (or a client) can say.
 * Pure: a command is judged and yields one event to append, or an err and
 * nothing; the state changes only in wait_apply, on the live path and in a
 * rebuild alike.  An approval binds to the digest of its subject, is given by
 * people and never by the asker, expires, and is used once.  States and the
 * bodies of the events: DESIGN.
 */

#include "digest/digest.h"
#include "json/json.h"

#define WAIT_ID_TEXT   23  /* "w-" and 20 characters of base32, and the NUL */
#define WAIT_ID_RANDOM 13  /* bytes; 100 bits are used */
#define WAIT_CODE_TEXT 5   /* the 4-character code and the NUL */
#define WAIT_NAME_MAX  135 /* bytes of an identity, principal or tool */
#define WAIT_HINT_MAX  1024
#define WAIT_BRIEF_MAX 38 /* with code and space a device's 43 */
#define WAIT_NAMED_MAX 8
#define WAIT_PER_RUN   8     /* that wait at once for one run (L08) */
#define WAIT_VALUE_MAX 65536 /* bytes of an answer's JSON */

struct wait_list;

struct wait_list *wait_list_new(uint64_t seed);
void wait_list_free(struct wait_list *w); /* NULL is nothing */

enum wait_kind {
#define WAIT_KIND(id, word, yes, no) WAIT_##id,
#include "wait/kinds.def"
#undef WAIT_KIND
};
enum wait_state {
#define WAIT_STATE(id, word) WAIT_##id,
#include "wait/states.def"
#undef WAIT_STATE
};
const char *wait_kind_name(enum wait_kind k);
const char *wait_state_name(enum wait_state s);
bool wait_kind_parse(struct str word, enum wait_kind *k);

/* What an answer is about; all of it is bound. */
struct wait_subject {
	struct str identity;
	struct str tool;
	struct digest contract;  /* version of the tool's contract */
	struct digest args;      /* SHA-256 of the canonical arguments */
	struct str run;          /* id as text */
	uint32_t call;           /* ordinal in the run */
	struct digest workspace; /* zero: no workspace */
};
struct digest wait_digest(const struct wait_subject *s);
/* The same effect whatever its ordinal and workspace: what stays denied. */
struct digest wait_effect(const struct wait_subject *s);
/* Shown on every surface, so that a person sees which one it is. */
void wait_code(struct digest d, char code[WAIT_CODE_TEXT]);

struct wait_put {
	struct wait_subject subject;
	struct str asker;           /* never decides; identity or principal */
	struct str gate;            /* rule that asks, "gate.spend" */
	struct str hint;            /* printable ASCII */
	const struct str *named;    /* who must be among those who say yes */
	const struct str *surfaces; /* an answer counts only from these */
	struct wall now;
	int64_t expires_us; /* from now on, > 0 */
	enum wait_kind kind;
	uint32_t people; /* different principals that must say yes */
	uint32_t named_count;
	uint32_t surface_count;
	bool hint_cut;
	struct str brief; /* for a device that shows few bytes; may be empty */
	bool brief_cut;
	/* What a standing grant would bind besides the call (wait/grant.h);
	 * zero: it cannot be remembered. */
	struct digest asked_by;
	struct digest named_args;
};
struct wait_decide {
	struct str id;
	bool yes;
	struct str principal; /* a person: operator's name */
	struct str surface;   /* where it was said: cli, web, buddy, file */
	struct str reason;    /* of a no; goes to the model */
	struct str value;     /* JSON of a question's or client's answer */
	struct wall now;
};
struct wait_step { /* lives in the arena of the command */
	struct str id;
	struct str body;       /* the event: JSON, all that wait_apply needs */
	bool duplicate;        /* of a put: it waits already, no event */
	bool settled;          /* the run can go on: wake it */
	enum wait_state state; /* after the step */
};

/* Each: 0 with a step, or -1 and nothing.  `random` is WAIT_ID_RANDOM bytes.
 * The same subject waits already: that one (duplicate).  ERR_DENIED: this
 * effect was denied in this run before.  ERR_LIMIT: WAIT_PER_RUN wait. */
int wait_put(struct wait_list *w, struct arena *a, const struct wait_put *c,
    const uint8_t random[WAIT_ID_RANDOM], struct wait_step *step,
    struct err *e) MUST_CHECK;
/* ERR_MISSING; ERR_CONFLICT: decided already, by whom, or expired; ERR_DENIED:
 * this principal or surface may not. */
int wait_decide(struct wait_list *w, struct arena *a,
    const struct wait_decide *c, struct wait_step *step,
    struct err *e) MUST_CHECK;
/* The next one whose time has passed; ERR_MISSING: none. */
int wait_expire(struct wait_list *w, struct arena *a, struct wall now,
    struct wait_step *step, struct err *e) MUST_CHECK;
/* Uses an approval up: only if approved, not expired, not used, and for
 * exactly this digest; else ERR_DENIED. */
struct wait_consume {
	struct str id;
	struct digest digest; /* wait_digest of what is about to happen */
	struct wall now;
};
int wait_consume(struct wait_list *w, struct arena *a,
    const struct wait_consume *c, struct wait_step *step,
    struct err *e) MUST_CHECK;
/* The run ended: nobody needs an answer. */
int wait_cancel(struct wait_list *w, struct arena *a, struct str id,
    struct wall now, struct wait_step *step, struct err *e) MUST_CHECK;

/* One event in: just yielded, or of the log.  ERR_INPUT or ERR_CONFLICT: not
 * written by this machine; nothing changed. */
int wait_apply(struct wait_list *w, struct str body, struct err *e) MUST_CHECK;

struct wait_item { /* read only for others */
	char id[WAIT_ID_TEXT];
	char code[WAIT_CODE_TEXT];
	enum wait_kind kind;
	enum wait_state state;
	struct str identity;
	struct str tool;
	struct str asker;
	struct str gate;
	struct str run;
	uint32_t call;
	struct digest contract;
	struct digest args;
	struct digest workspace;
	struct digest digest;
	struct digest effect;
	struct digest asked_by; /* as it was put */
	struct digest named_args;
	struct str hint;
	bool hint_cut;
	struct str brief; /* empty: there is none */
	bool brief_cut;
	uint32_t people;
	uint32_t named_count;
	uint32_t surface_count;
	uint32_t yes_count;
	const struct str *named;
	const struct str *surfaces;
	struct str *yes; /* principals that said yes so far */
	struct str by;   /* who decided, where, why, with what value */
	struct str surface;
	struct str reason;
	struct str value;
	struct wall asked;
	struct wall expires;
	struct wall decided;
};
const struct wait_item *wait_find(const struct wait_list *w, struct str id);
/* In order of being asked; NULL past the end. */
const struct wait_item *wait_at(const struct wait_list *w, size_t n);
/* When wait_expire has something to do; false: never. */
bool wait_next_expiry(const struct wait_list *w, struct wall *at);
/* JSON array: what waits (open only: the inbox), or all. */
void wait_write_list(struct buf *out, const struct wait_list *w, bool all);

#endif
