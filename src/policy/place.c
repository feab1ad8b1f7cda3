/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/* "{{x}}" stands for any text of one segment. */
static struct str
pattern_of(struct arena *a, struct str path)
{
	auto_buf out = { 0 };
	bool inside = false;

	for (size_t i = 0; i < path.len; i++) {
		struct str two = str_sub(path, i, 2);

		if (!inside && str_eq_z(two, "{{")) {
			inside = true;
			buf_add_byte(&out, '*');
		} else if (inside && str_eq_z(two, "}}")) {
			inside = false;
			i++;
		} else if (!inside) {
			buf_add_byte(&out, (uint8_t)path.at[i]);
		}
	}
	return arena_str(a, buf_str(&out));
}

void
policy_tool_place(
    struct arena *a, struct policy_tool *t, struct str method, struct str url)
{
	bool tls = str_starts(url, STR("https://"));
	struct str rest = str_sub(url, tls ? 8 : 7, url.len);
	size_t end = 0;
	struct str host;
	struct str path;
	struct names_host parsed;
	struct err ignored = { 0 };
	uint16_t port = 0;

	if (!tls && !str_starts(url, STR("http://"))) {
		return;
	}
	while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?') {
		end++;
	}
	host = str_sub(rest, 0, end);
	path = str_sub(rest, end, rest.len);
	rest = path;
	(void)str_cut(&rest, '?', &path);
	if (names_hostport_parse(
	        host, tls ? 443 : 80, &parsed, &port, &ignored)) {
		return;
	}
	t->host = arena_printf(a,
	    parsed.is_addr && parsed.addr.family == 6 ? "[%s]" : "%s",
	    parsed.text);
	t->port = port;
	t->method = method;
	path = pattern_of(a, path);
	if (path.len > 0 && !policy_url_path_problem(path)) {
		t->path = path;
	}
}
