/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/needle.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/page.h"
#include "proxy/proxy.h"

/*
 * Wu and Manber's search: a table says for the last four bytes of a window,
 * as long as the shortest form, how far it may jump.  Most bytes are never
 * looked at.
 */

#define FORMS_MAX ((size_t)NEEDLE_SECRETS * 77) /* add_all */
#define SHIFTS    16384
#define CHAINS    256
#define BLOCK     sizeof(uint32_t)
#define NONE      UINT16_MAX

struct needles {
	struct buf secrets[NEEDLE_SECRETS]; /* oldest first */
	char names[NEEDLE_SECRETS][64];
	size_t secret_count;
	struct buf *forms;
	size_t count;
	size_t shortest;
	size_t longest;
	uint8_t shift[SHIFTS];
	uint16_t chain[CHAINS]; /* of forms that end their window so */
	uint16_t *next;
	uint8_t first[256]; /* some form begins with it */
};

struct needles *
proxy_needles_new(void)
{
	struct needles *n = calloc(1, sizeof(*n));
	must(n);
	return n;
}

void
proxy_needles_free(struct needles *n)
{
	if (!n) {
		return;
	}
	for (size_t i = 0; i < n->secret_count; i++) {
		buf_wipe(&n->secrets[i]);
	}
	for (size_t i = 0; i < n->count; i++) {
		buf_wipe(&n->forms[i]);
	}
	free(n->forms);
	free(n->next);
	free(n);
}

size_t
proxy_needles_count(const struct needles *n)
{
	return n->count;
}

static uint32_t
block_at(const char *end)
{
	uint32_t block;
	memcpy(&block, end - (BLOCK - 1), sizeof(block));
	return block;
}

static size_t
shift_of(uint32_t block)
{
	return block * 2654435761U >> 18;
}

static size_t
chain_of(uint32_t block)
{
	return block * 2654435761U >> 24;
}

_Static_assert(1U << (32 - 18) == SHIFTS, "shift_of");
_Static_assert(1U << (32 - 24) == CHAINS, "chain_of");

/* Tables of all forms; their windows are the first `shortest` bytes. */
static void
index_forms(struct needles *n)
{
	size_t window = n->shortest < 64 ? n->shortest : 64;
	n->shortest = window;
	memset(n->shift, (int)(window - BLOCK + 1), sizeof(n->shift));
	memset(n->chain, 0xff, sizeof(n->chain));
	memset(n->first, 0, sizeof(n->first));
	free(n->next);
	n->next = calloc(n->count, sizeof(*n->next));
	must(n->next);
	for (size_t i = 0; i < n->count; i++) {
		const char *form = n->forms[i].at;
		n->first[(uint8_t)form[0]] = 1;
		for (size_t end = BLOCK - 1; end < window; end++) {
			uint8_t jump = (uint8_t)(window - 1 - end);
			uint8_t *at = &n->shift[shift_of(block_at(form + end))];
			*at = *at < jump ? *at : jump;
		}
		size_t chain = chain_of(block_at(form + window - 1));
		n->next[i] = n->chain[chain];
		n->chain[chain] = (uint16_t)i;
	}
}

static bool
has_form(const struct needles *n, struct str form)
{
	for (size_t i = 0; i < n->count; i++) {
		if (str_eq(buf_str(&n->forms[i]), form)) {
			return true;
		}
	}
	return false;
}

static void
add_form(struct needles *n, struct str form)
{
	if (form.len < PROXY_NEEDLE_MIN || has_form(n, form)) {
		return;
	}
	must(n->count < FORMS_MAX);
	n->forms = realloc(n->forms, (n->count + 1) * sizeof(*n->forms));
	must(n->forms);
	struct buf *b = &n->forms[n->count++];
	*b = (struct buf){ 0 };
	buf_room(b, form.len);
	buf_add(b, form);
	if (n->count == 1 || form.len < n->shortest) {
		n->shortest = form.len;
	}
	n->longest = form.len > n->longest ? form.len : n->longest;
}

/* What stands whatever is in front of it and behind it: `front` bytes before
 * the secret, cut to the characters that only it decides. */
static void
add_base64(struct needles *n, struct str secret, size_t front)
{
	struct buf plain = { 0 };
	struct buf coded = { 0 };
	size_t skip = front == 0 ? 0 : front + 1;
	size_t bits = (front + secret.len) * 8;
	buf_room(&plain, front + secret.len);
	for (size_t i = 0; i < front; i++) {
		buf_add_byte(&plain, 0);
	}
	buf_add(&plain, secret);
	buf_room(&coded, plain.len * 4 / 3 + 8);
	base64_add(&coded, buf_str(&plain));
	struct str stable = str_sub(buf_str(&coded), 0, bits / 6);
	add_form(n, str_sub(stable, skip, stable.len));
	for (size_t i = 0; i < coded.len; i++) {
		char c = coded.at[i];
		coded.at[i] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
	}
	add_form(n, str_sub(stable, skip, stable.len));
	buf_wipe(&plain);
	buf_wipe(&coded);
}

