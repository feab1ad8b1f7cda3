/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from pid 1 of a cell is not believed: every note that it may not
 * send, or not now, fails the cell and leaks no descriptor.  Case I09.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cell/inside.h"

struct stage {
	struct cell_host host;
	struct cell *cell;
	int far;
};

static void
open_stage(struct stage *s, enum cell_kind kind)
{
	struct err e;
	int ends[2];

	*s = (struct stage){ 0 };
	assert_int_equal(control_pair(ends, &e), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	s->far = ends[1];
	s->cell = calloc(1, sizeof(*s->cell));
	s->host.living = 1;
	*s->cell = (struct cell){
		.host = &s->host,
		.kind = kind,
		.control = ends[0],
		.pidfd = -1,
		.fenced = true,
		.reaped = true,
	};
}

static void
close_stage(struct stage *s)
{
	(void)close(s->far);
	cell_free(s->cell);
}

static size_t
open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 256; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

static enum cell_event_kind
hear(struct stage *s, struct str bytes, const int *fds, size_t nfds)
{
	struct cell_event event;
	struct err e = { 0 };

	assert_int_equal(control_send(s->far, bytes, fds, nfds, &e), 0);
	cell_next(s->cell, &event);
	return event.kind;
}

/* Sockets of a network that is not ours; false where none can be made. */
static bool
foreign_sockets(int fds[CONTROL_FDS_MAX])
{
	struct err e = { 0 };
	char byte;
	size_t count = 0;
	int ends[2];

	assert_int_equal(control_pair(ends, &e), 0);
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
			_exit(1);
		}
		for (int i = 0; i < CONTROL_FDS_MAX; i++) {
			fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		}
		_exit(control_send(ends[1], STR("x"), fds, CONTROL_FDS_MAX, &e)
		          ? 1
		          : 0);
	}
	(void)close(ends[1]);
	(void)waitpid(pid, NULL, 0);
	bool got = control_take(ends[0], &byte, 1, fds, &count) == CONTROL_TOOK;

	(void)close(ends[0]);
	return got && count == CONTROL_FDS_MAX;
}

static void
only_four_and_only_before_the_start(void **state)
{
	static const struct {
		size_t count;
		bool started;
		bool fenced;
		enum cell_event_kind answer;
	} rows[] = {
		{ 4, false, true, CELL_FENCED },
		{ 3, false, true, CELL_FAILED },
		{ 4, true, true, CELL_FAILED },
		{ 4, false, false, CELL_FAILED },
	};
	struct note note = { .kind = NOTE_FENCED };
	int fds[CONTROL_FDS_MAX];

	(void)state;
	if (!foreign_sockets(fds)) {
		print_message("# skipped: no user namespaces here\n");
		skip();
	}
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cell_event event;
		struct err e = { 0 };
		struct stage s;

		open_stage(&s, KIND_CELL);
		s.cell->started = rows[i].started;
		s.cell->fenced = rows[i].fenced;
		assert_int_equal(
		    control_send(s.far, str_span(&note, sizeof(note)), fds,
		        rows[i].count, &e),
		    0);
		cell_next(s.cell, &event);
		assert_int_equal(event.kind, rows[i].answer);
		for (size_t k = 0; i == 0 && k < CELL_LISTENERS; k++) {
			(void)close(event.listeners[k]);
		}
		close_stage(&s);
	}
	for (size_t i = 0; i < CONTROL_FDS_MAX; i++) {
		(void)close(fds[i]);
	}
}

/* One note to a fresh cell of that kind. */
static void
refused(
    enum cell_kind kind, bool started, const struct note *note, size_t sockets)
{
	struct stage s;
	size_t before = open_descriptors();
	int fds[CONTROL_FDS_MAX];

