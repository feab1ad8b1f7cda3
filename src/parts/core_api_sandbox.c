/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `handrail sandbox run`: an operator runs one command in a fresh sandbox of
 * an identity, behind that identity's egress rules.  Its output streams back
 * as JSON lines: {"stream":1,"data":BASE64} …, then {"exit":N}.
 */
#include <string.h>

#include "parts/core.h"
#include "parts/core_api.h"
#include "parts/core_cell.h"

#define ARGV_MAX   256
#define PIECE_MAX  49152
#define RUN_MAX_US (3600 * CLOCK_SECOND)

static void
output(struct core *c, uint64_t number, int stream, struct str data)
{
	struct core_ask *ask = core_ask_find(c, number);

	while (ask && data.len) {
		auto_buf line = { 0 };
		auto_buf text = { 0 };
		struct str piece = str_sub(data, 0, PIECE_MAX);

		data = str_sub(data, piece.len, data.len);
		base64_add(&text, piece);
		buf_addf(&line, "{\"stream\":%d,\"data\":\"" STR_FMT "\"}\n",
		    stream, STR_ARG(buf_str(&text)));
		core_answer_piece(c, ask, buf_str(&line), true);
	}
}

static void
done(struct core *c, uint64_t number, const struct core_exec_result *result)
{
	struct core_ask *ask = core_ask_find(c, number);
	struct core_cell *cell = ask ? core_cell_find(c, ask->cell) : NULL;

	if (!ask) {
		return;
	}
	buf_clear(&ask->answer);
	if (result->end == WIRE_NOT_STARTED || result->lost) {
		struct json_out o;

		json_out_init(&o, &ask->answer);
		json_out_object(&o, NULL);
		json_out_i64(&o, "exit", 127);
		json_out_z(&o, "message", result->text);
		json_out_end(&o, '}');
	} else {
		buf_addf(&ask->answer, "{\"exit\":%d}",
		    result->end == WIRE_EXITED ? result->code
		                               : 128 + result->code);
	}
	buf_add_byte(&ask->answer, '\n');
	if (cell) {
		core_cell_end(c, cell);
	}
}

/* The answer ends when everything of the sandbox is gone. */
void
core_api_sandbox_ended(struct core *c, uint64_t api, const char *why)
{
	struct core_ask *ask = core_ask_find(c, api);

	if (!ask) {
		return;
	}
	ask->cell = 0;
	if (!ask->answer.len) {
		struct json_out o;

		json_out_init(&o, &ask->answer);
		json_out_object(&o, NULL);
		json_out_i64(&o, "exit", 127);
		json_out_z(&o, "message", why[0] ? why : "the sandbox ended");
		json_out_end(&o, '}');
		buf_add_byte(&ask->answer, '\n');
	}
	core_answer_piece(c, ask, buf_str(&ask->answer), false);
}

bool
core_api_sandbox_unmade(struct core *c, const struct core_ask *ask)
{
	struct core_cell *cell = core_cell_find(c, ask->cell);

	if (!cell || cell->asked || cell->phase != CELL_MAKING) {
		return false;
	}
	core_cell_end(c, cell);
	return true;
}

static int
read_argv(struct core_ask *ask, struct str argv[ARGV_MAX], size_t *argc,
    struct err *e)
{
	const struct json *list = json_get(ask->body, "argv");

	*argc = 0;
	JSON_EACH(word, list)
	{
		if (word->type != JSON_STRING || *argc == ARGV_MAX ||
		    memchr(word->text.at, 0, word->text.len)) {
			return err_set(e, ERR_INPUT,
			    "argv must be at most %d texts without NUL",
			    ARGV_MAX);
		}
		argv[(*argc)++] = word->text;
	}
	return *argc ? 0 : err_set(e, ERR_INPUT, "argv names no command");
}

int
route_sandbox(struct core *c, struct core_ask *ask, struct err *e)
{
	static struct str argv[ARGV_MAX];
	struct core_role *role;
	uint32_t slot;
	size_t argc;

	if (core_ask_role(c, ask, &role, e) || read_argv(ask, argv, &argc, e)) {
		return -1;
	}
	if (role->closed[0] || !c->sandbox || c->draining) {
		return err_set(e, ERR_UNAVAILABLE, "%s",
		    role->closed[0] ? role->closed
		                    : "the sandbox part is away");
	}
	if (core_stop_check(c, role->name, e)) {
		return -1;
	}
	if (core_slot_take(c, 0, &slot)) {
		return err_set(e, ERR_UNAVAILABLE,
		    "every sandbox of this node is in use ([node] cells)");
	}
	struct core_cell_plan plan = {
		.role = role,
		.slot = slot,
		.api = ask->number,
	};
	struct core_cell *cell = core_cell_make(c, &plan);
	struct core_exec_plan exec = {
		.argv = argv,
		.argc = argc,
		.folder = STR("/tmp"),
		.timeout = RUN_MAX_US,
		.number = ask->number,
		.done = done,
		.data = output,
	};

	ask->cell = cell->number;
	ask->streaming = true;
	core_cell_exec(c, cell, &exec);
	return 0;
}
