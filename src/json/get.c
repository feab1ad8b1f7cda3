/* SPDX-License-Identifier: Apache-2.0 */
#include "json/parts.h"

const struct json *
json_get_str(const struct json *j, struct str key)
{
	if (j == NULL || j->type != JSON_OBJECT) {
		return NULL;
	}
	JSON_EACH(child, j)
	{
		if (str_eq(child->key, key)) {
			return child;
		}
	}
	return NULL;
}

const struct json *
json_get(const struct json *j, const char *key)
{
	return json_get_str(j, str_of(key));
}

const struct json *
json_at(const struct json *j, size_t index)
{
	if (j == NULL || j->type != JSON_ARRAY || index >= j->count) {
		return NULL;
	}
	const struct json *child = j->first;
	while (index-- > 0) {
		child = child->next;
	}
	return child;
}

bool
json_text(const struct json *j, const char *key, struct str *out)
{
	const struct json *member = json_get(j, key);

	if (member == NULL || member->type != JSON_STRING) {
		return false;
	}
	*out = member->text;
	return true;
}

bool
json_i64(const struct json *j, const char *key, int64_t *out)
{
	return json_number_i64(json_get(j, key), out);
}

bool
json_bool(const struct json *j, const char *key, bool *out)
{
	const struct json *member = json_get(j, key);

	if (member == NULL ||
	    (member->type != JSON_TRUE && member->type != JSON_FALSE)) {
		return false;
	}
	*out = member->type == JSON_TRUE;
	return true;
}

/* RFC 6901 §3: in a token ~1 is '/' and ~0 is '~'; nothing else follows a ~.
 * The next character that is meant; NUL is not told from a mistake, so the
 * caller looks at *rest, which a mistake leaves as it is. */
static char
take_token_char(struct str *rest)
{
	char c = rest->at[0];
	size_t used = 1;

	if (c == '~') {
		if (rest->len < 2 ||
		    (rest->at[1] != '0' && rest->at[1] != '1')) {
			return 0;
		}
		c = "~/"[rest->at[1] - '0'];
		used = 2;
	}
	*rest = str_sub(*rest, used, rest->len);
	return c;
}

static bool
token_is(struct str token, struct str key)
{
	size_t used = 0;

	while (token.len > 0) {
		size_t before = token.len;
		char c = take_token_char(&token);
		if (token.len == before || used == key.len ||
		    key.at[used] != c) {
			return false;
		}
		used++;
	}
	return used == key.len;
}

static const struct json *
element_by_token(const struct json *array, struct str token)
{
	uint64_t index;
	bool padded = token.len > 1 && token.at[0] == '0';

	if (padded || !str_u64(token, &index)) {
		return NULL;
	}
	return json_at(array, index);
}

static const struct json *
child_by_token(const struct json *j, struct str token)
{
	if (j->type == JSON_ARRAY) {
		return element_by_token(j, token);
	}
	const struct json *child = j->type == JSON_OBJECT ? j->first : NULL;
	while (child != NULL && !token_is(token, child->key)) {
		child = child->next;
	}
	return child;
}

const struct json *
json_pointer(const struct json *j, struct str pointer)
{
	struct str token;

	if (pointer.len == 0) {
		return j;
	}
	if (pointer.at[0] != '/') {
		return NULL;
	}
	pointer = str_sub(pointer, 1, pointer.len);
	for (bool more = true; more && j != NULL;) {
		more = str_cut(&pointer, '/', &token);
		j = child_by_token(j, token);
	}
	return j;
}
