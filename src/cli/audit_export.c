/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `audit export`: the book as lines for other programs, as this house says it
 * (jsonl) or in the classes of OCSF.  The lines are for searching, the heads
 * are the evidence: a line is proven with `audit prove`.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/proof.h"

static const struct ocsf {
	enum book_kind kind;
	int category;
	int class_;
	int activity;
} classes[] = {
#define OCSF(kind, category, class_, activity) \
	{ BOOK_##kind, category, class_, activity },
#include "cli/ocsf.def"
#undef OCSF
};

static struct ocsf
class_of(const char *name)
{
	enum book_kind kind;

	for (size_t i = 0;
	     book_kind_parse(str_of(name), &kind) && i < COUNT(classes); i++) {
		if (classes[i].kind == kind) {
			return classes[i];
		}
	}
	return (struct ocsf){ .category = 6, .class_ = 6002, .activity = 99 };
}

static void
write_metadata(struct json_out *o, const struct json *event)
{
	auto_buf uid = { 0 };

	buf_addf(&uid, "%lld", (long long)cli_number(event, "seq"));
	json_out_object(o, "metadata");
	json_out_z(o, "version", "1.3.0");
	json_out_str(o, "uid", buf_str(&uid));
	json_out_z(o, "log_name", "handrail");
	json_out_object(o, "product");
	json_out_z(o, "name", "Handrail");
	json_out_z(o, "vendor_name", "Handrail");
	json_out_end(o, '}');
	json_out_end(o, '}');
}

/* Who it is about, mostly who did it: the house itself has no identity. */
static const char *
who(struct cli *c, const struct json *event)
{
	const char *identity = cli_text(c, event, "identity");

	return identity[0] ? identity : "Handrail";
}

/* Of a decision about what a coworker may do, a person. */
static const char *
actor(struct cli *c, int class_, const struct json *event)
{
	const char *by = cli_text(c, json_get(event, "body"), "by");

	return class_ == 3003 && by[0] ? by : who(c, event);
}

/* An object with one text, which must not be empty. */
static void
write_named(
    struct json_out *o, const char *object, const char *key, const char *text)
{
	json_out_object(o, object);
	json_out_z(o, key, text);
	json_out_end(o, '}');
}

/* An outcome has the number of its request, and no more of it; what was refused
 * before it was one has a host alone. */
static void
write_request(struct cli *c, struct json_out *o, const struct json *body)
{
	const char *method = cli_text(c, body, "method");
	const char *host = cli_text(c, body, "host");
	auto_buf uid = { 0 };

	buf_addf(&uid, "%lld", (long long)cli_number(body, "request"));
	json_out_object(o, "http_request");
	if (json_get(body, "request")) {
		json_out_str(o, "uid", buf_str(&uid));
	}
	if (method[0]) {
		json_out_z(o, "http_method", method);
	}
	if (host[0]) {
		json_out_object(o, "url");
		json_out_z(o, "hostname", host);
		if (method[0]) {
			json_out_i64(o, "port", cli_number(body, "port"));
			json_out_z(o, "path", cli_text(c, body, "path"));
		}
		json_out_end(o, '}');
	}
	json_out_end(o, '}');
	if (json_get(body, "status")) {
		json_out_object(o, "http_response");
		json_out_i64(o, "code", cli_number(body, "status"));
		json_out_end(o, '}');
	}
	if (host[0]) {
		write_named(o, "dst_endpoint", "hostname", host);
	}
}

/* "credential_put" is about a credential. */
static void
write_entity(struct json_out *o, const char *kind, const char *name)
{
	struct str rest = str_of(kind);
	struct str type;

	(void)str_cut(&rest, '_', &type);
	json_out_object(o, "entity");
	json_out_str(o, "type", type);
	json_out_z(o, "name", name);
	json_out_end(o, '}');
}

/* What a class requires besides what every event has. */
static void
write_class(
    struct cli *c, struct json_out *o, int class_, const struct json *event)
{
	const struct json *body = json_get(event, "body");
	const char *kind = cli_text(c, event, "kind");
	const char *rule = cli_text(c, event, "rule");
	const char *tool = cli_text(c, body, "tool");
	const char *about = rule[0] ? rule : kind;

	switch (class_) {
	case 3001:
		write_named(o, "user", "name", about);
		break;
	case 3003:
		write_named(o, "user", "name", who(c, event));
		json_out_array(o, "privileges");
		json_out_z(o, NULL, about);
		json_out_end(o, ']');
		break;
	case 3004:
		write_entity(o, kind, about);
		break;
	case 4002:
		write_request(c, o, body);
		write_named(o, "src_endpoint", "name", who(c, event));
		break;
	case 6003:
		write_named(o, "api", "operation", tool[0] ? tool : kind);
		write_named(o, "src_endpoint", "name", who(c, event));
		break;
	default:
		write_named(o, "app", "name", "Handrail");
		break;
	}
}

/* Of HTTP Activity, by the method; 99 for those that it does not know. */
static int
activity_of(struct cli *c, struct ocsf class_, const struct json *event)
{
	static const char *const methods[] = { "CONNECT", "DELETE", "GET",
		"HEAD", "OPTIONS", "POST", "PUT", "TRACE" };
	const char *method = cli_text(c, json_get(event, "body"), "method");

	for (size_t i = 0; class_.class_ == 4002 && i < COUNT(methods); i++) {
		if (strcmp(method, methods[i]) == 0) {
			return (int)i + 1;
		}
	}
	return class_.activity;
}

/* Denied or refused is a failure of somebody's attempt; all else is what
 * happened. */
static bool
is_denied(struct cli *c, const struct json *event)
{
	const struct json *body = json_get(event, "body");
	struct str kind = str_of(cli_text(c, event, "kind"));

	return str_eq_z(kind, "request_denied") ||
	       str_ends(kind, STR("_refused")) ||
	       strcmp(cli_text(c, body, "verdict"), "deny") == 0;
}

static void
write_ocsf(struct cli *c, struct buf *line, const struct json *event)
{
	const char *kind = cli_text(c, event, "kind");
	struct ocsf class_ = class_of(kind);
	int activity = activity_of(c, class_, event);
	bool denied = is_denied(c, event);
	struct json_out o;

	json_out_init(&o, line);
	json_out_object(&o, NULL);
	json_out_i64(&o, "category_uid", class_.category);
	json_out_i64(&o, "class_uid", class_.class_);
	json_out_i64(&o, "activity_id", activity);
	if (activity == 99) {
		json_out_z(&o, "activity_name", kind);
	}
	json_out_i64(&o, "type_uid", class_.class_ * 100LL + activity);
	json_out_i64(&o, "time", cli_number(event, "at_us") / 1000);
	json_out_i64(&o, "severity_id", denied ? 3 : 1);
	json_out_i64(&o, "status_id", denied ? 2 : 1);
	json_out_z(&o, "message", kind);
	write_metadata(&o, event);
	json_out_object(&o, "actor");
	write_named(&o, "user", "name", actor(c, class_.class_, event));
	json_out_end(&o, '}');
	write_class(c, &o, class_.class_, event);
	json_out_value(&o, "unmapped", event);
	json_out_end(&o, '}');
}

/* A page of events, and the number of the last one once all of them are out:
 * what still stands in a buffer is not. */
static int
write_page(
    struct cli *c, struct json *t, bool ocsf, long long *after, struct err *e)
{
	auto_buf line = { 0 };
	bool taken = true;

	JSON_EACH(event, json_get(t, "events"))
	{
		buf_clear(&line);
		if (ocsf) {
			write_ocsf(c, &line, event);
		} else {
			json_write(&line, event);
		}
		buf_add_byte(&line, '\n');
		taken =
		    taken && fwrite(line.at, 1, line.len, stdout) == line.len;
	}
	if (!taken || fflush(stdout)) {
		return err_set(e, ERR_IO,
		    "standard output takes no more; what stands there of later "
		    "events is to be dropped first");
	}
	*after = cli_number(t, "next");
	return 0;
}

/* Every page in an arena of its own: the book may be long. */
static int
next_page(struct cli *c, bool ocsf, long long *after, struct err *e)
{
	struct cli page = *c;
	struct cli_answer answer = { 0 };
	struct cli_ask ask = { .method = "GET" };

	page.arena = (struct arena){ 0 };
	ask.target =
	    arena_printf(&page.arena, "/api/events?after=%lld", *after);
	int result = cli_send(&page, &ask, &answer, e);

	if (!result && !answer.tree) {
		result = err_set(e, ERR_LIMIT,
		    "the events after %lld are too long for one answer",
		    *after);
	}
	if (!result) {
		result = write_page(&page, answer.tree, ocsf, after, e);
	}
	buf_fini(&answer.body);
	arena_fini(&page.arena);
	return result;
}

int
cli_audit_export(struct cli *c, int argc, char **argv)
{
	const char *format = cli_option(&argc, argv, "format");
	const char *from = cli_option(&argc, argv, "after");
	bool ocsf = format && strcmp(format, "ocsf") == 0;
	uint64_t start = 0;
	long long after;
	long long before;
	struct err e = { 0 };

	cli_words(c, &argc, argv);
	if (argc || (format && !ocsf && strcmp(format, "jsonl") != 0) ||
	    (from && !str_u64(str_of(from), &start))) {
		return cli_usage(c, "audit",
		    "export takes --format jsonl|ocsf and --after SEQ");
	}
	after = (long long)start;
	do {
		before = after;
		if (next_page(c, ocsf, &after, &e)) {
			(void)err_wrap(&e,
			    "the export ends after event %lld, `--after %lld` "
			    "goes on from there",
			    after, after);
			return cli_fail(&e);
		}
	} while (after > before);
	return 0;
}
