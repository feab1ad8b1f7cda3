/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: dispatch, run, list, show, watch, cancel. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "e2m/e2m.h"

#define PAYLOAD_MAX ((size_t)4 * 1024 * 1024)

int
cli_payload(struct cli *c, const char *given, struct json **out, struct err *e)
{
	struct str text = str_of(given);
	auto_buf bytes = { 0 };

	if (given[0] == '@') {
		if (file_read_given(given + 1, PAYLOAD_MAX, &bytes, e)) {
			return err_wrap(e, "--payload");
		}
		text = arena_str(&c->arena, buf_str(&bytes));
	}
	if (json_parse(&c->arena, text, NULL, out, e)) {
		return err_wrap(e, "--payload");
	}
	return (*out)->type == JSON_OBJECT
	           ? 0
	           : err_set(e, ERR_INPUT, "--payload must be a JSON object");
}

struct wanted {
	const char *queue;
	const char *subject;
	const char *type;
	const char *ke;
	const char *payload;
	const char *key;
	const char *after; /* ids with commas between */
	const char *at;    /* RFC 3339 */
	const char *in;    /* a duration */
	const char *every; /* a cron line, or a duration */
	const char *zone;
	bool prompt; /* the subject is the prompt too */
};

static void
take_when(struct wanted *w, int *argc, char **argv)
{
	w->key = cli_option(argc, argv, "key");
	w->after = cli_option(argc, argv, "after");
	w->at = cli_option(argc, argv, "at");
	w->in = cli_option(argc, argv, "in");
	w->every = cli_option(argc, argv, "every");
	w->zone = cli_option(argc, argv, "tz");
}

/* --at and --in: not before this time. */
static int
set_time(
    struct cli *c, const struct wanted *w, struct json *ours, struct err *e)
{
	struct wall at = wall_now();
	char text[WALL_TEXT_MAX];
	int64_t us = 0;

	if (w->at && w->in) {
		return err_set(e, ERR_USAGE, "--at or --in, not both");
	}
	if (w->in && (!duration_parse(str_of(w->in), &us) || us <= 0)) {
		return err_set(
		    e, ERR_USAGE, "--in takes a duration such as 5m");
	}
	if (w->at && !wall_parse(str_of(w->at), &at)) {
		return err_set(e, ERR_USAGE,
		    "--at takes a time such as 2026-01-31T09:00:00Z");
	}
	if (w->at || w->in) {
		at.us += us;
		wall_text(at, text);
		(void)json_set_str(&c->arena, ours, "not_before",
		    arena_str(&c->arena, str_of(text)));
	}
	return 0;
}

/* Whether it comes once, later or again and again: payload.handrail. */
static int
set_when(
    struct cli *c, const struct wanted *w, struct json *payload, struct err *e)
{
	struct arena *a = &c->arena;
	const struct json *given = json_get(payload, "handrail");
	struct json *ours =
	    given ? json_copy(a, given) : json_new(a, JSON_OBJECT);
	struct json *every;
	int64_t us;

	if (w->zone && !w->every) {
		return err_set(e, ERR_USAGE, "--tz goes with --every");
	}
	if (set_time(c, w, ours, e)) {
		return -1;
	}
	if (w->every) {
		every = json_set(a, ours, "every", json_new(a, JSON_OBJECT));
		(void)json_set_str(a, every,
		    duration_parse(str_of(w->every), &us) ? "interval" : "cron",
		    str_of(w->every));
		if (w->zone) {
			(void)json_set_str(a, every, "zone", str_of(w->zone));
		}
	}
	if (ours->count) {
		(void)json_set(a, payload, "handrail", ours);
	}
	return 0;
}

static void
set_after(struct cli *c, const struct wanted *w, struct json *task)
{
	struct json *list;
	struct str rest = str_of(w->after);
	struct str id;

	if (!w->after) {
		return;
	}
	list = json_set(
	    &c->arena, task, "depends_on", json_new(&c->arena, JSON_ARRAY));
	while (rest.len) {
		(void)str_cut(&rest, ',', &id);
		(void)json_push(list, json_new_str(&c->arena, str_trim(id)));
	}
}

