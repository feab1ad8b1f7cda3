/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the house: one HTTP/1.1 exchange over <state>/cli.sock, or over TCP
 * where HANDRAIL_URL (http://127.0.0.1:PORT) and HANDRAIL_TOKEN are set.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "http/http.h"

#define PIECE 65536

/* Whatever the house may say: what it answers of the book holds bodies as deep
 * as it took them, and one answer is bounded by the house. */
static const struct json_limits answer_limits = { (size_t)64 * 1024 * 1024,
	JSON_DEPTH_MAX, UINT32_MAX };

/* --- who we are --- */

/* One that we can read and that is open to others is ours as well: e says so,
 * and it is not shown. */
static bool
token_of(const char *folder, const char *name, struct buf *token, bool any,
    struct err *e)
{
	auto_buf path = { 0 };
	struct stat st;

	buf_addf(&path, "%s/%s", folder, name);
	if (!str_ends(str_of(name), STR(".token")) || stat(buf_z(&path), &st) ||
	    (!any && st.st_uid != geteuid())) {
		return false;
	}
	buf_clear(token);
	if (file_read_secret(buf_z(&path), 4096, token, e) == 0 ||
	    e->kind == ERR_INPUT) {
		return true;
	}
	*e = (struct err){ 0 };
	return false;
}

static bool
look_for_token(const char *folder, struct buf *token, bool any, struct err *e)
{
	DIR *d = opendir(folder);
	bool found = false;

	for (struct dirent *f; d && !found && (f = readdir(d));) {
		found = token_of(folder, f->d_name, token, any, e);
	}
	if (d) {
		(void)closedir(d);
	}
	return found;
}

/* An ordinary user's house keeps the tokens of all its operators as files of
 * that user; whose uid is ours stands in the configuration. */
static bool
token_by_uid(
    struct cli *c, const char *folder, struct buf *token, struct err *e)
{
	struct config config;
	struct err none = { 0 };
	bool found = false;

	if (!c->config || cli_config(c, &config, &none)) {
		return false;
	}
	for (size_t i = 0; i < config.operator_count && !found; i++) {
		const struct config_operator *o = &config.operators[i];

		found = o->uid == geteuid() &&
		        token_of(folder,
		            arena_printf(
		                &c->arena, STR_FMT ".token", STR_ARG(o->name))
		                .at,
		            token, true, e);
	}
	return found;
}

/* Our own operator's token; root may take another's. */
static int
find_token(struct cli *c, struct buf *token, struct err *e)
{
	const char *given = getenv("HANDRAIL_TOKEN");
	struct str folder = arena_printf(&c->arena, "%s/operators", c->state);
	struct err why = { 0 };

	if (given || getenv("HANDRAIL_URL")) { /* no file's token goes there */
		buf_add_z(token, given ? given : "");
		return 0;
	}
	(void)(token_by_uid(c, folder.at, token, &why) ||
	       look_for_token(folder.at, token, false, &why) ||
	       look_for_token(folder.at, token, true, &why));
	if (why.kind == ERR_NONE) {
		return 0;
	}
	*e = why;
	return -1;
}

/* --- the connection --- */

static int
connect_local(struct cli *c, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct str path = arena_printf(&c->arena, "%s/cli.sock", c->state);
	int fd;

	if (cli_knows_state(c, e)) {
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!str_copy(at.sun_path, sizeof(at.sun_path), path) || fd < 0 ||
	    connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		int why = errno;

		if (fd >= 0) {
			(void)close(fd);
		}
		return err_set(e, ERR_UNAVAILABLE,
		    "no house is up at %s (%s): start it with `handrail up`, "
		    "or "
		    "name its --state",
		    path.at, strerrordesc_np(why));
	}
	return fd;
}

static int
connect_url(const char *url, struct err *e)
{
	struct http_url u;
	struct sockaddr_in at = { .sin_family = AF_INET };
	char host[64];

	if (http_url_parse(str_of(url), &u, e)) {
		return err_wrap(e, "HANDRAIL_URL");
	}
	if (!str_eq_z(u.scheme, "http") ||
	    !str_copy(host, sizeof(host), u.host) ||
	    inet_pton(AF_INET, host, &at.sin_addr) != 1 ||
	    ntohl(at.sin_addr.s_addr) >> 24 != 127) {
		return err_set(e, ERR_USAGE,
		    "HANDRAIL_URL: expected http://127.0.0.1:PORT: over a "
		    "network the token would travel in clear, use a tunnel");
	}
	at.sin_port = htons(u.port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		return err_set(
		    e, ERR_UNAVAILABLE, "no house answers at %s", url);
	}
	return fd;
}

/* Not by write: a house that falls now must not end us without a word. */
static int
send_all(int fd, struct str bytes, struct err *e)
{
	while (bytes.len) {
		ssize_t n = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return err_set(e, ERR_UNAVAILABLE,
			    "the house closed before it was asked (%s): look "
			    "whether it is up with `handrail status`",
			    strerrordesc_np(errno));
		}
		bytes = str_sub(bytes, (size_t)n, bytes.len);
	}
	return 0;
}

