/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/place.h"

#include <string.h>

#include "json/json.h"

/* --- placeholders in a head ------------------------------------------------
 */

void
proxy_percent_open(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		int high = text.at[i] == '%' && i + 2 < text.len
		               ? hex_digit(text.at[i + 1])
		               : -1;
		int low = high >= 0 ? hex_digit(text.at[i + 2]) : -1;
		if (low >= 0) {
			buf_add_byte(out, (uint8_t)(high * 16 + low));
			i += 2;
		} else {
			buf_add_byte(out, (uint8_t)text.at[i]);
		}
	}
}

bool
proxy_place_marked(struct str text)
{
	auto_buf once = { 0 };
	auto_buf twice = { 0 };
	if (str_has_str(text, STR(PLACE_MARK))) {
		return true;
	}
	if (!str_has(text, '%')) {
		return false;
	}
	proxy_percent_open(&once, text);
	proxy_percent_open(&twice, buf_str(&once));
	/* There is no '%' in it: what one opening shows, two do. */
	return str_has_str(buf_str(&twice), STR(PLACE_MARK));
}

/* "Basic …": what stands behind it, opened. */
static bool
basic_open(struct buf *out, struct str value)
{
	struct str scheme = str_sub(value, 0, 6);
	return str_eq_nocase(scheme, STR("Basic ")) &&
	       base64_decode(out, str_trim(str_sub(value, 6, value.len)));
}

bool
proxy_place_marked_value(struct str value)
{
	auto_buf opened = { 0 };
	return proxy_place_marked(value) ||
	       (basic_open(&opened, value) &&
	           proxy_place_marked(buf_str(&opened)));
}

/* The rest of a value with its one placeholder taken out; false: not once. */
static bool
cut_out(struct str value, struct str placeholder, struct str *front,
    struct str *behind)
{
	size_t found = 0;
	for (size_t i = 0; i + placeholder.len <= value.len; i++) {
		if (str_eq(str_sub(value, i, placeholder.len), placeholder)) {
			*front = str_sub(value, 0, i);
			*behind =
			    str_sub(value, i + placeholder.len, value.len);
			found++;
		}
	}
	return found == 1 && !proxy_place_marked(*front) &&
	       !proxy_place_marked(*behind);
}

/* P17: "Bearer " may stand in front of a placeholder, another key may not. */
static bool
only_a_scheme(struct str front, struct str behind)
{
	for (size_t i = 0; i < front.len; i++) {
		char c = front.at[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    c != ' ' && c != '=') {
			return false;
		}
	}
	return front.len <= 16 && behind.len == 0;
}

static int
misplaced(struct err *e, const char *where)
{
	return err_set(e, ERR_DENIED,
	    "a placeholder stands in the %s, where the rule does not put its "
	    "credential",
	    where);
}

static int
header_check(const struct http_header *h, const struct proxy_go *go,
    size_t *found, struct err *e)
{
	struct str front;
	struct str behind;
	auto_buf opened = { 0 };
	if (!proxy_place_marked_value(h->value)) {
		return 0;
	}
	struct str wanted = str_of(go->placeholder);
	if (wanted.len > 0 && go->place == PROXY_PLACE_HEADER &&
	    str_eq_nocase(h->name, str_of(go->name)) &&
	    cut_out(h->value, wanted, &front, &behind) &&
	    only_a_scheme(front, behind)) {
		(*found)++;
		return 0;
	}
	if (wanted.len > 0 && go->place == PROXY_PLACE_BASIC &&
	    str_eq_nocase(h->name, STR("authorization")) &&
	    basic_open(&opened, h->value)) {
		struct str user;
		struct str password = buf_str(&opened);
		if (str_cut(&password, ':', &user) &&
		    str_eq(password, wanted) && !proxy_place_marked(user)) {
			(*found)++;
			return 0;
		}
	}
	return misplaced(e, "headers");
}