static int
make_record(
    struct cli *c, const struct wanted *w, struct json **out, struct err *e)
{
	struct arena *a = &c->arena;
	struct json *task = json_new(a, JSON_OBJECT);
	struct json *payload = json_new(a, JSON_OBJECT);
	uint64_t score;

	if (w->payload && cli_payload(c, w->payload, &payload, e)) {
		return -1;
	}
	(void)json_set_str(a, task, "queue", str_of(w->queue));
	(void)json_set_str(a, task, "subject", str_of(w->subject));
	if (w->type) {
		(void)json_set_str(a, payload, "type", str_of(w->type));
	}
	if (w->prompt && !json_get(payload, "prompt")) {
		(void)json_set_str(a, payload, "prompt", str_of(w->subject));
	}
	if (w->ke) {
		if (!str_u64(str_of(w->ke), &score) || score < 1 || score > 5) {
			return err_set(e, ERR_USAGE, "--ke takes 1 to 5");
		}
		(void)json_set(
		    a, task, "ke_fit_score", json_new_i64(a, (int64_t)score));
	}
	if (set_when(c, w, payload, e)) {
		return -1;
	}
	set_after(c, w, task);
	(void)json_set(a, task, "payload", payload);
	*out = task;
	return 0;
}

/* Posts one record; what the house says of it. */
static int
post(struct cli *c, const struct json *record, const char *key,
    const struct json **put, struct err *e)
{
	auto_buf body = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .target = STR("/api/tasks") };

	if (key) {
		ask.target = arena_printf(
		    &c->arena, "/api/tasks?key=%s", cli_encode(c, str_of(key)));
	}

	json_write(&body, record);
	ask.body = buf_str(&body);
	if (cli_send(c, &ask, &answer, e)) {
		return -1;
	}
	*put = answer.tree;
	return 0;
}

struct patience {
	const char *key;
	bool wait;
	uint64_t seconds;
};

/* On stderr: a script that reads the id wants the same of both. */
static void
say_earlier(const struct json *put)
{
	bool earlier = false;

	(void)json_bool(put, "duplicate", &earlier);
	if (earlier) {
		(void)fputs("handrail: this key has a task already: it is that "
		            "one, and nothing was dispatched\n",
		    stderr);
	}
}

static int
dispatch_one(struct cli *c, const struct json *record, const struct patience *p)
{
	struct err e = { 0 };
	const struct json *put;
	auto_buf text = { 0 };

	if (post(c, record, p->key, &put, &e)) {
		return cli_fail(&e);
	}
	say_earlier(put);
	if (p->wait) {
		return cli_watch(c, cli_text(c, put, "id"), p->seconds);
	}
	if (c->json) {
		json_write(&text, put);
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	} else {
		printf("%s\n", cli_text(c, put, "id"));
	}
	return 0;
}

/* Every line of a JSONL file is checked before the first is sent: all or
 * nothing is dispatched. */
static int
dispatch_file(struct cli *c, const char *path, const struct patience *p)
{
	auto_buf bytes = { 0 };
	struct err e = { 0 };
	struct e2m_lines lines;
	int result = 0;

	if (file_read_given(path, 64 << 20, &bytes, &e)) {
		return cli_fail(&e);
	}
	lines = e2m_parse_lines(&c->arena, buf_str(&bytes), path);
	for (size_t i = 0; i < lines.count; i++) {
		if (lines.at[i].problem.len) {
			(void)fprintf(stderr, "handrail: " STR_FMT "\n",
			    STR_ARG(lines.at[i].problem));
		}
	}
	if (lines.bad || !lines.count) {
		(void)fprintf(
		    stderr, "handrail: nothing was dispatched from %s\n", path);
		return 1;
	}
	for (size_t i = 0; i < lines.count && result == 0; i++) {
		if (lines.at[i].record.kind == E2M_TASK) {
			result = dispatch_one(
			    c, e2m_to_json(&c->arena, &lines.at[i].record), p);
		}
	}
	return result;
}

