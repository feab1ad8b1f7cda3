/* SPDX-License-Identifier: Apache-2.0 */
#include "e2m/e2m.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read as a record is written as a line that is read the same. */
static void
round_trip(struct arena *a, const struct e2m_record *r)
{
	auto_buf once = { 0 };
	auto_buf twice = { 0 };
	struct e2m_record again;
	struct err e = { 0 };

	e2m_write_line(&once, r);
	must(e2m_parse_line(
	         a, str_sub(buf_str(&once), 0, once.len - 1), &again, &e) == 0);
	e2m_write_line(&twice, &again);
	must(str_eq(buf_str(&once), buf_str(&twice)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena a = { 0 };
	struct e2m_lines l = e2m_parse_lines(&a, str_span(data, size), "fuzz");

	for (size_t i = 0; i < l.count; i++) {
		if (l.at[i].problem.len == 0) {
			round_trip(&a, &l.at[i].record);
		}
	}
	return 0;
}
