/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of strangers: opened whole in any cut, refused when they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <brotli/encode.h>
#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "compress/decode.h"
#include "unit/heap_help.h"

static const char *const forms[] = { "gzip", "deflate", "br", "zstd" };

static void
pack_zlib(struct str plain, int bits, struct buf *out)
{
	z_stream z = { 0 };
	assert_int_equal(
	    deflateInit2(&z, 9, Z_DEFLATED, bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
	size_t most = deflateBound(&z, plain.len) + 64;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): only read */
	z.next_in = (Bytef *)(uintptr_t)plain.at;
	z.avail_in = (uInt)plain.len;
	z.next_out = (Bytef *)buf_room(out, most);
	z.avail_out = (uInt)most;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_grew(out, most - z.avail_out);
	deflateEnd(&z);
}

static void
pack(const char *form, struct str plain, struct buf *out)
{
	if (strcmp(form, "gzip") == 0) {
		pack_zlib(plain, 15 + 16, out);
	} else if (strcmp(form, "deflate") == 0) {
		pack_zlib(plain, 15, out);
	} else if (strcmp(form, "br") == 0) {
		size_t n = BrotliEncoderMaxCompressedSize(plain.len) + 64;
		char *at = buf_room(out, n);
		assert_true(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC,
		    plain.len, (const uint8_t *)plain.at, &n, (uint8_t *)at));
		buf_grew(out, n);
	} else {
		size_t most = ZSTD_compressBound(plain.len);
		size_t n = ZSTD_compress(
		    buf_room(out, most), most, plain.at, plain.len, 3);
		assert_false(ZSTD_isError(n));
		buf_grew(out, n);
	}
}

/* In pieces of `cut`; the sentence of the failure, or NULL. */
static int
open_all(const char *form, struct str packed, size_t cut, struct buf *out,
    struct err *e)
{
	struct compress_memory memory = { .most = (size_t)32 << 20 };
	struct compress_decoder *d =
	    compress_decoder_new(str_of(form), &memory);
	int failed = 0;
	assert_non_null(d);
	for (size_t at = 0; !failed && at < packed.len; at += cut) {
		struct str in = str_sub(packed, at, cut);
		bool more = true;
		while (!failed && (in.len > 0 || more)) {
			failed = compress_decode(d, &in, 100, out, &more, e);
		}
	}
	if (!failed) {
		failed = compress_decode_end(d, e);
	}
	compress_decoder_free(d);
	return failed;
}

static void
text(struct buf *b, size_t lines)
{
	for (size_t i = 0; i < lines; i++) {
		buf_addf(b, "line %zu of %zu\n", i * 7919, lines);
	}
}

static void
every_form_opens_whole_in_any_cut(void **state)
{
	(void)state;
	auto_buf plain = { 0 };
	text(&plain, 500);
	for (size_t i = 0; i < COUNT(forms); i++) {
		auto_buf packed = { 0 };
		pack(forms[i], buf_str(&plain), &packed);
		for (size_t cut = 1; cut < 4000; cut = cut * 3 + 1) {
			auto_buf out = { 0 };
			struct err e;
			assert_int_equal(
			    open_all(forms[i], buf_str(&packed), cut, &out, &e),
			    0);
			assert_int_equal(out.len, plain.len);
			assert_memory_equal(out.at, plain.at, plain.len);
		}
	}
}