/* Every byte; mark and hex. */
static void
add_escaped(
    struct needles *n, struct str secret, const char *mark, const char *digits)
{
	struct buf b = { 0 };
	buf_room(&b, secret.len * 6);
	for (size_t i = 0; i < secret.len; i++) {
		uint8_t c = (uint8_t)secret.at[i];
		buf_add_z(&b, mark);
		buf_add_byte(&b, (uint8_t)digits[c >> 4]);
		buf_add_byte(&b, (uint8_t)digits[c & 15]);
	}
	add_form(n, buf_str(&b));
	buf_wipe(&b);
}

/* What those who write URLs and forms leave as it is beside letters, digits,
 * '-', '_' and '.'.  plus: a blank becomes '+'. */
static const struct writer {
	const char *kept;
	bool plus;
} writers[] = {
	{ "~", false },                    /* RFC 3986: all but unreserved */
	{ "~!$&'()*+,;=:@", false },       /* RFC 3986, a segment */
	{ "~!$&'()*+,;=:@/", false },      /* a path */
	{ "~!$&'()*+,;=:@/?", false },     /* a query, a fragment */
	{ "~!'()*", false },               /* encodeURIComponent */
	{ "~!'()*;,/?:@&=+$#", false },    /* encodeURI */
	{ "~!'()*;,/?:@&=+$#[]%", false }, /* Python requests */
	{ "~!'()*;,/?:@&=+$#[]", false },  /* where '%' begins no escape */
	{ "@*+/", false },                 /* escape */
	{ "~/", false },                   /* Python quote */
	{ "~$&+:=@", false },              /* Go PathEscape */
	{ "~$&+:=@,/;", false },           /* Go, a path */
	/* URL Standard: userinfo, path, query of http, of others, fragment */
	{ "~!$%&'()*+,", false }, { "~!$%&'()*+,/:;=@[\\]^|", false },
	{ "~!$%&()*+,/:;=?@[\\]^`{|}", false },
	{ "~!$%&'()*+,/:;=?@[\\]^`{|}", false },
	{ "~!#$%&'()*+,/:;=?@[\\]^{|}", false },
	{ "~", true },    /* Python quote_plus, Go QueryEscape, Ruby */
	{ "*", true },    /* forms of the URL Standard, Java */
	{ "", true },     /* PHP urlencode */
	{ "!()*", true }, /* .NET UrlEncode */
};

static bool
keeps(const struct writer *w, char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	       (c != 0 && strchr(w->kept, c));
}

static void
add_percent(struct needles *n, struct str secret, const struct writer *w,
    const char *digits)
{
	struct buf b = { 0 };
	buf_room(&b, secret.len * 3);
	for (size_t i = 0; i < secret.len; i++) {
		uint8_t c = (uint8_t)secret.at[i];
		if (keeps(w, (char)c)) {
			buf_add_byte(&b, c);
		} else if (c == ' ' && w->plus) {
			buf_add_byte(&b, '+');
		} else {
			buf_add_byte(&b, '%');
			buf_add_byte(&b, (uint8_t)digits[c >> 4]);
			buf_add_byte(&b, (uint8_t)digits[c & 15]);
		}
	}
	add_form(n, buf_str(&b));
	buf_wipe(&b);
}

/* JSON's short escapes, and what cautious writers make of what HTML or a script
 * would read. */
static void
add_json(struct needles *n, struct str secret, bool slash, const char *coded,
    const char *digits)
{
	struct buf b = { 0 };
	buf_room(&b, secret.len * 6);
	for (size_t i = 0; i < secret.len; i++) {
		uint8_t c = (uint8_t)secret.at[i];
		if (c != 0 && strchr(coded, c)) {
			buf_add_z(&b, "\\u00");
			buf_add_byte(&b, (uint8_t)digits[c >> 4]);
			buf_add_byte(&b, (uint8_t)digits[c & 15]);
			continue;
		}
		if (c == '"' || c == '\\' || (slash && c == '/')) {
			buf_add_byte(&b, '\\');
		}
		buf_add_byte(&b, c);
	}
	add_form(n, buf_str(&b));
	buf_wipe(&b);
}

/* UTF-16 and UTF-32, whichever byte of a character comes first: what stands
 * between its first and its last byte that is not zero. */
