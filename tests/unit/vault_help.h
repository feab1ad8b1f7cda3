/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VAULT_HELP_H
#define VAULT_HELP_H

/* A vault, and what its neighbours say: supervisor, core and the egresses of
 * two cells. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rootkey/rootkey.h"
#include "wire/wire.h"

#define UID     730000
#define ISSUER  "issuer.test"
#define HOST    "api.test"
#define NAME    "there"
#define SPENT   32 /* answers that one cell may wait for, vault_lend.c */
#define WAIT_US (60 * CLOCK_SECOND)

static struct {
	pid_t pid;
	int supervisor, core;
	int egress[2]; /* of cells 7 and 8 */
	struct seal_key *key;
	struct wire_vault_hello hello;
	struct wire_binding binding;
	struct buf row;
	char state[64];
} house;

/* --- the process ------------------------------------------------------------
 */

static void
make_key(void)
{
	struct err e = { 0 };

	house.key = seal_key_make();
	(void)strcpy(house.state, "/tmp/vault-part-XXXXXX");
	assert_non_null(mkdtemp(house.state));
	if (rootkey_keep(house.state, ROOTKEY_FILE, house.key, STR(""), &e)) {
		fail_msg("%s", e.text);
	}
}

static void
run_vault(int up, int down)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *libexec = getenv("HANDRAIL_LIBEXEC");
	char path[512];
	char uid[16];

	(void)snprintf(path, sizeof(path), "%s/vault", libexec);
	(void)snprintf(uid, sizeof(uid), "%d", getuid() ? 0 : UID);
	int a = fcntl(up, F_DUPFD, 64);
	int b = fcntl(down, F_DUPFD, 64);

	(void)dup2(a, 3);
	(void)dup2(b, 4);
	(void)close_range(5, ~0U, 0);
	(void)execl(
	    path, "vault", "--uid", uid, "--state", house.state, (char *)NULL);
	_exit(127);
}

static int
vault_up(void **state)
{
	struct wire_ready ready;
	struct err e = { 0 };
	int up[2];
	int down[2];

	(void)state;
	make_key();
	assert_int_equal(wire_pair(up, &e), 0);
	assert_int_equal(wire_pair(down, &e), 0);
	house.pid = fork();
	if (house.pid == 0) {
		run_vault(up[1], down[1]);
	}
	(void)close(up[1]);
	(void)close(down[1]);
	house.supervisor = up[0];
	house.core = down[0];
	if (wire_take_now(house.core, WIRE_VAULT_HELLO, WAIT_US, &house.hello,
	        NULL, &e) ||
	    wire_take_now(house.supervisor, WIRE_VAULT_READY, WAIT_US, &ready,
	        NULL, &e)) {
		print_error("%s\n", e.text);
		return -1;
	}
	return 0;
}

static int
vault_down(void **state)
{
	char command[128];
	int status = -1;

	(void)state;
	auto_close_fd(&house.egress[0]);
	auto_close_fd(&house.egress[1]);
	auto_close_fd(&house.core);
	auto_close_fd(&house.supervisor);
	buf_fini(&house.row);
	seal_key_free(house.key);
	(void)waitpid(house.pid, &status, 0);
	(void)snprintf(command, sizeof(command), "rm -rf %s", house.state);
	/* NOLINTNEXTLINE(cert-env33-c): a command of ours */
	return system(command) || status;
}

/* --- what core and an egress say
 * ---------------------------------------------- */

static void
tell(int fd, enum wire_type type, const void *record, const int *fds, size_t n)
{
	struct err e = { 0 };

	if (wire_send_now(fd, type, record, fds, n, &e)) {
		fail_msg("%s", e.text);
	}
}

static void
hear(int fd, enum wire_type type, void *record)
{
	struct err e = { 0 };

	if (wire_take_now(fd, type, WAIT_US, record, NULL, &e)) {
		fail_msg("%s", e.text);
	}
}

static int
attach(uint64_t cell)
{
	struct wire_attach a = { .cell = cell };
	struct err e = { 0 };
	int ends[2];

	assert_int_equal(wire_pair(ends, &e), 0);
	tell(house.core, WIRE_VAULT_ATTACH, &a, &ends[1], 1);
	return ends[0];
}

/* In the place of the one before; false: the vault sealed none, and `text` says
 * why. */
