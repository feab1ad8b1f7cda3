/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the house stands on: the state folder and its lock, the operators'
 * tokens, the two listeners.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "parts/supervisor.h"

#define BACKLOG     128
#define TOKEN_BYTES 32

static int
lock_state(struct house *h, struct err *e)
{
	struct str path = arena_printf(&h->arena, "%s/lock", h->state);

	h->lock =
	    open(path.at, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (h->lock < 0) {
		return err_sys(e, "cannot open %s", path.at);
	}
	if (flock(h->lock, LOCK_EX | LOCK_NB)) {
		return err_set(e, ERR_CONFLICT,
		    "a house is already up on %s; stop it first (SIGTERM to "
		    "its `handrail up`), or give this one another --state",
		    h->state);
	}
	return 0;
}

/* A folder below the state that one part owns. */
static int
part_folder(struct house *h, const char *name, enum part owner, unsigned mode,
    struct err *e)
{
	struct str path = arena_printf(&h->arena, "%s/%s", h->state, name);

	if (file_mkdirs(path.at, mode, e)) {
		return -1;
	}
	uid_t uid = h->uid_base ? h->uid_base + (uid_t)owner : 0;

	if (uid && chown(path.at, uid, uid)) {
		return err_sys(e, "cannot give %s to its part", path.at);
	}
	return chmod(path.at, mode) ? err_sys(e, "chmod %s", path.at) : 0;
}

/* Made at the first start, 0600, the operator's own; the house keeps only its
 * digest.  A cell never has the state folder. */
static int
operator_token(struct house *h, const struct config_operator *o,
    struct buf *token, struct err *e)
{
	struct str path = arena_printf(&h->arena,
	    "%s/operators/" STR_FMT ".token", h->state, STR_ARG(o->name));

	if (file_read_secret(path.at, 4096, token, e) == 0) {
		return 0;
	}
	if (e->kind != ERR_MISSING) {
		return -1;
	}
	uint8_t bytes[TOKEN_BYTES];

	*e = (struct err){ 0 };
	random_bytes(bytes, sizeof(bytes));
	buf_add_z(token, "hrop_");
	base64url_add(token, str_span(bytes, sizeof(bytes)));
	wipe(bytes, sizeof(bytes));
	if (file_write_atomic(path.at, buf_str(token), 0600, e)) {
		return -1;
	}
	if (geteuid() == 0 && chown(path.at, o->uid, (gid_t)-1)) {
		return err_sys(e, "cannot give %s to its operator", path.at);
	}
	return 0;
}

static int
operator_tokens(struct house *h, struct err *e)
{
	struct str folder = arena_printf(&h->arena, "%s/operators", h->state);

	if (file_mkdirs(folder.at, 0711, e)) {
		return -1;
	}
	for (size_t i = 0; i < h->config.operator_count; i++) {
		const struct config_operator *o = &h->config.operators[i];
		auto_buf token = { 0 };
		char text[DIGEST_TEXT];

		if (operator_token(h, o, &token, e)) {
			return -1;
		}
		digest_text(digest_of(str_trim(buf_str(&token))), text);
		buf_addf(&h->operators, STR_FMT ":%u:%s,", STR_ARG(o->name),
		    o->uid, text);
		wipe(token.at, token.len);
	}
	return 0;
}

static int
need_vault_key(struct house *h, struct err *e)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	struct str given =
	    folder ? arena_printf(&h->arena, "%s/handrail-vault-key", folder)
	           : STR("");
	struct str own = arena_printf(&h->arena, "%s/vault.key", h->state);
	struct str said = arena_printf(&h->arena, "%s/vault.source", h->state);
	struct str book = arena_printf(&h->arena, "%s/book/book.db", h->state);

	if (access(said.at, F_OK) == 0) {
		return 0; /* it lives elsewhere: the vault finds it, or says why
		           */
	}
	if ((given.len && access(given.at, F_OK) == 0) ||
	    access(own.at, F_OK) == 0) {
		return 0;
	}
	if (access(book.at, F_OK) == 0) {
		return err_set(e, ERR_INPUT,
		    "there is no vault key in %s, and a book that was kept "
		    "with one: put it back as %s, or start the house by the "
		    "unit whose systemd credential it is",
		    h->state, own.at);
	}
	return err_set(e, ERR_INPUT,
	    "there is no vault key in %s: run `handrail vault init --state %s` "
	    "first",
	    h->state, h->state);
}

