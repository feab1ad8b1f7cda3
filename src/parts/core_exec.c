/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command in a cell: a plan as a sealed memfd, three pipes, an end.  The
 * bytes that come back are hostile and only counted and kept, never read here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_call.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"

#define PIECE     65536
#define INPUT_MAX 1048576

struct core_stream {
	struct core_exec *exec;
	struct loop_io io;
	int fd; /* -1: at its end */
	int number;
	struct buf kept;
};

struct core_exec {
	struct core_exec *next;
	struct core *core;
	uint64_t number; /* of this exec */
	uint64_t cell;
	bool sent;
	bool ended;
	uint32_t limit;
	struct buf plan;
	uint32_t argc, envc;
	struct buf input;
	int64_t timeout;
	char folder[256];
	struct core_stream streams[2];
	struct core_exec_result result;
	uint64_t owner;
	core_exec_done_fn *done;
	core_exec_data_fn *data;
};

static void
close_stream(struct core_stream *s)
{
	if (s->fd >= 0) {
		loop_io_close(&s->io);
		(void)close(s->fd);
		s->fd = -1;
	}
}

static void
free_exec(struct core_exec *x)
{
	for (int i = 0; i < 2; i++) {
		close_stream(&x->streams[i]);
		buf_fini(&x->streams[i].kept);
	}
	buf_fini(&x->plan);
	buf_fini(&x->input);
	free(x);
}

static void
unlink_exec(struct core *c, struct core_exec *x)
{
	struct core_cell *cell = core_cell_find(c, x->cell);

	for (struct core_exec **at = cell ? &cell->execs : NULL; at && *at;
	     at = &(*at)->next) {
		if (*at == x) {
			*at = x->next;
			return;
		}
	}
}

/* Tells the owner, once; the exec is gone afterwards. */
static void
finish(struct core_exec *x)
{
	struct core *c = x->core;

	unlink_exec(c, x);
	x->result.out = x->streams[0].kept;
	x->result.err = x->streams[1].kept;
	x->done(c, x->owner, &x->result);
	free_exec(x);
}

static void
maybe_finish(struct core_exec *x)
{
	if (x->ended && x->streams[0].fd < 0 && x->streams[1].fd < 0) {
		finish(x);
	}
}

static void
keep(struct core_stream *s, struct str piece)
{
	struct core_exec *x = s->exec;

	if (x->data) {
		x->data(x->core, x->owner, s->number, piece);
		return;
	}
	size_t room = x->limit > s->kept.len ? x->limit - s->kept.len : 0;

	if (piece.len > room) {
		x->result.truncated = true;
	}
	buf_add(&s->kept, str_sub(piece, 0, room));
}

/* Reads what is there; true when the stream is at its end. */
static bool
drain(struct core_stream *s, int pieces)
{
	static char piece[PIECE];

	for (int i = 0; i < pieces; i++) {
		ssize_t n = read(s->fd, piece, sizeof(piece));

		if (n > 0) {
			keep(s, str_span(piece, (size_t)n));
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			return true;
		} else {
			return false;
		}
	}
	return false;
}

static void
stream_ready(void *owner, unsigned ready)
{
	struct core_stream *s = owner;

	(void)ready;
	if (drain(s, 4)) {
		close_stream(s);
		maybe_finish(s->exec);
	}
}

/* A pipe whose reading end holds all of the input and then ends.  It has room
 * for that and no more: what the pipes of a user may hold together is bounded
 * (pipe(7)), and every command that runs has one. */
static int
input_pipe(struct core_exec *x, int *end, struct err *e)
{
	size_t size = x->input.len;
	int fds[2];

	if (size > INPUT_MAX) {
		return err_set(e, ERR_LIMIT,
		    "the input of the command is over %d bytes", INPUT_MAX);
	}
	if (pipe2(fds, O_CLOEXEC)) {
		return err_sys(e, "pipe");
	}
	(void)fcntl(fds[1], F_SETPIPE_SZ, (int)size);
	(void)fcntl(fds[1], F_SETFL, O_NONBLOCK);
	ssize_t n = size ? write(fds[1], x->input.at, size) : 0;

	(void)close(fds[1]);
	if (n != (ssize_t)size) {
		(void)close(fds[0]);
		return err_set(e, ERR_LIMIT,
		    "no pipe has room for its input of %zu bytes: this user's "
		    "pipes hold too much; run less at once, or raise "
		    "fs.pipe-user-pages-soft",
		    size);
	}
	*end = fds[0];
	return 0;
}

static int
output_pipe(struct core_exec *x, int number, int *end, struct err *e)
{
	struct core_stream *s = &x->streams[number];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC)) {
		return err_sys(e, "pipe");
	}
	s->fd = fds[0];
	if (loop_io_open(
	        &s->io, x->core->part.loop, s->fd, stream_ready, s, e)) {
		(void)close(fds[1]);
		return -1;
	}
	loop_io_want(&s->io, LOOP_READ);
	*end = fds[1];
	return 0;
}

