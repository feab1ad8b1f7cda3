/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <ares.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"

/*
 * c-ares on the loop: one channel, its sockets watched as it asks, one timer
 * for its own retries.  A lookup lives until c-ares has let go of it *and* its
 * owner has been told; the owner is told from a later call only, so nothing of
 * his runs inside c-ares.
 */

#define TRY_MS 2000
#define TRIES  3

struct watch {
	struct watch *next;
	struct names_resolver *resolver;
	struct loop_io io;
};

struct lookup {
	struct lookup *next, **link;
	struct names_resolver *resolver;
	struct loop_timer deadline;
	names_done *done;
	void *context;
	struct names_found found;
	struct err e;
	bool released; /* c-ares has called back */
	bool told;     /* the owner has been told */
};

struct names_resolver {
	struct loop *loop;
	ares_channel channel;
	struct watch *watches;
	struct lookup *lookups;
	struct loop_timer retry;
};

static void retry_due(void *owner);

static void
arm_retry(struct names_resolver *r)
{
	struct timeval tv;

	if (!ares_timeout(r->channel, NULL, &tv)) {
		loop_timer_cancel(&r->retry);
		return;
	}
	int64_t us = tv.tv_sec * CLOCK_SECOND + tv.tv_usec;

	loop_timer_arm(&r->retry, r->loop, mono_after(loop_now(r->loop), us),
	    retry_due, r);
}

static void
retry_due(void *owner)
{
	struct names_resolver *r = owner;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm_retry(r);
}

/* --- sockets -------------------------------------------------------------- */

static void
socket_ready(void *owner, unsigned ready)
{
	struct watch *w = owner;
	struct names_resolver *r = w->resolver;
	int fd = w->io.fd;

	/* w may be gone when c-ares returns. */
	ares_process_fd(r->channel, ready & LOOP_READ ? fd : ARES_SOCKET_BAD,
	    ready & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
	arm_retry(r);
}

static struct watch **
watch_of(struct names_resolver *r, int fd)
{
	struct watch **w = &r->watches;

	while (*w && (*w)->io.fd != fd) {
		w = &(*w)->next;
	}
	return w;
}

static struct watch *
watch_new(struct names_resolver *r, int fd)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	must(w);
	w->resolver = r;
	if (loop_io_open(&w->io, r->loop, fd, socket_ready, w, &e)) {
		/* Its lookups end by their deadlines. */
		free(w);
		return NULL;
	}
	w->next = r->watches;
	r->watches = w;
	return w;
}

static void
socket_wanted(void *owner, ares_socket_t fd, int readable, int writable)
{
	struct names_resolver *r = owner;
	struct watch **at = watch_of(r, fd);
	struct watch *w = *at;

	if (!readable && !writable) {
		if (w) {
			*at = w->next;
			loop_io_close(&w->io);
			free(w);
		}
		return;
	}
	if (!w) {
		w = watch_new(r, fd);
	}
	if (w) {
		loop_io_want(&w->io,
		    (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0));
	}
}

/* --- lookups -------------------------------------------------------------- */

static void
lookup_settle(struct lookup *k)
{
	if (!k->released || !k->told) {
		return;
	}
	if (k->next) {
		k->next->link = k->link;
	}
	*k->link = k->next;
	free(k);
}

static void
tell(struct lookup *k)
{
	if (!k->told) {
		k->told = true;
		loop_timer_cancel(&k->deadline);
		loop_later_cancel(k->resolver->loop, k);
		k->done(k->context, k->e.kind ? NULL : &k->found, &k->e);
	}
}

static void
tell_later(void *owner)
{
	struct lookup *k = owner;

	tell(k);
	lookup_settle(k);
}

static void
deadline_passed(void *owner)
{
	struct lookup *k = owner;

	(void)err_set(
	    &k->e, ERR_TIMEOUT, "the name was not resolved in the time given");
	tell_later(k);
}

static void
keep_address(struct names_found *found, const struct sockaddr *sa)
{
	struct names_addr a;

	if (!names_addr_read(sa, &a)) {
		return;
	}
	for (size_t i = 0; i < found->count; i++) {
		if (names_addr_eq(&found->at[i], &a)) {
			return;
		}
	}
	if (found->count < NAMES_ANSWERS_MAX) {
		found->at[found->count++] = a;
	}
}

