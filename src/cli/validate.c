/* SPDX-License-Identifier: Apache-2.0 */
/* e2m files: check them, show them in the canon, print their schema. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "e2m/tolerant.h"

#define FILE_MAX ((size_t)256 * 1024 * 1024)

/* --- folders --- */

static int
is_jsonl(const struct dirent *f)
{
	return str_ends(str_of(f->d_name), STR(".jsonl"));
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int
cli_jsonl(
    struct cli *c, const char *folder, struct cli_files *out, struct err *e)
{
	struct dirent **list = NULL;
	int count = scandir(folder, &list, is_jsonl, by_name);

	if (count < 0 && errno != ENOENT && errno != ENOTDIR) {
		return err_sys(e, "%s", folder);
	}
	*out = (struct cli_files){ 0 };
	if (count > 0) {
		out->at =
		    arena_array(&c->arena, (size_t)count, sizeof(*out->at));
	}
	for (int i = 0; i < count; i++) {
		out->at[out->count++] =
		    arena_printf(&c->arena, "%s/%s", folder, list[i]->d_name)
		        .at;
		free(list[i]);
	}
	free(list);
	return 0;
}

const char *
cli_stem(struct cli *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct str name = str_of(slash ? slash + 1 : path);

	if (str_ends(name, STR(".jsonl"))) {
		name.len -= sizeof(".jsonl") - 1;
	}
	return arena_z(&c->arena, name);
}

/* By the folder it stands in. */
static enum e2m_place
place_of(struct cli *c, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *folder =
	    slash ? cli_stem(c, arena_z(&c->arena,
	                            str_span(path, (size_t)(slash - path))))
	          : "";

	if (strcmp(folder, "queues") == 0) {
		return E2M_IN_QUEUE;
	}
	return strcmp(folder, "mailbox") == 0 ? E2M_IN_MAILBOX : E2M_ANYWHERE;
}

/* --- the report --- */

struct report {
	struct cli *c;
	bool tolerant;   /* what the tolerant reader takes is no violation */
	struct buf text; /* with --json */
	struct json_out out;
	uint64_t records;
	uint64_t taken; /* deviations that are no violation */
	uint64_t refused;
	size_t read;
	int unread; /* exit code of the first file that could not be read */
};

static void
report_one(struct report *r, const char *file, uint32_t line,
    const struct e2m_deviation *d)
{
	bool taken = r->tolerant && d->fault != E2M_UNREADABLE;
	auto_arena a = { 0 };

	r->taken += taken;
	r->refused += !taken;
	if (!r->c->json) {
		printf(STR_FMT "%s\n",
		    STR_ARG(e2m_deviation_text(&a, file, line, d)),
		    taken ? " (taken as it is)" : "");
		return;
	}
	json_out_object(&r->out, NULL);
	json_out_i64(&r->out, "line", line);
	json_out_str(&r->out, "field", d->field);
	json_out_str(&r->out, "problem", d->problem);
	if (r->tolerant) {
		json_out_bool(&r->out, "taken", taken);
	}
	json_out_end(&r->out, '}');
}

static int
check_file(struct report *r, const char *path, struct err *e)
{
	auto_buf bytes = { 0 };
	struct e2m_reader reader;
	auto_buf deviations = { 0 };
	struct json_out outer = r->out;
	uint64_t before = r->records;

	if (file_read_given(path, FILE_MAX, &bytes, e)) {
		return -1;
	}
	/* The deviations come after the count, and are found before it. */
	json_out_init(&r->out, &deviations);
	json_out_array(&r->out, NULL);
	e2m_reader_init(&reader, buf_str(&bytes), place_of(r->c, path));
	for (;;) {
		auto_arena a = { 0 };
		struct e2m_loose line;

		if (!e2m_reader_next(&reader, &a, &line)) {
			break;
		}
		r->records++;
		for (size_t i = 0; i < line.deviation_count; i++) {
			report_one(r, path, line.number, &line.deviations[i]);
		}
	}
	e2m_reader_fini(&reader);
	json_out_end(&r->out, ']');
	r->out = outer;
	json_out_object(&r->out, NULL);
	json_out_z(&r->out, "file", path);
	json_out_i64(&r->out, "records", (int64_t)(r->records - before));
	buf_addf(r->out.to, ",\"deviations\":" STR_FMT,
	    STR_ARG(buf_str(&deviations)));
	json_out_end(&r->out, '}');
	return 0;
}

/* Beside the lines, which are for a file: why this one stays as it is. */
static void
say_unreadable(const char *path, const struct e2m_loose *line)
{
	auto_arena a = { 0 };

	for (size_t i = 0; i < line->deviation_count; i++) {
		(void)fprintf(stderr, STR_FMT "\n",
		    STR_ARG(e2m_deviation_text(
		        &a, path, line->number, &line->deviations[i])));
	}
}

/* The lines of a file in the canon, those that need it; the others, and those
 * that cannot be read, byte for byte. */
static int
show_canon(struct report *r, const char *path, struct err *e)
{
	auto_buf bytes = { 0 };
	struct e2m_reader reader;

	if (file_read_given(path, FILE_MAX, &bytes, e)) {
		return -1;
	}
	e2m_reader_init(&reader, buf_str(&bytes), E2M_ANYWHERE);
	for (;;) {
		auto_arena a = { 0 };
		auto_buf text = { 0 };
		struct e2m_loose line;
		bool changed = false;

		if (!e2m_reader_next(&reader, &a, &line)) {
			break;
		}
		if (line.tree) {
			json_write(&text, e2m_canon(&a, line.tree, &changed));
		}
		struct str out = changed ? buf_str(&text) : line.raw;

		(void)fwrite(out.at, 1, out.len, stdout);
		(void)putchar('\n');
		if (!line.tree) {
			r->refused++;
			say_unreadable(path, &line);
		}
	}
	e2m_reader_fini(&reader);
	return 0;
}

typedef int file_fn(struct report *r, const char *path, struct err *e);

static void
unread(struct report *r, const struct err *e)
{
	int code = cli_fail(e);

	r->unread = r->unread ? r->unread : code;
}

/* One that is not to be read does not hide what the others hold. */
static void
each_file(struct report *r, const char *path, file_fn *run)
{
	struct err e = { 0 };

	if (run(r, path, &e)) {
		unread(r, &e);
	} else {
		r->read++;
	}
}

static size_t
files_of(struct report *r, struct str folder, file_fn *run)
{
	struct cli_files files = { 0 };
	struct err e = { 0 };

	if (cli_jsonl(r->c, arena_z(&r->c->arena, folder), &files, &e)) {
		unread(r, &e);
		return 1;
	}
	for (size_t i = 0; i < files.count; i++) {
		each_file(r, files.at[i], run);
	}
	return files.count;
}

/* A file; or those of a folder, of its queues and of its mailbox. */
static void
each_path(struct report *r, const char *path, file_fn *run)
{
	static const char *const below[] = { "", "/queues", "/mailbox" };
	struct str folder = str_of(path);
	struct err none = { 0 };
	struct stat st;
	size_t count = 0;

	if (strcmp(path, "-") == 0) {
		each_file(r, "/dev/stdin", run);
		return;
	}
	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		each_file(r, path, run);
		return;
	}
	while (folder.len > 1 && str_ends(folder, STR("/"))) {
		folder.len--;
	}
	for (size_t i = 0; i < COUNT(below); i++) {
		count += files_of(r,
		    arena_printf(
		        &r->c->arena, STR_FMT "%s", STR_ARG(folder), below[i]),
		    run);
	}
	if (count == 0) {
		(void)err_set(&none, ERR_MISSING,
		    "%s holds no *.jsonl, and neither do queues and mailbox "
		    "in it",
		    path);
		unread(r, &none);
	}
}

