/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_VAULT_H
#define PARTS_CORE_VAULT_H

/*
 * A chapter of core.h, which includes it: vaults and credentials as core knows
 * them.  Names, hosts and properties stand here in clear, the value is a sealed
 * row that only the vault can open, its mark a number that only the vault can
 * make.  Newest first in every list.
 */

#define CORE_VAULT_ID      48
#define CORE_VAULT_DEFAULT "vlt_default"
#define CORE_VAULT_MAX     20 /* credentials in use in one vault */
#define CORE_URL_MAX       400
#define CORE_LABEL_MAX     128
#define CORE_META_MAX      2048 /* bytes of metadata as JSON */
/* What is behind each row that cannot be read. */
#define CORE_DAMAGED "; its row is damaged: restore the store from a backup"

struct core_vault {
	struct core_vault *next;
	char id[CORE_VAULT_ID];
	char name[WIRE_CREDENTIAL_MAX];
	char label[CORE_LABEL_MAX];
	struct buf metadata; /* JSON object, or empty */
	struct wall made, changed, archived_at;
	bool archived;
};

struct core_credential {
	struct core_credential *next;
	char id[CORE_VAULT_ID];
	char name[WIRE_CREDENTIAL_MAX];
	char vault[CORE_VAULT_ID]; /* its id */
	char label[CORE_LABEL_MAX];
	char hosts[512];
	char issuer[WIRE_HOST_MAX]; /* host[:port] of the token endpoint */
	char url[CORE_URL_MAX];     /* mcp_server_url, or empty */
	uint32_t version;
	uint32_t kind; /* enum seal_kind, by wire_binding */
	bool archived;
	bool checked; /* the vault has opened this row since it stands */
	char refused[WIRE_TEXT_MAX]; /* why its row is not used, or empty */
	struct wall made, changed, rotated, archived_at;
	struct buf facts; /* canonical JSON of what never changes, or empty */
	struct buf metadata;
	struct buf row;
	struct wire_marks marks; /* of its values; zero: not known */
	/* of tokens (core_oauth.c) */
	uint32_t has;    /* enum wire_has, as the vault said of this row */
	int64_t expires; /* Unix seconds; 0: not known */
	int64_t renew;   /* from then on the access token is made anew */
	bool asked;      /* an endpoint was asked; nobody saw the answer yet */
	uint64_t settling;  /* this row is not on the disk yet: not lent */
	uint32_t fails;     /* in a row */
	struct mono again;  /* not asked before */
	struct mono forced; /* not for a 401 before */
	char closed[WIRE_TEXT_MAX]; /* why only a login helps, or empty */
};

/* A value that was a credential's and is no more. */
struct core_mark {
	struct core_mark *next;
	uint8_t mark[WIRE_MARK];
	char name[WIRE_CREDENTIAL_MAX];
	uint32_t version; /* of the row that held it */
	bool past; /* its issuer has renewed it, or it stood beside what is over
	            */
};

/* By name or by id. */
const struct core_credential *core_credential_find(
    const struct core *c, struct str name);
/* Why it may not be used now, as the end of a sentence; NULL: it may. */
const char *core_credential_unfit(
    const struct core *c, const struct core_credential *k);
void core_credential_binding(
    const struct core_credential *k, struct wire_binding *out);
struct core_vault *core_vault_find(struct core *c, struct str name_or_id);
const char *core_kind_name(uint32_t kind);
bool core_kind_parse(struct str name, uint32_t *kind);

/* Rows of the store: written with the next batch. */
void core_credential_save(struct core *c, const struct core_credential *k);
void core_vault_save(struct core *c, const struct core_vault *v);

/* core_mark.c: a value that its row does not hold any more is recognised when a
 * sandbox brings it. */

/* The row of `next` is its row now: what is not in it has passed. */
void core_mark_passed(
    struct core *c, struct core_credential *k, const struct wire_marks *next);
/* By a person's word, who may have none in its stead (NULL): what was granted
 * of it is taken back, and the value does not come back. */
void core_mark_over(
    struct core *c, struct core_credential *k, const struct wire_marks *next);
/* A value that does not come back; NULL: it may be put in. */
const struct core_mark *core_mark_find(
    const struct core *c, const struct wire_marks *marks);
int core_mark_load(struct core *c, struct err *e) MUST_CHECK;
/* P08: of which credential it is a value, as a sentence; NULL: of none. */
const char *core_mark_says(
    const struct core *c, struct arena *a, const uint8_t mark[WIRE_MARK]);

int core_vault_load(struct core *c, struct err *e) MUST_CHECK;
/* What was dropped of rows leaves the log in front of the store's file, too:
 * at once, or, where that fails, when it can. */
void core_vault_scrub(struct core *c);
/* Asks the vault, one row after the other, whether it opens. */
void core_vault_check(struct core *c);
wire_take_fn core_vault_checked;

#endif
