/* SPDX-License-Identifier: Apache-2.0 */
/* A good head that says `chunked`; the input is the body. */
#include "http_story.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf b = { 0 };

	buf_add_z(&b,
	    size && data[0] & 1
	        ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	        : "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	          "\r\n");
	if (size) {
		buf_add(&b, str_span(data + 1, size - 1));
		story_compare(data[0], buf_str(&b));
	}
	return 0;
}