static int
listen_local(struct house *h, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct str path = arena_printf(&h->arena, "%s/cli.sock", h->state);

	if (!str_copy(at.sun_path, sizeof(at.sun_path), path)) {
		return err_set(e, ERR_INPUT,
		    "the path %s is too long for a socket (%zu bytes at most): "
		    "choose a shorter --state",
		    path.at, sizeof(at.sun_path) - 1);
	}
	h->socket_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)unlink(path.at);
	if (h->socket_listener < 0 ||
	    bind(h->socket_listener, (struct sockaddr *)&at, sizeof(at)) ||
	    chmod(path.at, 0666) || listen(h->socket_listener, BACKLOG)) {
		return err_sys(e, "cannot listen on %s", path.at);
	}
	return 0;
}

static int
listen_web(struct house *h, struct err *e)
{
	struct str rest = h->config.listen;
	struct str address;
	uint64_t port;
	struct sockaddr_in at = { .sin_family = AF_INET };
	int yes = 1;

	(void)str_cut(&rest, ':', &address);
	if (!str_u64(rest, &port) || port == 0 || port > 65535 ||
	    inet_pton(AF_INET, arena_z(&h->arena, address), &at.sin_addr) !=
	        1) {
		return err_set(e, ERR_INPUT,
		    "listen = \"" STR_FMT "\" in %s: expected ADDRESS:PORT, "
		    "for example 127.0.0.1:7400",
		    STR_ARG(h->config.listen), h->config_file);
	}
	at.sin_port = htons((uint16_t)port);
	h->web_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->web_listener < 0 ||
	    setsockopt(
	        h->web_listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(h->web_listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(h->web_listener, BACKLOG)) {
		return err_sys(e,
		    "cannot listen on " STR_FMT " (choose another `listen` in "
		    "%s)",
		    STR_ARG(h->config.listen), h->config_file);
	}
	if (ntohl(at.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) {
		log_line(LOG_WARN, "listen",
		    "whoever is on the way to " STR_FMT
		    " reads tokens in clear: listen on 127.0.0.1 and put a "
		    "proxy before it that speaks https",
		    STR_ARG(h->config.listen));
	}
	return 0;
}

/* Core alone is given the URL, by a descriptor: it may hold a password. */
static int
open_store(struct house *h, struct err *e)
{
	const char *given = part_arg(&h->self, "store-fd");
	uint64_t number;

	h->store = -1;
	if (given && str_u64(str_of(given), &number) && number < INT_MAX) {
		h->store = (int)number;
		return fcntl(h->store, F_SETFD, FD_CLOEXEC)
		           ? err_sys(e, "the descriptor of --store")
		           : 0;
	}
	if (h->config.store.len) {
		h->store = memfd_sealed("handrail-store", h->config.store, e);
		return h->store < 0 ? -1 : 0;
	}
	return 0;
}

static void
warn_of_password(struct house *h)
{
	const char *mend = roles_tells_password(&h->arena, &h->config);

	if (mend) {
		log_line(LOG_WARN, "store",
		    "every user of this machine reads the password of the "
		    "database in %s: %s",
		    h->config_file, mend);
	}
}

int
house_open_state(struct house *h, struct err *e)
{
	warn_of_password(h);
	if (open_store(h, e)) {
		return -1;
	}
	h->uid_base = geteuid() == 0 ? h->config.uid_base : 0;
	house_find_ids(h);
	if (file_mkdirs(h->state, 0711, e) || house_trust_state(h, e) ||
	    lock_state(h, e) || need_vault_key(h, e) ||
	    part_folder(h, "book", PART_CORE, 0700, e) ||
	    part_folder(h, "runs", PART_CORE, 0711, e) ||
	    part_folder(h, "permissions", PART_CORE, 0700, e) ||
	    operator_tokens(h, e)) {
		return -1;
	}
	return listen_local(h, e) || listen_web(h, e) ? -1 : 0;
}
