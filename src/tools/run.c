/* SPDX-License-Identifier: Apache-2.0 */
/* `run` of a declaration: everything about it that can be wrong is found when
 * the file loads (DESIGN, "Templates"). */
#include <string.h>

#include "tools/inner.h"

struct run_file {
	const struct json *exec;
	const struct json *env;
	struct str cwd;
	struct str input;
	struct names options;
	const struct json *http;
	struct str builtin;
	struct str request;
	bool client;
};

struct http_file {
	struct str method;
	struct str url;
	const struct json *headers;
	const struct json *body;
};

/* clang-format off */
#define ROW(section, owner, name, member, form, need, sentence)                \
	{ section, name, TABLE_##form, TABLE_##need,                           \
	    offsetof(struct owner, member), "", sentence }
static const struct table_key keys[] = {
	ROW("run", run_file, "exec", exec, TREE, OPTIONAL, ""),
	ROW("run", run_file, "env", env, TREE, OPTIONAL, ""),
	ROW("run", run_file, "cwd", cwd, TEXT, OPTIONAL, ""),
	ROW("run", run_file, "stdin", input, TEXT, OPTIONAL, ""),
	ROW("run", run_file, "options", options, NAMES, OPTIONAL, ""),
	ROW("run", run_file, "http", http, TREE, OPTIONAL, ""),
	ROW("run", run_file, "builtin", builtin, NAME, OPTIONAL, ""),
	ROW("run", run_file, "request", request, NAME, OPTIONAL, ""),
	ROW("run", run_file, "client", client, BOOL, OPTIONAL, ""),
	ROW("http", http_file, "method", method, TEXT, REQUIRED,
	    "GET, HEAD, POST, PUT, PATCH or DELETE"),
	ROW("http", http_file, "url", url, TEXT, REQUIRED,
	    "https://HOST/…"),
	ROW("http", http_file, "headers", headers, TREE, OPTIONAL, ""),
	ROW("http", http_file, "body", body, TREE, OPTIONAL, ""),
};
/* clang-format on */

static bool
is_one_of(struct str s, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq_nocase(s, str_of(words[i]))) {
			return true;
		}
	}
	return false;
}

static bool
has_template(struct str text)
{
	struct str before;
	struct str name;

	return template_next(&text, &before, &name);
}

/* ---- exec ---- */

/* Programs whose text after -c or -e is code. */
static bool
is_interpreter(struct str element)
{
	static const char *const names[] = { "sh", "bash", "dash", "zsh", "ksh",
		"ash", "busybox", "fish", "perl", "ruby", "node", "nodejs",
		"lua", "php", "awk" };
	struct str rest = element;
	struct str head;

	while (str_cut(&rest, '/', &head)) {
	}
	return is_one_of(head, names, COUNT(names)) ||
	       str_starts(head, STR("python")) || str_starts(head, STR("perl"));
}

/* -c, -e, -lc, --eval …: what follows is a script. */
static bool
opens_script(struct str element)
{
	if (str_starts(element, STR("--"))) {
		return str_eq_z(element, "--eval") ||
		       str_eq_z(element, "--command") ||
		       str_eq_z(element, "--print");
	}
	return element.len > 1 && element.at[0] == '-' &&
	       (str_has(element, 'c') || str_has(element, 'e') ||
	           str_has(element, 'p'));
}

static int
check_element(struct tools_loading *l, const struct json *element)
{
	for (size_t i = 0; i < element->text.len; i++) {
		if (element->text.at[i] == '\0') {
			return table_err(l->file, element, l->e,
			    "exec: a NUL cannot be passed on");
		}
	}
	return template_check(l, element, element->text);
}

