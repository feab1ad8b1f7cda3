/* SPDX-License-Identifier: Apache-2.0 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "http/two_inner.h"

/* Of all streams.  It opens again when half of it was taken: what all of them
 * may hold at once is no more than the other half, or nothing came for anybody.
 */
#define ALL_WINDOW   (2 * HTTP_TWO_STREAMS * HTTP_TWO_WINDOW)
#define EMPTY_FRAMES 1000 /* of padding at most, in one session */
#define LINE_BESIDES 32   /* what stands around a field, a chunk, at most */
#define AROUND_MAX   4096 /* of chunks that wait in one window */

struct stream *
two_stream(const struct http_two *t, int32_t id)
{
	struct stream *s = t->streams;
	while (s && s->id != id) {
		s = s->next;
	}
	return s;
}

static void
fields_clear(struct stream *s)
{
	buf_wipe(&s->head);
	buf_wipe(&s->extra);
	buf_wipe(&s->cookie);
	buf_wipe(&s->method);
	buf_wipe(&s->scheme);
	buf_wipe(&s->path);
	buf_wipe(&s->authority);
	s->status = 0;
}

struct stream *
two_stream_new(struct http_two *t)
{
	struct stream *s = calloc(1, sizeof(*s));
	must(s);
	s->next = t->streams;
	if (s->next) {
		s->next->previous = s;
	}
	t->streams = s;
	return s;
}

void
two_stream_free(struct http_two *t, struct stream *s)
{
	if (s->previous) {
		s->previous->next = s->next;
	} else {
		t->streams = s->next;
	}
	if (s->next) {
		s->next->previous = s->previous;
	}
	fields_clear(s);
	buf_wipe(&s->late);
	buf_wipe(&s->out);
	buf_fini(&s->trailers);
	free(s);
}

/* --- what comes ------------------------------------------------------------
 */

static int
on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http_two *t = context;
	int32_t id = frame->hd.stream_id;
	(void)session;
	if (two_stream(t, id)) {
		return 0;
	}
	struct stream *s = two_stream_new(t);
	s->id = id;
	return 0;
}

/* G01: a Host beside :authority, or another Host, must be the same. */
static bool
take_host(struct stream *s, struct str value)
{
	if (s->authority.len == 0) {
		buf_add(&s->authority, value);
	}
	return str_eq_nocase(buf_str(&s->authority), value);
}

/* G03: a byte of a frame may say a field of 4 KiB again, out of the table of
 * HPACK; nghttp2 bounds no sum of them. */
static bool
take_field(
    struct http_two *t, struct stream *s, struct str name, struct str value)
{
	struct err e;
	if (s->before + s->extra.len + s->cookie.len + name.len + value.len >
	    HTTP_HEAD_MAX) {
		return false;
	}
	if (t->server && !s->began && str_eq_z(name, "cookie")) {
		/* In crumbs here alone (RFC 9113 8.2.3). */
		buf_room_wiped(&s->cookie, value.len + 2);
		buf_add_z(&s->cookie, s->cookie.len > 0 ? "; " : "");
		buf_add(&s->cookie, value);
		return true;
	}
	s->length =
	    s->length || (!s->began && str_eq_z(name, "content-length"));
	buf_room_wiped(&s->extra, name.len + value.len + LINE_BESIDES);
	return http_write_header(&s->extra, name, value, &e) == 0;
}

