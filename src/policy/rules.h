/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

/* Inside of the room: the compiled form and the pure matchers. */

#include "policy/policy.h"
#include "toml/toml.h"

#define SEGMENTS_MAX   64 /* of a path pattern */
#define PREDICATES_MAX 32 /* of one gate */
#define ARGS_DEPTH_MAX 4
#define RANKS          9

/* --- matchers (glob.c) --- */

/* '*' any run of bytes, '|' alternatives, whole match, case matters. */
bool policy_glob_match(struct str pattern, struct str text);
bool policy_glob_valid(
    struct str pattern); /* no empty alternative, printable */
bool policy_glob_overlap(
    struct str a, struct str b); /* '*' only, no alternatives */
/* '*' inside a segment, alone at least one byte; '**' any segments, at the end
 * at least one.  Used for paths and refs. */
bool policy_path_match(struct str pattern, struct str path);
bool policy_path_overlap(struct str a, struct str b); /* never a false "no" */
/* NULL, or what is wrong with it; of a URL's path also: no request has such. */
const char *policy_path_problem(struct str pattern);
const char *policy_url_path_problem(struct str pattern);
bool policy_ref_match(struct str pattern, struct str ref); /* '|' too */

/* --- the compiled form --- */

enum predicate_op {
	PREDICATE_GLOB,
	PREDICATE_BOOL,
	PREDICATE_LESS,
	PREDICATE_LESS_EQUAL,
	PREDICATE_EQUAL,
	PREDICATE_NOT_EQUAL,
	PREDICATE_MORE_EQUAL,
	PREDICATE_MORE,
};
struct predicate {
	struct str path[ARGS_DEPTH_MAX]; /* keys from args downwards */
	uint32_t depth;
	enum predicate_op op;
	struct str pattern;
	struct json_decimal number;
	bool flag;
};

struct rule;

struct gate {
	struct str name;
	uint32_t line;
	/* What of a request it looks at: host "" any, port 0 any, may_delete
	 * only a push that deletes.  NULL: it stands on calls. */
	const struct rule *request;
	struct str tool; /* patterns; empty: any */
	struct str action;
	struct str identity;
	struct str server;
	struct predicate *predicates;
	uint32_t predicate_count;
	uint32_t people;
	struct str named; /* empty: any operator */
	enum policy_surface surfaces[POLICY_SURFACES];
	uint32_t surface_count;
	bool any_surface; /* none is named */
	struct str hint;  /* empty: tool and action */
	int64_t expires_us;
	int64_t remind_us;      /* 0: never */
	int64_t escalate_us;    /* 0: never */
	struct str escalate_to; /* an operator */
	struct digest digest;   /* of its table, however it is laid out */
};

struct rule {
	struct policy_egress out;
	struct names_pattern host;
	uint16_t port;
	struct str method; /* "GET|POST"; empty: any */
	struct str path;   /* empty: any */
	bool git_fetch;
	bool git_push;
	struct str ref; /* empty: any */
	bool may_delete;
	uint32_t rank[RANKS];
};

enum unmatched { UNMATCHED_ASK, UNMATCHED_ALLOW, UNMATCHED_DENY };

struct gate_entry {
	struct str tool;
	uint32_t gate;
	uint32_t next; /* entry + 1; 0: the last */
};
struct gate_tried {
	uint32_t gate;
	uint8_t prefix_len;
	char prefix[11]; /* what every tool that it matches begins with */
};
struct gate_index {      /* index.c */
	uint32_t *slots; /* entry + 1; 0: none */
	uint32_t slot_count;
	struct gate_entry *entries;
	uint32_t entry_count;
	struct gate_tried *tried; /* gates whose pattern must be tried */
	uint32_t tried_count;
};

struct policy {
	struct str file;
	struct str text;
	struct digest digest;
	bool closed;
	struct str why; /* it is closed */
	enum unmatched unmatched;
	struct gate *gates; /* in the file's order */
	uint32_t gate_count;
	uint32_t request_gates; /* how many of them stand on requests */
	struct gate_index index;
	struct rule *rules; /* the most specific first */
	uint32_t rule_count;
};

/* While a file is compiled. */
struct compile {
	struct arena *arena;
	struct policy *policy;
	const char *file;
	struct str folder; /* of file, for `ca` */
	struct err *e;
};
#define policy_refuse(c, at, ...) \
	toml_refuse((c)->e, (c)->file, at, __VA_ARGS__)
/* keys is "|a|b|": every other one in the table is an error. */
int policy_compile_keys(struct compile *c, const struct json *table,
    const char *keys, const char *what);
/* A string member; absent: *out stays. */
int policy_compile_text(struct compile *c, const struct json *table,
    const char *key, struct str *out);
int policy_compile_gate(
    struct compile *c, const struct json *table, struct gate *g);
int policy_compile_rule_match(
    struct compile *c, const struct json *match, struct rule *r);
int policy_compile_rule(
    struct compile *c, const struct json *table, struct rule *r);
bool policy_is_token(struct str s, size_t max);
bool policy_is_method(struct str s); /* as a rule may name it */
int policy_compile_inject(
    struct compile *c, const struct json *inject, struct policy_inject *i);
int policy_compile_predicates(
    struct compile *c, const struct json *args, struct gate *g);
int policy_compile_hint(
    struct compile *c, const struct json *table, struct gate *g);

/* git.c: is this what the path says?  Who said it may be mistaken. */
bool policy_git_agrees(
    struct str method, struct str path, struct str query, enum policy_git git);

/* rank.c */
void policy_rule_rank(struct rule *r);
int policy_rule_compare(
    const struct rule *a, const struct rule *b); /* <0: a first */
bool policy_rule_overlaps(const struct rule *a, const struct rule *b);
/* Sorts; ERR_INPUT on a tie. */
int policy_rules_order(struct compile *c);

/* index.c */
void policy_index_make(struct arena *a, struct policy *p);
/* Numbers of the gates that may match a call of this tool, ascending; out has
 * room for all of them. */
uint32_t policy_index_find(
    const struct policy *p, struct str tool, uint32_t *out);

/* call.c, hint.c, request.c, next.c */
/* Is there such a rule in the cell of this call (empty: an ordinary one)? */
bool policy_exists_in(const struct policy_egress *e, struct str tool);
bool policy_gate_matches(const struct gate *g, const struct policy_call *c);
void policy_hint_render(struct buf *out, const struct gate *g,
    const struct policy_call *c, bool *cut);
/* For a device on a desk: ask->brief, of this gate or (NULL) of ask->hint. */
void policy_hint_brief(struct arena *a, const struct gate *g,
    const struct policy_call *c, struct policy_ask *ask);
/* Do role, fixed text and at least something of each value stand there?  left:
 * bytes for the values; needed: what they need at least. */
bool policy_hint_fits(
    const struct gate *g, struct str role, size_t *left, size_t *needed);
/* The next variable of a hint; false: no more. */
bool policy_hint_next(struct str *rest, struct str *name);
void policy_request_next(struct arena *a, const struct policy *p,
    const struct policy_request *r, struct policy_request_decision *d);
const char *policy_reason_sentence(enum policy_reason r);

#include "policy/held.h"

#endif
