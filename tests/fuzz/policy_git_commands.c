/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

/* Whatever the body: commands point into it, are bounded, and a longer body
 * never changes what a complete list said. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = str_span(data, size);
	struct policy_commands c = { 0 };
	struct policy_commands again = { 0 };
	struct err e = { 0 };

	if (policy_git_commands(body, &c, &e)) {
		must(e.kind == ERR_INPUT || e.kind == ERR_LIMIT);
		return 0;
	}
	must(c.used <= size && c.count <= POLICY_COMMANDS_MAX);
	for (uint32_t i = 0; i < c.count; i++) {
		must(c.at[i].ref.at >= body.at &&
		     c.at[i].ref.at + c.at[i].ref.len <= body.at + size);
		must(str_starts(c.at[i].ref, STR("refs/")));
		must(!(c.at[i].creates && c.at[i].deletes));
	}
	if (c.complete) {
		must(policy_git_commands(
		         str_sub(body, 0, c.used), &again, &e) == 0);
		must(again.complete && again.count == c.count);
	}
	return 0;
}