static int /* NOLINTNEXTLINE(readability-function-size): of nghttp2 */
on_field(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_size, const uint8_t *value,
    size_t value_size, uint8_t flags, void *context)
{
	struct http_two *t = context;
	struct stream *s = two_stream(t, frame->hd.stream_id);
	struct str n = str_span(name, name_size);
	struct str v = str_span(value, value_size);
	uint64_t status;
	(void)session;
	(void)flags;
	if (!s) {
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	if (str_eq_z(n, ":method")) {
		buf_add(&s->method, v);
	} else if (str_eq_z(n, ":scheme")) {
		buf_add(&s->scheme, v);
	} else if (str_eq_z(n, ":path")) {
		buf_add(&s->path, v);
	} else if (str_eq_z(n, ":authority")) {
		buf_add(&s->authority, v);
	} else if (str_eq_z(n, ":status") && str_u64(v, &status)) {
		s->status = (unsigned)status;
	} else if (str_eq_z(n, "host")) {
		if (!take_host(s, v)) {
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	} else if (n.len > 0 && n.at[0] != ':' && !take_field(t, s, n, v)) {
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return 0;
}

/* Only https can be meant on TLS.  Another scheme stands in the target, where
 * HTTP/1.1 would have it, and is judged there (RFC 9113 8.3.1). */
static void
add_target(struct buf *out, const struct stream *s)
{
	struct str scheme = buf_str(&s->scheme);
	if (scheme.len > 0 && !str_eq_nocase(scheme, STR("https"))) {
		buf_add(out, scheme);
		buf_add_z(out, "://");
		buf_add(out, buf_str(&s->authority));
	}
	buf_add(out, buf_str(&s->path));
}

static int
first_line(struct http_two *t, struct stream *s, struct err *e)
{
	struct buf target = { 0 };
	if (!t->server) {
		if (s->status < 100 || s->status > 599) {
			return err_set(
			    e, ERR_INPUT, "HTTP/2: malformed status code");
		}
		http_write_status(&s->head, s->status);
		return 0;
	}
	buf_room(&target, s->scheme.len + s->authority.len + s->path.len + 3);
	add_target(&target, s);
	int failed =
	    http_write_request(
	        &s->head, buf_str(&s->method), buf_str(&target), e) ||
	    http_write_header(&s->head, STR("Host"), buf_str(&s->authority), e);
	buf_wipe(&target);
	return failed ? -1 : 0;
}

static void
give(struct http_two *t, struct stream *s, struct str text)
{
	t->ops->text(t->owner, s->id, text);
}

/* Of the whole head: it may hold a secret, and does not move. */
static size_t
head_room(const struct stream *s)
{
	return s->method.len + s->scheme.len + s->path.len +
	       2 * s->authority.len + s->extra.len + s->cookie.len +
	       (size_t)8 * LINE_BESIDES;
}

static int
head_came(struct http_two *t, struct stream *s, bool end)
{
	struct err e;
	bool interim = s->status >= 100 && s->status < 200;
	buf_room(&s->head, head_room(s));
	if (first_line(t, s, &e)) {
		return -1;
	}
	/* The reader of the text counts them as well, and comes later: no
	 * window holds a head up, and 64 KiB of fields may be 25 bytes. */
	if (interim && ++s->interims > HTTP_INTERIM_MAX) {
		return -1;
	}
	/* nghttp2 lets no byte through behind these, wherever they end. */
	s->length = s->length || s->status == 204 || s->status == 304;
	buf_add(&s->head, buf_str(&s->extra));
	if (s->cookie.len > 0 && http_write_header(&s->head, STR("cookie"),
	                             buf_str(&s->cookie), &e)) {
		return -1;
	}
	if (!interim && !s->length && !end) {
		http_write_header_z(&s->head, "Transfer-Encoding", "chunked");
	} else if (!interim && !s->length && !t->server) {
		http_write_header_z(&s->head, "Content-Length", "0");
	}
	http_write_end(&s->head);
	s->began = !interim;
	s->before = interim ? s->before + s->head.len : 0;
	give(t, s, buf_str(&s->head));
	fields_clear(s);
	return 0;
}

static void
give_data(struct http_two *t, struct stream *s, struct str data)
{
	struct buf chunk = { 0 };
	if (s->length) {
		give(t, s, data);
		return;
	}
	buf_room(&chunk, data.len + LINE_BESIDES);
	http_write_chunk(&chunk, data);
	s->around += chunk.len - data.len;
	give(t, s, buf_str(&chunk));
	buf_wipe(&chunk);
}

void
two_give_late(struct http_two *t, struct stream *s)
{
	struct buf late = s->late;
	s->late = (struct buf){ 0 };
	s->around = 0;
	if (late.len > 0) {
		give_data(t, s, buf_str(&late));
		buf_wipe(&late);
	}
}

static void
message_ended(struct http_two *t, struct stream *s, bool with_head)
{
	two_give_late(t, s);
	if (!with_head && !s->length) {
		struct buf last = { 0 };
		buf_room(&last, s->extra.len + LINE_BESIDES);
		buf_add_z(&last, "0\r\n");
		buf_add(&last, buf_str(&s->extra));
		buf_add_z(&last, "\r\n");
		give(t, s, buf_str(&last));
		buf_wipe(&last);
	}
	t->ops->ended(t->owner, s->id);
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	struct http_two *t = context;
	struct stream *s = two_stream(t, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	(void)session;
	if (frame->hd.type == NGHTTP2_DATA && !end &&
	    frame->hd.length == frame->data.padlen &&
	    ++t->empty > EMPTY_FRAMES) {
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	if (!s || (frame->hd.type != NGHTTP2_DATA &&
	              frame->hd.type != NGHTTP2_HEADERS)) {
		return 0;
	}
	bool head = frame->hd.type == NGHTTP2_HEADERS && !s->began;
	if (head && head_came(t, s, end)) {
		two_reset(
		    t, s->id, NGHTTP2_PROTOCOL_ERROR); /* RFC 9113 8.1.1 */
		return 0;
	}
	if (end) {
		message_ended(t, s, head);
	}
	return 0;
}

/* RFC 9113 8.1: whoever has its whole answer is told to say no more.  Not at
 * once: there are clients that drop an answer which they have not read by then.
 * More than a window says that they have, for it was opened behind the answer.
 */
static void
stop_rest(struct http_two *t, struct stream *s, size_t more)
{
	if (!t->server || !s->said) {
		return;
	}
	s->rest += more;
	if (s->rest > HTTP_TWO_WINDOW) {
		two_reset(t, s->id, NGHTTP2_NO_ERROR);
	}
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id,
    const uint8_t *bytes, size_t size, void *context)
{
	struct http_two *t = context;
	struct stream *s = two_stream(t, id);
	struct str data = str_span(bytes, size);
	(void)session;
	(void)flags;
	if (!s) {
		return 0;
	}
	s->given += size;
	stop_rest(t, s, size);
	if (s->around < AROUND_MAX) {
		give_data(t, s, data);
		return 0;
	}
	/* G03: frames of a byte each are six bytes of text.  What comes before
	 * their owner has taken any becomes one chunk. */
	buf_room_wiped(&s->late, data.len);
	buf_add(&s->late, data);
	return 0;
}

static int
on_close(nghttp2_session *session, int32_t id, uint32_t error, void *context)
{
	struct http_two *t = context;
	struct stream *s = two_stream(t, id);
	(void)session;
	if (s) {
		t->ops->closed(t->owner, id, error == NGHTTP2_REFUSED_STREAM);
		(void)nghttp2_session_consume_connection(t->session, s->given);
		two_stream_free(t, s);
	}
	return 0;
}

static int
on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
	const struct http_two *t = context;
	struct stream *s = two_stream(t, frame->hd.stream_id);
	(void)session;
	if (s && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
	    (frame->hd.type == NGHTTP2_DATA ||
	        frame->hd.type == NGHTTP2_HEADERS)) {
		s->said = true;
	}
	return 0;
}

/* --- memory ----------------------------------------------------------------
 * What nghttp2 gives back may have held a credential, of which it makes copies.
 */

static void *
memory_take(size_t size, void *user)
{
	(void)user;
	return malloc(size);
}

static void *
memory_zeroed(size_t count, size_t size, void *user)
{
	(void)user;
	return calloc(count, size);
}

static void
memory_give(void *at, void *user)
{
	(void)user;
	wipe(at, malloc_usable_size(at));
	free(at);
}

static void *
memory_more(void *at, size_t size, void *user)
{
	size_t had = malloc_usable_size(at);
	void *more = malloc(size);
	if (more && at) {
		memcpy(more, at, had < size ? had : size);
		memory_give(at, user);
	}
	return more;
}

/* --- a session -------------------------------------------------------------
 */

static struct http_two *
session_new(bool server, const struct http_two_ops *ops, void *owner)
{
	nghttp2_mem memory = { .malloc = memory_take,
		.free = memory_give,
		.calloc = memory_zeroed,
		.realloc = memory_more };
	struct http_two *t = calloc(1, sizeof(*t));
	nghttp2_session_callbacks *calls;
	nghttp2_option *option;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP_TWO_STREAMS },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP_TWO_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};
	must(t && nghttp2_session_callbacks_new(&calls) == 0 &&
	     nghttp2_option_new(&option) == 0);
	t->server = server;
	t->ops = ops;
	t->owner = owner;
	nghttp2_session_callbacks_set_on_begin_headers_callback(
	    calls, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_field);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
	    calls, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_outbound_ack(option, 100);
	nghttp2_option_set_max_settings(option, 16);
	/* What it thinks that all of it takes at most, of one of our own. */
	nghttp2_option_set_max_send_header_block_length(
	    option, (size_t)4 * HTTP_HEAD_MAX);
	must((server ? nghttp2_session_server_new3(
	                   &t->session, calls, t, option, &memory)
	             : nghttp2_session_client_new3(
	                   &t->session, calls, t, option, &memory)) == 0);
	nghttp2_session_callbacks_del(calls);
	nghttp2_option_del(option);
	/* A server pushes nothing: that setting is the client's. */
	must(nghttp2_submit_settings(t->session, NGHTTP2_FLAG_NONE, settings,
	         server ? COUNT(settings) - 1 : COUNT(settings)) == 0);
	/* One that nobody reads must not stop the others. */
	must(nghttp2_session_set_local_window_size(
	         t->session, NGHTTP2_FLAG_NONE, 0, ALL_WINDOW) == 0);
	return t;
}

struct http_two *
http_two_server(const struct http_two_ops *ops, void *owner)
{
	return session_new(true, ops, owner);
}

struct http_two *
http_two_client(const struct http_two_ops *ops, void *owner)
{
	return session_new(false, ops, owner);
}

void
http_two_free(struct http_two *t)
{
	if (t) {
		nghttp2_session_del(t->session);
		while (t->streams) {
			/* NOLINTNEXTLINE(*-unix.Malloc): it leaves the list */
			two_stream_free(t, t->streams);
		}
		free(t);
	}
}

int
http_two_feed(struct http_two *t, struct str bytes, struct err *e)
{
	if (t->failed) {
		return err_set(e, ERR_INPUT, "HTTP/2: the session is over");
	}
	ssize_t n = nghttp2_session_mem_recv(
	    t->session, (const uint8_t *)bytes.at, bytes.len);
	if (n < 0) {
		t->failed = true;
		return err_set(
		    e, ERR_INPUT, "HTTP/2: %s", nghttp2_strerror((int)n));
	}
	return 0;
}

/* A client's frame may hold a credential.  nghttp2 keeps the memory for the
 * next one, and reads no byte of it again. */
void
http_two_take(struct http_two *t, struct buf *out)
{
	const uint8_t *at;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(t->session, &at)) > 0) {
		struct str frame = str_span(at, (size_t)n);
		buf_room_wiped(out, frame.len);
		buf_add(out, frame);
		if (!t->server) {
			/* NOLINTNEXTLINE(performance-no-int-to-ptr) */
			wipe((void *)(uintptr_t)at, frame.len);
		}
	}
}

bool
http_two_takes(const struct http_two *t, size_t running)
{
	uint32_t most = nghttp2_session_get_remote_settings(
	    t->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	return !t->failed && running < HTTP_TWO_STREAMS && running < most &&
	       nghttp2_session_check_request_allowed(t->session);
}

bool
http_two_over(const struct http_two *t)
{
	return t->failed || (!nghttp2_session_want_read(t->session) &&
	                        !nghttp2_session_want_write(t->session));
}
