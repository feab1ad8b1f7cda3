/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "proxy/clear.h"
#include "proxy/place.h"
#include "json/json.h"

/* P06: what would end the header, or mean different things to two readers. */
static int
secret_check(const struct proxy_go *go, struct str secret, struct err *e)
{
	if (secret.len == 0) {
		return err_set(e, ERR_DENIED, "the credential is empty");
	}
	bool pairs = go->place == PROXY_PLACE_TOKEN;
	for (size_t i = 0; i < secret.len; i++) {
		if (pairs && secret.at[i] == '\n') {
			pairs = false; /* between its two halves */
			continue;
		}
		if (secret.at[i] < ' ' || secret.at[i] > '~') {
			return err_set(e, ERR_DENIED,
			    "the credential holds a byte that no header may");
		}
	}
	return 0;
}

static void
value_of_header(struct buf *value, struct str format, struct str secret)
{
	struct str mark = STR("{{secret}}");
	size_t at = 0;
	while (!str_eq(str_sub(format, at, mark.len), mark)) {
		at++;
	}
	buf_add(value, str_sub(format, 0, at));
	buf_add(value, secret);
	buf_add(value, str_sub(format, at + mark.len, format.len));
}

static void
value_of_basic(struct buf *value, struct str user, struct str secret)
{
	struct buf pair = { 0 };
	buf_room(&pair, user.len + 1 + secret.len + 1);
	buf_add(&pair, user);
	buf_add_byte(&pair, ':');
	buf_add(&pair, secret);
	buf_add(value, STR("Basic "));
	base64_add(value, buf_str(&pair));
	buf_wipe(&pair);
}

/* Of PLACE_TOKEN what stands behind "Basic ", maybe nothing. */
static struct str
basic_half(struct str secret)
{
	struct str half;
	(void)str_cut(&secret, '\n', &half);
	return half;
}

static bool
in_header(const struct proxy_go *go, struct str secret)
{
	return go->place == PROXY_PLACE_HEADER ||
	       go->place == PROXY_PLACE_BASIC ||
	       (go->place == PROXY_PLACE_TOKEN && basic_half(secret).len > 0);
}

/* The header that holds the credential; "" where it goes elsewhere. */
static struct str
injected_name(const struct proxy_go *go)
{
	return go->place == PROXY_PLACE_BASIC || go->place == PROXY_PLACE_TOKEN
	           ? STR("Authorization")
	       : go->place == PROXY_PLACE_HEADER ? str_of(go->name)
	                                         : STR("");
}

static int
write_credential(
    struct buf *b, const struct proxy_go *go, struct str secret, struct err *e)
{
	struct buf value = { 0 };
	proxy_clear_take(&value);
	buf_room(&value,
	    sizeof(go->format) + sizeof(go->name) + 2 * secret.len + 64);
	if (go->place == PROXY_PLACE_HEADER) {
		value_of_header(&value, str_of(go->format), secret);
	} else if (go->place == PROXY_PLACE_TOKEN) {
		buf_add(&value, STR("Basic "));
		buf_add(&value, basic_half(secret));
	} else {
		value_of_basic(&value, str_of(go->name), secret);
	}
	int failed =
	    http_write_header(b, injected_name(go), buf_str(&value), e);
	proxy_clear_give(&value);
	if (failed) {
		/* Its text may quote what it could not write. */
		return err_set(
		    e, ERR_DENIED, "the credential does not fit a header");
	}
	return 0;
}

/* The cell's own header, its placeholder replaced. */
static int
write_replaced(struct buf *b, const struct http_header *h,
    const struct proxy_go *go, struct str secret, struct err *e)
{
	struct buf value = { 0 };
	int failed = proxy_place_value(&value, h->value, go, secret, e) ||
	             http_write_header(b, h->name, buf_str(&value), e);
	buf_wipe(&value);
	return failed ? err_set(e, ERR_DENIED,
	                    "the credential does not fit its header")
	              : 0;
}

/* Puts it into a header of its own, or into the one with the placeholder. */
static int
write_injected(struct buf *b, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, struct err *e)
{
	if (!in_header(go, secret)) {
		return 0;
	}
	if (!go->placeholder[0] || go->place == PROXY_PLACE_BASIC) {
		return write_credential(b, go, secret, e);
	}
	for (size_t i = 0; i < r->head->count; i++) {
		const struct http_header *h = &r->head->headers[i];
		if (str_eq_nocase(h->name, str_of(go->name)) &&
		    proxy_place_marked(h->value)) {
			return write_replaced(b, h, go, secret, e);
		}
	}
	return err_set(e, ERR_DENIED, "the placeholder is not in its header");
}

/* The answer will be read for credentials. */
static bool
wants_plain(const struct proxy_go *go)
{
	return go->scrub || go->place != PROXY_PLACE_NONE;
}

