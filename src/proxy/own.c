/* SPDX-License-Identifier: Apache-2.0 */
/* P08: the values of all credentials that a cell brought itself, as the vault
 * would have kept them: without a scheme, of Basic user and password, of a
 * cookie each value, of the query each that stands in a parameter for keys. */
#include "proxy/own.h"

#include "proxy/place.h"

static void
add(struct proxy_own *own, struct str value)
{
	if (value.len == 0) {
		return;
	}
	if (own->count == PROXY_OWN_MAX) {
		own->over = true;
		return;
	}
	struct buf *b = &own->value[own->count++];
	buf_room(b, value.len);
	buf_add(b, value);
}

static void
add_basic(struct proxy_own *own, struct str coded)
{
	struct buf clear = { 0 };
	buf_room(&clear, coded.len);
	if (base64_decode(&clear, coded)) {
		struct str password = buf_str(&clear);
		struct str user;
		(void)str_cut(&password, ':', &user);
		add(own, user);
		add(own, password);
	} else { /* some servers open more than we do */
		add(own, coded);
	}
	buf_wipe(&clear);
}

static void
add_cookies(struct proxy_own *own, struct str rest)
{
	bool more = rest.len > 0;
	while (more) {
		struct str pair;
		struct str name;
		more = str_cut(&rest, ';', &pair);
		if (str_has(pair, '=')) { /* one may have no name */
			(void)str_cut(&pair, '=', &name);
		}
		add(own, str_trim(pair));
	}
}

static void
add_header(struct proxy_own *own, const struct http_header *h)
{
	struct str value = str_trim(h->value);
	struct str scheme;
	if (str_eq_nocase(h->name, STR("cookie"))) {
		add_cookies(own, value);
		return;
	}
	if (!str_has(value, ' ')) {
		add(own, value);
		return;
	}
	(void)str_cut(&value, ' ', &scheme);
	value = str_trim(value);
	if (str_eq_nocase(scheme, STR("basic"))) {
		add_basic(own, value);
	} else {
		add(own, value);
	}
}

static void
add_parameter(void *context, struct str value)
{
	struct buf clear = { 0 };
	if (proxy_place_marked(value)) {
		return;
	}
	buf_room(&clear, value.len);
	proxy_percent_open(&clear, value);
	add(context, buf_str(&clear));
	buf_wipe(&clear);
}

void
proxy_own_take(struct proxy_own *own, const struct proxy_request *r)
{
	for (size_t i = 0; i < r->head->count; i++) {
		const struct http_header *h = &r->head->headers[i];
		if (http_credential_header(h->name) &&
		    !proxy_place_marked_value(h->value)) {
			add_header(own, h);
		}
	}
	http_credential_params(r->query, add_parameter, own);
}

/* A placeholder is another one in each cell; its rule says where it stands. */
void
proxy_own_whole(struct proxy_own *own, const struct proxy_request *r)
{
	struct buf all = { 0 };
	buf_room(&all, HTTP_HEAD_MAX);
	for (size_t i = 0; i < r->head->count; i++) {
		const struct http_header *h = &r->head->headers[i];
		if (http_credential_header(h->name) &&
		    !http_is_hop(r->head, h->name) &&
		    !proxy_place_marked_value(h->value)) {
			proxy_name_add(&all, h->name);
			buf_add(&all, str_trim(h->value));
			buf_add_byte(&all, '\n');
		}
	}
	if (all.len > 0) {
		struct digest d = digest_of(buf_str(&all));
		buf_add(&own->value[own->count++],
		    str_span((const char *)d.bytes, sizeof(d.bytes)));
	}
	buf_wipe(&all);
}

void
proxy_own_wipe(struct proxy_own *own)
{
	for (size_t i = 0; i < own->count; i++) {
		buf_wipe(&own->value[i]);
	}
	own->count = 0;
}

static bool
holds(const struct needles *n, struct str text)
{
	size_t at = 0;
	size_t len = 0;
	return proxy_needles_find(n, text, &at, &len);
}

#define BROUGHT                                                              \
	"it brings a credential itself that was put into a request of this " \
	"sandbox before"
#define GATHER_MAX ((uint64_t)64 * 1024) /* bytes */

bool
proxy_own_gathers(const struct needles *n, const struct proxy_request *r)
{
	return proxy_needles_count(n) > 0 && !r->tunnel && !r->websocket &&
	       !r->commands && r->head->framing == HTTP_LENGTH &&
	       r->head->length <= GATHER_MAX;
}

int
proxy_own_body(struct scrub *s, const struct needles *n,
    struct compress_memory *memory, const struct proxy_request *r,
    struct str piece, struct err *e)
{
	/* What is compressed is opened from its beginning or not at all, and
	 * another connection may use the first credential meanwhile. */
	if (proxy_needles_count(n) == 0 &&
	    !http_find(r->head, "content-encoding")) {
		return 0;
	}
	if (!proxy_scrub_on(s)) {
		proxy_scrub_brought(s, n, memory, r->head, BROUGHT);
	}
	if (proxy_scrub(s, piece, NULL, NULL, e)) {
		if (proxy_needles_count(n) == 0) {
			/* As what is said to be in a coding that nobody knows.
			 */
			compress_decoder_free(s->decoder);
			s->decoder = NULL;
			buf_clear(&s->held);
			return 0;
		}
		return e->kind == ERR_DENIED
		           ? -1
		           : err_wrap(e, "a body that is searched");
	}
	return 0;
}

/* Without what quotations say that were cut (err_quote): they may end within
 * one, which is not found there any more. */
static void
add_whole(struct str text, struct buf *out)
{
	size_t from = 0;
	size_t began = 0;
	for (size_t at = 0; at < text.len; at++) {
		if (text.at[at] != '"' || (at > 0 && text.at[at - 1] == '\\')) {
			continue;
		}
		if (began > 0 && at >= began + 3 &&
		    str_eq(str_sub(text, at - 3, 3), STR("..."))) {
			buf_add(out, str_sub(text, from, began - from));
			from = at - 3;
		}
		began = at + 1;
	}
	buf_add(out, str_sub(text, from, text.len));
}

void
proxy_own_wash(const struct needles *n, struct str text, struct buf *out)
{
	struct buf whole = { 0 };
	buf_room(&whole, text.len);
	if (proxy_needles_count(n) > 0) {
		add_whole(text, &whole);
		text = buf_str(&whole);
	}
	(void)proxy_scrub_text(n, text, out);
	buf_wipe(&whole);
	if (proxy_needles_in_name(n, buf_str(out))) {
		buf_wipe(out);
		buf_add(out, STR(SCRUB_REMOVED));
	}
}

int
proxy_own_check(
    const struct needles *n, const struct proxy_request *r, struct err *e)
{
	if (proxy_needles_count(n) == 0) {
		return 0;
	}
	/* Of a tunnel there is no more; HTTP/1.0 need not say it in a header.
	 */
	bool found = proxy_needles_in_name(n, str_of(r->origin.host.text));
	for (size_t i = 0; i < r->head->count && !found; i++) {
		found = holds(n, r->head->headers[i].value) ||
		        proxy_needles_in_field(n, r->head->headers[i].name);
	}
	return found || holds(n, r->method) || holds(n, r->path) ||
	               holds(n, r->query)
	           ? err_set(e, ERR_DENIED, BROUGHT)
	           : 0;
}
