/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#include <string.h>

/*
 * git's smart HTTP (gitprotocol-http, gitprotocol-pack).  The server behind may
 * be laxer than we are, so what only resembles the protocol is refused: it
 * could pass as an ordinary request here and be a push there.
 */

/* The byte at *i, decoded; *i goes to its last byte. */
static uint8_t
decode(struct str path, size_t *i)
{
	uint8_t b = (uint8_t)path.at[*i];
	int high = 0;
	int low = 0;

	if (b != '%' || *i + 2 >= path.len) {
		return b;
	}
	high = hex_digit(path.at[*i + 1]);
	low = hex_digit(path.at[*i + 2]);
	if (high < 0 || low < 0) {
		return b;
	}
	*i += 2;
	return (uint8_t)(high * 16 + low);
}

/* A '/' also ends a "." segment, and stands once. */
static void
add_slash(struct buf *out)
{
	if (str_ends(buf_str(out), STR("/."))) {
		out->len--;
	}
	if (!str_ends(buf_str(out), STR("/"))) {
		buf_add_byte(out, '/');
	}
}

static bool
ends_in(struct str s, const char *set)
{
	return s.len > 0 && s.at && strchr(set, s.at[s.len - 1]);
}

/* Servers differ in what ends a path: a ';' that does not ends its segment. */
static const char *const endings[] = { "", ";", "?", ";?" };

/* What a lax server may make of the path: decoded, lower case, without
 * parameters, empty segments or a tail; '?' among its ends means NUL, too. */
static void
loosen(struct str path, const char *ends, struct buf *out)
{
	bool parameter = false;

	must(path.len == 0 || path.at);
	for (size_t i = 0; i < path.len; i++) {
		uint8_t b = decode(path, &i);

		if (strchr(ends, b == '\0' ? '?' : b)) {
			break;
		}
		if (b == '/' || b == '\\') {
			add_slash(out);
			parameter = false;
		} else if (parameter || b == ';') {
			parameter = true;
		} else if (b >= 'A' && b <= 'Z') {
			buf_add_byte(out, (uint8_t)(b - 'A' + 'a'));
		} else {
			buf_add_byte(out, b);
		}
	}
	while (ends_in(buf_str(out), "/ .")) {
		out->len--;
	}
}

/* Loosening leaves out whole ends of segments and joins no two letters that
 * stood apart: where none is encoded, the last word of an end stands in what
 * could become it. */
static bool
could_become(struct str path, const char *end)
{
	struct str word = str_of(strrchr(end, '/') + 1);
	bool found = str_has(path, '%');

	for (size_t i = 0; i + word.len <= path.len && !found; i++) {
		found = str_like(path.at + i, word.at, word.len);
	}
	return found;
}

/* Decoding again and again until nothing changes would be one server more;
 * two levels are what proxies in a row do. */
static bool
resembles(struct str path, const char *end)
{
	bool found = false;
	size_t tries = could_become(path, end) ? COUNT(endings) : 0;

	for (size_t i = 0; i < tries && !found; i++) {
		auto_buf once = { 0 };
		auto_buf twice = { 0 };

		loosen(path, endings[i], &once);
		loosen(buf_str(&once), endings[i], &twice);
		found = str_ends(buf_str(&once), str_of(end)) ||
		        str_ends(buf_str(&twice), str_of(end));
	}
	return found;
}

static int
not_exact(struct err *e)
{
	return err_set(e, ERR_DENIED,
	    "the request resembles git's protocol and is not exactly it");
}

static int
advertisement(
    struct str path, struct str query, enum policy_git *service, struct err *e)
{
	bool exact = str_ends(path, STR("/info/refs"));

	if (!exact && !resembles(path, "/info/refs")) {
		*service = POLICY_GIT_NO;
		return 0;
	}
	if (exact && query.len == 0) {
		*service = POLICY_GIT_NO; /* the old protocol: a plain file */
		return 0;
	}
	if (exact && str_eq(query, STR("service=git-upload-pack"))) {
		*service = POLICY_GIT_FETCH;
		return 0;
	}
	if (exact && str_eq(query, STR("service=git-receive-pack"))) {
		*service = POLICY_GIT_PUSH;
		return 0;
	}
	return not_exact(e);
}

static int
service_post(struct str method, struct str path, struct str content_type,
    enum policy_git *service, struct err *e)
{
	bool push = resembles(path, "/git-receive-pack");
	bool fetch = resembles(path, "/git-upload-pack");

	if (!push && !fetch) {
		*service = POLICY_GIT_NO;
		return 0;
	}
	if (!str_eq_z(method, "POST")) {
		return not_exact(e);
	}
	if (str_ends(path, STR("/git-receive-pack")) &&
	    str_eq_nocase(
	        content_type, STR("application/x-git-receive-pack-request"))) {
		*service = POLICY_GIT_PUSH;
		return 0;
	}
	if (str_ends(path, STR("/git-upload-pack")) &&
	    str_eq_nocase(
	        content_type, STR("application/x-git-upload-pack-request"))) {
		*service = POLICY_GIT_FETCH;
		return 0;
	}
	return not_exact(e);
}

int
policy_git_request(struct str method, struct str path, struct str query,
    struct str content_type, enum policy_git *service, struct err *e)
{
	if (str_eq_z(method, "GET") || str_eq_z(method, "HEAD")) {
		return advertisement(path, query, service, e);
	}
	return service_post(method, path, content_type, service, e);
}

static bool
advertises(struct str path, struct str query, enum policy_git git)
{
	if (!str_ends(path, STR("/info/refs"))) {
		return git == POLICY_GIT_NO && !resembles(path, "/info/refs");
	}
	/* A server reads the parameter wherever it stands. */
	return !str_has_str(query, STR("service=")) ||
	       str_eq_z(query, "service=git-upload-pack") ||
	       str_eq_z(query, "service=git-receive-pack");
}

/* GET and HEAD only read, so that a wrong guess at an advertisement costs
 * nothing; what could be a push must be known as one. */
bool
policy_git_agrees(
    struct str method, struct str path, struct str query, enum policy_git git)
{
	enum policy_git by_path = POLICY_GIT_NO;

	if (str_eq_z(method, "GET") || str_eq_z(method, "HEAD")) {
		return advertises(path, query, git);
	}
	if (str_ends(path, STR("/git-receive-pack"))) {
		by_path = POLICY_GIT_PUSH;
	} else if (str_ends(path, STR("/git-upload-pack"))) {
		by_path = POLICY_GIT_FETCH;
	} else if (resembles(path, "/git-receive-pack") ||
	           resembles(path, "/git-upload-pack")) {
		return false;
	}
	return git == by_path &&
	       (git == POLICY_GIT_NO || str_eq_z(method, "POST"));
}
