/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTS_CORE_MAC_H
#define PARTS_CORE_MAC_H

/*
 * A chapter of core.h, which includes it: decisions that prove themselves.  A
 * word of a person is written down with a MAC of the vault's, and believed only
 * with it.  Core asks and goes on in `done`, one turn later or when the vault
 * is back; a job belongs to core_mac_send and is gone after `done`.
 */

struct core_mac;
enum core_mac_end {
	CORE_MAC_GOOD, /* made, or all of them are the vault's */
	CORE_MAC_BAD,
	CORE_MAC_AWAY, /* the vault is: only where the job does not wait */
};
typedef void core_mac_fn(
    struct core *c, struct core_mac *job, enum core_mac_end end);

struct core_mac {
	struct core_mac *next;
	struct arena arena;
	struct wire_vault_mac record;
	core_mac_fn *done;
	bool waits; /* for a vault that is away; else it hears so */
	/* of a word that is to be said (core_wait.c) */
	struct wait_decide say;
	int64_t lasts_us; /* to be remembered; 0: not */
	uint8_t random[WAIT_ID_RANDOM];
	void (*told)(struct core *c, uint64_t number, const struct wait_item *w,
	    const struct err *e);
	uint64_t number; /* of who asks */
	struct str id;   /* of a wait or grant that is looked at */
};

struct core_mac *core_mac_new(void);
void core_mac_add(struct core_mac *job, struct digest d, const uint8_t *mac);
void core_mac_send(struct core *c, struct core_mac *job);
wire_take_fn core_vault_maced;
void core_macs_gone(struct core *c);  /* the vault is */
void core_macs_again(struct core *c); /* it is back */
/* A person's word: judged, sealed by the vault, then written down and the run
 * woken.  0: it is on its way; it may still come second to another.
 * ERR_UNAVAILABLE: the vault is away. */
int core_wait_say(
    struct core *c, const struct wait_decide *say, struct err *e) MUST_CHECK;
/* The same, and `told` hears what became of it: w as it is then, with a batch
 * that says so, or e.  lasts_us: and it is to be remembered so long. */
struct core_word {
	struct wait_decide say;
	int64_t lasts_us;
	uint64_t number;
	void (*told)(struct core *c, uint64_t number, const struct wait_item *w,
	    const struct err *e);
};
int core_wait_say_to(
    struct core *c, const struct core_word *word, struct err *e) MUST_CHECK;

/* Every yes of this wait, or the no; a word without a MAC is bad at once. */
void core_mac_check(struct core *c, const struct wait_item *w,
    core_mac_fn *done, uint64_t number);

#endif
