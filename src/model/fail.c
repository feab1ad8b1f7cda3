/* SPDX-License-Identifier: Apache-2.0 */
/* What a failure means: again, smaller, or a person. */
#include "model/inside.h"

struct verdict {
	int64_t from; /* code or status */
	int64_t to;
	enum model_next next;
	enum model_cause cause;
};

static const struct verdict codes[] = {
#define CODE(number, next, cause) \
	{ number, number, MODEL_##next, MODEL_##cause },
#include "model/codes.def"
#undef CODE
};

static const struct verdict statuses[] = {
#define STATUS(from, to, next, cause) { from, to, MODEL_##next, MODEL_##cause },
#include "model/statuses.def"
#undef STATUS
};

static const char *const too_long[] = {
#define TOO_LONG(words) words,
#include "model/too_long.def"
#undef TOO_LONG
};

/* What an error body says, wherever it says it. */
struct told {
	struct str message;
	struct str type;
	struct str code;
	int64_t number;
};

static const struct verdict *
find(const struct verdict *table, size_t count, int64_t number)
{
	for (size_t i = 0; i < count; i++) {
		if (number >= table[i].from && number <= table[i].to) {
			return &table[i];
		}
	}
	return NULL;
}

static struct str
printable(struct arena *a, struct str text)
{
	auto_buf out = { 0 };

	text = str_sub(text, 0, MODEL_MESSAGE_MAX);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.at[i];

		buf_add_byte(&out, c < 0x20 ? ' ' : c < 0x7f ? c : '?');
	}
	return arena_str(a, buf_str(&out));
}

static void
listen(const struct json *tree, struct told *told)
{
	const struct json *error = json_get(tree, "error");
	const struct json *first = json_at(json_get(tree, "errors"), 0);
	const struct json *code;

	if (error && error->type == JSON_STRING) {
		told->message = error->text;
		return;
	}
	if (!error || error->type != JSON_OBJECT) {
		error = first ? first : tree;
	}
	code = json_get(error, "code");
	(void)json_text(error, "message", &told->message);
	(void)json_text(error, "type", &told->type);
	if (code && code->type == JSON_STRING) {
		told->code = code->text;
		(void)str_i64(code->text, &told->number);
	} else if (code) {
		(void)json_number_i64(code, &told->number);
	}
}

static bool
mentions(struct str text, const char *words)
{
	struct str needle = str_of(words);

	for (size_t i = 0; i + needle.len <= text.len; i++) {
		if (str_eq_nocase(str_sub(text, i, needle.len), needle)) {
			return true;
		}
	}
	return false;
}

static bool
is_too_long(const struct told *told)
{
	for (size_t i = 0; i < COUNT(too_long); i++) {
		if (mentions(told->message, too_long[i]) ||
		    mentions(told->code, too_long[i]) ||
		    mentions(told->type, too_long[i])) {
			return true;
		}
	}
	return false;
}

int
model_unreachable(struct arena *a, const struct model_answer *answer,
    struct model_failure *why)
{
	/* An answer came, and it broke the rules of HTTP: cut, mostly.  Or it
	 * was longer than any reply. */
	bool broken = answer->kind == ERR_INPUT;
	bool again = broken || err_retry(answer->kind);
	bool came = broken || answer->kind == ERR_LIMIT;

	*why = (struct model_failure){
		.next = again ? MODEL_RETRY : MODEL_FINAL,
		.cause = came ? MODEL_NONSENSE : MODEL_UNREACHABLE,
		.message = printable(a, answer->text),
	};
	return -1;
}

int
model_failed(struct arena *a, const struct model_answer *answer,
    const struct json *tree, struct model_failure *why)
{
	static const struct verdict otherwise = { 0, 0, MODEL_FINAL,
		MODEL_WRONG };
	struct told told = { .message = STR("") };
	const struct verdict *v;

	listen(tree, &told);
	v = find(codes, COUNT(codes), told.number);
	if (!v) {
		v = find(statuses, COUNT(statuses), answer->status);
	}
	if (!v) {
		v = &otherwise;
	}
	*why = (struct model_failure){
		.next = v->next,
		.cause = v->cause,
		.status = answer->status,
		.message = printable(
		    a, told.message.len ? told.message : answer->body),
	};
	if (is_too_long(&told)) {
		why->next = MODEL_COMPACT;
		why->cause = MODEL_WRONG;
	}
	return -1;
}
