/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_API_H
#define PARTS_CORE_API_H

/*
 * A client's question.  A route reads it, and either answers now (core_answer:
 * nothing was written) or within a batch (core_answer_after: the answer leaves
 * when what it announces is on the disk).  A route that returns -1 has written
 * nothing; its error becomes the answer.
 */

#include "parts/core.h"

struct core_ask {
	struct core_ask *next, **at; /* of all; what points to it */
	struct core_ask *next_alike; /* of its slot by number */
	uint64_t number;
	uint64_t id; /* the api's */
	struct arena arena;
	struct str method;
	struct str path;
	struct str query;
	struct str part; /* what the '*' of the route's path stands for */
	const struct json *body;               /* NULL: none */
	const struct core_operator *operator_; /* NULL: nobody known */
	struct str key;                        /* Idempotency-Key, or empty */
	uint64_t last;                         /* Last-Event-ID, or 0 */
	uint64_t login; /* of a page; then operator_ is its person */
	bool events;    /* Accept: text/event-stream */
	bool local;
	bool watching;   /* streams the inbox */
	bool gone;       /* the client is away */
	bool reading;    /* and waits for the commit of what it would read */
	bool written;    /* its answer waits for the commit */
	unsigned waited; /* for how many commits */
	enum wire_page page; /* a page of our own asks */
	/* the prepared answer */
	uint32_t status;
	const char *allow; /* of a method that the path does not take */
	struct buf answer;
	/* waiting for events */
	uint64_t after;
	struct book_id task;
	struct book_id run; /* of a session's events */
	bool session;       /* waits for them */
	bool following;     /* streams them */
	bool began;         /* and has had its first piece */
	bool over;          /* run_ended is among what it has */
	bool polling;
	struct loop_timer patience;
	struct core *core;
	/* waiting for the vault: the credential to be written */
	char credential[WIRE_CREDENTIAL_MAX];
	uint32_t version;
	bool putting; /* a new one; else a new value of one */
	bool sealing;
	bool authorizing; /* the same for `vault login` */
	/* learning where a login is had (core_login_learn.c) */
	unsigned place;
	char last_word[100]; /* of the place before */
	/* Waits for somebody outside, who is asked when that is on the disk:
	 * what becomes of it while the book cannot be written.  Or NULL. */
	const char *outside;
	bool claiming; /* waits for a task */
	/* waiting for the blocks of proofs */
	int (*again)(struct core *c, struct core_ask *ask, struct err *e);
	/* a worker's, waiting for a task or for the commit of its claim */
	struct core_claim *claim;
	/* operator's sandbox */
	uint64_t cell;
	bool streaming;
};

enum core_who { OPEN, WORK, READ, ACT, WEB };
typedef int core_route_fn(struct core *c, struct core_ask *ask, struct err *e);
#define ROUTE(method, path, handler, who, query, what) core_route_fn handler;
#include "parts/routes.def"
#undef ROUTE
struct core_route {
	const char *method;
	const char *path; /* at most one segment is '*': any */
	core_route_fn *handler;
	enum core_who who;
	const char *query; /* names, a space between them */
	const char *what;
};
/* Fills ask->part.  NULL: none; ask->allow then says which methods have this
 * path, NULL if none has. */
const struct core_route *core_route_find(struct core *c, struct core_ask *ask);
/* Fills ask->operator_ and ask->login.  A principal is the token, and on the
 * local socket also the peer's uid; of a page it is the login's. */
void core_route_who(
    struct core *c, struct core_ask *ask, const struct wire_api_ask_head *in);
int core_route_may(struct core *c, const struct core_ask *ask,
    enum core_who who, struct err *e) MUST_CHECK;
/* Has the route all names of the query, and is the id in the path one? */
int core_route_takes(const struct core_route *route, const struct core_ask *ask,
    struct err *e) MUST_CHECK;

/* Sends what `body` holds and forgets the question. */
void core_answer(
    struct core *c, struct core_ask *ask, uint32_t status, struct str body);
/* After the batch; `body` is copied. */
void core_answer_after(
    struct core *c, struct core_ask *ask, uint32_t status, struct str body);
void core_answer_err(struct core *c, struct core_ask *ask, const struct err *e);
/* What was refused is on record first. */
void core_answer_err_after(
    struct core *c, struct core_ask *ask, const struct err *e);
/* What stands in the way may be what is not on the disk yet: a no that a crash
 * could make untrue is told after the commit. */
void core_answer_no(struct core *c, struct core_ask *ask, const struct err *e);
/* One piece of a streamed answer; more = false ends it. */
void core_answer_piece(
    struct core *c, struct core_ask *ask, struct str piece, bool more);
/* A question of core's own (the inbox): `gone`, so nobody hears the answer. */
struct core_ask *core_ask_new(struct core *c);
void core_ask_free(struct core *c, struct core_ask *ask);
struct core_ask *core_ask_find(struct core *c, uint64_t number);
/* The value of ?name=, decoded; false when absent. */
bool core_ask_query(struct core_ask *ask, const char *name, struct str *value);
/* An id that was cut or mistyped is not one that has gone.  ERR_MISSING, too.
 */
int core_ask_id(struct str text, const char *of, struct err *e) MUST_CHECK;
/* The role that ?identity= or the body's "identity" names. */
int core_ask_role(struct core *c, struct core_ask *ask, struct core_role **role,
    struct err *e) MUST_CHECK;

void core_api_gone(struct core *c);
/* core_api_sandbox.c: what is asked for is a sandbox of which nothing is on the
 * disk: none will be made. */
bool core_api_sandbox_unmade(struct core *c, const struct core_ask *ask);
void core_api_vault_gone(struct core *c); /* who waits for it hears so */
wire_take_fn core_vault_sealed;
wire_take_fn core_vault_signed;

/* core_api_session.c: events that a session's follower waits for. */
void core_session_events(struct core *c, struct core_ask *ask);

/* core_web_events.c: the inbox has changed for one page. */
void core_web_events(struct core_ask *ask);

/* core_api_runs.c: "runs": all of this task, with their calls. */
int core_runs_json(struct core *c, struct json_out *o, struct str task,
    struct err *e) MUST_CHECK;

/* One head of the book as JSON, with its body when that is small JSON and has
 * not expired. */
int core_event_json(struct core *c, struct json_out *o,
    const struct book_head *head, bool with_body, struct err *e) MUST_CHECK;

/* core_api_wait.c, for every surface that is asked over HTTP.  How long the
 * same need not be asked again; 0: not said. */
int core_api_remember(struct core *c, const struct core_ask *ask,
    const struct wait_decide *say, int64_t *lasts_us, struct err *e) MUST_CHECK;
/* The answer to whoever decided, as core_word has it told. */
void core_api_decided(struct core *c, uint64_t number,
    const struct wait_item *w, const struct err *e);

#endif
