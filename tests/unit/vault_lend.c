/* SPDX-License-Identifier: Apache-2.0 */
/* The vault as core and two egresses see it: what is granted to many at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seal/seal.h"
#include "wire/wire.h"

#define ALPHA "value-of-alpha-0123456789"
#define BETA  "value-of-beta"

#define NUMBERS (2 * WIRE_TOGETHER)

struct cell {
	struct wire_peer *peer;
	size_t told; /* records */
	size_t numbers;
	struct wire_credential last;
	/* by number */
	char said[NUMBERS][WIRE_TEXT_MAX];
	bool lent[NUMBERS];
};

static struct house {
	struct loop *loop;
	struct seal_key *key;
	pid_t pid;
	struct wire_peer *supervisor, *core, *back, *lends;
	int core_fd;
	int lends_fd;
	bool ready;
	size_t signatures;
	struct cell cell[2];
	char folder[64];
} house;

static void
wait_for(struct mono limit, const char *condition)
{
	if (mono_passed(limit, mono_now())) {
		fail_msg("never: %s", condition);
	}
	loop_turn(house.loop, 1000);
}

#define until(condition)                                                     \
	for (struct mono limit_ = mono_after(mono_now(), 60 * CLOCK_SECOND); \
	     !(condition); wait_for(limit_, #condition)) {                   \
	}

/* NOLINTBEGIN(readability-non-const-parameter): handlers of one type */

#define TAKE(name)                                            \
	static void name(void *owner, struct wire_peer *peer, \
	    const void *record, int *fds, size_t nfds)
#define UNUSED      \
	(void)peer; \
	(void)fds;  \
	(void)nfds

TAKE(take_ready)
{
	UNUSED;
	(void)owner;
	(void)record;
	house.ready = true;
}

TAKE(take_hello)
{
	UNUSED;
	(void)owner;
	(void)record;
}

TAKE(take_signed)
{
	UNUSED;
	(void)owner;
	(void)record;
	house.signatures++;
}

TAKE(take_credential)
{
	struct cell *c = owner;
	const struct wire_credential *w = record;

	UNUSED;
	c->told++;
	c->last = *w;
	assert_in_range(w->count, 1, WIRE_TOGETHER);
	for (size_t n = 0; n < w->count; n++) {
		assert_in_range(w->number[n], 1, NUMBERS - 1);
		c->numbers++;
		c->lent[w->number[n]] = w->ok;
		memcpy(c->said[w->number[n]],
		    w->ok ? (const char *)w->secret : w->text, WIRE_TEXT_MAX);
	}
}

/* NOLINTEND(readability-non-const-parameter) */

static void
closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	fail_msg("the vault has gone: %s", why->text);
}

static struct wire_peer *
meet(enum part self, int fd, const struct wire_handler *handlers, void *owner)
{
	struct wire_end end = {
		.self = self,
		.other = PART_VAULT,
		.handlers = handlers,
		.count = self == PART_CORE ? 2 : 1,
		.closed = closed,
		.owner = owner,
	};
	struct err e = { 0 };
	struct wire_peer *peer = wire_peer_new(house.loop, fd, &end, &e);

	assert_non_null(peer);
	return peer;
}

static const struct wire_handler to_supervisor = { WIRE_VAULT_READY,
	take_ready };
static const struct wire_handler to_core[] = {
	{ WIRE_VAULT_HELLO, take_hello },
	{ WIRE_VAULT_SIGNED, take_signed },
};
static const struct wire_handler to_egress = { WIRE_CREDENTIAL,
	take_credential };

static void
become_vault(int up, int down)
{
	const char *path = getenv("HANDRAIL_VAULT");
	int a = fcntl(up, F_DUPFD, 64);
	int b = fcntl(down, F_DUPFD, 64);

	must(path);
	(void)dup2(a, 3);
	(void)dup2(b, 4);
	(void)close_range(5, ~0U, 0);
	(void)execl(
	    path, "vault", "--uid", "0", "--state", house.folder, (char *)NULL);
	_exit(127);
}

static void
attach(uint64_t cell)
{
	struct wire_attach attach = { .cell = cell };
	struct err e = { 0 };
	int fds[2];

	assert_int_equal(wire_pair(fds, &e), 0);
	house.cell[cell - 1].peer =
	    meet(PART_EGRESS, fds[0], &to_egress, &house.cell[cell - 1]);
	wire_send(house.core, WIRE_VAULT_ATTACH, &attach, &fds[1], 1);
}

