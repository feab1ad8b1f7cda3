/* SPDX-License-Identifier: Apache-2.0 */
#include "wait/table.h"

#include <string.h>

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* RFC 4648 base32 in lower case, 20 characters of 5 bits. */
void
wait_make_id(const char prefix[2], const uint8_t random[WAIT_ID_RANDOM],
    char id[WAIT_ID_TEXT])
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t used = 0;

	memcpy(id, prefix, 2);
	for (size_t i = 2; i < WAIT_ID_TEXT - 1; i++) {
		if (have < 5) {
			bits = bits << 8 | random[used++];
			have += 8;
		}
		have -= 5;
		id[i] = alphabet[bits >> have & 31];
	}
	id[WAIT_ID_TEXT - 1] = '\0';
}

bool
wait_parse_id(struct str text, uint8_t id[SLOT_ID])
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t used = 0;

	if (text.len != WAIT_ID_TEXT - 1 || !str_starts(text, STR("w-"))) {
		return false;
	}
	memset(id, 0, SLOT_ID);
	for (size_t i = 2; i < text.len; i++) {
		const char *at = strchr(alphabet, text.at[i]);

		if (!at || !text.at[i]) {
			return false;
		}
		bits = bits << 5 | (uint32_t)(at - alphabet);
		have += 5;
		if (have >= 8) {
			have -= 8;
			id[used++] = (uint8_t)(bits >> have);
		}
	}
	id[used] = (uint8_t)(bits << (8 - have));
	return true;
}

bool
wait_id_ok(struct str text)
{
	uint8_t id[SLOT_ID];

	return wait_parse_id(text, id);
}

bool
wait_file_name_ok(struct str name)
{
	char before = '.';

	for (size_t i = 0; i < name.len; i++) {
		char b = name.at[i];
		bool plain = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
		             (b >= '0' && b <= '9') || b == '_' || b == '-';

		if (!plain && (b != '.' || before == '.')) {
			return false;
		}
		before = b;
	}
	return name.len > 0 && name.len <= WAIT_FILE_MAX;
}

static bool
name_fits(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < 0x21 || s.at[i] > 0x7e) {
			return false;
		}
	}
	return s.len > 0 && s.len <= WAIT_NAME_MAX;
}

static bool
printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < 0x20 || s.at[i] > 0x7e) {
			return false;
		}
	}
	return true;
}

static int
check_put(const struct wait_put *c, struct err *e)
{
	if (!name_fits(c->subject.identity) || !name_fits(c->subject.tool) ||
	    !name_fits(c->subject.run) || !name_fits(c->asker)) {
		return err_set(e, ERR_INPUT,
		    "identity, tool, run and asker are 1..%d printable bytes",
		    WAIT_NAME_MAX);
	}
	if (c->hint.len > WAIT_HINT_MAX || !printable(c->hint)) {
		return err_set(e, ERR_INPUT,
		    "a hint is at most %d bytes of printable ASCII",
		    WAIT_HINT_MAX);
	}
	if (c->brief.len > WAIT_BRIEF_MAX || !printable(c->brief)) {
		return err_set(e, ERR_INPUT,
		    "a brief hint is at most %d bytes of printable ASCII",
		    WAIT_BRIEF_MAX);
	}
	if (c->people == 0 || c->people > WAIT_NAMED_MAX ||
	    c->named_count > c->people || c->surface_count == 0 ||
	    c->surface_count > WAIT_SURFACES_MAX || c->expires_us <= 0 ||
	    c->expires_us > INT64_MAX - c->now.us) {
		return err_set(e, ERR_INPUT,
		    "somebody must be able to answer: people, surfaces and "
		    "expiry must be given");
	}
	if (c->remind_us < 0 || c->escalate_us < 0 ||
	    c->remind_us > c->expires_us || c->escalate_us > c->expires_us ||
	    (c->escalate_us && !name_fits(c->escalate_to)) ||
	    c->option_count > WAIT_OPTIONS_MAX ||
	    (c->file.len && !wait_file_name_ok(c->file)) ||
	    (c->file_name.len && !wait_file_name_ok(c->file_name))) {
		return err_set(e, ERR_INPUT,
		    "a reminder and an escalation come before the end, an "
		    "escalation names somebody, options are at most %d, names "
		    "of files are plain",
		    WAIT_OPTIONS_MAX);
	}
	return 0;
}

/* A request of the cell ("http:POST"), which no tool is named like: what
 * hostile code asks for fills no place of the run's own calls. */
static bool
of_cell(struct str tool)
{
	return str_has(tool, ':');
}

/* What the run asked before: the same again waits already, what was denied
 * stays denied, and only so many may wait at once. */
