/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the vault for seals of decisions, and whether one is its own. */
#include <stdlib.h>
#include <string.h>

#include "parts/core.h"

struct core_mac *
core_mac_new(void)
{
	struct core_mac *job = calloc(1, sizeof(*job));

	must(job);
	return job;
}

void
core_mac_add(struct core_mac *job, struct digest d, const uint8_t *mac)
{
	uint32_t n = job->record.count++;

	must(n < WIRE_MACS);
	memcpy(job->record.digest[n], d.bytes, DIGEST_SIZE);
	if (mac) {
		memcpy(job->record.mac[n], mac, WAIT_MAC);
	}
}

static void
finish(struct core *c, struct core_mac *job, enum core_mac_end end)
{
	job->done(c, job, end);
	arena_fini(&job->arena);
	free(job);
}

static void
send(struct core *c, struct core_mac *job)
{
	wire_send(c->vault, WIRE_VAULT_MAC, &job->record, NULL, 0);
}

void
core_mac_send(struct core *c, struct core_mac *job)
{
	struct core_mac **at = &c->macs;

	while (*at) { /* in their order */
		at = &(*at)->next;
	}
	*at = job;
	job->record.id = core_number(c);
	if (c->vault_ready) {
		send(c, job);
	} else if (!job->waits) {
		*at = NULL;
		finish(c, job, CORE_MAC_AWAY);
	}
}

void
core_vault_maced(void *owner, struct wire_peer *peer, const void *record,
    int *fds, size_t nfds)
{
	struct core *c = owner;
	const struct wire_vault_maced *in = record;
	struct core_mac **at = &c->macs;

	(void)peer;
	(void)fds;
	(void)nfds;
	while (*at && (*at)->record.id != in->id) {
		at = &(*at)->next;
	}
	if (!*at) {
		return;
	}
	struct core_mac *job = *at;

	*at = job->next;
	if (!job->record.check) {
		memcpy(job->record.mac, in->mac, sizeof(job->record.mac));
	}
	finish(c, job, in->good ? CORE_MAC_GOOD : CORE_MAC_BAD);
}

void
core_macs_gone(struct core *c)
{
	struct core_mac **at = &c->macs;

	while (*at) {
		struct core_mac *job = *at;

		if (job->waits) {
			at = &job->next;
		} else {
			*at = job->next;
			finish(c, job, CORE_MAC_AWAY);
		}
	}
}

void
core_macs_again(struct core *c)
{
	for (struct core_mac *job = c->macs; job; job = job->next) {
		send(c, job);
	}
}

void
core_mac_check(struct core *c, const struct wait_item *w, core_mac_fn *done,
    uint64_t number)
{
	struct core_mac *job = core_mac_new();
	bool whole = w->said_count > 0;

	job->done = done;
	job->number = number;
	job->waits = true;
	job->record.check = 1;
	job->id = arena_str(&job->arena, str_of(w->id));
	for (uint32_t i = 0; whole && i < w->said_count; i++) {
		const struct wait_said *s = &w->said[i];

		whole = s->sealed;
		core_mac_add(job, wait_said_digest(w, s), s->mac);
	}
	if (whole) {
		core_mac_send(c, job);
	} else {
		finish(c, job, CORE_MAC_BAD);
	}
}
