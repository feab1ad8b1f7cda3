/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

/*
 * gates.toml of one role: compile, decide, explain.  A [gate.*] says which
 * calls a person must allow, an [egress.*] which requests may leave a cell.
 * Decisions are pure and deny by default: no policy, an unreadable policy, a
 * form that is not understood, no rule: DENY.  DESIGN has the file's grammar,
 * the patterns, the order of specificity and the order of checks.
 *
 * A policy is immutable and lives in its arena.  Errors read
 * "FILE:LINE:COLUMN: sentence" (ERR_INPUT).  Everything inside a call or a
 * request is hostile.
 */

#include "digest/digest.h"
#include "names/names.h"
#include "policy/git.h"
#include "json/json.h"

#define POLICY_FILE_MAX    ((size_t)1024 * 1024) /* bytes of gates.toml */
#define POLICY_RULES_MAX   1000 /* gates and egress rules, each */
#define POLICY_TUNNELS_MAX 12   /* egress rules with protocol = "tcp" */
#define POLICY_PATTERN_MAX 512  /* bytes of one pattern */
#define POLICY_HINT_FIXED  120  /* bytes of fixed text in a hint */
#define POLICY_HINT_VALUE  48   /* bytes of one shown value */
#define POLICY_HINT_VALUES 8    /* variables in a hint */
#define POLICY_BRIEF_MAX   38   /* bytes of a hint on a device on a desk */
#define POLICY_PATH_MAX    8192 /* bytes of a request's path */

struct policy;

/* A missing file is a policy that denies everything (policy_is_closed). */
int policy_load(struct arena *a, const char *path, const struct policy **out,
    struct err *e) MUST_CHECK;
/* file names the text in errors; a relative `ca` is relative to its folder. */
int policy_parse(struct arena *a, struct str text, const char *file,
    const struct policy **out, struct err *e) MUST_CHECK;
/* Denies everything and says why: for a role whose policy did not load. */
const struct policy *policy_closed(struct arena *a, struct str why);
bool policy_is_closed(const struct policy *p);
struct digest policy_digest(const struct policy *p); /* SHA-256 of the text */
struct str policy_text(const struct policy *p);

enum policy_verdict { POLICY_DENY, POLICY_ALLOW, POLICY_ASK };
const char *policy_verdict_name(enum policy_verdict v); /* deny, allow, ask */

/* Why not; reasons.def has the words and sentences. */
enum policy_reason {
	POLICY_NONE,
#define REASON(id, word, sentence) POLICY_##id,
#include "policy/reasons.def"
#undef REASON
};
const char *policy_reason_name(enum policy_reason r); /* "no_rule" … */

/* --- calls --- */

struct policy_call {
	struct str identity; /* device__client__role */
	struct str tool;
	struct str action; /* of the tool's contract */
	struct str server; /* [server.NAME] it comes from; empty: our own */
	const struct json *args; /* object, schema already checked; NULL: {} */
};

#include "policy/ask.h"

struct policy_call_decision {
	enum policy_verdict verdict;
	enum policy_reason reason; /* of a deny */
	struct str text;           /* the reason as a sentence */
	struct str rule;           /* "gate.spend", "defaults.unmatched" … */
	struct policy_ask ask;     /* of an ask */
};
/* Strings of the decision live in a or in the policy. */
void policy_call(struct arena *a, const struct policy *p,
    const struct policy_call *c, struct policy_call_decision *d);

/* --- requests --- */

struct policy_request {
	struct str identity;
	const struct names_host *host;
	uint16_t port;
	bool tls;          /* the cell speaks TLS */
	struct str method; /* as sent */
	struct str path;   /* canonical, without the query */
	struct str query;  /* canonical */
	enum policy_git git;
	/* Of the POST of a push; NULL: refs are not known yet (info/refs). */
	const struct policy_commands *commands;
	struct str from_tool;     /* the call this cell exists for, or empty */
	bool call_approved;       /* a person allowed the call of from_tool */
	bool has_own_credentials; /* the cell brought some itself */
	bool tunnel;    /* a connection: method, path are not looked at */
	bool websocket; /* an upgrade is asked for */
};

