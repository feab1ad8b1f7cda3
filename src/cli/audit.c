/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book: tail it, have it verified, have its tree signed.  Proofs:
 * audit_prove.c; lines for other programs: audit_export.c.
 */
#include <string.h>

#include "cli/proof.h"
#include "seal/seal.h"

static void
print_events(struct cli *c, const struct json *events)
{
	JSON_EACH(event, events)
	{
		printf("%6lld  %s  %-19s %-20s %s\n",
		    (long long)cli_number(event, "seq"),
		    cli_text(c, event, "at"), cli_text(c, event, "kind"),
		    cli_text(c, event, "rule"), cli_text(c, event, "identity"));
	}
}

/* Page after page up to the last; as one answer, where JSON is wanted. */
static int
tail_after(struct cli *c, uint64_t after, uint64_t last, struct err *e)
{
	struct json *all = json_new(&c->arena, JSON_OBJECT);
	struct json *events =
	    json_set(&c->arena, all, "events", json_new(&c->arena, JSON_ARRAY));
	bool json = c->json;

	c->json = false; /* of the pages */
	while (after < last) {
		uint64_t before = after;
		const struct json *t;

		if (cli_get(c, &t, e, "/api/events?after=%llu",
		        (unsigned long long)after)) {
			return err_wrap(e, "the events after %llu",
			    (unsigned long long)after);
		}
		after = (uint64_t)cli_number(t, "next");
		if (after <= before) {
			break; /* the last are not on the disk yet */
		}
		if (!json) {
			print_events(c, json_get(t, "events"));
			continue;
		}
		JSON_EACH(event, json_get(t, "events"))
		{
			(void)json_push(events, json_copy(&c->arena, event));
		}
	}
	if (json) {
		auto_buf text = { 0 };

		(void)json_set(&c->arena, all, "next",
		    json_new_i64(&c->arena, (int64_t)after));
		json_write_pretty(&text, all);
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	}
	return 0;
}

static int
tail(struct cli *c, int argc, char **argv)
{
	const char *count = cli_option(&argc, argv, "n");
	const struct json *status;
	struct err e = { 0 };
	uint64_t last;
	uint64_t n = 20;
	bool json = c->json;

	cli_words(c, &argc, argv);
	if (argc || (count && !str_u64(str_of(count), &n))) {
		return cli_usage(c, "audit", "tail takes -n and a number");
	}
	c->json = false;
	if (cli_get(c, &status, &e, "/api/status")) {
		return cli_fail(&e);
	}
	c->json = json;
	last = (uint64_t)cli_number(status, "events");
	return tail_after(c, last > n ? last - n : 0, last, &e) ? cli_fail(&e)
	                                                        : 0;
}

/* What was kept elsewhere, as the house and libexec/handrail/book take it. */
struct kept {
	struct book_root root;
	bool given;
	const char *size;
	const char *hex;
	const char *signer; /* the line */
};

static int
read_kept(struct cli *c, const char *note, const char *given, struct kept *out,
    struct err *e)
{
	struct book_signer signer;
	auto_buf line = { 0 };
	char hex[DIGEST_TEXT];

	if (given) {
		if (cli_signer(c, given, &signer, e)) {
			return -1;
		}
		book_signer_text(&signer, &line);
		out->signer = arena_z(&c->arena, buf_str(&line));
	}
	if (!note) {
		return 0;
	}
	if (cli_note(c, note, given ? &signer : NULL, &out->root, e)) {
		return -1;
	}
	digest_text(out->root.root, hex);
	if (!out->root.size) {
		return err_set(e, ERR_INPUT,
		    "the checkpoint %s is of a tree of no events: every book "
		    "has had that one",
		    note);
	}
	out->given = true;
	out->hex = arena_z(&c->arena, str_of(hex));
	out->size =
	    arena_printf(&c->arena, "%llu", (unsigned long long)out->root.size)
	        .at;
	return 0;
}

