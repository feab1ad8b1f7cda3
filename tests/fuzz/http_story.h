/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_HTTP_STORY_H
#define FUZZ_HTTP_STORY_H

/* Everything that a reader says about some bytes, as one text. */

#include "http/http.h"

static inline void
story_init(struct http_reader *r, uint8_t flags)
{
	if (flags & 1) {
		http_reader_response(r);
		r->answer_to_head = flags & 2;
		r->take_upgrade = flags & 8;
	} else {
		http_reader_request(r);
		r->take_connect = flags & 2;
	}
	r->body_max = flags & 16 ? 100 : UINT64_MAX;
}

static inline void
story_head(struct buf *story, struct buf *body, const struct http_head *h)
{
	buf_addf(story, "%s(%zu)", "head", body->len);
	buf_add(story, h->target);
	buf_addf(story, " %u %u %d %d\n", h->status, h->minor, (int)h->framing,
	    (int)h->form);
	for (size_t i = 0; i < h->count; i++) {
		buf_add(story, h->headers[i].name);
		buf_add(story, h->headers[i].value);
	}
}

/* True while there is more to come from this piece. */
static inline bool
story_event(
    struct http_reader *r, struct str *in, struct buf *story, struct buf *body)
{
	struct http_event ev;
	struct err e = { 0 };

	if (http_read(r, in, &ev, &e)) {
		buf_addf(story, "refused %u %s\n", r->refusal, e.text);
		return false;
	}
	if (ev.kind == HTTP_HEAD || ev.kind == HTTP_INTERIM) {
		story_head(story, body, ev.head);
	} else if (ev.kind == HTTP_DATA) {
		buf_add(body, ev.data);
	} else if (ev.kind == HTTP_END) {
		buf_addf(story, "end\n");
	}
	return ev.kind != HTTP_MORE && ev.kind != HTTP_END;
}

static inline void
story_tell(uint8_t flags, struct str bytes, size_t piece, struct buf *story,
    struct buf *body)
{
	struct http_reader r;

	story_init(&r, flags);
	for (size_t at = 0; at < bytes.len && !r.refusal; at += piece) {
		struct str in = str_sub(bytes, at, piece);

		while (story_event(&r, &in, story, body)) {
		}
		if (in.len || story->len > 1 << 20) {
			break;
		}
	}
	http_reader_fini(&r);
}

static inline void
story_compare(uint8_t flags, struct str bytes)
{
	struct buf story[2] = { { 0 }, { 0 } };
	struct buf body[2] = { { 0 }, { 0 } };

	story_tell(flags, bytes, bytes.len + 1, &story[0], &body[0]);
	story_tell(flags, bytes, 1, &story[1], &body[1]);
	must(str_eq(buf_str(&story[0]), buf_str(&story[1])));
	must(str_eq(buf_str(&body[0]), buf_str(&body[1])));
	for (size_t i = 0; i < 2; i++) {
		buf_fini(&story[i]);
		buf_fini(&body[i]);
	}
}

#endif
