/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `task import DIR`: the pending tasks of DIR/queues/<queue>.jsonl into the
 * house, and the letters that wait in DIR/mailbox (import_mail.c).  Nothing is
 * sent without --write.  A task keeps its id, so that a second import changes
 * nothing; one that is no UUID makes one, always the same, and stands in
 * payload.legacy with whatever else the canon has no place for.  It is also the
 * idempotency key.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "cli/import.h"

#define FILE_MAX ((size_t)64 * 1024 * 1024)

/* --- reading --- */

static struct item *
item_of(struct import *in, struct str id)
{
	struct item *item = import_find(in, id);

	if (item) {
		return item;
	}
	item = arena_alloc(&in->c->arena, sizeof(*item));
	item->id = arena_str(&in->c->arena, id);
	must(tsearch(item, &in->by_id, import_by_id) != NULL);
	*in->end = item;
	in->end = &item->next;
	return item;
}

/* Would the house take this member as it stands? */
static bool
fits(const struct json *member, enum e2m_kind kind)
{
	struct wall t;

	if (str_eq_z(member->key, "id") && kind == E2M_TASK) {
		return id_valid(member->text);
	}
	if (str_eq_z(member->key, "created_at") ||
	    str_eq_z(member->key, "updated_at") ||
	    str_eq_z(member->key, "at") ||
	    str_eq_z(member->key, "expires_at")) {
		return wall_parse(member->text, &t);
	}
	return true;
}

/* A member under its own key, which may hold any byte. */
static void
carry(struct arena *a, struct json *object, const struct json *member)
{
	struct str name = arena_printf(a, "%u", object->count);
	struct json *copy = json_set(a, object, name.at, json_copy(a, member));

	copy->key = arena_str(a, member->key);
}

static void
add_legacy(struct arena *a, struct json *body, struct json *legacy)
{
	const struct json *given = json_get(body, "payload");
	struct json *payload =
	    given ? json_copy(a, given) : json_new(a, JSON_OBJECT);
	struct str name = STR("legacy");

	while (json_get(payload, name.at)) {
		name = arena_printf(a, "_%s", name.at);
	}
	(void)json_set(a, payload, name.at, legacy);
	(void)json_set(a, body, "payload", payload);
}

struct json *
import_body(
    struct import *in, const struct json *line, const struct e2m_record *r)
{
	struct arena *a = &in->c->arena;
	struct json *clean = e2m_to_json(a, r);
	struct json *body = json_new(a, JSON_OBJECT);
	struct json *legacy = json_new(a, JSON_OBJECT);

	JSON_EACH(member, line)
	{
		if (json_get_str(clean, member->key) && fits(member, r->kind)) {
			carry(a, body, member);
		} else {
			carry(a, legacy, member);
		}
	}
	(void)json_set_str(a, body, "state", STR("pending"));
	if (legacy->count) {
		add_legacy(a, body, legacy);
	}
	return body;
}

static struct json *
body_of(struct import *in, const struct e2m_loose *line, const char *queue)
{
	struct json *body = import_body(in, line->tree, &line->record);

	if (!json_get(body, "queue")) {
		(void)json_set_str(&in->c->arena, body, "queue", str_of(queue));
	}
	return body;
}

static void
read_line(struct import *in, const struct e2m_loose *line, enum e2m_place place,
    const char *stem)
{
	struct str id;
	bool changed = false;

	in->lines++;
	in->unreadable += line->tree == NULL;
	in->deviations += line->deviation_count;
	if (line->tree) {
		(void)e2m_canon(&in->c->arena, line->tree, &changed);
		in->legacy += changed;
	}
	if (place == E2M_IN_MAILBOX) {
		import_mail_line(in, line, stem);
		return;
	}
	if (!line->has_record || line->record.kind == E2M_ENVELOPE ||
	    !json_text(line->tree, "id", &id)) {
		return;
	}
	struct item *item = item_of(in, id);

	if (line->record.kind == E2M_TASK) {
		item->body = body_of(in, line, stem);
	}
	item->state = line->state;
}

static int
read_file(
    struct import *in, const char *path, enum e2m_place place, struct err *e)
{
	const char *stem = cli_stem(in->c, path);
	auto_buf bytes = { 0 };
	struct e2m_reader reader;
	struct e2m_loose line;

	if (file_read_given(path, FILE_MAX, &bytes, e)) {
		return -1;
	}
	e2m_reader_init(
	    &reader, arena_str(&in->c->arena, buf_str(&bytes)), place);
	while (e2m_reader_next(&reader, &in->c->arena, &line)) {
		for (size_t i = 0; i < line.deviation_count; i++) {
			struct str text = e2m_deviation_text(&in->c->arena,
			    path, line.number, &line.deviations[i]);

			(void)fprintf(stderr, STR_FMT "\n", STR_ARG(text));
		}
		read_line(in, &line, place, stem);
	}
	e2m_reader_fini(&reader);
	return 0;
}

