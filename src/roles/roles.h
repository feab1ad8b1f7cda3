/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROLES_ROLES_H
#define ROLES_ROLES_H

/*
 * What the operator wrote about the house (handrail.toml) and about a role
 * (roles/R/role.toml): who may say yes, which models there are, which task
 * types a role has and how much power each one carries.  gates.toml belongs
 * to `policy`, mcp/server.toml to `tools`.
 *
 * Everything is an immutable tree in the caller's arena; a reload builds a new
 * one and swaps.  Errors read "FILE:LINE:COLUMN: sentence" (ERR_INPUT).  The
 * texts are an operator's, not an agent's; payloads and results are hostile.
 */

#include "digest/digest.h"
#include "roles/identity.h"
#include "schema/schema.h"

#define ROLES_FILE_MAX    ((size_t)1024 * 1024) /* bytes of one file */
#define ROLES_MAX         256                   /* roles in a folder */
#define ROLES_RUNBOOK_MAX 256                   /* steps of a runbook */

#include "roles/config.h"

int roles_parse_config(struct arena *a, struct str text, const char *file,
    struct config *out, struct err *e) MUST_CHECK;
int roles_load_config(struct arena *a, const char *path, struct config *out,
    struct err *e) MUST_CHECK;
/* Is the password of `store` in a file that every user reads?  What mends it;
 * NULL: no. */
const char *roles_tells_password(struct arena *a, const struct config *c);
const struct config_model *roles_find_model(
    const struct config *c, struct str name);
/* By "host" or "host:port", a port of 443 left out. */
const struct config_issuer *roles_find_issuer(
    const struct config *c, struct str host);
const struct config_operator *roles_find_operator(
    const struct config *c, struct str name);
/* "VENDOR:PRODUCT:SERIAL", as an operator's `buddy` names it, of the USB device
 * behind the terminal major:minor, below `sysfs` ("/sys").  ERR_MISSING: none,
 * or one without a serial number, which could not be told from its twin. */
int roles_usb_device(const char *sysfs, unsigned major, unsigned minor,
    char *text, size_t size, struct err *e) MUST_CHECK;
/* The commented file of `handrail init`, which loads as it is. */
void roles_write_config(struct buf *b, const char *operator_name, uint32_t uid);
/* The same list as a table for the manual (Markdown). */
void roles_write_manual(struct buf *b);

/* WORKER: a program of the operator's; of every type of a role served so. */
enum brain { BRAIN_MODEL, BRAIN_RUNBOOK, BRAIN_WORKER };

struct type_retry {        /* of a failure that may pass */
	uint32_t attempts; /* 0: never by itself */
	int64_t base;      /* microseconds; 0: the queue's own */
	int64_t cap;
};

struct task_type {
	struct str name;
	struct str description;
	struct names tools; /* `finish` is always there besides */
	enum brain brain;
	struct str model; /* "default" of "model.default" */
	uint32_t turns;   /* model replies */
	uint32_t calls;   /* tool calls */
	int64_t wall;     /* microseconds; 0: that of the limits */
	struct type_retry retry;
	struct str skill;              /* suggested_skill of its failures */
	const struct json *input_json; /* JSON Schemas, type object */
	const struct json *output_json;
	const struct schema *input;
	const struct schema *output;
	uint32_t line; /* of [task.NAME] in role.toml */
};

struct role_queue {          /* [queue]; 0: no limit */
	uint32_t running;    /* tasks at once */
	uint32_t waiting;    /* pending; over it a dispatch is refused */
	uint32_t per_minute; /* dispatches */
	uint32_t weight;     /* share among queues that one claimer serves */
	struct str repair;   /* queue that repairs what failed here, or empty */
};

struct role_acts { /* [identity]; in every head by the role's digest */
	struct str as, attribution, billing_owner;
};

struct role {
	struct str name; /* R */
	struct str file; /* path of role.toml, for messages */
	struct str description;
	struct str problem; /* why this role is closed; empty: it is open */
	const struct task_type *types;
	size_t type_count;
	struct role_queue queue;
	struct role_acts acts;
	bool outside; /* [queue] served = "worker": no agents of the house */
	const struct json *limits; /* the [limits] table or NULL */
	struct str text;           /* the file's bytes, as long as the arena */
	struct digest digest;      /* SHA-256 of them */
};

/* One role; `name` is the folder's, checked by the grammar. */
int roles_parse_file(struct arena *a, struct str name, struct str text,
    const char *file, struct role *out, struct err *e) MUST_CHECK;
int roles_load(struct arena *a, const char *role_dir, struct role *out,
    struct err *e) MUST_CHECK;

struct roles {
	const struct role *at; /* sorted by name */
	size_t count;
	size_t closed; /* how many have a problem */
};
/* Every folder in `dir`.  A role that does not load is there, without types,
 * with its problem: at start the caller stops, at a reload the others run. */
int roles_load_dir(struct arena *a, const char *dir, struct roles *out,
    struct err *e) MUST_CHECK;
const struct role *roles_find(const struct roles *r, struct str name);
const struct task_type *roles_find_type(const struct role *r, struct str name);
/* Every model that a task type names exists in the house. */
int roles_check_models(
    const struct role *r, const struct config *c, struct err *e) MUST_CHECK;
/* The house's limits with the role's [limits] over them. */
struct limits roles_limits(const struct config *c, const struct role *r);

/* At dispatch: the payload (an object or NULL for none) against the type's
 * input, and for a runbook type also roles_runbook_check. */
int roles_check_payload(const struct task_type *t, const struct json *payload,
    struct err *e) MUST_CHECK;
/* At finish. */
int roles_check_result(const struct task_type *t, const struct json *result,
    struct err *e) MUST_CHECK;

/*
 * payload.runbook = [{id, tool, args, on_error: stop|continue|retry}]: ids are
 * names and unique, a tool is one of the type's or `finish`, `finish` stands
 * last, and a reference ${id.field} (also ${id.field.deeper}) in any text
 * inside args names an earlier step.  Other text with ${ is no reference.
 */
int roles_runbook_check(const struct task_type *t, const struct json *runbook,
    struct err *e) MUST_CHECK;
/* The next reference in *rest: what stands before it, its id and its path
 * ("field.deeper"); *rest goes behind it.  False when there is none left. */
bool roles_next_reference(
    struct str *rest, struct str *before, struct str *id, struct str *path);

#endif
