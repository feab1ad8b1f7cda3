/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The freedesktop Secret Service, through libsecret, opened at run time: a
 * house that keeps its key elsewhere needs none of it.  The few types that its
 * calls take are written down here as libsecret 0.20 has them.
 * https://gnome.pages.gitlab.gnome.org/libsecret/
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "rootkey/inside.h"

#define LIBRARY "libsecret-1.so.0"
#define LABEL   "Handrail vault key"

struct secret_attribute {
	const char *name;
	int type; /* 0: a string */
};

struct secret_schema {
	const char *name;
	int flags;
	struct secret_attribute attributes[32];
	int reserved;
	void *reserved_pointers[7];
};

struct g_error {
	uint32_t domain;
	int code;
	char *message;
};

typedef int store_fn(const struct secret_schema *schema, const char *collection,
    const char *label, const char *password, void *cancellable,
    struct g_error **error, ...);
typedef char *lookup_fn(const struct secret_schema *schema, void *cancellable,
    struct g_error **error, ...);
typedef int clear_fn(const struct secret_schema *schema, void *cancellable,
    struct g_error **error, ...);

static const struct secret_schema schema = {
	.name = "org.handrail.VaultKey",
	.attributes = { { "house", 0 } },
};

struct work {
	const char *house;
	const char *hex;
};

static void *
find(const char *name, struct err *e)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	void *found = library ? dlsym(library, name) : NULL;

	if (!found) {
		(void)err_set(e, ERR_UNAVAILABLE,
		    "%s is not there: install the package libsecret-1-0",
		    LIBRARY);
	}
	return found;
}

static int
fail(const struct g_error *error, struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "the Secret Service said: %s",
	    error && error->message ? error->message : "nothing");
}

static int
work_read(void *context, struct buf *out, struct err *e)
{
	const struct work *w = context;
	struct g_error *error = NULL;
	lookup_fn *lookup = NULL;
	void *found = find("secret_password_lookup_sync", e);
	char *secret;

	if (!found) {
		return -1;
	}
	memcpy(&lookup, &found, sizeof(found));
	secret = lookup(&schema, NULL, &error, "house", w->house, NULL);
	if (error) {
		return fail(error, e);
	}
	if (!secret) {
		return err_set(e, ERR_MISSING,
		    "the Secret Service has no key of this house");
	}
	buf_add_z(out, secret);
	return 0;
}

static int
work_keep(void *context, struct buf *out, struct err *e)
{
	const struct work *w = context;
	struct g_error *error = NULL;
	store_fn *store = NULL;
	void *found = find("secret_password_store_sync", e);

	(void)out;
	if (!found) {
		return -1;
	}
	memcpy(&store, &found, sizeof(found));
	return store(&schema, NULL, LABEL, w->hex, NULL, &error, "house",
	           w->house, NULL)
	           ? 0
	           : fail(error, e);
}

static int
work_forget(void *context, struct buf *out, struct err *e)
{
	const struct work *w = context;
	struct g_error *error = NULL;
	clear_fn *clear = NULL;
	void *found = find("secret_password_clear_sync", e);

	(void)out;
	if (!found) {
		return -1;
	}
	memcpy(&clear, &found, sizeof(found));
	(void)clear(&schema, NULL, &error, "house", w->house, NULL);
	return error ? fail(error, e) : 0;
}

int
secret_service_read(const char *house, struct buf *hex, struct err *e)
{
	struct work w = { .house = house };

	return child_run(work_read, &w, hex, e);
}

int
secret_service_keep(const char *house, struct str hex, struct err *e)
{
	char text[2 * SEAL_RAW_KEY + 1];
	struct work w = { .house = house, .hex = text };
	auto_buf none = { 0 };
	int result;

	must(str_copy(text, sizeof(text), hex));
	result = child_run(work_keep, &w, &none, e);
	wipe(text, sizeof(text));
	return result;
}

int
secret_service_forget(const char *house, struct err *e)
{
	struct work w = { .house = house };
	auto_buf none = { 0 };

	return child_run(work_forget, &w, &none, e);
}
