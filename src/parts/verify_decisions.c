/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/verify_decisions.h"

#include <stdlib.h>

#include "review/review.h"

struct decisions_policy {
	struct digest digest;
	struct arena arena;
	const struct policy *policy; /* NULL: its text is not there */
};

static void
forget(struct decisions *d)
{
	for (size_t i = 0; i < d->policy_count; i++) {
		arena_fini(&d->policies[i].arena);
	}
	d->policy_count = 0;
}

/* A text that is not of its digest, or does not load, cannot have decided. */
static int
load(struct decisions *d, struct decisions_policy *p, struct err *e)
{
	auto_buf text = { 0 };
	char hex[DIGEST_TEXT];

	digest_text(p->digest, hex);
	if (digest_eq(p->digest, digest_of(STR("")))) {
		return policy_parse(
		    &p->arena, STR(""), "gates.toml", &p->policy, e);
	}
	if (store_row_get(d->store, STR("text"), str_of(hex), &text, NULL, e)) {
		if (e->kind != ERR_MISSING) {
			return -1;
		}
		*e = (struct err){ 0 };
		return 0;
	}
	if (!digest_eq(digest_of(buf_str(&text)), p->digest)) {
		return err_set(e, ERR_DENIED, "the policy %s was changed", hex);
	}
	if (policy_parse(
	        &p->arena, buf_str(&text), "gates.toml", &p->policy, e)) {
		e->kind = ERR_DENIED;
		return err_wrap(e, "the policy %s", hex);
	}
	return 0;
}

static int
policy_of(struct decisions *d, struct digest digest, const struct policy **out,
    struct err *e)
{
	struct decisions_policy *p;

	for (size_t i = 0; i < d->policy_count; i++) {
		if (digest_eq(d->policies[i].digest, digest)) {
			*out = d->policies[i].policy;
			return 0;
		}
	}
	if (!d->policies) {
		d->policies = calloc(DECISIONS_POLICIES, sizeof(*d->policies));
		must(d->policies);
	}
	if (d->policy_count == DECISIONS_POLICIES) {
		forget(d);
	}
	p = &d->policies[d->policy_count++];
	*p = (struct decisions_policy){ .digest = digest };
	if (load(d, p, e)) {
		return -1;
	}
	*out = p->policy;
	return 0;
}

static void
tell(struct decisions *d, const struct book_head *head, const struct review *r,
    struct str text)
{
	struct arena *a = &d->arena;
	struct json *row;

	d->differ++;
	if (!d->told) {
		d->told = json_new(a, JSON_ARRAY);
	}
	if (d->told->count == DECISIONS_TOLD) {
		return;
	}
	row = json_push(d->told, json_new(a, JSON_OBJECT));
	(void)json_set(a, row, "seq", json_new_i64(a, (int64_t)head->seq));
	(void)json_set_str(a, row, "kind", str_of(book_kind_name(head->kind)));
	(void)json_set_str(a, row, "identity", str_of(head->identity));
	(void)json_set_str(a, row, "what", r->what);
	(void)json_set_str(a, row, "text", text);
}

static void
count(struct decisions *d, const struct book_head *head, enum review_end end,
    const struct review *r)
{
	auto_arena a = { 0 };

	switch (end) {
	case REVIEW_SAME:
		d->same++;
		return;
	case REVIEW_NOT_ASKED:
		d->not_asked++;
		return;
	case REVIEW_NOT_HELD:
		d->not_held++;
		return;
	case REVIEW_BROKEN:
		tell(d, head, r, r->text);
		return;
	case REVIEW_DIFFERS:
		break;
	}
	tell(d, head, r,
	    arena_printf(&a,
	        "it was decided %s; the policy in force says %s (%s)",
	        policy_verdict_name(r->was), policy_verdict_name(r->now),
	        r->rule.len ? arena_z(&a, r->rule) : "no rule"));
}

/* A model's request, or another of core's own: nothing else has no policy. */
static void
of_no_role(struct decisions *d, const struct book_head *head)
{
	struct review r = { .text = STR("it names no policy that decided it") };
	bool own = head->kind != BOOK_CALL_DECIDED &&
	           review_house_rule(str_of(head->rule));

	count(d, head, own ? REVIEW_NOT_ASKED : REVIEW_BROKEN, &r);
}

int
decisions_head(struct decisions *d, const struct book_head *head,
    struct str body, struct err *e)
{
	auto_arena a = { 0 };
	const struct policy *policy;
	struct json *tree = NULL;
	struct review r;
	struct err bad = { 0 };

	if (!review_is_decision(head->kind)) {
		return 0;
	}
	if (body.len && json_parse(&a, body, NULL, &tree, &bad)) {
		r = (struct review){ .text = STR("its body is no JSON") };
		count(d, head, REVIEW_BROKEN, &r);
		return 0;
	}
	if (digest_is_zero(head->policy)) {
		of_no_role(d, head);
		return 0;
	}
	if (policy_of(d, head->policy, &policy, e)) {
		return -1;
	}
	if (!policy) {
		d->no_policy++;
		return 0;
	}
	count(d, head,
	    review_decision(&a, policy, head->kind, str_of(head->identity),
	        str_of(head->rule), tree, &r),
	    &r);
	return 0;
}

void
decisions_write(const struct decisions *d, struct json_out *o)
{
	json_out_object(o, "decisions");
	json_out_i64(o, "again", (int64_t)(d->same + d->differ));
	json_out_i64(o, "differ", (int64_t)d->differ);
	json_out_i64(o, "not_asked", (int64_t)d->not_asked);
	json_out_i64(o, "not_held", (int64_t)d->not_held);
	json_out_i64(o, "no_policy", (int64_t)d->no_policy);
	json_out_array(o, "differences");
	JSON_EACH(row, d->told)
	{
		json_out_value(o, NULL, row);
	}
	json_out_end(o, ']');
	json_out_end(o, '}');
}

void
decisions_print(const struct decisions *d, struct buf *out)
{
	JSON_EACH(row, d->told)
	{
		int64_t seq = 0;
		struct str what = STR("");
		struct str text = STR("");

		(void)json_i64(row, "seq", &seq);
		(void)json_text(row, "what", &what);
		(void)json_text(row, "text", &text);
		buf_addf(out, "event %lld  " STR_FMT ": " STR_FMT "\n",
		    (long long)seq, STR_ARG(what), STR_ARG(text));
	}
	buf_addf(out,
	    "decisions  %llu made again, %llu differ; not made again: %llu "
	    "that were not the policy's, %llu whose question the book does not "
	    "hold, %llu whose policy it does not\n",
	    (unsigned long long)d->same + d->differ,
	    (unsigned long long)d->differ, (unsigned long long)d->not_asked,
	    (unsigned long long)d->not_held, (unsigned long long)d->no_policy);
}

int
decisions_end(const struct decisions *d, struct err *e)
{
	return d->differ ? err_set(e, ERR_DENIED,
	                       "%llu decisions are not those of the policy "
	                       "that was in force",
	                       (unsigned long long)d->differ)
	                 : 0;
}

void
decisions_fini(struct decisions *d)
{
	forget(d);
	free(d->policies);
	arena_fini(&d->arena);
	*d = (struct decisions){ 0 };
}