static void
back_closed(void *owner, struct wire_peer *peer, const struct err *why)
{
	(void)owner;
	(void)peer;
	(void)why;
}

static struct wire_peer *
attach_another(enum wire_type type, int *fd)
{
	static const struct wire_attach none;
	struct wire_end end = {
		.self = PART_CORE, .other = PART_VAULT, .closed = back_closed
	};
	struct err e = { 0 };
	int fds[2];

	assert_int_equal(wire_pair(fds, &e), 0);
	wire_send(house.core, type, &none, &fds[1], 1);
	*fd = fds[0];
	return wire_peer_new(house.loop, fds[0], &end, &e);
}

static struct wire_peer *
attach_back(void)
{
	int fd;

	return attach_another(WIRE_VAULT_BACK, &fd);
}

static int
start(void **state)
{
	uint8_t root[SEAL_RAW_KEY];
	struct err e = { 0 };
	char path[128];
	int up[2];
	int down[2];

	(void)state;
	memset(&house, 0, sizeof(house));
	(void)snprintf(
	    house.folder, sizeof(house.folder), "/tmp/handrail-vault-XXXXXX");
	assert_non_null(mkdtemp(house.folder));
	random_bytes(root, sizeof(root));
	assert_int_equal(
	    seal_key_read(str_span(root, sizeof(root)), &house.key, &e), 0);
	(void)snprintf(
	    path, sizeof(path), "%s/handrail-vault-key", house.folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, root, sizeof(root)), sizeof(root));
	(void)close(fd);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", house.folder, 1), 0);
	house.loop = loop_new();
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(down, &e), 0);
	house.pid = fork();
	assert_true(house.pid >= 0);
	if (house.pid == 0) {
		become_vault(up[1], down[1]);
	}
	(void)close(up[1]);
	(void)close(down[1]);
	house.supervisor = meet(PART_SUPERVISOR, up[0], &to_supervisor, NULL);
	house.core_fd = down[0];
	house.core = meet(PART_CORE, down[0], to_core, NULL);
	until(house.ready);
	house.lends = attach_another(WIRE_VAULT_LENDS, &house.lends_fd);
	attach(1);
	attach(2);
	return 0;
}

