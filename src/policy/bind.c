/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rules.h"

/*
 * What a standing grant binds.  A person saw a hint and said yes to a call; the
 * next one is the same thing only if the same gates ask as they stood, and if
 * what they look at and what was shown is the same.  A gate that looks at no
 * argument has judged none of them: then every argument is bound.
 */

static void
add_text(struct digest_run *run, struct str s)
{
	uint8_t len[8] = { 0 };

	for (size_t i = 0; i < sizeof(len); i++) {
		len[i] = (uint8_t)((uint64_t)s.len >> (8 * i));
	}
	digest_add(run, str_span(len, sizeof(len)));
	digest_add(run, s);
}

static struct digest
digest_of_gates(const struct gate *const *gates, uint32_t count)
{
	struct digest_run run = { 0 };

	digest_begin(&run);
	add_text(&run, STR("handrail gates 1"));
	for (uint32_t i = 0; i < count; i++) {
		add_text(&run, gates[i]->name);
		digest_add(&run, str_span(gates[i]->digest.bytes, DIGEST_SIZE));
	}
	return digest_end(&run);
}

/* Keys may hold any byte: each stands behind its length. */
static void
name_key(struct buf *name, struct str key)
{
	buf_addf(name, "%zu:", key.len);
	buf_add(name, key);
}

/* What is not there is left out, so that it differs from every value. */
static void
add_named(struct arena *a, struct json *named, const struct buf *name,
    const struct json *value)
{
	struct str key = buf_str(name);

	if (value && !json_get_str(named, key)) {
		(void)json_set_key(a, named, key, json_copy(a, value));
	}
}

static void
add_predicates(struct arena *a, struct json *named, const struct gate *g,
    const struct json *args)
{
	for (uint32_t i = 0; i < g->predicate_count; i++) {
		const struct predicate *p = &g->predicates[i];
		const struct json *value = args;
		auto_buf name = { 0 };

		for (uint32_t n = 0; n < p->depth; n++) {
			name_key(&name, p->path[n]);
			value = json_get_str(value, p->path[n]);
		}
		add_named(a, named, &name, value);
	}
}

static void
add_shown(struct arena *a, struct json *named, const struct gate *g,
    const struct json *args)
{
	struct str rest = g->hint;
	struct str variable = { 0 };

	while (policy_hint_next(&rest, &variable)) {
		const struct json *value = args;
		auto_buf name = { 0 };
		struct str key = { 0 };
		bool more = true;

		while (more) {
			more = str_cut(&variable, '.', &key);
			name_key(&name, key);
			value = json_get_str(value, key);
		}
		add_named(a, named, &name, value);
	}
}

static struct digest
digest_of_args(
    const struct gate *const *gates, uint32_t count, const struct json *args)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };
	struct json *named = json_new(&a, JSON_OBJECT);
	bool all = false;

	for (uint32_t i = 0; i < count; i++) {
		all |= gates[i]->predicate_count == 0;
		add_predicates(&a, named, gates[i], args);
		add_shown(&a, named, gates[i], args);
	}
	buf_add_z(&text, all ? "all " : "named ");
	if (!all) {
		json_canonical(&text, named);
	} else if (args) {
		json_canonical(&text, args);
	}
	return digest_of(buf_str(&text));
}

void
policy_ask_bind(const struct policy_call *c, struct policy_ask *ask)
{
	ask->digest = digest_of_gates(ask->from, ask->gate_count);
	ask->named_args = digest_of_args(ask->from, ask->gate_count, c->args);
}
