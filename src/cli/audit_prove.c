/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `audit prove`: one event in a tree, or that a tree grew from an older one.
 * What the house answers is checked here again, from the bytes alone; with
 * notes of a known signer nothing of the house is taken at its word.
 */
#include <string.h>

#include "cli/proof.h"
#include "seal/seal.h"

#define PROOF_MAX ((size_t)1024 * 1024) /* bytes of a proof's file */

int
cli_note_text(
    const char *file, struct buf *bytes, struct str *note, struct err *e)
{
	struct str rest;
	struct str line = STR("");

	if (file_read_given(file, BOOK_NOTE_MAX, bytes, e)) {
		return -1;
	}
	*note = rest = buf_str(bytes);
	while (rest.len) {
		size_t before = note->len - rest.len;

		(void)str_cut(&rest, '\n', &line);
		if (!rest.len && str_starts(line, STR("signer "))) {
			*note = str_sub(*note, 0, before);
		}
	}
	return 0;
}

int
cli_note(struct cli *c, const char *file, const struct book_signer *signer,
    struct book_root *out, struct err *e)
{
	auto_buf bytes = { 0 };
	struct str note;

	(void)c;
	if (cli_note_text(file, &bytes, &note, e) ||
	    (signer ? book_note_open(
	                  note, signer->name, signer, seal_verify, out, e)
	            : book_note_read(note, out, e))) {
		return err_wrap(e, "the checkpoint %s", file);
	}
	return 0;
}

/* --- one event --- */

static int
check_proof(const struct json *t, struct book_head *head,
    struct book_root *root, struct err *e)
{
	struct book_proof proof;
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct str text = STR("");

	root->size = (uint64_t)cli_number(t, "size");
	if (!json_text(t, "head", &text) ||
	    !cli_exact_hex(text, bytes, sizeof(bytes)) ||
	    !json_text(t, "root", &text) || !digest_parse(text, &root->root)) {
		return err_set(e, ERR_INPUT, "the proof is not of its form");
	}
	return cli_read_proof(json_get(t, "proof"), &proof, e) ||
	               book_head_decode(
	                   str_span(bytes, sizeof(bytes)), head, e) ||
	               book_check_leaf(
	                   book_leaf(str_span(bytes, sizeof(bytes))),
	                   head->seq - 1, root, &proof, e)
	           ? -1
	           : 0;
}

/* What was proven, not what the file says besides. */
static void
write_event(const struct book_head *head, const struct book_root *root)
{
	auto_buf text = { 0 };
	struct json_out o;
	char at[WALL_TEXT_MAX];
	char hex[DIGEST_TEXT];

	wall_text(head->time, at);
	json_out_init(&o, &text);
	json_out_object(&o, NULL);
	json_out_bool(&o, "ok", true);
	json_out_i64(&o, "seq", (int64_t)head->seq);
	json_out_z(&o, "kind", book_kind_name(head->kind));
	json_out_z(&o, "at", at);
	json_out_z(&o, "identity", head->identity);
	json_out_z(&o, "rule", head->rule);
	json_out_i64(&o, "call", head->call);
	json_out_i64(&o, "epoch", head->epoch);
	digest_text(head->body, hex);
	json_out_z(&o, "digest", head->has_body ? hex : "");
	json_out_i64(&o, "events", (int64_t)root->size);
	digest_text(root->root, hex);
	json_out_z(&o, "root", hex);
	json_out_end(&o, '}');
	printf("%s\n", buf_z(&text));
}

static void
tell_event(
    struct cli *c, const struct book_head *head, const struct book_root *root)
{
	char at[WALL_TEXT_MAX];
	char body[DIGEST_TEXT];
	char text[DIGEST_TEXT];

	if (c->json) {
		write_event(head, root);
		return;
	}
	wall_text(head->time, at);
	digest_text(head->body, body);
	digest_text(root->root, text);
	printf(
	    "%s  event %llu %s at %s\n  identity %s\n  rule %s, call %u, epoch "
	    "%u\n  body sha256 %s\n  in the tree of %llu events with root %s\n",
	    cli_paint(c, CLI_GREEN, "proven"), (unsigned long long)head->seq,
	    book_kind_name(head->kind), at,
	    head->identity[0] ? head->identity : "none",
	    head->rule[0] ? head->rule : "none", head->call, head->epoch, body,
	    (unsigned long long)root->size, text);
}

static int
prove_event(struct cli *c, const char *seq, const char *size)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };
	struct book_head head = { 0 };
	struct book_root root;
	struct err e = { 0 };

	ask.target = arena_printf(&c->arena, "/api/audit/prove?seq=%s%s%s",
	    cli_encode(c, str_of(seq)), size ? "&size=" : "",
	    size ? cli_encode(c, str_of(size)) : "");
	if (cli_send(c, &ask, &answer, &e) ||
	    check_proof(answer.tree, &head, &root, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		tell_event(c, &head, &root);
	}
	return 0;
}

/* --- growth --- */

static int
today(struct cli *c, const struct book_signer *signer, struct book_root *root,
    struct err *e)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET",
		.target = STR("/api/audit/checkpoint") };
	struct str note = STR("");

	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	(void)json_text(answer.tree, "checkpoint", &note);
	return signer ? book_note_open(
	                    note, signer->name, signer, seal_verify, root, e)
	              : book_note_read(note, root, e);
}

