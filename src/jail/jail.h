/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAIL_JAIL_H
#define JAIL_JAIL_H

/*
 * Losing power, on one page, in one order: ids and capabilities, limits,
 * no-new-privs, Landlock (landlock(7), used by raw system calls), seccomp
 * (seccomp(2), over libseccomp).  Nothing here can be undone; a failure half
 * way leaves the process with less power than before, and it must end.
 *
 * A system call outside the promises ends the process with SIGSYS, as does a
 * foreign calling convention (x32, i386).  Single-threaded processes only.
 *
 * Built with HANDRAIL_NO_JAIL (sanitizers): jail_enter does ids, capabilities,
 * no-new-privs and the limits on descriptors, processes and files; no Landlock,
 * no part filter, no limit on memory, dumpable stays.  The cell filter is
 * installed in every build.
 */

#include <sys/types.h>

#include "base/base.h"

/* What a part may ask of the kernel; promises.def names the system calls. */
enum jail_promise_index {
#define PROMISE(name, meaning) JAIL_INDEX_##name,
#include "jail/promises.def"
	JAIL_PROMISE_COUNT,
};
enum jail_promise {
#define PROMISE(name, meaning) JAIL_##name = 1 << JAIL_INDEX_##name,
#include "jail/promises.def"
};

/* Rights below a path, as Landlock sees them. */
#define JAIL_READ  1u /* files and directory listings */
#define JAIL_WRITE 2u /* existing files, truncating them */
#define JAIL_MAKE  4u /* create, remove, rename files, folders, symlinks */
#define JAIL_RUN   8u /* execute */

struct jail_path {
	const char *path; /* or NULL and a descriptor */
	int fd;
	unsigned rights;
};

enum jail_filter {
	JAIL_FILTER_PROMISES, /* allow-list: what was promised, no more */
	JAIL_FILTER_SANDBOX,  /* deny-list: for the parent of cells */
	JAIL_FILTER_CELL,     /* deny-list: for hostile code, before its exec */
};

enum jail_net {           /* TCP, where Landlock can say so (ABI 4) */
	JAIL_NET_NONE,    /* neither connect nor bind */
	JAIL_NET_PORTS,   /* connect to the ports of the list, no bind */
	JAIL_NET_CONNECT, /* connect anywhere, no bind */
};

/* Limits: JAIL_KEEP leaves what is, JAIL_ZERO is a limit of nothing. */
#define JAIL_KEEP 0u
#define JAIL_ZERO UINT64_MAX

/* Open files of who sends descriptors.  What his user's processes have sent and
 * nobody has taken is held against it (unix(7), ETOOMANYREFS), and a cell of
 * his id, whose limit is a quarter of this, may hold all that it can. */
#define JAIL_SENDER_FILES 4096u

struct jail_limits {
	uint64_t nofile;  /* descriptors */
	uint64_t nproc;   /* processes of this uid */
	uint64_t fsize;   /* bytes of a file (a memfd is one) */
	uint64_t as;      /* bytes of address space */
	uint64_t data;    /* bytes of heap and private maps */
	uint64_t memlock; /* bytes of locked memory */
};

struct jail_plan {
	const char *part; /* for messages */
	uid_t uid;        /* 0: keeps the present one */
	gid_t gid;        /* 0: keeps the present one; groups go with it */
	uint64_t
	    capabilities; /* mask of what stays, also as a bound; 0: none */
	struct jail_limits limits;
	bool dumpable; /* false: no ptrace, no core, /proc/self is root's */

	bool landlock; /* false only for the parent of cells (it must mount) */
	const struct jail_path *paths; /* nothing else can be opened */
	size_t path_count;
	enum jail_net net;
	const uint16_t *ports;
	size_t port_count;

	enum jail_filter filter;
	unsigned promises; /* mask of enum jail_promise */
};

/*
 * Gives up everything the plan does not name.  Paths are opened first, with
 * the power the process still has; a path that is missing is an error.  Core
 * dumps are off, piped handlers too (RLIMIT_CORE is 1 byte: core(5)).
 * Landlock is asked for as much as this kernel knows; where it knows none the
 * rest still stands and jail_landlock_abi says so.
 */
int jail_enter(const struct jail_plan *plan, struct err *e) MUST_CHECK;

/*
 * Compiles a filter ahead, so that a child forked later only installs it.
 * promises as in the plan.
 */
int jail_prepare(unsigned promises, struct err *e) MUST_CHECK;
int jail_prepare_cell(struct err *e) MUST_CHECK;

/* The deny-list of the sandbox part; jail_enter uses it. Sets no-new-privs. */
int jail_seccomp_sandbox(struct err *e) MUST_CHECK;

/*
 * For hostile code in a cell, just before its exec; sets no-new-privs.  No new
 * namespaces or mounts, no looking into other processes, no kernel interfaces
 * that cells do not need (denied.def); sockets of AF_UNIX, AF_INET, AF_INET6
 * and NETLINK_ROUTE only, none raw.  Refused calls answer an errno.
 */
int jail_seccomp_cell(struct err *e) MUST_CHECK;

/* Landlock's ABI version on this kernel; 0: not there or switched off. */
int jail_landlock_abi(void);
/* This kernel can install seccomp filters with KILL_PROCESS. */
bool jail_seccomp_works(void);
/* false in a build with HANDRAIL_NO_JAIL. */
bool jail_compiled_in(void);

#endif
