/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_INNER_H
#define TOOLS_INNER_H

/* Shared by the files of this room only. */

#include "roles/table.h"
#include "tools/tools.h"

/* A tool at load: where it stands and what its templates may name. */
struct tools_loading {
	struct arena *arena;
	const char *file;
	struct tool *tool;
	struct err *e;
};

/* `run`: which kind it is and everything that can be checked before a call. */
int tools_read_run(struct tools_loading *l, const struct json *run) MUST_CHECK;

/* ---- built-in tools ---- */
struct tool_builtin {
	const char *name;
	enum tool_kind kind;
	const char *input; /* JSON Schema */
};
const struct tool_builtin *tools_find_builtin(struct str name);

/* ---- templates ---- */
/* The next {{name}} of *rest: what stands before it; *rest goes behind it.
 * False: none is left (*before is then the rest). */
bool template_next(struct str *rest, struct str *before, struct str *name);
bool template_begins(struct str text);
/* Every template of `text` names an argument that always has a value. */
int template_check(const struct tools_loading *l, const struct json *where,
    struct str text) MUST_CHECK;
/* The value of an argument: as given, else the schema's default. */
const struct json *template_value(
    const struct tool *t, const struct json *args, struct str name);
/* Fills in; percent-encoded for a URL.  No NUL gets in. */
struct template_call {
	struct arena *arena;
	const struct tool *tool;
	const struct json *args;
	struct err *e;
};
int template_fill(const struct template_call *c, struct str text, bool url,
    struct str *out) MUST_CHECK;

/* Does an element's place make a leading '-' harmless (DESIGN, rule 3)? */
bool argv_is_guarded(const struct json *element, const struct json *argv);

/* `confirm` of every tool names a read that can tell. */
int tools_check_confirms(const char *file, const struct catalogue *c,
    const struct json *tables, struct err *e) MUST_CHECK;

/* Digest and version, once everything else is set. */
void tools_seal_contract(struct tool *t);

#endif
