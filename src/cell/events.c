/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of an isolate checked and turned into events; its end. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell/inside.h"

#define REAP_TRIES 200
#define REAP_WAIT  5 /* ms */

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static bool
cookie_of(int fd, uint64_t *cookie)
{
	socklen_t size = sizeof(*cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &size) == 0;
}

/* Four sockets of one namespace, and it is not ours. */
static bool
listeners_ok(const int *fds, size_t count, uint64_t *cookie)
{
	int mine = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t own = 0;
	bool ok = count == CELL_LISTENERS && mine >= 0 &&
	          cookie_of(mine, &own) && cookie_of(fds[0], cookie) &&
	          *cookie != own;

	for (size_t i = 1; ok && i < count; i++) {
		uint64_t other = 0;

		ok = cookie_of(fds[i], &other) && other == *cookie;
	}
	auto_close_fd(&mine);
	return ok;
}

static void
failed(struct cell_event *event, const char *why)
{
	*event = (struct cell_event){ .kind = CELL_FAILED };
	must(str_copy(event->text, sizeof(event->text), str_of(why)));
}

static bool
text_ok(const char text[CELL_TEXT_MAX])
{
	return memchr(text, '\0', CELL_TEXT_MAX) != NULL;
}

static bool
fenced(const struct cell *cell, const struct note *note, const int *fds,
    size_t count, struct cell_event *event)
{
	if (!cell->fenced || cell->started ||
	    !listeners_ok(fds, count, &event->cookie)) {
		return false;
	}
	event->kind = CELL_FENCED;
	event->ports_only = note->ports_only != 0;
	memcpy(event->listeners, fds, sizeof(event->listeners));
	return true;
}

static bool
executed(
    const struct cell *cell, const struct note *note, struct cell_event *event)
{
	if (cell->kind != KIND_CELL || note->end < CELL_EXITED ||
	    note->end > CELL_NOT_STARTED) {
		return false;
	}
	event->kind = CELL_EXECUTED;
	event->exec = note->exec;
	event->end = (enum cell_end)note->end;
	event->code = note->code;
	event->cpu = note->cpu;
	return true;
}

/* Says whether the note is one that this isolate may send now. */
static bool
take_note(struct cell *cell, const struct note *note, const int *fds,
    size_t count, struct cell_event *event)
{
	memcpy(event->text, note->text, sizeof(event->text));
	switch (note->kind) {
	case NOTE_FENCED:
		return fenced(cell, note, fds, count, event);
	case NOTE_STARTED:
		if (cell->kind == KIND_AGENT) {
			cell->said_ready = true;
			return count == 0;
		}
		event->kind = CELL_STARTED;
		return cell->kind == KIND_CELL && cell->started && count == 0;
	case NOTE_EXECUTED:
		return count == 0 && executed(cell, note, event);
	case NOTE_WORKED:
		event->kind = CELL_WORKED;
		event->read = note->read;
		memcpy(event->digest.bytes, note->digest, DIGEST_SIZE);
		memo_back(cell, true);
		return cell->kind == KIND_WORK && count == 0;
	case NOTE_FAILED:
		event->kind = CELL_FAILED;
		event->code = note->code;
		return count == 0;
	default:
		return false;
	}
}

static void
at_end(struct cell *cell, struct cell_event *event)
{
	*event = (struct cell_event){ .kind = CELL_GONE };
	if (cell->said_ready) {
		event->kind = CELL_STARTED;
		cell->said_ready = false;
	}
	/* Not the descriptor: somebody's loop still watches it, and the next
	 * cell would be given its number. */
	cell->closed = true;
}

void
cell_next(struct cell *cell, struct cell_event *event)
{
	struct note note;
	int fds[CONTROL_FDS_MAX] = { -1, -1, -1, -1 };
	size_t count = 0;

	*event = (struct cell_event){ .kind = CELL_NOTHING };
	if (cell->closed) {
		return;
	}
	switch (control_take(cell->control, &note, sizeof(note), fds, &count)) {
	case CONTROL_EMPTY:
		return;
	case CONTROL_CLOSED:
		at_end(cell, event);
		return;
	case CONTROL_BAD:
		failed(event, "the isolate broke its protocol");
		return;
	case CONTROL_TOOK:
		break;
	}
	if (text_ok(note.text) && take_note(cell, &note, fds, count, event)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		(void)close(fds[i]);
	}
	failed(event, "the isolate broke its protocol");
}

int
cell_fd(const struct cell *cell)
{
	return cell->control;
}

int
cell_pidfd(const struct cell *cell)
{
	return cell->pidfd;
}

pid_t
cell_pid(const struct cell *cell)
{
	return cell->pid;
}

/* With pid 1 the kernel ends everything that it was the parent of. */
void
cell_kill(struct cell *cell)
{
	if (!cell->reaped && cell->pidfd >= 0) {
		(void)syscall(
		    SYS_pidfd_send_signal, cell->pidfd, SIGKILL, NULL, 0);
	}
}

bool
cell_reap(struct cell *cell)
{
	siginfo_t info = { 0 };

	if (!cell->reaped && cell->pidfd >= 0) {
		if (waitid(P_PIDFD, (id_t)cell->pidfd, &info,
		        WEXITED | WNOHANG) < 0 ||
		    info.si_pid == 0) {
			return false;
		}
		cell->reaped = true;
	}
	if (cell->grouped && group_remove(&cell->host->groups, cell->number)) {
		cell->grouped = false;
	}
	return !cell->grouped;
}

/* Whoever could not be ended can still write to what it has mapped. */
static void
forget(struct cell *cell)
{
	struct cell **at = &cell->host->cells;

	memo_back(cell, false);
	while (*at && *at != cell) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = cell->next;
		cell->host->memos.never |= cell->ran && !cell->reaped;
	}
}

void
cell_free(struct cell *cell)
{
	if (!cell) {
		return;
	}
	cell_kill(cell);
	for (int i = 0; i < REAP_TRIES && !cell_reap(cell); i++) {
		struct pollfd dead = { .fd = cell->pidfd, .events = POLLIN };

		(void)poll(&dead, cell->reaped ? 0 : 1, REAP_WAIT);
	}
	forget(cell);
	auto_close_fd(&cell->control);
	auto_close_fd(&cell->pidfd);
	cell->host->living--;
	free(cell);
}
