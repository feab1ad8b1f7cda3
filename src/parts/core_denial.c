/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L07: a cell can be refused as often as it likes, and each refusal is a head
 * that is kept for ever.  So a cell has a budget of them; what is over it is
 * refused all the same, counted, and told by the next head or at its end.
 */
#include "parts/core.h"
#include "parts/core_cell.h"
#include "parts/core_egress.h"

#define BURST    256
#define REFILL   16 /* in a second */
#define EVERY_US (CLOCK_SECOND / REFILL)

static void
refill(struct core_cell *cell)
{
	struct mono now = mono_now();
	int64_t more = (now.us - cell->denials_at.us) / EVERY_US;

	if (!cell->denials_at.us || more >= BURST) {
		cell->denials = BURST;
		cell->denials_at = now;
		return;
	}
	cell->denials += (uint32_t)more;
	cell->denials = cell->denials < BURST ? cell->denials : BURST;
	cell->denials_at.us += more * EVERY_US;
}

bool
core_denial_said(struct core_cell *cell, struct buf *text)
{
	if (!cell) {
		return true;
	}
	refill(cell);
	if (cell->denials == 0) {
		cell->unsaid++;
		return false;
	}
	cell->denials--;
	if (cell->unsaid) {
		buf_addf(
		    text, "(and %llu more) ", (unsigned long long)cell->unsaid);
		cell->unsaid = 0;
	}
	return true;
}

struct str
core_denial_next(struct str next, size_t size)
{
	return next.len < size
	           ? next
	           : STR("more than fits into this answer: whoever operates "
	                 "this house has it whole in the book's denial, and "
	                 "from `handrail explain`");
}

void
core_denials_end(struct core *c, struct core_cell *cell)
{
	struct core_event event = {
		.kind = BOOK_REQUEST_DENIED,
		.role = cell->role,
		.rule = STR("egress"),
		.run = core_run_find(c, cell->run),
	};
	auto_buf body = { 0 };
	auto_buf text = { 0 };
	struct json_out out;

	if (!cell->unsaid) {
		return;
	}
	buf_addf(&text, "%llu refusals before its end were only counted",
	    (unsigned long long)cell->unsaid);
	cell->unsaid = 0;
	json_out_init(&out, &body);
	json_out_object(&out, NULL);
	json_out_i64(&out, "cell", (int64_t)cell->number);
	json_out_str(&out, "reason", buf_str(&text));
	json_out_end(&out, '}');
	event.body = buf_str(&body);
	(void)core_append(c, &event);
}
