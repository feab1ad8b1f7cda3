/* SPDX-License-Identifier: Apache-2.0 */
#include "oauth/oauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
told(const struct oauth_answer *answer)
{
	struct oauth_told out = { .end = answer->end,
		.lifetime = answer->lifetime,
		.error = str_of(answer->error),
		.fault = str_of(answer->fault) };
	struct oauth_told read;
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct err e = { 0 };

	oauth_told_write(&text, &out);
	must(oauth_told_read(&a, buf_str(&text), &read, &e) == 0);
	must(read.end == answer->end && str_eq(read.error, out.error));
}

/* The first byte chooses the status.  Tokens that were taken can stand in a
 * header; what is told of a no is readable. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = { 200, 400, 401, 302, 500, 429 };
	struct str body = str_span(data + (size ? 1 : 0), size ? size - 1 : 0);
	unsigned status = statuses[size ? data[0] % COUNT(statuses) : 0];
	auto_arena a = { 0 };
	auto_buf masked = { 0 };
	struct oauth_answer answer;
	struct oauth_device device;
	struct oauth_metadata metadata;
	struct oauth_resource resource;
	struct str where;
	struct str scope;
	struct oauth_redirect redirect;
	struct err e = { 0 };

	oauth_answer_read(
	    &a, status, STR("application/json"), body, 0, &answer);
	must((answer.end == OAUTH_TOKENS) == (answer.access.len > 0));
	must(answer.end != OAUTH_TOKENS || answer.lifetime > 0);
	for (size_t i = 0; i < answer.access.len; i++) {
		must(answer.access.at[i] > ' ' && answer.access.at[i] <= '~');
	}
	told(&answer);
	oauth_device_read(
	    &a, status, STR("application/json"), body, &device, &answer);
	must(answer.end != OAUTH_TOKENS || device.interval > 0);
	oauth_masked(&a, body, STR("hr_placeholder_x"), &masked);
	(void)!oauth_metadata_read(
	    &a, STR("https://a.test"), body, &metadata, &e);
	if (oauth_resource_read(
	        &a, STR("https://a.test/mcp"), body, &resource, &e) == 0) {
		must(oauth_same_origin(
		    STR("https://a.test"), resource.resource));
	}
	if (oauth_challenged(body, &where, &scope)) {
		must(where.len + scope.len <= body.len);
	}
	int64_t wait = oauth_retry_after(body, (struct wall){ 0 });

	must(wait >= 0 && wait <= OAUTH_RETRY_MAX);
	if (oauth_redirect_read(&a, body, &redirect, &e) == 0) {
		must(!redirect.code.len != !redirect.error.len);
	}
	return 0;
}
