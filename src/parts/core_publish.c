/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree is signed after `[audit] every` events, and at the latest `wait`
 * after the first that is not covered; then the note goes where `publish` says.
 * Where it was not taken it is tried again, after `wait` that doubles each
 * time, also if the tree is signed before: whoever is down is not asked after
 * each few events.  From the moment a note has left this machine, nobody on it
 * can change what is before it unseen.
 *
 *   idle → signing → committing → witnesses → sending → idle
 *
 * What this part writes of its own doing (checkpoint, its requests) does not
 * count as an event, or a quiet house would sign for ever.  A note that did not
 * get out is not sent again: the next one covers all that it covered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "parts/core.h"
#include "parts/core_pause.h"
#include "parts/core_proof.h"
#include "parts/core_witness.h"

#define RULE       "audit.publish"
#define AGAIN_US   (30 * CLOCK_SECOND)
#define TIMEOUT_US (10 * CLOCK_SECOND)

struct core_publish {
	struct loop_timer timer;
	uint64_t told;   /* events since the tree that was signed last */
	uint64_t newest; /* the last of them: its number */
	bool busy;
	struct core_pause pause; /* of the place */
	struct buf note;         /* that is under way */
	struct book_root root;
	struct book_root there; /* of this book, what the file has as we know */
	uint64_t out;           /* size of the newest tree that got out */
	struct wall out_at;
	char problem[400];
};

static struct core_publish *
publish(struct core *c)
{
	if (!c->publish) {
		c->publish = calloc(1, sizeof(*c->publish));
		must(c->publish);
	}
	return c->publish;
}

static void due(void *owner);

static void
arm_at(struct core *c, struct mono at)
{
	loop_timer_arm(&c->publish->timer, c->part.loop, at, due, c);
}

static void
arm(struct core *c, int64_t us)
{
	arm_at(c, mono_after(loop_now(c->part.loop), us));
}

/* Of who did not take a tree and is still to have one; NULL: there is nobody.
 */
static const struct core_pause *
next_try(const struct core *c)
{
	return core_pause_sooner(&c->publish->pause, core_witness_pause(c));
}

/* What is not under a signed tree waits its own time. */
static void
arm_for_told(struct core *c)
{
	const struct config_audit *a = &c->house.config.audit;

	arm(c, c->publish->told >= a->every ? 0 : a->wait);
}

/* Events came meanwhile: they wait their own time.  A house where nothing
 * happens any more still owes its last tree to who did not take it. */
static void
rest(struct core *c)
{
	struct core_publish *p = publish(c);
	const struct core_pause *pause = next_try(c);

	p->busy = false;
	if (p->told) {
		arm_for_told(c);
	} else if (pause) {
		arm_at(c, pause->until);
	}
}

static void
not_out(struct core *c, const char *why)
{
	struct core_publish *p = publish(c);

	core_text(p->problem, sizeof(p->problem), why);
	log_line(LOG_ERROR, "audit", "publish: %s", p->problem);
	core_pause_longer(
	    &p->pause, loop_now(c->part.loop), c->house.config.audit.wait);
}

static void
got_out(struct core *c)
{
	struct core_publish *p = publish(c);

	p->problem[0] = '\0';
	p->pause = (struct core_pause){ 0 };
	p->out = p->root.size;
	p->out_at = wall_now();
}

/* --- to a file --- */

static void send_note(struct core *c, bool blocks);

/* The roots of the book's blocks are there.  A reload may have named another
 * place meanwhile. */
static void
compare(struct core *c, const struct err *failed)
{
	if (failed) {
		not_out(c, failed->text);
		rest(c);
	} else {
		send_note(c, true);
	}
}

static void
write_file(struct core *c, const char *path)
{
	struct core_publish *p = publish(c);
	struct err e = { 0 };

	if (file_write_atomic(path, buf_str(&p->note), 0644, &e)) {
		(void)err_wrap(&e,
		    "the folder must be writable for core's own id, %u",
		    (unsigned)getuid());
		not_out(c, e.text);
		return;
	}
	p->there = p->root;
	got_out(c);
}

/* What stands there is of this book, or it stays: whoever has to explain what
 * became of his book has the note. */
static int
may_replace(struct core *c, const struct book_root *old, const char *path,
    struct err *e)
{
	struct digest root;

	if (core_root_at(c, old->size, &root, e)) {
		return err_wrap(e, "comparing the book with %s", path);
	}
	return digest_eq(root, old->root)
	           ? 0
	           : err_set(e, ERR_CONFLICT,
	                 "this book is not the one whose note is in %s: one of "
	                 "its first %llu events is another; keep that note, "
	                 "move it aside, and the next one is written",
	                 path, (unsigned long long)old->size);
}

/* -1: it stays.  1: the roots of the book's blocks are needed first. */
static int
look_there(struct core *c, struct buf *path, bool blocks, struct err *e)
{
	struct core_publish *p = publish(c);
	struct book_root old;

	if (core_published_read(c, &old, path, e)) {
		return -1;
	}
	/* A tree never grows smaller: that book was cut, or is restored. */
	if (old.size > p->root.size) {
		return err_set(e, ERR_CONFLICT,
		    "%s has a tree of %llu events, this book %llu: it was cut "
		    "off or restored; keep that file, move it aside, and the "
		    "next one is written",
		    buf_z(path), (unsigned long long)old.size,
		    (unsigned long long)p->root.size);
	}
	if (!old.size ||
	    (old.size == p->there.size && digest_eq(old.root, p->there.root))) {
		return 0;
	}
	return blocks ? may_replace(c, &old, buf_z(path), e) : 1;
}

