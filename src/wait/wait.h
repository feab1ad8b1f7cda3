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

#define WAIT_ID_TEXT      23 /* "w-" and 20 characters of base32, and the NUL */
#define WAIT_ID_RANDOM    13 /* bytes; 100 bits are used */
#define WAIT_CODE_TEXT    5  /* the 4-character code and the NUL */
#define WAIT_NAME_MAX     135 /* bytes of an identity, principal or tool */
#define WAIT_HINT_MAX     1024
#define WAIT_BRIEF_MAX    38 /* with code and space a device's 43 */
#define WAIT_NAMED_MAX    8
#define WAIT_PER_RUN      8     /* that wait at once for one run (L08) */
#define WAIT_VALUE_MAX    65536 /* bytes of an answer's JSON */
#define WAIT_OPTIONS_MAX  16    /* answers to choose from */
#define WAIT_MAC          32    /* bytes */
#define WAIT_SURFACES_MAX 16
#define WAIT_FILE_MAX     128 /* bytes of an id or name in a permission file */

struct wait_list;

bool wait_id_ok(struct str text); /* of the form of a wait's id */

struct wait_list *wait_list_new(uint64_t seed);
void wait_list_free(struct wait_list *w); /* NULL is nothing */
/* Where bodies are read again, so that what nobody looks at costs 64 bytes:
 * the body of that event.  Without it everything stays in the memory. */
typedef int wait_load_fn(
    void *context, uint64_t seq, struct buf *body, struct err *e);
void wait_list_store(struct wait_list *w, wait_load_fn *load, void *context);
/* Gives up texts that can be read again: whose events are at most `durable`.
 * Pointers to items are good until here. */
void wait_fold(struct wait_list *w, uint64_t durable);

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
const char *wait_kind_yes(enum wait_kind k); /* "approve", "answer" … */
const char *wait_kind_no(enum wait_kind k);
const char *wait_state_name(enum wait_state s);
bool wait_kind_parse(struct str word, enum wait_kind *k);
bool wait_kind_has_value(enum wait_kind k); /* a yes says more than yes */
/* 1..128 of letters, digits, '.', '_', '-', no '.' in front, no "..". */
bool wait_file_name_ok(struct str name);

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

/* NOLINTNEXTLINE(*.Padding): what belongs together stands so */
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
	bool brief_cut;
	struct str brief; /* for a device that shows few bytes; may be empty */
	/* What a standing grant would bind besides the call (wait/grant.h);
	 * zero: it cannot be remembered. */
	struct digest asked_by;
	struct digest named_args;
	int64_t remind_us;       /* told once more after this time; 0: never */
	int64_t escalate_us;     /* after it, who else may decide; 0: never */
	struct str escalate_to;  /* in the place of escalate_for, if that is */
	struct str escalate_for; /* one of those named, or empty */
	const struct str *options; /* of a question: one of them is the value */
	uint32_t option_count;     /* 0: any value */
	struct str file;           /* id of its permission files; or empty */
	struct str file_name;      /* what they call it */
};
struct wait_decide {
	struct str id;
	bool yes;
	struct str principal; /* a person: operator's name */
	struct str surface;   /* where it was said: cli, web, buddy, file */
	struct str reason;    /* of a no; goes to the model */
	struct str value;     /* of a question's or letter's (text) or client's
	                         (JSON) */
	struct wall now;
	const uint8_t *mac; /* over wait_decision, WAIT_MAC bytes; NULL: none */
};
/* What the vault seals of this decision, if it may be taken: the answer, who,
 * where and when, and what was asked of whom on which terms.  Errors as
 * wait_decide. */
int wait_decision(const struct wait_list *w, const struct wait_decide *c,
    struct digest *sealed, struct err *e) MUST_CHECK;
struct wait_step { /* lives in the arena of the command */
	struct str id;
	struct str body;       /* the event: JSON, all that wait_apply needs */
	bool duplicate;        /* of a put: it waits already, no event */
	bool settled;          /* the run can go on: wake it */
	enum wait_state state; /* after the step */
	const char *what;      /* "decided", "reminded" …: the event */
};

/* Each: 0 with a step, or -1 and nothing.  `random` is WAIT_ID_RANDOM bytes.
 * The same subject waits already: that one (duplicate).  ERR_DENIED: this
 * effect was denied in this run before.  ERR_LIMIT: WAIT_PER_RUN wait, of
 * calls or of requests. */
int wait_put(struct wait_list *w, struct arena *a, const struct wait_put *c,
    const uint8_t random[WAIT_ID_RANDOM], struct wait_step *step,
    struct err *e) MUST_CHECK;
/* ERR_MISSING; ERR_CONFLICT: decided already, by whom, or expired; ERR_DENIED:
 * this principal or surface may not. */
int wait_decide(struct wait_list *w, struct arena *a,
    const struct wait_decide *c, struct wait_step *step,
    struct err *e) MUST_CHECK;
/* The next one whose time has come: to be told again, to be told to somebody
 * else, or over.  ERR_MISSING: none.  ERR_IO: this one cannot be read and is
 * put off for a minute; ask for the next. */
int wait_due(struct wait_list *w, struct arena *a, struct wall now,
    struct wait_step *step, struct err *e) MUST_CHECK;
/* An approval whose seal is not the vault's: as if nobody had said it. */
int wait_refuse(struct wait_list *w, struct arena *a, struct str id,
    struct wall now, struct wait_step *step, struct err *e) MUST_CHECK;
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
 * written by this machine; nothing changed.  seq: of its head, ascending; 0:
 * the next one. */
int wait_apply(struct wait_list *w, uint64_t seq, struct str body,
    struct err *e) MUST_CHECK;
/* The run has ended: its waits are told of for a while, and then forgotten. */
void wait_run_over(struct wait_list *w, struct str run);

#include "wait/item.h"

#endif
