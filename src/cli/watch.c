/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event, one line: what a person wants to see of the book as it happens.
 */
#include <string.h>
#include <time.h>

#include "cli/cli.h"

struct line {
	const char *mark;
	const char *color;
	struct buf text;
};

static void
say_request(struct cli *c, const struct json *body, struct buf *out)
{
	const char *git = cli_text(c, body, "git");
	const char *method = cli_text(c, body, "method");

	buf_addf(out, "%s%s%s", git[0] ? "git " : method, git[0] ? git : "",
	    *method || *git ? " " : "");
	buf_add_z(out, cli_text(c, body, "host"));
	if (!git[0]) {
		buf_add_z(out, cli_text(c, body, "path"));
	}
}

static void
say_settled(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");
	const struct json *result = json_get(body, "result");
	auto_buf text = { 0 };
	bool ok = strcmp(cli_text(c, body, "end"), "ok") == 0;

	l->mark = ok ? "✓" : "✗";
	l->color = ok ? CLI_GREEN : CLI_RED;
	buf_addf(&l->text, "%s %s", cli_text(c, body, "tool"),
	    cli_text(c, body, "end"));
	json_write(&text, result);
	buf_addf(&l->text, "  %.*s%s  (%.1f ms)",
	    (int)(text.len > 160 ? 160 : text.len), text.at,
	    text.len > 160 ? "…" : "",
	    (double)cli_number(body, "took_us") / 1000.0);
}

static void
say_decided(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");
	const char *verdict = cli_text(c, body, "verdict");

	l->mark = strcmp(verdict, "allow") == 0 ? "·" : "!";
	l->color = strcmp(verdict, "allow") == 0 ? CLI_GREY : CLI_YELLOW;
	buf_addf(&l->text, "call %lld %s: %s by %s",
	    (long long)cli_number(event, "call"), cli_text(c, body, "tool"),
	    verdict, cli_text(c, event, "rule"));
}

static void
say_wait(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");
	bool put = strcmp(cli_text(c, event, "kind"), "wait_put") == 0;

	l->mark = "?";
	l->color = CLI_YELLOW;
	if (put && strcmp(cli_text(c, body, "kind"), "unknown_outcome") == 0) {
		buf_addf(&l->text,
		    "a person must say whether call %lld happened  →  handrail "
		    "task resolve %s --happened | --did-not",
		    (long long)cli_number(event, "call"),
		    cli_text(c, body, "id"));
	} else if (put && strcmp(cli_text(c, body, "kind"), "approval") != 0) {
		buf_addf(&l->text, "asks: %s  →  handrail answer %s \"…\"",
		    cli_text(c, body, "hint"), cli_text(c, body, "id"));
	} else if (put) {
		buf_addf(&l->text,
		    "waits for a person: %s  →  handrail approve %s",
		    cli_text(c, body, "hint"), cli_text(c, body, "id"));
	} else {
		buf_addf(&l->text, "%s by %s on %s",
		    cli_text(c, body, "answer"), cli_text(c, body, "by"),
		    cli_text(c, body, "surface"));
	}
}

static void
say_refused(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");

	l->mark = "✗";
	l->color = CLI_RED;
	buf_add_z(&l->text, "refused ");
	say_request(c, body, &l->text);
	buf_addf(&l->text, ": %s", cli_text(c, body, "reason"));
}

static void
say_asked(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");

	l->mark = "…";
	l->color = CLI_YELLOW;
	say_request(c, body, &l->text);
	buf_addf(&l->text, " waits for a person as %s by %s",
	    cli_text(c, body, "wait"), cli_text(c, event, "rule"));
}

static void
say_went(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");
	const char *credential = cli_text(c, body, "credential");

	l->mark = "→";
	l->color = CLI_BLUE;
	say_request(c, body, &l->text);
	buf_addf(&l->text, " by %s", cli_text(c, event, "rule"));
	if (credential[0]) {
		buf_addf(&l->text, ", with credential %s", credential);
	}
}

static void
say_transition(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");
	const char *what = cli_text(c, body, "event");
	bool good = strcmp(what, "complete") == 0;
	bool again = false;

	(void)json_bool(body, "again", &again);
	l->mark = good ? "■" : "▲";
	l->color = good ? CLI_GREEN : again ? CLI_YELLOW : CLI_RED;
	buf_addf(&l->text, "task %s", what);
	if (again) {
		buf_addf(&l->text, ", tried again at %s",
		    cli_text(c, body, "not_before"));
	}
}

static void
say_carried(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");

	l->mark = "↻";
	buf_addf(&l->text, "carried from event %lld of %s: %s %s",
	    (long long)cli_number(body, "seq"), cli_text(c, body, "run"),
	    cli_text(c, body, "kind"), cli_text(c, event, "rule"));
}