static int
check_argv(struct tools_loading *l, const struct json *argv)
{
	bool interpreter = false;
	bool script = false;

	if (argv->type != JSON_ARRAY || argv->count == 0 ||
	    argv->count > TOOLS_ARGV_MAX) {
		return table_err(l->file, argv, l->e,
		    "exec: expected a list of 1 to 64 texts");
	}
	JSON_EACH(element, argv)
	{
		if (element->type != JSON_STRING) {
			return table_err(l->file, element, l->e,
			    "exec: expected a text in quotes");
		}
		if (element == argv->first &&
		    (element->text.len == 0 || has_template(element->text))) {
			return table_err(l->file, element, l->e,
			    "exec: the program is a literal name");
		}
		if (interpreter && script && has_template(element->text)) {
			return table_err(l->file, element, l->e,
			    "exec: a template inside a script is code; pass "
			    "it behind the script and read \"$1\"");
		}
		if (check_element(l, element) < 0) {
			return -1;
		}
		interpreter = interpreter || is_interpreter(element->text);
		script = opens_script(element->text);
	}
	return 0;
}

static bool
env_name_valid(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    c != '_' && (i == 0 || c < '0' || c > '9')) {
			return false;
		}
	}
	return name.len > 0;
}

static int
check_env(struct tools_loading *l, const struct json *env)
{
	if (env == NULL) {
		return 0;
	}
	if (env->type != JSON_OBJECT || env->count > TOOLS_ARGV_MAX) {
		return table_err(l->file, env, l->e,
		    "env: expected a table of at most 64 texts");
	}
	JSON_EACH(value, env)
	{
		if (!env_name_valid(value->key) || value->type != JSON_STRING) {
			return table_err(l->file, value, l->e,
			    "env: expected NAME = \"text\"");
		}
		if (check_element(l, value) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
check_exec(
    struct tools_loading *l, const struct json *run, const struct run_file *f)
{
	const struct json *input = json_get(run, "stdin");

	if (f->exec != NULL && check_argv(l, f->exec) < 0) {
		return -1;
	}
	if (check_env(l, f->env) < 0) {
		return -1;
	}
	if (str_has_str(f->cwd, STR("..")) || str_has_str(f->cwd, STR("{{"))) {
		return table_err(l->file, json_get(run, "cwd"), l->e,
		    "cwd: expected a folder without .. and templates");
	}
	for (size_t i = 0; i < f->options.count; i++) {
		if (json_get_str(json_get(l->tool->input_json, "properties"),
		        f->options.at[i]) == NULL) {
			return table_err(l->file, json_get(run, "options"),
			    l->e, "options: %s is no argument",
			    err_quote(f->options.at[i]));
		}
	}
	return input != NULL ? template_check(l, input, f->input) : 0;
}

/* ---- http ---- */

static bool
header_name_valid(struct str name)
{
	static const struct str marks = { "-_.!~*'", 7 };

	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && !str_has(marks, c)) {
			return false;
		}
	}
	return name.len > 0;
}

static int
check_headers(struct tools_loading *l, const struct json *headers)
{
	static const char *const framing[] = { "host", "content-length",
		"transfer-encoding", "connection", "upgrade", "te", "trailer",
		"expect" };
	static const char *const secret[] = { "authorization", "cookie",
		"proxy-authorization", "x-api-key", "anthropic-api-key" };

	JSON_EACH(value, headers)
	{
		if (!header_name_valid(value->key) ||
		    value->type != JSON_STRING || str_has(value->text, '\n') ||
		    str_has(value->text, '\r')) {
			return table_err(l->file, value, l->e,
			    "headers: expected Name = \"text\" in one line");
		}
		if (is_one_of(value->key, framing, COUNT(framing))) {
			return table_err(l->file, value, l->e,
			    "headers: this one is set by the client itself");
		}
		if (is_one_of(value->key, secret, COUNT(secret))) {
			return table_err(l->file, value, l->e,
			    "headers: a credential is injected by an egress "
			    "rule, never written here");
		}
		if (check_element(l, value) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
check_url(struct tools_loading *l, const struct json *where, struct str url)
{
	size_t scheme = str_starts(url, STR("https://"))  ? 8
	                : str_starts(url, STR("http://")) ? 7
	                                                  : 0;
	struct str rest = str_sub(url, scheme, url.len);
	struct str host;

	(void)str_cut(&rest, '/', &host);
	if (scheme == 0 || host.len == 0 || str_has(host, '@') ||
	    str_has(host, '?')) {
		return table_err(
		    l->file, where, l->e, "url: expected https://HOST/…");
	}
	if (str_has(host, '{')) {
		return table_err(l->file, where, l->e,
		    "url: scheme, host and port are literal");
	}
	for (size_t i = 0; i < url.len; i++) {
		if (url.at[i] <= ' ' || url.at[i] == '#' || url.at[i] > '~') {
			return table_err(l->file, where, l->e,
			    "url: no spaces, control characters or #");
		}
	}
	return template_check(l, where, url);
}

static int
check_body(struct tools_loading *l, const struct json *body)
{
	struct tree_walk walk = { .root = body };

	if (body == NULL) {
		return 0;
	}
	if (body->type != JSON_STRING && body->type != JSON_OBJECT) {
		return table_err(
		    l->file, body, l->e, "body: expected a text or a table");
	}
	for (const struct json *j; (j = tree_next(&walk));) {
		if (j->type == JSON_STRING &&
		    template_check(l, j, j->text) < 0) {
			return -1;
		}
	}
	must(!walk.over); /* toml nests less */
	return 0;
}

static int
check_http(struct tools_loading *l, const struct json *http)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT",
		"PATCH", "DELETE" };
	const struct table_reader r = { l->arena, l->file, keys, COUNT(keys) };
	struct http_file f = { 0 };
	bool known = false;

	if (table_read(&r, "http", "http", http, &f, l->e) < 0) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(methods); i++) {
		known = known || str_eq_z(f.method, methods[i]);
	}
	if (!known) {
		return table_err(l->file, json_get(http, "method"), l->e,
		    "method: expected GET, HEAD, POST, PUT, PATCH or DELETE");
	}
	if (f.headers != NULL && f.headers->type != JSON_OBJECT) {
		return table_err(
		    l->file, f.headers, l->e, "headers: expected a table");
	}
	if (check_url(l, json_get(http, "url"), f.url) < 0 ||
	    check_headers(l, f.headers) < 0) {
		return -1;
	}
	return check_body(l, f.body);
}

/* ---- which of the four ---- */

static int
check_companions(
    struct tools_loading *l, const struct json *run, const struct run_file *f)
{
	bool process = f->exec != NULL || f->builtin.len > 0;
	bool only_exec = f->input.len > 0 || f->options.count > 0;

	if (!process && (f->env != NULL || f->cwd.len > 0)) {
		return table_err(l->file, run, l->e,
		    "run: env and cwd go with exec and builtin");
	}
	if (f->exec == NULL && only_exec) {
		return table_err(
		    l->file, run, l->e, "run: stdin and options go with exec");
	}
	return 0;
}

int
tools_read_run(struct tools_loading *l, const struct json *run)
{
	const struct table_reader r = { l->arena, l->file, keys, COUNT(keys) };
	const struct tool_builtin *builtin;
	struct run_file f = { 0 };

	if (table_read(&r, "run", "run", run, &f, l->e) < 0) {
		return -1;
	}
	if ((f.exec != NULL) + (f.http != NULL) + (f.builtin.len > 0) +
	        (f.request.len > 0) + f.client !=
	    1) {
		return table_err(l->file, run, l->e,
		    "run: expected exactly one of exec, http, builtin, request "
		    "and client = true");
	}
	if (check_companions(l, run, &f) < 0 || check_exec(l, run, &f) < 0) {
		return -1;
	}
	l->tool->run = run;
	l->tool->kind = f.client ? TOOL_CLIENT : TOOL_EXEC;
	if (f.request.len > 0) {
		l->tool->kind = TOOL_REQUEST;
		l->tool->request = f.request;
		return 0;
	}
	if (f.http != NULL) {
		l->tool->kind = TOOL_HTTP;
		return check_http(l, f.http);
	}
	if (f.builtin.len > 0) {
		builtin = tools_find_builtin(f.builtin);
		must(builtin != NULL); /* its input was compiled before */
		l->tool->kind = builtin->kind;
	}
	return 0;
}
