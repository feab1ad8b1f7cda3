/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `suggest TASK`: what was refused to a task, and the smallest rule that would
 * have let it pass, as TOML that an operator may read and paste.  Nothing is
 * ever applied: a refusal is often the right answer.
 */
#include <string.h>

#include "cli/cli.h"

struct advice {
	struct advice *next;
	struct str text;   /* a rule, what else would help, or empty */
	struct str reason; /* of the first refusal */
	struct str host;   /* the same */
	int64_t seq;       /* its event */
	unsigned times;
};

static bool
is_rule(struct str text)
{
	return str_starts(text, STR("[egress."));
}

/* What no rule on requests helps is told apart by what it was. */
static bool
is_same(const struct advice *a, const struct advice *b)
{
	return str_eq(a->text, b->text) &&
	       (a->text.len ||
	           (str_eq(a->reason, b->reason) && str_eq(a->host, b->host)));
}

static void
add(struct cli *c, struct advice **all, const struct json *event)
{
	const struct json *body = json_get(event, "body");
	struct advice **at = all;
	const struct advice one = {
		.text = str_of(cli_text(c, body, "next")),
		.reason = str_of(cli_text(c, body, "reason")),
		.host = str_of(cli_text(c, body, "host")),
		.seq = cli_number(event, "seq"),
	};

	if (!str_eq_z(str_of(cli_text(c, event, "kind")), "request_denied")) {
		return;
	}
	while (*at && !is_same(*at, &one)) {
		at = &(*at)->next;
	}
	if (!*at) {
		*at = arena_alloc(&c->arena, sizeof(**at));
		**at = one;
	}
	(*at)->times++;
}

static int
read_task(struct cli *c, const char *task, struct advice **all, struct err *e)
{
	long long after = 0;
	long long before;
	bool json = c->json;

	c->json = false;
	do {
		const struct json *t;

		before = after;
		if (cli_get(c, &t, e, "/api/events?task=%s&after=%lld",
		        cli_encode(c, str_of(task)), after)) {
			return -1;
		}
		JSON_EACH(event, json_get(t, "events"))
		{
			add(c, all, event);
		}
		after = cli_number(t, "next");
	} while (after > before);
	c->json = json;
	return 0;
}

/* One line, whatever stands in it: it becomes a comment. */
static void
comment(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		(void)putchar((uint8_t)text.at[i] < 0x20 ? ' ' : text.at[i]);
	}
	(void)putchar('\n');
}

static struct str
table_name(struct str rule)
{
	struct str rest = rule;
	struct str name;

	(void)str_cut(&rest, ']', &name);
	return name;
}

/* It has the end of its last line already. */
static void
print_toml(struct str text)
{
	bool ended = text.len > 0 && text.at[text.len - 1] == '\n';

	printf(STR_FMT "%s", STR_ARG(text), ended ? "" : "\n");
}

/* Two rules of one host must not have one name: the later ones have the number
 * of their event in it, which no rule of another time has. */
static void
print_rule(const struct advice *all, const struct advice *one)
{
	struct str name = table_name(one->text);
	bool taken = false;

	for (const struct advice *a = all; a != one; a = a->next) {
		taken |= str_eq(table_name(a->text), name);
	}
	if (!taken) {
		print_toml(one->text);
		return;
	}
	printf(STR_FMT "_e%lld", STR_ARG(name), (long long)one->seq);
	print_toml(str_sub(one->text, name.len, one->text.len));
}

static void
print_advice(const struct advice *all, const char *task)
{
	printf("# Refused to task %s.  Nothing is applied: read each rule, "
	       "and paste\n# into the role's gates.toml only what the task "
	       "ought to be allowed.\n",
	    task);
	for (const struct advice *a = all; a; a = a->next) {
		printf("\n# event %lld, %u time%s: ", (long long)a->seq,
		    a->times, a->times == 1 ? "" : "s");
		comment(a->reason);
		if (is_rule(a->text)) {
			print_rule(all, a);
		} else if (a->text.len) {
			printf("# what would help: ");
			comment(a->text);
		} else {
			printf("# no rule on requests lets it pass (a tunnel, "
			       "protocol = \"tcp\", is not read); it went to ");
			comment(a->host);
		}
	}
}

static void
print_json(const struct advice *all)
{
	auto_buf line = { 0 };
	struct json_out o;

	json_out_init(&o, &line);
	json_out_object(&o, NULL);
	json_out_array(&o, "suggestions");
	for (const struct advice *a = all; a; a = a->next) {
		json_out_object(&o, NULL);
		json_out_str(&o, "next", a->text);
		json_out_bool(&o, "rule", is_rule(a->text));
		json_out_str(&o, "reason", a->reason);
		json_out_str(&o, "host", a->host);
		json_out_i64(&o, "event", a->seq);
		json_out_i64(&o, "times", a->times);
		json_out_end(&o, '}');
	}
	json_out_end(&o, ']');
	json_out_end(&o, '}');
	printf("%s\n", buf_z(&line));
}

int
command_suggest(struct cli *c, int argc, char **argv)
{
	struct advice *all = NULL;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc != 1) {
		return cli_usage(c, "suggest", "wants the id of a task");
	}
	if (read_task(c, argv[0], &all, &e)) {
		return cli_fail(&e);
	}
	if (c->json) {
		print_json(all);
	} else if (!all) {
		printf("# nothing was refused to task %s\n", argv[0]);
	} else {
		print_advice(all, argv[0]);
	}
	return 0;
}
