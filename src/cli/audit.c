/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book: tail it, have it verified, prove one event.  The proof is checked
 * here again, from the bytes of the head alone: the house's word is not taken.
 */
#include <string.h>

#include "book/book.h"
#include "cli/cli.h"
#include "seal/seal.h"

static int
tail(struct cli *c, int argc, char **argv)
{
	const char *count = cli_option(&argc, argv, "n");
	const struct json *t;
	const struct json *status;
	struct err e = { 0 };
	uint64_t last;
	uint64_t n = 20;
	bool json = c->json;

	if (argc && strcmp(argv[0], "-n") == 0 && argc == 2) {
		count = argv[1];
	}
	if (count && !str_u64(str_of(count), &n)) {
		return cli_usage(c, "audit", "-n takes a number");
	}
	c->json = false;
	if (cli_get(c, &status, &e, "/api/status")) {
		return cli_fail(&e);
	}
	c->json = json;
	last = (uint64_t)cli_number(status, "events");
	if (cli_get(c, &t, &e, "/api/events?after=%llu",
	        (unsigned long long)(last > n ? last - n : 0))) {
		return cli_fail(&e);
	}
	JSON_EACH(event, json_get(t, "events"))
	{
		printf("%6lld  %s  %-19s %-20s %s\n",
		    (long long)cli_number(event, "seq"),
		    cli_text(c, event, "at"), cli_text(c, event, "kind"),
		    cli_text(c, event, "rule"), cli_text(c, event, "identity"));
	}
	return 0;
}

static int
verify(struct cli *c)
{
	const struct json *t;
	struct err e = { 0 };

	if (cli_get(c, &t, &e, "/api/audit/verify")) {
		return cli_fail(&e);
	}
	if (t) {
		printf("%s  %lld events, %lld bodies, %lld expired, root %s\n",
		    cli_paint(c, CLI_GREEN, "audit ok"),
		    (long long)cli_number(t, "events"),
		    (long long)cli_number(t, "bodies"),
		    (long long)cli_number(t, "expired"),
		    cli_text(c, t, "root"));
	}
	return 0;
}

static int
check_proof(const struct json *t, struct book_head *head, struct err *e)
{
	struct book_proof proof = { 0 };
	struct book_root root = { .size = (uint64_t)cli_number(t, "size") };
	uint8_t bytes[BOOK_HEAD_SIZE];
	struct str text = STR("");

	if (!json_text(t, "head", &text) ||
	    !hex_bytes(text, bytes, sizeof(bytes)) ||
	    !json_text(t, "root", &text) || !digest_parse(text, &root.root)) {
		return err_set(e, ERR_INPUT, "the proof is not of its form");
	}
	JSON_EACH(node, json_get(t, "proof"))
	{
		if (proof.count == BOOK_PROOF_MAX ||
		    !digest_parse(node->text, &proof.node[proof.count++])) {
			return err_set(
			    e, ERR_INPUT, "the proof has a bad node");
		}
	}
	if (book_head_decode(str_span(bytes, sizeof(bytes)), head, e)) {
		return -1;
	}
	return book_check_leaf(book_leaf(str_span(bytes, sizeof(bytes))),
	    head->seq - 1, &root, &proof, e);
}

static int
prove(struct cli *c, int argc, char **argv)
{
	const struct json *t;
	struct err e = { 0 };
	struct book_head head = { 0 };
	char at[WALL_TEXT_MAX];
	char body[DIGEST_TEXT];

	if (argc != 1) {
		return cli_usage(
		    c, "audit", "prove wants the number of an event");
	}
	if (cli_get(c, &t, &e, "/api/audit/prove?seq=%s",
	        cli_encode(c, str_of(argv[0])))) {
		return cli_fail(&e);
	}
	if (!t) {
		return 0;
	}
	if (check_proof(t, &head, &e)) {
		return cli_fail(&e);
	}
	wall_text(head.time, at);
	digest_text(head.body, body);
	printf(
	    "%s  event %llu %s at %s\n  identity %s\n  rule %s, call %u, epoch "
	    "%u\n  body sha256 %s\n  in the tree of %lld events with root %s\n",
	    cli_paint(c, CLI_GREEN, "proven"), (unsigned long long)head.seq,
	    book_kind_name(head.kind), at, head.identity, head.rule, head.call,
	    head.epoch, body, (long long)cli_number(t, "size"),
	    cli_text(c, t, "root"));
	return 0;
}

/* The signature is checked here, by the key that the house names: whoever kept
 * that signer line from before compares it. */
static int
checkpoint(struct cli *c)
{
	const struct json *t;
	struct err e = { 0 };
	struct book_signer signer;
	struct book_root root;
	const char *note;

	if (cli_get(c, &t, &e, "/api/audit/checkpoint")) {
		return cli_fail(&e);
	}
	if (!t) {
		return 0;
	}
	note = cli_text(c, t, "checkpoint");
	if (book_signer_parse(str_of(cli_text(c, t, "signer")), &signer, &e) ||
	    book_note_open(
	        str_of(note), signer.name, &signer, seal_verify, &root, &e)) {
		return cli_fail(&e);
	}
	printf("%ssigner %s\n", note, cli_text(c, t, "signer"));
	return 0;
}

int
command_audit(struct cli *c, int argc, char **argv)
{
	const char *verb = argc ? argv[0] : "";

	if (strcmp(verb, "tail") == 0) {
		return tail(c, argc - 1, argv + 1);
	}
	if (strcmp(verb, "verify") == 0) {
		const char *file = cli_option(&argc, argv, "file");

		return file ? cli_verify_file(c, file) : verify(c);
	}
	if (strcmp(verb, "prove") == 0) {
		return prove(c, argc - 1, argv + 1);
	}
	if (strcmp(verb, "checkpoint") == 0) {
		return checkpoint(c);
	}
	return cli_usage(c, "audit", argc ? "no such verb" : NULL);
}