static void
what_is_cut_or_damaged_is_refused(void **state)
{
	(void)state;
	auto_buf plain = { 0 };
	text(&plain, 500);
	for (size_t i = 0; i < COUNT(forms); i++) {
		auto_buf packed = { 0 };
		auto_buf out = { 0 };
		struct err e;
		pack(forms[i], buf_str(&plain), &packed);
		struct str half = str_sub(buf_str(&packed), 0, packed.len / 2);
		assert_int_equal(open_all(forms[i], half, 64, &out, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_int_equal(
		    open_all(forms[i], STR("no such thing"), 64, &out, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
}

static void
a_bomb_is_cut_early_R07(void **state)
{
	(void)state;
	auto_buf plain = { 0 };
	size_t size = (size_t)64 * 1024 * 1024;
	memset(buf_room(&plain, size), 'a', size);
	buf_grew(&plain, size);
	for (size_t i = 0; i < COUNT(forms); i++) {
		auto_buf packed = { 0 };
		auto_buf out = { 0 };
		struct err e;
		pack(forms[i], buf_str(&plain), &packed);
		assert_int_equal(
		    open_all(forms[i], buf_str(&packed), 4096, &out, &e), -1);
		assert_int_equal(e.kind, ERR_LIMIT);
		assert_true(out.len <=
		            COMPRESS_SLACK + COMPRESS_RATIO * packed.len + 100);
	}
}

/* As far as it goes; it keeps what it has. */
static int
open_some(struct compress_decoder *d, struct str in, struct err *e)
{
	int failed = 0;
	bool more = true;
	while (!failed && (in.len > 0 || more)) {
		auto_buf out = { 0 };
		failed = compress_decode(d, &in, 16384, &out, &more, e);
	}
	return failed;
}

static void
held_within_one_bound(const char *form, struct str plain)
{
	struct compress_memory memory = { .most = (size_t)9 << 20 };
	struct compress_decoder *d[4];
	auto_buf packed = { 0 };
	struct err e;
	size_t whole = 0;
	pack(form, plain, &packed);
	assert_true(compress_fits(str_of(form), &memory) ==
	            (strcmp(form, "zstd") == 0));
	for (size_t n = 0; n < COUNT(d); n++) {
		d[n] = compress_decoder_new(str_of(form), &memory);
		if (!open_some(d[n], buf_str(&packed), &e)) {
			whole++;
			continue;
		}
		assert_int_equal(e.kind, ERR_UNAVAILABLE);
		assert_non_null(strstr(e.text, "9 MiB"));
		assert_false(compress_fits(str_of(form), &memory));
	}
	assert_in_range(whole, 1, COUNT(d) - 1);
	for (size_t n = 0; n < COUNT(d); n++) {
		compress_decoder_free(d[n]);
	}
	assert_int_equal(memory.held, 0);
	d[0] = compress_decoder_new(str_of(form), &memory);
	assert_int_equal(open_some(d[0], buf_str(&packed), &e), 0);
	compress_decoder_free(d[0]);
}

static void
windows_of_all_are_held_within_one_bound_R07(void **state)
{
	(void)state;
	auto_buf plain = { 0 };
	text(&plain, 300000);
	for (size_t i = 2; i < COUNT(forms); i++) {
		held_within_one_bound(forms[i], buf_str(&plain));
	}
}

/* Their windows are the largest that each form may ask for. */
static void
pack_widest(const char *form, struct buf *out)
{
	auto_buf plain = { 0 };
	text(&plain, 20000);
	if (strcmp(form, "zstd") == 0) {
		ZSTD_CStream *z = ZSTD_createCStream();
		ZSTD_inBuffer in = { plain.at, plain.len, 0 };
		size_t most = ZSTD_compressBound(plain.len);
		ZSTD_outBuffer to = { buf_room(out, most), most, 0 };
		assert_false(ZSTD_isError(
		    ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 23)));
		/* In two, so that it does not tell how small it is. */
		assert_false(ZSTD_isError(
		    ZSTD_compressStream2(z, &to, &in, ZSTD_e_flush)));
		assert_int_equal(
		    ZSTD_compressStream2(z, &to, &in, ZSTD_e_end), 0);
		buf_grew(out, to.pos);
		ZSTD_freeCStream(z);
		return;
	}
	pack(form, buf_str(&plain), out);
}

static void
what_is_refused_memory_holds_none_and_others_go_on_R07(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct compress_memory memory = { .most = 0 };
		struct compress_decoder *d[5];
		bool fine[5];
		auto_buf packed = { 0 };
		struct err e;
		pack_widest(forms[i], &packed);
		struct str half = str_sub(buf_str(&packed), 0, packed.len / 2);
		struct str rest =
		    str_sub(buf_str(&packed), half.len, packed.len);
		/* What one takes that is half through: room for three. */
		memory.most = SIZE_MAX;
		d[0] = compress_decoder_new(str_of(forms[i]), &memory);
		assert_int_equal(open_some(d[0], half, &e), 0);
		memory.most = memory.held * 3 + memory.held / 2;
		compress_decoder_free(d[0]);
		for (size_t n = 0; n < COUNT(d); n++) {
			d[n] = compress_decoder_new(str_of(forms[i]), &memory);
			assert_in_range(memory.held, 0, memory.most);
		}
		for (size_t n = 0; n < COUNT(d); n++) {
			fine[n] = open_some(d[n], half, &e) == 0;
			assert_in_range(memory.held, 0, memory.most);
		}
		for (size_t n = 0; n < COUNT(d); n++) {
			assert_int_equal(fine[n], n < 3);
			assert_int_equal(open_some(d[n], rest, &e) == 0, n < 3);
			assert_in_range(memory.held, 0, memory.most);
		}
		for (size_t n = 0; n < COUNT(d); n++) {
			compress_decoder_free(d[n]);
		}
		assert_int_equal(memory.held, 0);
		memory.most = 1; /* not even to begin */
		d[0] = compress_decoder_new(str_of(forms[i]), &memory);
		assert_int_equal(memory.held, 0);
		assert_int_equal(open_some(d[0], half, &e), -1);
		compress_decoder_free(d[0]);
	}
}

static void
a_window_is_wiped_when_it_is_given_back(void **state)
{
	(void)state;
	static const char said[] = "c4nary-of-a-window";
	/* Packed elsewhere: what packs leaves it on the heap. */
	static const uint8_t gzip[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x02, 0x03, 0x4b, 0xcc, 0x53, 0xc8, 0x2f, 0x48,
		0xcd, 0x4b, 0x4d, 0x51, 0x48, 0xcc, 0x2b, 0x2e, 0x4f, 0x2d,
		0x52, 0x48, 0x4d, 0xce, 0xc8, 0x4f, 0x2d, 0x56, 0x48, 0x36,
		0xc9, 0x4b, 0x2c, 0xaa, 0xd4, 0xcd, 0x4f, 0xd3, 0x4d, 0xd4,
		0x2d, 0xcf, 0xcc, 0x4b, 0xc9, 0x2f, 0xd7, 0x01, 0xaa, 0x48,
		0xc1, 0x2d, 0xad, 0x90, 0x98, 0x9e, 0x98, 0x99, 0x07, 0x00,
		0x96, 0x8c, 0xdc, 0xcb, 0x4f, 0x00, 0x00, 0x00 };
	static const uint8_t br[] = { 0x1b, 0x4e, 0x00, 0x88, 0x44, 0x37, 0x97,
		0xea, 0x42, 0x59, 0x33, 0x96, 0xa1, 0xca, 0xd3, 0x84, 0x3f,
		0x1d, 0x36, 0xe0, 0xc0, 0x25, 0x4b, 0x73, 0x5c, 0xf1, 0xf6,
		0xa4, 0x78, 0x46, 0xc9, 0x05, 0x81, 0xfd, 0x42, 0xe7, 0xd9,
		0x7e, 0xc8, 0xb0, 0xee, 0xe7, 0x0e, 0xc5, 0x6f, 0x70, 0x94,
		0x8b, 0x85, 0x00 };
	static const struct {
		const char *form;
		const uint8_t *packed;
		size_t size;
	} rows[] = {
		/* Without its end: zlib keeps a window for what follows. */
		{ "gzip", gzip, sizeof(gzip) - 9 }, { "br", br, sizeof(br) }
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct compress_memory memory = { .most = (size_t)1 << 20 };
		struct compress_decoder *d =
		    compress_decoder_new(str_of(rows[i].form), &memory);
		struct str in =
		    str_span((const char *)rows[i].packed, rows[i].size);
		struct buf out = { 0 };
		bool more = false;
		struct err e;
		assert_int_equal(
		    compress_decode(d, &in, 1000, &out, &more, &e), 0);
		assert_true(str_has_str(buf_str(&out), STR("-of-a-window,")));
		buf_wipe(&out);
		assert_true(heap_holds(said)); /* in its window */
		compress_decoder_free(d);
		assert_false(heap_holds(said));
	}
}

static void
several_gzip_members_are_one_body(void **state)
{
	(void)state;
	auto_buf packed = { 0 };
	auto_buf out = { 0 };
	struct err e;
	pack("gzip", STR("hello "), &packed);
	pack("gzip", STR("world"), &packed);
	assert_int_equal(open_all("x-gzip", buf_str(&packed), 3, &out, &e), 0);
	assert_true(str_eq_z(buf_str(&out), "hello world"));
}

static void
an_unknown_form_has_no_decoder(void **state)
{
	(void)state;
	assert_null(compress_decoder_new(STR("compress"), NULL));
	assert_null(compress_decoder_new(STR("gzip, br"), NULL));
	assert_null(compress_decoder_new(STR(""), NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* While the heap is small: heap_holds. */
		cmocka_unit_test(a_window_is_wiped_when_it_is_given_back),
		cmocka_unit_test(every_form_opens_whole_in_any_cut),
		cmocka_unit_test(what_is_cut_or_damaged_is_refused),
		cmocka_unit_test(a_bomb_is_cut_early_R07),
		cmocka_unit_test(windows_of_all_are_held_within_one_bound_R07),
		cmocka_unit_test(
		    what_is_refused_memory_holds_none_and_others_go_on_R07),
		cmocka_unit_test(several_gzip_members_are_one_body),
		cmocka_unit_test(an_unknown_form_has_no_decoder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
