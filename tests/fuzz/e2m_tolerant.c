/* SPDX-License-Identifier: Apache-2.0 */
#include "e2m/tolerant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line has a deviation of shape exactly when the strict reader refuses it. */
static void
agree(struct arena *a, const struct e2m_loose *l)
{
	struct e2m_record strict;
	struct err e = { 0 };
	bool deviates = false;

	for (size_t i = 0; i < l->deviation_count; i++) {
		struct str text =
		    e2m_deviation_text(a, "fuzz", l->number, &l->deviations[i]);

		must(text.len > 0 && l->deviations[i].problem.len > 0);
		deviates = deviates || l->deviations[i].fault != E2M_MOVE;
	}
	must((e2m_parse_line(a, l->raw, &strict, &e) < 0) == deviates);
}

/* No member is lost, and a second time changes nothing. */
static void
canonise(struct arena *a, const struct json *tree)
{
	bool changed = false;
	struct json *once = e2m_canon(a, tree, &changed);
	auto_buf first = { 0 };
	auto_buf second = { 0 };

	must(changed || json_equal(once, tree));
	JSON_EACH(member, tree)
	{
		must(str_eq_z(member->key, "_type") ||
		     json_equal(json_get_str(once, member->key), member));
	}
	json_write(&first, once);
	json_write(&second, e2m_canon(a, once, &changed));
	must(!changed && str_eq(buf_str(&first), buf_str(&second)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena all = { 0 };
	struct str bytes = str_span(data, size);
	struct e2m_lines strict = e2m_parse_lines(&all, bytes, "fuzz");
	struct e2m_reader r;
	struct e2m_loose l;
	size_t count = 0;

	e2m_reader_init(&r, bytes, E2M_ANYWHERE);
	for (;;) {
		auto_arena a = { 0 };

		if (!e2m_reader_next(&r, &a, &l)) {
			break;
		}
		must(count < strict.count);
		must(str_eq(strict.at[count].raw, l.raw));
		must(strict.at[count++].number == l.number);
		agree(&a, &l);
		if (l.tree != NULL) {
			canonise(&a, l.tree);
		}
	}
	must(count == strict.count);
	e2m_reader_fini(&r);
	return 0;
}
