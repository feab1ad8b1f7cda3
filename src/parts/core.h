/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_H
#define PARTS_CORE_H

/*
 * Core: the book, the queue, the runs, the gates, the decisions.  It has no
 * network, no clear secret and no hostile parser but json and schema within
 * bounds.  It starts every effect, after it is written down:
 *
 *   judge a command → append its events → commit (once a loop turn) → effects
 *
 * core_append only adds to the batch that forms; core_after queues what may
 * happen once that batch is on the disk (core_book.c says it exactly).  Nothing
 * else may send an effect. Objects are named across a commit or a record by
 * number, never by pointer: they may be gone when the answer comes.
 */

#include "book/book.h"
#include "parts/grant.h"
#include "parts/part.h"
#include "policy/policy.h"
#include "queue/queue.h"
#include "roles/roles.h"
#include "session/session.h"
#include "store/store.h"
#include "tools/tools.h"
#include "wait/wait.h"

enum core_limits {
	CORE_ARGS_MAX = 256 * 1024,       /* bytes of a call's arguments */
	CORE_RESULT_MAX = 1024 * 1024,    /* bytes of a result */
	CORE_MODEL_MAX = 8 * 1024 * 1024, /* bytes of a model body */
	CORE_API_BODY_MAX = 3 * 1024 * 1024,
	CORE_DEATHS_MAX =
	    5, /* of agent or cell without a settled call between */
	CORE_CA_MAX = 1024 * 1024, /* bytes of a CA bundle */
	CORE_ASK_SLOTS = 256,
	CORE_INTENT_SLOTS = 1024,
	CORE_CELL_INTENTS = 1024, /* of one cell; an honest one has 256 */
	CORE_GRANT_US = 20 * 1000000,
	CORE_URL_MAX = 4000,
	CORE_LEASE_US = 30 * 1000000, /* egress closes everything after it */
};

struct core;
struct core_run;
struct core_cell;

typedef void core_effect_fn(struct core *c, uint64_t number);

#include "parts/core_box.h"
#include "parts/core_buddy.h"
#include "parts/core_grant_standing.h"
#include "parts/core_http.h"
#include "parts/core_life.h"
#include "parts/core_log.h"
#include "parts/core_roles.h"
#include "parts/core_stop.h"
#include "parts/core_web.h"

/* --- core_call.c: a tool call --- */

void core_call_asked(struct core *c, struct core_run *r, uint32_t ordinal,
    struct str tool, struct str args);
/* Agent and cell are gone, the workspace is digested: ask the person. */
void core_call_park(struct core *c, struct core_run *r);
void core_call_dropped(struct core *c, struct core_run *r);

/* --- core_api.c: what clients ask --- */

extern const struct wire_handler core_api_handlers[];
extern const size_t core_api_handler_count;
/* The book has grown: whoever waits for events hears of it. */
void core_api_events(struct core *c);
/* The commit failed: whoever waits for it hears so now. */
void core_api_stalled(struct core *c);
void core_api_sandbox_ended(struct core *c, uint64_t api, const char *why);

/* --- all of it --- */

struct core_agent;
struct core_ask;
struct core_token;
struct core_intent;
struct core_going;
struct core_asking;
struct core_login;
struct core_call;
struct core_drop;
struct core_blocks;
struct core_sign;
struct core_publish;
struct core_witness;
struct core_permissions;
struct verifying;

struct core {
	struct part_self part;
	const char *config_file;
	const char *state;
	const char *where; /* the store: a path or a URL (never shown) */
	bool dev;
	bool ready;     /* what it begins with is on the disk */
	bool announced; /* the supervisor has heard that it is ready */
	bool draining;
	int runs_fd;
	struct core_house house;
	struct map texts; /* digests that are in the store, or on their way */
	struct core_book book;
	struct queue *queue;
	struct session_index *sessions;
	struct wait_list *waits;
	struct wait_grants *grants;
	struct core_token *tokens; /* of workers */
	struct wire_peer *api, *vault, *resolver, *sandbox, *egress, *buddy;
	struct wire_peer *vault_back;  /* core_back.c */
	struct wire_peer *vault_lends; /* core_going.c; NULL: none */
	struct core_buddy desk;        /* core_buddy.c */
	bool vault_ready;
	bool key_told; /* the book says which key signs, or is about to */
	struct wire_vault_hello vault_keys;
	struct core_credential *credentials;
	struct core_vault *vaults;
	struct core_mark *marks;
	struct core_mac *macs;                /* what the vault was asked */
	struct core_permissions *permissions; /* core_permission.c */
	uint64_t checking; /* the number of the row that the vault looks at */
	char checking_name[WIRE_CREDENTIAL_MAX];
	bool scrub_failed; /* and is tried again */
	struct loop_timer scrub_again;
	struct core_rate *rates; /* core_rate.c */
	struct core_ca *cas;     /* core_ca.c */
	struct core_run *runs;
	struct core_cell *cells;
	struct core_intent *intents;
	struct core_intent *intent_slots[CORE_INTENT_SLOTS]; /* by number */
	struct core_intent *asked_slots[CORE_INTENT_SLOTS]; /* by cell and id */
	struct core_intent *intents_free; /* their memory is kept */
	size_t intents_free_count;
	struct core_going *going;    /* core_going.c; NULL: nothing went yet */
	struct core_asking *askings; /* core_oauth.c */
	struct core_login *logins;   /* core_login.c */
	struct core_call *calls;
	struct core_ask *asks; /* of the api, waiting for something */
	struct core_ask *ask_slots[CORE_ASK_SLOTS]; /* the same, by number */
	struct core_ask *asks_free;                 /* their memory is kept */
	size_t asks_free_count;
	struct map routes;            /* by path */
	struct core_workers *workers; /* core_worker.c */
	struct core_ask *seals;       /* of the vault, by id */
	struct core_drop *drops;
	struct core_stop *stops; /* core_stop.c */
	uint8_t *slots;
	uint32_t slot_count;
	uint64_t number; /* the last one given out */
	struct loop_timer expiry;
	struct loop_timer due;         /* of tasks */
	struct loop_timer claim_again; /* of one that could not be read */
	struct core_blocks *blocks;    /* core_proof.c */
	struct core_sign *signs;       /* the same */
	struct core_publish *publish;  /* core_publish.c */
	struct core_witness *witness;
	struct core_web *web;        /* core_web.c; NULL: no login yet */
	struct core_notify *notify;  /* core_notify.c; NULL: nothing was told */
	struct verifying *verifying; /* core_api_proof.c */
	struct loop_timer verify_turn;
	struct loop_signal signals[2];
	struct mono began;
};

uint64_t core_number(struct core *c);
/* Reads a body that came as a memfd; -1 with e. */
int core_body(int *fds, size_t nfds, size_t index, size_t limit,
    struct buf *out, struct err *e) MUST_CHECK;
int core_memfd(struct str body); /* sealed; must succeed */
/* Cuts a text to fit a record's field. */
void core_text(char *field, size_t size, const char *text);
/* This house among those that share a store: "host:/state/folder". */
const char *core_node_name(void);

#endif
