/* SPDX-License-Identifier: Apache-2.0 */
/* The provider's key: forms that assign it and values shaped like it. */
#include "tools/inner.h"

#define NAME STR("ANTHROPIC_API_KEY")
#define RAW  STR("sk-ant-")
#define TAIL 10 /* characters behind RAW that make it a key */

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

static bool
is_raw_key(struct str s)
{
	size_t n = RAW.len;

	if (!str_starts(s, RAW)) {
		return false;
	}
	while (n < s.len && (is_word(s.at[n]) || s.at[n] == '-')) {
		n++;
	}
	return n >= RAW.len + TAIL;
}

/* The word that ends before `at`, over blanks, quotes and brackets. */
static struct str
word_before(struct str s, size_t at)
{
	size_t end = at;
	size_t from;

	while (end > 0 && str_has(STR(" \t\"'(["), s.at[end - 1])) {
		end--;
	}
	from = end;
	while (from > 0 && (is_word(s.at[from - 1]) || s.at[from - 1] == '-')) {
		from--;
	}
	return str_sub(s, from, end - from);
}

static bool
is_setter(struct str word)
{
	static const char *const setters[] = { "export", "setenv", "putenv",
		"declare", "typeset", "readonly", "local", "read", "-x", "-e",
		"--env" };

	for (size_t i = 0; i < COUNT(setters); i++) {
		if (str_eq_z(word, setters[i])) {
			return true;
		}
	}
	return false;
}

/* The name stands at `at`: does the text around it give it a value? */
static bool
is_assigned(struct str s, size_t at)
{
	size_t end = at + NAME.len;

	if (at > 0 && s.at[at - 1] == '$') {
		return false; /* only used */
	}
	if (str_ends(str_sub(s, 0, at), STR("${"))) {
		return str_starts(str_sub(s, end, 2), STR(":=")) ||
		       str_starts(str_sub(s, end, 1), STR("="));
	}
	if (is_setter(word_before(s, at))) {
		return true;
	}
	while (end < s.len && str_has(STR(" \t\"'])"), s.at[end])) {
		end++;
	}
	if (end >= s.len) {
		return false;
	}
	if (s.at[end] == '+' || s.at[end] == '?') {
		end++; /* += and ?= */
	}
	if (end < s.len && s.at[end] == ':') {
		return true;
	}
	return end < s.len && s.at[end] == '=' &&
	       (end + 1 == s.len || s.at[end + 1] != '=');
}

static bool
is_assignment(struct str s, size_t at)
{
	size_t end = at + NAME.len;

	return str_starts(str_sub(s, at, s.len), NAME) &&
	       (at == 0 || !is_word(s.at[at - 1])) &&
	       (end == s.len || !is_word(s.at[end])) && is_assigned(s, at);
}

bool
tools_has_provider_key(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == 's' &&
		    is_raw_key(str_sub(text, i, text.len))) {
			return true;
		}
		if (text.at[i] == 'A' && is_assignment(text, i)) {
			return true;
		}
	}
	return false;
}

int
tools_check_no_provider_key(const struct json *tree, struct err *e)
{
	struct tree_walk walk = { .root = tree };

	for (const struct json *j; (j = tree_next(&walk));) {
		if (str_eq(j->key, NAME) || tools_has_provider_key(j->key) ||
		    (j->type == JSON_STRING &&
		        tools_has_provider_key(j->text))) {
			return err_set(e, ERR_DENIED,
			    "a provider's key, or an assignment of "
			    "ANTHROPIC_API_KEY, is not passed on: put the "
			    "credential into the vault and let an egress "
			    "rule inject it");
		}
	}
	return walk.over
	           ? err_set(e, ERR_LIMIT, "arguments are nested too deep")
	           : 0;
}