/* How many decisions were not the policy's; printed as lines. */
static int64_t
print_decisions(struct cli *c, const struct json *d)
{
	JSON_EACH(row, json_get(d, "differences"))
	{
		printf("event %lld  %s: %s\n",
		    (long long)cli_number(row, "seq"), cli_text(c, row, "what"),
		    cli_text(c, row, "text"));
	}
	printf("decisions  %lld made again, %lld differ; not made again: %lld "
	       "that were not the policy's, %lld whose question the book does "
	       "not hold, %lld whose policy it does not\n",
	    (long long)cli_number(d, "again"),
	    (long long)cli_number(d, "differ"),
	    (long long)cli_number(d, "not_asked"),
	    (long long)cli_number(d, "not_held"),
	    (long long)cli_number(d, "no_policy"));
	return cli_number(d, "differ");
}

static void
print_verified(struct cli *c, const struct json *t, const struct kept *kept)
{
	printf("%s  %lld events, %lld bodies, %lld expired, %lld "
	       "checkpoints, root %s\n",
	    cli_paint(c, CLI_GREEN, "audit ok"),
	    (long long)cli_number(t, "events"),
	    (long long)cli_number(t, "bodies"),
	    (long long)cli_number(t, "expired"),
	    (long long)cli_number(t, "checkpoints"), cli_text(c, t, "root"));
	if (kept->signer && !cli_number(t, "checkpoints")) {
		printf("no checkpoint in it was signed by the signer that you "
		       "gave: nothing shows that it is his book\n");
	}
	if (json_get(t, "published")) {
		printf("it has the tree of %lld events that it published\n",
		    (long long)cli_number(t, "published"));
	}
	if (kept->given) {
		printf(
		    "it has the tree of %s events that was kept\n", kept->size);
	} else if (!json_get(t, "published")) {
		printf("no checkpoint from elsewhere was compared with it: a "
		       "book that was replaced as a whole, or cut off, would "
		       "pass as well (--against)\n");
	}
}

static int
verify_house(struct cli *c, const struct kept *kept, bool again)
{
	const struct json *t;
	const struct json *decisions;
	struct err e = { 0 };
	bool json = c->json;

	c->json = false;
	if (cli_get(c, &t, &e, "/api/audit/verify?%s%s%s%s%s%s%s",
	        kept->given ? "&size=" : "", kept->given ? kept->size : "",
	        kept->given ? "&root=" : "", kept->given ? kept->hex : "",
	        kept->signer ? "&signer=" : "",
	        kept->signer ? cli_encode(c, str_of(kept->signer)) : "",
	        again ? "&decisions=1" : "")) {
		return cli_fail(&e);
	}
	decisions = json_get(t, "decisions");
	if (json) {
		auto_buf text = { 0 };

		json_write(&text, t);
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	} else {
		print_verified(c, t, kept);
	}
	if (!decisions || (json ? cli_number(decisions, "differ")
	                        : print_decisions(c, decisions)) == 0) {
		return 0;
	}
	(void)err_set(&e, ERR_DENIED,
	    "%lld decisions are not those of the policy that was in force",
	    (long long)cli_number(decisions, "differ"));
	return cli_fail(&e);
}

struct told {
	struct book_root root;
	struct book_signer witness; /* where `witnessed` */
	struct wall at;
	bool witnessed;
};

/* The witness's own word on the note, by the key that the caller has. */
static int
find_witness(struct cli *c, const char *file, const char *given,
    struct told *out, struct err *e)
{
	auto_buf bytes = { 0 };
	struct str note;

	out->witnessed = true;
	return cli_witness(c, given, &out->witness, e) ||
	               cli_note_text(file, &bytes, &note, e) ||
	               book_cosign_find(
	                   note, &out->witness, seal_verify, &out->at, e)
	           ? -1
	           : 0;
}

static void
tell_note(struct cli *c, const struct told *t)
{
	char hex[DIGEST_TEXT];
	char at[WALL_TEXT_MAX];

	digest_text(t->root.root, hex);
	wall_text(t->at, at);
	if (c->json) {
		auto_buf text = { 0 };
		struct json_out o;

		json_out_init(&o, &text);
		json_out_object(&o, NULL);
		json_out_bool(&o, "ok", true);
		json_out_i64(&o, "events", (int64_t)t->root.size);
		json_out_z(&o, "root", hex);
		if (t->witnessed) {
			json_out_str(&o, "witness", t->witness.name);
			json_out_z(&o, "witnessed_at", at);
		}
		json_out_end(&o, '}');
		printf("%s\n", buf_z(&text));
		return;
	}
	printf("%s  a tree of %llu events with root %s\n",
	    cli_paint(c, CLI_GREEN, "checkpoint ok"),
	    (unsigned long long)t->root.size, hex);
	if (t->witnessed) {
		printf("%s  by " STR_FMT " at %s\n",
		    cli_paint(c, CLI_GREEN, "witnessed"),
		    STR_ARG(t->witness.name), at);
	}
}

