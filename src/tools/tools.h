/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_TOOLS_H
#define TOOLS_TOOLS_H

/*
 * mcp/server.toml of a role -> a catalogue of typed tools.  A tool is a
 * contract: input and output schema, action, whether it may run twice, who may
 * use it, how it runs.  The contract's digest is what approvals and the book
 * bind to.  DESIGN has the template rules: an argument fills a place inside
 * one argv element, one environment value, one URL segment; never a shell,
 * never an option.
 *
 * Load errors: "FILE:LINE:COLUMN: sentence" (ERR_INPUT).  The declaration is
 * the operator's; arguments and results are hostile.
 */

#include "digest/digest.h"
#include "roles/roles.h"

#define TOOLS_OUTPUT_DEFAULT (64U * 1024)
#define TOOLS_OUTPUT_MAX     ((size_t)1024 * 1024) /* bytes of one result */
#define TOOLS_ARGS_MAX \
	((size_t)1024 * 1024) /* bytes of all arguments as JSON */
#define TOOLS_ARGV_MAX 64
#define TOOLS_VERSION  17 /* 16 hex digits and the NUL */

enum tool_kind {
	TOOL_EXEC,
	TOOL_HTTP,
	TOOL_SHELL, /* the built-in ones */
	TOOL_READ_FILE,
	TOOL_WRITE_FILE,
	TOOL_DISPATCH, /* puts a task; core does it */
	TOOL_QUESTION, /* a person answers */
	TOOL_REQUEST,  /* asks for leave to call another tool */
	TOOL_FINISH,
	TOOL_CLIENT, /* answered by whoever holds the session */
};

struct tool {
	struct str name;
	struct str description;
	struct str action;        /* "read", "push", …; what gates match */
	bool idempotent;          /* started and not settled: may run again */
	bool fresh;               /* a cell of its own for each call */
	struct names identities;  /* patterns */
	struct names credentials; /* of requires = ["credential:NAME"] */
	struct str request;       /* of TOOL_REQUEST: the other tool */
	struct str confirm;    /* a read that tells whether the call happened */
	int64_t timeout;       /* microseconds */
	uint32_t output_limit; /* bytes of stdout, and of stderr */
	enum tool_kind kind;
	const struct json *run; /* the table behind `run` */
	const struct json *input_json;
	const struct json *output_json; /* NULL: none declared */
	const struct schema *input;
	const struct schema *output;
	struct digest contract; /* of the canonical effective declaration */
	char version[TOOLS_VERSION]; /* the digest's first 16 digits */
	uint32_t line;
};

struct catalogue {
	struct str file;
	const struct tool *at; /* in the order of the file */
	size_t count;
	struct str text; /* a line a tool: its contract's digest, its name */
	struct digest digest; /* of that text; changes with any tool */
};

int tools_parse(struct arena *a, struct str text, const char *file,
    struct catalogue *out, struct err *e) MUST_CHECK;
/* role_dir/mcp/server.toml; without that file the catalogue is empty.
 * role_dir/mcp/servers.json is refused (no MCP servers in this version). */
int tools_load(struct arena *a, const char *role_dir, struct catalogue *out,
    struct err *e) MUST_CHECK;
/* Every tool that the role's task types name is declared here. */
int tools_check_role(
    const struct catalogue *c, const struct role *r, struct err *e) MUST_CHECK;

const struct tool *tools_find(const struct catalogue *c, struct str name);
/* The tool that asks for leave to call this one; NULL: none does. */
const struct tool *tools_request_for(
    const struct catalogue *c, struct str name);
/* The built-in `finish` of a task type: its input is the type's output. */
const struct tool *tools_finish(struct arena *a, const struct task_type *t);

/* What an identity may see: identities match, credentials are bound.  These
 * are the names that roles_grant starts from. */
struct names tools_for(struct arena *a, const struct catalogue *c,
    const struct identity *who, const struct names *credentials);

/* "ARGUMENT.path: what was expected" (ERR_INPUT), or ERR_DENIED for a
 * provider's key in them.  args NULL counts as {}. */
int tools_check_args(
    const struct tool *t, const struct json *args, struct err *e) MUST_CHECK;
/* The declared output schema; without one everything passes. */
int tools_check_result(
    const struct tool *t, const struct json *result, struct err *e) MUST_CHECK;
/* Refuses (ERR_DENIED) forms that assign ANTHROPIC_API_KEY and values shaped
 * like a provider's raw key (sk-ant-…) in any key or text of the tree.  It is
 * a net for accidents: text put together at run time passes it. */
int tools_check_no_provider_key(
    const struct json *tree, struct err *e) MUST_CHECK;
bool tools_has_provider_key(struct str text); /* for headers and env values */

/* A call made concrete.  Arguments have passed tools_check_args; defaults of
 * the schema are filled in.  Strings live in the arena and hold no NUL. */
struct tool_env {
	struct str name;
	struct str value;
};
struct tool_plan {
	/* exec and the built-in ones in a cell */
	const struct str *argv; /* argv[0] literal from the declaration */
	size_t argc;
	const struct tool_env *env; /* besides the cell's own */
	size_t env_count;
	struct str cwd;   /* absolute; default "/work" */
	struct str input; /* standard input; len 0: none */
	/* http */
	struct str method;
	struct str url;
	const struct tool_env *headers;
	size_t header_count;
	struct str body; /* len 0: none; JSON when it was declared as a table */
	bool body_json;
};
int tools_expand(struct arena *a, const struct tool *t, const struct json *args,
    struct tool_plan *out, struct err *e) MUST_CHECK;

/* What the read of a contract's `confirm` says of the call: by its result, or
 * by the status of a server (2xx: there it is; 404, 410: there is none). */
enum tool_said { TOOL_SAYS_NOTHING, TOOL_SAYS_HAPPENED, TOOL_SAYS_NOT };
enum tool_said tools_confirm_result(const struct json *result, bool failed);
enum tool_said tools_confirm_status(unsigned status);

/*
 * What a finished process answers.  Without an output schema: {exit, stdout,
 * stderr, truncated}, texts without their last newlines (as $(…) does), bytes
 * that are not UTF-8 replaced.  With one and exit 0: stdout must be JSON that
 * fits it, and is the result; ERR_INPUT if not.  A failure keeps the first
 * form.  *failed: exit is not 0.
 */
struct tool_exit {
	int status; /* exit code, or 128 + signal */
	struct str out;
	struct str err;
	bool truncated; /* more than output_limit was written */
};
int tools_exec_result(struct arena *a, const struct tool *t,
    const struct tool_exit *x, struct json **result, bool *failed,
    struct err *e) MUST_CHECK;

/* The `tools` array of chat completions for the granted names, `finish`
 * last. */
struct json *tools_model_json(struct arena *a, const struct catalogue *c,
    const struct names *granted, const struct task_type *t);
/* The effective declaration, as digested and as `can IDENTITY` prints it. */
struct json *tools_contract_json(struct arena *a, const struct tool *t);

#endif
