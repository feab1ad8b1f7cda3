/* SPDX-License-Identifier: Apache-2.0 */
/* A device on this terminal, to try a house with. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "cli/buddy.h"

struct sim {
	struct cli *cli;
	int fd;
	struct buf in;
	struct buf drawn; /* the last picture */
	char id[64];      /* of the prompt; "": none */
	bool answered;    /* that prompt: one answer each, as a device does */
	bool terminal;    /* keys are a person's */
	bool ended;       /* there are no more keys */
	char key;         /* that was read and not used; 0: none */
};

static int
send_line(struct sim *s, struct buf *line)
{
	struct str rest;

	buf_add_byte(line, '\n');
	rest = buf_str(line);
	while (rest.len) {
		ssize_t n = send(s->fd, rest.at, rest.len, MSG_NOSIGNAL);

		if (n <= 0) {
			return -1;
		}
		rest = str_sub(rest, (size_t)n, rest.len);
	}
	return 0;
}

static int
acknowledge(struct sim *s, struct str command)
{
	bool status = str_eq_z(command, "status");
	auto_buf line = { 0 };
	struct json_out o;

	json_out_init(&o, &line);
	json_out_object(&o, NULL);
	json_out_str(&o, "ack", command);
	json_out_bool(&o, "ok",
	    status || str_eq_z(command, "owner") || str_eq_z(command, "name") ||
	        str_eq_z(command, "unpair"));
	json_out_i64(&o, "n", 0);
	if (status) {
		json_out_object(&o, "data");
		json_out_z(&o, "name", "simulator");
		json_out_bool(&o, "sec", false);
		json_out_end(&o, '}');
	}
	json_out_end(&o, '}');
	return send_line(s, &line);
}

static void
draw(struct sim *s, const struct json *beat)
{
	const struct json *prompt = json_get(beat, "prompt");
	struct cli *c = s->cli;
	auto_buf text = { 0 };
	struct str id = STR("");

	buf_addf(&text, "%s\n", cli_text(c, beat, "msg"));
	JSON_EACH(entry, json_get(beat, "entries"))
	{
		buf_addf(&text, "  " STR_FMT "\n", STR_ARG(entry->text));
	}
	(void)json_text(prompt, "id", &id);
	if (!str_eq_z(id, s->id)) {
		s->answered = false;
		(void)str_copy(s->id, sizeof(s->id), id);
	}
	if (prompt) {
		buf_addf(&text, "%s\n%s\n%s\n", cli_text(c, prompt, "tool"),
		    cli_text(c, prompt, "hint"),
		    s->answered ? "answered" : "A approve   B deny");
	}
	if (!str_eq(buf_str(&text), buf_str(&s->drawn))) {
		buf_clear(&s->drawn);
		buf_add(&s->drawn, buf_str(&text));
		printf("%s" STR_FMT "\n", c->color ? "\033[2J\033[H" : "",
		    STR_ARG(buf_str(&text)));
		(void)fflush(stdout);
	}
}

static int
take_line(struct sim *s, struct str line)
{
	auto_arena a = { 0 };
	struct json *said;
	struct str command;
	struct err e = { 0 };

	if (json_parse(&a, line, NULL, &said, &e)) {
		return 0;
	}
	if (json_text(said, "cmd", &command)) {
		return acknowledge(s, command);
	}
	if (json_get(said, "total")) {
		draw(s, said);
	}
	return 0;
}

/* -1: the house has hung up. */
static int
take_bytes(struct sim *s)
{
	char bytes[1024];
	ssize_t n = recv(s->fd, bytes, sizeof(bytes), 0);
	struct str rest;
	struct str line;

	if (n <= 0) {
		return -1;
	}
	buf_add(&s->in, str_span(bytes, (size_t)n));
	rest = buf_str(&s->in);
	while (str_has(rest, '\n')) {
		(void)str_cut(&rest, '\n', &line);
		if (take_line(s, line)) {
			return -1;
		}
	}
	buf_drop(&s->in, s->in.len - rest.len);
	return 0;
}

