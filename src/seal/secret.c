/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "seal/own.h"

struct secret {
	uint8_t *at; /* sodium_malloc: guard pages, locked, not in core dumps */
	size_t len;
};

static bool some_unlocked;

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

struct secret *
secret_room(size_t len, uint8_t **at)
{
	struct secret *secret = calloc(1, sizeof(*secret));

	must(secret);
	secret->at = locked_new(len);
	secret->len = len;
	*at = secret->at;
	return secret;
}

void
secret_close(struct secret *secret)
{
	locked_close(secret->at);
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
	if (secret) {
		sodium_free(secret->at); /* overwrites first */
		free(secret);
	}
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
