/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two say where a credential goes: the rule that injects it, and, of some
 * kinds, whoever put it into the vault.  Where they disagree neither is guessed
 * at: nothing leaves.
 */
#include "parts/core.h"
#include "parts/core_egress.h"

enum {
#define SEAL_KIND(number, kind, name) KIND_##kind = (number),
#include "seal/kinds.def"
#undef SEAL_KIND
};

static struct str
fact(struct arena *a, const struct core_credential *k, const char *key)
{
	struct json *facts = NULL;
	struct str text = { 0 };
	struct err e;

	if (json_parse(a, buf_str(&k->facts), NULL, &facts, &e) ||
	    !json_text(facts, key, &text)) {
		return STR("");
	}
	return text;
}

static const char *
says(struct arena *a, const struct core_credential *k, const char *where,
    struct str name)
{
	return arena_printf(a,
	    "the credential %s is of kind %s and goes into %s" STR_FMT
	    ", and the rule puts it elsewhere",
	    k->name, core_kind_name(k->kind), where, STR_ARG(name))
	    .at;
}

static const char *
of_kind(struct arena *a, const struct core_credential *k,
    const struct policy_inject *rule)
{
	struct str name;

	switch (k->kind) {
	case KIND_HEADER:
		name = fact(a, k, "header");
		return str_eq_nocase(name, rule->header)
		           ? NULL
		           : says(a, k, "the header ", name);
	case KIND_BASIC:
		name = fact(a, k, "username");
		return rule->basic.len &&
		               (!name.len || str_eq(name, rule->basic))
		           ? NULL
		           : says(a, k, "Basic ", name);
	case KIND_ENVIRONMENT_VARIABLE:
		name = fact(a, k, "variable");
		return str_eq(name, rule->placeholder)
		           ? NULL
		           : says(a, k, "the place of the placeholder in ",
		                 name);
	default:
		return NULL;
	}
}

const char *
core_place_problem(const struct core *c, struct arena *a,
    const struct policy_inject *rule, bool of_house)
{
	const struct core_credential *k;

	if (!rule->credential.len) {
		return NULL;
	}
	/* A header, a segment or a document has more than the secret in it, and
	 * only the placeholder shows where. */
	if (of_house && rule->placeholder.len && !rule->basic.len) {
		return "the rule puts its credential where a sandbox wrote a "
		       "placeholder, and a tool of the house writes none";
	}
	k = core_credential_find(c, rule->credential);
	return k && !k->archived ? of_kind(a, k, rule) : NULL;
}