static void
say_confirmed(struct cli *c, const struct json *event, struct line *l)
{
	const struct json *body = json_get(event, "body");

	l->mark = "↻";
	l->color = CLI_YELLOW;
	buf_addf(&l->text, "%s started before, and %s says: %s",
	    cli_text(c, body, "tool"), cli_text(c, body, "read"),
	    cli_text(c, body, "says"));
}

struct teller {
	const char *kind;
	const char *mark;
	const char *text;
	void (*say)(struct cli *c, const struct json *event, struct line *l);
};

static const struct teller tellers[] = {
	{ "task_put", "□", "task put in the queue", NULL },
	{ "mail_put", "✉", "letter put in the mailbox", NULL },
	{ "task_claimed", "▶", "claimed", NULL },
	{ "cell_started", "▣", "sandbox", NULL },
	{ "run_parked", "‖", "parked: no process of it is left", NULL },
	{ "run_resumed", "▶", "resumed", NULL },
	{ "model_request", "…", "asks the model", NULL },
	{ "session_event", NULL, NULL, say_carried },
	{ "call_decided", NULL, NULL, say_decided },
	{ "call_settled", NULL, NULL, say_settled },
	{ "call_confirm_told", NULL, NULL, say_confirmed },
	{ "wait_put", NULL, NULL, say_wait },
	{ "wait_decided", NULL, NULL, say_wait },
	{ "request_intent", NULL, NULL, say_went },
	{ "request_denied", NULL, NULL, say_refused },
	{ "request_asked", NULL, NULL, say_asked },
	{ "task_transition", NULL, NULL, say_transition },
};

void
cli_print_event(struct cli *c, const struct json *event, int64_t begun_us)
{
	const char *kind = cli_text(c, event, "kind");
	double at = (double)(cli_number(event, "at_us") - begun_us) / 1e6;

	for (size_t i = 0; i < COUNT(tellers); i++) {
		struct line l = { tellers[i].mark, CLI_GREY, { 0 } };

		if (strcmp(kind, tellers[i].kind) != 0) {
			continue;
		}
		if (tellers[i].say) {
			tellers[i].say(c, event, &l);
		} else {
			buf_add_z(&l.text, tellers[i].text);
		}
		printf("%8.3f s  %s %s\n", at, cli_paint(c, l.color, l.mark),
		    cli_plain(c, buf_str(&l.text)));
		(void)fflush(stdout);
		buf_fini(&l.text);
	}
}

/* 0 while the task goes on, or is tried again; 1 completed, 2 failed, 3
 * blocked. */
static int
ended(struct cli *c, const struct json *event)
{
	const char *what = cli_text(c, json_get(event, "body"), "event");
	bool again = false;

	(void)json_bool(json_get(event, "body"), "again", &again);
	if (again ||
	    strcmp(cli_text(c, event, "kind"), "task_transition") != 0) {
		return 0;
	}
	return strcmp(what, "complete") == 0 ? 1
	       : strcmp(what, "fail") == 0   ? 2
	       : strcmp(what, "block") == 0  ? 3
	                                     : 0;
}

void
cli_print_end(struct cli *c, const struct json *t)
{
	const struct json *error = json_get(t, "error");
	const struct json *result = json_get(t, "result");
	const char *skill = cli_text(c, error, "suggested_skill");
	auto_buf text = { 0 };
	bool dead = false;

	if (result) {
		json_write(&text, result);
		printf("result  %s\n", cli_plain(c, buf_str(&text)));
	}
	if (!error) {
		return;
	}
	buf_clear(&text);
	buf_addf(&text, "%s: %s", cli_text(c, error, "error_type"),
	    cli_text(c, error, "message"));
	printf("%s %s\n", cli_paint(c, CLI_RED, "error  "),
	    cli_plain(c, buf_str(&text)));
	if (skill[0]) {
		printf("skill   %s\n", cli_plain(c, str_of(skill)));
	}
	(void)json_bool(t, "dead", &dead);
	printf("next    handrail task %s %s\n", dead ? "redrive" : "retry",
	    cli_text(c, t, "id"));
}

/* --- following --- */

#define PATIENCE_US CLOCK_MINUTE

struct watching {
	struct cli *c;
	const char *task;
	struct mono until;  /* a person's patience; 0: no end */
	struct mono silent; /* since when the house cannot say; 0: it can */
	uint64_t after;
	int64_t begun;
};

static bool
is_over(const struct watching *w)
{
	return w->until.us && mono_passed(w->until, mono_now());
}

/* The task goes on, whatever the house can read: what it cannot say now is
 * asked for again. */
static bool
asks_again(struct watching *w, const struct err *why)
{
	struct timespec pause = { .tv_sec = 1 };

	if (!w->silent.us) {
		(void)fprintf(stderr,
		    "handrail: task %s cannot be seen now, it is asked for "
		    "again: %s\n",
		    w->task, why->text);
		w->silent = mono_now();
	}
	if (is_over(w) ||
	    mono_passed(mono_after(w->silent, PATIENCE_US), mono_now())) {
		return false;
	}
	(void)nanosleep(&pause, NULL);
	return true;
}