int
command_dispatch(struct cli *c, int argc, char **argv)
{
	const char *file = cli_option(&argc, argv, "file");
	struct patience p = {
		.wait = cli_flag(&argc, argv, "wait"),
		.seconds = cli_timeout(&argc, argv),
	};
	struct wanted w = {
		.queue = cli_option(&argc, argv, "queue"),
		.subject = cli_option(&argc, argv, "subject"),
		.type = cli_option(&argc, argv, "type"),
		.ke = cli_option(&argc, argv, "ke"),
		.payload = cli_option(&argc, argv, "payload"),
	};
	struct json *record = NULL;
	struct err e = { 0 };

	take_when(&w, &argc, argv);
	p.key = w.key;
	cli_words(c, &argc, argv);
	if (file && !w.queue && !argc && !w.key) {
		return dispatch_file(c, file, &p);
	}
	if (argc || !w.queue || !w.subject) {
		return cli_usage(
		    c, "dispatch", "--queue and --subject are needed");
	}
	if (make_record(c, &w, &record, &e)) {
		return cli_fail(&e);
	}
	return dispatch_one(c, record, &p);
}

int
command_run(struct cli *c, int argc, char **argv)
{
	struct wanted w = {
		.payload = cli_option(&argc, argv, "payload"),
		.ke = cli_option(&argc, argv, "ke"),
		.prompt = true,
	};
	struct patience p = {
		.wait = true,
		.seconds = cli_timeout(&argc, argv),
	};
	struct json *record = NULL;
	struct err e = { 0 };
	char role[IDENTITY_PART];

	cli_words(c, &argc, argv);
	if (argc != 2 && argc != 3) {
		return cli_usage(c, "run", "wants a role and a subject");
	}
	if (roles_parse_role(str_of(argv[0]), role, &e)) {
		return cli_fail(&e);
	}
	w.queue = role;
	w.type = argc == 3 ? argv[1] : NULL;
	w.subject = argv[argc - 1];
	if (make_record(c, &w, &record, &e)) {
		return cli_fail(&e);
	}
	return dispatch_one(c, record, &p);
}

/* --- looking --- */

static int
list(struct cli *c, int argc, char **argv)
{
	const char *queue = cli_option(&argc, argv, "queue");
	bool dead = cli_flag(&argc, argv, "dead");
	const struct json *tree;
	struct err e = { 0 };
	bool more = false;

	cli_words(c, &argc, argv);
	if (argc > 1) {
		return cli_usage(c, "task", "list wants one state, or none");
	}
	if (cli_get(c, &tree, &e, "/api/tasks?queue=%s&state=%s&dead=%d",
	        queue ? cli_encode(c, str_of(queue)) : "",
	        argc ? cli_encode(c, str_of(argv[0])) : "", dead)) {
		return cli_fail(&e);
	}
	JSON_EACH(t, json_get(tree, "tasks"))
	{
		printf("%s  %-12s %-11s %s\n", cli_text(c, t, "id"),
		    cli_text(c, t, "queue"), cli_text(c, t, "state"),
		    cli_plain(c, str_of(cli_text(c, t, "subject"))));
	}
	(void)json_bool(tree, "more", &more);
	if (more) {
		(void)fputs("there are more: name a state or --queue, or "
		            "`task export DIR` writes all\n",
		    stderr);
	}
	return 0;
}

