/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of handrail.toml (config.def), and the two texts that come from
 * the same list: the first file and the manual's table. */
#include "roles/inner.h"

#include <string.h>

#define SECTION_house    struct house
#define SECTION_operator struct config_operator
#define SECTION_api      struct config_api
#define SECTION_notify   struct config_notify
#define SECTION_buddy    struct config_buddy
#define SECTION_model    struct config_model
#define SECTION_issuer   struct config_issuer
#define SECTION_node     struct node
#define SECTION_limits   struct limits
#define SECTION_book     struct book_keys
#define SECTION_audit    struct config_audit
#define SECTION_witness  struct config_witness

/* clang-format off */
#define KEY(section, member, form, need, fallback, sentence)                   \
	{ #section, #member, TABLE_##form, TABLE_##need,                       \
	    offsetof(SECTION_##section, member), fallback, sentence },
#define TREE(name, member)                                                     \
	{ "house", name, TABLE_TREE, TABLE_OPTIONAL,                           \
	    offsetof(struct house, member), "", "" }
/* clang-format on */

const struct table_key roles_keys[] = {
#include "roles/config.def"
	TREE("operator", operators),
	TREE("api", api),
	TREE("notify", notify),
	TREE("buddy", buddy),
	TREE("model", models),
	TREE("issuer", issuers),
	TREE("node", node),
	TREE("limits", limits),
	TREE("book", book),
	TREE("audit", audit),
	TREE("witness", witnesses),
};
const size_t roles_key_count = COUNT(roles_keys);

static bool
is_text_form(enum table_form form)
{
	return form != TABLE_COUNT && form != TABLE_BOOL;
}

static void
write_key(struct buf *b, const struct table_key *k, const char *lead,
    const char *value)
{
	const char *quote = is_text_form(k->form) ? "\"" : "";

	buf_addf(b, "# %s\n%s%s = %s%s%s\n", k->sentence, lead, k->name, quote,
	    value, quote);
}

static void
write_section(
    struct buf *b, const char *section, const char *lead, bool skip_required)
{
	for (size_t i = 0; i < roles_key_count; i++) {
		const struct table_key *k = &roles_keys[i];

		if (strcmp(k->section, section) == 0 && k->form != TABLE_TREE &&
		    (!skip_required || k->need == TABLE_OPTIONAL)) {
			write_key(b, k, lead, k->fallback);
		}
	}
}

void
roles_write_config(struct buf *b, const char *operator_name, uint32_t uid)
{
	buf_add_z(b,
	    "# handrail.toml: this house.  Secrets are never here: a key named"
	    "\n# `credential` names an entry of the vault (handrail vault put)."
	    "\n# Lines with a # show a key and its default.\n\n");
	write_section(b, "house", "# ", false);
	buf_addf(b,
	    "\n# Who may say yes: a person's user id, and the token that\n"
	    "# `handrail up` makes for them on its first start.\n"
	    "[operator.%s]\nuid = %u\n",
	    operator_name, uid);
	write_section(b, "operator", "# ", true);
	buf_add_z(b, "\n# The inbox in a browser, at the address of `listen`."
	             "\n[api]\n");
	write_section(b, "api", "# ", false);
	buf_add_z(b, "\n# Who hears that something waits.\n[notify]\n");
	write_section(b, "notify", "# ", false);
	buf_add_z(b,
	    "\n# A device on a desk that shows what waits, and says yes "
	    "or no.\n[buddy]\n");
	write_section(b, "buddy", "# ", false);
	buf_add_z(b,
	    "\n# A model behind a chat-completions endpoint; a task type names"
	    "\n# it as brain = \"model.default\".\n# [model.default]\n");
	write_section(b, "model", "# ", false);
	buf_add_z(b,
	    "\n# A token endpoint that is not reached as any other host is."
	    "\n# [issuer.NAME]\n");
	write_section(b, "issuer", "# ", false);
	buf_add_z(b, "\n[node]\n");
	write_section(b, "node", "# ", false);
	buf_add_z(b, "\n[book]\n");
	write_section(b, "book", "# ", false);
	buf_add_z(b, "\n[audit]\n");
	write_section(b, "audit", "# ", false);
	buf_add_z(b,
	    "\n# Somebody else who sees that the book only grows, and signs "
	    "that.\n# [witness.NAME]\n");
	write_section(b, "witness", "# ", false);
	buf_add_z(b, "\n# Bounds of one task; role.toml may lower or raise "
	             "them.\n[limits]\n");
	write_section(b, "limits", "# ", false);
}

static const char *
form_text(enum table_form form)
{
	static const char *const texts[] = {
		[TABLE_TEXT] = "text",
		[TABLE_PART] = "word",
		[TABLE_NAME] = "name",
		[TABLE_LISTEN] = "address:port",
		[TABLE_BOOL] = "true or false",
		[TABLE_COUNT] = "number",
		[TABLE_SIZE] = "size",
		[TABLE_DURATION] = "duration",
		[TABLE_NAMES] = "list of names",
		[TABLE_TREE] = "table",
	};

	return texts[form];
}

void
roles_write_manual(struct buf *b)
{
	buf_add_z(b, "| section | key | form | default | meaning |\n"
	             "|---|---|---|---|---|\n");
	for (size_t i = 0; i < roles_key_count; i++) {
		const struct table_key *k = &roles_keys[i];
		bool named = strcmp(k->section, "operator") == 0 ||
		             strcmp(k->section, "model") == 0 ||
		             strcmp(k->section, "witness") == 0 ||
		             strcmp(k->section, "issuer") == 0;
		bool top = strcmp(k->section, "house") == 0;

		if (k->form == TABLE_TREE) {
			continue;
		}
		buf_addf(b, "| %s%s%s%s | `%s` | %s | %s | %s |\n",
		    top ? "(top)" : "`[", top ? "" : k->section,
		    named ? ".NAME" : "", top ? "" : "]`", k->name,
		    form_text(k->form),
		    k->need == TABLE_REQUIRED ? "required"
		    : k->fallback[0] == '\0'  ? "none"
		                              : k->fallback,
		    k->sentence);
	}
}