static int
ask_on(struct watching *w, struct str target, struct cli_answer *answer,
    struct err *e)
{
	struct cli_ask ask = { .method = "GET", .target = target };

	while (cli_send(w->c, &ask, answer, e)) {
		bool away = answer->status == 503;

		buf_fini(&answer->body);
		*answer = (struct cli_answer){ 0 };
		if (!away) {
			return -1;
		}
		if (!asks_again(w, e)) {
			return err_wrap(e,
			    "task %s cannot be seen, it goes on meanwhile: "
			    "`handrail task watch %s`",
			    w->task, w->task);
		}
	}
	w->silent.us = 0;
	return 0;
}

static int
ask_task(struct watching *w, struct cli_answer *answer, struct err *e)
{
	return ask_on(w,
	    arena_printf(&w->c->arena, "/api/tasks/%s",
	        cli_encode(w->c, str_of(w->task))),
	    answer, e);
}

static int
print_end_of(struct watching *w)
{
	struct cli_answer answer = { 0 };
	struct err e = { 0 };
	auto_buf text = { 0 };

	if (ask_task(w, &answer, &e)) {
		return cli_fail(&e);
	}
	if (w->c->json) {
		json_write_pretty(&text, answer.tree);
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	} else {
		printf("%s\n", cli_text(w->c, answer.tree, "state"));
		cli_print_end(w->c, answer.tree);
	}
	buf_fini(&answer.body);
	return 0;
}

/* Out of patience: a task that is parked waits for a person. */
static int
gave_up(struct cli *c, const char *task)
{
	const struct json *t;
	struct err e = { 0 };
	bool json = c->json;
	int code = 1;

	c->json = false;
	if (cli_get(c, &t, &e, "/api/tasks/%s", task)) {
		return cli_fail(&e);
	}
	c->json = json;
	if (strcmp(cli_text(c, t, "hold"), "parked") == 0) {
		(void)err_set(&e, ERR_WAITING,
		    "task %s still waits for a person: `handrail inbox`", task);
		code = cli_fail(&e);
	} else {
		(void)fprintf(stderr,
		    "handrail: task %s has not ended: `handrail task watch "
		    "%s`\n",
		    task, task);
	}
	return code;
}

uint64_t
cli_timeout(int *argc, char **argv)
{
	const char *given = cli_option(argc, argv, "timeout");
	uint64_t seconds = 0;

	if (given && !str_u64(str_of(given), &seconds)) {
		cli_wrong("--timeout takes a number of seconds, not %s",
		    err_quote(str_of(given)));
	}
	return seconds;
}

/* One page of events; 0 while the task goes on, else how it ended. */
static int
watch_page(struct watching *w, struct err *e)
{
	struct cli *c = w->c;
	struct cli_answer answer = { 0 };
	int end = 0;

	if (ask_on(w,
	        arena_printf(&c->arena, "/api/events?task=%s&wait=1&after=%llu",
	            cli_encode(c, str_of(w->task)),
	            (unsigned long long)w->after),
	        &answer, e)) {
		return -1;
	}
	JSON_EACH(event, json_get(answer.tree, "events"))
	{
		w->begun = w->begun ? w->begun : cli_number(event, "at_us");
		if (!c->json) {
			cli_print_event(c, event, w->begun);
		}
		end = end ? end : ended(c, event);
	}
	w->after = (uint64_t)cli_number(answer.tree, "next");
	buf_fini(&answer.body);
	return end;
}

/* It may not go on by itself. */
static int
print_start(struct watching *w, struct err *e)
{
	struct cli_answer answer = { 0 };

	printf("task %s\n", w->task);
	(void)fflush(stdout);
	if (ask_task(w, &answer, e)) {
		return -1;
	}
	cli_print_stops(w->c, answer.tree);
	buf_fini(&answer.body);
	return 0;
}

int
cli_watch(struct cli *c, const char *task, uint64_t seconds)
{
	struct watching w = { .c = c, .task = task };
	struct err e = { 0 };
	int end = 0;
	int unsaid;

	if (seconds) {
		w.until =
		    mono_after(mono_now(), (int64_t)seconds * CLOCK_SECOND);
	}
	if (!c->json && print_start(&w, &e)) {
		return cli_fail(&e);
	}
	while (!end) {
		end = watch_page(&w, &e);
		if (!end && is_over(&w)) {
			return gave_up(c, task);
		}
	}
	if (end < 0) {
		return cli_fail(&e);
	}
	unsaid = print_end_of(&w);
	return unsaid ? unsaid : end == 1 ? 0 : 1;
}