static int
start(struct core *c, const struct core_cell *cell, struct core_exec *x,
    struct err *e)
{
	struct wire_cell_exec record = {
		.cell = x->cell,
		.exec = x->number,
		.argc = x->argc,
		.envc = x->envc,
		.timeout = (uint64_t)x->timeout,
		.own_ca = !core_cell_tunnels(cell),
	};
	int fds[4] = { -1, -1, -1, -1 };

	core_text(record.folder, sizeof(record.folder), x->folder);
	if (input_pipe(x, &fds[1], e)) {
		return -1;
	}
	if (output_pipe(x, 0, &fds[2], e) || output_pipe(x, 1, &fds[3], e)) {
		(void)close(fds[1]);
		if (fds[2] >= 0) {
			(void)close(fds[2]);
		}
		return -1;
	}
	fds[0] = core_memfd(buf_str(&x->plan));
	x->sent = true;
	wire_send(c->sandbox, WIRE_CELL_EXEC, &record, fds, 4);
	return 0;
}

static void
refuse(struct core_exec *x, const char *why)
{
	x->ended = true;
	x->result.end = WIRE_NOT_STARTED;
	x->result.text = why;
	finish(x);
}

void
core_execs_flush(struct core *c, struct core_cell *cell)
{
	struct core_exec *next;

	for (struct core_exec *x = cell->execs; x; x = next) {
		struct err e = { 0 };

		next = x->next;
		if (!x->sent && start(c, cell, x, &e)) {
			log_err("exec", &e);
			refuse(x, e.text);
		}
	}
}

void
core_cell_exec(
    struct core *c, struct core_cell *cell, const struct core_exec_plan *plan)
{
	struct core_exec *x = calloc(1, sizeof(*x));

	must(x);
	x->core = c;
	x->number = core_number(c);
	x->cell = cell->number;
	x->limit = plan->limit;
	x->timeout = plan->timeout;
	x->owner = plan->number;
	x->done = plan->done;
	x->data = plan->data;
	x->argc = (uint32_t)plan->argc;
	x->envc = (uint32_t)plan->env_count;
	for (size_t i = 0; i < plan->argc; i++) {
		buf_add(&x->plan, plan->argv[i]);
		buf_add_byte(&x->plan, 0);
	}
	for (size_t i = 0; i < plan->env_count; i++) {
		buf_add(&x->plan, plan->env[i].name);
		buf_add_byte(&x->plan, '=');
		buf_add(&x->plan, plan->env[i].value);
		buf_add_byte(&x->plan, 0);
	}
	x->envc += core_placeholders(cell, &x->plan);
	buf_add(&x->input, plan->input);
	(void)str_copy(x->folder, sizeof(x->folder), plan->folder);
	for (int i = 0; i < 2; i++) {
		x->streams[i].exec = x;
		x->streams[i].fd = -1;
		x->streams[i].number = i + 1;
	}
	struct core_exec **last = &cell->execs;

	while (*last) {
		last = &(*last)->next;
	}
	*last = x;
	if (cell->phase == CELL_READY) {
		core_execs_flush(c, cell);
	}
}

void
core_cell_executed(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_cell_executed *done = record;
	struct core_cell *cell = core_cell_find(c, done->cell);
	struct core_exec *x = cell ? cell->execs : NULL;

	(void)peer;
	(void)fds;
	(void)nfds;
	while (x && x->number != done->exec) {
		x = x->next;
	}
	if (!x) {
		return;
	}
	x->ended = true;
	x->result.end = (enum wire_exec_end)done->end;
	x->result.code = done->code;
	x->result.text =
	    wire_text_ok(done->text, sizeof(done->text)) ? done->text : "";
	/* What a process left behind in the pipe counts; what its children may
	 * still write does not. */
	for (int i = 0; i < 2; i++) {
		if (x->streams[i].fd >= 0) {
			(void)drain(&x->streams[i], 64);
			close_stream(&x->streams[i]);
		}
	}
	finish(x);
}

void
core_execs_drop(struct core *c, struct core_cell *cell, const char *why)
{
	(void)c;
	while (cell->execs) {
		struct core_exec *x = cell->execs;

		cell->execs = x->next;
		x->ended = true;
		x->result.end = x->sent ? WIRE_SIGNALLED : WIRE_NOT_STARTED;
		x->result.code = 9;
		x->result.lost = true;
		x->result.text = why;
		finish(x);
	}
}

void
core_call_exec(struct core *c, struct core_cell *cell,
    const struct core_call *k, core_exec_done_fn *done)
{
	struct core_exec_plan plan = {
		.argv = k->plan.argv,
		.argc = k->plan.argc,
		.env = k->plan.env,
		.env_count = k->plan.env_count,
		.folder = k->plan.cwd,
		.input = k->plan.input,
		.timeout = k->tool->timeout,
		.limit = k->tool->output_limit,
		.number = k->number,
		.done = done,
	};

	core_cell_exec(c, cell, &plan);
}
