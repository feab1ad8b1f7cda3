/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/scrub.h"

#define PIECE 16384 /* bytes opened at once */
#define HELD  "the answer held a credential of this sandbox and was cut"

/* What a replaced credential does not break: text of no known length. */
static bool
is_text(const struct http_head *answer)
{
	static const char *const kinds[] = { "application/json",
		"application/xml", "application/javascript",
		"application/x-ndjson", "application/ndjson",
		"application/jsonl", "application/x-www-form-urlencoded",
		"application/graphql", "application/yaml" };
	const struct str *type = http_find(answer, "content-type");
	struct str kind;
	if (!type) {
		return false;
	}
	struct str rest = *type;
	(void)str_cut(&rest, ';', &kind);
	kind = str_trim(kind);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (str_eq_nocase(kind, str_of(kinds[i]))) {
			return true;
		}
	}
	return str_eq_nocase(str_sub(kind, 0, 5), STR("text/")) ||
	       str_ends(kind, STR("+json")) || str_ends(kind, STR("+xml"));
}

/* NULL: none.  More than one is none that is known. */
static const struct str *
coding_in(const struct http_head *answer, const char *field)
{
	const struct str *coding = http_find(answer, field);
	bool plain = coding && str_eq_nocase(*coding, STR("identity")) &&
	             http_count(answer, field) == 1;
	return plain ? NULL : coding;
}

static const struct str *
coding_of(const struct http_head *answer)
{
	return coding_in(answer, "content-encoding");
}

/* Of messages in the body, each by itself: they are not opened. */
static const struct str *
messages_coding(const struct http_head *answer)
{
	return coding_in(answer, "grpc-encoding");
}

/* R05: a quotation is cut, and half a credential is not found any more. */
static const char *
quote(const struct needles *n, struct str coding)
{
	return err_quote(
	    proxy_needles_in_field(n, coding) ? STR(SCRUB_REMOVED) : coding);
}

static int
find_decoder(struct scrub *s, const struct needles *n,
    struct compress_memory *memory, const struct http_head *answer,
    struct err *e)
{
	const struct str *coding = messages_coding(answer);
	if (coding) {
		return err_set(e, ERR_DENIED,
		    "the answer has the grpc-encoding %s, which cannot be read "
		    "for credentials",
		    quote(n, *coding));
	}
	coding = coding_of(answer);
	if (!coding) {
		return 0;
	}
	if (http_count(answer, "content-encoding") == 1) {
		s->decoder = compress_decoder_new(*coding, memory);
	}
	if (s->decoder && compress_fits(*coding, memory)) {
		return 0;
	}
	if (s->decoder) {
		return err_set(e, ERR_UNAVAILABLE,
		    "the upstream has done what was asked, but its answer is "
		    "compressed and may need more than is left of the %zu MiB "
		    "that bodies which are being opened may hold together: the "
		    "answer may be asked for again when others have ended",
		    memory->most >> 20);
	}
	return err_set(e, ERR_DENIED,
	    "the answer has the Content-Encoding %s, which cannot be read for "
	    "credentials",
	    quote(n, *coding));
}

int
proxy_scrub_begin(struct scrub *s, const struct needles *n,
    struct compress_memory *memory, const struct http_head *answer,
    bool rewrite, struct err *e)
{
	*s = (struct scrub){ 0 };
	if (answer->framing == HTTP_EMPTY) {
		return 0;
	}
	/* Another connection may use the first credential meanwhile. */
	if (proxy_needles_count(n) == 0 &&
	    (coding_of(answer) || messages_coding(answer))) {
		proxy_scrub_brought(s, n, memory, answer, HELD);
		s->beside = true;
		return 0;
	}
	if (find_decoder(s, n, memory, answer, e)) {
		return -1;
	}
	bool bound = answer->framing == HTTP_LENGTH && !s->decoder;
	s->needles = n;
	s->cut = !rewrite && (bound || !is_text(answer)) ? HELD : NULL;
	return 0;
}

void
proxy_scrub_brought(struct scrub *s, const struct needles *n,
    struct compress_memory *memory, const struct http_head *request,
    const char *cut)
{
	const struct str *coding = http_find(request, "content-encoding");

	*s = (struct scrub){ .needles = n, .cut = cut };
	if (coding && http_count(request, "content-encoding") == 1 &&
	    !str_eq_nocase(*coding, STR("identity"))) {
		s->decoder = compress_decoder_new(*coding, memory);
	}
}

void
proxy_scrub_fini(struct scrub *s)
{
	compress_decoder_free(s->decoder);
	buf_wipe(&s->held);
	buf_wipe(&s->opened);
	buf_wipe(&s->waiting);
	*s = (struct scrub){ 0 };
}

bool
proxy_scrub_on(const struct scrub *s)
{
	return s->needles != NULL;
}

static int
found_one(struct scrub *s, struct err *e)
{
	s->found++;
	if (!s->cut) {
		return 0;
	}
	return err_set(e, ERR_DENIED, "%s", s->cut);
}

static void
pass(scrub_out *out, void *owner, struct str text)
{
	if (out && text.len > 0) {
		out(owner, text);
	}
}

/* Passes on what stands in front of each needle; needles that overlap are one.
 * *from: what is in front of it has passed, or is gone since a shorter needle
 * was found there. */
