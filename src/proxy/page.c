/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/page.h"

#include <string.h>

/* Beside '&', '<' and '>', of which all write the same.  NULL: as it is. */
static const char signs[] = "\"'+/`=";

static const char *const writers[][sizeof(signs) - 1] = {
	{ NULL },                      /* XML, between tags */
	{ "&quot;", NULL },            /* in tags; PHP, ENT_COMPAT */
	{ "&quot;", "&apos;" },        /* XML */
	{ "&quot;", "&#39;" },         /* Rails, Spring, .NET, lodash */
	{ "&quot;", "&#x27;" },        /* Python, Django, React */
	{ "&quot;", "&#039;" },        /* PHP, JSTL */
	{ "&#34;", "&#39;" },          /* Go, Jinja, EJS */
	{ "&#34;", "&#39;", "&#43;" }, /* Go, templates */
	{ "&quot;", "&#x27;", NULL, "&#x2F;" }, /* OWASP */
	{ "&quot;", "&#39;", NULL, "&#x2F;", "&#x60;",
	    "&#x3D;" },                                         /* Mustache */
	{ "&quot;", "&#x27;", NULL, NULL, "&#x60;", "&#x3D;" }, /* Handlebars */
};

static const char *
escape(char c, const char *const *writer)
{
	const char *sign = c ? strchr(signs, c) : NULL;
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	default:
		return sign ? writer[sign - signs] : NULL;
	}
}

static void
write_as(const char *const *writer, struct str value, struct buf *out)
{
	for (size_t i = 0; i < value.len; i++) {
		const char *escaped = escape(value.at[i], writer);
		buf_add(out, escaped ? str_of(escaped) : str_sub(value, i, 1));
	}
}

void
proxy_page_forms(
    struct str value, void (*take)(void *owner, struct str form), void *owner)
{
	struct buf form = { 0 };
	buf_room(&form, value.len * 6); /* the longest of an escape */
	for (size_t w = 0; w < COUNT(writers); w++) {
		write_as(writers[w], value, &form);
		take(owner, buf_str(&form));
		buf_clear(&form);
	}
	buf_wipe(&form);
}
