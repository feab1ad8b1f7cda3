/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/prctl.h>
#include <time.h>

#include "jail/inside.h"

bool
jail_compiled_in(void)
{
#ifdef HANDRAIL_NO_JAIL
	return false;
#else
	return true;
#endif
}

static unsigned
key_of(const struct jail_plan *plan)
{
	switch (plan->filter) {
	case JAIL_FILTER_SANDBOX:
		return JAIL_KEY_SANDBOX;
	case JAIL_FILTER_CELL:
		return JAIL_KEY_CELL;
	case JAIL_FILTER_PROMISES:
		break;
	}
	/* Without these nothing runs, and the other bits are not promises. */
	must(plan->promises & JAIL_STDIO);
	must(plan->promises < 1u << JAIL_PROMISE_COUNT);
	return plan->promises;
}

static int
enter(const struct jail_plan *plan, struct err *e)
{
	bool walls = jail_compiled_in();
	unsigned key = key_of(plan);
	auto_close int ruleset = -1;
	int with_parent = 0;

	/* Needs the power that goes: paths may be root's. */
	if (walls && plan->landlock && jail_ruleset(plan, &ruleset, e)) {
		return -1;
	}
	if ((walls || key == JAIL_KEY_CELL) && jail_filter_prepare(key, e)) {
		return -1;
	}
	tzset(); /* libc reads its file at the first date, which is later */

	(void)prctl(PR_GET_PDEATHSIG, &with_parent, 0, 0, 0);
	if (jail_ids(plan, e)) {
		return -1;
	}
	/* After the ids: changing them changes both. */
	if ((walls && prctl(PR_SET_DUMPABLE, plan->dumpable, 0, 0, 0)) ||
	    prctl(PR_SET_PDEATHSIG, with_parent, 0, 0, 0)) {
		return err_sys(e, "cannot keep what an id's change took");
	}
	if (jail_limit(&plan->limits, e) || jail_no_new_privs(e) ||
	    jail_restrict(ruleset, e)) {
		return -1;
	}
	auto_close_fd(&ruleset); /* a filter may not let it close later */
	if (walls || key == JAIL_KEY_CELL) {
		return jail_filter_install(key, e);
	}
	return 0;
}

int
jail_enter(const struct jail_plan *plan, struct err *e)
{
	if (enter(plan, e)) {
		return err_wrap(e, "%s cannot give up power", plan->part);
	}
	return 0;
}

int
jail_prepare(unsigned promises, struct err *e)
{
	return jail_compiled_in() ? jail_filter_prepare(promises, e) : 0;
}

int
jail_prepare_cell(struct err *e)
{
	return jail_filter_prepare(JAIL_KEY_CELL, e);
}

int
jail_seccomp_sandbox(struct err *e)
{
	return jail_compiled_in() ? jail_filter_install(JAIL_KEY_SANDBOX, e)
	                          : 0;
}

int
jail_seccomp_cell(struct err *e)
{
	return jail_filter_install(JAIL_KEY_CELL, e);
}
