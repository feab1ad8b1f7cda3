/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#include "schema/inner.h"

/* Enough for every honest pattern on a short text; a pattern that explodes is
 * stopped after a few milliseconds and counts as a refusal. */
#define MATCH_STEPS 200000
#define MATCH_DEPTH 2000
#define MATCH_KIB   8192
#define PATTERN_MAX 4096

static void *
arena_take(PCRE2_SIZE size, void *arena)
{
	return arena_alloc(arena, size);
}

static void
arena_keep(void *at, void *arena)
{
	(void)at; /* the memory goes with the arena */
	(void)arena;
}

bool
pattern_compile(struct arena *a, struct str pattern,
    struct pcre2_real_code_8 **code, size_t *offset, char *message, size_t size)
{
	uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
	                   PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS |
	                   PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UCP;
	int number = 0;
	PCRE2_SIZE at = 0;

	*offset = 0;
	if (pattern.len > PATTERN_MAX) {
		(void)snprintf(message, size, "longer than 4096 bytes");
		return false;
	}
	/* Verbs such as (*LIMIT_MATCH=…) are PCRE's, not ECMA's. */
	if (str_has_str(pattern, STR("(*")) ||
	    str_has_str(pattern, STR("(?C"))) {
		(void)snprintf(
		    message, size, "verbs and callouts are not ECMA");
		return false;
	}
	pcre2_general_context *general =
	    pcre2_general_context_create(arena_take, arena_keep, a);
	must(general != NULL);
	pcre2_compile_context *context = pcre2_compile_context_create(general);
	must(context != NULL);
	must(pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX) ==
	     0);
	*code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.len, options,
	    &number, &at, context);
	if (*code == NULL) {
		*offset = at;
		(void)pcre2_get_error_message(
		    number, (PCRE2_UCHAR *)message, size);
		return false;
	}
	return true;
}

enum pattern_answer
pattern_match(const struct pcre2_real_code_8 *code, struct str subject)
{
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int rc;

	must(context != NULL && data != NULL);
	must(pcre2_set_match_limit(context, MATCH_STEPS) == 0);
	must(pcre2_set_depth_limit(context, MATCH_DEPTH) == 0);
	must(pcre2_set_heap_limit(context, MATCH_KIB) == 0);
	rc = pcre2_match(
	    code, (PCRE2_SPTR)subject.at, subject.len, 0, 0, data, context);
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	if (rc >= 0) {
		return PATTERN_YES;
	}
	return rc == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_LIMIT;
}
