/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAIT_ITEM_H
#define WAIT_ITEM_H

/* A chapter of wait.h, which includes it: what is known of a wait. */

struct wait_said { /* one person's word */
	struct str by;
	struct str surface;
	struct str reason;
	struct str value;
	struct wall at;
	bool yes;
	bool sealed; /* it came with a MAC */
	uint8_t mac[WAIT_MAC];
};

struct wait_item { /* read only for others */
	char id[WAIT_ID_TEXT];
	char code[WAIT_CODE_TEXT];
	uint64_t seq; /* of its put */
	enum wait_kind kind;
	enum wait_state state;
	struct str identity;
	struct str tool;
	struct str asker;
	struct str gate;
	struct str run;
	uint32_t call;
	struct digest contract;
	struct digest args;
	struct digest workspace;
	struct digest digest;
	struct digest effect;
	struct digest asked_by; /* as it was put */
	struct digest named_args;
	struct str hint;
	struct str brief; /* empty: there is none */
	bool hint_cut;
	bool brief_cut;
	uint32_t people;
	uint32_t named_count;
	uint32_t surface_count;
	const struct str *named;
	const struct str *surfaces;
	const struct str *options;
	uint32_t option_count;
	struct wait_said *said; /* in their order; a no is the last */
	uint32_t said_count;
	struct str by; /* who decided, where, why, with what value */
	struct str surface;
	struct str reason;
	struct str value;
	struct wall asked;
	struct wall expires;
	struct wall decided;
	struct wall remind;   /* zero: never */
	struct wall escalate; /* the same */
	struct str escalate_to;
	struct str escalate_for;
	struct str file; /* id of its permission files, or empty */
	struct str file_name;
	bool reminded;
	bool escalated;
};
uint32_t wait_yes_count(const struct wait_item *i);
/* What the MAC of one word is over. */
struct digest wait_said_digest(
    const struct wait_item *i, const struct wait_said *s);

/* NULL: nothing waits as this, or its texts cannot be read. */
const struct wait_item *wait_find(const struct wait_list *w, struct str id);

/* What is known without reading texts. */
struct wait_mark {
	uint64_t seq;
	char id[WAIT_ID_TEXT];
	enum wait_kind kind;
	enum wait_state state;
	uint8_t surfaces; /* wait_surface_bit of each */
	bool of_call;     /* a call waits for it, and its run with it */
};
uint8_t wait_surface_bit(struct str surface);
/* In order of being asked, the first after this seq; false: no more. */
bool wait_next(
    const struct wait_list *w, uint64_t after, struct wait_mark *mark);
/* Those of a run, the newest first; *at is 0 at first. */
bool wait_of_run(const struct wait_list *w, struct str run, uint32_t *at,
    struct wait_mark *mark);
size_t wait_open_count(const struct wait_list *w);
/* When wait_due has something to do; false: never. */
bool wait_next_due(const struct wait_list *w, struct wall *at);

/* JSON array: what waits (open only: the inbox), or all. */
void wait_write_list(struct buf *out, const struct wait_list *w, bool all);
/* More members of the object of one of them. */
typedef void wait_more_fn(
    void *context, struct json_out *o, const struct wait_item *i);
struct wait_page {
	uint64_t after; /* seq of the last one seen; 0: from the first on */
	size_t limit;
	bool all;
	wait_more_fn *more; /* or NULL */
	void *context;
};
/* The same, a page; the seq to go on after, 0: there is no more. */
uint64_t wait_write_page(
    struct buf *out, const struct wait_list *w, const struct wait_page *page);
/* The members of one, into an object that is open. */
void wait_write_members(struct json_out *o, const struct wait_item *i);
/* How many bytes the list has for all its waits. */
size_t wait_memory(const struct wait_list *w);

#endif
