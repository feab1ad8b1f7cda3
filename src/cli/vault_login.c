/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vault login`: a person says yes somewhere else, and this program brings back
 * what that gave.  The code of a redirect is sealed to the vault's key here;
 * tokens never come this way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/vault.h"
#include "oauth/oauth.h"
#include "seal/seal.h"

#define HEAD_MAX    16384
#define PATIENCE_US (15 * CLOCK_MINUTE)
#define ONE_US      (5 * CLOCK_SECOND) /* for one caller's request line */

struct login {
	struct cli *c;
	const char *name;
	const char *redirect;
	bool paste;
	int listener; /* -1: none */
	struct mono ends;
};

/* --- the house -------------------------------------------------------------
 */

static int
post(struct login *l, const char *target, const struct json *body,
    const struct json **tree, struct err *e)
{
	auto_buf text = { 0 };
	struct cli_ask ask = { .method = "POST", .target = str_of(target) };
	struct cli_answer answer = { 0 };

	json_write(&text, body);
	ask.body = buf_str(&text);
	if (cli_send(l->c, &ask, &answer, e)) {
		return -1;
	}
	*tree = answer.tree;
	return 0;
}

static int
post_back(struct login *l, const struct json *body, const struct json **tree,
    struct err *e)
{
	return post(l,
	    arena_printf(&l->c->arena, "/api/vault/login/%s",
	        cli_encode(l->c, str_of(l->name)))
	        .at,
	    body, tree, e);
}

static int
done(struct login *l, const struct json *tree)
{
	auto_buf text = { 0 };

	if (l->c->json) {
		json_write(&text, tree);
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
		return 0;
	}
	printf("%s: logged in, version %lld\n", l->name,
	    (long long)cli_number(tree, "version"));
	return 0;
}

/* --- the redirect, served here ---------------------------------------------
 */

static int
listen_at(struct login *l, uint16_t port, struct err *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	int one = 1;

	l->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->listener < 0 ||
	    setsockopt(
	        l->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(l->listener, (struct sockaddr *)&at, size) ||
	    listen(l->listener, 8) ||
	    getsockname(l->listener, (struct sockaddr *)&at, &size)) {
		return err_sys(e,
		    "127.0.0.1:%u, where the browser comes back to; --paste "
		    "does without",
		    port);
	}
	if (!l->redirect) {
		l->redirect = arena_printf(&l->c->arena,
		    "http://127.0.0.1:%u/callback", ntohs(at.sin_port))
		                  .at;
	}
	return 0;
}

/* A redirect that the issuer knows already, or a port of the kernel's. */
static int
open_redirect(struct login *l, struct err *e)
{
	struct str rest = str_of(l->redirect);
	struct str port;
	uint64_t number = 0;

	if (l->paste) {
		l->redirect = l->redirect ? l->redirect
		                          : "http://127.0.0.1:8976/callback";
		return 0;
	}
	if (l->redirect) {
		if (!oauth_redirect_loopback(rest) ||
		    !str_starts(rest, STR("http://127.0.0.1:"))) {
			return err_set(e, ERR_INPUT,
			    "--redirect %s: only http://127.0.0.1:PORT/… is "
			    "served here; --paste takes any",
			    l->redirect);
		}
		rest = str_sub(rest, 17, rest.len);
		(void)str_cut(&rest, '/', &port);
		(void)str_u64(port, &number);
	}
	return listen_at(l, (uint16_t)number, e);
}

static void
answer_browser(int fd, bool good)
{
	static const char yes[] =
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	    "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\n"
	    "Connection: close\r\n\r\n"
	    "This window may be closed: the terminal goes on.\n";
	static const char no[] =
	    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
	    "Connection: close\r\n\r\nThis is not what is waited for.\n";
	struct str text = str_of(good ? yes : no);

	(void)!send(fd, text.at, text.len, MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
}

/* Until the head is whole, the caller is silent, or its time is over. */
static void
read_head(int fd, struct buf *head)
{
	struct mono ends = mono_after(mono_now(), ONE_US);

	while (head->len < HEAD_MAX &&
	       !str_has_str(buf_str(head), STR("\r\n\r\n"))) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int64_t left = (ends.us - mono_now().us) / 1000;
		char *at = buf_room(head, 4096);
		ssize_t n;

		if (left <= 0 || poll(&ready, 1, (int)left) <= 0) {
			return;
		}
		n = recv(fd, at, 4096, 0);
		if (n <= 0) {
			return;
		}
		buf_grew(head, (size_t)n);
	}
}

/* "GET /callback?… HTTP/1.1": what stands between the blanks, if its path is
 * the redirect's. */
static bool
take_target(const struct login *l, struct str head, struct str *target)
{
	struct str path = str_of(l->redirect);
	struct str front;
	struct str rest;

	path = str_sub(path, 17, path.len);
	(void)str_cut(&path, '/', &front);
	if (!str_cut(&head, ' ', &front) || !str_eq_z(front, "GET") ||
	    !str_cut(&head, ' ', target) || !str_starts(*target, STR("/"))) {
		return false;
	}
	rest = str_sub(*target, 1, target->len);
	(void)str_cut(&rest, '?', &front);
	return str_eq(front, path);
}

/* One caller; true: it brought this login's redirect. */
static bool
serve_one(struct login *l, int fd, struct str state, struct oauth_redirect *got)
{
	auto_buf head = { 0 };
	struct str target;
	struct err e = { 0 };
	bool good;

	read_head(fd, &head);
	good = take_target(l, buf_str(&head), &target) &&
	       oauth_redirect_read(&l->c->arena, target, got, &e) == 0 &&
	       str_eq(got->state, state);
	wipe(head.at, head.cap);
	answer_browser(fd, good);
	return good;
}

static int
await_browser(struct login *l, struct str state, struct oauth_redirect *got,
    struct err *e)
{
	for (;;) {
		struct pollfd ready = { .fd = l->listener, .events = POLLIN };
		int64_t left = (l->ends.us - mono_now().us) / 1000;
		auto_close int fd = -1;

		if (left <= 0 || poll(&ready, 1, (int)left) == 0) {
			return err_set(e, ERR_TIMEOUT,
			    "nobody came back from the issuer: begin anew");
		}
		fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && serve_one(l, fd, state, got)) {
			return 0;
		}
	}
}

/* --- the redirect, pasted ---------------------------------------------------
 */

static int
await_paste(struct login *l, struct oauth_redirect *got, struct err *e)
{
	char line[8192];
	struct str text;
	int failed;

	(void)fputs("paste the address that the browser ended at: ", stderr);
	if (!fgets(line, sizeof(line), stdin)) {
		return err_set(e, ERR_INPUT, "no address came");
	}
	text = str_of(line);
	while (str_ends(text, STR("\n")) || str_ends(text, STR("\r")) ||
	       str_ends(text, STR(" "))) {
		text.len--;
	}
	failed = oauth_redirect_read(&l->c->arena, text, got, e);
	wipe(line, sizeof(line));
	return failed;
}

/* --- by a code --------------------------------------------------------------
 */

static int
by_code(struct login *l, const struct json *tree, const struct json **out,
    struct err *e)
{
	struct json *body = json_new(&l->c->arena, JSON_OBJECT);
	struct oauth_redirect got = { 0 };
	struct str state = STR("");
	auto_buf box = { 0 };

	(void)json_text(tree, "login", &state);
	(void)fprintf(stderr, "open this page and say yes there:\n\n  %s\n\n",
	    cli_text(l->c, tree, "url"));
	if (l->paste ? await_paste(l, &got, e)
	             : await_browser(l, state, &got, e)) {
		return -1;
	}
	(void)json_set_str(&l->c->arena, body, "state", got.state);
	if (got.iss.len) {
		(void)json_set_str(&l->c->arena, body, "iss", got.iss);
	}
	if (got.error.len) {
		(void)json_set_str(&l->c->arena, body, "error", got.error);
	} else if (vault_box_text(l->c, got.code, &box, e)) {
		return -1;
	} else {
		(void)json_set_str(&l->c->arena, body, "code", buf_str(&box));
	}
	return post_back(l, body, out, e);
}

/* --- by a device ------------------------------------------------------------
 */

/* One question; 1: it is done, 0: not yet. */
static int
ask_device(
    struct login *l, int64_t *wait, const struct json **out, struct err *e)
{
	struct json *nothing = json_new(&l->c->arena, JSON_OBJECT);

	(void)sleep(*wait > 0 && *wait < 300 ? (unsigned)*wait : 5);
	if (post_back(l, nothing, out, e)) {
		/* RFC 8628, 3.5: an endpoint that is away is asked again. */
		return e->kind == ERR_UNAVAILABLE ? 0 : -1;
	}
	*wait = cli_number(*out, "interval");
	return strcmp(cli_text(l->c, *out, "state"), "done") == 0;
}

static int
by_device(struct login *l, const struct json *tree, const struct json **out,
    struct err *e)
{
	const char *whole = cli_text(l->c, tree, "verification_uri_complete");
	int64_t wait = cli_number(tree, "interval");
	int over = 0;

	(void)fprintf(stderr, "open %s\nand enter the code %s there%s%s\n",
	    cli_text(l->c, tree, "verification_uri"),
	    cli_text(l->c, tree, "user_code"), *whole ? "; or open " : "",
	    whole);
	l->ends = mono_after(
	    mono_now(), cli_number(tree, "expires_in") * CLOCK_SECOND);
	while (over == 0) {
		if (mono_passed(l->ends, mono_now())) {
			return err_set(e, ERR_TIMEOUT,
			    "nobody entered the code in time: begin anew");
		}
		over = ask_device(l, &wait, out, e);
	}
	return over < 0 ? -1 : 0;
}

/* --- the command ------------------------------------------------------------
 */

static int
begin(struct login *l, struct json *body, struct vault_value *value,
    const struct json **tree, struct err *e)
{
	auto_buf box = { 0 };

	if (value->client) {
		value->tokens = true;
		value->only_client = true;
		if (vault_box(l->c, value, &box, e)) {
			return -1;
		}
		(void)json_set_str(&l->c->arena, body, "box", buf_str(&box));
	}
	if ((json_get(body, "token_endpoint") || json_get(body, "issuer") ||
	        json_get(body, "mcp_server_url")) &&
	    !json_get(body, "kind")) {
		(void)json_set_str(&l->c->arena, body, "kind",
		    json_get(body, "mcp_server_url") ? STR("mcp_oauth")
		                                     : STR("oauth_refresh"));
	}
	(void)json_set_str(&l->c->arena, body, "name", str_of(l->name));
	(void)json_set_str(
	    &l->c->arena, body, "redirect_uri", str_of(l->redirect));
	return post(l, "/api/vault/login", body, tree, e);
}

int
vault_login(struct cli *c, int argc, char **argv)
{
	struct login l = { .c = c,
		.listener = -1,
		.ends = mono_after(mono_now(), PATIENCE_US) };
	struct json *body = json_new(&c->arena, JSON_OBJECT);
	struct vault_value value = { 0 };
	const struct json *tree = NULL;
	const struct json *last;
	struct err e = { 0 };

	value.client = cli_option(&argc, argv, "client-secret-file");
	l.redirect = cli_option(&argc, argv, "redirect");
	l.paste = cli_flag(&argc, argv, "paste");
	vault_said(c, &argc, argv, body);
	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "vault", "login wants a NAME");
	}
	l.name = argv[0];
	if (open_redirect(&l, &e) || begin(&l, body, &value, &tree, &e)) {
		return cli_fail(&e);
	}
	last = tree;
	if ((json_get(tree, "url") && by_code(&l, tree, &last, &e)) ||
	    (json_get(tree, "user_code") && by_device(&l, tree, &last, &e))) {
		return cli_fail(&e);
	}
	return done(&l, last);
}
