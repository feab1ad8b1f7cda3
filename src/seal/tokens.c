/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/own.h"

/* The tokens of one OAuth credential as one value, by DESIGN. */

#define FORMAT  1
#define PENDING 2 /* the format with a fourth text, which is never empty */
#define FIXED   14
#define END_MAX 253402300799 /* 9999-12-31T23:59:59Z */

enum { AT_FORMAT = 4, AT_ZERO = 5, AT_EXPIRES = 6 };

bool
seal_kind_is_tokens(enum seal_kind kind)
{
	return kind == SEAL_MCP_OAUTH || kind == SEAL_OAUTH_REFRESH;
}

/* RFC 6749, appendix A: VSCHAR without the space.  No line of a header can be
 * broken with it. */
static bool
token_valid(struct str token)
{
	for (size_t i = 0; i < token.len; i++) {
		if (token.at[i] <= ' ' || token.at[i] > '~') {
			return false;
		}
	}
	return true;
}

bool
seal_tokens_end_ok(int64_t expires)
{
	return expires >= 0 && expires <= END_MAX;
}

static int
check(const struct seal_tokens *tokens, struct err *e)
{
	if (!tokens->access.len && !tokens->refresh.len &&
	    !tokens->client.len && !tokens->pending.len) {
		return err_set(
		    e, ERR_INPUT, "an OAuth credential has no token");
	}
	if (!token_valid(tokens->access) || !token_valid(tokens->refresh) ||
	    !token_valid(tokens->client) || !token_valid(tokens->pending)) {
		return err_set(e, ERR_INPUT,
		    "a token has bytes that are not printable ASCII");
	}
	return seal_tokens_end_ok(tokens->expires)
	           ? 0
	           : err_set(e, ERR_INPUT,
	                 "a token ends between 1970 and the year 9999");
}

static void
add_text(struct buf *out, struct str text)
{
	uint8_t len[2];

	put_u16(len, (unsigned)text.len);
	buf_add(out, str_span(len, sizeof(len)));
	buf_add(out, text);
}

int
seal_tokens_write(
    const struct seal_tokens *tokens, struct buf *out, struct err *e)
{
	uint8_t fixed[FIXED] = { 'H', 'R', 'T', 'K', FORMAT };

	if (check(tokens, e)) {
		return -1;
	}
	if (tokens->access.len + tokens->refresh.len + tokens->client.len +
	        tokens->pending.len >
	    SEAL_VALUE_MAX - FIXED - 8) {
		return err_set(e, ERR_LIMIT, "tokens of more than %d bytes",
		    SEAL_VALUE_MAX - FIXED - 8);
	}
	if (tokens->pending.len) {
		fixed[AT_FORMAT] = PENDING;
	}
	put_u64(fixed + AT_EXPIRES, (uint64_t)tokens->expires);
	buf_add(out, str_span(fixed, sizeof(fixed)));
	add_text(out, tokens->access);
	add_text(out, tokens->refresh);
	add_text(out, tokens->client);
	if (tokens->pending.len) {
		add_text(out, tokens->pending);
	}
	return 0;
}

static bool
take_text(struct str *rest, struct str *text)
{
	size_t len;

	if (rest->len < 2) {
		return false;
	}
	len = get_u16((const uint8_t *)rest->at);
	if (rest->len - 2 < len) {
		return false;
	}
	*text = str_sub(*rest, 2, len);
	*rest = str_sub(*rest, 2 + len, rest->len);
	return true;
}

int
seal_tokens_read(struct str value, struct seal_tokens *tokens, struct err *e)
{
	struct seal_tokens read = { 0 };
	struct str rest;

	if (value.len < FIXED || !str_starts(value, STR("HRTK")) ||
	    (value.at[AT_FORMAT] != FORMAT && value.at[AT_FORMAT] != PENDING) ||
	    value.at[AT_ZERO] != 0) {
		return err_set(e, ERR_INPUT,
		    "this is no set of tokens; `handrail vault put` makes one "
		    "of --refresh-token-file and its like");
	}
	read.expires = (int64_t)get_u64((const uint8_t *)value.at + AT_EXPIRES);
	rest = str_sub(value, FIXED, value.len);
	if (!take_text(&rest, &read.access) ||
	    !take_text(&rest, &read.refresh) ||
	    !take_text(&rest, &read.client) ||
	    (value.at[AT_FORMAT] == PENDING &&
	        (!take_text(&rest, &read.pending) || !read.pending.len)) ||
	    rest.len) {
		return err_set(e, ERR_INPUT, "a set of tokens was cut");
	}
	if (check(&read, e)) {
		return -1;
	}
	*tokens = read;
	return 0;
}
