/* SPDX-License-Identifier: Apache-2.0 */
/* The child's side: alone, fenced, rooted, narrowed; then pid 1 of a cell. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell/inside.h"
#include "jail/jail.h"

#define CAPABILITIES                                                         \
	64             /* more than there are; the kernel says where to stop \
	                */
#define CORE_LIMIT   1 /* bytes: neither a file nor a piped handler, core(5) */
#define LOCKED_LIMIT 65536

_Noreturn void
inmate_fail(const struct inmate *me, const struct err *e)
{
	struct note note = { .kind = NOTE_FAILED, .code = (int)e->kind };
	struct err ignored = { 0 };

	str_fit(note.text, sizeof(note.text), str_of(e->text));
	if (control_send(me->control, str_span(&note, sizeof(note)), NULL, 0,
	        &ignored)) {
		_exit(2);
	}
	_exit(1);
}

/* Descriptors that stay move above the others, those are closed, and they
 * come down again: 0, 1 and 2 are /dev/null, nothing else is inherited. */
void
inmate_alone(struct inmate *me)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	int *keep[] = { &me->control, &me->work, &me->channel };
	int next = 3;

	for (size_t i = 0; i < COUNT(keep); i++) {
		if (*keep[i] >= 0) {
			*keep[i] = fcntl(*keep[i], F_DUPFD_CLOEXEC, 64);
		}
	}
	(void)close_range(0, 63, 0);
	(void)open("/dev/null", O_RDWR); /* is 0 */
	(void)dup2(0, 1);
	(void)dup2(0, 2);
	for (size_t i = 0; i < COUNT(keep); i++) {
		if (*keep[i] >= 0) {
			*keep[i] = dup3(*keep[i], next++, O_CLOEXEC);
		}
	}
	(void)close_range((unsigned)next, ~0U, 0);
	/* Ignored ones too: whoever started the house may have ignored some. */
	for (int number = 1; number < NSIG; number++) {
		(void)sigaction(number, &usual, NULL);
	}
	sigset_t none;

	(void)sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

int
inmate_ids(const struct inmate *me, struct err *e)
{
	if (me->host->ids == CELL_IDS_SLOTS &&
	    syscall(SYS_setgroups, 0, NULL)) {
		return err_sys(e, "drop the groups");
	}
	if (syscall(SYS_setresgid, CELL_INSIDE_ID, CELL_INSIDE_ID,
	        CELL_INSIDE_ID) ||
	    syscall(SYS_setresuid, CELL_INSIDE_ID, CELL_INSIDE_ID,
	        CELL_INSIDE_ID)) {
		return err_sys(e, "take the isolate's id");
	}
	/* Forgotten by every change of ids. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0) {
		return err_sys(e, "bind to the parent's life");
	}
	return 0;
}

static int
set_limits(const struct inmate *me, struct err *e)
{
	const struct limits *limits = &me->limits;
	/* Coarse, and only where no cgroup counts what is really used.  A
	 * sanitizer's shadow does not fit in it. */
	bool alone =
	    me->host->groups.version == CELL_GROUPS_NONE && jail_compiled_in();
	const struct {
		int resource;
		rlim_t value;
	} rows[] = {
		{ RLIMIT_CORE, CORE_LIMIT },
		{ RLIMIT_NOFILE, limits->files },
		{ RLIMIT_FSIZE, limits->file_size },
		{ RLIMIT_NPROC, limits->processes },
		{ RLIMIT_DATA, alone ? limits->memory : 0 },
		{ RLIMIT_MEMLOCK, LOCKED_LIMIT },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rlimit now;

		if (rows[i].value == 0) {
			continue;
		}
		if (getrlimit((__rlimit_resource_t)rows[i].resource, &now)) {
			return err_sys(e, "limit %d", rows[i].resource);
		}
		now.rlim_max =
		    rows[i].value < now.rlim_max ? rows[i].value : now.rlim_max;
		now.rlim_cur = now.rlim_max;
		if (setrlimit((__rlimit_resource_t)rows[i].resource, &now)) {
			return err_sys(e, "limit %d", rows[i].resource);
		}
	}
	return 0;
}