/* A note alone: who signed it, what it says. */
static int
verify_note(
    struct cli *c, const char *file, const char *given, const char *witness)
{
	struct book_signer signer;
	struct told told = { 0 };
	struct err e = { 0 };

	if (!given) {
		return cli_usage(c, "audit",
		    "verify --checkpoint wants --signer: the line that `audit "
		    "checkpoint` prints, kept from before");
	}
	if (cli_signer(c, given, &signer, &e) ||
	    cli_note(c, file, &signer, &told.root, &e) ||
	    (witness && find_witness(c, file, witness, &told, &e))) {
		return cli_fail(&e);
	}
	tell_note(c, &told);
	return 0;
}

static int
verify_proof(struct cli *c, int argc, char **argv, const char *proof)
{
	struct cli_proof_files files = {
		.proof = proof,
		.note = cli_option(&argc, argv, "against"),
		.from = cli_option(&argc, argv, "from"),
		.signer = cli_option(&argc, argv, "signer"),
	};

	cli_words(c, &argc, argv);
	return argc || !files.note || !files.signer
	           ? cli_usage(c, "audit",
	                 "verify --proof FILE wants --against NOTE --signer S, "
	                 "and of growth --from OLD-NOTE")
	           : cli_verify_proof(c, &files);
}

static int
verify(struct cli *c, int argc, char **argv)
{
	const char *proof = cli_option(&argc, argv, "proof");

	if (proof) {
		return verify_proof(c, argc, argv, proof);
	}
	const char *receipt = cli_option(&argc, argv, "receipt");
	const char *checkpoint = cli_option(&argc, argv, "checkpoint");
	const char *file = cli_option(&argc, argv, "file");
	const char *against = cli_option(&argc, argv, "against");
	const char *signer = cli_option(&argc, argv, "signer");
	const char *witness = cli_option(&argc, argv, "witness");
	bool again = cli_flag(&argc, argv, "decisions");
	struct kept kept = { 0 };
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc || (receipt && checkpoint) ||
	    ((receipt || checkpoint) && (file || against || again)) ||
	    (witness && !checkpoint)) {
		return cli_usage(c, "audit", "verify takes other options");
	}
	if (receipt) {
		return cli_verify_receipt(c, receipt, signer);
	}
	if (checkpoint) {
		return verify_note(c, checkpoint, signer, witness);
	}
	if (read_kept(c, against, signer, &kept, &e)) {
		return cli_fail(&e);
	}
	return file ? cli_verify_file(
	                  c, file, kept.size, kept.hex, kept.signer, again)
	            : verify_house(c, &kept, again);
}

/* The signature is checked here, by the key that the house names: whoever kept
 * that signer line from before compares it. */
static int
checkpoint(struct cli *c, int argc, char **argv)
{
	bool published = cli_flag(&argc, argv, "published");
	const struct json *t;
	struct err e = { 0 };
	struct book_signer signer;
	struct book_root root;
	const char *note;

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "audit", "checkpoint wants no name");
	}
	if (cli_get(c, &t, &e, "/api/audit/checkpoint%s",
	        published ? "?published=1" : "")) {
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
		return verify(c, argc - 1, argv + 1);
	}
	if (strcmp(verb, "prove") == 0) {
		return cli_audit_prove(c, argc - 1, argv + 1);
	}
	if (strcmp(verb, "export") == 0) {
		return cli_audit_export(c, argc - 1, argv + 1);
	}
	if (strcmp(verb, "checkpoint") == 0) {
		return checkpoint(c, argc - 1, argv + 1);
	}
	return cli_no_verb(c, argc ? argv[0] : NULL);
}