static int
prove_growth(struct cli *c, const char *from, const char *to,
    const struct book_signer *signer)
{
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };
	struct book_root old;
	struct book_root now;
	struct book_proof proof;
	struct err e = { 0 };

	if (cli_note(c, from, signer, &old, &e) ||
	    (to ? cli_note(c, to, signer, &now, &e)
	        : today(c, signer, &now, &e))) {
		return cli_fail(&e);
	}
	ask.target =
	    arena_printf(&c->arena, "/api/audit/growth?from=%llu&size=%llu",
	        (unsigned long long)old.size, (unsigned long long)now.size);
	if (cli_send(c, &ask, &answer, &e) ||
	    cli_read_proof(json_get(answer.tree, "proof"), &proof, &e) ||
	    book_check_growth(&old, &now, &proof, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		printf("%s  the tree of %llu events holds all %llu of the "
		       "older one, unchanged%s\n",
		    cli_paint(c, CLI_GREEN, "proven"),
		    (unsigned long long)now.size, (unsigned long long)old.size,
		    signer ? ""
		           : "; the signatures were not checked: give "
		             "--signer");
	}
	return 0;
}

/* --- without a house --- */

/* What `prove --json` printed, against notes of that signer alone. */
static int
check_event_file(struct cli *c, const struct json *t,
    const struct book_root *signed_, struct err *e)
{
	struct book_head head = { 0 };
	struct book_root root;

	if (check_proof(t, &head, &root, e)) {
		return -1;
	}
	if (root.size != signed_->size ||
	    !digest_eq(root.root, signed_->root)) {
		return err_set(e, ERR_DENIED,
		    "the proof is of a tree of %llu events, and the checkpoint "
		    "of another of %llu: make it with `audit prove SEQ --size "
		    "%llu --json`",
		    (unsigned long long)root.size,
		    (unsigned long long)signed_->size,
		    (unsigned long long)signed_->size);
	}
	tell_event(c, &head, &root);
	return 0;
}

static int
check_growth_file(struct cli *c, const struct json *t,
    const struct book_root *old, const struct book_root *now, struct err *e)
{
	struct book_proof proof;
	uint64_t from = (uint64_t)cli_number(t, "from");
	uint64_t size = (uint64_t)cli_number(t, "size");

	if (from != old->size || size != now->size) {
		return err_set(e, ERR_DENIED,
		    "the proof is not from the one checkpoint, of %llu events, "
		    "to the other, of %llu: make it with `audit prove --from "
		    "OLD-NOTE --to NOTE --json`",
		    (unsigned long long)old->size,
		    (unsigned long long)now->size);
	}
	if (cli_read_proof(json_get(t, "proof"), &proof, e) ||
	    book_check_growth(old, now, &proof, e)) {
		return -1;
	}
	if (c->json) {
		printf("{\"ok\":true,\"events\":%llu,\"from\":%llu}\n",
		    (unsigned long long)now->size,
		    (unsigned long long)old->size);
		return 0;
	}
	printf("%s  the tree of %llu events holds all %llu of the older one, "
	       "unchanged\n",
	    cli_paint(c, CLI_GREEN, "proven"), (unsigned long long)now->size,
	    (unsigned long long)old->size);
	return 0;
}

int
cli_verify_proof(struct cli *c, const struct cli_proof_files *f)
{
	struct book_signer signer;
	struct book_root now;
	struct book_root old;
	auto_buf text = { 0 };
	struct json *t;
	struct err e = { 0 };
	int bad;

	if (cli_signer(c, f->signer, &signer, &e) ||
	    cli_note(c, f->note, &signer, &now, &e) ||
	    (f->from && cli_note(c, f->from, &signer, &old, &e)) ||
	    file_read_given(f->proof, PROOF_MAX, &text, &e)) {
		return cli_fail(&e);
	}
	if (json_parse(&c->arena, buf_str(&text), NULL, &t, &e)) {
		(void)err_wrap(&e,
		    "%s is no proof, `audit prove --json` prints one",
		    f->proof);
		return cli_fail(&e);
	}
	bad = f->from ? check_growth_file(c, t, &old, &now, &e)
	              : check_event_file(c, t, &now, &e);
	return bad ? cli_fail(&e) : 0;
}

int
cli_audit_prove(struct cli *c, int argc, char **argv)
{
	const char *size = cli_option(&argc, argv, "size");
	const char *from = cli_option(&argc, argv, "from");
	const char *to = cli_option(&argc, argv, "to");
	const char *given = cli_option(&argc, argv, "signer");
	struct book_signer signer;
	struct err e = { 0 };
	uint64_t number;

	cli_words(c, &argc, argv);
	if (from && argc == 0 && !size) {
		return given && cli_signer(c, given, &signer, &e)
		           ? cli_fail(&e)
		           : prove_growth(c, from, to, given ? &signer : NULL);
	}
	if (from || to || given || argc != 1 ||
	    !str_u64(str_of(argv[0]), &number) ||
	    (size && !str_u64(str_of(size), &number))) {
		return cli_usage(c, "audit",
		    "prove wants the number of an event (--size: so many of "
		    "them), or --from OLD-NOTE");
	}
	return prove_event(c, argv[0], size);
}