/* P01, P02, P05: before anything is dialled. */
int
proxy_place_check(
    const struct proxy_request *r, const struct proxy_go *go, struct err *e)
{
	size_t found = 0;
	bool wanted = go->placeholder[0] != '\0';
	for (size_t i = 0; i < r->head->count; i++) {
		if (header_check(&r->head->headers[i], go, &found, e)) {
			return -1;
		}
	}
	if (proxy_place_marked(r->path) &&
	    !(wanted && go->place == PROXY_PLACE_PATH)) {
		return misplaced(e, "path");
	}
	if (proxy_place_marked(r->query) &&
	    !(wanted && go->place == PROXY_PLACE_QUERY)) {
		return misplaced(e, "query");
	}
	bool in_head =
	    go->place == PROXY_PLACE_HEADER || go->place == PROXY_PLACE_BASIC;
	if (wanted && in_head && found != 1) {
		return err_set(e, ERR_DENIED,
		    "the rule's placeholder does not stand in its header");
	}
	return 0;
}

/* How many bytes at `at` are this character, as it is or encoded twice: once is
 * undone in a canonical path, and more is refused. */
static size_t
is_char(struct str text, size_t at, char c)
{
	struct str rest = str_sub(text, at, text.len);

	if (rest.len > 0 && rest.at[0] == c) {
		return 1;
	}
	if (rest.len < 5 || !str_starts(rest, STR("%25"))) {
		return 0;
	}
	int high = hex_digit(rest.at[3]);
	int low = hex_digit(rest.at[4]);

	return high >= 0 && low >= 0 && high * 16 + low == c ? 5 : 0;
}

/* How many bytes at `at` are the mark; 0: it does not begin there. */
static size_t
is_mark(struct str text, size_t at)
{
	size_t size = 0;

	for (const char *c = PLACE_MARK; *c; c++) {
		size_t one = is_char(text, at + size, *c);

		if (one == 0) {
			return 0;
		}
		size += one;
	}
	return size;
}

struct str
proxy_place_masked(struct arena *a, struct str path)
{
	struct str out = arena_str(a, path);
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): a copy of our own */
	char *at = (char *)(uintptr_t)out.at;
	size_t i = 0;
	while (i < out.len) {
		size_t mark = is_mark(out, i);
		if (mark == 0) {
			i++;
			continue;
		}
		/* Digits that are encoded once more end it no sooner; the byte
		 * that ends it may begin the next one. */
		for (i += mark;
		     i < out.len && (hex_digit(at[i]) >= 0 || at[i] == '%');
		     i++) {
			at[i] = 'x';
		}
	}
	return out;
}

/* --- path and query --------------------------------------------------------
 */

static bool
plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	       c == '~';
}

static void
percent_add(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (plain(text.at[i])) {
			buf_add_byte(out, (uint8_t)text.at[i]);
		} else {
			buf_addf(out, "%%%02X", (uint8_t)text.at[i]);
		}
	}
}

/* The format with the secret in it; one allocation, which the caller wipes. */
static void
formatted(struct buf *out, const struct proxy_go *go, struct str secret)
{
	struct str format = str_of(go->format);
	struct str mark = STR("{{secret}}");
	size_t at = 0;
	buf_room(out, format.len + secret.len);
	while (!str_eq(str_sub(format, at, mark.len), mark)) {
		must(at < format.len);
		at++;
	}
	buf_add(out, str_sub(format, 0, at));
	buf_add(out, secret);
	buf_add(out, str_sub(format, at + mark.len, format.len));
}

static int
not_there(struct err *e)
{
	return err_set(e, ERR_DENIED,
	    "the rule's placeholder does not stand at its place");
}

/* The text that stands at the place: format and secret, or the secret where
 * the placeholder stood. */
static int
place_text(struct buf *out, struct str was, const struct proxy_go *go,
    struct str secret, struct err *e)
{
	struct str front;
	struct str behind;
	if (!go->placeholder[0]) {
		formatted(out, go, secret);
		return 0;
	}
	if (!cut_out(was, str_of(go->placeholder), &front, &behind)) {
		return not_there(e);
	}
	buf_room(out, was.len + secret.len);
	buf_add(out, front);
	buf_add(out, secret);
	buf_add(out, behind);
	return 0;
}

/* A segment, which is canonical: what stands beside a placeholder stays. */
static int
segment_add(struct buf *target, struct str segment, const struct proxy_go *go,
    struct str secret, struct err *e)
{
	struct buf text = { 0 };
	struct str front;
	struct str behind;
	if (!go->placeholder[0]) {
		formatted(&text, go, secret);
		percent_add(target, buf_str(&text));
		buf_wipe(&text);
		return 0;
	}
	if (!cut_out(segment, str_of(go->placeholder), &front, &behind)) {
		return not_there(e);
	}
	buf_add(target, front);
	percent_add(target, secret);
	buf_add(target, behind);
	return 0;
}

