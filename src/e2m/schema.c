/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema of the records, from the tables that the readers use. */
#include "e2m/inner.h"
#include "e2m/tolerant.h"

static const char *const names[] = {
	[E2M_ENVELOPE] = "Envelope",
	[E2M_TASK] = "DurableTask",
	[E2M_TRANSITION] = "Transition",
};

static struct json *
of_type(struct arena *a, const char *type)
{
	struct json *s = json_new(a, JSON_OBJECT);

	(void)json_set_str(a, s, "type", str_of(type));
	return s;
}

static struct json *
texts(struct arena *a)
{
	struct json *s = of_type(a, "array");

	(void)json_set(a, s, "items", of_type(a, "string"));
	return s;
}

static struct json *
rating(struct arena *a)
{
	struct json *s = of_type(a, "integer");

	(void)json_set(a, s, "minimum", json_new_i64(a, 1));
	(void)json_set(a, s, "maximum", json_new_i64(a, 5));
	return s;
}

static void
push_str(struct arena *a, struct json *list, const char *text)
{
	(void)json_push(list, json_new_str(a, str_of(text)));
}

static struct json *
words(struct arena *a, enum e2m_form set)
{
	struct json *s = json_new(a, JSON_OBJECT);
	struct json *list = json_new(a, JSON_ARRAY);

	for (unsigned i = 1; e2m_word(set, i) != NULL; i++) {
		push_str(a, list, e2m_word(set, i));
	}
	(void)json_set(a, s, "enum", list);
	return s;
}

static struct json *
text_or_object(struct arena *a)
{
	struct json *s = json_new(a, JSON_OBJECT);
	struct json *list = json_new(a, JSON_ARRAY);

	push_str(a, list, "string");
	push_str(a, list, "object");
	(void)json_set(a, s, "type", list);
	return s;
}

static struct json *
evaluator(struct arena *a)
{
	struct json *s = of_type(a, "object");
	struct json *members = json_new(a, JSON_OBJECT);
	struct json *pass = texts(a);
	struct json *required = json_new(a, JSON_ARRAY);

	(void)json_set(a, pass, "minItems", json_new_i64(a, 1));
	(void)json_set(a, members, "pass_if", pass);
	(void)json_set(a, members, "fail_if", texts(a));
	push_str(a, required, "pass_if");
	(void)json_set(a, s, "properties", members);
	(void)json_set(a, s, "required", required);
	(void)json_set(a, s, "additionalProperties", json_new_bool(a, false));
	return s;
}

static struct json *
of_form(struct arena *a, enum e2m_form form)
{
	switch (form) {
	case FORM_TEXT:
		return of_type(a, "string");
	case FORM_RATING:
		return rating(a);
	case FORM_FLAG:
		return of_type(a, "boolean");
	case FORM_OBJECT:
		return of_type(a, "object");
	case FORM_TEXTS:
		return texts(a);
	case FORM_ERROR:
		return text_or_object(a);
	case FORM_EVALUATOR:
		return evaluator(a);
	case FORM_type:
	case FORM_mail_state:
	case FORM_state:
	case FORM_event:
	case FORM_status:
		return words(a, form);
	}
	must(false);
	return NULL;
}

static struct json *
constant(struct arena *a, const char *text)
{
	struct json *s = json_new(a, JSON_OBJECT);

	(void)json_set_str(a, s, "const", str_of(text));
	return s;
}

static struct json *
record(struct arena *a, const struct e2m_shape *shape)
{
	struct json *s = of_type(a, "object");
	struct json *members = json_new(a, JSON_OBJECT);
	struct json *required = json_new(a, JSON_ARRAY);

	(void)json_set(a, members, "_type", constant(a, shape->type));
	push_str(a, required, "_type");
	for (size_t i = 0; i < shape->count; i++) {
		const struct e2m_field *f = &shape->fields[i];

		(void)json_set(a, members, f->key, of_form(a, f->form));
		if (f->need == E2M_REQUIRED) {
			push_str(a, required, f->key);
		}
	}
	(void)json_set(a, s, "properties", members);
	(void)json_set(a, s, "required", required);
	(void)json_set(a, s, "additionalProperties", json_new_bool(a, false));
	return s;
}

static struct json *
reference(struct arena *a, const char *name)
{
	struct json *s = json_new(a, JSON_OBJECT);

	(void)json_set_str(a, s, "$ref", arena_printf(a, "#/$defs/%s", name));
	return s;
}

/* The narrowing of e2m_check_operator. */
static struct json *
operator_envelope(struct arena *a)
{
	struct json *s = reference(a, names[E2M_ENVELOPE]);
	struct json *members = json_new(a, JSON_OBJECT);
	struct json *type = json_new(a, JSON_OBJECT);
	struct json *list = json_new(a, JSON_ARRAY);
	struct json *required = json_new(a, JSON_ARRAY);

	push_str(a, list, e2m_type_name(E2M_TYPE_OPERATOR));
	push_str(a, list, e2m_type_name(E2M_TYPE_ESCALATE));
	push_str(a, list, e2m_type_name(E2M_TYPE_SUMMARY));
	(void)json_set(a, type, "enum", list);
	(void)json_set(a, members, "envelope_type", type);
	(void)json_set(a, members, "to", constant(a, "operator"));
	push_str(a, required, "requires_decision");
	(void)json_set(a, s, "properties", members);
	(void)json_set(a, s, "required", required);
	return s;
}

struct json *
e2m_schema(struct arena *a)
{
	struct json *s = json_new(a, JSON_OBJECT);
	struct json *any = json_new(a, JSON_ARRAY);
	struct json *defs = json_new(a, JSON_OBJECT);

	(void)json_set_str(a, s, "$schema",
	    STR("https://json-schema.org/draft/2020-12/schema"));
	(void)json_set_str(a, s, "title", STR("E2MRecord"));
	for (size_t i = 0; i < COUNT(names); i++) {
		(void)json_push(any, reference(a, names[i]));
		(void)json_set(a, defs, names[i], record(a, &e2m_shapes[i]));
	}
	(void)json_set(a, defs, "OperatorEnvelope", operator_envelope(a));
	(void)json_set(a, s, "anyOf", any);
	(void)json_set(a, s, "$defs", defs);
	return s;
}
