/* SPDX-License-Identifier: Apache-2.0 */
#include "parts/core_witness.h"

#include <stdlib.h>
#include <string.h>

#include "parts/core_proof.h"
#include "seal/seal.h"

#define RULE       "audit.witness"
#define TIMEOUT_US (10 * CLOCK_SECOND)
#define ANSWER_MAX 4096 /* bytes */
#define TRIES      2    /* the second with the size that it named */

struct witness {
	uint64_t number; /* what it is asked by: places change in a reload */
	struct str name; /* this and line: of the configuration, which stays */
	struct str line;
	struct book_signer key;
	struct wall at;    /* of its newest good line */
	uint64_t cosigned; /* the size that it was about */
	uint64_t seen;     /* the tree that it has, as far as is known */
	unsigned tries;
	struct core_pause pause;
	char problem[300];
};

struct core_witness {
	struct witness list[ROLES_WITNESSES_MAX]; /* as in the configuration */
	size_t count;
	size_t asked; /* answers that are still to come */
	struct book_root root;
	struct buf note;
	core_witnessed_fn *done;
};

static struct core_witness *
witnesses(struct core *c)
{
	if (!c->witness) {
		c->witness = calloc(1, sizeof(*c->witness));
		must(c->witness);
	}
	return c->witness;
}

static const struct config_witness *
config_of(const struct core *c, const struct witness *w)
{
	return &c->house.config.witnesses[w - c->witness->list];
}

/* --- what it saw last --- */

static struct str
row_of(struct arena *a, const struct witness *w)
{
	return arena_printf(a, "witness/" STR_FMT, STR_ARG(w->name));
}

static void
remember(struct core *c, struct witness *w, uint64_t size)
{
	auto_arena a = { 0 };
	auto_buf text = { 0 };

	w->seen = size;
	buf_add_u64(&text, size);
	/* A witness that begins anew has seen less than before: the version is
	 * how far this book is, which never falls. */
	core_row(c, "meta", row_of(&a, w), buf_str(&text), c->book.seq);
}

/* --- who they are --- */

int
core_witness_check(const struct config *config, struct err *e)
{
	for (size_t i = 0; i < config->witness_count; i++) {
		const struct config_witness *from = &config->witnesses[i];
		struct book_signer key;

		if (book_witness_parse(from->key, &key, e)) {
			return err_wrap(e, "[witness." STR_FMT "] key",
			    STR_ARG(from->name));
		}
	}
	return 0;
}

static struct witness
met(struct core *c, const struct config_witness *from)
{
	struct witness w = {
		.number = core_number(c),
		.name = from->name,
		.line = from->key,
	};
	auto_arena a = { 0 };
	auto_buf size = { 0 };
	struct err e = { 0 };

	must(book_witness_parse(from->key, &w.key, &e) == 0);
	if (store_row_get(c->book.store, STR("meta"), row_of(&a, &w), &size,
	        NULL, &e) == 0) {
		(void)str_u64(buf_str(&size), &w.seen);
	}
	return w;
}

static const struct witness *
known(const struct core_witness *was, const struct config_witness *from)
{
	for (size_t i = 0; i < was->count; i++) {
		if (str_eq(was->list[i].name, from->name) &&
		    str_eq(was->list[i].line, from->key)) {
			return &was->list[i];
		}
	}
	return NULL;
}

void
core_witness_follow(struct core *c)
{
	struct core_witness *all = witnesses(c);
	struct core_witness was = *all;

	all->count = c->house.config.witness_count;
	for (size_t i = 0; i < all->count; i++) {
		const struct config_witness *from =
		    &c->house.config.witnesses[i];
		const struct witness *old = known(&was, from);

		all->list[i] = old ? *old : met(c, from);
		all->list[i].pause.until = loop_now(c->part.loop);
	}
}

/* --- asking --- */

static void ask_one(struct core *c, struct witness *w);

static void
answered(struct core *c)
{
	struct core_witness *all = c->witness;

	if (--all->asked == 0) {
		all->done(c, buf_str(&all->note));
	}
}

static void
fails(struct core *c, struct witness *w, const char *why)
{
	core_text(w->problem, sizeof(w->problem), why);
	log_line(LOG_ERROR, "audit", "witness " STR_FMT ": %s",
	    STR_ARG(w->name), why);
	core_pause_longer(
	    &w->pause, loop_now(c->part.loop), c->house.config.audit.wait);
	answered(c);
}

static bool
add_line(struct witness *w, const struct book_root *root, struct str answer,
    struct buf *note)
{
	struct err e = { 0 };

	if (!book_cosign_take(note, answer, &w->key, seal_verify)) {
		return false;
	}
	must(book_cosign_find(
	         buf_str(note), &w->key, seal_verify, &w->at, &e) == 0);
	w->cosigned = root->size;
	w->pause = (struct core_pause){ 0 };
	w->problem[0] = '\0';
	return true;
}

static void
takes(struct core *c, struct witness *w, struct str answer)
{
	struct core_witness *all = c->witness;

	if (!add_line(w, &all->root, answer, &all->note)) {
		fails(c, w,
		    "its answer has no good cosignature by the key in "
		    "handrail.toml");
		return;
	}
	remember(c, w, all->root.size);
	answered(c);
}