static void
explain(struct lookup *k, int status)
{
	switch (status) {
	case ARES_SUCCESS:
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
	case ARES_ENONAME:
		(void)err_set(&k->e, ERR_MISSING,
		    "the name does not exist or has no address");
		return;
	case ARES_ETIMEOUT:
		(void)err_set(
		    &k->e, ERR_TIMEOUT, "the resolvers did not answer");
		return;
	default:
		(void)err_set(&k->e, ERR_UNAVAILABLE,
		    "the resolvers failed: %s", ares_strerror(status));
	}
}

static void
released(void *owner, int status, int timeouts, struct ares_addrinfo *info)
{
	struct lookup *k = owner;

	(void)timeouts;
	k->released = true;
	if (k->told) { /* by its deadline, or by names_resolver_free */
		if (info) {
			ares_freeaddrinfo(info);
		}
		lookup_settle(k);
		return;
	}
	if (status == ARES_SUCCESS && info) {
		for (const struct ares_addrinfo_node *n = info->nodes; n;
		     n = n->ai_next) {
			keep_address(&k->found, n->ai_addr);
		}
	}
	if (info) {
		ares_freeaddrinfo(info);
	}
	if (!k->found.count) {
		explain(k, status);
	}
	loop_later(k->resolver->loop, tell_later, k);
}

void
names_resolve(struct names_resolver *r, const char *name, int64_t timeout_us,
    names_done *done, void *context)
{
	struct lookup *k = calloc(1, sizeof(*k));
	struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};

	must(k);
	k->resolver = r;
	k->done = done;
	k->context = context;
	k->next = r->lookups;
	k->link = &r->lookups;
	if (k->next) {
		k->next->link = &k->next;
	}
	r->lookups = k;
	loop_timer_arm(&k->deadline, r->loop,
	    mono_after(loop_now(r->loop), timeout_us), deadline_passed, k);
	ares_getaddrinfo(r->channel, name, NULL, &hints, released, k);
	arm_retry(r);
}

/* --- life ------------------------------------------------------------------
 */

int
names_resolver_new(struct loop *l, const char *servers,
    struct names_resolver **out, struct err *e)
{
	static char lookups[] = "b"; /* DNS alone, never the hosts file */
	struct names_resolver *r = calloc(1, sizeof(*r));
	/* No search list and no host aliases: the name asked is the name
	 * meant. */
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = TRY_MS,
		.tries = TRIES,
		.lookups = lookups,
		.sock_state_cb = socket_wanted,
		.sock_state_cb_data = r,
	};

	must(r);
	r->loop = l;
	int status = ares_library_init(ARES_LIB_INIT_ALL);

	if (!status) {
		status = ares_init_options(&r->channel, &options,
		    ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		        ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS |
		        ARES_OPT_SOCK_STATE_CB);
	}
	if (status) {
		free(r);
		return err_set(e, ERR_IO, "cannot start the resolver: %s",
		    ares_strerror(status));
	}
	if (servers &&
	    (status = ares_set_servers_ports_csv(r->channel, servers))) {
		ares_destroy(r->channel);
		free(r);
		return err_set(e, ERR_INPUT, "resolvers '%s': %s",
		    err_quote(str_of(servers)), ares_strerror(status));
	}
	*out = r;
	return 0;
}

void
names_resolver_free(struct names_resolver *r)
{
	if (!r) {
		return;
	}
	for (struct lookup *k = r->lookups; k; k = k->next) {
		if (!k->told) {
			(void)err_set(
			    &k->e, ERR_UNAVAILABLE, "the resolver is stopping");
			tell(k);
		}
	}
	ares_destroy(r->channel); /* releases every lookup, closes sockets */
	for (struct lookup *k = r->lookups; k;) {
		struct lookup *next = k->next;

		must(k->released && k->told);
		lookup_settle(k);
		k = next;
	}
	must(!r->lookups && !r->watches);
	loop_timer_cancel(&r->retry);
	free(r);
}
