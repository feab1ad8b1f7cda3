/* SPDX-License-Identifier: Apache-2.0 */
#include "e2m/inner.h"

/* clang-format off */
#define ENUM_BEGIN(set)  static const char *const words_##set[] = { NULL,
#define WORD(name, word) word,
#define ENUM_END(set)    };
/* clang-format on */
#include "e2m/enums.def"
#undef ENUM_BEGIN
#undef WORD
#undef ENUM_END

#define FIELD(record, member, need, form)   \
	{ #member, E2M_##need, FORM_##form, \
		offsetof(struct e2m_##record, member) },
static const struct e2m_field fields[] = {
#include "e2m/records.def"
};
#undef FIELD

/* Where each record's fields begin: counted from the same list. */
enum {
#define FIELD(record, member, need, form) AT_##record##_##member,
#include "e2m/records.def"
#undef FIELD
	AT_END
};

const struct e2m_shape e2m_shapes[3] = {
	[E2M_ENVELOPE] = { "envelope", "an envelope", &fields[AT_envelope_id],
	    AT_task_id - AT_envelope_id },
	[E2M_TASK] = { "task", "a task", &fields[AT_task_id],
	    AT_transition_id - AT_task_id },
	[E2M_TRANSITION] = { "transition", "a transition",
	    &fields[AT_transition_id], AT_END - AT_transition_id },
};

static const struct words {
	const char *const *at;
	size_t count;
} sets[] = {
	[FORM_type] = { words_type, COUNT(words_type) },
	[FORM_mail_state] = { words_mail_state, COUNT(words_mail_state) },
	[FORM_state] = { words_state, COUNT(words_state) },
	[FORM_event] = { words_event, COUNT(words_event) },
	[FORM_status] = { words_status, COUNT(words_status) },
};

const char *
e2m_word(enum e2m_form set, unsigned value)
{
	return value < sets[set].count ? sets[set].at[value] : NULL;
}

unsigned
e2m_word_value(enum e2m_form set, struct str word)
{
	for (unsigned i = 1; i < sets[set].count; i++) {
		if (str_eq_z(word, sets[set].at[i])) {
			return i;
		}
	}
	return 0;
}

const char *
e2m_type_name(enum e2m_type v)
{
	return e2m_word(FORM_type, v);
}

const char *
e2m_mail_state_name(enum e2m_mail_state v)
{
	return e2m_word(FORM_mail_state, v);
}

const char *
e2m_state_name(enum e2m_state v)
{
	return e2m_word(FORM_state, v);
}

const char *
e2m_event_name(enum e2m_event v)
{
	return e2m_word(FORM_event, v);
}

const char *
e2m_status_name(enum e2m_status v)
{
	return e2m_word(FORM_status, v);
}

bool
e2m_state_parse(struct str word, enum e2m_state *out)
{
	unsigned value = e2m_word_value(FORM_state, word);

	if (value != 0) {
		*out = (enum e2m_state)value;
	}
	return value != 0;
}

bool
e2m_event_parse(struct str word, enum e2m_event *out)
{
	unsigned value = e2m_word_value(FORM_event, word);

	if (value != 0) {
		*out = (enum e2m_event)value;
	}
	return value != 0;
}