static void
print_report(struct report *r)
{
	json_out_end(&r->out, ']');
	json_out_bool(&r->out, "ok", r->refused == 0 && !r->unread);
	json_out_end(&r->out, '}');
	if (r->c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&r->text)));
		return;
	}
	printf("%llu records, %llu violations", (unsigned long long)r->records,
	    (unsigned long long)r->refused);
	if (r->tolerant) {
		printf(", %llu deviations taken as they are",
		    (unsigned long long)r->taken);
	}
	(void)putchar('\n');
}

static int
print_schema(struct cli *c)
{
	auto_buf text = { 0 };

	json_write_pretty(&text, e2m_schema(&c->arena));
	printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	return 0;
}

int
command_validate(struct cli *c, int argc, char **argv)
{
	struct report r = {
		.c = c,
		.tolerant = cli_flag(&argc, argv, "tolerant"),
	};
	bool canon = cli_flag(&argc, argv, "canon");
	bool schema = cli_flag(&argc, argv, "schema");

	cli_words(c, &argc, argv);
	if (schema && !argc) {
		return print_schema(c);
	}
	if (schema || (canon && r.tolerant)) {
		return cli_usage(c, "validate",
		    schema ? "--schema takes no files"
		           : "one of --tolerant and --canon");
	}
	if (!argc) {
		return cli_usage(c, "validate", "wants files or folders");
	}
	json_out_init(&r.out, &r.text);
	json_out_object(&r.out, NULL);
	json_out_array(&r.out, "files");
	for (int i = 0; i < argc; i++) {
		each_path(&r, argv[i], canon ? show_canon : check_file);
	}
	if (r.read && !canon) {
		print_report(&r);
	}
	buf_fini(&r.text);
	return r.unread ? r.unread : r.refused != 0;
}