static void
show_calls(struct cli *c, const struct json *run)
{
	JSON_EACH(call, json_get(run, "calls"))
	{
		auto_buf result = { 0 };
		const struct json *value = json_get(call, "result");

		printf("  call %lld  %-12s %-9s",
		    (long long)cli_number(call, "ordinal"),
		    cli_text(c, call, "tool"), cli_text(c, call, "state"));
		if (strcmp(cli_text(c, call, "state"), "started") == 0) {
			printf(" %s.%lld", cli_text(c, run, "run"),
			    (long long)cli_number(call, "ordinal"));
		}
		if (value) {
			json_write(&result, value);
			printf(" %s %s", cli_text(c, call, "end"),
			    cli_plain(
			        c, str_sub(buf_str(&result), 0,
			               result.len > 300 ? 300 : result.len)));
		}
		(void)putchar('\n');
	}
}

static int
show(struct cli *c, int argc, char **argv)
{
	const struct json *t;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "task", "show wants the id of a task");
	}
	if (cli_get(
	        c, &t, &e, "/api/tasks/%s", cli_encode(c, str_of(argv[0])))) {
		return cli_fail(&e);
	}
	if (!t) {
		return 0;
	}
	const char *owner = cli_text(c, t, "owner");

	printf(
	    "%s  %s\n%s, queue %s, owner %s, epoch %lld\ncreated %s, updated "
	    "%s\n",
	    cli_text(c, t, "id"),
	    cli_plain(c, str_of(cli_text(c, t, "subject"))),
	    cli_text(c, t, "state"), cli_text(c, t, "queue"),
	    owner[0] ? owner : "nobody", (long long)cli_number(t, "epoch"),
	    cli_text(c, t, "created_at"), cli_text(c, t, "updated_at"));
	cli_print_stops(c, t);
	if (strcmp(cli_text(c, t, "hold"), "parked") == 0) {
		printf("parked: it waits for a person, `handrail inbox`\n");
	}
	JSON_EACH(run, json_get(t, "runs"))
	{
		printf("run %s\n", cli_text(c, run, "run"));
		show_calls(c, run);
	}
	cli_print_end(c, t);
	return 0;
}

static int
watch(struct cli *c, int argc, char **argv)
{
	uint64_t seconds = cli_timeout(&argc, argv);

	cli_words(c, &argc, argv);
	return argc == 1 ? cli_watch(c, argv[0], seconds)
	                 : cli_usage(c, "task", "watch wants the id of a task");
}

static int
tell(struct cli *c, int argc, char **argv, const char *verb, const char *done)
{
	struct err e = { 0 };
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "POST", .body = STR("{}") };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "task",
		    arena_printf(&c->arena, "%s wants the id of a task", verb)
		        .at);
	}
	ask.target = arena_printf(&c->arena, "/api/tasks/%s/%s",
	    cli_encode(c, str_of(argv[0])), verb);
	if (cli_send(c, &ask, &answer, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&answer.body)));
	} else {
		printf("%s %s\n", done, argv[0]);
	}
	return 0;
}

static int
cancel(struct cli *c, int argc, char **argv)
{
	return tell(c, argc, argv, "cancel", "cancelled");
}

static int
retry(struct cli *c, int argc, char **argv)
{
	return tell(c, argc, argv, "retry", "goes on:");
}

static int
redrive(struct cli *c, int argc, char **argv)
{
	return tell(c, argc, argv, "redrive", "begins anew:");
}

int
command_task(struct cli *c, int argc, char **argv)
{
	static const struct {
		const char *name;
		cli_command_fn *run;
	} verbs[] = {
		{ "list", list },
		{ "show", show },
		{ "watch", watch },
		{ "retry", retry },
		{ "redrive", redrive },
		{ "cancel", cancel },
		{ "resolve", command_resolve },
		{ "import", cli_task_import },
		{ "export", cli_task_export },
	};

	for (size_t i = 0; argc && i < COUNT(verbs); i++) {
		if (strcmp(argv[0], verbs[i].name) == 0) {
			return verbs[i].run(c, argc - 1, argv + 1);
		}
	}
	return cli_no_verb(c, argc ? argv[0] : NULL);
}