static int
check_run(const struct wait_list *w, const struct wait_put *c,
    const struct wait_item **same, struct err *e)
{
	struct digest digest = wait_digest(&c->subject);
	struct digest effect = wait_effect(&c->subject);
	struct wait_mark m = { 0 };
	uint32_t at = 0;
	size_t open = 0;

	while (wait_of_run(w, c->subject.run, &at, &m)) {
		const struct wait_item *i;

		if (m.kind != c->kind ||
		    (m.state != WAIT_OPEN && m.state != WAIT_DENIED)) {
			continue;
		}
		i = wait_find(w, str_of(m.id));
		if (!i) {
			return err_set(e, ERR_UNAVAILABLE,
			    "what this run asked before (%s) cannot be read",
			    m.id);
		}
		open += m.state == WAIT_OPEN &&
		        of_cell(i->tool) == of_cell(c->subject.tool);
		if (m.state == WAIT_OPEN && digest_eq(i->digest, digest)) {
			*same = i;
		}
		if (m.state == WAIT_DENIED && c->kind == WAIT_APPROVAL &&
		    digest_eq(i->effect, effect)) {
			return err_set(e, ERR_DENIED,
			    "a person denied this in this run already");
		}
	}
	if (!*same && open >= WAIT_PER_RUN) {
		return err_set(e, ERR_LIMIT,
		    "%d questions of this run wait already", WAIT_PER_RUN);
	}
	return 0;
}

void
wait_write_digest(struct json_out *o, const char *key, struct digest d)
{
	char text[DIGEST_TEXT] = { 0 };

	digest_text(d, text);
	json_out_z(o, key, text);
}

static void
write_times(struct json_out *o, const struct wait_put *c)
{
	if (c->remind_us) {
		json_out_i64(o, "remind_at_us", c->now.us + c->remind_us);
	}
	if (c->escalate_us) {
		json_out_i64(o, "escalate_at_us", c->now.us + c->escalate_us);
		json_out_str(o, "escalate_to", c->escalate_to);
		json_out_str(o, "escalate_for", c->escalate_for);
	}
	if (c->file.len) {
		json_out_str(o, "file", c->file);
		json_out_str(o, "file_name", c->file_name);
	}
	if (c->option_count) {
		wait_write_texts(o, "options", c->options, c->option_count);
	}
}

static struct str
write_put(struct arena *a, const struct wait_put *c, const char *id)
{
	const struct wait_subject *s = &c->subject;
	struct json_out o = { 0 };
	auto_buf out = { 0 };

	json_out_init(&o, &out);
	json_out_object(&o, NULL);
	json_out_z(&o, "event", "put");
	json_out_z(&o, "id", id);
	json_out_i64(&o, "at_us", c->now.us);
	json_out_i64(&o, "expires_at_us", c->now.us + c->expires_us);
	json_out_z(&o, "kind", wait_kind_name(c->kind));
	json_out_str(&o, "identity", s->identity);
	json_out_str(&o, "tool", s->tool);
	wait_write_digest(&o, "contract", s->contract);
	wait_write_digest(&o, "args", s->args);
	json_out_str(&o, "run", s->run);
	json_out_i64(&o, "call", s->call);
	wait_write_digest(&o, "workspace", s->workspace);
	wait_write_digest(&o, "digest", wait_digest(s));
	json_out_str(&o, "asker", c->asker);
	json_out_str(&o, "gate", c->gate);
	json_out_str(&o, "hint", c->hint);
	json_out_bool(&o, "hint_cut", c->hint_cut);
	json_out_str(&o, "brief", c->brief);
	json_out_bool(&o, "brief_cut", c->brief_cut);
	json_out_i64(&o, "people", c->people);
	if (!digest_is_zero(c->asked_by)) {
		wait_write_digest(&o, "asked_by", c->asked_by);
		wait_write_digest(&o, "named_args", c->named_args);
	}
	wait_write_texts(&o, "named", c->named, c->named_count);
	wait_write_texts(&o, "surfaces", c->surfaces, c->surface_count);
	write_times(&o, c);
	json_out_end(&o, '}');
	return arena_str(a, buf_str(&out));
}

int
wait_put(struct wait_list *w, struct arena *a, const struct wait_put *c,
    const uint8_t random[WAIT_ID_RANDOM], struct wait_step *step, struct err *e)
{
	const struct wait_item *same = NULL;
	char id[WAIT_ID_TEXT] = { 0 };

	if (check_put(c, e) || check_run(w, c, &same, e)) {
		return -1;
	}
	if (same) {
		*step = (struct wait_step){
			.id = arena_str(a, str_of(same->id)),
			.duplicate = true,
			.state = same->state,
		};
		return 0;
	}
	wait_make_id("w-", random, id);
	must(!wait_find(w, str_of(id)));
	*step = (struct wait_step){
		.id = arena_str(a, str_of(id)),
		.body = write_put(a, c, id),
		.state = WAIT_OPEN,
		.what = "put",
	};
	return 0;
}
