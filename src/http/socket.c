/* SPDX-License-Identifier: Apache-2.0 */
#include "http/socket.h"

#include <string.h>

#define SHA1_SIZE 20

/* --- the handshake ---------------------------------------------------------
 */

static uint32_t
rotated(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

static void
sha1_block(uint32_t h[5], const uint8_t *p)
{
	uint32_t w[80];
	uint32_t v[5];
	memcpy(v, h, sizeof(v));
	for (size_t i = 0; i < 16; i++) {
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
		       (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
	}
	for (size_t i = 16; i < 80; i++) {
		w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	}
	for (size_t i = 0; i < 80; i++) {
		uint32_t f = i < 20   ? (v[1] & v[2]) | (~v[1] & v[3])
		             : i < 40 ? v[1] ^ v[2] ^ v[3]
		             : i < 60
		                 ? (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])
		                 : v[1] ^ v[2] ^ v[3];
		static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1,
			0x8f1bbcdc, 0xca62c1d6 };
		uint32_t t = rotated(v[0], 5) + f + v[4] + k[i / 20] + w[i];
		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotated(v[1], 30);
		v[1] = v[0];
		v[0] = t;
	}
	for (size_t i = 0; i < 5; i++) {
		h[i] += v[i];
	}
}

/* FIPS 180-4, of less than 120 bytes: RFC 6455 wants no other. */
static void
sha1(struct str text, uint8_t out[SHA1_SIZE])
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
		0xc3d2e1f0 };
	uint8_t padded[128] = { 0 };
	size_t size = text.len < 56 ? 64 : 128;
	must(text.len < 120);
	memcpy(padded, text.at, text.len);
	padded[text.len] = 0x80;
	padded[size - 2] = (uint8_t)(text.len * 8 >> 8);
	padded[size - 1] = (uint8_t)(text.len * 8);
	for (size_t i = 0; i < size; i += 64) {
		sha1_block(h, padded + i);
	}
	for (size_t i = 0; i < SHA1_SIZE; i++) {
		out[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
	}
}

bool
http_socket_accept(struct str key, char accept[HTTP_ACCEPT_SIZE])
{
	uint8_t digest[SHA1_SIZE];
	auto_buf text = { 0 };
	auto_buf nonce = { 0 };
	if (key.len != 24 || !base64_decode(&nonce, key) || nonce.len != 16) {
		return false;
	}
	buf_add(&text, key);
	buf_add_z(&text, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
	sha1(buf_str(&text), digest);
	buf_clear(&text);
	base64_add(&text, str_span(digest, sizeof(digest)));
	return str_copy(accept, HTTP_ACCEPT_SIZE, buf_str(&text));
}

/* --- frames ----------------------------------------------------------------
 */

/* Bytes of the head, as far as those that came tell. */
static size_t
head_size(const struct http_socket *s)
{
	size_t n = 2;
	if (s->have >= 2) {
		uint8_t length = s->head[1] & 0x7f;
		n += length == 126 ? 2 : length == 127 ? 8 : 0;
		n += s->head[1] & 0x80 ? 4 : 0;
	}
	return n;
}

static bool
is_control(enum http_opcode opcode)
{
	return opcode >= HTTP_SOCKET_CLOSE;
}

static const char *
head_problem(struct http_socket *s)
{
	uint8_t length = s->head[1] & 0x7f;
	s->last = s->head[0] & 0x80;
	s->opcode = (enum http_opcode)(s->head[0] & 0x0f);
	if (s->head[0] & 0x70) {
		return "a reserved bit is set, and no extension was agreed on";
	}
	if ((s->opcode > HTTP_SOCKET_BINARY && s->opcode < HTTP_SOCKET_CLOSE) ||
	    s->opcode > HTTP_SOCKET_PONG) {
		return "a reserved opcode";
	}
	if (!(s->head[1] & 0x80) == s->masked) {
		return s->masked ? "a client's frame without a mask"
		                 : "a server's frame with a mask";
	}
	if (is_control(s->opcode)) {
		return !s->last || length > HTTP_SOCKET_CONTROL
		           ? "a control frame in pieces or over 125 bytes"
		           : NULL;
	}
	if ((s->opcode == HTTP_SOCKET_MORE_OF) != s->within) {
		return "a fragment without a beginning, or a beginning within "
		       "a message";
	}
	return NULL;
}

static const char *
head_done(struct http_socket *s)
{
	uint8_t length = s->head[1] & 0x7f;
	size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
	s->left = more ? 0 : length;
	for (size_t i = 0; i < more; i++) {
		s->left = s->left << 8 | s->head[2 + i];
	}
	if (s->left >> 63 || (more == 2 && s->left < 126) ||
	    (more == 8 && s->left < 65536)) {
		return "a length that is not in its shortest form";
	}
	if (!is_control(s->opcode)) {
		s->binary =
		    s->within ? s->binary : s->opcode == HTTP_SOCKET_BINARY;
		s->within = !s->last;
	}
	s->open = true;
	return NULL;
}

static int
read_head(struct http_socket *s, struct str *in, bool *got, struct err *e)
{
	const char *problem = NULL;
	while (in->len > 0 && s->have < head_size(s)) {
		s->head[s->have++] = (uint8_t)in->at[0];
		*in = str_sub(*in, 1, in->len);
		problem = s->have == 2 ? head_problem(s) : NULL;
		if (problem) {
			break;
		}
	}
	*got = s->have >= 2 && s->have == head_size(s);
	if (!problem && *got) {
		problem = head_done(s);
	}
	return problem ? err_set(e, ERR_INPUT, "WebSocket: %s", problem) : 0;
}

int
http_socket_read(struct http_socket *s, struct str *in, bool *got,
    struct http_frame *frame, struct err *e)
{
	*frame = (struct http_frame){ 0 };
	if (!s->open) {
		frame->began = true;
		if (read_head(s, in, got, e)) {
			return -1;
		}
		if (!*got) {
			return 0;
		}
	} else {
		size_t n = s->left < in->len ? (size_t)s->left : in->len;
		*got = n > 0;
		frame->bytes = str_sub(*in, 0, n);
		*in = str_sub(*in, n, in->len);
		s->left -= n;
	}
	if (s->left == 0 && *got) {
		frame->ended = true;
		s->open = false;
		s->have = 0;
	}
	return 0;
}

void
http_socket_write(
    struct buf *b, enum http_opcode opcode, bool last, struct str payload)
{
	buf_add_byte(b, (uint8_t)(opcode | (last ? 0x80 : 0)));
	if (payload.len < 126) {
		buf_add_byte(b, (uint8_t)payload.len);
	} else if (payload.len < 65536) {
		buf_add_byte(b, 126);
		buf_add_byte(b, (uint8_t)(payload.len >> 8));
		buf_add_byte(b, (uint8_t)payload.len);
	} else {
		buf_add_byte(b, 127);
		for (int shift = 56; shift >= 0; shift -= 8) {
			buf_add_byte(
			    b, (uint8_t)((uint64_t)payload.len >> shift));
		}
	}
	buf_add(b, payload);
}