/* H09, H10, P17: what of the cell's head goes on. */
static bool
passes(
    const struct proxy_request *r, const struct proxy_go *go, struct str name)
{
	if (str_eq_nocase(name, STR("host")) ||
	    http_name_like(name, STR("content-length")) ||
	    str_eq_nocase(name, STR("sec-websocket-extensions")) ||
	    http_is_hop(r->head, name)) {
		return false;
	}
	if (wants_plain(go) &&
	    (http_name_like(name, STR("accept-encoding")) ||
	        http_name_like(name, STR("accept-charset")) ||
	        str_eq_nocase(name, STR("grpc-accept-encoding")))) {
		return false;
	}
	/* R08: a Range could show a credential half by half. */
	if (go->whole && (str_eq_nocase(name, STR("range")) ||
	                     str_eq_nocase(name, STR("if-range")))) {
		return false;
	}
	if (go->place != PROXY_PLACE_NONE &&
	    http_name_like(name, injected_name(go))) {
		return false;
	}
	return go->keep_credentials || !http_credential_header(name);
}

static size_t
head_size(const struct proxy_request *r, struct str secret)
{
	size_t sum = 4096 + r->path.len + r->query.len + 3 * secret.len;
	for (size_t i = 0; i < r->head->count; i++) {
		sum += r->head->headers[i].name.len +
		       r->head->headers[i].value.len + 4;
	}
	return sum;
}

/* Canonical, as it was parsed. */
static void
write_host(struct buf *b, const struct proxy_origin *origin)
{
	bool six = origin->host.is_addr && origin->host.addr.family == 6;
	buf_add(b, STR("Host: "));
	if (six) {
		buf_addf(b, "[%s]", origin->host.text);
	} else {
		buf_add_z(b, origin->host.text);
	}
	if (origin->port != (origin->tls ? 443 : 80)) {
		buf_addf(b, ":%u", origin->port);
	}
	buf_add(b, STR("\r\n"));
}

static int
write_request_line(struct buf *b, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, struct err *e)
{
	struct buf target = { 0 };
	proxy_clear_take(&target);
	int failed = proxy_place_target(&target, r, go, secret, e) ||
	             http_write_request(b, r->method, buf_str(&target), e);
	proxy_clear_give(&target);
	if (failed && go->place == PROXY_PLACE_NONE) {
		return -1;
	}
	/* Its text may quote what it could not write. */
	return failed ? err_set(e, ERR_DENIED,
	                    "the request has no place that its credential "
	                    "could go into")
	              : 0;
}

/* RFC 9110 8.6: that there is no body is said where one is usual.  Servers
 * answer 411 to a POST that says nothing of it, and HTTP/2 need not. */
static bool
states_nothing(const struct proxy_request *r)
{
	return r->head->framing == HTTP_EMPTY &&
	       (http_find(r->head, "content-length") ||
	           str_eq_z(r->method, "POST") || str_eq_z(r->method, "PUT") ||
	           str_eq_z(r->method, "PATCH"));
}

static int
write_head(struct buf *b, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, const struct buf *body,
    struct err *e)
{
	if (write_request_line(b, r, go, secret, e)) {
		return -1;
	}
	write_host(b, &r->origin);
	for (size_t i = 0; i < r->head->count; i++) {
		const struct http_header *h = &r->head->headers[i];
		if (passes(r, go, h->name)) {
			http_write_parsed(b, h);
		}
	}
	if (wants_plain(go)) {
		http_write_header_z(b, "Accept-Encoding", "identity");
	}
	if (write_injected(b, r, go, secret, e)) {
		return -1;
	}
	if (go->trailers) {
		http_write_header_z(b, "TE", "trailers");
	}
	if (r->websocket) {
		http_write_header_z(b, "Upgrade", "websocket");
		http_write_header_z(b, "Connection", "Upgrade");
	}
	if (body) {
		http_write_length(b, body->len);
	} else if (r->head->framing == HTTP_LENGTH || states_nothing(r)) {
		http_write_length(b, r->head->length);
	} else if (r->head->framing == HTTP_CHUNKED) {
		http_write_header_z(b, "Transfer-Encoding", "chunked");
	}
	http_write_end(b);
	return 0;
}

int
proxy_head_write(struct buf *b, const struct proxy_request *r,
    const struct proxy_go *go, struct str secret, const struct buf *body,
    struct err *e)
{
	if (go->place != PROXY_PLACE_NONE && secret_check(go, secret, e)) {
		return -1;
	}
	must(b->len == 0);
	size_t size = head_size(r, secret);
	buf_room(b, size);
	int failed = write_head(b, r, go, secret, body, e);
	must(b->len <= size);
	return failed;
}

static void
write_answer_length(struct buf *b, const struct http_head *answer,
    const struct http_head *asked)
{
	const struct str *length = http_find(answer, "content-length");
	uint64_t n;
	if (answer->framing == HTTP_LENGTH) {
		http_write_length(b, answer->length);
	} else if (str_eq_z(asked->method, "HEAD")) {
		if (length && str_u64(*length, &n)) {
			http_write_length(b, n);
		}
	} else if (answer->framing == HTTP_EMPTY && answer->status != 204 &&
	           answer->status != 304) {
		http_write_length(b, 0);
	}
}

