/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_EGRESS_H
#define PARTS_CORE_EGRESS_H

/* A request between its intent and its outcome. */

#include "parts/core.h"
#include "parts/core_shown.h"

/* NOLINTNEXTLINE(*.Padding): what belongs together stands so */
struct core_intent {
	struct core_intent *next, *next_alike, *next_asked;
	struct core_intent **at; /* what points to it */
	uint64_t number;         /* also of its grant */
	uint64_t id;             /* the egress's own name for it */
	uint64_t cell;           /* 0: core's own request */
	uint64_t run;
	uint32_t epoch;
	uint32_t call;
	struct core_role *role; /* NULL: of no role */
	struct arena arena;
	/* what */
	const char *brings; /* which value of the vault's itself; NULL: none */
	char host[WIRE_HOST_MAX];
	uint16_t port;
	struct str method;
	struct str path;
	struct str query; /* written where a gate holds it, and nowhere else */
	enum wire_body known;
	uint64_t body_size;
	struct digest body_digest;
	struct digest marks; /* of the credentials it brought; zero: none */
	const struct core_shown *shown; /* NULL: not known yet */
	enum wire_git git;
	struct policy_commands *commands; /* NULL: not of git */
	bool tls;                         /* it was asked over TLS */
	bool own_credentials;             /* it brought some */
	struct str from_tool;
	bool call_approved; /* a person allowed the call of from_tool */
	const char *said;   /* by the policy: allow, ask, deny; NULL: unasked */
	/* a gate's question (core_gate.c) */
	struct str gate;
	const struct policy_ask *ask; /* NULL: no gate holds it */
	struct json *bound;           /* what an approval binds */
	struct wait_subject subject;
	struct str wait; /* the approval that it uses up */
	/* how, by the rule */
	struct str rule;
	struct str credential;
	uint32_t version;     /* of it, that was granted */
	struct digest policy; /* that allowed it */
	enum wire_place place;
	struct str place_name;
	struct str format;
	struct str placeholder; /* what the cell holds in its stead */
	const struct policy_egress *bounds; /* the house's; NULL: none */
	bool websocket;
	bool tunnel;
	bool pinned;
	struct names_addr pin;
	uint16_t pin_port;
	bool tls_up;
	bool keep_credentials;
	bool whole; /* no part of an answer of this host is asked for */
	struct str ca;
	/* how its credential is used (core_oauth.c) */
	enum wire_use use;
	enum wire_client secret;
	struct str client;
	enum wire_capture capture;
	uint32_t assumed;
	struct buf code; /* boxed */
	bool on_record;  /* the book has it */
	bool committed;  /* it is on the disk */
	uint32_t stale;  /* this version was answered 401; 0: none */
	bool parked;     /* it waits for new tokens of its credential */
	bool gone;       /* go was sent */
	bool taken_back; /* its grant, should nobody have redeemed it */
	struct wire_refuse *refusal; /* NULL: it was not refused */
	/* core's own */
	struct str target;
	struct str headers;
	struct buf body;
	int64_t timeout;
	uint64_t answer_limit;
	struct mono went; /* when its go was sent */
	uint64_t owner;
	void (*done)(struct core *c, uint64_t number,
	    const struct wire_http_done *head, struct str body);
};

/* id: as the egress of this cell names it; 0: core's own request. */
struct core_intent *core_intent_new(struct core *c, uint64_t cell, uint64_t id);
struct core_intent *core_intent_find(struct core *c, uint64_t number);
/* The latest that this cell's egress named so; NULL: none. */
struct core_intent *core_intent_asked(
    struct core *c, uint64_t cell, uint64_t id);
void core_intent_free(struct core *c, struct core_intent *i);
/* It has its outcome and goes once more: under a number of its own, as an
 * intent that is not written yet. */
void core_intent_again(struct core *c, struct core_intent *i);
/* By the egress rules of its role: refused, or core_intent_commit. */
void core_intent_judge(
    struct core *c, struct core_intent *i, const struct policy_request *r);
/* Why the rule cannot put its credential where it says: the credential is of a
 * kind that goes elsewhere, or nobody shows the place.  NULL: it can. */
const char *core_place_problem(const struct core *c, struct arena *a,
    const struct policy_inject *rule, bool of_house);
