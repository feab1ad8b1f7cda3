/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value is read from a file or standard input, sealed to the vault's public
 * key here, and wiped; what travels and what is stored only the vault can open.
 */
#include "cli/vault.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "proxy/proxy.h"
#include "seal/seal.h"

static int
read_piped(struct buf *value, struct err *e)
{
	return file_read_fd(STDIN_FILENO, 4096, value, e)
	           ? err_wrap(e, "the value that is piped in")
	           : 0;
}

/* It is taken, but its owner should know. */
static void
say_short(size_t len)
{
	if (len < PROXY_NEEDLE_MIN) {
		(void)fprintf(stderr,
		    "handrail: a value of %zu bytes: answers are not searched "
		    "for one under %d; a longer one, if the service makes one, "
		    "is safer\n",
		    len, PROXY_NEEDLE_MIN);
	}
}

static int
read_value(const char *file, struct buf *value, struct err *e)
{
	struct termios old;
	bool terminal = !file && tcgetattr(STDIN_FILENO, &old) == 0;
	int result;

	if (terminal) {
		struct termios quiet = old;

		(void)fputs("value (not shown): ", stderr);
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		char *line = NULL;
		size_t room = 0;
		ssize_t n = getline(&line, &room, stdin);

		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		(void)fputc('\n', stderr);
		if (n > 0) {
			buf_add(value, str_span(line, (size_t)n));
		}
		wipe(line, room);
		free(line);
		result = 0;
	} else {
		result = file ? file_read_given_secret(file, 4096, value, e)
		              : read_piped(value, e);
	}
	while (value->len && (value->at[value->len - 1] == '\n' ||
	                         value->at[value->len - 1] == '\r')) {
		value->len--;
	}
	if (result == 0 && !value->len) {
		return err_set(e, ERR_INPUT,
		    "no value came: pipe it in, or name a file with --file");
	}
	if (result == 0) {
		say_short(value->len);
	}
	return result;
}

static void
wipe_buf(struct buf *b)
{
	wipe(b->at, b->cap);
}

/* The tokens of files as one value. */
static int
read_tokens(const struct vault_value *from, struct buf *value, struct err *e)
{
	auto_buf access = { 0 };
	auto_buf refresh = { 0 };
	auto_buf client = { 0 };
	int result = 0;

	if (from->file || (!from->refresh && !from->only_client)) {
		result = read_value(from->file, &access, e);
	}
	if (result == 0 && from->refresh) {
		result = read_value(from->refresh, &refresh, e);
	}
	if (result == 0 && from->client) {
		result = read_value(from->client, &client, e);
	}
	if (result == 0) {
		struct seal_tokens tokens = {
			.expires = from->expires,
			.access = buf_str(&access),
			.refresh = buf_str(&refresh),
			.client = buf_str(&client),
		};

		result = seal_tokens_write(&tokens, value, e);
	}
	wipe_buf(&access);
	wipe_buf(&refresh);
	wipe_buf(&client);
	return result;
}

static int
vault_public(struct cli *c, struct buf *public, struct err *e)
{
	struct cli_ask ask = {
		.method = "GET",
		.target = STR("/api/vault/key"),
	};
	struct cli_answer answer = { 0 };
	struct str key;

	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	if (!json_text(answer.tree, "box", &key) ||
	    !base64_decode(public, key) || public->len != SEAL_PUBLIC) {
		return err_set(e, ERR_UNAVAILABLE, "the vault named no key");
	}
	return 0;
}

int
vault_box_text(struct cli *c, struct str value, struct buf *text, struct err *e)
{
	auto_buf public = { 0 };
	auto_buf box = { 0 };

	if (vault_public(c, &public, e) ||
	    seal_box((const uint8_t *)public.at, value, &box, e)) {
		return -1;
	}
	base64_add(text, buf_str(&box));
	return 0;
}

int
vault_box(struct cli *c, const struct vault_value *from, struct buf *text,
    struct err *e)
{
	auto_buf value = { 0 };
	int result = from->tokens ? read_tokens(from, &value, e)
	                          : read_value(from->file, &value, e);

	result = result || vault_box_text(c, buf_str(&value), text, e);
	wipe_buf(&value);
	return result ? -1 : 0;
}