static int
sweep(struct scrub *s, struct str text, size_t *from, scrub_out *out,
    void *owner, struct err *e)
{
	size_t at = 0;
	size_t len = 0;
	for (; proxy_needles_find(s->needles, text, &at, &len); at++) {
		bool apart = at >= *from;
		if (apart && found_one(s, e)) {
			return -1;
		}
		if (apart) {
			pass(out, owner, str_sub(text, *from, at - *from));
			pass(out, owner, STR(SCRUB_REMOVED));
		}
		*from = at + len > *from ? at + len : *from;
	}
	return 0;
}

/* Passes on what cannot be part of a needle; the rest is *tail bytes. */
static int
scan(struct scrub *s, struct str text, size_t *tail, scrub_out *out,
    void *owner, struct err *e)
{
	size_t from = s->gone;
	if (sweep(s, text, &from, out, owner, e)) {
		return -1;
	}
	*tail = proxy_needles_tail(s->needles, text);
	size_t kept = text.len - *tail;
	if (from < kept) {
		pass(out, owner, str_sub(text, from, kept - from));
		from = kept;
	}
	s->gone = from - kept;
	return 0;
}

static int
plain(struct scrub *s, struct str bytes, scrub_out *out, void *owner,
    struct err *e)
{
	size_t tail = 0;
	if (s->held.len > 0) {
		buf_add(&s->held, bytes);
		if (scan(s, buf_str(&s->held), &tail, out, owner, e)) {
			return -1;
		}
		buf_drop(&s->held, s->held.len - tail);
		return 0;
	}
	if (scan(s, bytes, &tail, out, owner, e)) {
		return -1;
	}
	buf_add(&s->held, str_sub(bytes, bytes.len - tail, tail));
	return 0;
}

static int
open_one(struct scrub *s, struct str *bytes, bool *more, scrub_out *out,
    void *owner, struct err *e)
{
	buf_clear(&s->opened);
	return compress_decode(s->decoder, bytes, PIECE, &s->opened, more, e) ||
	               plain(s, buf_str(&s->opened), out, owner, e)
	           ? -1
	           : 0;
}

static int
opened(struct scrub *s, struct str bytes, scrub_out *out, void *owner,
    struct err *e)
{
	bool more = true;
	while (bytes.len > 0 || more) {
		if (open_one(s, &bytes, &more, out, owner, e)) {
			return -1;
		}
	}
	return 0;
}

int
proxy_scrub_go_on(struct scrub *s, scrub_out *out, void *owner, struct err *e)
{
	struct str bytes = buf_str(&s->waiting);
	bool more = false;
	must(s->waits);
	if (open_one(s, &bytes, &more, out, owner, e)) {
		return -1;
	}
	buf_drop(&s->waiting, s->waiting.len - bytes.len);
	s->waits = more || bytes.len > 0;
	if (!s->waits) {
		buf_wipe(&s->waiting);
	}
	return 0;
}

int
proxy_scrub_take(struct scrub *s, struct str bytes, scrub_out *out, void *owner,
    struct err *e)
{
	if (!s->decoder || s->beside) {
		return proxy_scrub(s, bytes, out, owner, e);
	}
	must(!s->waits);
	buf_add(&s->waiting, bytes);
	s->waits = true;
	return proxy_scrub_go_on(s, out, owner, e);
}

/* What cannot be read passes while there is nothing to look for. */
static int
beside(struct scrub *s, struct str bytes, scrub_out *out, void *owner,
    struct err *e)
{
	if (s->decoder && opened(s, bytes, NULL, NULL, e)) {
		if (e->kind == ERR_DENIED) {
			return -1;
		}
		compress_decoder_free(s->decoder);
		s->decoder = NULL;
	}
	if (!s->decoder && proxy_needles_count(s->needles) > 0) {
		return err_set(e, ERR_DENIED,
		    "the answer has an encoding that cannot be read for "
		    "credentials, of which there is one by now");
	}
	pass(out, owner, bytes);
	return 0;
}

int
proxy_scrub(struct scrub *s, struct str bytes, scrub_out *out, void *owner,
    struct err *e)
{
	if (s->beside) {
		return beside(s, bytes, out, owner, e);
	}
	return s->decoder ? opened(s, bytes, out, owner, e)
	                  : plain(s, bytes, out, owner, e);
}

int
proxy_scrub_end(struct scrub *s, scrub_out *out, void *owner, struct err *e)
{
	if (s->beside) { /* it has passed */
		buf_clear(&s->held);
		return 0;
	}
	if (s->decoder && compress_decode_end(s->decoder, e)) {
		return -1;
	}
	pass(out, owner, str_sub(buf_str(&s->held), s->gone, s->held.len));
	buf_clear(&s->held);
	s->gone = 0;
	return 0;
}

static void
add_to(void *owner, struct str piece)
{
	buf_add(owner, piece);
}

bool
proxy_scrub_text(const struct needles *n, struct str text, struct buf *b)
{
	struct scrub s = { .needles = n };
	struct err never; /* only of what may not be rewritten */
	size_t from = 0;
	must(sweep(&s, text, &from, add_to, b, &never) == 0);
	buf_add(b, str_sub(text, from, text.len));
	return s.found > 0;
}