	open_stage(&s, kind);
	s.cell->started = started;
	for (size_t i = 0; i < sockets; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fds[i] >= 0);
	}
	assert_int_equal(
	    hear(&s, str_span(note, sizeof(*note)), fds, sockets), CELL_FAILED);
	for (size_t i = 0; i < sockets; i++) {
		(void)close(fds[i]);
	}
	close_stage(&s);
	assert_int_equal(open_descriptors(), before);
}

static void
every_note_out_of_place_is_refused(void **state)
{
	struct note executed = { .kind = NOTE_EXECUTED, .end = CELL_EXITED };
	struct note note = { 0 };

	(void)state;
	refused(KIND_CELL, true, &note, 0); /* no kind */
	note.kind = NOTE_FAILED + 1;
	refused(KIND_CELL, true, &note, 0);
	note.kind = NOTE_STARTED;
	refused(KIND_CELL, false, &note, 0); /* was not asked to */
	refused(KIND_WORK, false, &note, 0);
	refused(KIND_CELL, true, &note, 1); /* with a gift */
	note.kind = NOTE_WORKED;
	refused(KIND_CELL, true, &note, 0);
	refused(KIND_AGENT, true, &note, 0);
	refused(KIND_WORK, false, &executed, 0);
	executed.end = 0;
	refused(KIND_CELL, true, &executed, 0);
	executed.end = CELL_NOT_STARTED + 1;
	refused(KIND_CELL, true, &executed, 0);
	executed.end = CELL_EXITED;
	memset(executed.text, 'x', sizeof(executed.text)); /* no end */
	refused(KIND_CELL, true, &executed, 0);
}

static void
listeners_that_are_not_the_cells_are_refused(void **state)
{
	struct note note = { .kind = NOTE_FENCED };

	(void)state;
	refused(KIND_CELL, false, &note, 4); /* of our own network */
	refused(KIND_CELL, false, &note, 3);
	refused(KIND_CELL, false, &note, 0);
	refused(KIND_CELL, true, &note, 4);
	refused(KIND_WORK, false, &note, 4);
}

static void
a_datagram_of_another_size_is_refused(void **state)
{
	static struct {
		struct note note;
		char more[8];
	} bytes = { .note = { .kind = NOTE_EXECUTED, .end = CELL_EXITED } };
	const size_t sizes[] = { 64, sizeof(struct note) - 1,
		sizeof(struct note) + 1, sizeof(bytes) };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct stage s;
		size_t before = open_descriptors();

		open_stage(&s, KIND_CELL);
		assert_int_equal(
		    hear(&s, str_span(&bytes, sizes[i]), NULL, 0), CELL_FAILED);
		close_stage(&s);
		assert_int_equal(open_descriptors(), before);
	}
}

static void
an_agent_has_started_when_it_said_so_and_was_executed(void **state)
{
	struct note note = { .kind = NOTE_STARTED };
	struct cell_event event;
	struct stage s;

	(void)state;
	open_stage(&s, KIND_AGENT);
	assert_int_equal(
	    hear(&s, str_span(&note, sizeof(note)), NULL, 0), CELL_NOTHING);
	(void)close(s.far);
	cell_next(s.cell, &event);
	assert_int_equal(event.kind, CELL_STARTED);
	cell_next(s.cell, &event);
	assert_int_equal(event.kind, CELL_NOTHING);
	s.far = -1;
	close_stage(&s);
	open_stage(&s, KIND_AGENT); /* but not when it only went away */
	(void)close(s.far);
	s.far = -1;
	cell_next(s.cell, &event);
	assert_int_equal(event.kind, CELL_GONE);
	/* Whoever watches it has not been told yet. */
	assert_true(fcntl(cell_fd(s.cell), F_GETFD) >= 0);
	close_stage(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_note_out_of_place_is_refused),
		cmocka_unit_test(listeners_that_are_not_the_cells_are_refused),
		cmocka_unit_test(only_four_and_only_before_the_start),
		cmocka_unit_test(a_datagram_of_another_size_is_refused),
		cmocka_unit_test(
		    an_agent_has_started_when_it_said_so_and_was_executed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
