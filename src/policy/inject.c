/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/* The place that a credential goes into; never "anywhere". */

#define SEGMENT_MAX 32

/* Headers that frame or route the message are never a rule's to write (P11). */
static const char *const never_headers[] = { "host", "content-length",
	"connection", "transfer-encoding", "te", "trailer", "upgrade",
	"keep-alive", "proxy-connection", "proxy-authorization",
	"proxy-authenticate", "expect", "content-encoding", "content-type",
	"via", "forwarded" };

bool
policy_is_token(struct str s, size_t max)
{
	for (size_t i = 0; i < s.len; i++) {
		char b = s.at[i];

		if (!(b >= 'a' && b <= 'z') && !(b >= 'A' && b <= 'Z') &&
		    !(b >= '0' && b <= '9') && b != '-' && b != '_' &&
		    b != '.') {
			return false;
		}
	}
	return s.len > 0 && s.len <= max;
}

static int
check_header(
    struct compile *c, const struct json *inject, const struct policy_inject *i)
{
	const struct json *at = json_get(inject, "header");

	if (!policy_is_token(i->header, 64) || str_has(i->header, '.')) {
		return policy_refuse(
		    c, at, "header must be a name like \"Authorization\"");
	}
	for (size_t n = 0; n < COUNT(never_headers); n++) {
		if (str_eq_nocase(i->header, str_of(never_headers[n]))) {
			return policy_refuse(c, at,
			    "header \"" STR_FMT
			    "\" belongs to the message, not to a rule",
			    STR_ARG(i->header));
		}
	}
	return 0;
}

static int
check_format(
    struct compile *c, const struct json *inject, const struct policy_inject *i)
{
	const struct json *at = json_get(inject, "format");
	struct str secret = STR("{{secret}}");
	size_t found = 0;

	for (size_t n = 0; n < i->format.len; n++) {
		struct str here = str_sub(i->format, n, secret.len);

		found += str_eq(here, secret);
		if (i->format.at[n] < 0x20 || i->format.at[n] > 0x7e) {
			found = 2;
		}
	}
	if (found != 1 || i->format.len > 256) {
		return policy_refuse(c, at ? at : inject,
		    "format must be printable and hold {{secret}} once");
	}
	return 0;
}

/* An environment variable of the cell, which shall hold a placeholder. */
static int
check_placeholder(
    struct compile *c, const struct json *inject, const struct policy_inject *i)
{
	const struct json *at = json_get(inject, "placeholder");

	for (size_t n = 0; n < i->placeholder.len; n++) {
		char b = i->placeholder.at[n];

		if (!(b >= 'A' && b <= 'Z') && b != '_' &&
		    !(n > 0 && b >= '0' && b <= '9')) {
			return policy_refuse(c, at,
			    "placeholder must be the name of a variable of "
			    "the sandbox, like \"GITHUB_TOKEN\"");
		}
	}
	if (str_starts(i->placeholder, STR("LD_")) || i->placeholder.len > 64 ||
	    str_eq_z(i->placeholder, "PATH")) {
		return policy_refuse(
		    c, at, "a placeholder cannot stand in this variable");
	}
	if (i->placeholder.len > 0 && json_get(inject, "format")) {
		return policy_refuse(c, json_get(inject, "format"),
		    "beside placeholder the sandbox writes the form itself");
	}
	return 0;
}

static bool
printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < 0x21 || s.at[i] > 0x7e) {
			return false;
		}
	}
	return s.len > 0 && s.len < 64;
}

static int
check_name(
    struct compile *c, const struct json *inject, const struct policy_inject *i)
{
	if (i->json.len > 0 && (!printable(i->json) || i->json.at[0] != '/')) {
		return policy_refuse(c, json_get(inject, "json"),
		    "json must be a pointer to one member, like \"/auth/key\"");
	}
	if (i->query.len > 0 && !printable(i->query)) {
		return policy_refuse(c, json_get(inject, "query"),
		    "query must be the name of a parameter, like \"api_key\"");
	}
	if (i->form.len > 0 && !printable(i->form)) {
		return policy_refuse(c, json_get(inject, "form"),
		    "form must be the name of a field, like \"token\"");
	}
	return 0;
}

static int
compile_segment(
    struct compile *c, const struct json *inject, struct policy_inject *i)
{
	const struct json *value = json_get(inject, "segment");
	int64_t number = 0;

	if (!value) {
		return 0;
	}
	if (!json_number_i64(value, &number) || number < 1 ||
	    number > SEGMENT_MAX) {
		return policy_refuse(c, value,
		    "segment must be the number of a part of the path, 1 to "
		    "%d",
		    SEGMENT_MAX);
	}
	i->segment = (uint32_t)number;
	return 0;
}

static int
compile_place(
    struct compile *c, const struct json *inject, struct policy_inject *i)
{
	int places = (i->header.len > 0) + (i->basic.len > 0) +
	             (i->query.len > 0) + (i->segment > 0) + (i->json.len > 0) +
	             (i->form.len > 0);

	if (places != 1) {
		return policy_refuse(c, inject,
		    "inject needs one place: header, basic (a user name), "
		    "query, segment, json or form; never the whole body");
	}
	if (i->basic.len > 0) {
		i->format = STR("");
		if (json_get(inject, "format")) {
			return policy_refuse(c, json_get(inject, "format"),
			    "format stands beside a place, not beside basic");
		}
		return policy_is_token(i->basic, 64)
		           ? 0
		           : policy_refuse(c, json_get(inject, "basic"),
		                 "basic must be a user name like "
		                 "\"x-access-token\"");
	}
	if (i->header.len > 0 && check_header(c, inject, i)) {
		return -1;
	}
	return check_name(c, inject, i) || check_format(c, inject, i) ? -1 : 0;
}

int
policy_compile_inject(
    struct compile *c, const struct json *inject, struct policy_inject *i)
{
	i->format = STR("{{secret}}");
	if (policy_compile_keys(c, inject,
	        "credential|header|format|basic|query|segment|json|form|"
	        "placeholder",
	        "inject") ||
	    policy_compile_text(c, inject, "credential", &i->credential) ||
	    policy_compile_text(c, inject, "header", &i->header) ||
	    policy_compile_text(c, inject, "format", &i->format) ||
	    policy_compile_text(c, inject, "basic", &i->basic) ||
	    policy_compile_text(c, inject, "query", &i->query) ||
	    policy_compile_text(c, inject, "json", &i->json) ||
	    policy_compile_text(c, inject, "form", &i->form) ||
	    policy_compile_text(c, inject, "placeholder", &i->placeholder) ||
	    compile_segment(c, inject, i)) {
		return -1;
	}
	if (!policy_is_token(i->credential, 64)) {
		return policy_refuse(c, inject,
		    "inject needs credential: the name it has in the vault");
	}
	return compile_place(c, inject, i) || check_placeholder(c, inject, i)
	           ? -1
	           : 0;
}