static int
read_folder(struct import *in, const char *folder, struct err *e)
{
	struct arena *a = &in->c->arena;
	struct cli_files queues = { 0 };
	struct cli_files letters = { 0 };

	if (cli_jsonl(
	        in->c, arena_printf(a, "%s/queues", folder).at, &queues, e) ||
	    cli_jsonl(
	        in->c, arena_printf(a, "%s/mailbox", folder).at, &letters, e)) {
		return -1;
	}
	if (!queues.count && !letters.count) {
		return err_set(e, ERR_MISSING,
		    "%s holds neither queues/*.jsonl nor mailbox/*.jsonl",
		    folder);
	}
	for (size_t i = 0; i < queues.count; i++) {
		if (read_file(in, queues.at[i], E2M_IN_QUEUE, e)) {
			return -1;
		}
	}
	for (size_t i = 0; i < letters.count; i++) {
		if (read_file(in, letters.at[i], E2M_IN_MAILBOX, e)) {
			return -1;
		}
	}
	import_mail_settle(in);
	return 0;
}

/* --- telling --- */

static void
print_item(struct import *in, const struct item *i)
{
	struct cli *c = in->c;
	const char *what = i->outcome ? i->outcome : "would dispatch";

	if (c->json) {
		json_out_object(&in->out, NULL);
		json_out_str(&in->out, "id", i->id);
		json_out_z(&in->out, "queue", cli_text(c, i->body, "queue"));
		json_out_z(&in->out, "outcome", what);
		if (i->house_id) {
			json_out_z(&in->out, "house_id", i->house_id);
		}
		if (i->problem.len) {
			json_out_str(&in->out, "problem", i->problem);
		}
		json_out_end(&in->out, '}');
		return;
	}
	printf("%s %s to %s%s%s%s" STR_FMT "\n", what, err_quote(i->id),
	    cli_text(c, i->body, "queue"),
	    i->house_id && !str_eq_z(i->id, i->house_id) ? " as " : "",
	    i->house_id && !str_eq_z(i->id, i->house_id) ? i->house_id : "",
	    i->problem.len ? ": " : "", STR_ARG(i->problem));
}

static void
print_counts(struct import *in)
{
	const struct {
		const char *name;
		uint64_t n;
	} counts[] = {
		{ "lines", in->lines },
		{ "unreadable", in->unreadable },
		{ "deviations", in->deviations },
		{ "letters", in->letters },
		{ "legacy", in->legacy },
		{ "tasks", in->tasks },
		{ "pending", in->states[E2M_PENDING] },
		{ "in_progress", in->states[E2M_IN_PROGRESS] },
		{ "completed", in->states[E2M_COMPLETED] },
		{ "blocked", in->states[E2M_BLOCKED] },
		{ "failed", in->states[E2M_FAILED] },
		{ "other", in->states[E2M_no_state] },
		{ "dispatched", in->sent },
		{ "there", in->there },
		{ "refused", in->refused },
		{ "letters_waiting", in->waiting_letters },
		{ "letters_not_whole", in->broken_letters },
		{ "letters_sent", in->letters_sent },
		{ "letters_there", in->letters_there },
		{ "letters_refused", in->letters_refused },
		{ "reads_refused", in->reads_refused },
	};

	for (size_t i = 0; i < COUNT(counts); i++) {
		if (in->c->json) {
			json_out_i64(
			    &in->out, counts[i].name, (int64_t)counts[i].n);
		} else {
			printf("%s%llu %s", i ? ", " : "",
			    (unsigned long long)counts[i].n, counts[i].name);
		}
	}
}

static void
print_all(struct import *in)
{
	auto_buf text = { 0 };

	json_out_init(&in->out, &text);
	json_out_object(&in->out, NULL);
	json_out_bool(&in->out, "write", in->write);
	json_out_array(&in->out, "tasks");
	for (struct item *i = in->first; i; i = i->next) {
		in->tasks += i->body != NULL;
		in->states[i->state] += i->body != NULL;
		if (import_is_pending(i)) {
			print_item(in, i);
		}
	}
	json_out_end(&in->out, ']');
	json_out_array(&in->out, "mail");
	for (struct letter *l = in->first_letter; l; l = l->next) {
		if (l->waits) {
			import_mail_print(in, l);
		}
	}
	json_out_end(&in->out, ']');
	json_out_object(&in->out, "counts");
	print_counts(in);
	json_out_end(&in->out, '}');
	json_out_end(&in->out, '}');
	if (in->c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
		return;
	}
	printf(
	    "%s\n", in->write ? "" : "\nnothing was sent: --write dispatches");
}

static void
keep(void *node)
{
	(void)node; /* it lives in the arena */
}

int
cli_task_import(struct cli *c, int argc, char **argv)
{
	struct import in = { .c = c };
	struct err e = { 0 };
	int result;

	in.end = &in.first;
	in.letter_end = &in.first_letter;
	in.write = cli_flag(&argc, argv, "write");
	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "task", "import wants a folder");
	}
	result = read_folder(&in, argv[0], &e);
	if (!result && in.write) {
		result =
		    import_send(&in, &e) || import_mail_send(&in, &e) ? -1 : 0;
	}
	if (!result) {
		print_all(&in);
	}
	tdestroy(in.by_id, keep);
	return result ? cli_fail(&e)
	              : in.refused || in.unreadable || in.letters_refused ||
	                    in.reads_refused;
}