static bool
seal_value(struct str value, const char **text)
{
	static struct wire_vault_sealed out;
	struct wire_vault_seal ask = { .id = 1, .binding = house.binding };
	auto_buf box = { 0 };
	struct err e = { 0 };

	assert_int_equal(seal_box(house.hello.box_public, value, &box, &e), 0);
	ask.box_size = (uint32_t)box.len;
	memcpy(ask.box, box.at, box.len);
	tell(house.core, WIRE_VAULT_SEAL, &ask, NULL, 0);
	hear(house.core, WIRE_VAULT_SEALED, &out);
	buf_clear(&house.row);
	buf_add(&house.row, str_span(out.row, out.row_size));
	*text = out.text;
	return out.ok;
}

static void
bind(const char *name, enum seal_kind kind)
{
	house.binding = (struct wire_binding){ .version = 1, .kind = kind };
	assert_true(str_copy(house.binding.credential,
	    sizeof(house.binding.credential), str_of(name)));
	(void)strcpy(house.binding.hosts, HOST);
	(void)strcpy(house.binding.issuer, ISSUER);
}

static void
seal_tokens(const struct seal_tokens *tokens)
{
	const char *text;
	auto_buf value = { 0 };
	struct err e = { 0 };

	assert_int_equal(seal_tokens_write(tokens, &value, &e), 0);
	if (!seal_value(buf_str(&value), &text)) {
		fail_msg("%s", text);
	}
}

/* A credential of tokens that has its client's secret alone. */
static void
seal_there(void)
{
	const struct seal_tokens tokens = { .client = STR("client-secret") };

	bind(NAME, SEAL_OAUTH_REFRESH);
	seal_tokens(&tokens);
}

static struct wire_vault_grant
grant_of(uint64_t number, uint64_t cell, enum wire_use use)
{
	struct wire_vault_grant ask = {
		.number = number,
		.cell = cell,
		.not_after =
		    (uint64_t)mono_after(mono_now(), 20 * CLOCK_SECOND).us,
		.binding = house.binding,
		.port = 443,
		.use = (uint8_t)use,
		.row_size = (uint32_t)house.row.len,
	};

	assert_true(str_copy(ask.host, sizeof(ask.host),
	    str_of(use == WIRE_USE_TAKE ? ISSUER : HOST)));
	memcpy(ask.row, house.row.at, house.row.len);
	return ask;
}

static struct wire_vault_granted
say_grant(const struct wire_vault_grant *ask)
{
	struct wire_vault_granted out;

	tell(house.core, WIRE_VAULT_GRANT, ask, NULL, 0);
	hear(house.core, WIRE_VAULT_GRANTED, &out);
	assert_int_equal(out.number, ask->number);
	return out;
}

static void
grant(uint64_t number, uint64_t cell, enum wire_use use)
{
	struct wire_vault_grant ask = grant_of(number, cell, use);
	struct wire_vault_granted out = say_grant(&ask);

	if (!out.ok) {
		fail_msg(
		    "grant %llu: %s", (unsigned long long)number, out.text);
	}
}

static struct wire_credential
redeem(uint64_t number, uint64_t cell, const char *host)
{
	struct wire_redeem ask = {
		.count = 1, .port = 443, .number = { number }
	};
	struct wire_credential out;

	assert_true(str_copy(ask.host, sizeof(ask.host), str_of(host)));
	tell(house.egress[cell - 7], WIRE_REDEEM, &ask, NULL, 0);
	hear(house.egress[cell - 7], WIRE_CREDENTIAL, &out);
	return out;
}

/* Its token endpoint answered the request of that grant. */
static void
captured(uint64_t number, uint64_t cell, const char *token)
{
	struct wire_captured told = {
		.number = number,
		.expires = wall_now().us / CLOCK_SECOND + 3600,
		.access_size = (uint32_t)strlen(token),
	};

	memcpy(told.secret, token, strlen(token));
	tell(house.egress[cell - 7], WIRE_CAPTURED, &told, NULL, 0);
}

/* What this cell is lent of its own tokens now; empty: it has none. */
static const char *
taken(uint64_t number, uint64_t cell)
{
	static char text[64];

	grant(number, cell, WIRE_USE_TAKEN);
	struct wire_credential c = redeem(number, cell, HOST);

	must(c.size < sizeof(text));
	memcpy(text, c.secret, c.size);
	text[c.ok ? c.size : 0] = '\0';
	return text;
}

#endif
