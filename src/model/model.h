/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

/*
 * Chat completions, not streamed: the body of a request, and what an answer
 * says, whichever of the providers' dialects it is in.  Pure: no socket, no
 * clock; where the request goes and which credential it bears is core's.
 *
 * An answer is hostile.  Only what stands in its tool calls is a call: never
 * text that looks like one, never one found in the reasoning.  Nothing is
 * repaired: arguments that are no JSON object come back as `problem`, with the
 * place.  DESIGN lists the dialects and what each failure means.
 */

#include "json/json.h"

#define MODEL_ANSWER_MAX   (8U << 20) /* bytes */
#define MODEL_CALLS_MAX    64         /* calls in one reply */
#define MODEL_NAME_MAX     64         /* bytes of a tool's name as written */
#define MODEL_RAW_SHOWN    400        /* bytes of wrong arguments shown */
#define MODEL_MESSAGE_MAX  300        /* bytes of a provider's message kept */
#define MODEL_CALL_ID_TEXT 10         /* c00000001: some want just 9 */

enum model_role { MODEL_SYSTEM, MODEL_USER, MODEL_ASSISTANT, MODEL_TOOL };

struct model_call {
	char id[MODEL_CALL_ID_TEXT]; /* ours; the provider's is not kept */
	struct str name;             /* as the model wrote it */
	struct str arguments;        /* JSON object; "{}" with a problem */
	struct str canonical;        /* RFC 8785 form of the arguments */
	struct str problem;          /* empty, or why it must not run */
};

struct model_message {
	struct model_message *next;
	enum model_role role;
	struct str content;
	struct str reasoning;           /* of MODEL_ASSISTANT */
	const struct model_call *calls; /* of MODEL_ASSISTANT */
	size_t call_count;
	const char *call_id; /* of MODEL_TOOL: which call this answers */
};

struct model_request {
	struct str model;
	int64_t max_tokens;       /* 0: the provider's own bound */
	const struct json *tools; /* array in the chat-completions form */
	const struct model_message *messages;
};

/* Static members first and no clock: providers cache by prefix. */
void model_write_request(struct buf *out, const struct model_request *r);

/* --- answers ------------------------------------------------------------- */

struct model_answer {
	bool ok;            /* an HTTP answer came; else kind and text say */
	uint32_t status;    /* of HTTP */
	enum err_kind kind; /* when not ok */
	struct str text;
	struct str body;
	size_t sent; /* bytes of the request, for an estimate of its tokens */
};

struct model_usage {
	int64_t in; /* tokens */
	int64_t cached;
	int64_t out;
	bool estimated; /* the provider did not say: bytes / 4 */
};

struct model_reply {
	struct str content;   /* without its reasoning; may be empty */
	struct str reasoning; /* kept apart */
	struct model_call *calls;
	size_t call_count;
	bool cut;     /* it reached a length: its calls have a problem */
	bool refused; /* the provider's filter stopped it */
	struct model_usage usage;
};

enum model_next {
	MODEL_RETRY,   /* the same request again may pass */
	MODEL_COMPACT, /* a smaller one may */
	MODEL_FINAL,   /* a person must change something */
};

enum model_cause {
	MODEL_UNREACHABLE, /* no answer */
	MODEL_REFUSED,     /* credential, permission, terms, plan */
	MODEL_BUSY,        /* a rate, a quota, no capacity */
	MODEL_WRONG,       /* it calls the request wrong; no such model */
	MODEL_BROKEN,      /* it failed itself */
	MODEL_NONSENSE,    /* no answer of any form we know */
};

struct model_failure {
	enum model_next next;
	enum model_cause cause;
	uint32_t status; /* of HTTP; 0: no answer */
	/* What the provider says, printable ASCII, at most MODEL_MESSAGE_MAX.
	 */
	struct str message;
};

/*
 * 0 and a reply, or -1 and a failure.  Calls get the ids `first_id`, + 1, …
 * (unique in the run, the same at every replay).
 */
int model_read_answer(struct arena *a, const struct model_answer *answer,
    uint32_t first_id, struct model_reply *out,
    struct model_failure *why) MUST_CHECK;

#endif