/* It has another tree than we thought: that is said again from there, once. */
static void
knows_another(struct core *c, struct witness *w, struct str answer)
{
	struct core_witness *all = c->witness;
	struct str rest = answer;
	struct str line;
	auto_buf why = { 0 };
	uint64_t size;

	(void)str_cut(&rest, '\n', &line);
	if (!str_u64(line, &size)) {
		fails(c, w, "it said 409 and no size");
	} else if (size > all->root.size) {
		buf_addf(&why,
		    "it has seen a tree of %llu events, and this book has "
		    "%llu: it was cut off or restored",
		    (unsigned long long)size,
		    (unsigned long long)all->root.size);
		fails(c, w, buf_z(&why));
	} else if (w->tries >= TRIES) {
		buf_addf(&why,
		    "it has another tree of %llu events than this book: it was "
		    "changed",
		    (unsigned long long)size);
		fails(c, w, buf_z(&why));
	} else {
		remember(c, w, size);
		ask_one(c, w);
	}
}

static const char *
meaning(uint32_t status)
{
	switch (status) {
	case 403:
		return "it has another key of this house (403): give its "
		       "operator the signer's line of `handrail audit "
		       "checkpoint`";
	case 404:
		return "it does not know this log (404): give its operator "
		       "the signer's line of `handrail audit checkpoint`";
	case 422:
		return "it finds that this tree did not grow from what it saw "
		       "(422): the book was changed";
	default:
		return NULL;
	}
}

static struct witness *
find(struct core *c, uint64_t number)
{
	for (size_t i = 0; i < c->witness->count; i++) {
		if (c->witness->list[i].number == number) {
			return &c->witness->list[i];
		}
	}
	return NULL;
}

static void
http_answered(struct core *c, uint64_t number,
    const struct wire_http_done *done, struct str body)
{
	struct witness *w = find(c, number);
	auto_buf why = { 0 };

	if (!w) {
		answered(c); /* a reload has taken it out */
	} else if (!done->ok) {
		fails(c, w, done->text);
	} else if (done->status == 200) {
		takes(c, w, body);
	} else if (done->status == 409) {
		knows_another(c, w, body);
	} else if (meaning(done->status)) {
		fails(c, w, meaning(done->status));
	} else {
		buf_addf(&why, "it answered with status %u", done->status);
		fails(c, w, buf_z(&why));
	}
}

static void
ask_one(struct core *c, struct witness *w)
{
	struct core_witness *all = c->witness;
	const struct config_witness *to = config_of(c, w);
	struct book_proof growth = { 0 };
	auto_arena a = { 0 };
	auto_buf body = { 0 };
	struct err e = { 0 };

	w->tries++;
	if (w->seen > all->root.size) {
		w->seen = 0; /* a restored book: the witness will say */
	}
	if (core_prove_growth(c, w->seen, all->root.size, &growth, &e)) {
		fails(c, w, e.text);
		return;
	}
	book_witness_ask(w->seen, &growth, buf_str(&all->note), &body);
	struct core_http h = {
		.rule = STR(RULE),
		.method = STR("POST"),
		.url = arena_printf(
		    &a, STR_FMT "/add-checkpoint", STR_ARG(to->url)),
		.headers = STR("Content-Type: text/plain; charset=utf-8\r\n"),
		.body = buf_str(&body),
		.upstream = to->upstream,
		.ca = to->ca,
		.timeout = TIMEOUT_US,
		.answer_limit = ANSWER_MAX,
		.number = w->number,
		.done = http_answered,
	};

	core_http_do(c, &h);
}

static void
blocks_ready(struct core *c, const struct err *failed)
{
	struct core_witness *all = c->witness;
	struct mono now = loop_now(c->part.loop);

	/* One more, so that none that fails at once is the last. */
	all->asked = all->count + 1;
	for (size_t i = 0; i < all->count; i++) {
		struct witness *w = &all->list[i];

		if (core_pause_stands(&w->pause, now)) {
			answered(c);
		} else if (failed) {
			fails(c, w, failed->text);
		} else {
			w->tries = 0;
			ask_one(c, w);
		}
	}
	answered(c);
}

void
core_witness_ask(struct core *c, const struct book_root *root, struct str note,
    core_witnessed_fn *done)
{
	struct core_witness *all = witnesses(c);

	must(!all->asked);
	all->root = *root;
	all->done = done;
	buf_clear(&all->note);
	buf_add(&all->note, note);
	if (all->count) {
		core_proof_then(c, blocks_ready);
	} else {
		done(c, buf_str(&all->note));
	}
}

size_t
core_witness_add(struct core *c, const struct book_root *root,
    struct str answer, struct buf *note)
{
	struct core_witness *all = witnesses(c);
	size_t added = 0;

	for (size_t i = 0; i < all->count; i++) {
		struct witness *w = &all->list[i];
		struct wall at;
		struct err e = { 0 };

		if (book_cosign_find(
		        buf_str(note), &w->key, seal_verify, &at, &e)) {
			added += add_line(w, root, answer, note);
		}
	}
	return added;
}

const struct core_pause *
core_witness_pause(const struct core *c)
{
	const struct core_pause *first = NULL;

	for (size_t i = 0; c->witness && i < c->witness->count; i++) {
		first = core_pause_sooner(first, &c->witness->list[i].pause);
	}
	return first;
}

void
core_witness_write(const struct core *c, struct json_out *o)
{
	json_out_array(o, "witnesses");
	for (size_t i = 0; c->witness && i < c->witness->count; i++) {
		const struct witness *w = &c->witness->list[i];
		char at[WALL_TEXT_MAX];

		json_out_object(o, NULL);
		json_out_str(o, "name", w->name);
		json_out_i64(o, "events", (int64_t)w->cosigned);
		if (w->cosigned) {
			wall_text(w->at, at);
			json_out_z(o, "at", at);
		}
		json_out_z(o, "problem", w->problem);
		json_out_end(o, '}');
	}
	json_out_end(o, ']');
}
