/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/git.h"

#define PACKET_HEAD 4
#define PACKET_MAX  65520

enum proxy_git
proxy_git_service(struct str method, struct str path, struct str query)
{
	if (str_eq_z(method, "GET") && str_ends(path, STR("/info/refs"))) {
		if (str_eq_z(query, "service=git-upload-pack")) {
			return PROXY_GIT_FETCH;
		}
		if (str_eq_z(query, "service=git-receive-pack")) {
			return PROXY_GIT_PUSH;
		}
		return PROXY_GIT_NONE;
	}
	if (!str_eq_z(method, "POST")) {
		return PROXY_GIT_NONE;
	}
	if (str_ends(path, STR("/git-upload-pack"))) {
		return PROXY_GIT_FETCH;
	}
	if (str_ends(path, STR("/git-receive-pack"))) {
		return PROXY_GIT_PUSH;
	}
	return PROXY_GIT_NONE;
}

bool
proxy_git_has_commands(struct str method, struct str path)
{
	return str_eq_z(method, "POST") &&
	       str_ends(path, STR("/git-receive-pack"));
}

static bool
packet_length(const char *at, size_t *length)
{
	size_t sum = 0;
	for (size_t i = 0; i < PACKET_HEAD; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0) {
			return false;
		}
		sum = sum * 16 + (size_t)digit;
	}
	*length = sum;
	return true;
}

/* All objects of one push have the length of the first. */
static bool
object_name(struct proxy_commands *c, struct str s, bool *zero)
{
	if (s.len != 40 && s.len != 64) {
		return false;
	}
	if (c->object != 0 && c->object != s.len) {
		return false;
	}
	*zero = true;
	for (size_t i = 0; i < s.len; i++) {
		int digit = hex_digit(s.at[i]);
		if (digit < 0 || str_has(STR("ABCDEF"), s.at[i])) {
			return false;
		}
		*zero = *zero && digit == 0;
	}
	c->object = s.len;
	return true;
}

/* git-check-ref-format, and printable ASCII only. */
static bool
ref_name(struct str s)
{
	if (!str_starts(s, STR("refs/")) || str_ends(s, STR("/")) ||
	    str_ends(s, STR(".")) || str_has_str(s, STR("..")) ||
	    str_has_str(s, STR("//")) || str_has_str(s, STR("@{")) ||
	    str_has_str(s, STR("/."))) {
		return false;
	}
	struct str rest = s;
	struct str part;
	bool more = true;
	while (more) {
		more = str_cut(&rest, '/', &part);
		if (part.len == 0 || str_ends(part, STR(".lock"))) {
			return false;
		}
	}
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] <= ' ' || s.at[i] > '~' ||
		    str_has(STR("~^:?*[\\"), s.at[i])) {
			return false;
		}
	}
	return true;
}

static bool
named_before(const struct proxy_commands *c, struct str name)
{
	for (size_t i = 0; i < c->count; i++) {
		if (str_eq_z(name, c->refs[i].name)) {
			return true;
		}
	}
	return false;
}

/* Options stand behind the flush and mean what the server makes of them
 * (merge it, skip the checks): neither a rule nor a person sees them. */
static int
check_capabilities(
    struct proxy_commands *c, struct str capabilities, struct err *e)
{
	if (c->count > 0) {
		return err_set(
		    e, ERR_INPUT, "push: capabilities behind a later command");
	}
	if (str_has_str(capabilities, STR("push-options"))) {
		c->next = "push without options (git push -o, push.pushOption)";
		return err_set(e, ERR_DENIED, "push: options are refused");
	}
	return 0;
}

static int
read_command(struct proxy_commands *c, struct str line, struct err *e)
{
	struct str rest = line;
	struct str command;
	bool capable = str_cut(&rest, '\0', &command);
	if (capable && check_capabilities(c, rest, e)) {
		return -1;
	}
	struct str before;
	struct str after;
	struct str name = command;
	bool zero;
	bool gone;
	if (!str_cut(&name, ' ', &before) || !str_cut(&name, ' ', &after) ||
	    !object_name(c, before, &zero) || !object_name(c, after, &gone)) {
		return err_set(e, ERR_INPUT, "push: not a command: %s",
		    err_quote(command));
	}
	if (!ref_name(name)) {
		return err_set(
		    e, ERR_INPUT, "push: not a ref name: %s", err_quote(name));
	}
	if (named_before(c, name)) {
		return err_set(
		    e, ERR_INPUT, "push: %s named twice", err_quote(name));
	}
	if (c->count == PROXY_REFS) {
		return err_set(e, ERR_LIMIT,
		    "push: more than %d refs in one push", PROXY_REFS);
	}
	struct proxy_ref *ref = &c->refs[c->count];
	if (!str_copy(ref->name, sizeof(ref->name), name)) {
		return err_set(e, ERR_LIMIT,
		    "push: a ref name longer than %d bytes",
		    PROXY_REF_SIZE - 1);
	}
	(void)str_copy(
	    ref->to, sizeof(ref->to), str_sub(after, 0, sizeof(ref->to) - 1));
	ref->remove = gone;
	c->count++;
	return 0;
}

static int
read_line(struct proxy_commands *c, struct str line, struct err *e)
{
	if (str_ends(line, STR("\n"))) {
		line.len--;
	}
	if (str_starts(line, STR("shallow "))) {
		bool zero;
		struct str object = str_sub(line, 8, line.len);
		if (c->count == 0 && object_name(c, object, &zero)) {
			return 0;
		}
		return err_set(e, ERR_INPUT, "push: not a shallow line");
	}
	if (str_starts(line, STR("push-cert"))) {
		return err_set(e, ERR_INPUT, "push: signed pushes are refused");
	}
	return read_command(c, line, e);
}

int
proxy_commands_read(struct proxy_commands *c, struct str bytes, struct err *e)
{
	while (!c->done) {
		size_t left = bytes.len - c->at;
		size_t length;
		if (left >= PACKET_HEAD &&
		    !packet_length(bytes.at + c->at, &length)) {
			return err_set(e, ERR_INPUT, "push: not a packet line");
		}
		if (left >= PACKET_HEAD && length == 0) {
			c->at += PACKET_HEAD;
			c->done = true;
			break;
		}
		if (left >= PACKET_HEAD &&
		    (length <= PACKET_HEAD || length > PACKET_MAX)) {
			return err_set(e, ERR_INPUT,
			    "push: a packet line of %zu bytes", length);
		}
		if (left < PACKET_HEAD || left < length) {
			break;
		}
		struct str line = { bytes.at + c->at + PACKET_HEAD,
			length - PACKET_HEAD };
		if (read_line(c, line, e)) {
			return -1;
		}
		c->at += length;
	}
	if (!c->done && bytes.len >= PROXY_COMMANDS) {
		return err_set(e, ERR_LIMIT,
		    "push: no end of commands within %d bytes", PROXY_COMMANDS);
	}
	return 0;
}

int
proxy_commands_tail(const struct proxy_commands *c, struct str bytes,
    bool whole, bool *known, struct err *e)
{
	struct str tail = str_sub(bytes, c->at, bytes.len);
	struct str pack = STR("PACK");
	bool cut = whole && tail.len > 0 && tail.len < pack.len;
	must(c->done);
	*known = whole || tail.len >= pack.len;
	if (cut || !str_starts(pack, str_sub(tail, 0, pack.len))) {
		return err_set(e, ERR_DENIED,
		    "push: what follows its commands is no pack");
	}
	return 0;
}