/* A bound of the rule, then commit: every gate is satisfied. */
void core_intent_allowed(struct core *c, struct core_intent *i);
/* What asked still stands: its cell, its run, under the same claim. */
bool core_intent_in_force(struct core *c, const struct core_intent *i);
const char *core_intent_over(const struct core *c); /* why it does not */
/* Written down; goes on when that is on the disk. */
void core_intent_commit(struct core *c, struct core_intent *i);
struct core_refusal {
	uint32_t status;
	const char *error;
	struct str wait; /* of "approval_required": what a person decides */
	bool put;        /* it is asked for the first time: always written */
	struct str rule;
	struct str reason;
	struct str told; /* a sandbox hears this in its stead; empty: it */
	struct str next;
};
void core_intent_refuse(
    struct core *c, struct core_intent *i, const struct core_refusal *why);
void core_intent_unavailable(
    struct core *c, struct core_intent *i, const char *what);
void core_intent_outcome(
    struct core *c, const struct core_intent *i, const struct wire_outcome *o);
/* Tells the owner of core's own request that it failed; it is gone then. */
void core_intent_answer(struct core *c, struct core_intent *i,
    enum err_kind kind, const char *text);

/* NULL: it is away, with its cell or alone. */
struct wire_peer *core_intent_egress(
    struct core *c, const struct core_intent *i);
/* core_go.c: the intent of this number is on the disk. */
core_effect_fn core_intent_committed;
/* Between its commit and its go the claim may have ended: it is answered. */
bool core_go_may(struct core *c, struct core_intent *i);
int core_go_fill(struct core *c, struct core_intent *i, struct wire_go *go,
    int *ca, struct err *e) MUST_CHECK;
/* Of core_go_fill: the file's name is for the book, and for no sandbox. */
void core_go_lacks_ca(
    struct core *c, struct core_intent *i, const struct err *e);
/* A grant for it alone, whose answer lets it go; or it waits, or is refused. */
void core_grant_send(struct core *c, struct core_intent *i);
/* Its grant is lent no more, if it was not yet. */
void core_grant_back(struct core *c, struct core_intent *i);
/* A run or a cell ended, or a policy was changed: the same of whatever left
 * under it.  The vault hears it before it is asked to lend. */
void core_grants_over(struct core *c);
void core_grant_binding(
    const struct core_credential *k, struct wire_binding *out);

/* core_going.c: requests of a cell that one commit lets go, under one rule, go
 * together.  False: this one goes alone. */
bool core_going_add(struct core *c, struct core_intent *i);
/* Those that were added: behind the effects of a batch, and behind whatever
 * else says core_intent_committed. */
void core_going_send(struct core *c);
void core_going_join(struct core *c);       /* a vault is there */
void core_going_vault_gone(struct core *c); /* it knows no row any more */
/* Its credential cannot be used now: `unfit` ends the sentence. */
void core_intent_unfit(struct core *c, struct core_intent *i,
    const struct core_credential *k, const char *unfit);

/* core_denial.c (L07): may this refusal of the cell have a head of its own?
 * Adds to `text` how many before it were only counted.  A cell of NULL: yes. */
bool core_denial_said(struct core_cell *cell, struct buf *text);
/* What a refusal offers, if it fits into `size` bytes with its NUL, or else who
 * has it: a rule that is cut may load, and would be another one. */
struct str core_denial_next(struct str next, size_t size);
/* The cell is gone: one head for those that were counted and not told. */
void core_denials_end(struct core *c, struct core_cell *cell);
/* core_rate.c.  NULL: this may go; else which bound of its rule is used up. */
const char *core_rate_take(struct core *c, const struct core_intent *i);
void core_rate_add(struct core *c, const struct core_intent *i, uint64_t bytes);
void core_rates_drop(struct core *c, uint64_t cell);

/* The rules in force, to the egress of a cell; `all` after a reload. */
void core_egress_rules(struct core *c, struct core_cell *cell);
void core_egress_rules_all(struct core *c);
bool core_cell_tunnels(const struct core_cell *cell); /* they have one */
/* Of a cell and a credential: 47 characters. */
#define CORE_PLACEHOLDER_MARK "hr_placeholder_"
#define CORE_PLACEHOLDER      48
void core_placeholder(
    uint64_t cell, struct str credential, char text[CORE_PLACEHOLDER]);
/* Adds "VARIABLE=placeholder\0" for each rule of the cell that has one. */
uint32_t core_placeholders(const struct core_cell *cell, struct buf *env);

/* core_http.c */
extern const struct wire_handler core_own_egress_handlers[];
extern const size_t core_own_egress_handler_count;
wire_take_fn core_vault_granted;

#endif