static int
stop(void **state)
{
	int status = -1;
	char path[128];

	(void)state;
	wire_peer_free(house.cell[0].peer);
	wire_peer_free(house.cell[1].peer);
	wire_peer_free(house.core);
	wire_peer_free(house.back);
	wire_peer_free(house.lends);
	wire_peer_free(house.supervisor);
	assert_int_equal(waitpid(house.pid, &status, 0), house.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	seal_key_free(house.key);
	loop_free(house.loop);
	(void)snprintf(
	    path, sizeof(path), "%s/handrail-vault-key", house.folder);
	(void)unlink(path);
	(void)rmdir(house.folder);
	return 0;
}

/* --- what core says --- */

static void
give_version(uint32_t place, const char *name, uint32_t version,
    const char *value, const char *says)
{
	struct wire_vault_row w = {
		.place = place,
		.binding = { .version = version, .kind = SEAL_STATIC_BEARER },
	};
	struct seal_binding binding = {
		.id = str_of(name),
		.version = version,
		.kind = SEAL_STATIC_BEARER,
		.host_count = 1,
		.hosts = { STR("good.test") },
	};
	auto_buf row = { 0 };
	struct err e = { 0 };

	assert_int_equal(
	    seal_row(house.key, &binding, str_of(value), &row, &e), 0);
	assert_true(row.len <= sizeof(w.row));
	memcpy(w.row, row.at, row.len);
	w.row_size = (uint32_t)row.len;
	assert_true(str_copy(
	    w.binding.credential, sizeof(w.binding.credential), str_of(name)));
	assert_true(
	    str_copy(w.binding.hosts, sizeof(w.binding.hosts), str_of(says)));
	wire_send(house.lends, WIRE_VAULT_ROW, &w, NULL, 0);
}

static void
give_row(uint32_t place, const char *name, const char *value, const char *says)
{
	give_version(place, name, 1, value, says);
}

static void
lend_to(
    uint64_t cell, uint32_t place, const char *host, uint64_t from, uint64_t to)
{
	struct wire_vault_lend w = {
		.cell = cell,
		.not_after =
		    (uint64_t)mono_after(mono_now(), 20 * CLOCK_SECOND).us,
		.place = place,
		.claim_epoch = 4,
		.port = 443,
	};

	assert_true(str_copy(w.host, sizeof(w.host), str_of(host)));
	for (uint64_t n = from; n < to; n++) {
		w.number[w.count++] = n;
	}
	wire_send(house.lends, WIRE_VAULT_LEND, &w, NULL, 0);
}

static void
lend(uint32_t place, const char *host, uint64_t from, uint64_t to)
{
	lend_to(1, place, host, from, to);
}

/* --- what an egress asks --- */

static void
ask(struct cell *c, const char *host, uint64_t from, uint64_t to)
{
	struct wire_redeem w = { .port = 443 };

	assert_true(str_copy(w.host, sizeof(w.host), str_of(host)));
	for (uint64_t n = from; n < to; n++) {
		w.number[w.count++] = n;
		c->lent[n] = false;
		c->said[n][0] = '\0';
	}
	wire_send(c->peer, WIRE_REDEEM, &w, NULL, 0);
}

static void
redeem(struct cell *c, const char *host, uint64_t from, uint64_t to)
{
	size_t before = c->numbers;

	ask(c, host, from, to);
	until(c->numbers == before + (to - from));
}

static void
says(const struct cell *c, uint64_t number, bool lent, const char *text)
{
	if (c->lent[number] != lent || !strstr(c->said[number], text)) {
		fail_msg("%d: %s", (int)number, c->said[number]);
	}
}

/* --- tests --- */

static void
one_record_lends_each_of_its_numbers_once(void **state)
{
	struct cell *c = &house.cell[0];

	(void)state;
	give_row(3, "alpha", ALPHA, "good.test");
	lend(3, "good.test", 1, 1 + WIRE_TOGETHER);
	redeem(c, "good.test", 1, 1 + WIRE_TOGETHER);
	assert_int_equal(c->told, 1);
	assert_int_equal(c->last.size, sizeof(ALPHA) - 1);
	for (uint64_t n = 1; n <= WIRE_TOGETHER; n++) {
		says(c, n, true, ALPHA);
	}
	redeem(c, "good.test", 1, 3);
	says(c, 1, false, "no such grant");
	says(c, 2, false, "no such grant");
	assert_null(strstr((const char *)c->last.secret, ALPHA));
}

static void
V12_a_number_is_worth_nothing_elsewhere(void **state)
{
	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	lend(0, "good.test", 1, 4);
	redeem(&house.cell[1], "good.test", 1, 3); /* another cell's */
	says(&house.cell[1], 1, false, "no such grant");
	says(&house.cell[1], 2, false, "no such grant");
	redeem(&house.cell[0], "evil.test", 1, 2);
	says(&house.cell[0], 1, false, "host");
	redeem(&house.cell[0], "good.test", 1, 2); /* refused is not used */
	says(&house.cell[0], 1, true, ALPHA);
	struct wire_vault_revoke over = { .version = 1, .credential = "alpha" };

	over.version++; /* and every one before it */
	wire_send(house.core, WIRE_VAULT_REVOKE, &over, NULL, 0);
	redeem(&house.cell[0], "good.test", 2, 4);
	says(&house.cell[0], 2, false, "over");
	says(&house.cell[0], 3, false, "over");
}

static void
a_row_lends_only_what_it_is_bound_to(void **state)
{
	struct cell *c = &house.cell[0];

	(void)state;
	give_row(
	    0, "alpha", ALPHA, "evil.test"); /* core's word is not enough */
	lend(0, "evil.test", 1, 2);
	lend(0, "good.test", 2, 3);
	redeem(c, "evil.test", 1, 2);
	says(c, 1, false, "sealed for other hosts");
	redeem(c, "good.test", 2, 3);
	says(c, 2, false, "sealed for other hosts");
	give_row(0, "alpha", ALPHA, "good.test");
	lend(0, "evil.test", 3, 4);
	redeem(c, "evil.test", 3, 4);
	says(c, 3, false, "is bound to good.test, not to evil.test:443");
	lend(7, "good.test", 4, 5); /* nothing is there */
	redeem(c, "good.test", 4, 5);
	says(c, 4, false, "names no row");
}

static void
each_number_gets_its_own_value(void **state)
{
	struct cell *c = &house.cell[0];

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	give_row(1, "beta", BETA, "good.test");
	lend(0, "good.test", 1, 3);
	lend(1, "good.test", 3, 5);
	lend(0, "good.test", 5, 6);
	redeem(c, "good.test", 1, 7); /* of the last nobody knows */
	says(c, 1, true, ALPHA);
	says(c, 2, true, ALPHA);
	says(c, 3, true, BETA);
	says(c, 4, true, BETA);
	says(c, 5, true, ALPHA);
	says(c, 6, false, "no such grant");
	/* A place may change; what was granted before stays what it was. */
	lend(0, "good.test", 7, 8);
	give_row(0, "beta", BETA, "good.test");
	lend(0, "good.test", 8, 9);
	redeem(c, "good.test", 7, 9);
	says(c, 7, true, ALPHA);
	says(c, 8, true, BETA);
}

static int
waits_unread(int fd)
{
	int waiting = -1;

	assert_int_equal(ioctl(fd, SIOCOUTQ, &waiting), 0);
	return waiting;
}

static void
what_is_lent_waits_until_somebody_asks(void **state)
{
	struct wire_vault_sign other = { .id = 1 };
	struct cell *c = &house.cell[0];

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	lend(0, "good.test", 1, 3);
	for (size_t n = 1; n < 4; n++) { /* it turns, and does not look there */
		wire_send(house.core, WIRE_VAULT_SIGN, &other, NULL, 0);
		until(house.signatures == n);
		assert_true(waits_unread(house.lends_fd) > 0);
	}
	redeem(c, "good.test", 1, 2);
	says(c, 1, true, ALPHA);
	assert_int_equal(waits_unread(house.lends_fd), 0);
}

/* Of both ways to take back; nobody has asked for anything before. */
static void
what_is_over_was_lent_first(void **state)
{
	struct wire_vault_unlend unlend = {
		.cell = 1, .count = 1, .number = { 1 }
	};
	struct wire_vault_revoke over = { .version = 1, .credential = "beta" };
	struct cell *c = &house.cell[0];

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	lend(0, "good.test", 1, 3);
	wire_send(house.core, WIRE_VAULT_UNLEND, &unlend, NULL, 0);
	until(waits_unread(house.lends_fd) == 0);
	redeem(c, "good.test", 1, 3);
	says(c, 1, false, "no such grant");
	says(c, 2, true, ALPHA);
	give_row(0, "beta", BETA, "good.test");
	lend(0, "good.test", 3, 4);
	wire_send(house.core, WIRE_VAULT_REVOKE, &over, NULL, 0);
	until(waits_unread(house.lends_fd) == 0);
	redeem(c, "good.test", 3, 4);
	says(c, 3, false, "over");
}

/* Also not to who comes after it, and knows the number. */
static void
what_lies_unread_ends_with_its_egress(void **state)
{
	struct cell *c = &house.cell[0];

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	lend(0, "good.test", 1, 2);
	wire_peer_free(c->peer);
	c->peer = NULL;
	until(waits_unread(house.lends_fd) == 0);
	attach(1);
	redeem(c, "good.test", 1, 2);
	says(c, 1, false, "no such grant");
}

/* More than it takes from core in one turn stands before the grant. */
static void
what_core_said_before_is_known(void **state)
{
	struct wire_vault_revoke other = { .version = 1,
		.credential = "other" };
	struct cell *c = &house.cell[0];
	int status;

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	lend(0, "good.test", 1, 2);
	redeem(c, "good.test", 1, 2);
	assert_int_equal(kill(house.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(house.pid, &status, WUNTRACED), house.pid);
	for (uint64_t n = 0; n < WIRE_TURN_RECORDS + 1; n++) {
		wire_send(house.core, WIRE_VAULT_REVOKE, &other, NULL, 0);
		lend_to(2, 0, "good.test", 1000 + n, 1001 + n);
	}
	lend(0, "good.test", 2, 3);
	assert_int_equal(wire_queued(house.core), 0);
	assert_int_equal(wire_queued(house.lends), 0);
	ask(c, "good.test", 2, 3);
	assert_int_equal(kill(house.pid, SIGCONT), 0);
	until(c->numbers == 2);
	says(c, 2, true, ALPHA);
}

/* The vault hears both only when it is asked. */
static void
what_core_took_back_is_not_lent(void **state)
{
	struct cell *c = &house.cell[0];
	struct wire_vault_unlend back = {
		.cell = 1, .count = 2, .number = { 1, 3 }
	};
	struct wire_vault_unlend others = {
		.cell = 2, .count = 1, .number = { 2 }
	};
	int status;

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	assert_int_equal(kill(house.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(house.pid, &status, WUNTRACED), house.pid);
	lend(0, "good.test", 1, 4);
	ask(c, "good.test", 1, 4);
	wire_send(house.core, WIRE_VAULT_UNLEND, &back, NULL, 0);
	wire_send(house.core, WIRE_VAULT_UNLEND, &others, NULL, 0);
	assert_int_equal(wire_queued(house.core), 0);
	assert_int_equal(wire_queued(house.lends), 0);
	assert_int_equal(kill(house.pid, SIGCONT), 0);
	until(c->numbers == 3);
	says(c, 1, false, "no such grant");
	says(c, 2, true, ALPHA);
	says(c, 3, false, "no such grant");
}

static void
stand_still(bool still)
{
	int status;

	assert_int_equal(kill(house.pid, still ? SIGSTOP : SIGCONT), 0);
	if (still) {
		assert_int_equal(
		    waitpid(house.pid, &status, WUNTRACED), house.pid);
	}
}

/* Nobody turns the loop meanwhile: what waits in it goes on waiting. */
static void
core_was_read(void)
{
	struct mono limit = mono_after(mono_now(), 60 * CLOCK_SECOND);
	int waiting = 1;

	while (waiting && !mono_passed(limit, mono_now())) {
		assert_int_equal(ioctl(house.core_fd, SIOCOUTQ, &waiting), 0);
	}
	assert_int_equal(waiting, 0);
}

/* Core's socket is full of other things before it takes back, and what it says
 * there waits: nobody turns its loop before the vault has read the socket. */
static void
what_core_took_back_is_not_lent_by_a_vault_that_is_behind(void **state)
{
	struct wire_vault_sign other = { .id = 1 };
	struct wire_vault_unlend unlend = {
		.cell = 1, .count = 1, .number = { 1 }
	};
	struct cell *c = &house.cell[0];

	(void)state;
	house.back = attach_back();
	give_row(0, "alpha", ALPHA, "good.test");
	stand_still(true);
	lend(0, "good.test", 1, 3);
	ask(c, "good.test", 1, 3);
	while (wire_offer(house.core, WIRE_VAULT_SIGN, &other)) {
	}
	wire_send(house.core, WIRE_VAULT_UNLEND, &unlend, NULL, 0);
	assert_int_equal(wire_queued(house.core), 1);
	assert_true(wire_offer(house.back, WIRE_VAULT_UNLEND, &unlend));
	stand_still(false);
	core_was_read();
	until(c->numbers == 2);
	says(c, 1, false, "no such grant");
	says(c, 2, true, ALPHA);
}

/* More than the vault takes in one turn stands before what is taken back. */
static void
what_is_taken_back_was_granted_first(void **state)
{
	struct wire_vault_sign other = { .id = 1 };
	struct wire_vault_unlend unlend = {
		.cell = 1, .count = 1, .number = { 1 }
	};
	struct cell *c = &house.cell[0];

	(void)state;
	house.back = attach_back();
	give_row(0, "alpha", ALPHA, "good.test");
	lend(0, "good.test", 2, 3);
	redeem(c, "good.test", 2, 3);
	stand_still(true);
	for (int n = 0; n < WIRE_TURN_RECORDS + 1; n++) {
		wire_send(house.core, WIRE_VAULT_SIGN, &other, NULL, 0);
	}
	lend(0, "good.test", 1, 2);
	assert_int_equal(wire_queued(house.core), 0);
	assert_int_equal(wire_queued(house.lends), 0);
	assert_true(wire_offer(house.back, WIRE_VAULT_UNLEND, &unlend));
	stand_still(false);
	core_was_read();
	lend(0, "good.test", 3, 4);
	redeem(c, "good.test", 3, 4);
	redeem(c, "good.test", 1, 2);
	says(c, 1, false, "no such grant");
	says(c, 3, true, ALPHA);
}

/* Its word is on both channels; on the second it may be read behind the grants
 * of the value that followed. */
static void
a_value_that_is_over_takes_none_of_the_next_with_it(void **state)
{
	struct wire_vault_revoke over = { .version = 1, .credential = "alpha" };
	struct cell *c = &house.cell[0];

	(void)state;
	house.back = attach_back();
	give_row(0, "alpha", ALPHA, "good.test");
	stand_still(true);
	lend(0, "good.test", 1, 2);
	give_version(1, "alpha", 2, BETA, "good.test");
	lend(1, "good.test", 2, 3);
	assert_int_equal(wire_queued(house.lends), 0);
	assert_true(wire_offer(house.back, WIRE_VAULT_REVOKE, &over));
	ask(c, "good.test", 1, 3);
	stand_still(false);
	until(c->numbers == 2);
	says(c, 1, false, "over");
	says(c, 2, true, BETA);
}

/* To take back what nobody has changes nothing, and it reads what was lent. */
static void
until_lent(void)
{
	struct wire_vault_unlend none = {
		.cell = 1, .count = 1, .number = { 999999 }
	};

	wire_send(house.core, WIRE_VAULT_UNLEND, &none, NULL, 0);
	until(waits_unread(house.lends_fd) == 0);
}

/* As many cells as it takes fill the table; whoever comes then has his room. */
static void
cells_that_are_full_do_not_keep_another_out(void **state)
{
	const uint64_t cells = 4096 / 256;
	struct cell *c = &house.cell[0];

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	for (uint64_t cell = 1; cell <= cells + 1; cell++) {
		if (cell == 2) {
			continue; /* who comes last */
		}
		for (uint64_t n = 0; n < 256; n += WIRE_TOGETHER) {
			bool latest = cell == 1 && n == 256 - WIRE_TOGETHER;
			uint64_t first = latest ? 1 : cell * 1000 + n;

			lend_to(
			    cell, 0, "good.test", first, first + WIRE_TOGETHER);
		}
		until_lent();
	}
	lend_to(2, 0, "good.test", 20, 20 + WIRE_TOGETHER);
	redeem(&house.cell[1], "good.test", 20, 20 + WIRE_TOGETHER);
	for (uint64_t n = 20; n < 20 + WIRE_TOGETHER; n++) {
		says(&house.cell[1], n, true, ALPHA);
	}
	/* Of the full ones each gave up its share of them, its latest. */
	redeem(c, "good.test", 1, 1 + WIRE_TOGETHER);
	for (uint64_t n = 1; n <= WIRE_TOGETHER - WIRE_TOGETHER / cells; n++) {
		says(c, n, true, ALPHA);
	}
}

static void
a_row_that_cannot_be_kept_leaves_its_place_empty(void **state)
{
	struct cell *c = &house.cell[0];
	struct wire_vault_row bad = { .row_size = sizeof(bad.row) + 1 };

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	lend(0, "good.test", 1, 2);
	wire_send(house.lends, WIRE_VAULT_ROW, &bad, NULL, 0);
	lend(0, "good.test", 2, 3);
	/* There are so many places, and none far behind them. */
	give_row(WIRE_ROWS << 20, "alpha", ALPHA, "good.test");
	lend(WIRE_ROWS << 20, "good.test", 3, 4);
	redeem(c, "good.test", 1, 4);
	says(c, 1, true, ALPHA);
	says(c, 2, false, "names no row");
	says(c, 3, false, "names no row");
}

/* Of as many as it may have at once, so that there is room for others. */
static void
one_cell_does_not_fill_the_room_of_all(void **state)
{
	struct cell *c = &house.cell[0];
	uint64_t most = 256;

	(void)state;
	give_row(0, "alpha", ALPHA, "good.test");
	for (uint64_t n = 100; n < 100 + most; n += WIRE_TOGETHER) {
		lend(0, "good.test", n, n + WIRE_TOGETHER);
	}
	lend(0, "good.test", 1, 2);
	redeem(c, "good.test", 1, 2);
	says(c, 1, false, "too many grants");
	redeem(&house.cell[1], "good.test", 1, 2);
	says(&house.cell[1], 1, false, "no such grant");
	lend_to(2, 0, "good.test", 2, 3);
	redeem(&house.cell[1], "good.test", 2, 3);
	says(&house.cell[1], 2, true, ALPHA);
}

#define VAULT(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		VAULT(one_record_lends_each_of_its_numbers_once),
		VAULT(V12_a_number_is_worth_nothing_elsewhere),
		VAULT(a_row_lends_only_what_it_is_bound_to),
		VAULT(each_number_gets_its_own_value),
		VAULT(what_is_lent_waits_until_somebody_asks),
		VAULT(what_is_over_was_lent_first),
		VAULT(what_lies_unread_ends_with_its_egress),
		VAULT(what_core_said_before_is_known),
		VAULT(what_core_took_back_is_not_lent),
		VAULT(
		    what_core_took_back_is_not_lent_by_a_vault_that_is_behind),
		VAULT(what_is_taken_back_was_granted_first),
		VAULT(a_value_that_is_over_takes_none_of_the_next_with_it),
		VAULT(a_row_that_cannot_be_kept_leaves_its_place_empty),
		VAULT(one_cell_does_not_fill_the_room_of_all),
		VAULT(cells_that_are_full_do_not_keep_another_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