static void
read_key(struct sim *s)
{
	char key;

	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 4) {
		s->ended = true;
	} else if (strchr("aAbB", key)) {
		s->key = key;
	}
}

/* A key that comes through a pipe waits for its prompt; a person's press before
 * there is one is for nothing. */
static int
press(struct sim *s)
{
	bool yes = s->key == 'a' || s->key == 'A';
	auto_buf line = { 0 };
	struct json_out o;

	if (!s->key || !s->id[0] || s->answered) {
		if (s->terminal) {
			s->key = 0;
		}
		return 0;
	}
	s->key = 0;
	s->answered = true;
	json_out_init(&o, &line);
	json_out_object(&o, NULL);
	json_out_z(&o, "cmd", "permission");
	json_out_z(&o, "id", s->id);
	json_out_z(&o, "decision", yes ? "once" : "deny");
	json_out_end(&o, '}');
	printf("%s %s\n", yes ? "approve" : "deny", s->id);
	(void)fflush(stdout);
	return send_line(s, &line);
}

/* The last answer is heard of before the end: its prompt goes. */
static int
play(struct sim *s)
{
	while (!s->ended || s->key || (s->id[0] && s->answered)) {
		bool listen = !s->ended && !s->key;
		struct pollfd at[] = {
			{ .fd = s->fd, .events = POLLIN },
			{ .fd = listen ? STDIN_FILENO : -1, .events = POLLIN },
		};

		if (poll(at, COUNT(at), -1) < 0 && errno != EINTR) {
			return -1;
		}
		if (at[0].revents && take_bytes(s)) {
			return -1;
		}
		if (at[1].revents) {
			read_key(s);
		}
		if (press(s)) {
			return -1;
		}
	}
	return 0;
}

static int
call_house(struct sim *s, const struct config *config, struct err *e)
{
	struct cli *c = s->cli;
	struct str path = arena_printf(&c->arena, "%s/buddy.token", c->state);
	struct str rest = config->buddy.tcp;
	struct sockaddr_in at = { .sin_family = AF_INET };
	auto_buf token = { 0 };
	struct str host;
	uint64_t port;

	if (!str_cut(&rest, ':', &host) || !str_u64(rest, &port)) {
		return err_set(e, ERR_MISSING,
		    "this house has no door for a simulator: write [buddy] tcp "
		    "= \"127.0.0.1:7401\" and [operator.NAME] buddy = "
		    "\"simulator\", and start it with --dev");
	}
	if (file_read_secret(path.at, 256, &token, e)) {
		return -1;
	}
	at.sin_port = htons((uint16_t)port);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&at, sizeof(at))) {
		return err_set(e, ERR_UNAVAILABLE,
		    "no house answers at " STR_FMT ": start it with `handrail "
		    "up --dev`",
		    STR_ARG(config->buddy.tcp));
	}
	return send_line(s, &token) ? err_sys(e, "the house") : 0;
}

int
buddy_simulate(struct cli *c)
{
	struct sim s = { .cli = c, .fd = -1 };
	struct config config;
	struct termios before;
	struct termios keys;
	struct err e = { 0 };
	int rc;

	if (cli_config(c, &config, &e) || call_house(&s, &config, &e)) {
		return cli_fail(&e);
	}
	s.terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	if (s.terminal) {
		keys = before;
		keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &keys);
	}
	rc = play(&s);
	if (s.terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	}
	(void)close(s.fd);
	buf_fini(&s.in);
	buf_fini(&s.drawn);
	if (rc) {
		(void)err_set(&e, ERR_UNAVAILABLE,
		    "the house hung up: it has another device, another token, "
		    "or is gone; `handrail buddy status` says which");
		return cli_fail(&e);
	}
	return 0;
}
