/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

#include <string.h>

/*
 * git's smart HTTP (gitprotocol-http, gitprotocol-pack).  The server behind may
 * be laxer than we are, so what only resembles the protocol is refused: it
 * could pass as an ordinary request here and be a push there.
 */

#define PKT_MAX     65520
#define SHALLOW_MAX 1000
#define REF_MAX     1024

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

/* Decoding again and again until nothing changes would be one server more;
 * two levels are what proxies in a row do. */
static bool
resembles(struct str path, const char *end)
{
	bool found = false;

	for (size_t i = 0; i < COUNT(endings) && !found; i++) {
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

/* --- pkt-lines --- */

struct packets {
	struct str body;
	size_t at;
};
enum packet { PACKET_BAD, PACKET_MORE, PACKET_FLUSH, PACKET_LINE };

static enum packet
next_packet(struct packets *p, struct str *line)
{
	size_t left = p->body.len - p->at;
	size_t len = 0;

	for (size_t i = 0; i < 4 && i < left; i++) {
		int digit = hex_digit(p->body.at[p->at + i]);

		if (digit < 0) {
			return PACKET_BAD;
		}
		len = len * 16 + (size_t)digit;
	}
	if (left < 4) {
		return PACKET_MORE;
	}
	if (len == 0) {
		p->at += 4;
		return PACKET_FLUSH;
	}
	if (len < 5 || len > PKT_MAX) {
		return PACKET_BAD; /* 1..3 are of another version, 4 is empty */
	}
	if (left < len) {
		return PACKET_MORE;
	}
	*line = str_span(p->body.at + p->at + 4, len - 4);
	p->at += len;
	return PACKET_LINE;
}

static bool
is_object(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (hex_digit(s.at[i]) < 0 ||
		    (s.at[i] >= 'A' && s.at[i] <= 'F')) {
			return false;
		}
	}
	return s.len == 40 || s.len == 64;
}

static bool
is_zero(struct str object)
{
	for (size_t i = 0; i < object.len; i++) {
		if (object.at[i] != '0') {
			return false;
		}
	}
	return true;
}

/* git-check-ref-format(1), and printable ASCII only: bytes that look alike
 * are for people to confuse. */
static bool
ref_valid(struct str ref)
{
	struct str rest = ref;
	struct str one = { 0 };
	bool more = true;

	for (size_t i = 0; i < ref.len; i++) {
		if (ref.at[i] < 0x21 || ref.at[i] > 0x7e ||
		    strchr("~^:?*[\\", ref.at[i])) {
			return false;
		}
	}
	while (more) {
		more = str_cut(&rest, '/', &one);
		if (one.len == 0 || one.at[0] == '.' ||
		    one.at[one.len - 1] == '.' || str_ends(one, STR(".lock"))) {
			return false;
		}
	}
	return ref.len <= REF_MAX && str_starts(ref, STR("refs/")) &&
	       !str_has_str(ref, STR("..")) && !str_has_str(ref, STR("@{"));
}

static struct str
without_newline(struct str line)
{
	if (line.len > 0 && line.at[line.len - 1] == '\n') {
		line.len--;
	}
	return line;
}

/* "OLD NEW REF", on the first line followed by NUL and capabilities. */
static int
parse_command(struct str line, struct policy_commands *out, struct err *e)
{
	struct policy_command *c = &out->at[out->count];
	struct str capabilities = line;
	struct str rest = { 0 };
	bool first = false;

	if (out->count == POLICY_COMMANDS_MAX) {
		return err_set(e, ERR_LIMIT,
		    "the push updates more than %d refs", POLICY_COMMANDS_MAX);
	}
	first = str_cut(&capabilities, '\0', &rest);
	if (first && (out->count > 0 || str_has(capabilities, '\0'))) {
		return err_set(e, ERR_INPUT,
		    "only a push's first command has capabilities");
	}
	rest = first ? rest : without_newline(rest);
	if (!str_cut(&rest, ' ', &c->old_id) ||
	    !str_cut(&rest, ' ', &c->new_id) || !is_object(c->old_id) ||
	    !is_object(c->new_id) || c->old_id.len != c->new_id.len ||
	    c->old_id.len != out->at[0].old_id.len) {
		return err_set(e, ERR_INPUT,
		    "a command of the push is not \"OLD NEW REF\"");
	}
	c->ref = rest;
	if (!ref_valid(c->ref)) {
		return err_set(e, ERR_INPUT, "the push names a bad ref %s",
		    err_quote(c->ref));
	}
	c->creates = is_zero(c->old_id);
	c->deletes = is_zero(c->new_id);
	for (uint32_t i = 0; i < out->count; i++) {
		if (str_eq(out->at[i].ref, c->ref)) {
			return err_set(e, ERR_INPUT,
			    "the push names the ref %s twice",
			    err_quote(c->ref));
		}
	}
	if (c->creates && c->deletes) {
		return err_set(e, ERR_INPUT,
		    "a command of the push creates and deletes %s",
		    err_quote(c->ref));
	}
	out->count++;
	return 0;
}

static int
parse_line(struct str line, struct policy_commands *out, size_t *shallow,
    struct err *e)
{
	struct str head = STR("shallow ");

	if (str_starts(line, STR("push-cert"))) {
		return err_set(
		    e, ERR_INPUT, "a signed push is not understood here");
	}
	if (!str_starts(line, head)) {
		return parse_command(line, out, e);
	}
	line = without_newline(line);
	if (out->count > 0 || ++*shallow > SHALLOW_MAX ||
	    !is_object(str_sub(line, head.len, line.len))) {
		return err_set(e, ERR_INPUT,
		    "a shallow line of the push is bad or misplaced");
	}
	return 0;
}

/* Behind the flush: nothing, a pack, or push options (not understood). */
static int
finish_list(struct str body, size_t used, size_t shallow,
    struct policy_commands *out, struct err *e)
{
	struct str tail = str_sub(body, used, body.len);
	struct str pack = STR("PACK");

	out->used = used;
	out->complete = true;
	out->probe = out->count == 0;
	if (out->probe && (shallow > 0 || tail.len > 0)) {
		return err_set(
		    e, ERR_INPUT, "the push sends objects and names no ref");
	}
	if (!str_starts(pack, str_sub(tail, 0, pack.len))) {
		return err_set(e, ERR_INPUT,
		    "what follows the push's commands is no pack");
	}
	return 0;
}

static int
too_long(struct err *e)
{
	return err_set(e, ERR_LIMIT, "the push's commands exceed 256 KiB");
}

static int
parse_list(struct str body, struct policy_commands *out, struct err *e)
{
	struct packets p = { .body = body };
	struct str line = { 0 };
	size_t shallow = 0;
	enum packet kind = next_packet(&p, &line);

	while (kind == PACKET_LINE) {
		if (parse_line(line, out, &shallow, e)) {
			return -1;
		}
		if (p.at > POLICY_COMMAND_BYTES) {
			return too_long(e);
		}
		kind = next_packet(&p, &line);
	}
	if (kind == PACKET_BAD) {
		return err_set(
		    e, ERR_INPUT, "the push does not begin with pkt-lines");
	}
	if (kind == PACKET_FLUSH) {
		return finish_list(body, p.at, shallow, out, e);
	}
	out->used = p.at;
	return body.len >= POLICY_COMMAND_BYTES ? too_long(e) : 0;
}

int
policy_git_commands(struct str body, struct policy_commands *out, struct err *e)
{
	struct policy_commands found = { 0 };

	if (parse_list(body, &found, e)) {
		return -1;
	}
	*out = found;
	return 0;
}