static void
add_wide(struct needles *n, struct str secret, size_t zeros)
{
	struct buf b = { 0 };
	buf_room(&b, secret.len * (1 + zeros));
	for (size_t i = 0; i < secret.len; i++) {
		for (size_t z = 0; i > 0 && z < zeros; z++) {
			buf_add_byte(&b, 0);
		}
		buf_add_byte(&b, (uint8_t)secret.at[i]);
	}
	add_form(n, buf_str(&b));
	buf_wipe(&b);
}

static void
take_form(void *owner, struct str form)
{
	add_form(owner, form);
}

static void
add_all(struct needles *n, struct str secret)
{
	static const char upper[] = "0123456789ABCDEF";
	static const char lower[] = "0123456789abcdef";
	add_form(n, secret);
	for (size_t front = 0; front < 3; front++) {
		add_base64(n, secret, front);
	}
	for (size_t i = 0; i < COUNT(writers); i++) {
		add_percent(n, secret, &writers[i], upper);
		add_percent(n, secret, &writers[i], lower);
	}
	add_escaped(n, secret, "%", upper);
	add_escaped(n, secret, "%", lower);
	add_escaped(n, secret, "", upper);
	add_escaped(n, secret, "", lower);
	add_json(n, secret, false, "", lower);
	add_json(n, secret, true, "", lower);
	add_json(n, secret, false, "<>&'+=", lower);
	add_json(n, secret, false, "<>&", lower);          /* Go, Rails */
	add_json(n, secret, false, "<>&'=", lower);        /* Gson */
	add_json(n, secret, false, "<>&", upper);          /* Django */
	add_json(n, secret, true, "<>&'\"", upper);        /* PHP, JSON_HEX_* */
	add_json(n, secret, false, "<>&'\"+`\x7f", upper); /* .NET */
	add_escaped(n, secret, "\\u00", lower);
	add_escaped(n, secret, "\\u00", upper);
	add_wide(n, secret, 1);
	add_wide(n, secret, 3);
	proxy_page_forms(secret, take_form, n);
}

static void
drop_secret(struct needles *n, size_t index)
{
	buf_wipe(&n->secrets[index]);
	n->secret_count--;
	for (size_t i = index; i < n->secret_count; i++) {
		n->secrets[i] = n->secrets[i + 1];
		memcpy(n->names[i], n->names[i + 1], sizeof(n->names[i]));
	}
	n->secrets[n->secret_count] = (struct buf){ 0 };
	for (size_t i = 0; i < n->count; i++) {
		buf_wipe(&n->forms[i]);
	}
	n->count = 0;
	n->longest = 0;
	for (size_t i = 0; i < n->secret_count; i++) {
		n->shortest = n->count == 0 ? 0 : n->shortest;
		add_all(n, buf_str(&n->secrets[i]));
	}
	if (n->count) {
		index_forms(n);
	}
}

/* How many of that name there are, and the oldest of them. */
static size_t
count_named(const struct needles *n, const char *name, size_t *oldest)
{
	size_t alike = 0;
	for (size_t i = n->secret_count; name[0] && i > 0; i--) {
		if (strcmp(n->names[i - 1], name) == 0) {
			alike++;
			*oldest = i - 1;
		}
	}
	return alike;
}

static bool
has_named(const struct needles *n, const char *name, struct str secret)
{
	for (size_t i = 0; i < n->secret_count; i++) {
		if (strcmp(n->names[i], name) == 0 &&
		    str_eq(buf_str(&n->secrets[i]), secret)) {
			return true;
		}
	}
	return false;
}

/* A value that two names have stands here twice, and its forms once. */
int
proxy_needles_renew(
    struct needles *n, const char *name, struct str secret, struct err *e)
{
	size_t oldest = 0;
	if (secret.len < PROXY_NEEDLE_MIN || has_named(n, name, secret)) {
		return 0;
	}
	if (count_named(n, name, &oldest) > NEEDLE_VERSIONS) {
		drop_secret(n, oldest);
	}
	if (n->secret_count == NEEDLE_SECRETS) {
		return err_set(e, ERR_LIMIT,
		    "this sandbox has used %d credentials; no more of them "
		    "could be kept out of its answers",
		    NEEDLE_SECRETS);
	}
	(void)str_copy(n->names[n->secret_count],
	    sizeof(n->names[n->secret_count]), str_of(name));
	struct buf *b = &n->secrets[n->secret_count++];
	buf_room(b, secret.len);
	buf_add(b, secret);
	/* All anew: index_forms cuts the window to the shortest. */
	n->shortest = n->count == 0 ? 0 : n->shortest;
	add_all(n, secret);
	index_forms(n);
	return 0;
}

int
proxy_needles_add(struct needles *n, struct str secret, struct err *e)
{
	return proxy_needles_renew(n, "", secret, e);
}