static void
to_file(struct core *c, bool blocks)
{
	auto_buf path = { 0 };
	struct err e = { 0 };
	int look = look_there(c, &path, blocks, &e);

	if (look > 0) {
		core_proof_then(c, compare);
		return;
	}
	if (look < 0) {
		not_out(c, e.text);
	} else {
		write_file(c, buf_z(&path));
	}
	rest(c);
}

/* --- to a URL --- */

/* Who takes notes may answer with what witnesses say to this one. */
static void
keep_cosigns(struct core *c, struct str answer)
{
	struct core_publish *p = publish(c);

	if (core_witness_add(c, &p->root, answer, &p->note)) {
		core_row(c, "meta", STR(CORE_CHECKPOINT_ROW), buf_str(&p->note),
		    p->root.size);
	}
}

static void
url_answered(struct core *c, uint64_t number, const struct wire_http_done *done,
    struct str body)
{
	auto_buf why = { 0 };

	(void)number;
	if (!done->ok) {
		not_out(c, done->text);
	} else if (done->status >= 200 && done->status < 300) {
		got_out(c);
		keep_cosigns(c, body);
	} else {
		buf_addf(&why, "it answered with status %u", done->status);
		not_out(c, buf_z(&why));
	}
	rest(c);
}

static void
to_url(struct core *c, const struct config_audit *a)
{
	struct core_http h = {
		.rule = STR(RULE),
		.method = STR("POST"),
		.url = a->publish,
		.headers = STR("Content-Type: text/plain; charset=utf-8\r\n"),
		.body = buf_str(&publish(c)->note),
		.upstream = a->upstream,
		.ca = a->ca,
		.timeout = TIMEOUT_US,
		.answer_limit = BOOK_NOTE_MAX,
		.done = url_answered,
	};

	core_http_do(c, &h);
}

/* blocks: the roots that a comparison needs are there. */
static void
send_note(struct core *c, bool blocks)
{
	const struct config_audit *a = &c->house.config.audit;
	struct core_publish *p = publish(c);

	if (str_starts(a->publish, STR("file:"))) {
		to_file(c, blocks); /* to look costs nobody anything */
	} else if (!a->publish.len) {
		p->problem[0] = '\0'; /* a reload took the place out */
		p->pause = (struct core_pause){ 0 };
		rest(c);
	} else if (core_pause_stands(&p->pause, loop_now(c->part.loop))) {
		rest(c);
	} else {
		to_url(c, a);
	}
}

static void
witnessed(struct core *c, struct str note)
{
	struct core_publish *p = publish(c);

	if (note.len > p->note.len) {
		buf_clear(&p->note);
		buf_add(&p->note, note);
		core_row(
		    c, "meta", STR(CORE_CHECKPOINT_ROW), note, p->root.size);
	}
	send_note(c, false);
}

/* The head that names the note is on the disk. */
static void
committed(struct core *c, uint64_t number)
{
	struct core_publish *p = publish(c);

	(void)number;
	core_witness_ask(c, &p->root, buf_str(&p->note), witnessed);
}

/* --- signing --- */

static void
is_signed(struct core *c, uint64_t number, const struct book_root *root,
    struct str note)
{
	struct core_publish *p = publish(c);

	(void)number;
	if (!note.len) {
		p->busy = false;
		arm(c, AGAIN_US);
		return;
	}
	p->root = *root;
	/* What came while it was being signed is not under it. */
	p->told = p->newest > root->size ? p->newest - root->size : 0;
	buf_clear(&p->note);
	buf_add(&p->note, note);
	core_row(c, "meta", STR(CORE_CHECKPOINT_ROW), note, root->size);
	core_after(c, committed, 0);
}

/* Never while busy: nothing arms it then.  Later, when the vault is away or the
 * disk does not take what there is. */
static void
due(void *owner)
{
	struct core *c = owner;
	struct core_publish *p = publish(c);
	struct err e = { 0 };

	if ((!p->told && !next_try(c)) || c->draining) {
		return;
	}
	if (core_stalled(c)[0] || core_sign_tree(c, is_signed, 0, &e)) {
		arm(c, AGAIN_US);
		return;
	}
	p->busy = true;
}

void
core_publish_knows(struct core *c, const struct book_root *there)
{
	publish(c)->there = *there;
}

void
core_publish_saw(struct core *c, const struct book_head *head)
{
	struct core_publish *p = publish(c);
	const struct config_audit *a = &c->house.config.audit;

	if (head->kind == BOOK_CHECKPOINT || strcmp(head->rule, RULE) == 0 ||
	    strcmp(head->rule, "audit.witness") == 0) {
		return;
	}
	p->told++;
	p->newest = head->seq;
	/* Before the configuration is read nothing is due. */
	if (p->busy || !a->every) {
		return;
	}
	/* What is behind the first waits with it. */
	if (p->told >= a->every || p->told == 1) {
		arm_for_told(c);
	}
}

/* Whatever was mended is seen at once, and not when a pause is over. */
void
core_publish_follow(struct core *c)
{
	struct core_publish *p = publish(c);

	p->pause.until = loop_now(c->part.loop);
	if (next_try(c) && !p->busy) {
		arm(c, 0);
	}
}

void
core_publish_begin(struct core *c)
{
	if (publish(c)->told) { /* most before the configuration was read */
		arm_for_told(c);
	}
}

void
core_publish_write(const struct core *c, struct json_out *o)
{
	const struct core_publish *p = c->publish;
	char at[WALL_TEXT_MAX];

	if (!p || !c->house.config.audit.publish.len) {
		return;
	}
	json_out_object(o, "published");
	json_out_i64(o, "events", (int64_t)p->out);
	if (p->out) {
		wall_text(p->out_at, at);
		json_out_z(o, "at", at);
	}
	json_out_z(o, "problem", p->problem);
	json_out_end(o, '}');
}