static int /* NOLINTNEXTLINE(*-function-size): a segment is either of two */
path_add(struct buf *target, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, struct err *e)
{
	uint64_t wanted = 0;
	uint64_t number = 0;
	bool done = false;
	struct str rest = str_sub(r->path, 1, r->path.len);
	struct str segment;
	bool more = true;
	must(str_u64(str_of(go->name), &wanted));
	while (more) {
		more = str_cut(&rest, '/', &segment);
		buf_add_byte(target, '/');
		if (++number != wanted) {
			if (proxy_place_marked(segment)) {
				return misplaced(e, "path");
			}
			buf_add(target, segment);
			continue;
		}
		if (segment_add(target, segment, go, secret, e)) {
			return -1;
		}
		done = true;
	}
	return done ? 0
	            : err_set(e, ERR_DENIED,
	                  "the path has no segment %s for the credential",
	                  go->name);
}

/* Is the pair one of this name, or, as some servers take ';' for '&', part of
 * it? */
static bool
has_name(struct str pair, const char *wanted)
{
	bool found = false;
	bool more = true;
	while (more && !found) {
		auto_buf opened = { 0 };
		struct str part;
		struct str name;
		more = str_cut(&pair, ';', &part);
		(void)str_cut(&part, '=', &name);
		proxy_percent_open(&opened, name);
		found = str_eq_z(buf_str(&opened), wanted);
	}
	return found;
}

/* name=value pairs of a query or a form: ours is replaced or put behind. */
static int
pairs_add(struct buf *out, struct str pairs, const struct proxy_go *go,
    struct str secret, struct err *e)
{
	size_t found = 0;
	struct str rest = pairs;
	struct str pair;
	bool more = pairs.len > 0;
	bool first = true;
	while (more) {
		more = str_cut(&rest, '&', &pair);
		struct str value = pair;
		struct str name;
		(void)str_cut(&value, '=', &name);
		bool ours = has_name(pair, go->name);
		if (!ours && proxy_place_marked(pair)) {
			return misplaced(e, "query or form");
		}
		if (ours && (!go->placeholder[0] || ++found > 1)) {
			return err_set(e, ERR_DENIED,
			    "the request already has the parameter that the "
			    "credential goes into");
		}
		if (!first) {
			buf_add_byte(out, '&');
		}
		first = false;
		if (!ours) {
			buf_add(out, pair);
			continue;
		}
		if (!str_eq_z(value, go->placeholder)) {
			return misplaced(e, "query or form");
		}
		buf_add(out, name);
		buf_add_byte(out, '=');
		percent_add(out, secret);
	}
	if (go->placeholder[0]) {
		return found == 1 ? 0
		                  : err_set(e, ERR_DENIED,
		                        "the rule's placeholder does not stand "
		                        "in its parameter");
	}
	struct buf text = { 0 };
	formatted(&text, go, secret);
	buf_add_z(out, first ? "" : "&");
	percent_add(out, str_of(go->name));
	buf_add_byte(out, '=');
	percent_add(out, buf_str(&text));
	buf_wipe(&text);
	return 0;
}

int
proxy_place_target(struct buf *target, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, struct err *e)
{
	/* In one allocation: each byte grows to three at most. */
	buf_room(target, r->path.len + r->query.len + sizeof(go->name) * 3 +
	                     3 * (sizeof(go->format) + secret.len) + 16);
	if (go->place == PROXY_PLACE_PATH) {
		if (path_add(target, r, go, secret, e)) {
			return -1;
		}
	} else {
		buf_add(target, r->path);
	}
	if (go->place == PROXY_PLACE_QUERY) {
		buf_add_byte(target, '?');
		return pairs_add(target, r->query, go, secret, e);
	}
	if (r->has_query) {
		buf_add_byte(target, '?');
		buf_add(target, r->query);
	}
	return 0;
}

int
proxy_place_value(struct buf *out, struct str value, const struct proxy_go *go,
    struct str secret, struct err *e)
{
	return place_text(out, value, go, secret, e);
}

