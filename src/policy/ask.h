/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_ASK_H
#define POLICY_ASK_H

/* A chapter of policy.h, which includes it: what people are asked. */

#include "digest/digest.h"

#define POLICY_SURFACES 4

struct gate;

enum policy_surface { POLICY_BUDDY, POLICY_WEB, POLICY_CLI, POLICY_FILE };
const char *policy_surface_name(enum policy_surface s);

/* Several gates may match; what they ask is joined: every named principal
 * must say yes and `people` different ones in all. */
struct policy_ask {
	const struct str *gates; /* names, in the file's order */
	uint32_t gate_count;
	uint32_t people;         /* 1 or 2, or more where more are named */
	const struct str *named; /* operators who must be among them */
	uint32_t named_count;
	enum policy_surface surfaces[POLICY_SURFACES]; /* in order */
	uint32_t surface_count;
	struct str hint;    /* printable ASCII, bounded */
	bool hint_cut;      /* a value was cut or escaped: it shows '~' or \u */
	int64_t expires_us; /* from the asking on */
	int64_t remind_us;  /* told once more; 0: never */
	int64_t escalate_us; /* then another may decide; 0: never */
	struct str escalate_to;
	struct str escalate_for; /* in this one's place, or empty */
	struct str brief; /* role and hint, for a device that shows 43 bytes */
	bool brief_cut;
	/* Of policy_ask_bind, else zero: what a standing grant binds. */
	struct digest digest;     /* these gates as they are written */
	struct digest named_args; /* the arguments that they look at or show;
	                           * all, where one looks at none */
	const struct gate *const *from; /* the room's own */
};
struct policy_call;
struct policy;
/* A gate on requests as it is written; an empty text, a port of 0: any. */
struct policy_held {
	struct str gate;
	uint32_t line;
	struct str host; /* "*." in front where it is a suffix */
	uint16_t port;
	struct str method;
	struct str path;
	struct str git; /* "fetch", "push", "fetch|push" */
	struct str ref;
	struct str identity;
	uint32_t people;
	struct str named;
};
/* The nth of them, from 0; false: there are no more. */
bool policy_held_at(
    struct arena *a, const struct policy *p, size_t n, struct policy_held *out);
/* Fills both digests of what was asked about this call. */
void policy_ask_bind(const struct policy_call *c, struct policy_ask *ask);

#endif