static bool
answer_passes(const struct http_head *answer,
    const struct proxy_answer_form *form, struct str name)
{
	return !str_eq_nocase(name, STR("content-length")) &&
	       !http_is_hop(answer, name) &&
	       !(form->opened && str_eq_nocase(name, STR("content-encoding")));
}

static bool
holds(const struct needles *n, struct str text)
{
	size_t at = 0;
	size_t len = 0;
	return n && proxy_needles_find(n, text, &at, &len);
}

/* R01: in whatever case, of which a name has none. */
static int
check_name(const struct needles *n, struct str name, struct err *e)
{
	return n && proxy_needles_in_field(n, name)
	           ? err_set(e, ERR_DENIED,
	                 "the answer has a credential in the name of a header")
	           : 0;
}

/* R01: no credential in a value; a name cannot be mended. */
static int
write_answer_header(struct buf *b, const struct http_header *h,
    struct proxy_answer_form *form, struct err *e)
{
	struct http_header washed = *h;
	auto_buf value = { 0 };
	if (check_name(form->needles, h->name, e)) {
		return -1;
	}
	if (holds(form->needles, h->value)) {
		form->found +=
		    proxy_scrub_text(form->needles, h->value, &value);
		washed.value = buf_str(&value);
	}
	http_write_parsed(b, &washed);
	return 0;
}

int
proxy_head_answer(struct buf *b, const struct http_head *answer,
    const struct http_head *asked, struct proxy_answer_form *form,
    struct err *e)
{
	http_write_status(b, answer->status);
	for (size_t i = 0; i < answer->count; i++) {
		const struct http_header *h = &answer->headers[i];
		if (answer_passes(answer, form, h->name) &&
		    write_answer_header(b, h, form, e)) {
			return -1;
		}
	}
	bool unsure = answer->framing == HTTP_CHUNKED ||
	              answer->framing == HTTP_UNTIL_CLOSE || form->opened;
	form->chunked = unsure && asked->minor == 1;
	form->close = form->close || (unsure && asked->minor == 0);
	if (form->chunked) {
		http_write_header_z(b, "Transfer-Encoding", "chunked");
	} else if (!unsure && answer->status >= 200) {
		write_answer_length(b, answer, asked);
	}
	if (form->close) {
		http_write_header_z(b, "Connection", "close");
	}
	http_write_end(b);
	return 0;
}

int
proxy_head_trailers(const struct needles *n, struct str lines, struct buf *b,
    uint64_t *found, struct err *e)
{
	struct str rest = lines;
	struct str line;
	struct str name;
	for (bool more = true; more;) {
		more = str_cut(&rest, '\n', &line);
		if (str_cut(&line, ':', &name) && check_name(n, name, e)) {
			return -1;
		}
	}
	*found += proxy_scrub_text(n, lines, b);
	return 0;
}

void
proxy_answer_write(
    struct buf *b, const struct proxy_refusal *r, bool keep_alive, bool bare)
{
	auto_buf body = { 0 };
	struct json_out o;
	json_out_init(&o, &body);
	json_out_object(&o, NULL);
	json_out_z(&o, "error", r->error ? r->error : "denied");
	if (r->wait && r->wait[0]) {
		json_out_z(&o, "id", r->wait);
	}
	json_out_z(&o, "rule", r->rule ? r->rule : "");
	json_out_z(&o, "reason", r->reason ? r->reason : "");
	json_out_z(&o, "next", r->next ? r->next : "");
	json_out_end(&o, '}');
	buf_add_byte(&body, '\n');

	auto_buf reason = { 0 };
	buf_add_z(&reason, r->reason ? r->reason : "");
	for (size_t i = 0; i < reason.len; i++) {
		if (reason.at[i] < ' ' || reason.at[i] > '~') {
			reason.at[i] = '?';
		}
	}
	http_write_status(b, r->status);
	http_write_header_z(b, "Content-Type", "application/json");
	http_write_header_z(b, "Handrail-Reason", buf_z(&reason));
	if (!keep_alive) {
		http_write_header_z(b, "Connection", "close");
	}
	http_write_length(b, body.len);
	http_write_end(b);
	buf_add(b, bare ? STR("") : buf_str(&body));
}

unsigned
proxy_status(enum err_kind kind)
{
	switch (kind) {
	case ERR_DENIED:
		return 403;
	case ERR_LIMIT:
		return 413;
	case ERR_INPUT:
		return 400;
	case ERR_TIMEOUT:
		return 504;
	case ERR_NONE:
	case ERR_USAGE:
	case ERR_MISSING:
	case ERR_CONFLICT:
	case ERR_WAITING:
	case ERR_UNAVAILABLE:
	case ERR_IO:
		return 502;
	}
	return 502;
}