/* --- bodies ----------------------------------------------------------------
 */

bool
proxy_place_in_body(const struct proxy_go *go)
{
	return go->place == PROXY_PLACE_JSON || go->place == PROXY_PLACE_FORM ||
	       go->place == PROXY_PLACE_TOKEN;
}

/* Headers that some server takes for this one. */
static size_t
count_like(const struct http_head *head, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < head->count; i++) {
		n += http_name_like(head->headers[i].name, str_of(name));
	}
	return n;
}

/* Its type to every server: said once, and by its own name. */
static bool
type_is(const struct proxy_request *r, const char *wanted)
{
	const struct str *type = http_find(r->head, "content-type");
	struct str kind = { 0 };
	struct str rest = type ? *type : kind;
	(void)str_cut(&rest, ';', &kind);
	return count_like(r->head, "content-type") == 1 &&
	       str_eq_nocase(str_trim(kind), str_of(wanted));
}

/* The object that holds the last key of the pointer. */
static struct json *
parent_of(struct arena *a, const struct json *top, const char *pointer,
    struct str *key)
{
	const char *slash = strrchr(pointer, '/');
	must(slash);
	struct str front = str_span(pointer, (size_t)(slash - pointer));
	const struct json *parent = json_pointer(top, front);
	auto_buf plain_key = { 0 };
	for (const char *p = slash + 1; *p; p++) {
		bool escape = p[0] == '~' && (p[1] == '0' || p[1] == '1');
		buf_add_byte(&plain_key, (uint8_t)(!escape       ? *p
		                                   : p[1] == '0' ? '~'
		                                                 : '/'));
		p += escape;
	}
	*key = arena_str(a, buf_str(&plain_key));
	if (!parent || parent->type != JSON_OBJECT) {
		return NULL;
	}
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): of a tree of our own */
	return (struct json *)(uintptr_t)parent;
}

static int
json_body(struct buf *out, struct arena *a, const struct proxy_go *go,
    struct str secret, struct str body, struct err *e)
{
	struct json *top = NULL;
	struct str key;
	if (json_parse(a, body, NULL, &top, e)) {
		return err_wrap(e, "the body that the credential goes into");
	}
	struct json *parent = parent_of(a, top, go->name, &key);
	const struct json *old = parent ? json_get_str(parent, key) : NULL;
	if (!parent ||
	    (go->placeholder[0] && (!old || old->type != JSON_STRING))) {
		return err_set(e, ERR_DENIED,
		    "the body has no place %s for the credential", go->name);
	}
	struct buf text = { 0 };
	int failed =
	    place_text(&text, old ? old->text : STR(""), go, secret, e);
	if (!failed) {
		json_set_str(a, parent, key.at, buf_str(&text));
		buf_room(out, 2 * body.len + 6 * text.len + 256);
		json_write(out, top);
	}
	buf_wipe(&text);
	return failed;
}

int
proxy_place_body(struct buf *out, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, struct str body,
    struct err *e)
{
	bool json = go->place == PROXY_PLACE_JSON;
	if (count_like(r->head, "content-encoding") > 0) {
		return err_set(e, ERR_DENIED,
		    "a credential cannot go into a body with a "
		    "Content-Encoding");
	}
	if (!type_is(r, json ? "application/json"
	                     : "application/x-www-form-urlencoded")) {
		return err_set(e, ERR_DENIED,
		    "the credential goes into a body of %s, and this is none",
		    json ? "application/json"
		         : "application/x-www-form-urlencoded");
	}
	if (json) {
		struct arena a = { 0 };
		int failed = json_body(out, &a, go, secret, body, e);
		arena_clear(&a); /* it had the credential */
		arena_fini(&a);
		return failed;
	}
	buf_room(out, body.len + 3 * (sizeof(go->format) + secret.len) + 256);
	if (go->place == PROXY_PLACE_TOKEN) {
		struct str basic;
		(void)str_cut(&secret, '\n', &basic);
		if (proxy_place_marked(body)) {
			return misplaced(e, "form for a token endpoint");
		}
		buf_add(out, body);
		buf_add_z(out, body.len && secret.len ? "&" : "");
		buf_add(out, secret);
		return 0;
	}
	return pairs_add(out, body, go, secret, e);
}