int
inmate_narrow(const struct inmate *me, struct err *e)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { 0 };

	if (set_limits(me, e)) {
		return -1;
	}
	for (int i = 0; i < CAPABILITIES; i++) {
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
			break;
		}
	}
	if (syscall(SYS_capset, &head, none) < 0) {
		return err_sys(e, "drop capabilities");
	}
	/* Forgotten again with the capabilities. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return err_sys(e, "no new privileges");
	}
	return 0;
}

static int
own_network(struct err *e)
{
	return unshare(CLONE_NEWNET) < 0 ? err_sys(e, "new network namespace")
	                                 : 0;
}

static int
build_fence(
    const struct inmate *me, int listeners[CELL_LISTENERS], struct err *e)
{
	struct note note = { .kind = NOTE_FENCED };
	bool ports_only = false;

	if (fence_build(
	        me->flags & CELL_PORTS_ONLY, listeners, &ports_only, e)) {
		return err_wrap(e, "fence");
	}
	note.ports_only = ports_only;
	return control_send(me->control, str_span(&note, sizeof(note)),
	    listeners, CELL_LISTENERS, e);
}

static int
await(const struct inmate *me, enum order_kind kind, struct order *order,
    struct err *e)
{
	int fds[CONTROL_FDS_MAX];
	size_t count;

	switch (control_take(me->control, order, sizeof(*order), fds, &count)) {
	case CONTROL_TOOK:
		break;
	case CONTROL_CLOSED:
		_exit(0);
	case CONTROL_BAD:
	case CONTROL_EMPTY:
		return err_set(e, ERR_INPUT, "order to start not understood");
	}
	if (order->kind != kind || order->ca_size > sizeof(order->ca)) {
		return err_set(e, ERR_INPUT, "order to start not understood");
	}
	return 0;
}

static int
check_work(const struct inmate *me, struct err *e)
{
	if (!(me->flags & CELL_WORKSPACE)) {
		return 0;
	}
	auto_close int fd =
	    openat(me->work, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return err_sys(e, "open the workspace");
	}
	return work_check(fd, e);
}

/* Meanwhile the egress is started.  What is wrong is told after START: whoever
 * gives that order finds an end that listens. */
static int
take_work(struct inmate *me, struct err *e)
{
	struct order ids;

	if (await(me, ORDER_IDS, &ids, e) || root_take(me, e) ||
	    inmate_ids(me, e)) {
		return -1;
	}
	return check_work(me, e);
}

static int
settle(struct inmate *me, struct str ca, struct err *e)
{
	if (root_build(me, ca, e)) {
		return -1;
	}
	auto_close_fd(&me->work);
	if (sethostname(me->hostname, strlen(me->hostname)) < 0) {
		return err_sys(e, "hostname");
	}
	return inmate_narrow(me, e) ? -1 : jail_seccomp_cell(e);
}

_Noreturn void
init_main(struct inmate *me)
{
	int listeners[CELL_LISTENERS] = { -1, -1, -1, -1 };
	struct note ready = { .kind = NOTE_STARTED };
	struct order order;
	struct err why = { 0 };
	struct err e = { 0 };

	inmate_alone(me);
	if (own_network(&e)) {
		inmate_fail(me, &e);
	}
	if ((me->flags & CELL_FENCE) ? build_fence(me, listeners, &e)
	                             : fence_none(&e)) {
		inmate_fail(me, &e);
	}
	bool unfit = take_work(me, &why) != 0;

	if (await(me, ORDER_START, &order, &e)) {
		inmate_fail(me, &e);
	}
	/* The egress has them: from here on nobody in here may. */
	for (size_t i = 0; i < CELL_LISTENERS; i++) {
		auto_close_fd(&listeners[i]);
	}
	if (unfit) {
		inmate_fail(me, &why);
	}
	if (settle(me, str_span(order.ca, order.ca_size), &e) ||
	    control_send(
	        me->control, str_span(&ready, sizeof(ready)), NULL, 0, &e)) {
		inmate_fail(me, &e);
	}
	run_loop(me);
}

/* An agent is pid 1 itself: the end of our channel is its exec. */
_Noreturn void
agent_main(struct inmate *me)
{
	static char *const argv[] = { (char *)"agent", NULL };
	static char *const environment[] = { NULL };
	struct note ready = { .kind = NOTE_STARTED };
	struct order order;
	struct err e = { 0 };

	inmate_alone(me);
	if (own_network(&e) || await(me, ORDER_IDS, &order, &e) ||
	    root_take_agent(me, &e) || inmate_ids(me, &e) ||
	    root_build_agent(me, &e) ||
	    sethostname(me->hostname, strlen(me->hostname)) < 0 ||
	    inmate_narrow(me, &e)) {
		inmate_fail(me, &e);
	}
	/* Its channel becomes descriptor 3, kept open over the exec. */
	int control = fcntl(me->control, F_DUPFD_CLOEXEC, 8);

	me->control = control;
	if (control < 0 || dup2(me->channel, 3) != 3 ||
	    control_send(
	        control, str_span(&ready, sizeof(ready)), NULL, 0, &e)) {
		(void)err_sys(&e, "channel of the agent");
		inmate_fail(me, &e);
	}
	(void)close(me->channel);
	(void)execve("/agent", argv, environment);
	(void)err_sys(&e, "execute the agent");
	inmate_fail(me, &e);
}