/* The longest form that stands whole at `start`. */
static size_t
form_at(const struct needles *n, struct str text, size_t start, size_t chain)
{
	size_t longest = 0;
	for (uint16_t i = n->chain[chain]; i != NONE; i = n->next[i]) {
		struct str form = buf_str(&n->forms[i]);
		if (form.len > longest && text.len - start >= form.len &&
		    memcmp(text.at + start, form.at, form.len) == 0) {
			longest = form.len;
		}
	}
	return longest;
}

/* Over all that is in no form.  How far it goes is not read from the table, so
 * that the next look need not wait for this one. */
static size_t
leap(const struct needles *n, struct str text, size_t end)
{
	size_t most = n->shortest - BLOCK + 1;
	while (end < text.len &&
	       n->shift[shift_of(block_at(text.at + end))] == most) {
		end += most;
	}
	return end;
}

bool /* NOLINTNEXTLINE(*-function-size): one loop, measured as it is */
proxy_needles_find(
    const struct needles *n, struct str text, size_t *at, size_t *len)
{
	if (n->count == 0) {
		return false;
	}
	size_t end = leap(n, text, *at + n->shortest - 1);
	while (end < text.len) {
		uint32_t block = block_at(text.at + end);
		size_t jump = n->shift[shift_of(block)];
		if (jump == 0) {
			size_t start = end + 1 - n->shortest;
			*len = form_at(n, text, start, chain_of(block));
			if (*len > 0) {
				*at = start;
				return true;
			}
			jump = 1;
		}
		end = leap(n, text, end + jump);
	}
	return false;
}

static size_t
past_dots(struct str text, size_t at)
{
	while (at < text.len && text.at[at] == '.') {
		at++;
	}
	return at;
}

/* Does name begin with form, whatever their dots and their case? */
static bool
spells(struct str name, struct str form)
{
	size_t at = past_dots(name, 0);
	size_t letters = 0;
	for (size_t i = past_dots(form, 0); i < form.len;
	     i = past_dots(form, i + 1)) {
		if (!str_eq_nocase(str_sub(name, at, 1), str_sub(form, i, 1))) {
			return false;
		}
		at = past_dots(name, at + 1);
		letters++;
	}
	return letters >= PROXY_NEEDLE_MIN;
}

static bool
in_name(struct str name, struct str form)
{
	if (form.len > name.len && !str_has(form, '.')) {
		return false;
	}
	for (size_t from = 0; from < name.len; from++) {
		if (spells(str_sub(name, from, name.len), form)) {
			return true;
		}
	}
	return false;
}

static bool
in_field(struct str name, struct str form)
{
	for (size_t from = 0; from + form.len <= name.len; from++) {
		if (str_eq_nocase(str_sub(name, from, form.len), form)) {
			return true;
		}
	}
	return false;
}

bool
proxy_needles_in_field(const struct needles *n, struct str name)
{
	for (size_t i = 0; i < n->count && name.len >= n->shortest; i++) {
		if (in_field(name, buf_str(&n->forms[i]))) {
			return true;
		}
	}
	return false;
}

/* One of few letters stands as it is or not at all: its letters alone are in
 * many a name. */
bool
proxy_needles_in_name(const struct needles *n, struct str host)
{
	if (proxy_needles_in_field(n, host)) {
		return true;
	}
	for (size_t i = 0; i < n->count; i++) {
		if (in_name(host, buf_str(&n->forms[i]))) {
			return true;
		}
	}
	return false;
}

static bool
begins_one(const struct needles *n, struct str end)
{
	for (size_t i = 0; i < n->count; i++) {
		struct str form = buf_str(&n->forms[i]);
		if (form.len > end.len && form.at[0] == end.at[0] &&
		    memcmp(form.at, end.at, end.len) == 0) {
			return true;
		}
	}
	return false;
}

size_t
proxy_needles_tail(const struct needles *n, struct str text)
{
	if (n->count == 0 || text.len == 0) {
		return 0;
	}
	size_t most = n->longest - 1 < text.len ? n->longest - 1 : text.len;
	size_t start = text.len - most;
	/* Where a whole window still stands it is looked for as above. */
	size_t end = leap(n, text, start + n->shortest - 1);
	while (end < text.len) {
		size_t jump = n->shift[shift_of(block_at(text.at + end))];
		start = end + 1 - n->shortest;
		if (jump == 0 &&
		    begins_one(n, str_sub(text, start, text.len))) {
			return text.len - start;
		}
		end = leap(n, text, end + (jump > 0 ? jump : 1));
	}
	size_t part = n->shortest - 1 < most ? n->shortest - 1 : most;
	for (start = text.len - part; start < text.len; start++) {
		if (n->first[(uint8_t)text.at[start]] &&
		    begins_one(n, str_sub(text, start, text.len))) {
			return text.len - start;
		}
	}
	return 0;
}
