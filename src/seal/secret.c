/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "seal/own.h"

/* Guarded pages cost some ten system calls, so a few are kept for the next
 * secret: overwritten, and nobody can read them meanwhile. */
#define SLOT_SIZE 4096
#define SLOTS     16

struct secret {
	uint8_t *at; /* sodium_malloc: guard pages, locked, not in core dumps */
	size_t len;
	uint8_t *slot; /* what at ends in; NULL: at is its own */
};

static bool some_unlocked;
static uint8_t *slots[SLOTS];
static size_t slot_count;

void
sodium_ready(void)
{
	must(sodium_init() >= 0);
}

uint8_t *
locked_new(size_t len)
{
	uint8_t *at;

	sodium_ready();
	at = sodium_malloc(len);
	must(at);
	/* sodium_malloc locks too but does not tell if it could. */
	if (len > 0 && sodium_mlock(at, len)) {
		some_unlocked = true;
	}
	return at;
}

void
locked_close(void *at)
{
	must(sodium_mprotect_readonly(at) == 0);
}

static uint8_t *
slot_take(void)
{
	if (slot_count == 0) {
		return locked_new(SLOT_SIZE);
	}
	uint8_t *slot = slots[--slot_count];

	must(sodium_mprotect_readwrite(slot) == 0);
	return slot;
}

static void
slot_give(struct secret *secret)
{
	if (slot_count == SLOTS) {
		sodium_free(secret->slot); /* overwrites first */
		return;
	}
	must(sodium_mprotect_readwrite(secret->slot) == 0);
	sodium_memzero(secret->at, secret->len);
	must(sodium_mprotect_noaccess(secret->slot) == 0);
	slots[slot_count++] = secret->slot;
}

struct secret *
secret_room(size_t len, uint8_t **at)
{
	struct secret *secret = calloc(1, sizeof(*secret));

	must(secret);
	secret->len = len;
	if (len == 0 || len > SLOT_SIZE) {
		secret->at = locked_new(len);
	} else {
		secret->slot = slot_take();
		/* At the very end, where the guard page begins. */
		secret->at = secret->slot + SLOT_SIZE - len;
	}
	*at = secret->at;
	return secret;
}

void
secret_close(struct secret *secret)
{
	locked_close(secret->slot ? secret->slot : secret->at);
}

struct secret *
secret_new(struct str bytes)
{
	uint8_t *at;
	struct secret *secret = secret_room(bytes.len, &at);

	if (bytes.len > 0) {
		memcpy(at, bytes.at, bytes.len);
	}
	secret_close(secret);
	return secret;
}

void
secret_free(struct secret *secret)
{
	if (secret && secret->slot) {
		slot_give(secret);
	} else if (secret) {
		sodium_free(secret->at); /* overwrites first */
	}
	free(secret);
}

void
secret_open(const struct secret *secret, struct str *bytes)
{
	*bytes = str_span(secret->at, secret->len);
}

void
auto_secret_free(struct secret **secret)
{
	secret_free(*secret);
}

bool
secret_memory_locked(void)
{
	return !some_unlocked;
}