static int
send_request(struct cli *c, int fd, const struct cli_ask *ask, struct err *e)
{
	auto_buf out = { 0 };
	auto_buf token = { 0 };
	auto_buf value = { 0 };
	int result;

	if (find_token(c, &token, e) ||
	    http_write_request(&out, str_of(ask->method), ask->target, e)) {
		return -1;
	}
	http_write_header_z(&out, "Host", "localhost");
	if (token.len) {
		buf_addf(&value, "Bearer " STR_FMT,
		    STR_ARG(str_trim(buf_str(&token))));
		if (http_write_header(
		        &out, STR("Authorization"), buf_str(&value), e)) {
			return -1;
		}
	}
	http_write_header_z(&out, "Connection", "close");
	if (ask->body.len) {
		http_write_header_z(&out, "Content-Type", "application/json");
		http_write_length(&out, ask->body.len);
	}
	http_write_end(&out);
	buf_add(&out, ask->body);
	result = send_all(fd, buf_str(&out), e);
	wipe(out.at, out.cap);
	wipe(token.at, token.cap);
	wipe(value.at, value.cap);
	return result;
}

struct reading {
	const struct cli_ask *ask;
	struct cli_answer *answer;
	struct http_reader reader;
	struct buf line;
	bool done;
};

static int
take_lines(struct reading *r, struct str data)
{
	buf_add(&r->line, data);
	for (;;) {
		struct str rest = buf_str(&r->line);
		struct str line;

		if (!str_cut(&rest, '\n', &line)) {
			return 0;
		}
		int result = r->ask->line(r->ask->context, line);

		buf_drop(&r->line, line.len + 1);
		if (result) {
			return -1;
		}
	}
}

static int
take_event(struct reading *r, const struct http_event *event)
{
	switch (event->kind) {
	case HTTP_HEAD:
		r->answer->status = event->head->status;
		break;
	case HTTP_DATA:
		if (r->ask->line && r->answer->status == 200) {
			return take_lines(r, event->data);
		}
		buf_add(&r->answer->body, event->data);
		break;
	case HTTP_END:
		r->done = true;
		break;
	case HTTP_MORE:
	case HTTP_INTERIM:
		break;
	}
	return 0;
}

static int
take_bytes(struct reading *r, struct str in, struct err *e)
{
	struct http_event event;

	do {
		if (http_read(&r->reader, &in, &event, e)) {
			return err_wrap(e, "the answer of the house");
		}
		if (take_event(r, &event)) {
			r->done = true;
		}
	} while (!r->done && event.kind != HTTP_MORE);
	return 0;
}

static int
read_answer(int fd, struct reading *r, struct err *e)
{
	static char piece[PIECE];

	http_reader_response(&r->reader);
	while (!r->done) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return err_set(e, ERR_UNAVAILABLE,
			    "the house closed before it answered");
		}
		if (take_bytes(r, str_span(piece, (size_t)n), e)) {
			return -1;
		}
	}
	return 0;
}

/* An error answer carries its kind's exit code and a sentence. */
static int
error_answer(const struct cli_answer *answer, struct err *e)
{
	struct str message = STR("the house refused");
	struct str name = STR("");
	enum err_kind kind = ERR_INPUT;

	(void)json_text(answer->tree, "message", &message);
	(void)json_text(answer->tree, "error", &name);
	for (int k = ERR_NONE + 1; k <= ERR_IO; k++) {
		if (str_eq_z(name, err_name((enum err_kind)k))) {
			kind = (enum err_kind)k;
		}
	}
	return err_set(e, kind, STR_FMT, STR_ARG(message));
}

int
cli_send(struct cli *c, const struct cli_ask *ask, struct cli_answer *answer,
    struct err *e)
{
	const char *url = getenv("HANDRAIL_URL");
	auto_close int fd = url ? connect_url(url, e) : connect_local(c, e);
	struct reading r = { .ask = ask, .answer = answer };
	struct err ignored = { 0 };
	int result;

	if (fd < 0 || send_request(c, fd, ask, e)) {
		return -1;
	}
	result = read_answer(fd, &r, e);
	http_reader_fini(&r.reader);
	buf_fini(&r.line);
	if (result) {
		return -1;
	}
	if (json_parse(&c->arena, buf_str(&answer->body), &answer_limits,
	        &answer->tree, &ignored)) {
		answer->tree = NULL;
	}
	return answer->status >= 400 ? error_answer(answer, e) : 0;
}

int
cli_get(struct cli *c, const struct json **tree, struct err *e,
    const char *format, ...)
{
	char target[4096];
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };
	va_list args;

	va_start(args, format);
	int n = vsnprintf(target, sizeof(target), format, args);

	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(target)) {
		return err_set(e, ERR_USAGE, "that argument is too long");
	}
	ask.target = str_of(target);
	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	*tree = answer.tree;
	if (c->json) {
		auto_buf text = { 0 };

		json_write_pretty(&text, answer.tree);
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
		*tree = NULL;
	}
	return 0;
}

const char *
cli_encode(struct cli *c, struct str text)
{
	auto_buf out = { 0 };

	for (size_t i = 0; i < text.len; i++) {
		uint8_t ch = (uint8_t)text.at[i];

		if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		    (ch >= '0' && ch <= '9') || strchr("-._~", ch)) {
			buf_add_byte(&out, ch);
		} else {
			buf_addf(&out, "%%%02X", ch);
		}
	}
	return arena_z(&c->arena, buf_str(&out));
}

int64_t
cli_number(const struct json *j, const char *key)
{
	int64_t n = 0;

	(void)json_i64(j, key, &n);
	return n;
}