struct policy_inject {
	struct str credential; /* empty: nothing is injected */
	struct str header;     /* with format: one "{{secret}}" in it */
	struct str format;
	struct str basic; /* or Basic with this user name */
	struct str query; /* or a parameter, with format, as the next three */
	struct str json;  /* or a pointer into a JSON body (RFC 6901) */
	struct str form;  /* or a field of a form */
	uint32_t segment; /* or a part of the path, from 1; 0: not there */
	/* A variable of the cell that holds a placeholder, which gives way to
	 * the credential at the place; empty: it is put there. */
	struct str placeholder;
};
struct policy_egress {          /* what a rule says besides its match */
	struct str name, label; /* "github", "egress.github" */
	uint32_t line;
	struct policy_inject inject;
	bool pinned; /* dial exactly this, never a looked-up address */
	struct names_addr address;
	uint16_t port;
	struct str ca; /* path of the only CA for this upstream, or "" */
	bool tls;      /* towards the upstream; false only with a pin */
	bool own_credentials;
	struct str token_endpoint; /* whose tokens its answers hold, or empty */
	struct str match_host;     /* as the rule writes it */
	uint16_t match_port;
	bool tunnel;         /* protocol = "tcp": bytes that are not read */
	bool websocket;      /* an upgrade may be asked for */
	uint64_t body_max;   /* bytes of a request; 0: no bound, as below */
	uint64_t answer_max; /* of an answer */
	uint64_t volume_max; /* of both, of all requests of a cell */
	uint32_t rate;       /* requests of a cell in rate_us */
	int64_t rate_us;
	const struct str *only_for;
	uint32_t only_for_count;
};
struct policy_request_decision {
	enum policy_verdict verdict;
	const struct policy_egress *egress; /* of a deny: closest, or NULL */
	enum policy_reason reason;
	struct str text; /* the reason as a sentence */
	struct str rule; /* "egress.github" or empty */
	struct str next; /* smallest rule, or deed, that would allow it */
	struct str gate; /* of an ask: the first that holds it, "gate.pay" */
	struct policy_ask ask; /* its digest is that of the gates */
	bool whole; /* some rule puts a credential into requests to its host */
};
void policy_request(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d);

/* Another policy asks about the same request, too: both must be satisfied. */
void policy_request_both(struct arena *a, const struct policy_request *r,
    struct policy_request_decision *d, const struct policy_ask *more);

/* --- for people --- */

/* Lines of text: verdict, rule with its place, credential, where it is put,
 * gate; or the first check that fails and the smallest rule that passes. */
void policy_explain_call(
    struct buf *out, const struct policy *p, const struct policy_call *c);
void policy_explain_request(
    struct buf *out, const struct policy *p, const struct policy_request *r);

size_t policy_egress_count(const struct policy *p);
const struct policy_egress *policy_egress_at(const struct policy *p, size_t n);
/* Is there such a rule in the cell of this call (empty: an ordinary one)? */
bool policy_exists_for(const struct policy_egress *e, struct str tool);

struct policy_tool { /* a row of the role's catalogue */
	struct str name;
	struct str action;
	struct str host; /* of an HTTP tool: canonical host, port, method */
	uint16_t port;
	struct str method;
	struct str path; /* a pattern; empty: any */
};
struct policy_house { /* what a policy is checked against */
	const struct policy_tool *tools;
	size_t tool_count;
	const struct str *operators; /* of [operator.*]; NULL: not held to it */
	size_t operator_count;
	struct str role; /* empty: unknown, hints are not measured */
	const enum policy_surface
	    *surfaces; /* that this node has; NULL: unknown */
	size_t surface_count;
};
/* Where an HTTP tool leads, from its method and URL (variables stand for any
 * text); a host that is a variable stays empty. */
void policy_tool_place(
    struct arena *a, struct policy_tool *t, struct str method, struct str url);
struct policy_finding {
	bool error;      /* the role must not run; else worth reading */
	struct str text; /* "FILE:LINE: …", both places of a contradiction */
};
/* Is a gated effect also reachable ungated; does a name exist. */
void policy_check(struct arena *a, const struct policy *p,
    const struct policy_house *house, const struct policy_finding **findings,
    size_t *count);

#endif
