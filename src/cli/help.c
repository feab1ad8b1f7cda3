/* SPDX-License-Identifier: Apache-2.0 */
/* What commands there are, what one of them takes, which one was meant. */
#include <string.h>

#include "cli/cli.h"

#define WORD_MAX 16 /* no command is longer */
#define COLUMNS  80

int
cli_help(FILE *to)
{
	(void)fputs("handrail: run agents' hands behind a boundary that is not "
	            "their own discretion\n\nusage: handrail COMMAND … "
	            "[--state DIR] [--config FILE] [--json]\n\n",
	    to);
	for (size_t i = 0; i < cli_command_count; i++) {
		(void)fprintf(to, "  %-9s %s\n", cli_commands[i].name,
		    cli_commands[i].what);
	}
	(void)fputs(
	    "\nhandrail COMMAND --help tells more, handrail --version which "
	    "one this is;\nARCHITECTURE.md says how it works.\n",
	    to);
	return to == stdout ? 0 : 2;
}

/* Where this form of a command ends: at a "|" that stands in no bracket. */
static size_t
form_end(const char *usage)
{
	int depth = 0;
	size_t i = 0;

	for (; usage[i] && (depth || strncmp(usage + i, " | ", 3) != 0); i++) {
		depth += usage[i] == '[' || usage[i] == '(';
		depth -= usage[i] == ']' || usage[i] == ')';
	}
	return i;
}

/* Where its next word ends: what stands in brackets is one word. */
static size_t
word_end(const char *form, size_t len)
{
	int depth = 0;
	size_t i = 0;

	for (; i < len && (depth || form[i] != ' '); i++) {
		depth += form[i] == '[';
		depth -= form[i] == ']';
	}
	return i;
}

static size_t
columns(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++) {
		count += ((unsigned char)text[i] & 0xc0) != 0x80; /* UTF-8 */
	}
	return count;
}

static void
print_form(const char *name, const char *form, size_t len)
{
	size_t at = strlen("handrail ") + strlen(name);

	printf("handrail %s", name);
	while (len) {
		size_t word = word_end(form, len);
		size_t wide = columns(form, word) + 1;
		bool breaks = at + wide > COLUMNS;

		printf("%s%.*s", breaks ? "\n    " : " ", (int)word, form);
		at = breaks ? 3 + wide : at + wide;
		word += word < len; /* the space */
		form += word;
		len -= word;
	}
	(void)putchar('\n');
}

int
cli_help_command(const struct cli_command *command)
{
	const char *usage = command->usage;

	for (;;) {
		size_t len = form_end(usage);

		print_form(command->name, usage, len);
		if (!usage[len]) {
			break;
		}
		usage += len + 3;
	}
	printf("\n  %s\n\n`man handrail` says what each of them does, "
	       "`handrail help` what others\nthere are.\n",
	    command->what);
	return 0;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to be put in, left out or changed until the one is the other. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++) {
		row[j] = j;
	}
	for (size_t i = 1; a[i - 1]; i++) {
		size_t before = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t here = before + (a[i - 1] != b[j - 1]);

			before = row[j];
			row[j] = least(here, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[len];
}

const char *
cli_nearest(const char *word)
{
	const char *found = NULL;
	size_t best = 3; /* more than two letters away is another word */

	if (strlen(word) > WORD_MAX) {
		return NULL;
	}
	for (size_t i = 0; i < cli_command_count; i++) {
		const char *name = cli_commands[i].name;
		size_t far;

		must(strlen(name) <= WORD_MAX);
		far = distance(word, name);
		if (far < best && far < strlen(name)) {
			best = far;
			found = name;
		}
	}
	return found;
}
